"""Zero-shot classification: a positive against a negative prompt for each finding (CheXzero: Tiu et al. 2022)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.films import FilmStack
from umcl_bench.data.splits import list_splits
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.errors import UsageError
from umcl_bench.metrics.scores import Scores
from umcl_bench.models.dual import Matrix, Model, PromptPair
from umcl_bench.spec import Task


class Outcome(NamedTuple):
    """Per-sample scores, and what a record should say of how they came about."""

    scores: Scores
    facts: dict[str, object]


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The findings to score. Raises UsageError where the corpus does not label one that the task names.

    'No Finding' is left out where the task names none: it has no sensible negative ("no No Finding").
    """
    wanted = task.protocol.findings
    if not wanted:
        return tuple(name for name in corpus.classes if name != NO_FINDING)
    missing = [name for name in wanted if name not in corpus.classes]
    if missing:
        raise UsageError(
            f"task {task.name} needs labels for {', '.join(wanted)}; {corpus.source} lacks {', '.join(missing)} "
            f"(it labels {', '.join(corpus.classes) or 'nothing'}). `--task zeroshot` takes whatever a source labels."
        )
    return wanted


def check(task: Task, corpus: Corpus) -> Rows:
    """The rows to score: the split's films with a label of at least one of the findings.

    Raises UsageError, before any training, where the corpus can't serve the task.
    """
    columns = [corpus.classes.index(name) for name in findings_of(task, corpus)]
    if not len(corpus.rows(task.split, "all")):
        raise UsageError(f"task {task.name} needs {task.split} films. {_where_rows_are(corpus)}")
    rows = corpus.with_image(corpus.rows(task.split, task.views))
    rows = rows[~np.isnan(corpus.truth[rows][:, columns]).all(axis=1)]
    if len(rows) == 0:
        raise UsageError(
            f"task {task.name} needs {task.split} films ({task.views} views) with labels of a finding; "
            f"{corpus.source} has none (its labels: {', '.join(corpus.classes) or 'none'})"
        )
    return rows


def _where_rows_are(corpus: Corpus) -> str:
    names, counts = np.unique(corpus.splits.astype(str), return_counts=True)
    rows = ", ".join(f"{count:,} in {name or 'no split'}" for name, count in zip(names, counts, strict=True))
    named = list_splits(corpus.dataset)
    choose = f" Choose a split: --split {' or '.join(named)}." if named else ""
    return f"{corpus.source} has {rows or 'no rows'}.{choose}"


def run(task: Task, corpus: Corpus, model: Model, films: FilmStack) -> Outcome:
    """p(finding) for each film of the split: the softmax of the pair of cosines. `films` are the corpus's rows."""
    rows = check(task, corpus)
    findings = findings_of(task, corpus)
    protocol = task.protocol
    prompts = model.embed_findings([name.lower() for name in findings], protocol.positive, protocol.negative)
    value = pair_probability(model.embed_images(films[rows]), prompts, protocol.temperature)
    columns = [corpus.classes.index(name) for name in findings]
    target = corpus.truth[rows][:, columns].astype(np.float64)
    return Outcome(Scores(value, target, corpus.patients[rows], corpus.ids[rows], findings), {"prompts": prompts.how})


def pair_probability(z_img: Matrix, prompts: PromptPair, temperature: float) -> NDArray[np.float64]:
    """e^(pos/t) / (e^(pos/t) + e^(neg/t)) as (n, c), in float64, from unit rows z_img (n, d) and prompts (c, d)."""
    image = z_img.astype(np.float64)
    difference = image @ (prompts.positive.astype(np.float64) - prompts.negative.astype(np.float64)).T
    return 1 / (1 + np.exp(-difference / temperature))
