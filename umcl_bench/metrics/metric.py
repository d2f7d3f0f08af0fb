"""What a metric is: what it needs of per-sample scores, and what it comes to for known models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from umcl_bench.metrics.scores import Floats, Scores

Compute = Callable[[Mapping[str, Floats], Floats], Floats]
"""Columns (n, c) by name and how often each sample counts in each resample (b, n) -> (b, c), or (b, 1) if joint."""


@dataclass(frozen=True)
class Metric:
    """A metric of per-sample scores. Undefined is NaN.

    `needs` are the columns that it reads. A `joint` one is a single figure over all classes (accuracy of an argmax);
    the others are a figure for each class, and their mean. `perfect` is its value for a model that is told the truth,
    `chance` that for a model that says the same of all samples, None where that depends on the data.
    """

    name: str
    title: str
    compute: Compute
    needs: tuple[str, ...] = ("value", "target")
    joint: bool = False
    perfect: float = 1.0
    chance: float | None = None
    higher_is_better: bool = True

    def points(self, scores: Scores) -> Floats:
        """The figure of each class (c,), or the joint one (1,), for the sample itself."""
        return np.asarray(self.resampled(scores, np.ones((1, len(scores.id))))[0])

    def resampled(self, scores: Scores, weights: Floats) -> Floats:
        """The same in each of b resamples: weights (b, n) -> (b, c) or (b, 1)."""
        return self.compute({name: scores.columns[name] for name in self.needs}, weights)
