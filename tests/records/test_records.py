"""The run store and what is made from it: whole or not there, and the phantom apart from patients."""

import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from umcl_bench.errors import BenchError, UsageError
from umcl_bench.metrics.scores import Scores, load_parts
from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import CSV_COLUMNS, DASH, tables, to_csv, to_markdown, to_terminal
from umcl_bench.records.remarks import warnings_of
from umcl_bench.records.store import Record, Store, clean

SCORES = Scores.of(
    np.array([[0.25, 0.5], [0.75, math.nan]]), np.array([[0.0, math.nan], [1.0, 1.0]]),
    np.array(["p", "q"], dtype=object), np.array(["a", "b"], dtype=object), ("Edema", "Fracture"),
)  # fmt: skip


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": 9, "positives": 4, "negatives": 5, "undefined": 0.0}


def result(
    model: str = "umcl", kind: str = "phantom", value: float | None = 0.9, fingerprint: str = "f1"
) -> dict[str, Any]:
    return {
        "command": f"umcl-bench run --model {model} --task zeroshot",
        "seed": 0,
        "model": {
            "name": model,
            "digest": "d",
            "recipe": {"size": {"name": "tiny"}, "repeat": 0, "setting": "controlled"},
        },
        "task": {"name": "zeroshot", "digest": "t", "spec": {"split": "test", "views": "frontal"}},
        "data": {
            "source": "phantom" if kind == "phantom" else "ours",
            "kind": kind,
            "fingerprint": fingerprint,
            "facts": {},
            "notes": [],
            "training_fingerprint": fingerprint,
        },
        "metrics": {
            "auroc": {"Edema": estimate(value), "Fracture": estimate(None), "macro": estimate(value, 0.8, 0.95)}
        },
        "headline": "auroc",
        "intervals": {"patients": 7},
        "training": {},
        "protocol": {},
        "leaks": {"labels_seen": ["Edema"] if model == "umcl" else [], "patients_in_both": 0, "identical_films": 0},
        "warnings": [],
    }


def add(store: Store, name: str, **fields: Any) -> Record:
    return store.add(name, result(**fields), {"": SCORES})


def test_a_record_comes_back_as_it_was_and_nan_is_null(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    record = store.add("run-1", {**result(), "x": float("nan")}, {"": SCORES})
    assert record.result["x"] is None
    assert store.find("run-1") == record
    assert store.find("run-2") is None
    back = record.parts()[""]
    np.testing.assert_array_equal(back.value, SCORES.value)
    np.testing.assert_array_equal(back.target, SCORES.target)
    assert back.classes == SCORES.classes
    assert back.patient.tolist() == ["p", "q"]
    assert json.loads((record.folder / "result.json").read_text())["schema"] == 1


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(TypeError):
        store.add("run-1", {"bad": object()}, {"": SCORES})
    assert list((tmp_path / "records").iterdir()) == []
    assert store.find("run-1") is None


def test_records_are_never_overwritten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, "run-1", value=0.9)
    with pytest.raises(OSError, match="run-1"):
        add(store, "run-1", value=0.1)
    found = store.find("run-1")
    assert found is not None
    assert found.result["metrics"]["auroc"]["macro"]["value"] == 0.9


