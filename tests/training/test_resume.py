"""A training that is interrupted, at any moment and in any way, ends as one that is left alone: bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.survivor import CPU, SAVING, WAYS, small_data, small_recipe
from umcl_bench.errors import BenchError
from umcl_bench.progress import Reporter
from umcl_bench.training import loop, state
from umcl_bench.training.loop import Trained, Trainer, Unfinished, train
from umcl_bench.training.resume import save
from umcl_bench.training.runtime import Runtime
from umcl_bench.training.step import Stepper

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What survivor.py leaves: trainings that were left alone, and interrupted ones."""
    out = tmp_path_factory.mktemp("survivor")
    command = [sys.executable, "-m", "tests.training.survivor", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


def told(path: Path) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """A training's facts, and its log without the times."""
    found = json.loads(path.with_suffix(".json").read_text())
    timed = ("films_per_second", "waiting")
    return found["facts"], [{k: v for k, v in row.items() if k not in timed} for row in found["log"]]


@pytest.mark.parametrize("way", WAYS)
def test_the_weights_are_those_of_a_training_in_one_go(survived: Path, way: str) -> None:
    kills, interrupted = WAYS[way][2], int((survived / way / "interrupted").read_text())
    assert interrupted == kills if kills else interrupted >= 12  # a state's write has 12 places or more
    alone, again = (survived / way / name for name in ("alone", "again"))
    assert alone.with_suffix(".safetensors").read_bytes() == again.with_suffix(".safetensors").read_bytes()
    states = [sorted(path.name for path in folder.glob("step-*")) for folder in (alone, again)]
    assert len(states[0]) == 2
    assert states[0] == states[1]
    for name in states[0]:  # weights, moments, steps, best weights
        assert (alone / name / state.TENSORS).read_bytes() == (again / name / state.TENSORS).read_bytes()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_told_of_it_is_that_of_a_training_in_one_go(survived: Path, way: str) -> None:
    (facts, log), (facts_again, log_again) = (told(survived / way / name) for name in ("alone", "again"))
    assert log == log_again
    assert [row["step"] for row in log] == sorted({row["step"] for row in log})
    assert "resumed_from_steps" not in facts
    assert facts_again["resumed_from_steps"] == sorted(facts_again["resumed_from_steps"])
    for name in ("steps", "films_seen", "rows_drawn", "selection", "row_kinds"):
        assert facts[name] == facts_again[name]
    assert sum(facts["rows_drawn"].values()) == facts["films_seen"]
    assert facts_again["seconds"] > 0
    following = (survived / way / "again" / "log.csv").read_text().splitlines()
    assert [float(line.split(",")[0]) for line in following[1:]] == [row["step"] for row in log]


class Interrupt(Exception):
    """Ends a training in a test."""


class Cut(Trainer):
    """A trainer that is interrupted after its third step."""

    def _save_due(self, saved: float) -> bool:
        if self.step == 3:
            save(self)
            raise Interrupt
        return False


DATA = small_data()


def attempt(folder: Path, model: str = "umcl", runtime: Runtime = SAVING, reporter: Reporter | None = None) -> Trained:
    return train(
        small_recipe(model, 6),
        *DATA,
        CPU,
        reporter or Reporter(quiet=True),
        runtime,
        Unfinished(folder, "d"),
        lambda m: 0.5,
    )


@pytest.fixture
def cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training that ended after three of its six steps."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "Trainer", Cut)
        with pytest.raises(Interrupt):
            attempt(tmp_path / "u")
    return tmp_path / "u"


def test_another_torch_or_thread_count_is_warned_of_by_name(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = state.load_state(cut, "d", Reporter())
    assert facts is not None
    facts.facts["surroundings"] |= {"torch": "2.0.0", "threads": 99}
    state.save_state(cut, facts, "d")
    attempt(cut)
    told = capsys.readouterr().err
    assert f"torch {torch.__version__} (before: 2.0.0)" in told
    assert "(before: 99)" in told
    assert "precision" not in told


def test_going_on_on_the_same_machine_warns_of_nothing(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = attempt(cut)
    assert capsys.readouterr().err == ""
    assert trained.facts["resumed_from_steps"] == [3]
    assert trained.facts["steps"] == 6


@pytest.mark.parametrize(
    "model",
    [
        "umcl+stage=second+second_share=0.5",  # cut at the end of the first stage, where prompts have no moments yet
        "umcl+stage=second+second_share=0.7",  # cut within the second
        "siglip",
        "mgca",
        "cxr-clip",
        "label-bce",
    ],
)
def test_every_sort_of_model_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    whole = attempt(tmp_path / "whole", model).model.encoder.state_dict()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "Trainer", Cut)
        with pytest.raises(Interrupt):
            attempt(tmp_path / "cut", model)
    resumed = attempt(tmp_path / "cut", model)
    assert resumed.facts["resumed_from_steps"] == [3]
    assert capsys.readouterr().err == ""
    for name, tensor in resumed.model.encoder.state_dict().items():
        assert torch.equal(tensor, whole[name]), name


SPOILED: dict[str, Any] = {
    "missing": lambda s: s.tensors.pop("model.log_scale"),
    "surplus": lambda s: s.tensors.update(other=torch.zeros(2)),
    "another shape": lambda s: s.tensors.update({"model.log_scale": torch.zeros(2)}),
    "another type": lambda s: s.tensors.update({"model.log_scale": torch.zeros((), dtype=torch.float64)}),
    "no moments": lambda s: s.tensors.pop("optimiser.log_scale.exp_avg"),
    "no log": lambda s: s.facts.pop("log"),
    "a short row": lambda s: s.facts.update(log=[[1, 2.0]]),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_state_that_does_not_fit_is_damaged(cut: Path, capsys: pytest.CaptureFixture[str], how: str) -> None:
    """Written whole, with right checksums, by something else than this trainer; the one before is gone on from."""
    good = state.load_state(cut, "d", Reporter())
    assert good is not None
    bad = state.State(5, dict(good.tensors), dict(good.facts))
    SPOILED[how](bad)
    state.save_state(cut, bad, "d")
    assert attempt(cut).facts["resumed_from_steps"] == [3]
    told = capsys.readouterr().err
    assert "step-00000005 is damaged" in told


def test_a_loss_that_is_not_finite_keeps_the_weights_before_it(cut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch norms have seen the bad batch by then: what they keep of it must go, too."""
    before = state.load_state(cut, "d", Reporter())
    gradients = Stepper.gradients

    def bad(self: Stepper, parcel: Any) -> torch.Tensor:
        return gradients(self, parcel) * (float("nan") if parcel.step == 5 else 1)

    monkeypatch.setattr(Stepper, "gradients", bad)
    with pytest.raises(
        BenchError, match=r"the loss is nan at step 5; the batch's films: .*last good state .* step 4\."
    ):
        attempt(cut, runtime=Runtime())
    kept = state.load_state(cut, "d", Reporter())
    assert before is not None
    assert kept is not None
    assert kept.step == 4
    assert all(row[0] <= 4 for row in kept.facts["log"])
    monkeypatch.undo()
    resumed = attempt(cut).model.encoder.state_dict()
    whole = attempt(cut.parent / "whole").model.encoder.state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_out_of_memory_names_what_would_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (torch.OutOfMemoryError("x"), RuntimeError("DefaultCPUAllocator: can't allocate memory")):

        def full(*_: object, error: Exception = error) -> torch.Tensor:
            raise error

        monkeypatch.setattr(Stepper, "gradients", full)
        with pytest.raises(BenchError, match=r"out of memory at step 1\. 4 rows .*; --micro-batch 2 would fit"):
            attempt(tmp_path)


def test_another_error_stays_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> torch.Tensor:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Stepper, "gradients", broken)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        attempt(tmp_path)
