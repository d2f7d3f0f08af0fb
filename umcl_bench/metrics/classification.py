"""Metrics of scores that rank the samples of a class, for one sample and for many resamples of it at once.

Resamples are rows of weights, and sums over samples products of a sparse matrix and the weights: scores are put in
order once, not once a resample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.metric import Compute, Metric
from umcl_bench.metrics.scores import Floats

Rows = NDArray[np.int64]
Area = Callable[[Floats, Rows, Rows, Floats], tuple[Floats, Floats]]
"""Scores (n,), rows of positives and negatives, lowest first, weights (n, b) -> an area times its whole, the whole."""


def auroc(scores: Floats, target: Floats, weights: Floats | None = None) -> Floats:
    """The area under the ROC curve of scores (n,) against a target (n,) in {1, 0, NaN}, for each row of weights.

    The area is P(score of a positive > score of a negative) + P(equal) / 2 (Hanley and McNeil 1982). Rows whose target
    is NaN do not count. `weights` (b, n) says how often each sample counts in each of b resamples; without it the
    result is for the sample itself, (1,). Where a resample has no positive or no negative the area is NaN. A NaN score
    of a sample that counts makes it NaN too.
    """
    return _share(_won, scores, target, weights)


def auprc(scores: Floats, target: Floats, weights: Floats | None = None) -> Floats:
    """Average precision of scores (n,) against a target (n,) in {1, 0, NaN}, for each row of weights (b, n).

    The sum over the distinct scores, highest first, of the recall that is gained there x the precision: the step-wise
    area under the precision-recall curve, without interpolation, as scikit-learn's. Equal scores are one step, so that
    a score that is the same for all samples gets the share of positives. NaN as in `auroc`.
    """
    return _share(_gained, scores, target, weights)


def _share(area: Area, scores: Floats, target: Floats, weights: Floats | None) -> Floats:
    across = np.ones((len(scores), 1)) if weights is None else np.ascontiguousarray(weights.T)
    order = np.argsort(scores)
    positive, negative = order[target[order] == 1], order[target[order] == 0]
    shares = np.full(across.shape[1], np.nan)
    if len(positive) and len(negative) and not np.isnan(scores[~np.isnan(target)]).any():
        part, whole = area(scores, positive, negative, across)
        np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _won(scores: Floats, positive: Rows, negative: Rows, weights: Floats) -> tuple[Floats, Floats]:
    """The pairs of a positive and a negative that the positive wins, a tie being half of one, and all pairs."""
    steps, step = np.unique(scores[positive], return_inverse=True)
    positives = _sums(step, positive, 1.0, len(steps), weights)
    halves = [np.searchsorted(steps, scores[negative], side) for side in ("left", "right")]
    both = np.concatenate([negative, negative])
    below = _sums(np.concatenate(halves), both, 0.5, len(steps) + 1, weights)
    np.cumsum(below, axis=0, out=below)
    return np.einsum("jb,jb->b", positives, below[:-1]), positives.sum(axis=0) * below[-1]


def _gained(scores: Floats, positive: Rows, negative: Rows, weights: Floats) -> tuple[Floats, Floats]:
    """The sum over the steps down the scores of positives x precision, and all positives."""
    steps, step = np.unique(-scores[positive], return_inverse=True)
    positives = _sums(step, positive, 1.0, len(steps), weights)
    at = np.searchsorted(steps, -scores[negative], "left")
    above = _sums(at, negative, 1.0, len(steps) + 1, weights)
    np.cumsum(above, axis=0, out=above)
    found = np.cumsum(positives, axis=0)
    called = found + above[:-1]
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    return np.einsum("jb,jb->b", positives, precision), found[-1] * (above[-1] > 0)


def _sums(group: Rows, rows: Rows, share: float, groups: int, weights: Floats) -> Floats:
    """The weights (n, b) of `rows`, each times `share`, summed over their groups: (groups, b)."""
    from scipy.sparse import csr_array

    sums = csr_array((np.full(len(rows), share), (group, rows)), shape=(groups, len(weights)))
    return np.asarray(sums @ weights)


def _each(one: Callable[[Floats, Floats, Floats], Floats]) -> Compute:
    def compute(columns: Mapping[str, Floats], weights: Floats) -> Floats:
        value, target = columns["value"], columns["target"]
        return np.stack([one(value[:, k], target[:, k], weights) for k in range(value.shape[1])], axis=1)

    return compute


METRICS = (
    Metric("auroc", "AUROC", _each(auroc), chance=0.5),
    Metric("auprc", "AUPRC", _each(auprc)),
)
