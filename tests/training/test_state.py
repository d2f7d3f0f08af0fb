"""A training's state on disk: whole or not there, and refused by name where it is damaged or another's."""

import hashlib
import json
import resource
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from umcl_bench.errors import BenchError
from umcl_bench.progress import Reporter
from umcl_bench.training.state import FACTS, SUMS, TENSORS, State, check_tensors, load_state, save_state


def state_of(step: int) -> State:
    tensors = {
        "w": torch.full((4, 3), float(step)),
        "n": torch.tensor(step),
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    return State(step, tensors, {"seconds": 0.1 + step, "log": [[step, float("nan")]]})


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """States of the steps 3 and 5."""
    for step in (3, 5):
        save_state(tmp_path / "u", state_of(step), "d")
    return tmp_path / "u"


def step_of(folder: Path) -> int:
    found = load_state(folder, "d", Reporter())
    assert found is not None
    return found.step


def test_what_is_read_is_what_was_written(two: Path) -> None:
    found, given = load_state(two, "d", Reporter()), state_of(5)
    assert found is not None
    assert found.step == 5
    assert found.facts["seconds"] == given.facts["seconds"]
    assert found.tensors.keys() == given.tensors.keys()
    for name, tensor in given.tensors.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype
    assert load_state(two / "nowhere", "d", Reporter()) is None


def test_the_last_two_are_kept_and_what_a_killed_process_left_goes(two: Path) -> None:
    (two / ".step-00000004.part").mkdir()
    (two / ".step-00000004.part" / TENSORS).write_bytes(b"half")
    save_state(two, state_of(8), "d")
    assert sorted(path.name for path in two.iterdir()) == ["step-00000005", "step-00000008"]


def test_checksums_are_of_the_usual_form(two: Path) -> None:
    for line in (two / "step-00000005" / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((two / "step-00000005" / name).read_bytes()).hexdigest() == digest


def spoil(name: str, change: Callable[[bytes], bytes] | None, folder: Path) -> None:
    """Changes a state's file, or takes it away."""
    path = folder / name
    path.write_bytes(change(path.read_bytes())) if change else path.unlink()


def flipped(content: bytes) -> bytes:
    """With one bit of the 20th byte turned."""
    return content[:20] + bytes([content[20] ^ 1]) + content[21:]


def resealed(folder: Path, text: str) -> None:
    """Other facts, with checksums that are right."""
    (folder / FACTS).write_text(text)
    sums = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in (TENSORS, FACTS)]
    (folder / SUMS).write_text("".join(sums))


def emptied(path: Path) -> None:
    """A folder with nothing in it, in place of what was there."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    **{f"no {name}": partial(spoil, name, None) for name in (TENSORS, FACTS, SUMS)},
    **{f"empty {name}": partial(spoil, name, lambda b: b"") for name in (TENSORS, FACTS, SUMS)},
    **{f"cut {name}": partial(spoil, name, lambda b: b[:-5]) for name in (TENSORS, FACTS, SUMS)},
    **{f"flipped {name}": partial(spoil, name, flipped) for name in (TENSORS, FACTS, SUMS)},
    "flipped weight": partial(spoil, TENSORS, lambda b: b[:-3] + bytes([b[-3] ^ 64]) + b[-2:]),
    "no text": lambda f: (f / FACTS).write_bytes(b"\xff\xfe\x00"),
    "a folder": lambda f: emptied(f / FACTS),
    "nothing in it": lambda f: emptied(f),
    "no object": lambda f: resealed(f, "[1, 2]"),
    "a number": lambda f: resealed(f, "7"),
    "no digest": lambda f: resealed(f, "{}"),
    "facts of another kind": lambda f: resealed(f, '{"digest": "d", "step": 5, "facts": 3}'),
    "another step": lambda f: resealed(f, '{"digest": "d", "step": 6, "facts": {}}'),
    "a step that is no number": lambda f: resealed(f, '{"digest": "d", "step": "5", "facts": {}}'),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_state_is_named_and_the_one_before_is_taken(
    two: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    DAMAGE[how](two / "step-00000005")
    assert step_of(two) == 3
    told = capsys.readouterr().err
    assert "step-00000005 is damaged" in told
    assert "step-00000003" not in told
    DAMAGE[how](two / "step-00000003")
    with pytest.raises(BenchError, match=r"every state of the unfinished training .* is damaged; remove it"):
        step_of(two)


def test_a_damaged_state_is_replaced_when_its_step_comes_again(two: Path) -> None:
    (two / "step-00000005" / FACTS).unlink()
    save_state(two, state_of(5), "d")
    assert step_of(two) == 5


def test_another_recipes_state_is_refused_by_name(two: Path) -> None:
    with pytest.raises(BenchError, match=r"step-00000005 belongs to another recipe or corpus; move it away"):
        load_state(two, "other", Reporter())


def test_a_full_disk_leaves_the_state_before(two: Path) -> None:
    """A limit of 2 kB a file stands for the full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = State(9, {"w": torch.zeros(1000)}, {})
    wordy = State(9, {}, {"log": [0.5] * 1000})
    for state in (large, wordy):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        try:
            with pytest.raises(BenchError, match=r"state of step 9 could not be written .*the one before is kept"):
                save_state(two, state, "d")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert sorted(path.name for path in two.iterdir()) == ["step-00000003", "step-00000005"]
    assert step_of(two) == 5


def test_tensors_are_compared_by_name_shape_and_type() -> None:
    right = {"a": torch.zeros(2), "b": torch.zeros(2, 3)}
    check_tensors(right, right)
    for wrong, message in (
        ({"a": right["a"]}, "it lacks b"),
        ({**right, "c": torch.zeros(1)}, "c is none of this model's"),
        ({**right, "b": torch.zeros(3, 2)}, r"b is float32 \(3, 2\), not float32 \(2, 3\)"),
        ({**right, "a": torch.zeros(2, dtype=torch.int64)}, "a is int64"),
    ):
        with pytest.raises(ValueError, match=message):
            check_tensors(wrong, right)


def test_facts_are_json_for_people_too(two: Path) -> None:
    assert json.loads((two / "step-00000005" / FACTS).read_text())["facts"]["seconds"] == 5.1
