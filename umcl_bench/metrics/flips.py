"""How often a part of a task (a wording) puts two models in another order than their means over the parts do."""

from __future__ import annotations

import numpy as np

from umcl_bench.metrics.intervals import macro
from umcl_bench.metrics.scores import Floats, Parts


def part_figures(parts: Parts, names: tuple[str, ...], metric: str) -> Floats:
    """A metric's macro figure in each of the named parts, (p,)."""
    return np.array([macro(parts[name], metric) for name in names])


def flip_share(one: Floats, other: Floats) -> float:
    """The share of parts in which two models' figures (p,) are not in the order of their means.

    A tie, in a part or of the means, is half a flip; where both are tied there is none. NaN where a figure is
    undefined. Symmetric in the models.
    """
    difference = one - other
    if np.isnan(difference).any():
        return float("nan")
    return float(np.abs(np.sign(difference) - np.sign(difference.mean())).mean() / 2)
