"""Checks of a task, by models that are known: one that is told the truth, one that says the same of all, random ones.

No film is drawn: the pixels of a film are the number of its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus
from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import estimate, macro
from umcl_bench.metrics.registry import METRICS
from umcl_bench.metrics.scores import Scores
from umcl_bench.models.base import Matrix, Model, PromptPair, PromptSets
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.protocols import zero_shot
from umcl_bench.protocols.base import Evaluation
from umcl_bench.spec import Intervals, Task, ZeroShot
from umcl_bench.validate.checks import Seen, check, failed, judged, listed, passed
from umcl_bench.validate.phantom import FOR_TASKS, small_source
from umcl_bench.validate.views import reordered, reversed_classes

DRAWS, STANDARD_ERRORS = 40, 4
_INTERVALS = Intervals(resamples=200)


@dataclass(frozen=True)
class TaskSubject:
    """A task, and the phantom as its dataset."""

    task: Task

    @cached_property
    def corpus(self) -> Corpus:
        """Raises UsageError for a dataset that there is not."""
        return small_source(FOR_TASKS).dataset(self.task.dataset)

    @cached_property
    def findings(self) -> tuple[str, ...]:
        """What the task scores."""
        return zero_shot.findings_of(self.task, self.corpus)

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """The findings of each row (n, c), NaN where not known."""
        columns = [self.corpus.classes.index(name) for name in self.findings]
        return self.corpus.truth[:, columns].astype(np.float64)

    def score(self, model: Model, corpus: Corpus | None = None, films: NDArray[np.uint8] | None = None) -> Scores:
        """The model's scores by the task's protocol; on the whole corpus where none is given."""
        corpus = self.corpus if corpus is None else corpus
        films = numbered_films(np.arange(len(corpus))) if films is None else films
        return zero_shot.run(self.task, Evaluation(corpus, films, model)).parts[""]


class Told:
    """A model that knows of each film what it is told: signs (n, c), 1 for present, -1 for absent, 0 for neither."""

    def __init__(self, signs: NDArray[np.float64], findings: Sequence[str]) -> None:
        self.signs = signs
        self.names = [name.casefold() for name in findings]

    @property
    def digest(self) -> str:
        """Nothing of it is kept."""
        return ""

    def pool_images(self, films: NDArray[np.uint8]) -> Matrix:
        """The same as the embeddings."""
        return self.embed_images(films)

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, 2, 2) that `numbered_films` made -> (n, c + 1)."""
        pixels = films.reshape(len(films), -1).astype(np.int64)
        parts = self.signs[pixels[:, 0] * 256 + pixels[:, 1]] / np.sqrt(len(self.names))
        rest = np.sqrt(np.maximum(0, 1 - (parts**2).sum(axis=1, keepdims=True)))
        return np.concatenate([parts, rest], axis=1).astype(np.float32)

    def image_tower(self) -> NoReturn:
        """Raises UsageError: it knows, and has nothing that learns."""
        raise UsageError("a model that is told has no image tower")

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts say nothing to it: all have one embedding."""
        return np.eye(1, len(self.names) + 1, len(self.names), dtype=np.float32).repeat(len(texts), axis=0)

    def embed_findings(
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ) -> PromptPair:
        """An axis for each finding, and its opposite."""
        axes = np.eye(len(self.names) + 1, dtype=np.float32)
        rows = axes[[self.names.index(name.casefold()) for name in findings]]
        return PromptPair(rows, -rows, "told")

    def embed_classes(self, findings: Sequence[str], prompts: Sequence[Sequence[str]]) -> PromptSets:
        """The axis of each finding."""
        return PromptSets(tuple(row[None] for row in self.embed_findings(findings, (), ()).positive), "told")


def numbered_films(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Films (n, 2, 2) whose pixels are these numbers."""
    films = np.zeros((len(rows), 2, 2), dtype=np.uint8)
    films[:, 0, 0], films[:, 0, 1] = rows // 256, rows % 256
    return films


@check("data", "Name a dataset, a split and findings that exist: `umcl-bench list data`, `umcl-bench list splits`.")
def data(subject: TaskSubject) -> Seen:
    """Protocol, dataset, split and findings exist, and a finding has films with and without it."""
    task, corpus = subject.task, subject.corpus
    if not isinstance(task.protocol, ZeroShot):
        return failed(f"the protocol {type(task.protocol).__name__} is not known; known: ZeroShot")
    rows = zero_shot.check(task, corpus)
    if len(set(subject.findings)) < len(subject.findings):
        return failed("a finding is named twice")
    there = [bool((column == 1).any() and (column == 0).any()) for column in subject.truth[rows].T]
    if not any(there):
        return failed(f"none of {listed(subject.findings)} has both positive and negative {task.split} films")
    lacking = [name for name, defined in zip(subject.findings, there, strict=True) if not defined]
    text = f"{len(rows)} {task.split} films of {task.dataset or 'the phantom'}, {len(subject.findings)} findings"
    if lacking:
        return Seen("warning", f"{text}; not both positive and negative films here: {listed(lacking)}")
    return passed(text)


