"""How a network is fitted on labelled films: what fine-tuning and segmentation share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from umcl_bench.spec.images import Augment
from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_range as _check_range

Setting = Literal["controlled", "published"]


@dataclass(frozen=True)
class Fitting:
    """Optimiser, schedule, budget and stop.

    The budget is `steps` of `batch` films, or `epochs`, the shorter where both are given; 0 is no limit. The training
    films come in one random order after another, so batches are always full, and a share of fewer films than a batch
    repeats some. Val is looked at after every `look_every` steps (0: after every epoch) and at the end; the weights of
    the best look are kept, the first of equals, and `patience` looks in a row without a better one end it (0: never).
    The tower learns at `encoder_factor` times the rate of what is new. The warm-up is linear, a share of the steps;
    then the rate stays, or falls to zero as a cosine or 'poly' (to the power 0.9). `augment_share` of the films are
    augmented.
    """

    optimiser: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 1e-3
    encoder_factor: float = 0.1
    weight_decay: float = 0.05
    batch: int = 32
    steps: int = 200
    epochs: int = 0
    look_every: int = 40
    patience: int = 0
    warmup_share: float = 0.1
    schedule: Literal["cosine", "poly", "constant"] = "cosine"
    augment: Augment = Augment()
    augment_share: float = 1.0

    def __post_init__(self) -> None:
        _check_choice("optimiser", self.optimiser, Literal["adamw", "adam"])
        _check_choice("schedule", self.schedule, Literal["cosine", "poly", "constant"])
        for name, low, high in (
            ("learning_rate", 0.0, 10.0), ("encoder_factor", 0.0, 1.0), ("weight_decay", 0.0, 10.0),
            ("batch", 2, 65_536), ("steps", 0, 10_000_000), ("epochs", 0, 100_000), ("look_every", 0, 10_000_000),
            ("patience", 0, 100_000), ("warmup_share", 0.0, 1.0), ("augment_share", 0.0, 1.0),
        ):  # fmt: skip
            _check_range(name, getattr(self, name), low, high)
        if not (self.steps or self.epochs):
            raise ValueError("a budget needs steps or epochs")

    def budget(self, films: int) -> int:
        """The steps that a training on so many films takes."""
        per_epoch = self.steps_per_epoch(films)
        return min(n for n in (self.steps, self.epochs * per_epoch) if n)

    def steps_per_epoch(self, films: int) -> int:
        """Batches until every film was seen once."""
        return max(1, -(-films // self.batch))


class Settable(Protocol):
    """What has a schedule of its own and a published one."""

    @property
    def fitting(self) -> Fitting:
        """The controlled one."""

    @property
    def published(self) -> Fitting | None:
        """The one of the paper, where there is one."""

    @property
    def setting(self) -> Setting:
        """Which of them is used."""


def check_setting(chosen: Settable) -> None:
    """Raises ValueError for a setting that there is not, or films that would be mirrored."""
    _check_choice("setting", chosen.setting, Setting)
    if chosen.setting == "published" and chosen.published is None:
        raise ValueError("setting is 'published', and this task has no published schedule; it must be controlled")
    for fitting in (chosen.fitting, chosen.published):
        if fitting is not None and fitting.augment.flip != "never":
            raise ValueError("flip: no text says which side these films' findings are on, so they can't be mirrored")