def test_a_damaged_record_is_named_and_does_not_stop_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path)
    add(store, "good")
    for name, text in (
        ("torn", '{"schema": 1, '),
        ("old", '{"schema": 0}'),
        ("list", "[]"),
        ("empty", '{"schema": 1}'),
    ):
        (tmp_path / "records" / name).mkdir()
        (tmp_path / "records" / name / "result.json").write_text(text)
    assert [r.id for r in store.records(Reporter(quiet=True))] == ["good"]
    said = capsys.readouterr().err
    assert "torn/result.json can't be read" in said
    assert "old/result.json has schema 0" in said
    assert "list/result.json has schema None" in said
    assert "empty is no whole record: id, command" in said


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("model", {}, "model.name, model.digest, model.recipe.setting, model.recipe.size.name, model.recipe.repeat"),
        ("data.fingerprint", 7, "data.fingerprint"),
        ("leaks.labels_seen", None, "leaks.labels_seen"),
        ("seed", "0", "seed"),
        ("headline", "auprc", "metrics.auprc"),
        ("metrics.auroc", "high", "metrics.auroc.macro"),
        ("metrics.auroc.Edema", 0.9, "metrics.auroc.Edema"),
        ("metrics.auroc.macro.value", "0.9", "metrics.auroc.macro"),
        ("metrics.auroc.macro.n", None, "metrics.auroc.macro"),
    ],
)
def test_a_record_that_was_written_by_hand_is_left_out_by_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, value: object, said: str
) -> None:
    """Without sums nothing else tells: one such record would stop every table."""
    store = Store(tmp_path)
    at = add(store, "bad").folder
    add(store, "good")
    edit(at, place, value)
    assert [r.id for r in store.records(Reporter(quiet=True), scores=True)] == ["good"]
    assert f"{at} is no whole record: {said} missing or not of its kind; move it away" in capsys.readouterr().err


def test_a_record_with_a_metric_of_another_version_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path)
    at = add(store, "bad").folder
    add(store, "good")
    edit(at, "metrics.newer (10%)", {"macro": estimate(0.5)})
    assert [r.id for r in store.records(Reporter(quiet=True))] == ["good"]
    assert "bad/result.json has metrics that this version does not know: newer; move" in capsys.readouterr().err


def edit(folder: Path, place: str, value: object) -> None:
    """Puts `value` at a place of result.json, as someone who takes the sums away."""
    (folder / "SHA256SUMS").unlink()
    whole = json.loads((folder / "result.json").read_text())
    *above, last = place.split(".")
    at = whole
    for key in above:
        at = at[key]
    at[last] = value
    (folder / "result.json").write_text(json.dumps(whole))


def change(name: str, at: Path) -> None:
    """What befalls a record: a file that is cut off, or edited by hand."""
    file, _, how = name.partition(" ")
    raw = (at / file).read_bytes()
    if how == "cut":
        (at / file).write_bytes(raw[: len(raw) // 2])
    elif how == "edited":
        assert b"0.9" in raw
        (at / file).write_bytes(raw.replace(b"0.9", b"0.8"))
    else:
        (at / file).write_bytes(raw[:9] + bytes([raw[9] ^ 1]) + raw[10:])


@pytest.mark.parametrize(
    "what", ["result.json cut", "result.json edited", "scores.parquet cut", "scores.parquet bit", "SHA256SUMS cut"]
)
@pytest.mark.parametrize("old", [False, True])
def test_a_record_that_was_cut_off_or_changed_is_named_and_left_out(
    what: str, old: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path)
    add(store, "good")
    at = add(store, "bad").folder
    change(what, at)
    if old:
        (at / "SHA256SUMS").unlink()
    found = [r.id for r in store.records(Reporter(quiet=True), scores=True)]
    said = capsys.readouterr().err
    if old and what in ("result.json edited", "scores.parquet bit", "SHA256SUMS cut"):
        assert found == ["bad", "good"]  # without digests these can't be told
        assert "whether bad was changed can't be told (1 without SHA256SUMS)" in said
    else:
        assert found == ["good"]
        assert f"left out: {at / what.partition(' ')[0]}" in said


def test_scores_are_checked_where_they_are_read(tmp_path: Path) -> None:
    record = add(Store(tmp_path), "bad")
    change("scores.parquet bit", record.folder)
    assert [r.id for r in Store(tmp_path).records(Reporter())] == ["bad"]  # a listing reads results alone
    with pytest.raises(BenchError, match="changed by hand"):
        record.parts()


def test_scores_that_were_cut_off_are_seen_without_reading_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path)
    at = add(store, "bad").folder
    for size in (100, 3, 0):
        (at / "scores.parquet").write_bytes((at / "scores.parquet").read_bytes()[:size])
        assert store.records(Reporter(quiet=True)) == []
        assert f"left out: {at}/scores.parquet does not end as a parquet file does" in capsys.readouterr().err


def test_a_copy_under_another_name_does_not_count_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    at = add(store, "run").folder
    shutil.copytree(at, at.with_name("copy"))
    at.with_name("link").symlink_to(at, target_is_directory=True)
    assert [r.id for r in store.records(Reporter(quiet=True))] == ["run"]
    said = capsys.readouterr().err
    for name in ("copy", "link"):
        assert f"left out: {at.with_name(name)} holds the record run, a copy that would count again" in said


def test_the_digests_are_what_sha256sum_checks(tmp_path: Path) -> None:
    folder = add(Store(tmp_path), "run").folder
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout == "result.json: OK\nscores.parquet: OK\n"


def test_a_record_of_a_newer_version_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "records" / "new"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"schema": 99}')
    assert Store(tmp_path).records(Reporter(quiet=True)) == []
    assert "new/result.json has schema 99 (a newer umcl-bench wrote it); this version reads" in capsys.readouterr().err


