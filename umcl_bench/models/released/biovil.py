"""BioViL's and BioViL-T's released weights (Boecking et al. 2022; Bannur et al. 2023, arXiv 2301.04558).

From the released code (hi-ml-multimodal, health_multimodal). Image tower, in its own file: `encoder.encoder.*`
(torchvision's ResNet-50; its `fc` is in the file and unused) and `projector.model.*` (1x1 convolution, batch norm,
ReLU, 1x1 convolution) on each patch; the embedding is the mean over patches. BioViL-T puts
`encoder.backbone_to_vit` between them, and beside each patch what changed since the prior film: `encoder.vit_pooler`
of both, or the learned `encoder.missing_previous_emb` where there is no prior, as for every task here. Text tower,
CXR-BERT: `bert.*`, of whose [CLS] `cls_projection_head` (dense, GELU, layer norm, dense) is the embedding; the head of
its masked language model (`cls.predictions`) gives none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from umcl_bench.data.preprocess import Preprocess, get_preprocess
from umcl_bench.models.released.model import Towers
from umcl_bench.models.released.parts import bert_like, encode, read_tokenizer, resnet_like
from umcl_bench.models.released.weights import State, load_strict, part_of

MOST_TOKENS = 512
_UNUSED = (r"encoder\.encoder\.fc\..*", r"encoder\.vit_pooler\..*", r"cls\.predictions\..*")


class BioVil(Towers):
    """The modules of both files by their names there."""

    def __init__(self, state: State, config: Path | None) -> None:
        super().__init__()
        trunk = part_of(state, "encoder.encoder.")
        self.encoder = nn.ModuleDict({"encoder": resnet_like({k: v for k, v in trunk.items() if k[:3] != "fc."})})
        self.temporal = "encoder.missing_previous_emb" in state
        if self.temporal:
            rows, columns = _shape(state, "encoder.backbone_to_vit.weight")
            self.encoder["backbone_to_vit"] = nn.Conv2d(columns, rows, kernel_size=1, bias=False)
            self.encoder.register_parameter("missing_previous_emb", nn.Parameter(torch.zeros(1, rows, 1, 1)))
        hidden, columns = _shape(state, "projector.model.0.weight")
        self.dim = _shape(state, "projector.model.3.weight")[0]
        layers = nn.Sequential(
            nn.Conv2d(columns, hidden, kernel_size=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, self.dim, kernel_size=1),
        )
        self.projector = nn.ModuleDict({"model": layers})
        self.bert = bert_like(part_of(state, "bert."), config)
        width, joint = int(self.bert.config.hidden_size), _shape(state, "cls_projection_head.dense_to_hidden.weight")[0]
        head = {"dense_to_hidden": nn.Linear(width, joint), "LayerNorm": nn.LayerNorm(joint, eps=1e-12)}
        self.cls_projection_head = nn.ModuleDict({**head, "dense_to_output": nn.Linear(joint, joint)})
        self.tokenizer: Tokenizer | None = None

    def images(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        return self.patches(pixels).mean((1, 2))

    def patches(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        patches = self.encoder["encoder"].forward_features(pixels)  # type: ignore[operator]
        if self.temporal:
            patches = self.encoder["backbone_to_vit"](patches)
            missing: Tensor = self.encoder.missing_previous_emb  # type: ignore[assignment]
            patches = torch.cat([patches, missing.expand_as(patches)], dim=1)
        features: Tensor = self.projector["model"](patches).permute(0, 2, 3, 1)
        return features

    def trunk_of_timm(self) -> nn.Module | None:
        """See Towers."""
        return self.encoder["encoder"]

    def texts(self, texts: Sequence[str]) -> Tensor:
        """See Towers."""
        assert self.tokenizer is not None
        found, head = encode(self.bert, self.tokenizer, texts, MOST_TOKENS), self.cls_projection_head
        hidden = nn.functional.gelu(head["dense_to_hidden"](found.states[-1][:, 0]))
        features: Tensor = head["dense_to_output"](head["LayerNorm"](hidden))
        return features


def _shape(state: State, name: str) -> tuple[int, int]:
    return (state[name].shape[0], state[name].shape[1]) if name in state else (1, 1)


def preprocess(state: State) -> Preprocess:
    """BioViL's own."""
    return get_preprocess("biovil")


def preprocess_t(state: State) -> Preprocess:
    """BioViL-T's own."""
    return get_preprocess("biovil-t")


def build(state: State, tokenizer: tuple[Path, ...], config: Path | None, what: str) -> BioVil:
    """The towers with these weights."""
    towers = BioVil(state, config)
    towers.fit = load_strict(towers, state, what, _UNUSED)
    towers.tokenizer = read_tokenizer(tokenizer, int(towers.bert.config.vocab_size))
    return towers
