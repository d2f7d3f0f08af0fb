"""Which step's weights are kept, by a named rule on val."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.films import FilmStack
from umcl_bench.models.trained import TrainedModel
from umcl_bench.spec import Augment, Recipe, Sampling, Selection, SelectionRule
from umcl_bench.training.batches import training_rows
from umcl_bench.training.feed import Feed
from umcl_bench.training.runtime import World
from umcl_bench.training.step import Stepper


class Best(NamedTuple):
    """The best step so far, what the rule says of it, and its weights on the CPU."""

    step: int
    value: float
    weights: dict[str, Tensor]


def is_better(rule: SelectionRule, value: float, than: float | None) -> bool:
    """Whether `value` beats `than`, or is the first. What is not a number is never chosen."""
    if than is None:
        return value == value
    return value < than if rule == "val-loss" else value > than


def rule_in_words(selection: Selection) -> str:
    """Which step's weights are kept."""
    if selection.rule == "last":
        return "last step (no selection; val is not read)"
    extreme = "lowest contrastive loss" if selection.rule == "val-loss" else "highest zero-shot macro AUROC"
    return f"{extreme} on val, looked at every {selection.every} steps"


def describe_selection(selection: Selection, best: Best | None) -> str:
    """The rule in words and what came out, for a record."""
    if selection.rule == "last":
        return rule_in_words(selection)
    found = "undefined at every look, so the last step" if best is None else f"{best.value:.4f} at step {best.step}"
    return f"{rule_in_words(selection)}: {found}"


def val_loss(recipe: Recipe, corpus: Corpus, films: FilmStack, device: torch.device) -> Callable[[TrainedModel], float]:
    """What `val-loss` goes by: the model's own objective, over one pass of val's rows in batches of the recipe's size.

    Nothing is augmented, the rows left over at the end are left out, and every look sees the same batches.
    """
    still = Augment(rotate_degrees=0, translate=0, scale=0, brightness=0, contrast=0)

    def evaluate(model: TrainedModel) -> float:
        data = training_rows(corpus, recipe, "val", model.tokenizer)
        batch = min(recipe.size.optim.batch, len(data.rows))
        optim = dataclasses.replace(recipe.size.optim, batch=batch, films_seen=len(data.rows), micro_batch=0)
        size = dataclasses.replace(recipe.size, optim=optim, augment=still)
        baseline = dataclasses.replace(recipe.baseline, sampling=Sampling())  # val as it is
        small = dataclasses.replace(recipe, baseline=baseline, size=size)
        stepper = Stepper(small, model.encoder, model.encoder, torch.float32, recompute=False)
        with torch.no_grad():
            losses = [float(stepper.evaluate(parcel)) for parcel in Feed(data, films, small, device, World(0, 1, 0))]
        return sum(losses) / len(losses)

    return evaluate
