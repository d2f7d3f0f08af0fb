"""Watchfulness: signals, data that come late or not at all, and what they leave."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.survivor import CPU, SAVING, small_data, small_recipe
from umcl_bench.errors import Stopped
from umcl_bench.progress import Reporter
from umcl_bench.training import resume, state
from umcl_bench.training.loop import Trained, Unfinished, train
from umcl_bench.training.runtime import Runtime
from umcl_bench.training.watch import Signals

ROOT = Path(__file__).resolve().parents[2]
CORPUS, FILMS = small_data()


def attempt(folder: Path, films: Any = FILMS, runtime: Runtime = SAVING, reporter: Reporter | None = None) -> Trained:
    recipe = small_recipe("clip", 6)
    return train(recipe, CORPUS, films, CPU, reporter or Reporter(quiet=True), runtime, Unfinished(folder, "d"))


class Films:
    """Films that are read with something on the side."""

    def __init__(self, on_the_side: Callable[[], None]) -> None:
        self.on_the_side, self.shape = on_the_side, FILMS.shape

    def __len__(self) -> int:
        return len(FILMS)

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        self.on_the_side()
        found: NDArray[np.uint8] = FILMS[rows]
        return found


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in folder.glob("step-*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_a_state_and_the_handlers_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    write = state.save_state

    def interrupted(*arguments: Any) -> Path:
        if not steps(tmp_path):
            signal.raise_signal(number)  # while a state is written
        return write(*arguments)

    monkeypatch.setattr(resume, "save_state", interrupted)
    with pytest.raises(Stopped, match=r"stopped; the state of step 2 is kept: the same command goes on") as stopped:
        attempt(tmp_path)
    assert stopped.value.exit_code == code
    assert steps(tmp_path) == [1, 2]
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    monkeypatch.undo()
    assert attempt(tmp_path).facts["resumed_from_steps"] == [2]


def test_a_signal_before_the_first_step_stops_after_it(tmp_path: Path) -> None:
    told: list[int] = []

    def side() -> None:
        if not told:
            told.append(1)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped, match="the state of step 1 is kept"):
        attempt(tmp_path, Films(side), Runtime())
    assert steps(tmp_path) == [1]


def test_a_second_ctrl_c_stops_at_once() -> None:
    signals = Signals()

    def twice() -> None:
        with signals:
            signal.raise_signal(signal.SIGINT)
            assert signals.seen == signal.SIGINT
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()


@pytest.fixture
def heeded() -> Iterator[None]:
    """Ctrl-C as in a terminal: a shell starts what runs in its background without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_a_signal_that_nobody_acted_on_goes_to_the_handler_of_before() -> None:
    with pytest.raises(KeyboardInterrupt), Signals():
        signal.raise_signal(signal.SIGINT)

    def fail() -> None:
        with Signals():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("an error comes first")

    with pytest.raises(ValueError, match="an error comes first"):
        fail()


def test_late_data_are_said_with_their_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = attempt(tmp_path / "slow", Films(lambda: time.sleep(0.4)), reporter=Reporter())
    assert "of the time was spent waiting for films; a faster disk" in capsys.readouterr().err
    assert float(str(slow.facts["waiting_share"])) > 0.1
    assert max(row.waiting for row in slow.log) > 0.1


def test_data_that_fail_end_the_training_as_themselves(tmp_path: Path) -> None:
    reads: list[int] = []

    def side() -> None:
        reads.append(1)
        if len(reads) == 3:
            raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        attempt(tmp_path, Films(side))
    assert len(reads) <= 4  # what was not begun is not read
    assert attempt(tmp_path).facts["resumed_from_steps"] == [2]


def start(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("UMCL_BENCH")}
    env = {**kept, "UMCL_BENCH_CACHE": str(home / "cache"), "UMCL_BENCH_STORE": str(home / "runs")}
    command = [sys.executable, "-m", "tests.training.stoppable", *arguments, "--save-every", "1"]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop(process: "subprocess.Popen[str]", unfinished: Path, number: signal.Signals) -> str:
    """Sends the signal once there is a new state; what was said on standard error."""
    before = [path.name for path in unfinished.glob("*/step-*")]
    while process.poll() is None and [path.name for path in unfinished.glob("*/step-*")] == before:
        time.sleep(0.01)
    process.send_signal(number)
    return process.communicate(timeout=120)[1]


def test_the_command_line_stops_goes_on_and_ends(tmp_path: Path) -> None:
    unfinished, resumed = tmp_path / "runs" / "unfinished", []
    job = ("run", "--model", "umcl", "--task", "zeroshot")
    for arguments, number, code in (
        (("train", "--model", "umcl"), signal.SIGTERM, 143),
        (job, signal.SIGINT, 130),
    ):
        process = start(tmp_path, *arguments)
        told = stop(process, unfinished, number)
        assert process.returncode == code, told
        (folder,) = unfinished.iterdir()
        resumed.append(steps(folder)[-1])
        assert f"stopped; the state of step {resumed[-1]} is kept: the same command goes on from it." in told
        assert "Traceback" not in told
    assert not (tmp_path / "runs" / "checkpoints").exists()
    process = start(tmp_path, *job)
    told = process.communicate(timeout=240)[1]
    assert process.returncode == 0, told
    (record,) = (tmp_path / "runs" / "records").glob("*/result.json")
    assert json.loads(record.read_text())["training"]["resumed_from_steps"] == resumed
    assert not list(unfinished.iterdir())
