"""Parts that several released layouts share: a ResNet and a BERT as deep and wide as their weights, and a tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import BertWordPieceTokenizer, Tokenizer
from torch import Tensor, nn

from umcl_bench.errors import BenchError
from umcl_bench.models.released.found import Folder, read_json
from umcl_bench.models.released.hub import hub_file
from umcl_bench.models.released.weights import State

CLINICAL_BERT = "emilyalsentzer/Bio_ClinicalBERT"


class Encoded(NamedTuple):
    """What BERT makes of texts: hidden states (n, l, w) of its embeddings and of each layer, and `mask` (n, l)."""

    states: tuple[Tensor, ...]
    mask: Tensor

    def mean(self, hidden: Tensor) -> Tensor:
        """The mean of hidden states (n, l, w) over each text's own tokens -> (n, w)."""
        weight = self.mask.to(hidden.dtype)[:, :, None]
        return (hidden * weight).sum(1) / weight.sum(1)


def resnet_like(state: State) -> Any:
    """A ResNet of torchvision's shape (timm has the same names) with as many blocks and channels as the weights."""
    from timm.models.resnet import BasicBlock, Bottleneck, ResNet

    if "conv1.weight" not in state:
        return ResNet(Bottleneck, (3, 4, 6, 3), num_classes=0)
    block = Bottleneck if "layer1.0.conv3.weight" in state else BasicBlock
    layers = [_count(state, rf"layer{stage}\.(\d+)\.") for stage in range(1, 5)]
    channels = [len(state.get(f"layer{stage}.0.conv1.weight", ())) or 64 for stage in range(1, 5)]
    classes = len(state.get("fc.weight", ()))
    bias = "fc.bias" in state
    model = ResNet(block, layers, channels=channels, num_classes=classes)
    if classes and not bias:
        model.fc = nn.Linear(model.num_features, classes, bias=False)
    return model


def bert_like(state: State, config_file: Path | None = None) -> Any:
    """A BERT with as many layers and as wide as the weights, which begin with 'embeddings.' or 'encoder.'.

    Its heads are the config's; without one they are 64 wide, as in all of BERT's sizes.
    """
    from transformers import BertConfig, BertModel

    words = state.get("embeddings.word_embeddings.weight")
    if words is None or words.ndim != 2:
        words = torch.zeros(28996, 768, device="meta")
    width = words.shape[1]
    told = read_json(config_file) if config_file else {}
    heads = told.get("num_attention_heads") if told.get("hidden_size") == width else None
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=_count(state, r"encoder\.layer\.(\d+)\."),
        num_attention_heads=int(heads or max(1, width // 64)),
        intermediate_size=len(state.get("encoder.layer.0.intermediate.dense.weight", ())) or 4 * width,
        max_position_embeddings=len(state.get("embeddings.position_embeddings.weight", ())) or 512,
        type_vocab_size=len(state.get("embeddings.token_type_embeddings.weight", ())) or 2,
        pad_token_id=0,
    )
    return BertModel(config, add_pooling_layer="pooler.dense.weight" in state)


def _count(state: State, pattern: str) -> int:
    return max((int(hit[1]) + 1 for name in state if (hit := re.match(pattern, name))), default=1)


def encode(bert: Any, tokenizer: Tokenizer, texts: Sequence[str], most: int) -> Encoded:
    """Texts through BERT, [CLS] before and [SEP] behind each; what is longer than `most` tokens loses its end."""
    start, end = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    room = min(most, int(bert.config.max_position_embeddings)) - 2
    pieces = [found.ids[:room] for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    lengths = torch.tensor([len(ids) + 2 for ids in pieces])
    ids = torch.zeros(len(pieces), int(lengths.max()), dtype=torch.int64)
    for row, piece in zip(ids, pieces, strict=True):
        row[: len(piece) + 2] = torch.tensor([start, *piece, end])
    device = next(bert.parameters()).device
    mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).to(device)
    found = bert(input_ids=ids.to(device), attention_mask=mask.long(), output_hidden_states=True)
    return Encoded(tuple(found.hidden_states), mask)


def tokenizer_files(folder: Folder, repo: str) -> tuple[Path, ...]:
    """A WordPiece vocabulary and its settings: from the folder, else those of `repo` in the hub's cache.

    Raises BenchError that says what to put where.
    """
    found = folder.first("tokenizer.json", "vocab.txt")
    if found is None:
        found = hub_file(repo, "tokenizer.json") or hub_file(repo, "vocab.txt")
    if found is None:
        raise BenchError(
            f"{folder.path} has no tokenizer, and the weights do not hold one: put the vocab.txt (or tokenizer.json) "
            f"of {repo} into that folder"
        )
    settings = found.parent / "tokenizer_config.json"
    return (found, settings) if settings.is_file() else (found,)


def read_tokenizer(files: tuple[Path, ...], pieces: int) -> Tokenizer:
    """The tokenizer in these files. Raises BenchError where it has not `pieces` word pieces, as the weights do."""
    vocabulary = files[0]
    settings = read_json(files[1]) if len(files) > 1 else {}
    try:
        if vocabulary.suffix == ".json":
            tokenizer = Tokenizer.from_file(str(vocabulary))
        else:  # without settings transformers lower-cases, also Bio_ClinicalBERT's cased vocabulary
            lower = bool(settings.get("do_lower_case", True))
            tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=lower)._tokenizer
    except Exception as error:  # tokenizers raises nothing narrower
        raise BenchError(f"{vocabulary} can't be read as a WordPiece vocabulary: {error}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if tokenizer.get_vocab_size() != pieces or None in (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")):
        raise BenchError(
            f"{vocabulary} has {tokenizer.get_vocab_size():,} word pieces, the text tower's weights {pieces:,}: "
            "it is another model's"
        )
    return tokenizer
