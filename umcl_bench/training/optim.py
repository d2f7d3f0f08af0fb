"""The optimiser: AdamW, its parameter groups, and the schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from umcl_bench.models.dual import DualEncoder
from umcl_bench.spec import Optim, Recipe
from umcl_bench.training.stages import first_steps


def build_optimiser(encoder: DualEncoder, recipe: Recipe) -> torch.optim.AdamW:
    """Fused AdamW over the trainable parameters. No weight decay on vectors, the logit scale, prompts and terms."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    prompts: list[nn.Parameter] = []
    for name, parameter in encoder.named_parameters():
        if parameter.requires_grad:
            group = (
                prompts
                if name.startswith("prompts.")
                else plain
                if parameter.ndim < 2 or name.startswith("terms.")
                else decayed
            )
            group.append(parameter)
    factor = recipe.baseline.prompt.learning_rate_factor
    groups: list[dict[str, object]] = [
        {"params": decayed, "weight_decay": recipe.size.optim.weight_decay, "factor": 1.0},
        {"params": plain, "weight_decay": 0.0, "factor": 1.0},
        {"params": prompts, "weight_decay": 0.0, "factor": factor},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], betas=recipe.size.optim.betas, fused=True)


def set_learning_rate(optimiser: torch.optim.AdamW, recipe: Recipe, step: int) -> None:
    """Sets each group's rate for `step`, which counts from 1. A second stage has a warm-up and a cosine of its own."""
    optim, first = recipe.size.optim, first_steps(recipe)
    at, steps = (step, first) if step <= first else (step - first, optim.steps - first)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(optim, at, steps) * group["factor"]


def learning_rate(optim: Optim, step: int, steps: int) -> float:
    """Linear warm-up, then a cosine to zero; `step` counts from 1 to `steps`."""
    warmup = max(1, round(optim.warmup_share * steps))
    if step <= warmup:
        return optim.learning_rate * step / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return optim.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
