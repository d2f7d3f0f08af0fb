"""Pretrained towers: found on this machine, checked, and copied into the trunks. Nothing is ever downloaded.

A tower is named by its repository on the Hugging Face hub. It is looked for in the folder $UMCL_BENCH_TOWERS, under the
last part of that name, and then in the hub's cache. Weights are safetensors, or a .bin that is read without unpickling.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from umcl_bench.data.tokens import SPECIAL
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.spec import Baseline, Recipe, Size, TextTower, digest

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor, nn

    from umcl_bench.models.dual import DualEncoder

    State = dict[str, Tensor]

ROOT = "UMCL_BENCH_TOWERS"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
VOCABULARY, CONFIG, TOKENIZER_CONFIG = "vocab.txt", "config.json", "tokenizer_config.json"
IGNORED_TEXT = ("cls.", "pooler.", "embeddings.position_ids")
"""What a BERT's file may hold that a text tower has no use for: the heads of its own training, and a list of numbers.
An image tower's file may hold its classifier and `num_batches_tracked`."""


def check_towers(size: Size, baseline: Baseline) -> str:
    """The digest of all files that the model's towers start from at this size.

    Raises UsageError that names every tower that is not on this machine, and what to do about it.
    """
    names = _repositories(size, baseline)
    folders = {name: _folder(name) for name in names}
    if not all(folders.values()):
        raise UsageError(_missing(size, [name for name, folder in folders.items() if folder is None]))
    found = [f"{name} {_file_digest(_weights(name))}" for name in names]
    if size.text.weights in names:
        _check_config(size.text)
        found.append(f"{_file_digest(_vocabulary_file(size.text))} {_lowers(size.text)}")
    return digest(found)


def load_pretrained(encoder: DualEncoder, recipe: Recipe) -> None:
    """Copies the weights that the recipe's size names into the trunks; the projections keep theirs.

    Does nothing for `init` 'scratch'. Every weight of a trunk must be there and fit, and no other may be left. Raises
    UsageError where a tower is not on this machine, BenchError where a file does not fit.
    """
    if recipe.init != "pretrained":
        return
    image, text = recipe.size.image, recipe.size.text
    if image.weights:
        path, trunk = _weights(image.weights), encoder.image.trunk
        _fill(trunk, _image_state(_read(path), trunk), f"the image tower {image.name}", path)
    if text.weights in _repositories(recipe.size, recipe.baseline):
        path, bert = _weights(text.weights), encoder.text.trunk
        _fill(bert, _text_state(_read(path), text, path), "the text tower", path)


def pretrained_tokenizer(recipe: Recipe) -> Tokenizer | None:
    """The tokenizer of the text tower that the recipe starts from; None where a vocabulary is to be trained.

    [PAD], [UNK], [CLS] and [SEP] have changed places with the first four pieces, as everywhere in this program, and so
    have the rows of the word embeddings. It lower-cases, unless the tower's tokenizer_config.json says otherwise.
    BioClinicalBERT's says nothing: its vocabulary is cased, but what GLoRIA and MedCLIP read through it is lower-case.
    """
    text = recipe.size.text
    if recipe.init != "pretrained" or text.weights not in _repositories(recipe.size, recipe.baseline):
        return None
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    pieces, _ = _vocabulary(text)
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=_lowers(text))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _repositories(size: Size, baseline: Baseline) -> list[str]:
    text = size.text.weights if baseline.has_text_tower else ""
    return [name for name in (size.image.weights, text) if name]


def _local(repository: str) -> Path | None:
    root = os.environ.get(ROOT, "")
    return Path(root).expanduser() / repository.rpartition("/")[2] if root else None


def _folder(repository: str) -> Path | None:
    """Where a tower's files are, or None. Raises UsageError for a folder of the user's without weights."""
    from huggingface_hub import try_to_load_from_cache

    local = _local(repository)
    if local is not None and local.is_dir():
        if not any((local / name).is_file() for name in WEIGHTS):
            raise UsageError(f"{local} holds no weights of {repository}: put {' or '.join(WEIGHTS)} into it")
        return local
    for name in WEIGHTS:
        cached = try_to_load_from_cache(repository, name)
        if isinstance(cached, str):
            return Path(cached).parent
    return None


def _missing(size: Size, names: list[str]) -> str:
    from huggingface_hub import constants

    folders = " and ".join(str(_local(name) or f"${ROOT}/{name.rpartition('/')[2]}") for name in names)
    unset = "" if os.environ.get(ROOT) else f" (${ROOT} is not set)"
    downloads = "; ".join(f"hf download {name}" for name in names)
    return (
        f"size {size.name} starts from pretrained towers, and this machine lacks {' and '.join(names)}. Looked for: "
        f"{folders}{unset}, then the Hugging Face hub's cache, {constants.HF_HUB_CACHE}. Nothing is downloaded by "
        f"itself. Put {' or '.join(WEIGHTS)} (and a BERT's {VOCABULARY}) into such a folder, or fill the cache "
        f"({downloads}), or train from random weights with --init scratch"
    )


def _weights(repository: str) -> Path:
    folder = _folder(repository)
    if folder is None:  # it was there when the run was planned
        raise BenchError(
            f"the weights of {repository} are gone: they were in ${ROOT} or in the Hugging Face hub's cache"
        )
    return next(folder / name for name in WEIGHTS if (folder / name).is_file())


