"""What each protocol gives to a model that is told the truth, and to one that says the same of all: in one place.

A protocol that is new has an entry in `_ORACLES` here, or says that it fits networks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats, Scores, over_parts
from umcl_bench.models.base import Model
from umcl_bench.protocols import runner_of
from umcl_bench.protocols.base import Evaluation, Outcome, labelled_findings
from umcl_bench.protocols.robust import inner
from umcl_bench.spec import ClassPrompts, Grounding, Probe, Retrieval, Robust, Task
from umcl_bench.validate.told import Told, ToldTexts, numbered_films

FITTED = ("segmentation", "fine-tune")
"""Protocols that tune a network: a model that is told has none."""

_BY_CALIBRATION = ("ece", "brier")
"""Metrics that ask for probabilities of 0 and 1, which no cosine gives."""


def short(task: Task) -> Task:
    """The task as it is checked: what it wraps, and of the shares or shots of a probe those of the headline alone."""
    protocol = task.protocol
    if isinstance(protocol, Robust):
        return short(inner(task))
    if not isinstance(protocol, Probe):
        return task
    of = {"shots": protocol.shots[-1:]} if protocol.shots else {"fractions": protocol.fractions[-1:]}
    return dataclasses.replace(task, protocol=dataclasses.replace(protocol, draws=1, **of), shown=())


def exact(task: Task, corpus: Corpus) -> tuple[Task, ...]:
    """The task without what blurs an oracle: the smoothing of a map, and other findings' features in a probe."""
    protocol = task.protocol
    if isinstance(protocol, Grounding):
        return (dataclasses.replace(task, protocol=dataclasses.replace(protocol, sigma=0.0)),)
    if isinstance(protocol, Probe) and not protocol.exclusive:
        each = [(name,) for name in runner_of(task).findings_of(task, corpus)]
        return tuple(dataclasses.replace(task, protocol=dataclasses.replace(protocol, findings=one)) for one in each)
    return (task,)


def oracle(task: Task, corpus: Corpus) -> Model:
    """A model that is told the truth of each row of the corpus, as the protocol asks for it."""
    return _ORACLES[task.protocol.kind](task, corpus)


def constant(task: Task, corpus: Corpus) -> Model:
    """A model that says the same of all films and texts."""
    findings = corpus.classes or ("nothing",)
    return Told(np.zeros((len(corpus), len(findings))), findings)


def perfect_metrics(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The metrics in which a model that is told the truth gets what is perfect."""
    names = [name for name in task.metrics if name not in _BY_CALIBRATION]
    if isinstance(task.protocol, Retrieval) and task.protocol.relevant == "class":
        rows, columns = runner_of(task).check(task, corpus), [corpus.classes.index(f) for f in task.protocol.findings]
        fewest = int(_candidates(corpus, rows)[:, columns].sum(axis=0).min())
        names = [name for name in names if not name.startswith("p@") or int(name[2:]) <= fewest]
    return tuple(names)


def points(outcome: Outcome, figure: Figure, metric: str) -> Floats:
    """The figure of each class (c,), or the joint one (1,)."""
    found = get_metric(metric)
    return over_parts(np.stack([found.points(outcome.parts[name]) for name in figure.parts]), figure.over)


def chance(task: Task, outcome: Outcome, metric: str) -> Floats | None:
    """What a model that says the same of all gets in each class; None where that is not known."""
    scores = next(iter(outcome.parts.values()))
    if isinstance(task.protocol, Retrieval):
        return _chance_of_ranks(outcome, scores, metric)
    if metric == "auprc":
        with np.errstate(invalid="ignore"):
            share = np.nanmean(scores.target, axis=0)
        return np.where((share > 0) & (share < 1), share, np.nan)
    if metric == "argmax-accuracy" and isinstance(task.protocol, ClassPrompts):
        return np.array([1 / len(scores.classes)])
    found = get_metric(metric).chance
    return None if found is None else np.full(len(scores.classes), found)


def _chance_of_ranks(outcome: Outcome, scores: Scores, metric: str) -> Floats | None:
    facts = outcome.facts["directions"]
    assert isinstance(facts, Mapping)
    each = [facts[direction]["chance"].get(metric) for direction in scores.classes]
    return None if None in each else np.array(each, dtype=np.float64)


def evaluation(corpus: Corpus, model: Model, films: NDArray[np.uint8] | None = None) -> Evaluation:
    """The model on films that are numbers, of the size at which masks are drawn."""
    size = Evaluation(corpus, np.zeros((0, 1, 1), np.uint8), model).image.size
    return Evaluation(corpus, numbered_films(np.arange(len(corpus)), size) if films is None else films, model)


def _signs(corpus: Corpus, findings: Sequence[str]) -> Floats:
    columns = [corpus.classes.index(name) for name in findings]
    return np.nan_to_num(2 * corpus.truth[:, columns].astype(np.float64) - 1)


def _labels(task: Task, corpus: Corpus) -> Model:
    findings = runner_of(task).findings_of(task, corpus)
    return Told(_signs(corpus, findings), findings)


def _answers(task: Task, corpus: Corpus) -> Model:
    """A film's report or class; of texts the class of the film or sentence."""
    protocol = task.protocol
    assert isinstance(protocol, Retrieval)
    if protocol.relevant == "study":
        return ToldTexts(corpus.reports.tolist())
    findings, axes = protocol.findings, np.eye(len(protocol.findings))
    own = [corpus.classes.index(name) for name in findings]
    signs = (corpus.truth[:, own] == 1).astype(np.float64)
    for row, mark in enumerate(corpus.attributes.get("query", ())):
        if mark:
            signs[row] = axes[findings.index(mark)]
    texts = {" ".join(text.split()): axes[findings.index(name)] for name, text in protocol.sentences}
    reports = {" ".join(text.split()): row for text, row in zip(corpus.reports, signs, strict=True) if text}
    return Told(signs, findings, {**reports, **texts})


def _candidates(corpus: Corpus, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The labels of films that are no queries."""
    marks = corpus.attributes.get("query")
    shown = rows if marks is None else rows[marks[rows] == ""]
    return np.asarray(corpus.truth[shown] == 1)


def _places(task: Task, corpus: Corpus) -> Model:
    """Where each finding of a film is, and of each phrase the finding."""
    protocol = task.protocol
    assert isinstance(protocol, Grounding)
    findings = labelled_findings(task, protocol.findings, corpus)
    rows = runner_of(task).check(task, corpus)
    nothing = Told(np.zeros((len(corpus), len(findings))), findings)
    masks = evaluation(corpus, nothing).masks(rows)
    names = corpus.attributes.get("film", corpus.ids)
    about = [corpus.classes.index(name) for name in findings]
    found = {name: -np.ones((*masks.shape[1:], len(findings))) for name in names[rows]}
    texts = {}
    for row, mask in zip(rows, masks, strict=True):
        k = int(np.argmax(corpus.truth[row, about] == 1))
        found[names[row]][mask, k] = 1
        texts[" ".join(str(corpus.reports[row]).split())] = np.eye(len(findings))[k]
    return Told(nothing.signs, findings, texts, {int(row): found[names[row]] for row in rows})


_ORACLES: dict[str, Callable[[Task, Corpus], Model]] = {
    "zero-shot": _labels,
    "class-prompts": _labels,
    "prompt-sensitivity": _labels,
    "probe": _labels,
    "retrieval": _answers,
    "grounding": _places,
}
