"""Checks of a task, by models that are known: one is told the truth, one says the same of all, some are random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.metrics.intervals import estimate_figure
from umcl_bench.metrics.registry import METRICS
from umcl_bench.metrics.scores import Figure, Floats, Scores
from umcl_bench.models.base import Model
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.protocols import runner_of
from umcl_bench.protocols.base import Outcome, truth_of
from umcl_bench.spec import Intervals, Retrieval, Task, ZeroShot
from umcl_bench.validate import oracles
from umcl_bench.validate.checks import Seen, check, failed, judged, listed, not_applicable, passed
from umcl_bench.validate.phantom import FOR_TASKS, small_source
from umcl_bench.validate.told import Told as Told
from umcl_bench.validate.told import numbered_films as numbered_films
from umcl_bench.validate.views import reordered, reversed_classes

DRAWS, STANDARD_ERRORS = 40, 4
_INTERVALS = Intervals(resamples=200)
_EQUAL = 1e-12
_FITS = (
    "it tunes a network, which a check of seconds does not: `umcl-bench run` with --model random says what is missing"
)


@dataclass(frozen=True)
class TaskSubject:
    """A task, and the phantom as its dataset. Of a probe the headline's share or shots alone are checked."""

    whole: Task

    @cached_property
    def task(self) -> Task:
        """What is checked of it."""
        return oracles.short(self.whole)

    @cached_property
    def corpus(self) -> Corpus:
        """Raises UsageError for a dataset that there is not."""
        return small_source(FOR_TASKS).dataset(self.task.dataset)

    @cached_property
    def rows(self) -> Rows:
        """The rows that the task scores."""
        return runner_of(self.task).check(self.task, self.corpus)

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings whose labels it scores."""
        return runner_of(self.task).findings_of(self.task, self.corpus)

    @property
    def fits(self) -> bool:
        """Whether its protocol tunes a network."""
        return self.task.protocol.kind in oracles.FITTED

    def score(
        self,
        model: Model,
        corpus: Corpus | None = None,
        films: NDArray[np.uint8] | None = None,
        task: Task | None = None,
    ) -> Outcome:
        """What the task's protocol makes of the model; on the whole corpus where none is given."""
        task = task or self.task
        return runner_of(task).run(task, oracles.evaluation(self.corpus if corpus is None else corpus, model, films))

    @cached_property
    def first(self) -> Outcome:
        """What it makes of random embeddings."""
        return self.score(RandomEmbeddings(64, 0))


@check("data", "Name a dataset, a split and findings that exist: `umcl-bench list data`, `umcl-bench list splits`.")
def data(subject: TaskSubject) -> Seen:
    """Dataset, split and findings exist, and a finding has films with and without it."""
    task, rows, findings = subject.task, subject.rows, subject.findings
    where = f"{len(rows)} {task.split} rows of {task.dataset or 'the phantom'}"
    if not findings:
        return passed(where)
    if len(set(findings)) < len(findings):
        return failed("a finding is named twice")
    truth = truth_of(subject.corpus, rows, findings)
    there = [bool((column == 1).any() and (column == 0).any()) for column in truth.T]
    if not any(there):
        return failed(f"none of {listed(findings)} has both positive and negative {task.split} films")
    lacking = [name for name, defined in zip(findings, there, strict=True) if not defined]
    text = f"{where}, {len(findings)} findings"
    if lacking:
        return Seen("warning", f"{text}; not both positive and negative films here: {listed(lacking)}")
    return passed(text)


@check("metrics", f"Choose from what metrics/ has: {', '.join(METRICS)}.")
def metrics(subject: TaskSubject) -> Seen:
    """Its metrics exist, and read what the protocol writes."""
    task = subject.task
    unknown = [name for name in task.metrics if name not in METRICS]
    if unknown:
        return failed(f"there is no metric {listed(unknown)}")
    if subject.fits:
        return passed(f"{listed(task.metrics)}; {task.headline} leads; what they read was not looked at: {_FITS}")
    columns = set(next(iter(subject.first.parts.values())).columns)
    for name in task.metrics:
        if lacking := sorted(set(METRICS[name].needs) - columns):
            return failed(f"{name} reads {listed(lacking)}; {task.protocol.kind} writes {listed(sorted(columns))}")
    return passed(f"{listed(task.metrics)}; {task.headline} leads")


