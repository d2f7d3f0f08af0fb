"""How much zero-shot figures depend on the wording: the pair rule with each of sixty wordings of a finding."""

from __future__ import annotations

from typing import Any

import numpy as np

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.prompts.wordings import COUNT, NAMES, wordings
from umcl_bench.errors import UsageError
from umcl_bench.metrics.scores import Figure, Scores
from umcl_bench.models.base import Model, PromptPair
from umcl_bench.protocols.base import Evaluation, Outcome, labelled_findings, labelled_rows, scores_of
from umcl_bench.protocols.zero_shot import pair_probability
from umcl_bench.spec import Baseline, PromptSensitivity, Task

_SAME = 1e-5
"""Embeddings that are no further apart, in any number, are of one text."""


def _protocol(task: Task) -> PromptSensitivity:
    assert isinstance(task.protocol, PromptSensitivity)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The findings to score. Raises UsageError where the corpus does not label one that the task names."""
    return labelled_findings(task, _protocol(task).findings, corpus)


def check(task: Task, corpus: Corpus) -> Rows:
    """The rows to score: the split's films with a label of at least one of the findings. Raises UsageError."""
    findings = findings_of(task, corpus)
    unknown = [name for name in findings if name not in NAMES]
    if unknown:
        raise UsageError(f"task {task.name}: there are no wordings of {', '.join(unknown)}; of {', '.join(NAMES)} only")
    return labelled_rows(task, findings, corpus)


def check_model(task: Task, baseline: Baseline) -> None:
    """Every model has prompts or vectors of findings; one that was not taught a finding says so when it is asked."""


def run(task: Task, at: Evaluation) -> Outcome:
    """p(finding) of each film by each wording, a part a wording."""
    rows, findings = check(task, at.corpus), findings_of(task, at.corpus)
    films = at.embed(rows)
    pairs = wording_pairs(at.model, findings)
    parts: dict[str, Scores] = {}
    for label, pair in pairs.items():
        value = pair_probability(films, pair, _protocol(task).temperature)
        parts[label] = scores_of(at.corpus, rows, findings, value=value)
    names = tuple(parts)
    figures = (
        Figure("", names),
        Figure("sd over wordings", names, "sd"),
        Figure("worst decile", names, "worst-decile"),
    )
    return Outcome(parts, _facts(list(pairs.values())), figures)


def wording_pairs(model: Model, findings: tuple[str, ...]) -> dict[str, PromptPair]:
    """The findings' pairs of texts in each wording, by its label."""
    found = {}
    for several in zip(*(wordings(name) for name in findings), strict=True):
        first, written = several[0], [one.name for one in several]
        lower = [name.lower() for name in findings]
        found[first.label] = model.embed_findings(lower, (first.positive,), (first.negative,), names=written)
    return found


def _facts(pairs: list[PromptPair]) -> dict[str, Any]:
    """How many wordings the model tells apart: all that it reads, those of the name, or none."""
    apart: list[PromptPair] = []
    for pair in pairs:
        if not any(all(np.abs(a - b).max() < _SAME for a, b in zip(pair[:2], o[:2], strict=True)) for o in apart):
            apart.append(pair)
    hows = {pair.how for pair in pairs}
    how = pairs[0].how if len(hows) == 1 else "hand-written: each wording"
    facts: dict[str, Any] = {"prompts": how, "wordings": COUNT, "wordings told apart": len(apart)}
    if len(apart) == 1:
        facts["reads"] = "no wording: the spread over wordings is 0 by construction"
    elif how.startswith("the model's own"):
        facts["reads"] = "the name alone, in its own prompt: wordings that differ beside the name are one to it"
    return facts
