"""Segmentation: a decoder on the pre-trained image tower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.spec.images import Augment
from umcl_bench.spec.protocols.fitting import Fitting, Setting
from umcl_bench.spec.protocols.fitting import check_setting as _check_setting
from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_range as _check_range

Decoder = Literal["auto", "unet", "upernet", "dpt"]
Encoder = Literal["tuned", "frozen"]
MaskLoss = Literal["gloria", "bce-dice"]
Negatives = Literal["all", "as-many", "none"]

GLORIA_AUGMENT = Augment(rotate_degrees=10, translate=0.0, scale=0.1, brightness=0.0, contrast=0.0)
"""GLoRIA's ShiftScaleRotate(0, 0.1, 10), for half of the films."""


CONTROLLED = Fitting(learning_rate=5e-3, augment=GLORIA_AUGMENT, augment_share=0.5)
"""Some 20 s of a CPU at size tiny, for any share. The rate was chosen on the phantom's val."""
GLORIA_FITTING = Fitting(
    optimiser="adam",
    learning_rate=5e-4,
    encoder_factor=1.0,
    weight_decay=1e-6,
    batch=8,
    steps=0,
    epochs=100,
    look_every=0,
    patience=20,
    warmup_share=0.0,
    schedule="constant",
    augment=GLORIA_AUGMENT,
    augment_share=0.5,
)
"""GLoRIA's published schedule for SIIM (configs/pneumothorax_segmentation_config.yaml)."""
MGCA_FITTING = Fitting(
    optimiser="adamw",
    learning_rate=5e-4,
    encoder_factor=1.0,
    weight_decay=0.05,
    batch=16,
    steps=0,
    epochs=50,
    look_every=0,
    patience=10,
    warmup_share=0.0,
    augment=GLORIA_AUGMENT,
    augment_share=0.5,
)
"""MGCA's published schedule for RSNA; batches of 8 for SIIM. The cosine and the augmentation are inferred."""
BENCHX_FITTING = Fitting(
    learning_rate=1e-3,
    encoder_factor=1.0,
    weight_decay=0.05,
    batch=8,
    steps=20_000,
    look_every=2_000,
    warmup_share=0.075,
    schedule="poly",
    augment=GLORIA_AUGMENT,
    augment_share=0.5,
)
"""BenchX's published schedule with UPerNet. Inferred: the looks and the augmentation."""


@dataclass(frozen=True)
class Segmentation:
    """A decoder that is trained on the image tower, tuned or frozen, at shares of the training patients.

    `target` is what the masks are of. `decoder` 'auto' is a U-Net on a pyramid that begins at half the film (ResNets),
    UPerNet on one that begins at a quarter (Swin), and DPT on equal steps (ViT); `decoder_width` are the channels of
    its widest block. A frozen tower keeps its weights and its batch norms' statistics. `loss` 'gloria' is 10 focal(2) -
    log(soft Dice), 'bce-dice' cross-entropy plus 1 - soft Dice. `negatives` are the training films without a lesion:
    all, at random as many as there are with one, or none. `select` is what the best look at val has: the highest mean
    Dice or the lowest loss. A pixel is predicted where its probability is above `threshold`. `setting` says which
    schedule is used: `fitting`, the same short one for every model, or the `published` one.
    """

    target: str = "lesion"
    decoder: Decoder = "auto"
    decoder_width: int = 128
    encoder: Encoder = "tuned"
    loss: MaskLoss = "bce-dice"
    negatives: Negatives = "all"
    select: Literal["dice", "loss"] = "dice"
    threshold: float = 0.5
    fitting: Fitting = CONTROLLED
    published: Fitting | None = None
    setting: Setting = "controlled"
    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    draws: int = 1
    share_seed: int = 0
    kind: Literal["segmentation"] = "segmentation"

    def __post_init__(self) -> None:
        for name, choices in (("decoder", Decoder), ("encoder", Encoder), ("loss", MaskLoss), ("negatives", Negatives)):
            _check_choice(name, getattr(self, name), choices)
        _check_choice("select", self.select, Literal["dice", "loss"])
        _check_range("threshold", self.threshold, 0.0, 1.0)
        _check_range("decoder_width", self.decoder_width, 16, 4096)
        _check_range("draws", self.draws, 1, 1000)
        _check_setting(self)

    @property
    def schedule(self) -> Fitting:
        """The one that is used."""
        return self.published if self.setting == "published" and self.published else self.fitting
