"""A network fitted on labelled films: what fine-tuning and segmentation share (spec.Fitting says how)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from umcl_bench.data.corpus import Rows
from umcl_bench.errors import BenchError
from umcl_bench.models.towers import choose_attention
from umcl_bench.progress import Tick
from umcl_bench.spec import Augment, Fitting
from umcl_bench.training.augment import augment, draw

_GEOMETRY = 6
"""The columns of augment.draw that say where a film's pixels come from; what follows changes greys."""


@dataclass(frozen=True)
class Supervision:
    """What a network learns from, and how well it is doing.

    `loss` takes the places of a batch's films among `count` and their rows of `augment.draw`; `look` is the figure on
    val, greater being better, of the network in evaluation mode.
    """

    count: int
    loss: Callable[[Rows, Tensor], Tensor]
    look: Callable[[], float]


def fit_network(
    network: nn.Module,
    trunk: nn.Module,
    data: Supervision,
    how: Fitting,
    seed: int,
    device: torch.device,
    precision: torch.dtype,
    tick: Tick,
    *,
    frozen: bool = False,
) -> dict[str, Any]:
    """Fits `network`, whose part `trunk` learns at a rate of its own, or not at all; leaves the best look's weights.

    Returns what a record should say. The same seed on the same machine gives the same weights. Raises BenchError where
    the loss is not finite.
    """
    steps = how.budget(data.count)
    every = how.look_every or how.steps_per_epoch(data.count)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trunk.requires_grad_(not frozen)
    optimiser = _optimiser(network, trunk, how)
    rng, generator = np.random.default_rng([seed, 1]), torch.Generator().manual_seed(seed)
    looks, best, since = [], _Best(), 0
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        for step, places in zip(range(1, steps + 1), batches(data.count, how.batch, rng), strict=False):
            _set_rate(optimiser, how, step, steps)
            draws = draw_some(len(places), how, generator)
            _train_mode(network, trunk, frozen, device, precision)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
                loss = data.loss(places, draws)
            _step(loss, optimiser, step)
            if step % every == 0 or step == steps:
                looks.append((step, look_at(network, data, device)))
                since = 0 if best.keep(network, *looks[-1]) else since + 1
            tick(1, f"val {best.value:.3f}" if looks else "")
            if how.patience and since >= how.patience:
                break
    network.load_state_dict(best.state)
    network.eval()
    return {
        "steps": step,
        "budget": steps,
        "best_step": best.step,
        "best_on_val": best.value,
        "looks": [{"step": at, "val": value} for at, value in looks],
    }


def batches(count: int, batch: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Places of films, without end: random orders of all of them one after another, cut into full batches."""
    left = np.zeros(0, dtype=np.int64)
    while True:
        while len(left) < batch:
            left = np.concatenate([left, rng.permutation(count)])
        yield left[:batch]
        left = left[batch:]


def draw_some(count: int, how: Fitting, generator: torch.Generator) -> Tensor:
    """Rows of `augment.draw` for films of which only a share is changed."""
    draws, still = draw(count, how.augment, generator), draw(1, _STILL, torch.Generator().manual_seed(0))
    kept = torch.rand(count, generator=generator) >= how.augment_share
    return torch.where(kept[:, None], still, draws)


_STILL = Augment(rotate_degrees=0.0, translate=0.0, scale=0.0, brightness=0.0, contrast=0.0)


def augment_masks(masks: Tensor, how: Augment, draws: Tensor) -> Tensor:
    """Masks (m, s, s) in {0, 1} where their films went: the same turns and crops, greys left alone; in {0, 1} again."""
    moved = draws.clone()
    moved[:, _GEOMETRY:] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    return (augment(masks * 255, how, moved) > 127.5).float()


def look_at(network: nn.Module, data: Supervision, device: torch.device) -> float:
    """The figure on val of the network as it is, in float32."""
    network.eval()
    choose_attention(network, device, torch.float32)
    with torch.inference_mode():
        return data.look()


class _Best:
    """The weights of the best look so far, the first of equals; those of the last look while no look has a figure."""

    def __init__(self) -> None:
        self.value, self.step = math.nan, 0
        self.state: dict[str, Tensor] = {}

    def keep(self, network: nn.Module, step: int, value: float) -> bool:
        """Whether this look is the best so far; then it is kept."""
        better = math.isnan(self.value) or value > self.value
        if better:
            self.value, self.step, self.state = value, step, copy.deepcopy(network.state_dict())
        return better


def _optimiser(network: nn.Module, trunk: nn.Module, how: Fitting) -> torch.optim.Optimizer:
    inside = {id(parameter) for parameter in trunk.parameters()}
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learned if id(p) not in inside], "factor": 1.0},
        {"params": [p for p in learned if id(p) in inside], "factor": how.encoder_factor},
    ]
    kind = torch.optim.AdamW if how.optimiser == "adamw" else torch.optim.Adam
    return kind([g for g in groups if g["params"]], lr=how.learning_rate, weight_decay=how.weight_decay, fused=True)


def _set_rate(optimiser: torch.optim.Optimizer, how: Fitting, step: int, steps: int) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate(how, step, steps) * group["factor"]


def rate(how: Fitting, step: int, steps: int) -> float:
    """The rate of what is new at `step`, which counts from 1 to `steps`."""
    warmup = round(how.warmup_share * steps)
    if step <= warmup:
        return how.learning_rate * step / warmup
    done = (step - warmup - 1) / max(1, steps - warmup)
    falls = {"constant": 1.0, "cosine": 0.5 * (1 + math.cos(math.pi * done)), "poly": math.pow(1 - done, 0.9)}
    return how.learning_rate * falls[how.schedule]


def _train_mode(
    network: nn.Module, trunk: nn.Module, frozen: bool, device: torch.device, precision: torch.dtype
) -> None:
    if not network.training:
        network.train()
        choose_attention(network, device, precision)
    if frozen:
        trunk.eval()


def _step(loss: Tensor, optimiser: torch.optim.Optimizer, step: int) -> None:
    if not torch.isfinite(loss):
        raise BenchError(f"the loss is {loss.item()} at step {step}: lower the learning rate")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def in_batches(films: NDArray[np.uint8], batch: int, apply: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
    """`apply` to films (n, s, s), always `batch` of them at a time, the last ones with blank films behind -> (n, ...).

    Batches of one size take one kernel: a film's result does not depend on how many there are.
    """
    found = []
    for at in range(0, len(films), batch):
        part = films[at : at + batch]
        whole = np.zeros((batch, *films.shape[1:]), dtype=np.uint8)
        whole[: len(part)] = part
        found.append(apply(torch.from_numpy(whole)).float().cpu().numpy()[: len(part)])
    return np.concatenate(found)
