"""Zero-shot classification: a positive against a negative prompt for each finding (CheXzero: Tiu et al. 2022)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.models.base import Matrix, PromptPair
from umcl_bench.protocols.base import Evaluation, Outcome, labelled_findings, labelled_rows, scores_of
from umcl_bench.spec import Baseline, Task, ZeroShot


def _protocol(task: Task) -> ZeroShot:
    assert isinstance(task.protocol, ZeroShot)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The findings to score. Raises UsageError where the corpus does not label one that the task names."""
    return labelled_findings(task, _protocol(task).findings, corpus)


def check(task: Task, corpus: Corpus) -> Rows:
    """The rows to score: the split's films with a label of at least one of the findings. Raises UsageError."""
    return labelled_rows(task, findings_of(task, corpus), corpus)


def check_model(task: Task, baseline: Baseline) -> None:
    """Every model has prompts or vectors of findings; one that was not taught a finding says so when it is asked."""


def run(task: Task, at: Evaluation) -> Outcome:
    """p(finding) for each film of the split: the softmax of the pair of cosines."""
    rows, findings = check(task, at.corpus), findings_of(task, at.corpus)
    protocol = _protocol(task)
    prompts = at.model.embed_findings([name.lower() for name in findings], protocol.positive, protocol.negative)
    value = pair_probability(at.embed(rows), prompts, protocol.temperature)
    return Outcome({"": scores_of(at.corpus, rows, findings, value=value)}, {"prompts": prompts.how})


def pair_probability(z_img: Matrix, prompts: PromptPair, temperature: float) -> NDArray[np.float64]:
    """e^(pos/t) / (e^(pos/t) + e^(neg/t)) as (n, c), in float64, from unit rows z_img (n, d) and prompts (c, d)."""
    image = z_img.astype(np.float64)
    difference = image @ (prompts.positive.astype(np.float64) - prompts.negative.astype(np.float64)).T
    return 1 / (1 + np.exp(-difference / temperature))
