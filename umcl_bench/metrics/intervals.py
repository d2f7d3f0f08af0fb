"""Estimates with intervals: the patient-cluster bootstrap.

Patients are drawn with replacement, and each brings all of its films (Field and Welsh 2007), so that films of one
patient do not count as independent. The interval is from the 2.5th to the 97.5th percentile of the resampled figures.
The seed is in the record.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from umcl_bench.errors import UsageError
from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats, Parts, Scores, over_parts, same_samples
from umcl_bench.spec import Intervals

_BLOCK = 2**20  # weights at a time: 8 MB, about what a cache holds
_LEAST = 100  # resamples at a time


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, in the metric's own units (fractions, ranks); NaN is undefined.

    `undefined` is the share of resamples in which the figure could not be computed (no positive, say). `n` are the
    samples that count; where the scores have no targets, `positives` and `negatives` are 0.
    """

    value: float
    low: float
    high: float
    n: int
    positives: int
    negatives: int
    undefined: float


def patient_weights(patient: NDArray[np.object_], resamples: int, rng: Generator) -> Floats:
    """How often each sample (n,) counts in each resample (b, n): as often as its patient was drawn.

    A sample's weights lie side by side, as products with sparse matrices read them.
    """
    names, index = np.unique(patient.astype(str), return_inverse=True)
    drawn = rng.integers(0, len(names), size=(resamples, len(names)), dtype=np.int32)
    times = np.empty((resamples, len(names)))
    for resample, row in enumerate(drawn):
        times[resample] = np.bincount(row, minlength=len(names))
    return times.T[index].T


