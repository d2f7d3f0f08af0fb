"""What is sound passes, and what can not be looked at fails once."""

import dataclasses
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import load_file

from tests.validate.subjects import clip, with_recipe
from umcl_bench import registry
from umcl_bench.data.preprocess import get_preprocess
from umcl_bench.errors import Stopped
from umcl_bench.models.base import Matrix
from umcl_bench.models.released.weights import Fit
from umcl_bench.progress import Reporter
from umcl_bench.spec import Task, ZeroShot
from umcl_bench.training.augment import augment
from umcl_bench.training.checkpoint import save_checkpoint
from umcl_bench.validate import training_checks
from umcl_bench.validate.phantom import SIZE
from umcl_bench.validate.run import OF_MODELS, OF_TASKS, validate, validate_model, validate_task
from umcl_bench.validate.subject import Subject

QUIET = Reporter(quiet=True)


@pytest.mark.parametrize("name", ["umcl", "clip+loss=umcl", "label-bce", "untrained", "random"])
def test_a_sound_model_passes(name: str) -> None:
    (verdict,) = validate(name, QUIET)
    assert verdict.passed, [check for check in verdict.checks if check.state == "fail"]
    made = {check.name: check for check in verdict.checks}
    trained = registry.get_baseline(name).weights == "trained"
    assert (
        made["gradients"].state
        == made["moves"].state
        == made["same seed"].state
        == ("pass" if trained else "not applicable")
    )
    assert made["label order"].state == made["batches and order"].state == "pass"
    assert "PHANTOM" in verdict.on


def test_a_sound_task_passes() -> None:
    """All others: tests/test_tasks.py."""
    (verdict,) = validate("zeroshot-chexpert", QUIET)
    assert [check.state for check in verdict.checks] == ["pass"] * (4 + len(OF_TASKS))


def test_of_a_task_that_tunes_a_network_the_data_and_names_are_checked() -> None:
    (verdict,) = validate("segment-siim", QUIET)
    made = {check.name: check.state for check in verdict.checks}
    assert verdict.passed
    assert made["data"] == made["metrics"] == "pass"
    assert made["truth"] == made["ties"] == made["chance"] == made["figures"] == "not applicable"


def test_our_own_checkpoint_passes_as_a_released_model(sound: Subject, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    save_checkpoint(folder, sound.trained, sound.recipe, sound.corpus.fingerprint)
    (verdict,) = validate(f"local:{folder}", QUIET)
    made = {check.name: check.state for check in verdict.checks}
    assert verdict.passed
    assert made["gradients"] == made["evidence"] == "not applicable"
    (weights,) = (check.seen for check in verdict.checks if check.name == "weights")
    count = len(load_file(folder / "model.safetensors"))
    assert weights == f"{count} loaded, 0 left out by design; none was missing, left over or of another shape"
    assert made["weights"] == made["normalisation"] == made["label order"] == "pass"
    (folder / "model.safetensors").write_bytes(b"no weights")
    (verdict,) = validate(f"local:{folder}", QUIET)
    (failure,) = (check for check in verdict.checks if check.state == "fail")
    assert failure.name == "builds"
    assert "model.safetensors" in failure.seen


def test_a_model_that_can_not_be_built_fails_once() -> None:
    (found,) = validate_model(
        registry.get_baseline("clip"),
        size=dataclasses.replace(SIZE, image=dataclasses.replace(SIZE.image, name="resnet18x")),
    )
    assert (found.name, found.state) == ("builds", "fail")
    assert "resnet18x" in found.seen


def test_a_task_without_data_fails_once() -> None:
    task = Task("mine", "nowhere", ZeroShot())
    (found,) = validate_task(task)
    assert (found.name, found.state) == ("data", "fail")


def test_ctrl_c_stops_and_is_no_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return augment(*arguments)

    subject = clip()
    monkeypatch.setattr("umcl_bench.training.step.augment", interrupted)
    with pytest.raises(Stopped, match="stopped"):
        training_checks.moves(subject)


class ImageOnly:
    """A released image tower, as far as its checks ask: rows of the mean and the deviation of a film's rows."""

    has_texts = False
    towers = SimpleNamespace(fit=Fit(2, ("fc.weight", "fc.bias")))
    preprocess = get_preprocess("chexzero")

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        rows = np.concatenate([films.mean(axis=2), films.std(axis=2) + 1], axis=1)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows, dtype=np.float32)


def test_a_model_without_texts_takes_the_checks_of_films() -> None:
    subject = clip()
    released = dataclasses.replace(subject.baseline, weights="released", rows=())
    subject = with_recipe(subject, baseline=released)
    vars(subject)["model"] = ImageOnly()
    checks = [look(subject) for look in OF_MODELS]
    assert any("2 loaded, 2 left out by design: fc.weight, fc.bias;" in found.seen for found in checks)
    states = {found.name: found.state for found in checks}
    missing = {"prompts matter", "label order", "test labels unread", "chance"}
    untrained = {"gradients", "moves", "same seed", "test labels stay out"}
    assert {name for name, state in states.items() if state == "not applicable"} == missing | untrained
    assert {state for name, state in states.items() if name not in missing | untrained} == {"pass"}