@check("figures", "Name figures as the protocol labels them: `umcl-bench show RUN` lists those of a run.")
def figures(subject: TaskSubject) -> Seen:
    """What leads and what is shown are among the figures."""
    if subject.fits:
        return not_applicable(_FITS)
    whole = subject.whole
    outcome = subject.first if subject.task == whole else subject.score(RandomEmbeddings(64, 0), task=whole)
    keys = [figure.key(name) for figure in outcome.figures for name in whole.metrics]
    wrong = [key for key in (whole.headline, *whole.shown) if key not in keys]
    return failed(f"there is no {listed(wrong)}; there are {listed(keys, 12)}") if wrong else passed(listed(keys, 12))


@check("templates", "Write templates that say that a finding is there, and others that say that it is not.")
def templates(subject: TaskSubject) -> Seen:
    """There are positive and negative templates, and none is both."""
    protocol = subject.task.protocol
    if not isinstance(protocol, ZeroShot):
        return not_applicable(f"{protocol.kind} has no pairs of templates")
    positive, negative = protocol.positive, protocol.negative
    if not positive or not negative:
        return failed("positive or negative templates are missing")
    both = sorted({t.casefold() for t in positive} & {t.casefold() for t in negative})
    if both:
        return failed(f"{both[0]!r} is positive and negative: it says nothing of the finding")
    return passed(f"{len(positive)} positive, {len(negative)} negative")


@check("truth", "Scores and targets do not belong together: look at rows, columns and the sign of the score.")
def truth(subject: TaskSubject) -> Seen:
    """A model that is told the truth gets what is perfect, in every class and figure."""
    if subject.fits:
        return not_applicable(_FITS)
    corpus, made = subject.corpus, []
    for task in oracles.exact(subject.task, corpus):
        outcome = subject.score(oracles.oracle(task, corpus), task=task)
        wanted = {name: METRICS[name].perfect for name in oracles.perfect_metrics(task, corpus)}
        made.append((outcome, {n: np.full_like(_points(outcome, _mean(outcome), n), v) for n, v in wanted.items()}))
    return _all_are(made, "a model that is told the truth")


@check("ties", "Equal scores must count as half: a rule that breaks ties by order rewards the order of the rows.")
def ties(subject: TaskSubject) -> Seen:
    """A model that says the same of all films gets exactly what chance gets."""
    if subject.fits:
        return not_applicable(_FITS)
    outcome = subject.score(oracles.constant(subject.task, subject.corpus))
    found = {name: oracles.chance(subject.task, outcome, name) for name in subject.task.metrics}
    each = {name: values for name, values in found.items() if values is not None}
    return _all_are([(outcome, each)], "a model that says the same of all films")


def _points(outcome: Outcome, figure: Figure, metric: str) -> Floats:
    return oracles.points(outcome, figure, metric)


def _mean(outcome: Outcome) -> Figure:
    """The first figure that is a mean."""
    return next(figure for figure in outcome.figures if figure.over == "mean")


def _all_are(made: Sequence[tuple[Outcome, dict[str, Floats]]], who: str) -> Seen:
    """Each class of each mean over parts is what is wanted by metric; classes that are undefined do not count."""
    counted, text = 0, ""
    for outcome, wanted in made:
        text = ", ".join(f"{METRICS[name].title} {_told(best)}" for name, best in wanted.items())
        for figure in (figure for figure in outcome.figures if figure.over == "mean"):
            for name, best in wanted.items():
                found = _points(outcome, figure, name)
                counted += int((~np.isnan(found)).sum())
                if wrong := _wrong(outcome, name, found, best):
                    return failed(f"{METRICS[name].title} of {who} is not {_told(best)}: {listed(wrong)}")
    return (
        passed(f"{who} gets exactly {text}: {counted} figures") if counted else failed(f"no figure of {who} is defined")
    )


