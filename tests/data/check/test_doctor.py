"""The doctor on folders that are made wrong in one way each: it finds that, and nothing else."""

import dataclasses
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import read_table, write_table
from tests.data.test_duplicates import textures
from umcl_bench.data.check import Report, check, doctor
from umcl_bench.data.readers.folder import read_folder
from umcl_bench.errors import UsageError
from umcl_bench.progress import Reporter

ROWS = 24
SPLITS = ("train", "train", "val", "test")


def save(values: Any, path: Path) -> None:
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 films of 12 patients with a mask, a report and labels each; nothing is wrong with them."""
    root = tmp_path_factory.mktemp("template") / "films"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    rows = []
    for i, film in enumerate(textures(ROWS, 0)):
        save(np.kron(film, np.ones((4, 4))), root / "images" / f"{i:02d}.png")
        y, x = np.mgrid[:256, :256]
        save(255 * ((x - 90 - i) ** 2 + (y - 120) ** 2 < 900), root / "masks" / f"{i:02d}.png")
        rows.append(
            {
                "image": f"images/{i:02d}.png",
                "mask": f"masks/{i:02d}.png",
                "report": f"Film {i}: the heart is not enlarged.",
                "labels": "Edema" if i % 2 else "No Finding",
                "patient_id": f"p{i // 2:02d}",
                "view": "PA",
                "split": SPLITS[i // 2 % 4],
                "age": str(20 + i),
            }
        )
    write_table(root, rows)
    return root


@pytest.fixture
def good(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(template, tmp_path / "films"))


def seen(root: Path, tmp_path: Path, **options: Any) -> Report:
    return check(root, cache=tmp_path, **options)


def codes(report: Report) -> set[str]:
    """What was found, less what is about a folder being small and its films square."""
    return {f.code for f in report.findings} - {"class-few", "film-all-square", "film-square"}


def test_nothing_is_found_in_a_good_folder(good: Path, tmp_path: Path) -> None:
    report = seen(good, tmp_path)
    assert codes(report) == set()
    assert report.exit_code == 0
    (facts,) = report.datasets
    assert (facts.rows, facts.films, facts.patients) == (ROWS, ROWS, 12)
    assert facts.splits == {"train": 12, "val": 6, "test": 6}
    assert facts.findings["Edema"] == {"train": 6, "val": 3, "test": 3}
    assert report.plan["films"] == report.plan["films_to_read"] == ROWS
    assert report.plan["bytes"] == sum(p.stat().st_size for p in (good / "images").iterdir())


def row_of(root: Path, row: int, **cells: str) -> None:
    rows = read_table(root)
    rows[row].update(cells)
    write_table(root, rows)


def copy_film(root: Path, one: int, other: int, change: Callable[[Any], Any] = lambda film: film) -> None:
    save(change(np.asarray(Image.open(root / f"images/{one:02d}.png"))), root / f"images/{other:02d}.png")


def huge_header(root: Path) -> None:
    path = root / "images/05.png"
    data = path.read_bytes()
    chunk = b"IHDR" + struct.pack(">II", 50_000, 50_000) + data[24:29]
    path.write_bytes(data[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])


def small_film(root: Path) -> None:
    row_of(root, 5, mask="")
    (root / "masks/05.png").unlink()
    save(textures(1, 7, size=100)[0], root / "images/05.png")


def cut_short(root: Path) -> None:
    path = root / "images/05.png"
    path.write_bytes(path.read_bytes()[:2000])


Fault = Callable[[Path], object]
# What is done to the folder, the one code that must be found, its level, and what an example says
FAULTS: dict[str, tuple[Fault, str, str, str]] = {
    "a film is gone": (lambda r: (r / "images/03.png").unlink(), "film-missing", "error", "images/03.png"),
    "a mask is gone": (lambda r: (r / "masks/03.png").unlink(), "mask-missing", "error", "masks/03.png"),
    "a film too many": (lambda r: save(np.eye(9), r / "new.png"), "file-unnamed", "note", "new.png"),
    "cut short": (cut_short, "film-unreadable", "error", "row 6: "),
    "a huge header": (huge_header, "film-unreadable", "error", "pixels; refused"),
    "no picture": (lambda r: (r / "images/05.png").write_text("hello"), "film-unreadable", "error", "is not a PNG"),
    "blank": (lambda r: save(np.full((256, 256), 60), r / "images/05.png"), "film-blank", "warning", "images/05.png"),
    "flat": (lambda r: copy_film(r, 5, 5, lambda f: f // 4 + 90), "film-flat", "note", "images/05.png"),
    "small": (small_film, "film-small", "note", "(100 x 100)"),
    "twice in train": (lambda r: copy_film(r, 0, 9), "film-identical", "warning", "09.png (train) = images/00.png"),
    "near in train": (
        lambda r: copy_film(r, 0, 9, lambda f: f * 0.9 + 5),
        "film-near",
        "warning",
        "09.png (train) ~ images/00.png",
    ),
    "test film in train": (
        lambda r: copy_film(r, 0, 7),
        "film-identical-across-splits",
        "error",
        "07.png (test) = images/00.png (train)",
    ),
    "near test film": (
        lambda r: copy_film(r, 0, 7, lambda f: Image.fromarray(f[4:-4, 4:-4]).resize((256, 256))),
        "film-near-across-splits",
        "error",
        "(train)",
    ),
    "a patient in two splits": (
        lambda r: row_of(r, 1, split="test"),
        "patient-in-splits",
        "error",
        "p00 (test, train)",
    ),
    "a contradiction": (lambda r: row_of(r, 1, labels="Edema;No Finding"), "label-contradicts", "warning", "01.png"),
    "a strange finding": (lambda r: row_of(r, 1, labels="Edema;Gout"), "label-unknown", "note", "Gout (1)"),
    "no label": (lambda r: row_of(r, 1, labels=""), "label-none", "note", "images/01.png"),
    "an empty report": (lambda r: row_of(r, 1, report="- ."), "report-empty", "warning", "images/01.png"),
    "a short report": (lambda r: row_of(r, 1, report="Normal."), "report-short", "warning", "'Normal.'"),
    "a shared report": (
        lambda r: row_of(r, 1, report="Film 0: the heart is not enlarged."),
        "report-shared",
        "note",
        "2",
    ),
    "a strange view": (lambda r: row_of(r, 1, view="swimmer"), "view-unknown", "warning", "swimmer (1)"),
    "a lateral film": (lambda r: row_of(r, 1, view="L"), "view-lateral", "note", "images/01.png"),
    "an impossible age": (lambda r: row_of(r, 1, age="412"), "age-impossible", "warning", "'412'"),
    "a mask's size": (
        lambda r: save(255 * np.tri(64), r / "masks/01.png"),
        "mask-size",
        "warning",
        "64 x 64, film 256 x 256",
    ),
    "a mask's values": (lambda r: save(9 * np.tri(256), r / "masks/01.png"), "mask-values", "warning", "0, 9"),
    "an empty mask": (lambda r: save(np.zeros((256, 256)), r / "masks/01.png"), "mask-empty", "note", "01.png"),
    "a broken mask": (lambda r: (r / "masks/01.png").write_text("x"), "mask-unreadable", "error", "01.png"),
    "a link round": (lambda r: (r / "again").symlink_to(r), "folder-link", "note", "again"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_alone(fault: str, good: Path, tmp_path: Path) -> None:
    break_it, code, level, example = FAULTS[fault]
    break_it(good)
    report = seen(good, tmp_path)
    by_code = {f.code: f for f in report.findings}
    assert codes(report) - {"label-unknown", "class-absent", "class-one-sided", "report-across-splits"} <= {code}
    found = by_code[code]
    assert (found.level, found.count) == (level, 1)
    assert example in found.examples[0]
    assert report.exit_code == (level == "error")


def test_a_film_of_no_length_is_said_and_an_outside_path_is_not_opened(good: Path, tmp_path: Path) -> None:
    (good / "images/05.png").write_bytes(b"")
    save(np.eye(300) * 255, tmp_path / "secret.png")
    row_of(good, 2, image="../secret.png")
    report = seen(good, tmp_path)
    by_code = {f.code: f for f in report.findings}
    assert by_code["file-empty"].examples == ("images/05.png",)
    assert by_code["film-unreadable"].count == 2
    assert "not inside" in by_code["film-unreadable"].examples[0]
    assert "300 x 300" not in report.datasets[0].more["sizes"]


def test_all_missing_films_are_listed_though_reading_them_would_stop_at_the_first(good: Path, tmp_path: Path) -> None:
    for i in range(5):
        (good / f"images/{i:02d}.png").unlink()
    with pytest.raises(Exception, match="row 1"):
        read_folder(good)
    found = next(f for f in seen(good, tmp_path).findings if f.code == "film-missing")
    assert found.count == 5


def test_a_broken_table_is_a_finding_and_the_images_are_looked_at_all_the_same(good: Path, tmp_path: Path) -> None:
    copy_film(good, 0, 7)
    row_of(good, 3, split="elsewhere")
    report = seen(good, tmp_path)
    by_code = {f.code: f for f in report.findings}
    assert "row 4: split is 'elsewhere'" in by_code["table-broken"].examples[0]
    assert by_code["film-identical"].examples[0] == "images/07.png = images/00.png"
    assert report.exit_code == 1


def test_images_without_a_table_and_an_empty_folder_and_none(good: Path, tmp_path: Path) -> None:
    (good / "metadata.csv").unlink()
    report = seen(good, tmp_path)
    found = next(f for f in report.findings if f.code == "nothing-recognised")
    assert "metadata.csv" in found.message
    assert "chexpert" in found.message
    assert found.examples == ("found images, masks",)
    assert report.datasets[0].films == 2 * ROWS
    (tmp_path / "empty").mkdir()
    assert [f.code for f in check(tmp_path / "empty").findings] == ["nothing-recognised"]
    with pytest.raises(UsageError, match="no folder"):
        check(tmp_path / "nowhere")


def test_a_reader_that_fails_and_a_closed_folder_are_findings(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(doctor, "read_folder", fails)
    real = os.scandir

    def closed(path: Any) -> Any:
        if Path(path).name == "masks":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("os.scandir", closed)
    by_code = {f.code: f for f in seen(good, tmp_path).findings}
    assert by_code["reader-failed"].examples == ("KeyError: 'surprise'",)
    assert by_code["folder-closed"].examples == ("masks (Permission denied)",)


def test_json_names_all_of_what_the_table_shows_three(good: Path, tmp_path: Path) -> None:
    shutil.rmtree(good / "images")
    report = seen(good, tmp_path)
    (missing,) = (f for f in report.to_json()["findings"] if f["code"] == "film-missing")
    assert len(missing["examples"]) == missing["count"] == ROWS
    text = "".join(report.to_text().split())
    assert "images/02.png" in text
    assert "images/03.png" not in text


def test_what_a_run_would_miss_is_found(good: Path, tmp_path: Path) -> None:
    rows = [{**row, "split": "train", "reprot": "x"} for row in read_table(good)]
    write_table(good, [{k: v for k, v in row.items() if k != "report"} for row in rows])
    report = seen(good, tmp_path)
    assert codes(report) == {"test-none", "column-unread"}
    texts = [{**row, "image": "", "mask": "", "report": f"row {i} of text"} for i, row in enumerate(rows)]
    write_table(good, [{k: v for k, v in row.items() if k not in ("labels", "reprot", "age")} for row in texts])
    assert {"films-none", "test-none"} <= codes(seen(good, tmp_path))


def test_a_release_without_a_split_says_which_there_are_and_what_its_reader_says(tmp_path: Path) -> None:
    root = tmp_path / "siim"
    root.mkdir()
    (root / "train-rle.csv").write_text("ImageId,EncodedPixels\n1.2,-1\n")
    found = {f.code: f for f in seen(root, tmp_path).findings}
    assert "siim@image" in found["test-none"].examples[0]
    assert not any("published" in text for text in found["reader-remark"].examples)


def test_a_table_that_may_not_be_opened_is_no_fault_of_the_reader(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "metadata.csv")

    monkeypatch.setattr(doctor, "read_folder", refuse)
    found = {f.code: f for f in seen(good, tmp_path).findings}
    assert found["table-broken"].examples == ("metadata.csv: Permission denied",)


def test_quick_looks_at_a_sample_and_says_so(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "QUICK_FILMS", 5)
    for path in (good / "images").iterdir():
        path.write_text("no picture")
    report = seen(good, tmp_path, quick=True, reporter=Reporter(live=False))
    found = next(f for f in report.findings if f.code == "film-unreadable")
    assert (found.count, found.message) == (5, "films that can't be read, of 5 looked at")
    assert (report.plan["films"], report.plan["films_to_read"]) == (ROWS, 5)
    assert "A sample of the films was looked at" in report.to_text()
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("49 files, 24 films of 0.0 MB; looking at 5 takes about ")


def test_what_is_said_is_json_and_plain_ascii(good: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"evil\x1b[31m\xff.png")
    save(np.eye(9), good / name)
    row_of(good, 1, labels="Ödem[bold];\u202e", report="Fenêtre [/red] gauche")
    report = seen(good, tmp_path)
    text = report.to_text()
    assert text.isascii()
    assert "\x1b" not in text
    assert "[bold]" in text
    plain = json.loads(json.dumps(report.to_json(), ensure_ascii=False).encode())
    assert set(plain) == {"folder", "quick", "exit_code", "errors", "warnings", "notes", "plan", "datasets", "findings"}
    assert set(plain["findings"][0]) == {"level", "code", "message", "count", "examples", "dataset"}
    assert set(plain["datasets"][0]) == {f.name for f in dataclasses.fields(report.datasets[0])}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.one_of(st.binary(max_size=300), st.text(alphabet='image,patient_idsplit\nreport;"? 0.png', max_size=300))
)
def test_no_table_makes_it_raise(table: bytes | str, tmp_path: Path) -> None:
    root = tmp_path / "hostile"
    root.mkdir(exist_ok=True)
    header = b"image,patient_id,split,labels,report\n" if isinstance(table, str) else b""
    (root / "metadata.csv").write_bytes(header + (table.encode() if isinstance(table, str) else table))
    report = check(root, cache=tmp_path)
    assert report.to_text().isascii()
    assert report.to_json()["exit_code"] in (0, 1)
