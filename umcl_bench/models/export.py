"""Trained models in formats that other programs open: open_clip's, and plain safetensors with their facts.

open_clip builds the image tower by timm's name for it, and the text tower as a BERT with a mean pooler and a linear
projection: what a recipe has beyond that is refused with its reason, or named as left behind. It gives a film three
equal channels, so the first convolution has a third of the weights for each. Every export is opened again, by the
library's own loader, and compared on squares of pixels before it gets its name. How a file becomes such a square is
each program's own: where the longest side is fitted, open_clip rounds the other one, here its fraction is cut off.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, processors
from torch import Tensor

from umcl_bench.data.tokens import END, START
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models.base import Matrix
from umcl_bench.models.released.checkpoint_models import FACTS, TOKENIZER, WEIGHTS, load_checkpoint_model
from umcl_bench.models.released.open_clip_models import CONFIG
from umcl_bench.models.released.weights import quiet_transformers
from umcl_bench.models.trained import TrainedModel
from umcl_bench.spec import Geometry, Recipe, to_dict

Format = Literal["openclip", "safetensors"]
TOLERANCE = 1e-5
_CPU = torch.device("cpu")
_TRUNK = "image"  # the folder with timm's config of an image tower that has options
_MODES = {"longest": "longest", "shortest": "shortest", "stretch": "squash"}


def export(checkpoint: Path, to: Format, folder: Path) -> list[str]:
    """Writes the checkpoint's model into a new folder; returns what a user should know, a sentence each.

    Raises UsageError, before anything is written, for a folder that is there or a model that the format can't hold.
    """
    if folder.is_symlink() or folder.name in ("", ".."):
        raise UsageError(f"{folder} is a link, or the folder that you are in: name a new folder")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} is there already: name a new folder")
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"{folder}: there is no folder {folder.absolute().parent}")
    model = load_checkpoint_model(checkpoint, _CPU)
    if to == "safetensors":
        with _whole(folder) as part:
            for name in (WEIGHTS, TOKENIZER, FACTS):
                shutil.copyfile(checkpoint / name, part / name)
            _compare(model, load_checkpoint_model(part, _CPU))
        return [f"open it with --model local:{folder}, or its weights with safetensors' load_file"]
    check_open_clip(model.recipe)
    with _whole(folder) as part:
        _write_open_clip(model, part)
        _write_config(model.recipe, part, home=part)
        _compare(model, _OpenClip(part, model.recipe))
        _write_config(model.recipe, part, home=folder.resolve())
    return [*_left_behind(model.recipe), *_seen_otherwise(model.recipe), *_how_to_open(folder)]


def check_open_clip(recipe: Recipe) -> None:
    """Raises UsageError with all that the model has and open_clip's config can't say."""
    baseline, image = recipe.baseline, recipe.size.image
    heads, geometry = baseline.heads, image.geometry
    wrong = []
    if not baseline.has_text_tower:
        raise UsageError(f"{baseline.name} has no text tower, and open_clip has models with two towers only")
    if heads.projection != "linear":
        wrong.append(f"its projections are {heads.projection!r}; open_clip's MLP has other layers")
    if heads.text_pooling != "mean" or heads.text_layers not in ((-1,), (recipe.size.text.layers,)):
        wrong.append(
            f"its texts are pooled by the {heads.text_pooling} over layers {heads.text_layers}; open_clip takes the "
            "mean over the last layer"
        )
    if geometry != Geometry(geometry.fit, filter=geometry.filter, dicom=geometry.dicom) or (
        geometry.fit not in _MODES or geometry.filter not in ("bilinear", "bicubic")
    ):
        wrong.append(f"its films become squares by {to_dict(geometry)}, which open_clip's resize_mode does not have")
    if wrong:
        raise UsageError(f"{baseline.name} can't be exported to open_clip: {'; '.join(wrong)}. --to safetensors can")


def _write_open_clip(model: TrainedModel, part: Path) -> None:
    recipe, encoder = model.recipe, model.encoder
    state = {f"visual.trunk.{name}": value for name, value in _three_channels(recipe, encoder.image.trunk).items()}
    state |= {f"visual.head.proj.{name}": value for name, value in encoder.image.projection.state_dict().items()}
    state |= {f"text.transformer.{name}": value for name, value in encoder.text.trunk.state_dict().items()}
    state |= {f"text.proj.{name}": value for name, value in encoder.text.projection.state_dict().items()}
    state["logit_scale"] = encoder.log_scale.sum()
    if encoder.bias is not None:
        state["logit_bias"] = encoder.bias.sum()
    save_file(
        {name: value.detach().contiguous() for name, value in state.items()}, part / "open_clip_model.safetensors"
    )
    encoder.text.trunk.config.save_pretrained(part)
    _write_tokenizer(model.tokenizer, part)
    if recipe.size.image.options:
        (part / _TRUNK).mkdir()
        facts = {"architecture": recipe.size.image.name, "model_args": dict(to_dict(recipe.size.image.options))}
        _write_json(part / _TRUNK / "config.json", {**facts, "pretrained_cfg": {}})


def _three_channels(recipe: Recipe, trunk: torch.nn.Module) -> dict[str, Tensor]:
    """The trunk's weights with a third of the first convolution for each of three channels."""
    import timm

    image = recipe.size.image
    with torch.device("meta"):
        twin = timm.create_model(image.name, pretrained=False, num_classes=0, **dict(image.options)).state_dict()
    return {
        name: value if value.shape == twin[name].shape else value.expand(twin[name].shape) / 3
        for name, value in trunk.state_dict().items()
    }