@check("metrics", f"Choose from what metrics/ has: {', '.join(METRICS)}.")
def metrics(subject: TaskSubject) -> Seen:
    """Its metrics exist, and the one that leads is among them."""
    unknown = [name for name in subject.task.metrics if name not in METRICS]
    if unknown:
        return failed(f"there is no metric {listed(unknown)}")
    return passed(f"{listed(subject.task.metrics)}; {subject.task.headline} leads")


@check("templates", "Write templates that say that a finding is there, and others that say that it is not.")
def templates(subject: TaskSubject) -> Seen:
    """There are positive and negative templates, and none is both."""
    protocol = subject.task.protocol
    assert isinstance(protocol, ZeroShot)
    positive, negative = protocol.positive, protocol.negative
    if not positive or not negative:
        return failed("positive or negative templates are missing")
    both = sorted({t.casefold() for t in positive} & {t.casefold() for t in negative})
    if both:
        return failed(f"{both[0]!r} is positive and negative: it says nothing of the finding")
    return passed(f"{len(positive)} positive, {len(negative)} negative")


@check("truth", "Scores and targets do not belong together: look at rows, columns and the sign of the score.")
def truth(subject: TaskSubject) -> Seen:
    """A model whose scores are the truth gets 1 for every finding."""
    scores = subject.score(Told(np.nan_to_num(2 * subject.truth - 1), subject.findings))
    return _all_are(scores, 1.0, "a model that is told the truth")


@check("ties", "Equal scores must count as half: a rule that breaks ties by order rewards the order of the rows.")
def ties(subject: TaskSubject) -> Seen:
    """A model that says the same of all films gets exactly 0.5 for every finding."""
    scores = subject.score(Told(np.zeros_like(subject.truth), subject.findings))
    return _all_are(scores, 0.5, "a model that says the same of all films")


def _all_are(scores: Scores, wanted: float, who: str) -> Seen:
    areas = METRICS["auroc"].points(scores).tolist()
    wrong = [f"{n} {a:.3f}" for n, a in zip(scores.classes, areas, strict=True) if not np.isnan(a) and a != wanted]
    if wrong:
        return failed(f"AUROC of {who} is not {wanted:g}: {listed(wrong)}")
    return passed(f"AUROC of {who} is {wanted:g} for each of {np.isfinite(areas).sum()} findings")


@check("chance", "What knows nothing must score 0.5: look for labels or row order that get into scores.")
def chance(subject: TaskSubject) -> Seen:
    """Random embeddings are at chance: of 40 draws, the mean macro AUROC is within 4 standard errors of 0.5."""
    scored = [subject.score(RandomEmbeddings(64, seed)) for seed in range(DRAWS)]
    found = np.array([macro(scores, "auroc") for scores in scored])
    mean, error = float(found.mean()), float(found.std(ddof=1) / np.sqrt(DRAWS))
    first = estimate(scored[0], "auroc", _INTERVALS)["macro"]
    text = f"macro AUROC of {DRAWS} random models: {mean:.3f} +- {error:.3f}; the first {first.value:.3f} "
    return judged(abs(mean - 0.5) <= STANDARD_ERRORS * error, f"{text}[{first.low:.3f}, {first.high:.3f}]")


@check(
    "films alone", "A film's score may depend on its own embedding and the prompts alone, not on the films beside it."
)
def films_alone(subject: TaskSubject) -> Seen:
    """A film's score is the same with the films in another order, and without half of them."""
    model, corpus = RandomEmbeddings(64, 0), subject.corpus
    whole = subject.score(model)
    order = np.random.default_rng(0).permutation(len(corpus))
    half = zero_shot.check(subject.task, corpus)[::2]
    ways = {
        "in another order": subject.score(model, reordered(corpus, order), numbered_films(order)),
        "without half of the films": subject.score(model, corpus.without(half, "left out to validate a task")),
        "with its labels' columns reversed": subject.score(model, reversed_classes(corpus)),
    }
    for way, scores in ways.items():
        if text := _otherwise(whole, scores):
            return failed(f"{way}, {text}")
    return passed(f"{len(whole.id)} films keep their scores {', '.join(ways)}")


def _otherwise(whole: Scores, other: Scores) -> str:
    """The first film whose score or label is another one; '' for none."""
    places = {name: row for row, name in enumerate(whole.id)}
    rows = np.array([places[name] for name in other.id], dtype=np.int64)
    columns = [other.classes.index(name) for name in whole.classes]
    wrong = np.abs(other.value[:, columns] - whole.value[rows]).max(axis=1) > 1e-9
    wrong |= ~(np.nan_to_num(other.target[:, columns], nan=-1) == np.nan_to_num(whole.target[rows], nan=-1)).all(axis=1)
    return (
        f"{int(wrong.sum())} of {len(rows)} films have other scores ({other.id[int(wrong.argmax())]})"
        if wrong.any()
        else ""
    )
