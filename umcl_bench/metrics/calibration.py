"""Metrics of scores as probabilities, for one sample and for many resamples of it at once.

A score outside [0, 1] is no probability: the figure of a class that has one is NaN, as with a score that is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from umcl_bench.metrics.metric import Compute, Metric
from umcl_bench.metrics.scores import Floats

BINS = 15


def ece(value: Floats, target: Floats, weights: Floats) -> Floats:
    """The expected calibration error of probabilities (n,) times the samples, for each row of weights (b, n).

    The error is the mean over 15 bins of equal width, weighted by their samples, of |share of positives - mean
    probability| (Naeini et al. 2015; Guo et al. 2017, equation 3, with the probability of the class for the
    confidence). A bin holds its upper end, and the first holds 0 too. `target` (n,) is in {1, 0}.
    """
    bins = np.searchsorted(np.arange(1, BINS) / BINS, value, side="left")
    in_bin = bins[:, None] == np.arange(BINS)
    gaps = weights @ (in_bin * (target - value)[:, None])
    return np.asarray(np.abs(gaps).sum(axis=1))


def brier(value: Floats, target: Floats, weights: Floats) -> Floats:
    """The sum of squared differences of probabilities (n,) and targets (n,) (Brier 1950), for each row of weights."""
    return weights @ (target - value) ** 2


def _each(error: Callable[[Floats, Floats, Floats], Floats]) -> Compute:
    def compute(columns: Mapping[str, Floats], weights: Floats) -> Floats:
        value, target = columns["value"], columns["target"]
        return np.stack([_mean(error, value[:, k], target[:, k], weights) for k in range(value.shape[1])], axis=1)

    return compute


def _mean(error: Callable[[Floats, Floats, Floats], Floats], value: Floats, target: Floats, weights: Floats) -> Floats:
    """The error of the samples whose target is known over how many they are; NaN where there are none."""
    known = ~np.isnan(target)
    value, target, weights = value[known], target[known], weights[:, known]
    total, means = weights.sum(axis=1), np.full(len(weights), np.nan)
    if ((value >= 0) & (value <= 1)).all():
        np.divide(error(value, target, weights), total, out=means, where=total > 0)
    return means


METRICS = (
    Metric("ece", "ECE", _each(ece), perfect=0.0, higher_is_better=False),
    Metric("brier", "Brier score", _each(brier), perfect=0.0, higher_is_better=False),
)
