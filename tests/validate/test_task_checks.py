"""Faults of protocols and of tasks, each found by its check."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from umcl_bench import registry
from umcl_bench.protocols import zero_shot
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
    found = look(subject)
    assert found.state == "fail"
    assert text in found.seen


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
    ],
)
def test_tasks_that_are_wrong(changes: dict[str, Any], look: Callable[[TaskSubject], Check], text: str) -> None:
    found = look(TaskSubject(task(**changes)))
    assert found.state == "fail"
    assert text in found.seen
