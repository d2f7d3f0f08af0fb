"""A figure in subgroups of the samples (sex, age, view, site), and the gap between the best and the worst of them.

All subgroups are resampled together: the same patients are drawn for each, so that a gap's interval is a paired one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.intervals import Estimate, counted, figure_of, resampled_weights, summary
from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.places import against_best
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats, Parts, Scores
from umcl_bench.spec import Intervals

LEAST = 10
"""So many positives and negatives (or samples, where a metric has no labels) a class needs in a group."""

BANDS = ((0, 17), (18, 39), (40, 59), (60, 79), (80, 120))
"""Bands of age in whole years, both ends in them. What is above 120 is a mistake, and not known."""


@dataclass(frozen=True)
class Gap:
    """How much better the best group is than the worst, as an estimate: 0 or more in the sample, in the metric's units.

    The interval is that of the difference between these two groups. That they were chosen as the best and the worst of
    several is not in it, so with many groups it excludes 0 too often; it is in `p`, which is that of all groups being
    equal (places.against_best).
    """

    best: str
    worst: str
    estimate: Estimate
    p: float


@dataclass(frozen=True)
class Subgroups:
    """A figure in each group: every class's estimate, NaN with its counts where the group has too few, and 'macro'.

    'macro' is the mean over `compared`: the classes that are defined in all groups, so that groups are compared on the
    same ones. Groups that have too few for any class are `small`: they are not asked. `unknown` samples belong to no
    group. There is no gap where fewer than two groups have a 'macro'.
    """

    by: str
    groups: Mapping[str, Mapping[str, Estimate]]
    compared: tuple[str, ...]
    small: tuple[str, ...]
    unknown: int
    gap: Gap | None


@dataclass(frozen=True)
class _Group:
    """The parts' samples that are in a group, the figure of each class there (c,), and in each resample (b, c)."""

    parts: Sequence[Scores]
    points: Floats
    boot: Floats


def subgroups(parts: Parts, metric: str, figure: Figure, by: str, how: Intervals) -> Subgroups:
    """The figure in the groups of `by` that the scores know ('age': in BANDS). Raises KeyError where they have none."""
    found, chosen = get_metric(metric), [parts[name] for name in figure.parts]
    rows = group_rows(chosen[0], by)
    groups = {name: _group(chosen, of, found, figure, how) for name, of in rows.items()}
    defined = {name: ~np.isnan(group.points) for name, group in groups.items()}
    large = [name for name in groups if defined[name].any()]
    common = np.flatnonzero(np.logical_and.reduce([defined[name] for name in large])) if large else np.zeros(0, int)
    macros = {name: _macro(group, common, found, how) for name, group in groups.items()}
    return Subgroups(
        by=by,
        groups={name: {**_classes(group, found, how), "macro": macros[name]} for name, group in groups.items()},
        compared=() if found.joint else tuple(chosen[0].classes[k] for k in common),
        small=tuple(name for name in groups if name not in large),
        unknown=len(chosen[0].id) - sum(map(len, rows.values())),
        gap=_gap({name: groups[name] for name in large}, common, found, how),
    )


def group_rows(scores: Scores, by: str) -> dict[str, NDArray[np.int64]]:
    """The rows of each group: bands of age from the youngest, others in the order of their numbers or names."""
    values = scores.groups[by]
    names = np.array([age_band(str(v)) if by == "age" else str(v) for v in values], dtype=object)
    if by == "age":
        order = [age_band(str(low)) for low, _ in BANDS]
    else:
        order = sorted(set(names), key=lambda name: (int(name) if name.isdecimal() else math.inf, name))
    rows = {name: np.flatnonzero(names == name) for name in order if name}
    return {name: of for name, of in rows.items() if len(of)}


def age_band(age: str) -> str:
    """The band of an age in years, '' where it is not known."""
    try:
        years = math.floor(float(age))
    except (ValueError, OverflowError):
        return ""
    for low, high in BANDS:
        if low <= years <= high:
            return f"{low}+" if high == BANDS[-1][1] else f"{low}-{high}"
    return ""


def _group(chosen: Sequence[Scores], rows: NDArray[np.int64], metric: Metric, figure: Figure, how: Intervals) -> _Group:
    parts = [scores.take(rows) for scores in chosen]
    points = figure_of(parts, metric, figure, np.ones((1, len(rows))))[0]
    boot = [figure_of(parts, metric, figure, weights[:, rows]) for weights in resampled_weights(chosen[0].patient, how)]
    return _Group(parts, np.where(_enough(parts[0], metric), points, np.nan), np.concatenate(boot))


def _enough(scores: Scores, metric: Metric) -> NDArray[np.bool_]:
    """For each class (c,), or for all at once (1,), whether there are so many positives and negatives, or samples."""
    counts = counted(scores, metric)
    if metric.joint:
        return np.array([(~np.isnan(counts)).any(axis=1).sum() >= LEAST])
    if "target" not in metric.needs:
        return np.asarray((~np.isnan(counts)).sum(axis=0) >= LEAST)
    return np.asarray(np.minimum((counts == 1).sum(axis=0), (counts == 0).sum(axis=0)) >= LEAST)


def _classes(group: _Group, metric: Metric, how: Intervals) -> dict[str, Estimate]:
    if metric.joint:
        return {}
    counts = counted(group.parts[0], metric)
    return {
        name: summary(group.points[k], group.boot[:, k], counts[:, [k]], metric, how)
        for k, name in enumerate(group.parts[0].classes)
    }


def _macro(group: _Group, common: NDArray[np.int64], metric: Metric, how: Intervals) -> Estimate:
    """The mean over the common classes; the counts are theirs."""
    counts = counted(group.parts[0], metric)
    counts = counts if metric.joint else counts[:, common]
    return summary(_mean(group.points[None], common)[0], _mean(group.boot, common), counts, metric, how)


def _mean(values: Floats, common: NDArray[np.int64]) -> Floats:
    """The mean (b,) over the common classes of values (b, c), NaN where there are none."""
    return values[:, common].mean(axis=1) if len(common) else np.full(len(values), np.nan)


def _gap(groups: Mapping[str, _Group], common: NDArray[np.int64], metric: Metric, how: Intervals) -> Gap | None:
    """The gap of the groups that are large enough for any class."""
    if len(groups) < 2 or not len(common):
        return None
    sign, names = 1 if metric.higher_is_better else -1, list(groups)
    figures = sign * np.array([group.points[common].mean() for group in groups.values()])
    boot = sign * np.stack([_mean(group.boot, common) for group in groups.values()])
    best, worst = int(figures.argmax()), int(figures.argmin())
    if best == worst:  # all are equal
        worst = len(names) - 1
    counts = np.concatenate([counted(groups[names[at]].parts[0], metric) for at in (best, worst)])
    found = summary(float(figures[best] - figures[worst]), boot[best] - boot[worst], counts, metric, how)
    return Gap(names[best], names[worst], found, float(against_best(figures, boot, how)[worst]))
