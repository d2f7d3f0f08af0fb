"""Faults of training, each found by its check."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.validate.subjects import clip, with_loss
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.models.dual import DualEncoder
from umcl_bench.objectives.targets import Side, same_pair
from umcl_bench.spec import Baseline, Objective
from umcl_bench.training import batches
from umcl_bench.training.checkpoint import load_checkpoint
from umcl_bench.validate import model_checks, training_checks
from umcl_bench.validate.subject import Subject, make_subject


def test_a_text_tower_without_a_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault of a ConVIRT that is in use: its text projection runs under no_grad."""
    monkeypatch.setattr(DualEncoder, "text_features", torch.no_grad()(DualEncoder.text_features))
    subject = clip()
    found = training_checks.gradients(subject)
    assert found.state == "fail"
    assert "all of the text tower" in found.seen
    assert "image" not in found.seen
    assert "no_grad" in found.advice
    found = training_checks.moves(subject)
    assert found.state == "fail"
    assert found.seen.startswith("text did not move in 6 steps")


def test_both_stages_of_a_training_count() -> None:
    """The prompt's vectors learn in the second stage alone."""
    subject = make_subject(registry.get_baseline("umcl+stage=second"))
    assert training_checks.gradients(subject).state == "pass"
    moved = training_checks.moves(subject)
    assert moved.state == "pass"
    assert "prompts" in moved.seen


def test_a_layer_that_nothing_uses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    init = DualEncoder.__init__

    def with_more(self: DualEncoder, *arguments: Any) -> None:
        init(self, *arguments)
        self.image.forgotten = nn.Linear(3, 2)

    monkeypatch.setattr(DualEncoder, "__init__", with_more)
    found = training_checks.gradients(clip())
    assert found.state == "fail"
    assert "2 of 82 parameters: image.forgotten.weight, image.forgotten.bias" in found.seen


def not_a_number(films: Side, texts: Side, objective: Objective) -> Tensor:
    return same_pair(films, texts) * torch.nan


def of_the_wrong_shape(films: Side, texts: Side, objective: Objective) -> Tensor:
    return same_pair(films, texts)[:1]


def unseeded(films: Side, texts: Side, objective: Objective) -> Tensor:
    weights = same_pair(films, texts)
    return weights + torch.from_numpy(np.random.default_rng().random(weights.shape)).float()


@pytest.mark.parametrize(("loss", "text"), [(not_a_number, "gradient"), (of_the_wrong_shape, "must return a tensor")])
def test_a_loss_that_fails_is_said_and_the_other_checks_go_on(loss: Callable[..., Any], text: str) -> None:
    subject = with_loss(loss)
    for look in (training_checks.gradients, training_checks.moves):
        found = look(subject)
        assert found.state == "fail"
        assert text in found.seen
    assert model_checks.embeddings(subject).state == "pass"


def test_an_unseeded_draw_is_found() -> None:
    found = training_checks.same_seed(with_loss(unseeded))
    assert found.state == "fail"
    assert "and then" in found.seen


def test_a_weight_that_is_not_saved_is_found(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_a_weight(*arguments: Any) -> Any:
        model, facts = load_checkpoint(*arguments)
        projection = model.encoder.image.projection
        assert isinstance(projection, nn.Linear)
        projection.weight.data.mul_(torch.linspace(0.5, 1.5, 128)[:, None])
        return model, facts

    assert training_checks.weights(sound).state == "pass"
    monkeypatch.setattr(training_checks, "load_checkpoint", without_a_weight)
    found = training_checks.weights(sound)
    assert found.state == "fail"
    assert "the embedding of film" in found.seen


def test_training_on_test_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_all_splits(corpus: Corpus, baseline: Baseline, split: str = "train") -> NDArray[np.int64]:
        return np.arange(len(corpus))

    monkeypatch.setattr(batches, "eligible_rows", of_all_splits)
    assert training_checks.no_test_label_in_training(clip()).state == "fail"
