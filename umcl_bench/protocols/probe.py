"""Linear probe: L2-penalised logistic regression on frozen features, whose strength is chosen on val.

Train and val are read for fitting and choosing, test once: the heads are not fitted again on train and val together.
A class that has no positive or no negative film in a draw has no head there: its scores are NaN, and so is its figure
over the draws, so that no figure averages other classes than its neighbour of the same share.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.errors import UsageError
from umcl_bench.metrics.classification import auroc
from umcl_bench.metrics.decisions import argmax_shares
from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.models.base import Matrix
from umcl_bench.protocols.base import (
    Evaluation,
    Outcome,
    check_unused,
    labelled_findings,
    labelled_rows,
    scores_of,
    splits_fitted,
    truth_of,
    where_rows_are,
)
from umcl_bench.protocols.fractions import figures_of, percent, shares
from umcl_bench.protocols.logistic import Heads, fit_logistic, fit_scikit_learn
from umcl_bench.protocols.shots import few_films
from umcl_bench.spec import Baseline, Probe, Task

Rule = Literal["val-auroc", "val-accuracy"]
RULES: Mapping[Rule, str] = MappingProxyType({"val-auroc": "macro AUROC", "val-accuracy": "accuracy"})
RULE = "C by {} on val, the smallest of equal ones; not fitted again on train and val; test read once"


class Films(NamedTuple):
    """Labelled films of a split: rows of the corpus, features (n, d), and labels (n, c) in {1, 0, NaN}."""

    rows: Rows
    features: Matrix
    truth: Floats


class Sample(NamedTuple):
    """What one head is fitted and chosen on: places in the training films and labels, and labels of the val films."""

    label: str
    draw: int
    places: Rows
    truth: Floats
    val_truth: Floats

    @property
    def part(self) -> str:
        """What the part is called that it gives scores: '10%/2'."""
        return f"{self.label}/{self.draw}"


def _protocol(task: Task) -> Probe:
    assert isinstance(task.protocol, Probe)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The findings to score. Raises UsageError where the corpus does not label one that the task names."""
    protocol = _protocol(task)
    if not protocol.exclusive or protocol.findings:
        return labelled_findings(task, protocol.findings, corpus)
    if len(corpus.classes) < 2:
        raise UsageError(
            f"task {task.name} needs films of several classes, each of one; {corpus.source} labels "
            f"{', '.join(corpus.classes) or 'nothing'}. `--task probe` takes whatever a source labels."
        )
    return corpus.classes


def check(task: Task, corpus: Corpus) -> Rows:
    """The rows to score. Raises UsageError where a split that is needed has no labelled films."""
    protocol = _protocol(task)
    labels = [label for label, _ in _draws(protocol)]
    for key in (task.headline, *task.shown):
        label = key.partition(" (")[2].removesuffix(")").removesuffix(" sd")
        if label not in labels:
            raise UsageError(f"task {task.name} shows {key}, which it does not fit; it fits {', '.join(labels)}")
    check_unused(task, *splits_fitted(task))
    findings = findings_of(task, corpus)
    _rows(task, findings, corpus, "train")
    if len(protocol.strengths) > 1:
        _check_val(task, findings, corpus)
    return _rows(task, findings, corpus, task.split)


def _check_val(task: Task, findings: tuple[str, ...], corpus: Corpus) -> None:
    try:
        _rows(task, findings, corpus, "val")
    except UsageError:
        raise UsageError(
            f"task {task.name} chooses C on val films with labels, and there are none. {where_rows_are(corpus)} "
            f"Or name one C, which needs no val: --task {task.name}+strengths=0.001"
        ) from None


def check_model(task: Task, baseline: Baseline) -> None:
    """Every model has features; a released one whose pooled ones aren't known says so when it is asked."""