def _write_tokenizer(tokenizer: Tokenizer, part: Path) -> None:
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", START), ("[SEP]", END)]
    )
    copy.save(str(part / TOKENIZER))
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]"}
    tokens = {f"{name}_token": token for name, token in names.items()}
    _write_json(part / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **tokens})


def _write_config(recipe: Recipe, part: Path, home: Path) -> None:
    """open_clip_config.json for a folder that will be `home`: open_clip reads the towers' configs by their paths."""
    size, image = recipe.size, recipe.size.image
    model: dict[str, Any] = {
        "embed_dim": size.dim,
        "custom_text": True,
        "vision_cfg": {
            "image_size": image.size,
            "timm_model_name": f"local-dir:{home / _TRUNK}" if image.options else image.name,
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
        },
        "text_cfg": {
            "context_length": size.text.max_tokens,
            "hf_model_name": str(home),
            "hf_model_pretrained": False,
            "hf_tokenizer_name": str(home),
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": "linear",
        },
    }
    if recipe.baseline.objective.loss == "sigmoid":
        model["init_logit_bias"] = recipe.baseline.objective.bias
    preprocess = {
        "size": image.size,
        "mode": "RGB",
        "mean": [image.mean] * 3,
        "std": [image.std] * 3,
        "interpolation": image.geometry.filter,
        "resize_mode": _MODES[image.geometry.fit],
        "fill_color": 0,
    }
    _write_json(part / CONFIG, {"model_cfg": model, "preprocess_cfg": preprocess})


class _OpenClip:
    """The exported folder in the hands of open_clip alone."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        import open_clip

        with quiet_transformers():
            self.model = open_clip.create_model(f"local-dir:{folder}").eval()
            self.tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
        self.mean, self.std = recipe.size.image.mean, recipe.size.image.std

    @torch.inference_mode()
    def embed_images(self, films: np.ndarray[Any, np.dtype[np.uint8]]) -> Matrix:
        grey = torch.from_numpy(films).float().div(255).sub(self.mean).div(self.std)
        found: Matrix = self.model.encode_image(grey[:, None].expand(-1, 3, -1, -1), normalize=True).numpy()
        return found

    @torch.inference_mode()
    def embed_texts(self, texts: list[str]) -> Matrix:
        found: Matrix = self.model.encode_text(self.tokenizer(texts), normalize=True).numpy()
        return found


def _compare(model: TrainedModel, other: Any) -> None:
    """Raises BenchError where the two differ by more than TOLERANCE on films and texts of every length."""
    size = model.recipe.size
    films = np.random.default_rng(0).integers(0, 256, (4, size.image.size, size.image.size), dtype=np.uint8)
    texts = ["edema", "no pleural effusion", "effusion and edema " * size.text.max_tokens]
    pairs = [(model.embed_images(films), other.embed_images(films))]
    if model.recipe.baseline.has_text_tower:
        pairs.append((model.embed_texts(texts), other.embed_texts(texts)))
    apart = max(float(np.abs(one - two).max()) for one, two in pairs)
    if not apart <= TOLERANCE:
        raise BenchError(f"the exported model's embeddings are {apart:.1e} apart from its own; nothing was written")


def _left_behind(recipe: Recipe) -> list[str]:
    baseline, found = recipe.baseline, []
    if baseline.prompt.kind == "continuous":
        found.append("its learned prompts stay behind: open_clip has no place for them, so name findings by templates")
    if baseline.objective.terms:
        names = ", ".join(term.kind for term in baseline.objective.terms)
        found.append(f"weights that only training needs stay behind ({names})")
    return found


def _seen_otherwise(recipe: Recipe) -> list[str]:
    """What open_clip's transform makes otherwise of a film's file."""
    found = [
        "embeddings were compared from square grey pixels on; how open_clip reads a file is its own (no DICOM; other "
        "greys from 16 bits, colours and large JPEGs)"
    ]
    if recipe.size.image.geometry.fit == "longest":
        found.append(
            "a film that is not square may get one row or column of pixels more there (open_clip rounds the shorter "
            "side, umcl-bench cuts its fraction off), and so another embedding: give open_clip squares"
        )
    return found


def _how_to_open(folder: Path) -> list[str]:
    return [
        f"open it with open_clip.create_model_from_pretrained('local-dir:{folder}') or --model local:{folder}",
        f"{CONFIG} names this folder: after moving it, open_clip needs the new paths there (--model local: does not)",
    ]


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` that becomes it when the block ends well, and goes away when not."""
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".part", dir=folder.absolute().parent))
    try:
        yield part
        part.chmod(0o755)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
