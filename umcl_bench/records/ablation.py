"""What an ablation found, from records alone: its figures, the paired differences of its arms, and its claims.

All tests of an ablation (each arm against what it is compared with, each claim, each trend, at each value of the dial
and by each measure) are one family, corrected by Holm. Films of one value of the dial are the same for all arms, and
their resamples are paired; films of two values are other films, and their resamples are drawn apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from umcl_bench.metrics.comparison import PER_COMPARISON, bootstrap_p, holm
from umcl_bench.metrics.intervals import Estimate, Resampled, counted, resampled_figures, summary
from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats
from umcl_bench.records.contenders import Contender, check_comparable
from umcl_bench.records.store import Record
from umcl_bench.spec import Ablation, Claim, Intervals, Measure

Value = float | None
Verdict = Literal["supported", "not supported", "undecided"]


class Cell(NamedTuple):
    """An arm, by its label, at a value of the dial (None: no dial is varied), by a measure's name."""

    measure: str
    value: Value
    arm: str


@dataclass(frozen=True)
class Runs:
    """The records of an ablation: of each cell its runs, in the order of `seeds`; a cell that lacks one is not there.

    `left_out` says why, a line a cell. The `dial` has the `values`, (None,) where none is varied.
    """

    ablation: Ablation
    seeds: tuple[int, ...]
    records: Mapping[Cell, tuple[Record, ...]]
    dial: str = ""
    values: tuple[Value, ...] = (None,)
    left_out: tuple[str, ...] = ()


Terms = tuple[tuple[int, Cell], ...]
"""A sum of figures, each with its sign: that of a difference, or of a difference of differences."""


@dataclass(frozen=True)
class Effect:
    """How much better one arm is than another, above 0 where it is; or by how much such a difference is larger.

    `each` are the differences of the seeds (r,). `holm` is `p` after the correction over the ablation's tests.
    """

    terms: Terms
    estimate: Estimate
    p: float
    each: tuple[float, ...]
    holm: float = float("nan")

    def flipped(self) -> Effect:
        """The same test, the other way round."""
        e = self.estimate
        turned = dataclasses.replace(e, value=-e.value, low=-e.high, high=-e.low)
        terms = tuple((-sign, cell) for sign, cell in self.terms)
        return dataclasses.replace(self, terms=terms, estimate=turned, each=tuple(-d for d in self.each))


@dataclass(frozen=True)
class Ruling:
    """What the tests say of a claim, at a value of the dial; `trend`: of that it grows with the dial."""

    claim: Claim
    effect: Effect
    verdict: Verdict
    trend: bool = False


@dataclass(frozen=True)
class Study:
    """All that an ablation found: the figure of each cell, the test of each arm, the rulings, and how many tests."""

    runs: Runs
    figures: Mapping[Cell, Estimate]
    tests: Mapping[Cell, Effect]
    rulings: tuple[Ruling, ...]
    how: Intervals
    count: int

    def key(self, measure: Measure) -> str:
        """The metric's key that a measure reads."""
        return _key(self.runs, measure)

    def fact(self, cell: Cell, name: str) -> float:
        """A number of the trainings of a cell, their mean over the seeds; NaN where it is not on record."""
        return float(np.mean([_fact(record, name) for record in self.runs.records[cell]]))


def study(runs: Runs) -> Study:
    """The study of an ablation's records. Raises UsageError where records can't be compared."""
    wanted, claimed = _tests_of(runs)
    family = list(dict.fromkeys([_canonical(runs, terms)[1] for terms in (*wanted.values(), *claimed.values())]))
    family = [terms for terms in family if terms]
    how = next(iter(runs.records.values()))[0].intervals()
    how = dataclasses.replace(how, resamples=max(how.resamples, PER_COMPARISON * len(family)))
    figures, resampled = _figures(runs, how)
    found = {terms: _effect(terms, runs, resampled, how) for terms in family}
    corrected = holm({str(at): test.p for at, test in enumerate(found.values())})
    found = {
        terms: dataclasses.replace(test, holm=corrected[str(at)]) for at, (terms, test) in enumerate(found.items())
    }

    def look(terms: Terms) -> Effect | None:
        sign, canonical = _canonical(runs, terms)
        if not canonical:
            return None
        return found[canonical] if sign > 0 else found[canonical].flipped()

    tests = {cell: test for cell, terms in wanted.items() if (test := look(terms)) is not None}
    rulings = tuple(
        Ruling(claim, test, judge(test, 1 - how.level), trend)
        for (claim, _, trend), terms in claimed.items()
        if (test := look(terms)) is not None
    )
    return Study(runs, figures, tests, rulings, how, sum(not np.isnan(test.p) for test in found.values()))


def judge(test: Effect, alpha: float) -> Verdict:
    """'supported' or 'not supported' (the opposite holds) where p after Holm is below `alpha` and every seed agrees.

    Else the figures do not tell: 'undecided'.
    """
    sign = np.sign(test.estimate.value)
    if np.isnan(test.holm) or test.holm >= alpha or not sign or not all(np.sign(d) == sign for d in test.each):
        return "undecided"
    return "supported" if sign > 0 else "not supported"


