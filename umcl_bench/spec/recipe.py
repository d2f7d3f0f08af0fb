"""How a model is trained: the setting, the size, selection, and all of it together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.spec.models import Baseline
from umcl_bench.spec.sizes import Size
from umcl_bench.values import check_choice as _check_choice

SelectionRule = Literal["last", "val-auroc", "val-loss"]
Precision = Literal["auto", "float32", "bfloat16"]
Setting = Literal["controlled", "paper"]
Init = Literal["scratch", "pretrained"]


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

    In the `controlled` setting every model has the size's towers, budget and augmentation; in `paper` those that its
    paper published. `init` is where the towers' weights come from: at random, or from the `weights` that the size
    names; then `towers` is the digest of those files. `precision` is the towers' in training ('auto': bfloat16 where
    the machine measures faster with it); the loss and the weights are float32. `compiled` towers go through
    torch.compile, which rounds otherwise. `code` is the digest of the file of a target builder of the user's own, ''
    for a built-in one: a changed function is another recipe.
    """

    baseline: Baseline
    size: Size
    seed: int = 0
    setting: Setting = "controlled"
    init: Init = "scratch"
    towers: str = ""
    selection: Selection = LAST
    precision: Precision = "auto"
    compiled: bool = False
    code: str = ""
    repeat: int = 0  # 0, or the how-manieth time the same run was asked for again

    def __post_init__(self) -> None:
        _check_choice("setting", self.setting, Setting)
        _check_choice("init", self.init, Init)
        if self.init == "pretrained" and not self.size.pretrained:
            raise ValueError(f"size {self.size.name} has no pretrained towers; its init is 'scratch'")
