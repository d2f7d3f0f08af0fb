"""`repeat`: a run made again is the same, and where it is not, what changed is named."""

import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from tests.conftest import Quick, write_folder
from tests.records.test_records import SCORES, result
from umcl_bench.data.corpus import Corpus
from umcl_bench.records.store import Record, Store
from umcl_bench.repeat import TOLERANCE, compare, furthest, to_json, to_text

Change = Callable[[dict[str, Any]], None]


def two(tmp_path: Path, change: Change) -> tuple[Record, Record]:
    store, other = Store(tmp_path), result()
    change(other)
    return store.add("a", result(), {"": SCORES}), store.add("b", other, {"": SCORES})


def test_equal_records_are_the_same_bit_for_bit(tmp_path: Path) -> None:
    found = compare(*two(tmp_path, lambda other: None), "how")
    assert (found.same, found.moved, found.changes, found.scores) == (True, (), (), 0.0)
    assert found.compared == 3 * 7  # Edema, Fracture and macro, each a value, its ends, counts, and what is undefined
    text = to_text(found)
    assert "SAME: all 21 numbers of its figures are equal bit for bit" in text
    assert "per-sample scores are equal bit for bit" in text


@pytest.mark.parametrize(
    ("moved", "same", "says"),
    [
        (0.5 * TOLERANCE, True, "SAME within 1e-06: 1 of 21 numbers moved"),
        (2 * TOLERANCE, False, "DIFFERENT: 1 of 21 numbers differ by more than 1e-06"),
        (None, False, "auroc, macro: value: 0.9 then, undefined now"),
    ],
)
def test_a_figure_that_moved(tmp_path: Path, moved: float | None, same: bool, says: str) -> None:
    def change(other: dict[str, Any]) -> None:
        other["metrics"]["auroc"]["macro"]["value"] = None if moved is None else 0.9 + moved

    found = compare(*two(tmp_path, change), "how")
    assert found.same is same
    assert [pair.what for pair in found.moved] == ["auroc, macro: value"]
    assert says in to_text(found)
    assert json.loads(to_json(found))["same"] is same


def test_a_figure_that_is_not_there_any_more_is_a_difference(tmp_path: Path) -> None:
    found = compare(*two(tmp_path, lambda other: other["metrics"]["auroc"].pop("Fracture")), "how")
    assert not found.same
    assert {pair.what.partition(":")[0] for pair in found.moved} == {"auroc, Fracture"}


def test_what_changed_is_named_and_what_says_nothing_of_figures_is_not(tmp_path: Path) -> None:
    def change(other: dict[str, Any]) -> None:
        other |= {"git": {"commit": "c0ffee", "changed": True}, "timings_s": {"films": 3.0}, "created": "later"}
        other["versions"] = {"torch": "3.0"}
        other["data"] |= {"fingerprint": "f2", "folder": "/elsewhere"}
        other["model"]["recipe"] |= {"repeat": 2, "seed": 7}
        other["training"] |= {"precision": "float32", "seconds": 9.0}

    found = compare(*two(tmp_path, change), "how")
    assert {c.what: (c.before, c.after) for c in found.changes} == {
        "git.commit": ("", "c0ffee"),
        "git.changed": ("", "true"),
        "versions.torch": ("", "3.0"),
        "data.fingerprint": ("f1", "f2"),
        "model.seed": ("", "7"),
        "training.precision": ("", "float32"),
    }
    assert "versions.torch: not on record then, 3.0 now" in to_text(found)
    assert found.same, "what changed is not a difference in itself"


