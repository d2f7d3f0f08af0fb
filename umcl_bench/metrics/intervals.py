"""Estimates with intervals: the patient-cluster bootstrap.

Patients are drawn with replacement, and each brings all of its films (Field and Welsh 2007), so that films of one
patient do not count as independent. The interval is from the 2.5th to the 97.5th percentile of the resampled figures.
The seed is in the record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from umcl_bench.metrics.classification import auroc
from umcl_bench.metrics.scores import Scores
from umcl_bench.spec import Intervals

Floats = NDArray[np.float64]
_BLOCK = 100
METRICS: dict[str, Callable[[Floats, Floats, Floats | None], Floats]] = {"auroc": auroc}


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, as fractions; NaN is undefined.

    `undefined` is the share of resamples in which the figure could not be computed (no positive, say).
    """

    value: float
    low: float
    high: float
    n: int
    positives: int
    negatives: int
    undefined: float


def patient_weights(patient: NDArray[np.object_], resamples: int, rng: Generator) -> Floats:
    """How often each sample (n,) counts in each resample (b, n): as often as its patient was drawn."""
    names, index = np.unique(patient.astype(str), return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    weights: Floats = drawn[:, index].astype(np.float64)
    return weights


def macro(scores: Scores, metric: str) -> float:
    """The mean of a metric over the classes that are defined in the sample; NaN where none is."""
    points = _points(scores, metric)
    return float(np.nanmean(points)) if not np.isnan(points).all() else math.nan


def _points(scores: Scores, metric: str) -> Floats:
    function = METRICS[metric]
    return np.array([function(scores.value[:, k], scores.target[:, k], None)[0] for k in range(len(scores.classes))])


def estimate(scores: Scores, metric: str, how: Intervals) -> dict[str, Estimate]:
    """Each class's estimate, and under 'macro' that of the mean over the classes that are defined in the sample.

    A resample counts for 'macro' only where all of these classes are defined in it, so that every resample averages
    the same classes.
    """
    return _estimates(scores, _points(scores, metric), _resampled(scores, metric, how), how)


def estimate_mean(several: Sequence[Scores], metric: str, how: Intervals) -> dict[str, Estimate]:
    """As `estimate`, of the mean figure of several models (or seeds) on the same samples.

    Each resample draws the same patients for all of them: the interval is of the sampling of patients alone. Raises
    ValueError where the samples are not the same.
    """
    first = several[0]
    for other in several[1:]:
        if not (np.array_equal(other.id, first.id) and np.array_equal(other.target, first.target, equal_nan=True)):
            raise ValueError("the scores are not of the same samples")
    points = np.mean([_points(scores, metric) for scores in several], axis=0)
    return _estimates(first, points, np.mean([_resampled(s, metric, how) for s in several], axis=0), how)


def _resampled(scores: Scores, metric: str, how: Intervals) -> Floats:
    """The metric of each class in each resample (b, c); equal patients and `how` give equal resamples."""
    function, rng = METRICS[metric], np.random.default_rng(how.seed)
    boot = np.empty((how.resamples, len(scores.classes)))
    for at in range(0, how.resamples, _BLOCK):
        weights = patient_weights(scores.patient, min(_BLOCK, how.resamples - at), rng)
        for k in range(boot.shape[1]):
            boot[at : at + len(weights), k] = function(scores.value[:, k], scores.target[:, k], weights)
    return boot


def _estimates(scores: Scores, points: Floats, boot: Floats, how: Intervals) -> dict[str, Estimate]:
    out = {name: _summary(points[k], boot[:, k], scores.target[:, k], how) for k, name in enumerate(scores.classes)}
    defined = ~np.isnan(points)
    mean = points[defined].mean() if defined.any() else np.nan
    means = boot[:, defined].mean(axis=1) if defined.any() else boot[:, 0]
    out["macro"] = _summary(mean, means, scores.target[:, defined], how)
    return out


def _summary(point: float, boot: Floats, target: Floats, how: Intervals) -> Estimate:
    kept = boot[~np.isnan(boot)]
    usable = not math.isnan(point) and len(kept) >= how.min_defined * len(boot)
    low, high = np.percentile(kept, [50 * (1 - how.level), 50 * (1 + how.level)]) if usable else (np.nan, np.nan)
    known = ~np.isnan(target)
    return Estimate(
        value=float(point),
        low=float(low),
        high=float(high),
        n=int(known.any(axis=1).sum() if known.ndim == 2 else known.sum()),
        positives=int((target == 1).sum()),
        negatives=int((target == 0).sum()),
        undefined=float(1 - len(kept) / len(boot)),
    )