def run(task: Task, at: Evaluation) -> Outcome:
    """The log-odds of each test film, by heads of every share (or number of shots) and draw."""
    protocol, findings = _protocol(task), findings_of(task, at.corpus)
    test_rows = check(task, at.corpus)
    start = time.monotonic()
    train = _films(task, at, findings, "train")
    val = _films(task, at, findings, "val") if len(protocol.strengths) > 1 else _none(train)
    test = Films(test_rows, _features(protocol, at, test_rows), _truth(protocol, at.corpus, test_rows, findings))
    embedded, start = time.monotonic() - start, time.monotonic()
    parts: dict[str, Scores] = {}
    samples: dict[str, object] = {}
    labels: dict[str, list[str]] = {}
    for sample in _samples(protocol, at.corpus, train, val):
        value, samples[sample.part] = _fit_and_score(protocol, at, sample, train, val, test, findings)
        columns = {"decision": argmax_shares(value)} if protocol.exclusive else {}
        parts[sample.part] = scores_of(at.corpus, test.rows, findings, value=value, target=test.truth, **columns)
        labels.setdefault(sample.label, []).append(sample.part)
    undefined = {label: _unlearned([parts[name] for name in names]) for label, names in labels.items()}
    for label, lost in undefined.items():
        if lost:
            at.reporter.say(f"note: {label} can't teach {lost} in every draw: their figures are undefined")
    facts = {
        "selection": _selection(protocol),
        "features": f"{protocol.features}, {train.features.shape[1]} wide",
        "train films": len(train.rows),
        "val films": len(val.rows),
        "undefined": {label: lost or "nothing" for label, lost in undefined.items()},
        "seconds": {"features": round(embedded, 2), "heads": round(time.monotonic() - start, 2)},
    }
    return Outcome(parts, {**facts, **samples}, figures_of(labels))


def _selection(protocol: Probe) -> str:
    if len(protocol.strengths) == 1:
        return f"none: C is {protocol.strengths[0]:g}"
    shots = "as many val films of each side of a class as training ones; " if protocol.shots else ""
    return shots + RULE.format(RULES[protocol.selection])


def _unlearned(draws: Sequence[Scores]) -> str:
    """The classes that at least one of the draws has no scores of."""
    lost = np.any([np.isnan(scores.value).all(axis=0) for scores in draws], axis=0)
    return ", ".join(name for name, gone in zip(draws[0].classes, lost, strict=True) if gone)


def _draws(protocol: Probe) -> list[tuple[str, int]]:
    """The shares or numbers of shots by label, and how many draws each has."""
    if protocol.shots:
        return [(f"{k} shot{'s' if k > 1 else ''}", protocol.draws) for k in protocol.shots]
    return [(percent(fraction), 1 if fraction == 1 else protocol.draws) for fraction in protocol.fractions]


def _rows(task: Task, findings: tuple[str, ...], corpus: Corpus, split: str) -> Rows:
    """A split's labelled films in the order of their ids, on which no sum then depends; test's in the corpus's."""
    rows = labelled_rows(task, findings, corpus, split)
    if _protocol(task).exclusive:
        rows = rows[(truth_of(corpus, rows, findings) == 1).sum(axis=1) == 1]
        if not len(rows):
            raise UsageError(f"task {task.name} needs {split} films with one of {', '.join(findings)}; there are none")
    return rows if split == task.split else rows[np.argsort(corpus.ids[rows].astype(str), kind="stable")]


def _truth(protocol: Probe, corpus: Corpus, rows: Rows, findings: tuple[str, ...]) -> Floats:
    truth = truth_of(corpus, rows, findings)
    return (truth == 1).astype(np.float64) if protocol.exclusive else truth


def _features(protocol: Probe, at: Evaluation, rows: Rows) -> Matrix:
    return at.pool(rows) if protocol.features == "pooled" else at.embed(rows)


def _films(task: Task, at: Evaluation, findings: tuple[str, ...], split: str) -> Films:
    protocol, rows = _protocol(task), _rows(task, findings, at.corpus, split)
    return Films(rows, _features(protocol, at, rows), _truth(protocol, at.corpus, rows, findings))


def _none(films: Films) -> Films:
    return Films(films.rows[:0], films.features[:0], films.truth[:0])


def _samples(protocol: Probe, corpus: Corpus, train: Films, val: Films) -> Iterator[Sample]:
    """Every share of the training patients and draw with all of val, or every number of shots of both."""
    if not protocol.shots:
        drawn = shares(corpus.patients[train.rows], protocol.fractions, protocol.draws, protocol.first_seed)
        for share, places in drawn.items():
            yield Sample(percent(share.fraction), share.draw, places, train.truth[places], val.truth)
        return
    lacking = _lacking(protocol, corpus, train)
    for (label, draws), shots in zip(_draws(protocol), protocol.shots, strict=True):
        for draw in range(draws):
            truth, val_truth = (_few(protocol, corpus, films, shots, draw) for films in (train, val))
            truth[:, lacking] = np.nan
            places = np.flatnonzero(~np.isnan(truth).all(axis=1))
            yield Sample(label, draw, places, truth[places], val_truth)


