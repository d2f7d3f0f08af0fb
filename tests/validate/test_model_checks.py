"""Faults of embeddings and of the way to the scores, each found by its check."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.validate.subjects import with_recipe
from umcl_bench import registry
from umcl_bench.models.base import Matrix, PromptPair
from umcl_bench.models.trained import TrainedModel
from umcl_bench.protocols import zero_shot
from umcl_bench.validate import model_checks, task_checks
from umcl_bench.validate.checks import Check
from umcl_bench.validate.phantom import SIZE
from umcl_bench.validate.subject import Subject, make_subject
from umcl_bench.validate.task_checks import TaskSubject


def in_train_mode(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    """Batch norm by the statistics of the batch."""
    model.encoder.train()
    with torch.no_grad():
        return model.encoder.encode_image(torch.from_numpy(films)).numpy()


def twice_as_long(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return 2 * model.encoder.encode_image(torch.from_numpy(films)).numpy()


def not_finite(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return np.full((len(films), 128), np.nan, dtype=np.float32)


def blind(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return np.eye(1, 128, dtype=np.float32).repeat(len(films), axis=0)


def one_too_few(model: TrainedModel, films: NDArray[np.uint8]) -> Matrix:
    return blind(model, films)[1:]


def in_float64(model: TrainedModel, films: NDArray[np.uint8]) -> Any:
    return blind(model, films).astype(np.float64)


@pytest.mark.parametrize(
    ("encode", "look", "text"),
    [
        (twice_as_long, model_checks.embeddings, "films have lengths from 2 to 2"),
        (not_finite, model_checks.embeddings, "14 of 14 films are not finite"),
        (one_too_few, model_checks.embeddings, "14 films give an array of (13, 128), not (14, 128)"),
        (in_float64, model_checks.embeddings, "films are float64"),
        (in_train_mode, model_checks.batches, "in batches of 1"),
        (blind, model_checks.films, "are only 0.0e+00 apart"),
        (not_finite, model_checks.batches, "inf apart"),
    ],
)
def test_embeddings_of_films_that_are_wrong(
    sound: Subject, monkeypatch: pytest.MonkeyPatch, encode: Any, look: Callable[[Subject], Check], text: str
) -> None:
    model = sound.model
    monkeypatch.setattr(TrainedModel, "_encode_films", encode)
    found = look(sound)
    assert isinstance(model, TrainedModel)
    model.encoder.eval()
    assert found.state == "fail"
    assert text in found.seen
    assert found.advice


def test_texts_that_depend_on_the_batch_are_found(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = TrainedModel.embed_texts

    def centred(model: TrainedModel, texts: Sequence[str]) -> Matrix:
        rows = embed(model, texts)
        shifted: Matrix = rows - 0.5 * rows.mean(axis=0) + 0.01
        shifted /= np.linalg.norm(shifted, axis=1, keepdims=True)
        return shifted

    monkeypatch.setattr(TrainedModel, "embed_texts", centred)
    found = model_checks.batches(sound)
    assert found.state == "fail"
    assert found.seen.startswith("text ")


Embed = Callable[[Sequence[str], Sequence[str], Sequence[str]], PromptPair]


@pytest.mark.parametrize(
    ("wrong", "look", "text"),
    [
        (
            lambda embed: lambda f, p, n: embed(f, p, p),
            model_checks.prompts,
            "as present and as absent is 0.0e+00 apart",
        ),
        (lambda embed: lambda f, p, n: embed(f, ["{}"], ["no {}"]), model_checks.prompts, "has one embedding for '{}'"),
        (lambda embed: lambda f, p, n: embed(["edema"] * len(f), p, n), model_checks.prompts, "are only 0.0e+00 apart"),
        (lambda embed: lambda f, p, n: embed(sorted(f), p, n), model_checks.label_order, "asked for in reverse"),
    ],
    ids=["no negation", "no templates", "no findings", "their own order"],
)
def test_prompts_that_are_wrong(
    sound: Subject,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[Embed], Embed],
    look: Callable[[Subject], Check],
    text: str,
) -> None:
    assert look(sound).state == "pass"
    monkeypatch.setattr(sound.model, "embed_findings", wrong(sound.model.embed_findings))
    found = look(sound)
    assert found.state == "fail"
    assert text in found.seen


@pytest.mark.parametrize(("mean", "std"), [(120.0, 60.0), (127.5, 0.5), (0.5, 64.0), (-0.2, 0.3), (0.5, 0.0)])
def test_constants_of_another_scale_are_found(sound: Subject, mean: float, std: float) -> None:
    size = dataclasses.replace(SIZE, image=dataclasses.replace(SIZE.image, mean=mean, std=std), name="theirs")
    published = dataclasses.replace(sound.baseline, published=size)
    for changes, where in (({"size": size}, "theirs: "), ({"baseline": published}, "published (theirs): ")):
        found = model_checks.normalisation(with_recipe(sound, **changes))
        assert found.state == "fail"
        assert found.seen.startswith(f"{where}mean {mean:g} and std {std:g}")
        assert ("0..255" in found.seen) == (mean >= 0 < std)
        assert "divide by 255" in found.advice


def test_films_far_from_zero_are_found(sound: Subject) -> None:
    size = dataclasses.replace(SIZE, image=dataclasses.replace(SIZE.image, mean=0.9, std=0.02))
    found = model_checks.normalisation(with_recipe(sound, size=size))
    assert found.state == "fail"
    assert "have a mean of -18" in found.seen


def with_labels(run: Callable[..., Any]) -> Callable[..., Any]:
    def cheating(*arguments: Any) -> Any:
        outcome = run(*arguments)
        scores = outcome.parts[""]
        better = {**scores.columns, "value": scores.value + 0.1 * np.nan_to_num(scores.target)}
        return outcome._replace(parts={"": dataclasses.replace(scores, columns=better)})

    return cheating


def test_labels_that_reach_scores_are_found(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_checks.labels_unread(sound).state == "pass"
    monkeypatch.setattr(zero_shot, "run", with_labels(zero_shot.run))
    found = model_checks.labels_unread(sound)
    assert found.state == "fail"
    assert "with other labels on the test films, the scores are others" in found.seen
    found = task_checks.chance(TaskSubject(registry.get_task("zeroshot")))
    assert found.state == "fail"
    assert "macro AUROC of 40 random models: 0." in found.seen


@pytest.mark.parametrize("name", ["umcl", "siglip", "label-bce", "untrained", "random"])
def test_untrained_weights_are_at_chance(name: str) -> None:
    found = model_checks.chance(make_subject(registry.get_baseline(name)))
    assert found.state == "pass", found.seen
    assert "before training, 16 seeds: 0." in found.seen


def test_labels_in_the_first_weights_are_found(sound: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    run = zero_shot.run

    def knowing(task: Any, at: Any) -> Any:
        """A model that knows some labels by heart, whatever it is told now."""
        outcome = run(task, at)
        scores = outcome.parts[""]
        known = dict(zip(sound.corpus.ids, np.nan_to_num(sound.corpus.stated), strict=True))
        columns = [sound.corpus.classes.index(name) for name in scores.classes]
        told = np.stack([known[name][columns] for name in scores.id])
        columns_now = {**scores.columns, "value": scores.value + 0.05 * told}
        return outcome._replace(parts={"": dataclasses.replace(scores, columns=columns_now)})

    monkeypatch.setattr(zero_shot, "run", knowing)
    assert model_checks.labels_unread(sound).state == "pass"
    found = model_checks.chance(sound)
    assert (found.state, found.name) == ("fail", "chance")
