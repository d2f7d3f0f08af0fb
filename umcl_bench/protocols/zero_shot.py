"""Zero-shot classification: a positive against a negative prompt for each finding (CheXzero: Tiu et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.metrics.scores import Floats
from umcl_bench.models.base import Matrix, Model, PromptPair
from umcl_bench.protocols.base import (
    Evaluation,
    Outcome,
    check_unused,
    cosines,
    labelled_findings,
    labelled_rows,
    scores_of,
    truth_of,
)
from umcl_bench.protocols.thresholds import RULE, best_threshold, decide
from umcl_bench.spec import Baseline, Task, ZeroShot

REVERSED = "finding"
"""The name whose pair, the other way round, is No Finding's: "no finding" against "finding" (ours)."""


def _protocol(task: Task) -> ZeroShot:
    assert isinstance(task.protocol, ZeroShot)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The findings to score. Raises UsageError where the corpus does not label what the task can't do without."""
    wanted, take = _protocol(task).findings, _protocol(task).take
    labelled = tuple(name for name in wanted if name in corpus.classes)
    if take != "all" and labelled:
        wanted = labelled if take == "labelled" else labelled[:1]
    return labelled_findings(task, wanted, corpus)


def check(task: Task, corpus: Corpus) -> Rows:
    """The rows to score: the split's films with a label of at least one of the findings. Raises UsageError."""
    if _protocol(task).threshold in ("val-f1", "val-mcc"):
        check_unused(task, "val")
    return labelled_rows(task, findings_of(task, corpus), corpus)


def check_model(task: Task, baseline: Baseline) -> None:
    """Every model has prompts or vectors of findings; one that was not taught a finding says so when it is asked."""


def run(task: Task, at: Evaluation) -> Outcome:
    """p(finding) for each film of the split, the softmax of the pair of cosines; and the decisions made of it."""
    rows, findings = check(task, at.corpus), findings_of(task, at.corpus)
    protocol = _protocol(task)
    prompts = prompts_of(at.model, protocol, findings)
    value = pair_probability(at.embed(rows), prompts, protocol.temperature)
    decision, facts = _decisions(task, at, findings, prompts, value)
    left_out = [name for name in protocol.findings if name not in findings]
    scores = scores_of(at.corpus, rows, findings, value=value, decision=decision)
    return Outcome({"": scores}, {"prompts": prompts.how, **facts, **({"not scored": left_out} if left_out else {})})


def pair_probability(z_img: Matrix, prompts: PromptPair, temperature: float) -> Floats:
    """e^(pos/t) / (e^(pos/t) + e^(neg/t)) as (n, c), in float64, from unit rows z_img (n, d) and prompts (c, d)."""
    difference = cosines(z_img, prompts.positive.astype(np.float64) - prompts.negative.astype(np.float64))
    return np.asarray(1 / (1 + np.exp(-difference / temperature)))


def prompts_of(model: Model, protocol: ZeroShot, findings: Sequence[str]) -> PromptPair:
    """The findings' pairs, with No Finding's the other way round."""
    names = dict(protocol.names)
    plain = [name for name in findings if name != NO_FINDING]
    parts: list[PromptPair] = []
    if plain:
        written = [names.get(name, name.lower() if protocol.case == "lower" else name) for name in plain]
        asked = (protocol.positive, protocol.negative)
        if names:
            parts.append(model.embed_findings([name.lower() for name in plain], *asked, names=written))
        else:
            parts.append(model.embed_findings(written, *asked))
    if len(plain) < len(findings):
        absent, present = ([t.format(REVERSED) for t in kind] for kind in (protocol.positive, protocol.negative))
        parts.append(model.embed_findings([NO_FINDING.lower()], present, absent))
    order = [*plain, NO_FINDING]
    places = [order.index(name) for name in findings]
    positive = np.concatenate([part.positive for part in parts])[places]
    negative = np.concatenate([part.negative for part in parts])[places]
    return PromptPair(positive, negative, "; No Finding: ".join(dict.fromkeys(part.how for part in parts)))


def _decisions(
    task: Task, at: Evaluation, findings: Sequence[str], prompts: PromptPair, value: Floats
) -> tuple[Floats, dict[str, Any]]:
    """Decisions (n, c), and what a record says of how they were made."""
    protocol = _protocol(task)
    if protocol.threshold == "":
        return np.full_like(value, np.nan), {"decisions": "none: the task chooses no thresholds"}
    if protocol.threshold == "pair":
        rule = "the nearer prompt of the pair; where both are as near, half a decision"
        return (value > 0.5) + 0.5 * (value == 0.5), {"decisions": rule}
    rows = at.corpus.with_image(at.corpus.rows("val", task.views))
    truth = truth_of(at.corpus, rows, findings)
    scores = pair_probability(at.embed(rows), prompts, protocol.temperature) if len(rows) else truth
    by: Literal["f1", "mcc"] = "f1" if protocol.threshold == "val-f1" else "mcc"
    thresholds = np.array([best_threshold(scores[:, k], truth[:, k], by) for k in range(len(findings))])
    chosen = {name: None if np.isnan(t) else float(t) for name, t in zip(findings, thresholds, strict=True)}
    facts: dict[str, Any] = {"decisions": RULE.format(score=by.upper()), "thresholds": chosen, "val films": len(rows)}
    if without := [name for name, threshold in chosen.items() if threshold is None]:
        facts["no threshold"] = f"{', '.join(without)}: val has no film with it, or none without it"
    return decide(value, thresholds), facts
