"""Metrics of classification, for one sample and for many resamples of it at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.scores import Floats


def auroc(scores: Floats, target: Floats, weights: Floats | None = None) -> Floats:
    """The area under the ROC curve of scores (n,) against a target (n,) in {1, 0, NaN}, for each row of weights.

    The area is P(score of a positive > score of a negative) + P(equal) / 2 (Hanley and McNeil 1982). Rows whose target
    is NaN do not count. `weights` (b, n) says how often each sample counts in each of b resamples; without it the
    result is for the sample itself, (1,). Where a resample has no positive or no negative the area is NaN. A NaN score
    of a sample that counts makes it NaN too.
    """
    if weights is None:
        weights = np.ones((1, len(scores)))
    known = ~np.isnan(target)
    scores, target, weights = scores[known], target[known], weights[:, known]
    order = np.argsort(scores, kind="stable")
    scores, target, weights = scores[order], target[order], weights[:, order]
    positive, negative = weights * (target == 1), weights * (target == 0)
    first, last = _tie_bounds(scores)
    below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(negative, axis=1)], axis=1)
    beaten = (below[:, first] + below[:, last]) / 2  # the negatives below, and half of the tied ones
    pairs = positive.sum(1) * negative.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Floats = (positive * beaten).sum(1) / pairs
    area[pairs == 0] = np.nan
    if np.isnan(scores).any():
        area[:] = np.nan
    return area


def _tie_bounds(ordered: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each of the ordered values: how many are smaller, and how many are smaller or equal."""
    return np.searchsorted(ordered, ordered, side="left"), np.searchsorted(ordered, ordered, side="right")


def _auroc(columns: Mapping[str, Floats], weights: Floats) -> Floats:
    value, target = columns["value"], columns["target"]
    return np.stack([auroc(value[:, k], target[:, k], weights) for k in range(value.shape[1])], axis=1)


METRICS = (Metric("auroc", "AUROC", _auroc, chance=0.5),)
