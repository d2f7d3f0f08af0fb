"""A training's state on disk: when it is written, what it holds, and how a trainer goes on from it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from umcl_bench.errors import BenchError
from umcl_bench.training import peers, sharding
from umcl_bench.training.monitor import LogRow, Monitor
from umcl_bench.training.selection import Best
from umcl_bench.training.state import State, check_tensors, load_state, save_state, surroundings

if TYPE_CHECKING:
    from umcl_bench.training.loop import Trainer


def save(trainer: Trainer) -> None:
    """Writes the state of a training, where one is kept. All processes must come here."""
    if trainer.unfinished is None or trainer.kept == trainer.step or not (trainer.world.leads or trainer.runtime.shard):
        return
    tensors = {f"model.{name}": tensor for name, tensor in trainer.whole_weights().items()}
    for name, parameter in trainer.encoder.named_parameters():
        for key, value in trainer.optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser.{name}.{key}"] = sharding.whole(value).cpu()
    trainer.kept = trainer.step
    if not trainer.world.leads:
        return
    facts = {
        "log": [list(row) for row in trainer.monitor.rows if row.step <= trainer.step],
        "drawn": trainer.drawn,
        "seconds": trainer.seconds,
        "waited": trainer.waited,
        "resumed": trainer.resumed,
        "surroundings": _surroundings(trainer),
    }
    if trainer.best is not None:
        tensors |= {f"best.{name}": tensor for name, tensor in trainer.best.weights.items()}
        facts["best"] = [trainer.best.step, trainer.best.value]
    save_state(trainer.unfinished.folder, State(trainer.step, tensors, facts), trainer.unfinished.digest)


def resume(trainer: Trainer) -> None:
    """Goes on from the last state that is there. Raises BenchError where the processes see different ones."""
    where = trainer.unfinished
    state = (
        load_state(where.folder, where.digest, trainer.reporter, functools.partial(_check_state, trainer))
        if where
        else None
    )
    at = state.step if state else 0
    if peers.agree(at) != at:
        raise BenchError("the processes see different states of this training; put --store on a disk that all share")
    rows = [LogRow(*row) for row in state.facts["log"]] if state else []
    if trainer.world.leads:
        trainer.monitor = Monitor(rows, where.folder if where else None, trainer.runtime.tensorboard, at)
    if state is None:
        return
    now, then = trainer.encoder.state_dict(), _part(state.tensors, "model.")
    trainer.encoder.load_state_dict(
        {name: sharding.spread(t, now[name]) if name in now else t for name, t in then.items()}
    )
    for name, parameter in trainer.encoder.named_parameters():
        values = _part(state.tensors, f"optimiser.{name}.")
        if values:
            trainer.optimiser.state[parameter] = {
                key: sharding.spread(value, parameter) for key, value in values.items()
            }
    facts = state.facts
    trainer.step, trainer.drawn, trainer.seconds, trainer.waited = (
        state.step,
        facts["drawn"],
        facts["seconds"],
        facts["waited"],
    )
    trainer.resumed, trainer.kept = [*facts["resumed"], state.step], state.step
    if "best" in facts:
        trainer.best = Best(int(facts["best"][0]), float(facts["best"][1]), _part(state.tensors, "best."))
    trainer.reporter.say(f"going on from step {state.step}, where this training was interrupted")
    before = facts["surroundings"]
    others = [
        f"{name} {now} (before: {before[name]})" for name, now in _surroundings(trainer).items() if now != before[name]
    ]
    if others:
        trainer.reporter.warn(f"the weights will not be bit for bit those of a training in one go: {', '.join(others)}")


def _check_state(trainer: Trainer, state: State) -> None:
    needed = {f"model.{name}": tensor for name, tensor in trainer.encoder.state_dict().items()}
    if "best" in state.facts:
        needed |= {name.replace("model.", "best.", 1): tensor for name, tensor in needed.items()}
    for name, parameter in trainer.encoder.named_parameters():
        if parameter.requires_grad and trainer.stages.learned(name, state.step):
            needed |= {f"optimiser.{name}.{key}": parameter for key in ("exp_avg", "exp_avg_sq")}
            needed[f"optimiser.{name}.step"] = torch.zeros(())
    check_tensors(state.tensors, needed)
    for row in [state.facts[name] for name in ("drawn", "seconds", "waited", "resumed", "surroundings", "log")][-1]:
        LogRow(*row)


def _surroundings(trainer: Trainer) -> dict[str, object]:
    return surroundings(trainer.device, trainer.precision, trainer.world.size)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
