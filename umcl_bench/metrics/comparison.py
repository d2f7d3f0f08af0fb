"""Models compared on the same samples: paired differences with intervals and p values, and Holm's correction.

Each resample draws the same patients for all models (intervals.py), so that what makes a sample hard for all of them is
not in the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from umcl_bench.metrics.delong import Normal, contrast, delong
from umcl_bench.metrics.intervals import Estimate, Resampled, counted, resampled_figures, summary
from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats, Parts
from umcl_bench.spec import Intervals

Runs = Sequence[Parts]
"""One model's runs, a seed each."""

PER_COMPARISON = 100
"""Resamples that each comparison of a family needs, so that the smallest p is 0.02 after Holm's correction."""


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another, in the metric's units: above 0 where the first is better.

    `first` and `second` are the models' figures, means over their runs; `estimate` has the difference of these with its
    interval, over the sampling of patients alone. `p` is the bootstrap's. `each` are the differences of the runs that
    are paired (r,): how they spread is another matter than the interval, and not in it. `delong` is the analytic test
    of one class's AUROC, None for other figures.
    """

    first: float
    second: float
    estimate: Estimate
    p: float
    each: tuple[float, ...]
    delong: Normal | None = None


def compare(
    models: Sequence[Runs], pairs: Sequence[tuple[int, int]], metric: str, figure: Figure, how: Intervals
) -> list[dict[str, Difference]]:
    """The differences of each pair of models, by class and under 'macro'; a joint metric has 'macro' alone.

    All models have as many runs, paired in their order. 'macro' is over the classes that are defined for all models.
    Raises ValueError where the samples are not the same.
    """
    found = get_metric(metric)
    resampled = resampled_figures(models, found, figure, how)
    return [_differences(models, resampled, pair, found, figure, how) for pair in pairs]


def _differences(
    models: Sequence[Runs],
    resampled: Sequence[Resampled],
    pair: tuple[int, int],
    metric: Metric,
    figure: Figure,
    how: Intervals,
) -> dict[str, Difference]:
    sign = 1 if metric.higher_is_better else -1
    one, other = (resampled[at] for at in pair)
    each, boot = sign * (one.points - other.points), sign * (one.boot - other.boot)
    scores = models[0][0][figure.parts[0]]
    counts = counted(scores, metric)
    columns = {} if metric.joint else {name: (k, counts[:, [k]]) for k, name in enumerate(scores.classes)}
    columns["macro"] = (-1, counts if metric.joint else counts[:, one.defined])
    analytic = metric.name == "auroc" and figure.over == "mean"
    return {
        name: Difference(
            first=float(one.points[:, k].mean()),
            second=float(other.points[:, k].mean()),
            estimate=summary(float(each[:, k].mean()), boot[:, k], of, metric, how),
            p=bootstrap_p(boot[:, k], how),
            each=tuple(map(float, each[:, k])),
            delong=delong_test([models[at] for at in pair], figure, k, how.level) if analytic and k >= 0 else None,
        )
        for name, (k, of) in columns.items()
    }


def bootstrap_p(differences: Floats, how: Intervals) -> float:
    """The two-sided p of no difference, from the differences in b resamples (b,): 2 (k + 1) / (b + 1), at most 1.

    k of the resamples are on the side of 0 where fewer are (0 itself is on both), so that p is below 5 % where the 95 %
    percentile interval excludes 0 (Efron and Tibshirani 1993, section 15.4), and never 0 (Davison and Hinkley 1997,
    section 4.2). Resamples without a figure do not count; with too few others, as for an interval, p is NaN.
    """
    kept = differences[~np.isnan(differences)]
    if not len(kept) or len(kept) < how.min_defined * len(differences):
        return float("nan")
    fewer = min((kept <= 0).sum(), (kept >= 0).sum())
    return min(1.0, 2 * (int(fewer) + 1) / (len(kept) + 1))


def p_over_seeds(each: Sequence[float]) -> float:
    """The two-sided p of a paired t test of the differences (r,) of r seeds, with r - 1 degrees of freedom.

    It asks what the bootstrap does not: would other trainings differ the same way, on these patients? NaN of one seed,
    and where all seeds differ by the same, which leaves nothing to test with.
    """
    from scipy.stats import ttest_1samp

    if len(each) < 2 or np.ptp(each) < 1e-12:
        return float("nan")
    return float(ttest_1samp(each, 0.0).pvalue)


def delong_test(pair: Sequence[Runs], figure: Figure, k: int, level: float) -> Normal:
    """DeLong's paired test of class k, of the means over runs and parts, with Obuchowski's variance over patients."""
    scores = [parts[name] for runs in pair for parts in runs for name in figure.parts]
    signs = np.repeat([1.0, -1.0], [len(runs) * len(figure.parts) for runs in pair])
    weights = signs / np.array([(signs == sign).sum() for sign in signs])
    areas = delong(np.stack([s.value[:, k] for s in scores]), scores[0].target[:, k], scores[0].patient)
    return contrast(areas, weights, level)


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Each p of a family corrected so that any false finding among them is as rare as p says (Holm 1979).

    The i-th smallest of m is multiplied by m - i + 1, and is no smaller than the one before it; at most 1. A NaN is no
    test: it does not count in m, and stays.
    """
    tested = sorted((value, name) for name, value in p.items() if not np.isnan(value))
    adjusted, least = dict(p), 0.0
    for at, (value, name) in enumerate(tested):
        least = max(least, min(1.0, value * (len(tested) - at)))
        adjusted[name] = least
    return adjusted
