"""MedCLIP's released weights (Wang et al. 2022, arXiv 2210.10163), with ResNet-50 or with Swin-Tiny.

From the released code (medclip/modeling_medclip.py): pytorch_model.bin with `vision_model.model.*` (torchvision's
ResNet-50 whose `fc` is the projection, or transformers' Swin beside `vision_model.projection_head`),
`text_model.model.*` (Bio_ClinicalBERT), `text_model.projection_head` and `logit_scale`. The text's features are the
mean over layers 1, 2 and the last and over all tokens. There a batch's padding is averaged too; here each text is as it
is alone, so that no score depends on the batch. At most 77 tokens (recalled: medclip/dataset.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from umcl_bench.data.preprocess import Preprocess, get_preprocess
from umcl_bench.models.released.model import Towers
from umcl_bench.models.released.parts import bert_like, encode, read_tokenizer, resnet_like
from umcl_bench.models.released.weights import Fit, State, load_strict, load_transformers, part_of

MOST_TOKENS = 77
_SWIN = "vision_model.model."


class MedClip(Towers):
    """The modules by their names in the file; Swin, whose names changed since, is set from outside."""

    def __init__(self, state: State, config: Path | None) -> None:
        super().__init__()
        bert = bert_like(part_of(state, "text_model.model."), config)
        self.dim, width = state["text_model.projection_head.weight"].shape
        self.text_model = nn.ModuleDict({"model": bert, "projection_head": nn.Linear(width, self.dim, bias=False)})
        self.vision_model = nn.ModuleDict()
        if "vision_model.projection_head.weight" in state:
            width = state["vision_model.projection_head.weight"].shape[1]
            self.vision_model["projection_head"] = nn.Linear(width, self.dim, bias=False)
        else:
            self.vision_model["model"] = resnet_like(part_of(state, _SWIN))
        self.logit_scale = nn.Parameter(torch.zeros(()))
        self.tokenizer: Tokenizer | None = None

    def images(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        trunk = self.vision_model["model"]
        if "projection_head" not in self.vision_model:
            features: Tensor = trunk(pixels)
            return features
        features = self.vision_model["projection_head"](trunk(pixels).pooler_output)
        return features

    def trunk_of_timm(self) -> nn.Module | None:
        """See Towers: the ResNet; Swin is transformers' own."""
        return None if "projection_head" in self.vision_model else self.vision_model["model"]

    def texts(self, texts: Sequence[str]) -> Tensor:
        """See Towers."""
        assert self.tokenizer is not None
        found = encode(self.text_model["model"], self.tokenizer, texts, MOST_TOKENS)
        layers = torch.stack([found.states[1], found.states[2], found.states[-1]]).mean(0)
        features: Tensor = self.text_model["projection_head"](found.mean(layers))
        return features


def preprocess(state: State) -> Preprocess:
    """MedCLIP's own, whatever the tower."""
    return get_preprocess("medclip")


def build(state: State, tokenizer: tuple[Path, ...], config: Path | None, what: str) -> MedClip:
    """The towers with these weights."""
    towers = MedClip(state, config)
    rest, swin = state, None
    if "projection_head" in towers.vision_model:
        rest = {name: value for name, value in state.items() if not name.startswith(_SWIN)}
        swin = _swin(part_of(state, _SWIN), what)
    towers.fit = load_strict(towers, rest, what)
    if swin is not None:
        towers.vision_model["model"], more = swin
        towers.fit = Fit(towers.fit.loaded + more.loaded, towers.fit.left_out + more.left_out)
    pieces = len(state["text_model.model.embeddings.word_embeddings.weight"])
    towers.tokenizer = read_tokenizer(tokenizer, pieces)
    return towers


def _swin(state: State, what: str) -> tuple[Any, Fit]:
    """Swin with as many blocks and heads as the weights; names as transformers had them when MedCLIP was released."""
    from transformers import SwinConfig, SwinModel

    table = "attention.self.relative_position_bias_table"
    depths = [0] * (
        1 + max((int(hit[1]) for name in state if (hit := re.match(r"encoder\.layers\.(\d+)\.", name))), default=0)
    )
    heads, window = [1] * len(depths), 7
    for name, value in state.items():
        hit = re.match(rf"encoder\.layers\.(\d+)\.blocks\.(\d+)\.{re.escape(table)}", name)
        if hit:
            stage = int(hit[1])
            depths[stage] = max(depths[stage], int(hit[2]) + 1)
            heads[stage], window = value.shape[1], (math.isqrt(len(value)) + 1) // 2
    patches = state.get("embeddings.patch_embeddings.projection.weight", torch.zeros(96, 3, 4, 4, device="meta"))
    config = SwinConfig(
        image_size=224,
        patch_size=patches.shape[-1],
        embed_dim=len(patches),
        depths=depths,
        num_heads=heads,
        window_size=window,
    )
    return load_transformers(SwinModel, config, state, f"{what}, {_SWIN}*")