def _tests_of(runs: Runs) -> tuple[dict[Cell, Terms], dict[tuple[Claim, Value, bool], Terms]]:
    """The tests of arms and of claims that there are records for; trends are between the dial's ends."""
    ablation, there = runs.ablation, runs.records
    wanted, claimed = dict[Cell, Terms](), dict[tuple[Claim, Value, bool], Terms]()
    for measure in ablation.measures:
        for value in runs.values:
            for arm in ablation.arms:
                cell, other = Cell(measure.name, value, arm.label), ablation.against(arm)
                if other and cell in there and cell._replace(arm=other) in there:
                    wanted[cell] = ((1, cell), (-1, cell._replace(arm=other)))
    for claim in ablation.claims:
        at = {value: terms for value in runs.values if (terms := _claimed(claim, value, runs))}
        claimed |= {(claim, value, False): terms for value, terms in at.items()}
        ends = [value for value in at if value is not None]
        if claim.grows and runs.dial == ablation.dial and len(ends) > 1:
            low, high = min(ends), max(ends)
            claimed[claim, high, True] = (*at[high], *((-sign, cell) for sign, cell in at[low]))
    return wanted, claimed


def _claimed(claim: Claim, value: Value, runs: Runs) -> Terms:
    pairs = [(1, claim.better), (-1, claim.than)]
    pairs += [(-1, claim.over[0]), (1, claim.over[1])] if claim.over else []
    terms = tuple((sign, Cell(claim.by, value, arm)) for sign, arm in pairs)
    return terms if all(cell in runs.records for _, cell in terms) else ()


def _canonical(runs: Runs, terms: Terms) -> tuple[int, Terms]:
    """A sign, and the terms that stand for `terms` and their opposite; () where nothing is left.

    Arms of the same runs (of one model that only its task's templates tell apart) are one.
    """
    total: dict[Cell, int] = {}
    for sign, cell in terms:
        first = _same_runs(runs, cell)
        total[first] = total.get(first, 0) + sign
    left = sorted(((sign, cell) for cell, sign in total.items() if sign), key=lambda term: str(term[1]))
    if not left:
        return 1, ()
    lead = 1 if left[0][0] > 0 else -1
    return lead, tuple((lead * sign, cell) for sign, cell in left)


def _same_runs(runs: Runs, cell: Cell) -> Cell:
    ids = [record.id for record in runs.records[cell]]
    return next(
        c for c, records in runs.records.items() if c[:2] == cell[:2] and [record.id for record in records] == ids
    )


def _key(runs: Runs, measure: Measure) -> str:
    first = next(records[0] for cell, records in runs.records.items() if cell.measure == measure.name)
    return measure.key or str(first.result["headline"])


def _figures(runs: Runs, how: Intervals) -> tuple[dict[Cell, Estimate], dict[Cell, Resampled]]:
    """Each cell's macro figure, and what it is in each resample, in an order of resamples that is the value's own."""
    figures, resampled = dict[Cell, Estimate](), dict[Cell, Resampled]()
    for measure in runs.ablation.measures:
        for at, value in enumerate(runs.values):
            cells = [cell for cell in runs.records if cell[:2] == (measure.name, value)]
            kept = list(dict.fromkeys(_same_runs(runs, cell) for cell in cells))
            if not kept:
                continue
            key = _key(runs, measure)
            scores = check_comparable(
                [Contender(cell.arm, runs.records[cell]) for cell in kept], key, but=_templates(runs.ablation)
            )
            metric, figure = _metric(runs, kept[0], key)
            found = resampled_figures(scores, metric, figure, how)
            order = np.random.default_rng(at).permutation(how.resamples) if at else np.arange(how.resamples)
            counts = counted(scores[0][0][figure.parts[0]], metric)
            for cell, of in zip(kept, found, strict=True):
                boot = of.boot[order, -1:]
                resampled[cell] = Resampled(of.points[:, -1:], boot, of.defined)
                figures[cell] = summary(float(of.points[:, -1].mean()), boot[:, 0], counts, metric, how)
            figures |= {cell: figures[_same_runs(runs, cell)] for cell in cells}
    return figures, resampled


def _metric(runs: Runs, cell: Cell, key: str) -> tuple[Metric, Figure]:
    name, figure = runs.records[cell][0].figure(key)
    return get_metric(name), figure


def _templates(ablation: Ablation) -> tuple[str, ...]:
    """The fields of the task that the arms change, and that therefore may differ."""
    return tuple(dict.fromkeys(change.partition("=")[0] for arm in ablation.arms for change in arm.task))


def _effect(terms: Terms, runs: Runs, resampled: Mapping[Cell, Resampled], how: Intervals) -> Effect:
    cell = terms[0][1]
    measure = next(m for m in runs.ablation.measures if m.name == cell.measure)
    metric, _ = _metric(runs, cell, _key(runs, measure))
    better = -1 if measure.lower or not metric.higher_is_better else 1
    each: Floats = better * sum((sign * resampled[c].points[:, 0] for sign, c in terms), np.zeros(1))
    boot: Floats = better * sum((sign * resampled[c].boot[:, 0] for sign, c in terms), np.zeros(1))
    nothing = np.full((1, 1), np.nan)  # a sum of figures has no samples of its own
    if len({resampled[c].defined.tobytes() for _, c in terms}) > 1:  # macro figures of other classes
        each, boot = np.full_like(each, np.nan), np.full_like(boot, np.nan)
    found = summary(float(each.mean()), boot, nothing, metric, how)
    return Effect(terms, found, bootstrap_p(boot, how), tuple(map(float, each)))


def _fact(record: Record, name: str) -> float:
    training = record.result["training"]
    if name == "rows a step":
        return float(record.result["model"]["recipe"]["size"]["optim"]["batch"])
    if name == "share of label-only rows":
        drawn = training.get("rows_drawn") or {}
        return drawn.get("image-label", 0) / sum(drawn.values()) if drawn else float("nan")
    value = training.get(name)
    return float("nan") if value is None else float(value)


def spread(each: Sequence[float]) -> float:
    """The standard deviation over the seeds; NaN of one."""
    return float(np.std(each, ddof=1)) if len(each) > 1 else float("nan")