def test_the_furthest_score() -> None:
    def moved(by: float) -> float:
        value = SCORES.value + np.array([[by, 0], [0, 0]])
        return furthest({"": SCORES}, {"": dataclasses.replace(SCORES, columns={**SCORES.columns, "value": value})})

    assert (moved(0), moved(0.25), moved(math.nan)) == (0, 0.25, math.inf)
    assert furthest({"": SCORES}, {"": SCORES.take(np.array([1, 0]))}) == math.inf
    assert furthest({"": SCORES}, {"x": SCORES}) == math.inf


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_a_run_is_trained_again_or_scored_again_as_was_asked_for(quick: Quick, tmp_path: Path) -> None:
    """A checkpoint that was meddled with is seen by --scores, and not used where all is made anew."""
    runs = tmp_path / "runs"
    code, _, error = quick("run", "--model", "umcl", "--task", "zeroshot-chexpert", "-q")
    assert code == 0, error
    before = sorted(path.name for path in (runs / "records").iterdir())
    code, out, error = quick("repeat", "umcl", "-q")
    assert code == 0, out + error
    assert "SAME: all" in out
    assert "bit for bit" in out
    assert "as they were" in out
    code, out, error = quick("repeat", "umcl", "--scores", "--json", "-q")
    assert code == 0, out + error
    assert json.loads(out)["moved"] == []
    path = only(runs / "checkpoints") / "model.safetensors"
    weights = load_file(path)
    save_file({name: tensor.roll(1) for name, tensor in weights.items()}, path)
    code, out, _ = quick("repeat", "umcl", "--scores", "-q")
    assert code == 1
    assert "DIFFERENT: " in out
    code, out, _ = quick("repeat", "umcl", "-q", "--keep", str(tmp_path / "kept"))
    assert code == 0, out
    assert only(tmp_path / "kept" / "records").name == before[0]
    assert sorted(path.name for path in (runs / "records").iterdir()) == before
    assert [path.name for path in runs.iterdir() if path.name.startswith(".repeat")] == []


def made_by(store: Store, command: str) -> None:
    """The record of the random model, as if it was made by another command."""
    record = store.get("random")
    parts = record.parts()
    shutil.rmtree(record.folder)
    told = {key: value for key, value in record.result.items() if key not in ("schema", "id")}
    store.add(record.id, {**told, "command": command}, parts)


def test_another_seed_is_another_run_and_named(quick: Quick, tmp_path: Path) -> None:
    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "-q")[0] == 0
    made_by(Store(tmp_path / "runs"), "umcl-bench run --model random --task zeroshot-chexpert --seed 5")
    code, out, _ = quick("repeat", "random", "-q")
    assert code == 1
    assert "model.seed: 0 then, 5 now" in out


def test_data_that_moved_are_named(quick: Quick, tmp_path: Path, phantom: Corpus) -> None:
    films = write_folder(tmp_path / "films", phantom)
    assert quick("run", "--model", "random", "--task", "zeroshot", "--data", str(films), "-q")[0] == 0
    films.rename(tmp_path / "elsewhere")
    code, _, error = quick("repeat", "random")
    assert code == 2
    assert "which is not there; name them with --data" in error
    code, out, error = quick("repeat", "random", "--data", str(tmp_path / "elsewhere"), "-q")
    assert code == 0, out + error


def test_wrong_input(quick: Quick, tmp_path: Path) -> None:
    for model in ("umcl", "random"):
        assert quick("run", "--model", model, "--task", "zeroshot-chexpert", "-q")[0] == 0
    code, _, error = quick("repeat", "umcl", "--data", "films")
    assert code == 2
    assert "leave --data out" in error
    assert quick("repeat", "random", "--scores", "-q")[0] == 0, "nothing is trained: nothing is missing"
    only(tmp_path / "runs" / "checkpoints").rename(tmp_path / "away")
    code, _, error = quick("repeat", "umcl", "--scores")
    assert code == 2
    assert "--scores needs the checkpoint" in error
    code, _, error = quick("repeat", "umcl", "--keep", str(tmp_path / "runs"))
    assert code == 2
    assert "is the store of the record itself" in error
    made_by(Store(tmp_path / "runs"), "umcl-bench run --no-such-option")
    code, _, error = quick("repeat", "random")
    assert code == 1
    assert "says that it was made by" in error
