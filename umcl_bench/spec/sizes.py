"""Towers and budgets: the three sizes of the controlled setting. A paper's own are a Size too, in a baseline's file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from umcl_bench.spec.images import Augment, ImageTower
from umcl_bench.values import check_range as _check_range


@dataclass(frozen=True)
class TextTower:
    """A BERT-style encoder with a WordPiece vocabulary.

    Without `weights` it starts at random, and its vocabulary is trained on the training reports. `weights` is the
    repository of a BERT on the Hugging Face hub that it starts from; then the vocabulary is that one's too, and
    `max_tokens` of its positions are kept.
    """

    layers: int
    width: int
    heads: int
    mlp: int
    max_tokens: int
    vocabulary: int
    weights: str = ""


@dataclass(frozen=True)
class Optim:
    """AdamW with linear warm-up and a cosine to zero. The budget is the number of films seen, not of epochs.

    `batch` is the global batch, over all processes. `micro_batch` rows of a process's share go through the towers at a
    time (0: all), with the gradient of the whole batch; only towers with batch norm see the difference, for they then
    normalise by the micro-batch's statistics.
    """

    learning_rate: float
    weight_decay: float
    batch: int
    films_seen: int
    warmup_share: float = 0.1
    clip_norm: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    micro_batch: int = 0

    def __post_init__(self) -> None:
        _check_range("batch", self.batch, 1, 1_000_000)
        _check_range("micro_batch", self.micro_batch, 0, self.batch)

    @property
    def steps(self) -> int:
        """Optimiser steps: the films seen, in whole batches."""
        return max(1, self.films_seen // self.batch)


@dataclass(frozen=True)
class Size:
    """The towers and the budget that every model gets at one size of the `controlled` setting, or a paper's own."""

    name: str
    image: ImageTower
    text: TextTower
    dim: int
    optim: Optim
    augment: Augment = Augment()

    @property
    def pretrained(self) -> bool:
        """Whether a tower starts from weights that someone else trained, unless --init scratch says otherwise."""
        return bool(self.image.weights or self.text.weights)


IMAGE_TOWERS = {
    "resnet50": ImageTower("resnet50", 224, mean=0.449, std=0.226, weights="timm/resnet50.tv_in1k"),
    "swin-t": ImageTower(
        "swin_tiny_patch4_window7_224", 224, mean=0.449, std=0.226, weights="timm/swin_tiny_patch4_window7_224.ms_in1k"
    ),
    "vit-b-16": ImageTower(
        "vit_base_patch16_224", 224, mean=0.449, std=0.226, weights="timm/deit_base_patch16_224.fb_in1k"
    ),
}
"""The papers' image towers: torchvision's ResNet-50 (ConVIRT, GLoRIA), Microsoft's Swin-T (MedCLIP, CXR-CLIP) and the
ViT-B/16 of DeiT (MGCA), all trained on ImageNet-1k. Mean and deviation are the averages over ImageNet's three colours:
inferred, for these towers learned from colours that are each normalised by their own."""


def clinical_bert(max_tokens: int) -> TextTower:
    """BioClinicalBERT (Alsentzer et al. 2019), with as many positions as are used."""
    name = "emilyalsentzer/Bio_ClinicalBERT"
    return TextTower(12, 768, 12, 3072, max_tokens=max_tokens, vocabulary=28996, weights=name)


TINY = Size(
    name="tiny",
    image=ImageTower(
        "resnet18",
        size=64,
        options=(("layers", (1, 1, 1, 1)), ("channels", (32, 48, 64, 128)), ("stem_type", "deep"), ("stem_width", 16)),
    ),
    text=TextTower(layers=2, width=128, heads=4, mlp=256, max_tokens=96, vocabulary=1000),
    dim=128,
    optim=Optim(learning_rate=2e-3, weight_decay=0.05, batch=128, films_seen=40_960),
)
SMALL = Size(
    name="small",
    image=ImageTower("resnet18", size=96),
    text=TextTower(layers=4, width=256, heads=4, mlp=1024, max_tokens=128, vocabulary=4000),
    dim=256,
    optim=Optim(learning_rate=1e-3, weight_decay=0.05, batch=128, films_seen=131_072),
)
BASE = Size(
    name="base",
    image=IMAGE_TOWERS["resnet50"],
    text=clinical_bert(256),
    dim=512,
    optim=Optim(learning_rate=5e-5, weight_decay=1e-4, batch=128, films_seen=2_560_000, betas=(0.9, 0.999)),
)
"""Rate, decay, batch, tokens and joint space as in CXR-CLIP's code, in the midst of MedCLIP (2e-5) and DLILP (1e-4).
Inferred: the budget, about 12 passes through MIMIC-CXR's 217 thousand pairs (CXR-CLIP makes 15, MedCLIP 10)."""
SIZES = {size.name: size for size in (TINY, SMALL, BASE)}


def with_image_tower(size: Size, name: str) -> Size:
    """The size with one of IMAGE_TOWERS, and a name that says so where it is not the size's own."""
    image = IMAGE_TOWERS[name]
    return size if size.image == image else replace(size, name=f"{size.name}-{name}", image=image)
