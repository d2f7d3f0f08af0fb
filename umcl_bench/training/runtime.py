"""How and where a training is carried out: what changes its time, its memory and what is seen of it, and no figure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from umcl_bench.errors import UsageError


@dataclass(frozen=True)
class Runtime:
    """Choices that are no part of a recipe.

    A state to resume from is written every `save_steps` steps, or every `save_seconds` where that is 0. `recompute`
    makes activations again in the backward pass instead of holding them; `shard` spreads weights and optimiser over
    the processes (FSDP2), for towers that do not fit one GPU. `tensorboard` is a folder for its event files. Raises
    UsageError for what one process can't do.
    """

    save_steps: int = 0
    save_seconds: float = 300.0
    log_steps: int = 10
    recompute: bool = False
    shard: bool = False
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        if self.shard and world().size == 1:
            raise UsageError(
                "--shard spreads weights and optimiser over the processes of torchrun, and there is one: start "
                "`torchrun --nproc-per-node N -m umcl_bench ...`, or leave it out"
            )


DEFAULT = Runtime()

_VARIABLES = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))


class World(NamedTuple):
    """This process's number, and how many there are."""

    rank: int
    size: int
    local_rank: int

    @property
    def leads(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0


def world() -> World:
    """From the environment that torchrun sets; alone without it."""
    return World(*(int(os.environ.get(name, default)) for name, default in _VARIABLES))
