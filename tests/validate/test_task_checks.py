"""Faults of protocols and of tasks, each found by its check."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from umcl_bench import registry
from umcl_bench.protocols import probe, retrieval, top_k, zero_shot
from umcl_bench.protocols.top_k import Place
from umcl_bench.spec import Task, ZeroShot
from umcl_bench.validate import task_checks
from umcl_bench.validate.checks import Check
from umcl_bench.validate.task_checks import TaskSubject


@pytest.mark.parametrize(
    ("wrong", "look", "text"),
    [
        (lambda p: 1 - p, task_checks.truth, "AUROC of a model that is told the truth is not 1"),
        (lambda p: p + 1e-9 * np.arange(len(p))[:, None], task_checks.ties, "the same of all films is not 0.5"),
        (lambda p: (p - p.mean(0)) / p.std(0), task_checks.films_alone, "without half of the films, 256 of 256"),
        (lambda p: p + 1e-3 * np.arange(len(p))[:, None], task_checks.films_alone, "in another order, "),
        (lambda p: p[:, ::-1], task_checks.truth, "is not 1"),
    ],
    ids=["sign", "ties by order", "standardised", "row numbers", "columns"],
)
def test_protocols_that_are_wrong(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Any], Any], look: Callable[[TaskSubject], Check], text: str
) -> None:
    subject = TaskSubject(registry.get_task("zeroshot-chexpert"))
    right = zero_shot.pair_probability
    assert look(subject).state == "pass"
    monkeypatch.setattr(zero_shot, "pair_probability", lambda *arguments: wrong(right(*arguments)))
    found = look(TaskSubject(subject.whole))
    assert found.state == "fail"
    assert text in found.seen


def test_ranks_that_rows_decide_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = TaskSubject(registry.get_task("retrieval-mimic"))
    assert task_checks.ties(subject).state == "pass"
    right = top_k.best_places

    def first_of_equals(*arguments: Any) -> tuple[Place, Place]:
        there, back = right(*arguments)
        return there._replace(tied=there.relevant), back._replace(tied=back.relevant)

    monkeypatch.setattr(retrieval, "best_places", first_of_equals)
    found = task_checks.ties(subject)
    assert found.state == "fail"
    assert "R@1 of a model that says the same of all films is not " in found.seen


def test_labels_that_get_into_features_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_checks, "DRAWS", 6)
    monkeypatch.setattr(probe, "_features", lambda protocol, at, rows: np.nan_to_num(at.corpus.truth[rows]))
    found = task_checks.chance(TaskSubject(registry.get_task("probe-rsna")))
    assert found.state == "fail"
    assert "macro AUROC of 6 random models: 1.000 +- 0.000 for 0.500" in found.seen


def task(**changes: Any) -> Task:
    return dataclasses.replace(Task("mine", "", ZeroShot()), **changes)


@pytest.mark.parametrize(
    ("changes", "look", "text"),
    [
        (
            {"dataset": "chexprt"},
            task_checks.data,
            "no dataset of the phantom is named 'chexprt'. Did you mean 'chexpert'",
        ),
        ({"protocol": ZeroShot(findings=("Edena",))}, task_checks.data, "lacks Edena"),
        ({"dataset": "siim", "protocol": ZeroShot(findings=("Edema",))}, task_checks.data, "lacks Edema"),
        ({"dataset": "ms-cxr"}, task_checks.data, "has both positive and negative test films"),
        ({"protocol": ZeroShot(findings=("Edema", "Edema"))}, task_checks.data, "named twice"),
        ({"protocol": ZeroShot(positive=("{}", "No {}"))}, task_checks.templates, "'no {}' is positive and negative"),
        ({"protocol": ZeroShot(positive=())}, task_checks.templates, "templates are missing"),
        ({"metrics": ("auroc", "f9")}, task_checks.metrics, "there is no metric f9"),
        (
            {"metrics": ("auroc", "r@1")},
            task_checks.metrics,
            "r@1 reads hit@1; zero-shot writes decision, target, valu",
        ),
        ({"headline": "auroc (10%)"}, task_checks.figures, "there is no auroc (10%); there are auroc"),
        ({"shown": ("auroc (sd)",)}, task_checks.figures, "there is no auroc (sd); there are auroc"),
    ],
)
def test_tasks_that_are_wrong(changes: dict[str, Any], look: Callable[[TaskSubject], Check], text: str) -> None:
    found = look(TaskSubject(task(**changes)))
    assert found.state == "fail"
    assert text in found.seen
