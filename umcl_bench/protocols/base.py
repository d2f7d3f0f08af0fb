"""What a protocol gets, and what it gives: a corpus as a model sees it in, per-sample scores out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.films import FilmStack
from umcl_bench.data.splits import list_splits
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.errors import UsageError
from umcl_bench.metrics.scores import PLAIN, Figure, Names, Parts, Scores
from umcl_bench.models.base import Matrix, Model
from umcl_bench.models.embeddings import kept
from umcl_bench.progress import Reporter
from umcl_bench.spec import TINY, Baseline, FineTune, ImageTower, Probe, Robust, Segmentation, Task

T = TypeVar("T")


_BLOCK_BYTES = 256 * 2**20


class Outcome(NamedTuple):
    """Per-sample scores, the figures that are made of them, and what a record should say of how they came about.

    `unit` is what a sample is ('films', 'queries', 'phrases').
    """

    parts: Parts
    facts: dict[str, object]
    figures: tuple[Figure, ...] = PLAIN
    unit: str = "films"


@dataclass(frozen=True)
class Evaluation:
    """A corpus and a model, and what is needed to bring them together.

    `films` are the corpus's rows at the model's size. `keep` says whether embeddings are kept in the cache. `fits` are
    what `once` made, where the same is scored again on other films.
    """

    corpus: Corpus
    films: FilmStack
    model: Model
    image: ImageTower = TINY.image
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    reporter: Reporter = field(default_factory=lambda: Reporter(quiet=True))
    keep: bool = False
    fits: dict[str, Any] | None = None

    def embed(self, rows: Rows) -> Matrix:
        """Unit rows (len(rows), d) of films."""
        return self._kept("embed_images", self.model.embed_images, rows)

    def pool(self, rows: Rows) -> Matrix:
        """Pooled features (len(rows), w) of films, before the projection."""
        return self._kept("pool_images", self.model.pool_images, rows)

    def masks(self, rows: Rows) -> NDArray[np.bool_]:
        """Masks (len(rows), s, s) of rows that have one, cut as the model's films are."""
        from umcl_bench.data.cache import cached_images

        assert self.corpus.masks is not None
        found = cached_images(
            self.corpus.masks,
            self.image.size,
            self.reporter,
            workers=self.workers,
            geometry=self.image.geometry,
            present=self.corpus.has_mask,
        )
        return np.asarray(found.pixels[rows] > 127)

    def once(self, what: str, make: Callable[[], T]) -> T:
        """What is fitted on train and val: with `fits`, made once, however often the scored films are changed.

        `make` may keep nothing of the scored films.
        """
        if self.fits is None:
            return make()
        if what not in self.fits:
            self.fits[what] = make()
        found: T = self.fits[what]
        return found

    def _kept(self, kind: str, make: Callable[[NDArray[np.uint8]], Matrix], rows: Rows) -> Matrix:
        """In blocks, so that no more than some hundred megabytes of films are in memory at once."""
        step = max(1, _BLOCK_BYTES // int(np.prod(self.films.shape[1:])))
        blocks = [self._block(kind, make, rows[at : at + step]) for at in range(0, max(1, len(rows)), step)]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _block(self, kind: str, make: Callable[[NDArray[np.uint8]], Matrix], rows: Rows) -> Matrix:
        films = self.films[rows]
        if not (self.keep and self.model.digest):
            return make(films)
        return kept(f"{kind} of {self.model.digest} in float32 on {self.device}", films, make, self.reporter)


class Runner(Protocol):
    """What a module of this package offers, a protocol each. All raise UsageError for what does not fit together."""

    def findings_of(self, task: Task, corpus: Corpus) -> tuple[str, ...]:
        """The findings whose labels are scored; () where labels are not."""

    def check(self, task: Task, corpus: Corpus) -> Rows:
        """The rows to score, before any training."""

    def check_model(self, task: Task, baseline: Baseline) -> None:
        """Whether the model has what the task needs of it."""

    def run(self, task: Task, at: Evaluation) -> Outcome:
        """The scores."""


def labelled_findings(task: Task, wanted: Sequence[str], corpus: Corpus) -> tuple[str, ...]:
    """`wanted`, or all that the corpus labels but 'No Finding'. Raises UsageError for one that it does not label.

    'No Finding' is left out where none is named: it has no sensible negative ("no No Finding").
    """
    if not wanted:
        return tuple(name for name in corpus.classes if name != NO_FINDING)
    missing = [name for name in wanted if name not in corpus.classes]
    if missing:
        raise UsageError(
            f"task {task.name} needs labels for {', '.join(wanted)}; {corpus.source} lacks {', '.join(missing)} "
            f"(it labels {', '.join(corpus.classes) or 'nothing'}). `--task zeroshot` takes whatever a source labels."
        )
    return tuple(wanted)


def labelled_rows(task: Task, findings: Sequence[str], corpus: Corpus, split: str = "") -> Rows:
    """The films of the task's split, or of another, with a label of at least one of the findings. Raises UsageError."""
    split = split or task.split
    columns = [corpus.classes.index(name) for name in findings]
    rows = film_rows(task, corpus, split)
    rows = rows[~np.isnan(corpus.truth[rows][:, columns]).all(axis=1)]
    if len(rows) == 0:
        raise UsageError(
            f"task {task.name} needs {split} films ({task.views} views) with labels of a finding; "
            f"{corpus.source} has none (its labels: {', '.join(corpus.classes) or 'none'})"
        )
    return rows


def film_rows(task: Task, corpus: Corpus, split: str = "") -> Rows:
    """The rows of the task's split (or of another) and views that have a film. Raises UsageError for an empty split."""
    split = split or task.split
    if not len(corpus.rows(split, "all")):
        raise UsageError(f"task {task.name} needs {split} films. {where_rows_are(corpus)}")
    return corpus.with_image(corpus.rows(split, task.views))


def where_rows_are(corpus: Corpus) -> str:
    """How many rows are in which split, and which splits there are to choose."""
    names, counts = np.unique(corpus.splits.astype(str), return_counts=True)
    rows = ", ".join(f"{count:,} in {name or 'no split'}" for name, count in zip(names, counts, strict=True))
    named = list_splits(corpus.dataset)
    choose = f" Choose a split: --split {' or '.join(named)}." if named else ""
    return f"{corpus.source} has {rows or 'no rows'}.{choose}"


def truth_of(corpus: Corpus, rows: Rows, findings: Sequence[str]) -> NDArray[np.float64]:
    """The labels (len(rows), len(findings)) in {1, 0, NaN}."""
    return corpus.truth[rows][:, [corpus.classes.index(name) for name in findings]].astype(np.float64)


def groups_of(corpus: Corpus, rows: Rows) -> dict[str, Names]:
    """What a figure can be broken down by: sex, age, site and view of each film, where the source has them."""
    columns = {name: corpus.attributes[name] for name in ("sex", "age", "site") if name in corpus.attributes}
    columns["view"] = corpus.views
    return {name: column[rows] for name, column in columns.items() if any(str(v) for v in column[rows])}


def scores_of(corpus: Corpus, rows: Rows, findings: Sequence[str], **columns: NDArray[np.float64]) -> Scores:
    """Scores of films: the given columns (n, c), and the findings' labels as 'target' unless that is given."""
    target = {} if "target" in columns else {"target": truth_of(corpus, rows, findings)}
    return Scores(
        {**columns, **target}, corpus.patients[rows], corpus.ids[rows], tuple(findings), groups_of(corpus, rows)
    )


def splits_fitted(task: Task) -> tuple[str, ...]:
    """The splits whose labels or masks something is fitted and chosen on; not those of a threshold."""
    protocol = task.protocol.of if isinstance(task.protocol, Robust) else task.protocol
    return ("train", "val") if isinstance(protocol, Probe | FineTune | Segmentation) else ()


def check_unused(task: Task, *used: str) -> None:
    """Raises UsageError where the split that is scored is one that something is fitted or chosen on."""
    if task.split in used:
        raise UsageError(
            f"task {task.name} is scored on {task.split}, which it is fitted or chosen on: leave it at test"
        )


def cosines(rows: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Products of rows (n, d) with others (c, d), in float64: (n, c).

    Equal rows have equal products wherever they stand, so that ties stay ties: a product of matrices adds up the last
    rows of a block in another order.
    """
    return np.asarray(np.einsum("nd,cd->nc", rows.astype(np.float64), others.astype(np.float64), optimize=False))


def need(task: Task, baseline: Baseline, what: Literal["text tower", "image tower"]) -> None:
    """Raises UsageError where the model has no such tower. Released ones are asked when they are loaded."""
    if baseline.weights == "released":
        return
    lacks = (what == "text tower" and not baseline.has_text_tower) or (
        what == "image tower" and baseline.weights == "random-embeddings"
    )
    if lacks:
        article = "an" if what == "image tower" else "a"
        raise UsageError(f"task {task.name} needs {article} {what}; {baseline.name} has none")