def _few(protocol: Probe, corpus: Corpus, films: Films, shots: int, draw: int) -> Floats:
    patients, ids = corpus.patients[films.rows], corpus.ids[films.rows]
    return few_films(patients, ids, films.truth, shots, protocol.first_seed + draw)


def _lacking(protocol: Probe, corpus: Corpus, train: Films) -> NDArray[np.bool_]:
    """Which classes (c,) have too few films for the most shots. They are left out of fewer too: a curve has one set."""
    most = _few(protocol, corpus, train, max(protocol.shots), 0)
    sides = np.minimum((most == 1).sum(axis=0), (most == 0).sum(axis=0))
    return np.asarray(sides < max(protocol.shots))


def _fit_and_score(
    protocol: Probe, at: Evaluation, sample: Sample, train: Films, val: Films, test: Films, findings: tuple[str, ...]
) -> tuple[Floats, dict[str, object]]:
    """The log-odds of the test films (n, c), NaN for a class that can't be learned, and how its heads came about."""
    columns = np.flatnonzero((sample.truth == 1).any(axis=0) & (sample.truth == 0).any(axis=0))
    value = np.full(test.truth.shape, np.nan)
    facts: dict[str, object] = {
        "films": len(sample.places),
        "patients": len(set(at.corpus.patients[train.rows[sample.places]])),
        "not learned": ", ".join(name for k, name in enumerate(findings) if k not in columns) or "none",
    }
    if not len(columns):
        return value, facts
    centre, spread = standard(train.features[sample.places], scale=protocol.standardise)
    z_train, z_val, z_test = (
        (f - centre) / spread for f in (train.features[sample.places], val.features, test.features)
    )
    heads = _fit(protocol, z_train, sample.truth[:, columns], at.device)
    chosen, on_val = choose(heads, z_val, sample.val_truth[:, columns], protocol.selection)
    value[:, columns] = heads.only(chosen).log_odds(z_test)[0]
    facts |= {"C": sorted(protocol.strengths)[chosen], f"val {RULES[protocol.selection]}": on_val}
    if not heads.converged.all():
        facts["heads not at the optimum"] = int((~heads.converged).sum())
    return value, facts


def standard(features: Matrix, *, scale: bool) -> tuple[Matrix, Matrix]:
    """What to subtract from features (n, d) and then to divide by, (d,) each; a feature that is constant becomes 0.

    Without `scale` the mean is subtracted all the same, which changes nothing but the intercept.
    """
    constant = (features == features[0]).all(axis=0)
    centre = np.where(constant, features[0], features.mean(axis=0, dtype=np.float64)).astype(np.float32)
    spread = np.sqrt(np.square(features - centre).mean(axis=0, dtype=np.float64)) if scale else np.ones(len(centre))
    return centre, np.where(spread > 0, spread, 1.0).astype(np.float32)


def _fit(protocol: Probe, z: Matrix, truth: Floats, device: str) -> Heads:
    strengths = sorted(protocol.strengths)
    if protocol.solver == "scikit-learn":
        return fit_scikit_learn(z, truth, strengths, protocol.tolerance, protocol.max_iterations)
    return fit_logistic(z, truth, strengths, protocol.tolerance, protocol.max_iterations, device)


def choose(heads: Heads, z_val: Matrix, truth: Floats, rule: Rule) -> tuple[int, float]:
    """Which of k strengths, in rising order, is the best on val features (n, d) and labels (n, c), and how good it is.

    'val-auroc' is the mean over the classes that have both sides there, 'val-accuracy' the share of films whose largest
    head is right. Without such films, or with one strength, the smallest is taken.
    """
    both = np.flatnonzero((truth == 1).any(axis=0) & (truth == 0).any(axis=0))
    if len(heads.weights) == 1 or not len(both):
        return 0, float("nan")
    scores = heads.log_odds(z_val)
    if rule == "val-accuracy":
        found = [float((argmax_shares(each) * (truth == 1)).sum(axis=1).mean()) for each in scores]
    else:
        found = [float(np.mean([auroc(each[:, k], truth[:, k])[0] for k in both])) for each in scores]
    best = int(np.argmax(found))
    return best, found[best]
