"""What is seen of a training: the log that grows, and TensorBoard's events."""

import importlib.util
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import Quick
from umcl_bench.errors import UsageError
from umcl_bench.training.monitor import LogRow, Monitor


def row(step: int, waiting: float = 0.0) -> LogRow:
    return LogRow(step, 1.0 / step, 1e-3, 14.0, 0.5, 100.0, waiting, 0.9, -2.0, 0.25, 1.5, 2.0)


def tick(amount: int = 1, note: str = "") -> None:
    """Is not looked at."""


def steps(path: Path) -> list[str]:
    return [line.split(",")[0] for line in path.read_text().splitlines()]


def test_the_log_grows_while_training_and_has_no_step_twice(tmp_path: Path) -> None:
    monitor = Monitor((), tmp_path / "u", None)
    for step in (10, 20, 30):
        monitor.add(row(step), tick)
        assert steps(tmp_path / "u/log.csv")[-1] == str(step)
    again = Monitor([row(10)], tmp_path / "u", None, 15)  # killed after 30; the state was that of step 15
    assert steps(tmp_path / "u/log.csv") == ["step", "10"]
    again.add(row(20), tick)
    assert steps(tmp_path / "u/log.csv") == ["step", "10", "20"]
    assert again.rows == [row(10), row(20)]


def test_a_row_says_how_long_data_were_waited_for() -> None:
    notes: list[str] = []
    monitor = Monitor((), None, None)
    for waiting in (0.0, 0.4):
        monitor.add(row(10, waiting), lambda amount=1, note="": notes.append(note))
    assert "waiting" not in notes[0]
    assert notes[1].endswith("waiting for data 40%")
    assert "loss 0.100, 100 films/s, false negatives 25.0%" in notes[0]


def test_events_can_be_read_back_and_a_training_that_goes_on_has_no_step_twice(tmp_path: Path) -> None:
    first = Monitor((), None, tmp_path)
    for step in (10, 20, 30):
        first.add(row(step), tick)
        first.add_selection(step + 1, "val-loss", step)
    first.close()
    second = Monitor([row(10), row(20)], None, tmp_path, 21)
    second.add(row(30), tick)
    second.add_selection(31, "val-loss", 31)
    second.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("training/loss")] == [10, 20, 30]
    assert [event.value for event in events.Scalars("training/loss")] == pytest.approx([0.1, 0.05, 1 / 30])
    looks = [(event.step, event.value) for event in events.Scalars("selection/val-loss")]
    assert looks == [(11, 10.0), (21, 20.0), (31, 31.0)]
    assert {tag.removeprefix("training/") for tag in events.Tags()["scalars"] if tag.startswith("training")} == {
        *LogRow._fields
    } - {"step"}


def test_the_command_line_writes_events(quick: Quick, tmp_path: Path) -> None:
    code, _, err = quick("train", "--model", "clip", "--tensorboard", str(tmp_path / "events"))
    assert code == 0, err
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert [event.step for event in events.Scalars("training/loss")] == [6]


def test_without_the_package_it_is_said_before_any_work(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorboard" else found(name))
    code, _, err = quick("train", "--model", "clip", "--tensorboard", str(tmp_path / "events"))
    assert code == 2
    assert "pip install 'umcl-bench[tensorboard]'" in err
    assert not (tmp_path / "cache").exists()
    with pytest.raises(UsageError, match="--tensorboard needs the package tensorboard"):
        Monitor((), None, tmp_path)
