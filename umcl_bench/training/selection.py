"""Which step's weights are kept, by a named rule on val."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from umcl_bench.spec import Selection, SelectionRule


class Best(NamedTuple):
    """The best step so far, what the rule says of it, and its weights on the CPU."""

    step: int
    value: float
    weights: dict[str, Tensor]


def is_better(rule: SelectionRule, value: float, than: float) -> bool:
    """Whether `value` beats `than`. What is not a number beats nothing, and is beaten by any number."""
    if than != than:
        return value == value
    return value < than if rule == "val-loss" else value > than


def describe_selection(selection: Selection, best: Best | None) -> str:
    """The rule in words, for a record."""
    if selection.rule == "last" or best is None:
        return "last step (no selection; val is not read)"
    extreme = "lowest contrastive loss" if selection.rule == "val-loss" else "highest zero-shot macro AUROC"
    return f"{extreme} on val, looked at every {selection.every} steps: {best.value:.4f} at step {best.step}"