def resampled_weights(patient: NDArray[np.object_], how: Intervals) -> Iterator[Floats]:
    """The weights (b, n) of all resamples, in blocks; equal patients and `how` give equal weights."""
    rng, block = np.random.default_rng(how.seed), max(_LEAST, _BLOCK // max(1, len(patient)))
    for at in range(0, how.resamples, block):
        yield patient_weights(patient, min(block, how.resamples - at), rng)


def macro(scores: Scores, metric: str) -> float:
    """The mean of a metric over the classes that are defined in the sample; NaN where none is."""
    points = get_metric(metric).points(scores)
    return float(np.nanmean(points)) if not np.isnan(points).all() else math.nan


def estimate(scores: Scores, metric: str, how: Intervals) -> dict[str, Estimate]:
    """Each class's estimate, and under 'macro' that of the mean over the classes that are defined in the sample.

    A resample counts for 'macro' only where all of these classes are defined in it, so that every resample averages
    the same classes. A joint metric has 'macro' alone.
    """
    return estimate_mean([scores], metric, how)


def estimate_mean(several: Sequence[Scores], metric: str, how: Intervals) -> dict[str, Estimate]:
    """As `estimate`, of the mean figure of several models (or seeds) on the same samples.

    Each resample draws the same patients for all of them: the interval is of the sampling of patients alone. Raises
    ValueError where the samples are not the same.
    """
    return estimate_figure([{"": scores} for scores in several], metric, Figure(), how)


def estimate_figure(runs: Sequence[Parts], metric: str, figure: Figure, how: Intervals) -> dict[str, Estimate]:
    """As `estimate`, of a figure over a run's parts, and then of its mean over several runs (models, seeds).

    'macro' is the figure of the parts' own means over the classes: the spread of macro AUROC, not the mean of the
    classes' spreads. Raises ValueError where the samples of the parts or runs are not the same.
    """
    found = get_metric(metric)
    (of,) = resampled_figures([runs], found, figure, how)
    return estimates_of(runs[0][figure.parts[0]], found, of, how)


@dataclass(frozen=True)
class Resampled:
    """A figure of several runs (r) of one model: in the sample, and the runs' mean in each resample (b).

    `points` are (r, c + 1) and `boot` (b, c + 1): each class (or the joint figure), and last the macro figure, over the
    `defined` classes (c,).
    """

    points: Floats
    boot: Floats
    defined: NDArray[np.bool_]


def resampled_figures(
    models: Sequence[Sequence[Parts]], metric: Metric, figure: Figure, how: Intervals
) -> list[Resampled]:
    """The figure of each model, which may have several runs; each resample draws the same patients for all models.

    The macro figures of all models are over the same classes: those that are defined in the sample for all of them.
    Of a single patient there are no resamples: all of them would be the sample itself, and `boot` is NaN. Raises
    ValueError where the samples of the models, runs or parts are not the same, UsageError where they lack what the
    metric reads.
    """
    chosen = [[[parts[name] for name in figure.parts] for parts in runs] for runs in models]
    if not same_samples([scores for runs in chosen for parts in runs for scores in parts]):
        raise ValueError("the scores are not of the same samples")
    first = chosen[0][0][0]
    if lacks := [column for column in metric.needs if column not in first.columns]:
        raise UsageError(
            f"metric {metric.name} reads {', '.join(lacks)}, and the scores are {', '.join(first.columns)}: it is for "
            "another protocol. Name other metrics in the task"
        )
    itself = np.ones((1, len(first.id)))
    known = [figure_of(parts, metric, figure, itself)[0] for runs in chosen for parts in runs]
    defined = ~np.isnan(np.mean(known, axis=0))
    points = [
        np.concatenate([_with_macro(parts, metric, figure, itself, defined) for parts in runs]) for runs in chosen
    ]
    boot: list[list[Floats]] = [[] for _ in chosen]
    for weights in resampled_weights(first.patient, how):
        for at, runs in enumerate(chosen):
            boot[at].append(np.mean([_with_macro(parts, metric, figure, weights, defined) for parts in runs], axis=0))
    missing = np.nan if len(set(first.patient)) < 2 else 0.0
    return [Resampled(own, np.concatenate(blocks) + missing, defined) for own, blocks in zip(points, boot, strict=True)]


def figure_of(parts: Sequence[Scores], metric: Metric, figure: Figure, weights: Floats) -> Floats:
    """The figure of each class over the parts, for each row of weights (b, n): (b, c), or (b, 1) of a joint metric."""
    return over_parts(np.stack([metric.resampled(scores, weights) for scores in parts]), figure.over)


def _with_macro(
    parts: Sequence[Scores], metric: Metric, figure: Figure, weights: Floats, defined: NDArray[np.bool_]
) -> Floats:
    """As `figure_of`, and last that of the parts' means over the `defined` classes: (b, c + 1)."""
    each = np.stack([metric.resampled(scores, weights) for scores in parts])
    mean = each[:, :, defined].mean(axis=2) if defined.any() else np.full(each.shape[:2], np.nan)
    return over_parts(np.concatenate([each, mean[:, :, None]], axis=2), figure.over)


def counted(scores: Scores, metric: Metric) -> Floats:
    """What says which samples count (n, c), by not being NaN: the labels, or else the first column that is read."""
    return scores.target if "target" in metric.needs else scores.columns[metric.needs[0]]


def estimates_of(scores: Scores, metric: Metric, of: Resampled, how: Intervals) -> dict[str, Estimate]:
    """The estimates by class and under 'macro' of a figure whose samples are those of `scores`."""
    counts, points, boot = counted(scores, metric), of.points.mean(axis=0), of.boot
    if metric.joint:
        return {"macro": summary(points[-1], boot[:, -1], counts, metric, how)}
    out = {name: summary(points[k], boot[:, k], counts[:, [k]], metric, how) for k, name in enumerate(scores.classes)}
    return {**out, "macro": summary(points[-1], boot[:, -1], counts[:, of.defined], metric, how)}


def summary(point: float, boot: Floats, counts: Floats, metric: Metric, how: Intervals) -> Estimate:
    """The estimate of a figure that is `point` in the sample and `boot` (b,) in its resamples, of samples (n, c)."""
    kept = boot[~np.isnan(boot)]
    usable = not math.isnan(point) and len(kept) >= how.min_defined * len(boot)
    low, high = np.percentile(kept, [50 * (1 - how.level), 50 * (1 + how.level)]) if usable else (np.nan, np.nan)
    has_target = "target" in metric.needs
    return Estimate(
        value=float(point),
        low=float(low),
        high=float(high),
        n=int((~np.isnan(counts)).any(axis=1).sum()),
        positives=int((counts == 1).sum()) if has_target else 0,
        negatives=int((counts == 0).sum()) if has_target else 0,
        undefined=float(1 - len(kept) / len(boot)),
    )