def _wrong(outcome: Outcome, metric: str, found: Floats, wanted: Floats) -> list[str]:
    """The classes with another value."""
    classes = ("all",) if METRICS[metric].joint else next(iter(outcome.parts.values())).classes
    return [
        f"{name} {value:.3f}" + ("" if len(set(wanted)) == 1 else f" for {best:.3f}")
        for name, value, best in zip(classes, found.tolist(), wanted.tolist(), strict=True)
        if not (math.isnan(value) or value == best or abs(value - best) <= _EQUAL * max(1, abs(best)))
    ]


def _told(wanted: Floats) -> str:
    return f"{wanted[0]:g}" if len(set(wanted.tolist())) == 1 else "by class"


@check("chance", "What knows nothing must be at chance: look for labels or row order that get into scores.")
def chance(subject: TaskSubject) -> Seen:
    """Random embeddings are at chance: of 40 draws, the mean figure is within 4 standard errors of it."""
    if subject.fits:
        return not_applicable(_FITS)
    task = subject.task
    metric = task.headline.partition(" (")[0]
    if "auroc" in task.metrics and metric.startswith("argmax"):  # whose chance depends on how often a class is chosen
        metric = "auroc"
    expected = oracles.chance(task, subject.first, metric)
    if expected is None:
        return not_applicable(f"what chance gets in {METRICS[metric].title} is not known here")
    outcomes = [subject.score(RandomEmbeddings(64, seed)) for seed in range(DRAWS)]
    figure, title = _mean(outcomes[0]), METRICS[metric].title
    found = np.array([np.nanmean(_points(outcome, figure, metric)) for outcome in outcomes])
    defined = ~np.isnan(_points(outcomes[0], figure, metric))
    best, mean, error = float(expected[defined].mean()), float(found.mean()), float(found.std(ddof=1) / np.sqrt(DRAWS))
    first = estimate_figure([outcomes[0].parts], metric, figure, _INTERVALS)["macro"]
    text = f"macro {title} of {DRAWS} random models: {mean:.3f} +- {error:.3f} for {best:.3f}; the first "
    text += f"{first.value:.3f} [{first.low:.3f}, {first.high:.3f}]"
    return judged(abs(mean - best) <= STANDARD_ERRORS * error + _EQUAL, text)


@check(
    "films alone", "A film's score may depend on its own embedding and the prompts alone, not on the films beside it."
)
def films_alone(subject: TaskSubject) -> Seen:
    """A film's score is the same with the films in another order, and without half of them."""
    task, model, corpus = subject.task, RandomEmbeddings(64, 0), subject.corpus
    if subject.fits or task.protocol.kind == "grounding":
        return not_applicable(_FITS if subject.fits else "masks can't be told in another order")
    whole, order = subject.first, np.random.default_rng(0).permutation(len(corpus))
    size = oracles.evaluation(corpus, model).films.shape[1]
    ways = {
        "in another order": subject.score(model, reordered(corpus, order), numbered_films(order, size)),
        "with its labels' columns reversed": subject.score(model, reversed_classes(corpus)),
    }
    together = isinstance(task.protocol, Retrieval) or getattr(task.protocol, "z_score", False)
    if not together:
        less = corpus.without(subject.rows[::2], "left out to validate a task")
        ways["without half of the films"] = subject.score(model, less)
    for way, outcome in ways.items():
        for part, scores in outcome.parts.items():
            if text := _otherwise(whole.parts[part], scores):
                return failed(f"{way}, {text}")
    more = "; films are scored together by design" if together else ""
    return passed(f"{len(next(iter(whole.parts.values())).id)} rows keep their scores {', '.join(ways)}{more}")


def _otherwise(whole: Scores, other: Scores) -> str:
    """The first film with another score, label or decision; '' for none."""
    places = {name: row for row, name in enumerate(whole.id)}
    rows = np.array([places[name] for name in other.id], dtype=np.int64)
    columns = [other.classes.index(name) for name in whole.classes]
    wrong = np.zeros(len(rows), dtype=bool)
    for name, values in whole.columns.items():
        wrong |= ~np.isclose(other.columns[name][:, columns], values[rows], rtol=0, atol=1e-9, equal_nan=True).all(
            axis=1
        )
    return (
        f"{int(wrong.sum())} of {len(rows)} films have other scores ({other.id[int(wrong.argmax())]})"
        if wrong.any()
        else ""
    )
