"""Fine-tuning: known predictors, the loss where labels are missing, selection, and a short fit on a real tower."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.protocols.fitting import backwards, evaluation, shortened, tiny_model
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.phantom.plays import play
from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import macro
from umcl_bench.metrics.scores import Floats
from umcl_bench.models.trained import TrainedModel
from umcl_bench.protocols import fine_tune
from umcl_bench.protocols.base import Evaluation, Outcome, truth_of
from umcl_bench.protocols.fine_tune import Predict, known_loss, mean_auroc
from umcl_bench.spec import COMPETITION, FineTune, Task

TASKS = ("finetune", "finetune-chexpert", "finetune-nih", "finetune-rsna", "finetune-vindr")


@pytest.fixture(scope="module")
def model(phantom: Corpus) -> TrainedModel:
    return tiny_model(phantom)


def told(
    monkeypatch: pytest.MonkeyPatch, at: Evaluation, task: Task, say: Callable[[Floats], Floats]
) -> tuple[Outcome, list[dict[str, Any]]]:
    """The outcome where the fitted network is replaced by what `say` makes of the labels; and what was fitted."""
    asked: list[dict[str, Any]] = []

    def fit(task: Task, at: Evaluation, train: Rows, val: Rows, seed: int) -> tuple[Predict, dict[str, Any]]:
        asked.append({"train": train, "val": val, "seed": seed})
        truth = truth_of(at.corpus, fine_tune.check(task, at.corpus), fine_tune.findings_of(task, at.corpus))
        return (lambda films: say(truth)), {}

    monkeypatch.setattr(fine_tune, "fit", fit)
    return fine_tune.run(task, at), asked


@pytest.mark.parametrize("name", TASKS)
def test_an_oracle_is_perfect_a_constant_and_a_random_one_at_chance(
    monkeypatch: pytest.MonkeyPatch, phantom: Corpus, model: TrainedModel, name: str
) -> None:
    task = registry.get_task(name)
    corpus = play(phantom, task.dataset) if task.dataset else phantom
    at = Evaluation(corpus, np.zeros((len(phantom), 2, 2), np.uint8), model)
    for say, expected in ((lambda truth: truth, 1.0), (lambda truth: np.full_like(truth, 0.3), 0.5)):
        outcome, asked = told(monkeypatch, at, task, say)
        assert list(outcome.parts) == ["1%/0", "10%/0", "100%/0"]
        assert [figure.label for figure in outcome.figures] == ["1%", "10%", "100%"]
        found = {part: macro(scores, "auroc") for part, scores in outcome.parts.items()}
        assert found["100%/0"] == expected
        assert {value for value in found.values() if not np.isnan(value)} == {expected}  # few films may teach nothing
    rng = np.random.default_rng(0)
    draws = [told(monkeypatch, at, task, lambda truth: rng.random(truth.shape))[0] for _ in range(40)]
    areas = np.array([macro(outcome.parts["100%/0"], "auroc") for outcome in draws])
    assert abs(areas.mean() - 0.5) < 4 * areas.std(ddof=1) / np.sqrt(len(areas))
    patients = [set(at.corpus.patients[fit["train"]]) for fit in asked]
    assert patients[0] < patients[1] < patients[2] == set(phantom.patients[phantom.splits == "train"])
    assert set(at.corpus.splits[asked[0]["val"]].astype(str)) == {"val"}


def test_the_loss_is_the_mean_over_known_labels() -> None:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.standard_normal((6, 3))).requires_grad_()
    labels = torch.from_numpy(np.where(rng.random((6, 3)) < 0.3, np.nan, rng.integers(0, 2, (6, 3))))
    p = 1 / (1 + np.exp(-logits.detach().numpy()))
    each = [-np.log(q if t else 1 - q) for q, t in zip(p.ravel(), labels.numpy().ravel(), strict=True) if t == t]
    found = known_loss(logits, labels)
    assert float(found.detach()) == pytest.approx(np.mean(each))
    found.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.equal(logits.grad == 0, labels.isnan())
    blank = known_loss(logits, torch.full((6, 3), torch.nan))
    assert float(blank.detach()) == 0
    assert known_loss(torch.zeros(2, 2), torch.eye(2)).item() == pytest.approx(np.log(2))


def test_val_is_judged_on_the_findings_that_are_defined_there() -> None:
    labels = np.array([[1.0, 1, 0], [0, 1, np.nan], [1, 1, 1]])
    value = np.array([[0.9, 0.1, 0.2], [0.1, 0.2, 0.9], [0.05, 0.3, 0.1]])
    assert mean_auroc(value, labels) == pytest.approx((0.5 + 0.0) / 2)
    assert np.isnan(mean_auroc(value, np.ones((3, 3))))


def test_a_short_fit_is_on_the_towers_weights_and_does_not_depend_on_the_order_of_rows(
    phantom: Corpus, model: TrainedModel
) -> None:
    task = shortened("finetune-chexpert", fractions=(0.1,))
    at = evaluation(phantom, model)
    outcome = fine_tune.run(task, at)
    facts = outcome.facts["fits"]["10%/0"]  # type: ignore[index]
    assert facts["encoder_tensors_as_in_the_tower"] == len(model.encoder.image.trunk.state_dict()) == 84
    turned = fine_tune.run(task, backwards(at))
    here, there = outcome.parts["10%/0"], turned.parts["10%/0"]
    assert here.classes == COMPETITION
    place = {name: row for row, name in enumerate(there.id)}
    rows = np.array([place[name] for name in here.id])
    np.testing.assert_array_equal(there.value[rows], here.value)
    assert ((here.value > 0) & (here.value < 1)).all()
    assert here.value.std(axis=0).min() > 0
    again = fine_tune.run(task, at).parts["10%/0"]
    np.testing.assert_array_equal(again.value, here.value)
    other = fine_tune.run(task, dataclasses.replace(at, seed=1)).parts["10%/0"]
    assert not np.array_equal(other.value, here.value)


def test_it_learns_what_is_plain_to_see(phantom: Corpus, model: TrainedModel) -> None:
    """Films whose brightness is the label: a few steps tell all of them."""
    task = shortened("finetune-chexpert", steps=30, fractions=(1.0,), findings=("Cardiomegaly",))
    assert isinstance(task.protocol, FineTune)
    quick = dataclasses.replace(task.protocol.fitting, encoder_factor=1.0, look_every=30)
    task = dataclasses.replace(task, protocol=dataclasses.replace(task.protocol, fitting=quick))
    positive = phantom.stated[:, phantom.classes.index("Cardiomegaly")] == 1
    bright = np.where(positive, 200, 60).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 20, (len(phantom), 64, 64), dtype=np.uint8)
    at = Evaluation(phantom, bright[:, None, None] + noise, model)
    scores = fine_tune.run(task, at).parts["100%/0"]
    assert mean_auroc(scores.value, scores.target) > 0.95


def test_what_a_share_can_not_teach_is_undefined_and_named(
    monkeypatch: pytest.MonkeyPatch, phantom: Corpus, model: TrainedModel
) -> None:
    at = Evaluation(phantom, np.zeros((len(phantom), 2, 2), np.uint8), model)
    outcome, asked = told(monkeypatch, at, registry.get_task("finetune-chexpert"), lambda truth: np.nan_to_num(truth))
    facts = outcome.facts["fits"]["1%/0"]  # type: ignore[index]
    truth = truth_of(phantom, asked[0]["train"], COMPETITION)
    sides = [{*column[~np.isnan(column)].tolist()} for column in truth.T]
    expected = [name for name, side in zip(COMPETITION, sides, strict=True) if side != {0.0, 1.0}]
    assert facts["not learned"] == ", ".join(expected)
    assert expected
    assert facts["films"] == len(asked[0]["train"])
    undefined = np.isnan(outcome.parts["1%/0"].value)
    assert [name for name, column in zip(COMPETITION, undefined.T, strict=True) if column.all()] == expected
    assert not np.isnan(outcome.parts["100%/0"].value).any()


def test_what_does_not_fit_is_refused_before_any_work(phantom: Corpus) -> None:
    task = registry.get_task("finetune-chexpert")
    assert fine_tune.check(task, phantom).tolist() == phantom.rows("test").tolist()
    for split in ("train", "val", "test"):
        lacking = dataclasses.replace(phantom, splits=np.where(phantom.splits == split, "", phantom.splits))
        with pytest.raises(UsageError, match=f"needs {split} films"):
            fine_tune.check(task, lacking)
    with pytest.raises(UsageError, match="needs labels for"):
        fine_tune.check(task, play(phantom, "roco"))
    for split in ("train", "val"):
        with pytest.raises(UsageError, match=f"is scored on {split}, which it is fitted or chosen on"):
            fine_tune.check(registry.get_task(f"finetune-chexpert+split={split}"), phantom)
    with pytest.raises(UsageError, match="image tower; random has none"):
        fine_tune.check_model(task, registry.get_baseline("random"))
    fine_tune.check_model(task, registry.get_baseline("untrained"))


def test_the_published_schedule_is_benchxs() -> None:
    protocol = registry.get_task("finetune-nih+setting=published").protocol
    assert isinstance(protocol, FineTune)
    how = protocol.schedule
    assert (how.optimiser, how.encoder_factor, how.batch, how.epochs, how.patience) == ("adam", 0.1, 64, 200, 10)
    assert 50 <= how.warmup_share * how.steps <= 60
