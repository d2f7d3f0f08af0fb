"""Where models stand among each other on the same samples: ranks with intervals, and who may be as good as the best."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from umcl_bench.metrics.comparison import PER_COMPARISON, Runs, bootstrap_p, holm
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
    the interval of the rank. `p` is the test against the best, after Holm over the table; NaN for the best itself.
    `tied`: not significantly worse than the best, which is tied with itself.
    """

    rank: float
    low: float
    high: float
    p: float
    tied: bool


_NAN = float("nan")
NOWHERE = Place(_NAN, _NAN, _NAN, _NAN, tied=False)


def places(
    models: Sequence[Runs], metric: str, figure: Figure, how: Intervals
) -> tuple[list[dict[str, Estimate]], list[Place]]:
    """Each model's estimates (as intervals.estimate_figure), and its place among the models.

    One bootstrap over patients serves all: each resample draws the same patients for every model. Rank intervals are
    the percentiles of the ranks in the resamples (Goldstein and Spiegelhalter 1996); where models are equal in one, the
    lower end counts the better of their ranks and the upper end the worse. The best by the figures themselves is tested
    against each other model (comparison.bootstrap_p), and Holm's correction is over these tests. Places are by the
    classes that are defined for all models that have any, estimates by a model's own. Resamples are as many as `how`
    says for the estimates, and at least PER_COMPARISON a test for places. Raises ValueError where the samples are not
    the same.
    """
    found = get_metric(metric)
    many = dataclasses.replace(how, resamples=max(how.resamples, PER_COMPARISON * (len(models) - 1)))
    spoken = [at for at, runs in enumerate(models) if _is_defined(runs, found, figure)]
    of_spoken = resampled_figures([models[at] for at in spoken], found, figure, many) if spoken else []
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
    shortened = dataclasses.replace(of, boot=of.boot[: how.resamples])
    return estimates_of(runs[0][figure.parts[0]], metric, shortened, how)


def placed(figures: Floats, boot: Floats, metric: Metric, how: Intervals) -> list[Place]:
    """The places of models by figures (m,) and their resamples (m, b)."""
    known = np.flatnonzero(~np.isnan(figures))
    found = [NOWHERE] * len(figures)
    if not len(known):
        return found
    sign = 1 if metric.higher_is_better else -1
    points, drawn = sign * figures[known], sign * boot[known]
    best = int(points.argmax())
    tests = {str(at): bootstrap_p(drawn[best] - drawn[at], how) for at in range(len(known)) if at != best}
    p = holm(tests)
    low, high = _rank_interval(drawn, how)
    for at, model in enumerate(known):
        tested = p.get(str(at), float("nan"))
        found[model] = Place(
            rank=float(1 + (points > points[at]).sum()),
            low=float(low[at]),
            high=float(high[at]),
            p=tested,
            tied=not tested < 1 - how.level,  # no test says that it is worse
        )
    return found


def _rank_interval(drawn: Floats, how: Intervals) -> tuple[Floats, Floats]:
    """The ends (m,) of each model's rank by figures (m, b), higher being better; NaN with too few resamples."""
    kept = drawn[:, ~np.isnan(drawn).any(axis=0)]
    if not kept.size or kept.shape[1] < how.min_defined * drawn.shape[1]:
        return np.full(len(drawn), np.nan), np.full(len(drawn), np.nan)
    better = np.array([(kept > own).sum(axis=0) for own in kept])
    as_good = np.array([(kept >= own).sum(axis=0) for own in kept])
    tail = 50 * (1 - how.level)
    low = np.percentile(1 + better, tail, axis=1, method="inverted_cdf")
    return low, np.percentile(as_good, 100 - tail, axis=1, method="inverted_cdf")
