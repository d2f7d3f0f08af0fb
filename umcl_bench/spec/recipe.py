"""How a model is trained: towers, budget, selection, and all of it together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.spec.images import Augment, ImageTower
from umcl_bench.spec.models import Baseline, TextTower
from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_range as _check_range

SelectionRule = Literal["last", "val-auroc", "val-loss"]
Precision = Literal["auto", "float32", "bfloat16"]


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
    """The towers and the budget that every model gets at one size of the `controlled` setting."""

    name: str
    image: ImageTower
    text: TextTower
    dim: int
    optim: Optim
    augment: Augment = Augment()


@dataclass(frozen=True)
class Selection:
    """Which step's weights are kept: the last, or the best on val of those at every `every` steps and the last.

    `val-auroc`: the highest zero-shot macro AUROC, `val-loss`: the lowest contrastive loss; of equals the earliest.
    """

    rule: SelectionRule = "last"
    every: int = 0

    def __post_init__(self) -> None:
        _check_choice("selection rule", self.rule, SelectionRule)
        if (self.rule == "last") != (self.every == 0):
            raise ValueError("a selection on val looks at it every so many steps (1 or more); 'last' never does (0)")


LAST = Selection()


@dataclass(frozen=True)
class Recipe:
    """All that training needs besides the data: two equal recipes on equal data give equal weights on one machine.

    `precision` is the towers' in training ('auto': bfloat16 where the machine measures faster with it); the loss and
    the weights are float32. `compiled` towers go through torch.compile, which rounds otherwise. `code` is the digest of
    the file of a target builder of the user's own, '' for a built-in one: a changed function is another recipe.
    """

    baseline: Baseline
    size: Size
    seed: int = 0
    setting: Literal["controlled"] = "controlled"
    selection: Selection = LAST
    precision: Precision = "auto"
    compiled: bool = False
    code: str = ""
    repeat: int = 0  # 0, or the how-manieth time the same run was asked for again


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
SIZES = {size.name: size for size in (TINY, SMALL)}
