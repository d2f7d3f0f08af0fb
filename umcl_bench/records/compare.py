"""Paired comparisons of runs on record, from their per-sample scores alone."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from umcl_bench.metrics.comparison import PER_COMPARISON, Difference, compare, holm, p_over_seeds
from umcl_bench.records.contenders import Contender, check_comparable
from umcl_bench.records.leaderboard import interval, title_of
from umcl_bench.spec import Intervals


@dataclass(frozen=True)
class Pair:
    """Two contenders: their differences by class and 'macro', and each p after Holm's correction, DeLong's too.

    'macro' is corrected over the pairs, and a class over the classes of all pairs, which are a family of their own.
    """

    first: Contender
    second: Contender
    differences: dict[str, Difference]
    holm: dict[str, float]
    delong_holm: dict[str, float]

    @property
    def macro(self) -> Difference:
        """The difference of the figure itself."""
        return self.differences["macro"]

    def spread(self, name: str = "macro") -> float:
        """The standard deviation of the paired differences over the seeds; NaN of one."""
        each = self.differences[name].each
        return float(np.std(each, ddof=1)) if len(each) > 1 else float("nan")


@dataclass(frozen=True)
class Comparison:
    """All pairs of a comparison by the figure `key` of their records, and the sizes of the two families of tests."""

    key: str
    contenders: tuple[Contender, ...]
    pairs: tuple[Pair, ...]
    how: Intervals
    all_pairs: bool
    tests: int
    class_tests: int

    @property
    def result(self) -> dict[str, Any]:
        """The first record's; what it says of task and data holds for all."""
        return self.contenders[0].records[0].result


def compare_runs(
    contenders: Sequence[Contender], key: str = "", *, all_pairs: bool = False, resamples: int | None = None
) -> Comparison:
    """The first contender against each of the others, or all pairs, by a metric of the records ('': their headline).

    Resamples are as many as the first record's and PER_COMPARISON, unless said. Raises UsageError where the records
    can't be compared.
    """
    first = contenders[0].records[0]
    key = key or first.result["headline"]
    scores = check_comparable(contenders, key)
    metric, figure = first.figure(key)
    numbers = range(len(contenders))
    pairs = list(itertools.combinations(numbers, 2)) if all_pairs else [(0, at) for at in numbers[1:]]
    how = first.intervals()
    how = dataclasses.replace(how, resamples=resamples or max(how.resamples, PER_COMPARISON * len(pairs)))
    found = compare(scores, pairs, metric, figure, how)
    p = _families([{name: d.p for name, d in of.items()} for of in found])
    analytic = _families([{name: d.delong.p for name, d in of.items() if d.delong} for of in found])
    return Comparison(
        key=key,
        contenders=tuple(contenders),
        pairs=tuple(
            Pair(contenders[one], contenders[other], differences, *corrected)
            for (one, other), differences, *corrected in zip(pairs, found, p, analytic, strict=True)
        ),
        how=how,
        all_pairs=all_pairs,
        tests=sum(not np.isnan(of["macro"].p) for of in found),
        class_tests=sum(not np.isnan(d.p) for of in found for name, d in of.items() if name != "macro"),
    )


def _families(p: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Each pair's p values, corrected over the pairs' macro figures, and apart from these over all classes."""
    whole = holm({str(at): of["macro"] for at, of in enumerate(p) if "macro" in of})
    classes = holm({f"{at} {name}": value for at, of in enumerate(p) for name, value in of.items() if name != "macro"})
    return [
        {name: whole[str(at)] if name == "macro" else classes[f"{at} {name}"] for name in of} for at, of in enumerate(p)
    ]


def verdict(pair: Pair, found: Comparison) -> str:
    """The one sentence that the figures allow: which is better, or that they do not tell."""
    p, e = pair.holm["macro"], pair.macro.estimate
    after = f" after Holm for {found.tests} comparisons" if found.tests > 1 else ""
    names = pair.first.label, pair.second.label
    if np.isnan(p):
        return f"{names[0]} and {names[1]} can't be compared by {title_of(found.key)}: {_undefined(pair)}"
    if p >= 1 - found.how.level:
        told = interval(signed(pair.macro, 1))
        return f"the figures do not tell {names[0]} from {names[1]}: a difference of {told}, {p_text(p)}{after}"
    sign = 1 if e.value > 0 else -1
    better, worse = names[::sign]
    by, each = interval(signed(pair.macro, sign)), pair.macro.each
    told = f"by {by}, {p_text(p)}{after}"
    ahead = sum(sign * d > 0 for d in each)
    if len(each) < 2:
        trained = any(c.records[0].result["training"].get("steps") for c in (pair.first, pair.second))
        return f"{better} is better than {worse} {told}{', of one training each' if trained else ''}"
    over = f"in {ahead} of {len(each)} seeds ({seeds_text(each)})"
    if ahead == len(each):
        return f"{better} is better than {worse} {told}; so {over}"
    return f"these trainings of {better} are on average better than those of {worse} {told}; but only {over}"


def seeds_text(each: Sequence[float]) -> str:
    """How far the differences of the seeds spread, and what a t test over them says."""
    p = p_over_seeds(each)
    return f"sd {np.std(each, ddof=1):.3f}{'' if np.isnan(p) else f', over seeds {p_text(p)}'}"


def _undefined(pair: Pair) -> str:
    if np.isnan(pair.macro.estimate.value):
        return "it is undefined"
    return f"in {pair.macro.estimate.undefined:.0%} of the resamples a finding has one side only"


def signed(difference: Difference, sign: int) -> dict[str, float | None]:
    """The difference with its interval as in a record, or, for -1, that of the models the other way round."""
    e = difference.estimate
    ends = sorted([sign * e.low, sign * e.high])
    plain = {"value": sign * e.value, "low": ends[0], "high": ends[1]}
    return {name: None if np.isnan(value) else value for name, value in plain.items()}


def p_text(p: float) -> str:
    """'p = 0.012', or 'p < 0.001'."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