def test_a_beginning_names_a_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, "umcl-a1")
    add(store, "umcl-b2")
    assert store.get("umcl-a").id == "umcl-a1"
    assert store.get("b2").id == "umcl-b2"
    with pytest.raises(UsageError, match=r"'umcl'.*umcl-a1, umcl-b2"):
        store.get("umcl")


def test_clean() -> None:
    assert clean({"a": (1, math.inf, [math.nan, "x"])}) == {"a": [1, None, [None, "x"]]}


def test_phantom_and_patients_other_data_and_other_tasks_stand_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, "a", kind="patients")
    add(store, "b")
    add(store, "c", model="clip", value=0.95)
    add(store, "d", fingerprint="f2")
    found = tables(store.records(Reporter()))
    assert [len(t.rows) for t in found] == [2, 1, 1]
    assert [t.title.startswith("zeroshot on the PHANTOM (synthetic") for t in found] == [True, True, False]
    assert "patients' films" in found[2].title
    assert [row[0] for row in found[0].rows] == ["clip", "umcl"]  # the better first


def test_undefined_is_a_dash_and_comes_last(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, "a", value=None)
    add(store, "b", model="clip", value=0.4)
    table = tables(store.records(Reporter()))[0]
    assert [row[0] for row in table.rows] == ["clip", "umcl"]
    assert table.rows[1][3].startswith(f"{DASH} [")
    assert table.rows[0][5] == DASH
    assert "1 of 2 findings defined" in table.caption


def test_labels_seen_in_training_are_marked_and_explained(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, "a")
    add(store, "b", model="clip")
    table = tables(store.records(Reporter()))[0]
    assert {row[0]: row[-1] for row in table.rows} == {"umcl": "L", "clip": ""}
    assert any(note.startswith("L = labels") for note in table.footnotes)


def test_formats_hold_the_figures(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, "a")
    records = store.records(Reporter())
    markdown = to_markdown(tables(records))
    assert "| umcl | tiny | 0 | 0.900 [0.800, 0.950] | 0.900 | – | L |" in markdown
    lines = to_csv(records).splitlines()
    assert lines[0] == ",".join(CSV_COLUMNS)
    assert len(lines) == 4
    assert "auroc,macro,0.9,0.8,0.95,9,4,5,0.0,7,L,f1,a" in lines[3]
    assert "auroc,Fracture,,,," in lines[2]
    assert "0.900 [0.800, 0.950]" in to_terminal(tables(records), 140)


def test_scores_that_are_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "scores.parquet").write_text("no")
    with pytest.raises(BenchError, match=r"scores\.parquet can't be read as parquet"):
        load_parts(tmp_path / "scores.parquet")


def test_a_headline_of_no_class_that_is_undefined_is_a_warning() -> None:
    lesions = {"macro": {"value": math.nan, "low": math.nan, "high": math.nan, "undefined": 1.0}}
    (said,) = warnings_of({"lesion-dice (100%)": lesions}, "lesion-dice (100%)", {})
    assert said.startswith("lesion-dice (100%) is undefined")