def _file_digest(path: Path) -> str:
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_of(path: Path, size: int, changed: int) -> str:
    """Read once for all runs of a sweep, unless the file changes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> State:
    import torch
    from safetensors.torch import load_file

    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # each format has its own errors
        what = (str(error) or type(error).__name__).splitlines()[0]
        raise BenchError(f"{path} can't be read as weights ({what}). Get the file again") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise BenchError(f"{path} is no table of weights by name; save a model's state_dict, best as safetensors")
    return state


def _image_state(state: State, trunk: nn.Module) -> State:
    """The weights of timm's file for a trunk with one channel and no classifier.

    The first convolution is summed over its channels: what it gives for a film is what it gave for three equal ones.
    """
    config: dict[str, Any] = trunk.pretrained_cfg  # type: ignore[assignment]
    convert: Callable[[State, nn.Module], State] | None
    convert = getattr(sys.modules[type(trunk).__module__], "checkpoint_filter_fn", None)
    state = convert(state, trunk) if convert else state  # timm's own, for files of older layouts
    ignored = tuple(f"{name}." for name in _several(config["classifier"]))
    kept = {name: value for name, value in state.items() if not name.startswith(ignored)}
    for first in _several(config["first_conv"]):
        if f"{first}.weight" in kept:
            kept[f"{first}.weight"] = kept[f"{first}.weight"].sum(1, keepdim=True)
    return kept


def _several(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _text_state(state: State, tower: TextTower, path: Path) -> State:
    """A BERT's weights for a trunk with fewer positions and one type of token, its special pieces first.

    There are two types of token, for pairs of sentences; a single text is all of the first.
    """
    named = {_bert_name(name): value for name, value in state.items()}
    kept = {name: value for name, value in named.items() if not name.startswith(IGNORED_TEXT)}
    pieces, order = _vocabulary(tower)
    words = "embeddings.word_embeddings.weight"
    if words in kept and len(kept[words]) != len(pieces):
        raise BenchError(f"{path} has {len(kept[words]):,} word embeddings, and {VOCABULARY} {len(pieces):,} pieces")
    positions = list(range(tower.max_tokens))
    for name, rows in (("word", order), ("position", positions), ("token_type", [0])):
        table = f"embeddings.{name}_embeddings.weight"
        if table in kept and len(kept[table]) >= len(rows):  # a table that is too short does not fit, as is said then
            kept[table] = kept[table][rows]
    return kept


def _bert_name(name: str) -> str:
    """A weight's name without the model's, and as norms' weights are called since 2019."""
    plain = name.removeprefix("bert.")
    return plain.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _fill(trunk: nn.Module, state: State, what: str, path: Path) -> None:
    own = {name: value for name, value in trunk.state_dict().items() if not name.endswith("num_batches_tracked")}
    state = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    wrong = {
        "missing": sorted(own.keys() - state.keys()),
        "surplus": sorted(state.keys() - own.keys()),
        "of another shape": [
            f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
            for name in sorted(own.keys() & state.keys())
            if own[name].shape != state[name].shape
        ],
    }
    if any(wrong.values()):
        lists = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in wrong.items() if names)
        raise BenchError(f"{path} does not fit {what}: {lists}. Get the weights that the size names")
    trunk.load_state_dict(state, strict=False)  # all but the counters, as just checked


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _vocabulary_file(tower: TextTower) -> Path:
    path = _weights(tower.weights).parent / VOCABULARY
    if not path.is_file():
        raise UsageError(f"{path} is missing: the text tower {tower.weights} comes with its vocabulary. Put it there")
    return path


def _vocabulary(tower: TextTower) -> tuple[list[str], list[int]]:
    """The pieces with the special ones first, in SPECIAL's order, and the row that each had in the file."""
    path = _vocabulary_file(tower)
    pieces = path.read_text(encoding="utf-8").rstrip("\n").split("\n")  # some pieces are separators of lines to Python
    pieces = [piece.rstrip("\r") for piece in pieces]
    lacking = [token for token in SPECIAL if token not in pieces]
    if lacking or len(pieces) != tower.vocabulary or len(set(pieces)) < len(pieces):
        raise BenchError(
            f"{path} has {len(pieces):,} lines, {len(set(pieces)):,} of them different, and lacks "
            f"{', '.join(lacking) or 'no special piece'}; {tower.weights} has {tower.vocabulary:,} different ones with "
            f"{', '.join(SPECIAL)}. Get the file again"
        )
    order = list(range(len(pieces)))
    for place, token in enumerate(SPECIAL):
        old = pieces.index(token)
        pieces[place], pieces[old] = pieces[old], pieces[place]
        order[place], order[old] = order[old], order[place]
    return pieces, order


def _lowers(tower: TextTower) -> bool:
    return bool(_json(tower, TOKENIZER_CONFIG).get("do_lower_case", True))


def _check_config(tower: TextTower) -> None:
    """Raises UsageError where a BERT's config.json says what no weight's shape would tell: that it is another one."""
    config = _json(tower, CONFIG)
    expected = {"num_attention_heads": tower.heads, "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    for name, value in expected.items():
        if config.get(name, value) != value:
            raise UsageError(
                f"{tower.weights}: {CONFIG} has {name} {config[name]}, and the size's text tower has {value}"
            )


def _json(tower: TextTower, name: str) -> dict[str, Any]:
    path = _weights(tower.weights).parent / name
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BenchError(f"{path} is no JSON ({error}). Get the file again") from error
    return found if isinstance(found, dict) else {}
