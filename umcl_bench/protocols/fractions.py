"""Shares of the training patients: 1 % within 10 % within 100 %, seeded, several draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from umcl_bench.data.corpus import Rows
from umcl_bench.data.splits.fractions import share_of
from umcl_bench.metrics.scores import Figure, Names


class Share(NamedTuple):
    """A share of the training patients, and which of its draws."""

    fraction: float
    draw: int

    @property
    def part(self) -> str:
        """What a part of the scores is called: '10%/2'."""
        return f"{percent(self.fraction)}/{self.draw}"


def percent(fraction: float) -> str:
    """'10%' for 0.1."""
    return f"{100 * fraction:.6g}%"


def shares(patients: Names, fractions: Sequence[float], draws: int, seed: int) -> dict[Share, Rows]:
    """The places in `patients` (n,) of each share's rows, in order; a whole share has one draw, the others `draws`.

    Draw d is the first patients, at least one, in the order of a hash of `seed + d` and their name: the rule and seed
    of `data.splits.label_fraction`. So a smaller share of a draw lies within a larger one, a patient's films stay
    together, the rows' order plays no part, and every model and seed of a model gets the same shares. Nothing is
    stratified: a rare class may have no positive film in a small share. Raises UsageError for a share that is not above
    0 and at most 1.
    """
    names = patients.astype(str)
    found = {}
    for fraction in fractions:
        for draw in range(1 if fraction == 1 else draws):
            chosen = share_of(set(names.tolist()), fraction, seed + draw)
            found[Share(fraction, draw)] = np.flatnonzero(np.isin(names, sorted(chosen)))
    return found


def figures_of(parts: Mapping[str, Sequence[str]]) -> tuple[Figure, ...]:
    """For each label ('10%') its parts' mean, and where there are several their standard deviation ('10% sd')."""
    found = []
    for label, names in parts.items():
        found.append(Figure(label, tuple(names)))
        if len(names) > 1:
            found.append(Figure(f"{label} sd", tuple(names), "sd"))
    return tuple(found)
