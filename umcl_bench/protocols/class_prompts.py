"""One class a film, by the class whose prompts are the most similar (5x200: Huang et al. 2021, GLoRIA)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.prompts.grids import class_prompts, drawn
from umcl_bench.errors import UsageError
from umcl_bench.metrics.decisions import argmax_shares
from umcl_bench.metrics.scores import PLAIN, Figure, Floats, Scores
from umcl_bench.models.base import LocalModel, Matrix
from umcl_bench.protocols.base import Evaluation, Outcome, cosines, labelled_findings, labelled_rows, scores_of
from umcl_bench.spec import Baseline, ClassPrompts, Task

SPREAD = "sd over runs"
_DECIMALS = 9
"""Scores that are equal to so many decimals are tied: what is beyond is rounding."""


def _protocol(task: Task) -> ClassPrompts:
    assert isinstance(task.protocol, ClassPrompts)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The classes. Raises UsageError where the corpus does not label one."""
    return labelled_findings(task, _protocol(task).findings, corpus)


def check(task: Task, corpus: Corpus) -> Rows:
    """The split's films, each with one class. Raises UsageError for films with none or several."""
    protocol, findings = _protocol(task), findings_of(task, corpus)
    lacking = [name for name in findings if name not in class_prompts(protocol.prompts)]
    if lacking:
        raise UsageError(f"task {task.name}: the prompts '{protocol.prompts}' have none of {', '.join(lacking)}")
    rows = labelled_rows(task, findings, corpus)
    several = _one_hot(corpus, rows, findings).sum(axis=1) != 1
    if several.any():
        raise UsageError(
            f"task {task.name} needs films with exactly one of {', '.join(findings)}; {several.sum():,} of the "
            f"{len(rows):,} {task.split} films of {corpus.source} have none or several. "
            "Take a task of findings that films may share: `--task zeroshot`"
        )
    return rows


def check_model(task: Task, baseline: Baseline) -> None:
    """Every model has prompts or vectors of findings; one that was not taught a class says so when it is asked."""


def run(task: Task, at: Evaluation) -> Outcome:
    """Each film's class by each draw of prompts."""
    rows, findings, protocol = check(task, at.corpus), findings_of(task, at.corpus), _protocol(task)
    target, films = _one_hot(at.corpus, rows, findings), at.embed(rows).astype(np.float64)
    parts: dict[str, Scores] = {}
    how = ""
    for part, asked in prompts_of_runs(protocol, findings).items():
        sets = at.model.embed_classes([name.lower() for name in findings], asked)
        local, how = _local(at, rows, asked, protocol), sets.how
        scores = class_scores(films, sets.each, protocol, local)
        value = softmax(scores / protocol.temperature, axis=1)
        decision = argmax_shares(np.round(scores, _DECIMALS))
        parts[part] = scores_of(at.corpus, rows, findings, value=value, decision=decision, target=target)
    names = tuple(parts)
    figures = PLAIN if protocol.runs == 1 else (Figure("", names), Figure(SPREAD, names, "sd"))
    similarity = "the mean of the global and GLoRIA's local one" if local else "global: the whole film, the whole text"
    return Outcome(parts, {"prompts": how, "similarity": similarity, **_facts(protocol)}, figures)


def prompts_of_runs(protocol: ClassPrompts, findings: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """The prompts of each finding, by the part of the scores that they are of: '' where there is one."""
    published = class_prompts(protocol.prompts, protocol.spelling, stripped=protocol.empty_slots == "stripped")
    stream = random.Random(protocol.seed)
    found = {}
    for part in [f"run {i + 1}" for i in range(protocol.runs)] if protocol.runs > 1 else [""]:
        texts = drawn(published, protocol.count, stream)
        found[part] = [texts[name] for name in findings]
    return found


def class_scores(
    films: Floats, prompts: Sequence[Matrix], protocol: ClassPrompts, local: Sequence[Floats] = ()
) -> Floats:
    """The score of each class (n, c), from unit rows of films (n, d) and of each class's prompts (p, d).

    `local` are the local similarities (n, p) of each class's prompts, where these count too.
    """
    pooled = []
    for k, texts in enumerate(prompts):
        if protocol.pooling == "mean-embedding":
            mean = texts.astype(np.float64).mean(axis=0)
            pooled.append(cosines(films, (mean / np.linalg.norm(mean))[None])[:, 0])
            continue
        each = cosines(films, texts)
        each = (each + local[k]) / 2 if local else each
        pooled.append(each.max(axis=1) if protocol.pooling == "max" else each.mean(axis=1))
    scores = np.stack(pooled, axis=1)
    return standardised(scores) if protocol.z_score else scores


def _local(at: Evaluation, rows: Rows, prompts: Sequence[Sequence[str]], protocol: ClassPrompts) -> list[Floats]:
    """The local similarities (n, p) of each class's prompts; none where task or model have none."""
    if protocol.similarity == "global" or not isinstance(at.model, LocalModel):
        return []
    found = at.model.local_similarity(at.films[rows], [text for texts in prompts for text in texts])
    ends = np.cumsum([len(texts) for texts in prompts])[:-1]
    return [] if found is None else np.split(found.astype(np.float64), ends, axis=1)


def standardised(scores: Floats) -> Floats:
    """Scores (n, c) minus their column's mean over its standard deviation (of the population, as GLoRIA's).

    A column whose scores are all equal says nothing, and is 0.
    """
    constant = np.ptp(np.round(scores, _DECIMALS), axis=0) == 0
    spread = np.where(constant, 1.0, scores.std(axis=0))
    out: Floats = np.where(constant, 0.0, (scores - scores.mean(axis=0)) / spread)
    return out


def _one_hot(corpus: Corpus, rows: Rows, findings: Sequence[str]) -> Floats:
    """1 where the source states a finding as present, else 0: an uncertain one is not, by any published 5x200."""
    stated = corpus.stated[rows][:, [corpus.classes.index(name) for name in findings]]
    return np.asarray(stated == 1, dtype=np.float64)


def _facts(protocol: ClassPrompts) -> dict[str, Any]:
    one_class = "exactly one of the classes is stated as present; an uncertain one is not"
    facts: dict[str, Any] = {"classes": one_class}
    if protocol.count:
        facts["draw"] = f"Python's random.Random({protocol.seed}).sample, class after class, run after run"
    if protocol.z_score:
        facts["transductive"] = "a class's scores are standardised over all scored films: each depends on the others"
    return facts
