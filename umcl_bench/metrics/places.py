"""Where models stand among each other on the same samples: ranks with intervals, and who may be as good as the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from umcl_bench.metrics.comparison import Runs
from umcl_bench.metrics.intervals import (
    Estimate,
    Resampled,
    estimate_figure,
    estimates_of,
    figure_of,
    resampled_figures,
)
from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats
from umcl_bench.spec import Intervals


@dataclass(frozen=True)
class Place:
    """A model's place by its macro figure; NaN where the figure is undefined.

    `rank` is 1 + the number of models that are better, so that equal ones share the better rank. `low` and `high` are
    the interval of the rank. `p` is of the test against the best (`against_best`); NaN for the best itself. `tied`: not
    significantly worse than the best, which is tied with itself.
    """

    rank: float
    low: float
    high: float
    p: float
    tied: bool


_NAN = float("nan")
_ROUNDING = 1e-12
NOWHERE = Place(_NAN, _NAN, _NAN, _NAN, tied=False)


def places(
    models: Sequence[Runs], metric: str, figure: Figure, how: Intervals
) -> tuple[list[dict[str, Estimate]], list[Place]]:
    """Each model's estimates (as intervals.estimate_figure), and its place among the models.

    One bootstrap over patients serves all: each resample draws the same patients for every model. Rank intervals are
    the percentiles of the ranks in the resamples (Goldstein and Spiegelhalter 1996); where models are equal in one, the
    lower end counts the better of their ranks and the upper end the worse; each interval is for itself. Places are by
    the classes that are defined for all models that have any, estimates by a model's own. Raises ValueError where the
    samples are not the same.
    """
    found = get_metric(metric)
    spoken = [at for at, runs in enumerate(models) if _is_defined(runs, found, figure)]
    of_spoken = resampled_figures([models[at] for at in spoken], found, figure, how) if spoken else []
    resampled = dict(zip(spoken, of_spoken, strict=True))
    estimates = [
        _own(runs, found, figure, resampled[at], how) if at in resampled else estimate_figure(runs, metric, figure, how)
        for at, runs in enumerate(models)
    ]
    where = [NOWHERE] * len(models)
    if spoken:
        figures = np.array([of.points[:, -1].mean() for of in resampled.values()])
        boot = np.stack([of.boot[:, -1] for of in resampled.values()])
        for at, place in zip(spoken, placed(figures, boot, found, how), strict=True):
            where[at] = place
    return estimates, where


def _is_defined(runs: Runs, metric: Metric, figure: Figure) -> bool:
    """Whether any class is: a model with none would leave the others no class to stand by."""
    itself = np.ones((1, len(runs[0][figure.parts[0]].id)))
    of = [figure_of([parts[name] for name in figure.parts], metric, figure, itself) for parts in runs]
    return not np.isnan(np.mean(of, axis=0)).all()


def _own(runs: Runs, metric: Metric, figure: Figure, of: Resampled, how: Intervals) -> dict[str, Estimate]:
    """A model's own estimates, over all classes that are defined for it, whatever the other models lack."""
    defined = ~np.isnan(of.points[:, :-1].mean(axis=0))
    if not metric.joint and (defined & ~of.defined).any():
        return estimate_figure(runs, metric.name, figure, how)
    return estimates_of(runs[0][figure.parts[0]], metric, of, how)


def placed(figures: Floats, boot: Floats, metric: Metric, how: Intervals) -> list[Place]:
    """The places of models by figures (m,) and their resamples (m, b)."""
    known = np.flatnonzero(~np.isnan(figures))
    found = [NOWHERE] * len(figures)
    if not len(known):
        return found
    sign = 1 if metric.higher_is_better else -1
    points, drawn = sign * figures[known], sign * boot[known]
    p, (low, high) = against_best(points, drawn, how), _rank_interval(drawn, how)
    for at, model in enumerate(known):
        found[model] = Place(
            rank=float(1 + (points > points[at]).sum()),
            low=float(low[at]),
            high=float(high[at]),
            p=float(p[at]),
            tied=not p[at] < 1 - how.level,  # no test says that it is worse
        )
    return found


def against_best(points: Floats, drawn: Floats, how: Intervals) -> Floats:
    """The p (m,) of each model being as good as the best by the figures `points` (m,), higher being better.

    That the best was picked by these figures, and that there are many models, is in it: of equal models any pair may
    turn out to be the best and the worst. A model's distance from the best, in standard errors of their difference, is
    held against the largest such distance, less its own in the sample, of any two models in each resample of `drawn`
    (m, b): of those that are no farther from the best than it (the step-down of Romano and Wolf 2005, Econometrica,
    and the range statistic of the model confidence set, Hansen, Lunde and Nason 2011). p is (k + 1) / (b + 1), where k
    resamples have as large a distance, and no smaller than that of a model that is farther. NaN for the best, and with
    too few resamples.
    """
    p, kept = np.full(len(points), np.nan), _kept(drawn, how)
    if not kept.size:
        return p
    best, centred = int(points.argmax()), kept - points[:, None]
    distance = _in_errors(points[best] - points, centred[best] - centred)
    order = [best, *(int(at) for at in np.argsort(distance, kind="stable") if at != best)]
    widest = np.zeros(kept.shape[1])
    for at, model in enumerate(order[1:], 1):
        differences = centred[order[:at]] - centred[model]
        widest = np.maximum(widest, _in_errors(differences.T, differences).max(axis=1))
        p[model] = (1 + (widest >= distance[model]).sum()) / (1 + len(widest))
    p[order[1:]] = np.maximum.accumulate(p[order[:0:-1]])[::-1]
    return p


def _in_errors(values: Floats, differences: Floats) -> Floats:
    """The size of values (..., m) in the standard errors of m differences (m, b); infinite where these never vary."""
    error = differences.std(axis=1, ddof=1)
    never = np.where(np.abs(values) > _ROUNDING, np.inf, 0.0)
    varies = np.broadcast_to(error > _ROUNDING, values.shape)
    return np.asarray(np.divide(np.abs(values), error, out=never, where=varies))


def _rank_interval(drawn: Floats, how: Intervals) -> tuple[Floats, Floats]:
    """The ends (m,) of each model's rank by figures (m, b), higher being better; NaN with too few resamples."""
    kept = _kept(drawn, how)
    if not kept.size:
        return np.full(len(drawn), np.nan), np.full(len(drawn), np.nan)
    better = np.array([(kept > own).sum(axis=0) for own in kept])
    as_good = np.array([(kept >= own).sum(axis=0) for own in kept])
    tail = 50 * (1 - how.level)
    low = np.percentile(1 + better, tail, axis=1, method="inverted_cdf")
    return low, np.percentile(as_good, 100 - tail, axis=1, method="inverted_cdf")


def _kept(drawn: Floats, how: Intervals) -> Floats:
    """The resamples of figures (m, b) in which all are defined; none where these are too few."""
    kept = drawn[:, ~np.isnan(drawn).any(axis=0)]
    return kept if kept.shape[1] > 1 and kept.shape[1] >= how.min_defined * drawn.shape[1] else kept[:, :0]
