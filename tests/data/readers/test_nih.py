"""NIH ChestX-ray14: labels, lists, boxes and folders; counts of the real csv; and damaged tables."""

import gzip
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import Broken, rows_of
from umcl_bench.data.corpus import Box
from umcl_bench.data.readers import DEFAULTS, ReadOptions, recognise
from umcl_bench.data.readers.nih import OFFICIAL, READER, held_out
from umcl_bench.data.vocabulary import CHEXPERT, NIH, canonical

LABELS, BOXES = "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"
TRAIN, TEST = "train_val_list.txt", "test_list.txt"
SIZES = "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"  # two names with a comma that is not quoted
ROWS = rows_of(f"""
    Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,{SIZES}
    00000001_000.png,Cardiomegaly,0,1,57,M,PA,2682,2749,0.143,0.143
    00000001_001.png,Effusion|Pleural_Thickening,1,1,58,M,AP,2894,2729,0.143,0.143
    00000002_000.png,No Finding,0,2,80,F,PA,2500,2048,0.171,0.171
    00000010_000.png,Infiltration|Nodule,0,10,94,F,PA,2500,2048,0.171,0.171
    00000011_000.png,Hernia,0,11,40,M,AP,2500,2048,0.171,0.171
""")
BOX_ROWS = rows_of("""
    Image Index,Finding Label,Bbox [x,y,w,h],,,
    00000001_000.png,Cardiomegaly,256,512,128,256
    00000010_000.png,Infiltrate,0,0,1024,512.5
    00000010_000.png,Nodule,100,100,10,10
""")
LISTS = {TRAIN: [[row[0]] for row in ROWS[1:5]], TEST: [[ROWS[5][0]]]}
FILES = {LABELS: ROWS, BOXES: BOX_ROWS, **LISTS}
WAYS = hostile.harmless(ROWS)
DAMAGE: dict[str, Broken] = {
    **hostile.broken(ROWS, "Finding Labels"),
    **hostile.twice(ROWS, "also on line 6"),
    **hostile.cells(ROWS, "Image Index", ("", "nan", *hostile.NO_PLACES)),
    **hostile.cells(ROWS, "Patient ID", ("", "nan")),
    **hostile.cells(
        ROWS, "Finding Labels", ("", "2", "yes", "Cardiomegaly|", "Cardiomegaly;Edema", "Edema|No Finding")
    ),
    **hostile.cells(ROWS, "Patient Age", ("", "nan", "-1", "58X", "1000", "٣")),
    **hostile.cells(ROWS, "Patient Gender", ("X",)),
    **hostile.cells(ROWS, "View Position", ("LL",)),
}
BOX_DAMAGE = {
    **hostile.broken([row[:6] for row in BOX_ROWS], "Finding Label"),
    **hostile.twice(BOX_ROWS, "the same box"),
    **hostile.cells(BOX_ROWS, "Finding Label", ("", "Effusions")),
    "a box beyond the film": hostile.cell(BOX_ROWS, "w", "769", says="leaves the film"),
    "a corner beyond the film": hostile.cell(BOX_ROWS, "y", "-1", says="between 0 and 1024"),
    "half a box": hostile.cell(BOX_ROWS, "w", "", says="the box is empty"),
    "an empty box": hostile.cell(BOX_ROWS, "h]", "0", says="the box is empty"),
}
REAL = REAL_DATA / "official_formats" / "nih"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return hostile.write(tmp_path / "nih", FILES)


def test_labels_are_exhaustive_and_in_our_vocabulary(root: Path) -> None:
    assert READER.recognise(root) == ", ".join([LABELS, BOXES, TRAIN, TEST])
    corpus = READER.read(root, DEFAULTS)
    named = [[c for c, v in zip(corpus.classes, row, strict=True) if v == 1] for row in corpus.labels]
    assert named == [
        ["Cardiomegaly"],
        ["Pleural Effusion", "Pleural Thickening"],
        ["No Finding"],
        ["Infiltration", "Nodule"],
        ["Hernia"],
    ]
    assert set(np.unique(corpus.stated)) == {0, 1}
    assert list(corpus.ids) == [row[0] for row in ROWS[1:]]
    assert list(corpus.patients) == ["1", "1", "2", "10", "11"]
    assert list(corpus.views) == ["PA", "AP", "PA", "PA", "AP"]
    assert list(corpus.attributes["sex"]) == ["M", "M", "F", "F", "M"]
    assert list(corpus.attributes["age"]) == ["57", "58", "80", "94", "40"]


def test_the_table_of_names_is_explicit_and_maps_only_synonyms() -> None:
    assert list(NIH) == list(OFFICIAL)
    assert all(canonical(name) == (ours, True) for name, ours in NIH.items())
    assert {name for name, ours in NIH.items() if ours in CHEXPERT} == {
        "Atelectasis", "Cardiomegaly", "Effusion", "Pneumonia", "Pneumothorax", "Consolidation", "Edema"
    }  # fmt: skip


def test_the_official_lists_are_the_splits_and_val_is_carved_by_patient(root: Path) -> None:
    corpus = READER.read(root, DEFAULTS)
    assert corpus.splits[-1] == "test"
    for split, patient in zip(corpus.splits[:4], corpus.patients[:4], strict=True):
        assert split == ("val" if held_out(str(patient)) else "train")
    assert "SHA-256" in corpus.facts["val"]
    held = [patient for patient in range(1, 30_806) if held_out(str(patient))]
    assert held[:3] == [18, 72, 74]  # by hashlib, once
    assert len(held) == pytest.approx(3_080, rel=0.05)


def test_without_the_lists_no_film_is_in_a_split(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, {LABELS: ROWS, TEST: LISTS[TEST]}), DEFAULTS)
    assert set(corpus.splits) == {""}
    assert corpus.notes[0].startswith(f"{TRAIN} not there: no film is in a split. It is at")


def test_lists_and_csv_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    lists = {TRAIN: [[ROWS[1][0]], ["00099999_000.png"]], TEST: LISTS[TEST]}
    corpus = READER.read(hostile.write(tmp_path, {LABELS: ROWS, **lists}), DEFAULTS)
    assert corpus.notes[:2] == (
        f"1 films of the lists are not in {LABELS}",
        f"3 films of {LABELS} are in no list, so in no split",
    )
    assert {e.what: e.found for e in corpus.expectations}[f"films of {TRAIN}"] == 2


@pytest.mark.parametrize(
    ("name", "lines", "line", "says"),
    [
        (TEST, [ROWS[1][0], ROWS[5][0]], 1, f"is in {TRAIN} too"),
        (TEST, [ROWS[5][0], ROWS[5][0]], 2, "also on line 1"),
        (TEST, ["a,b"], 1, "fields"),
        (TRAIN, [], 0, "no rows"),
    ],
)
def test_damaged_lists_are_one_error(root: Path, name: str, lines: list[str], line: int, says: str) -> None:
    one = Broken("\n".join(lines).encode(), line=line, says=says)
    hostile.check_refused(READER, root, FILES, name, one)


def test_boxes_are_fractions_of_the_film(root: Path) -> None:
    corpus = READER.read(root, DEFAULTS)
    assert corpus.boxes[0] == (Box("Cardiomegaly", 0.25, 0.5, 0.375, 0.75),)
    assert [box.finding for box in corpus.boxes[3]] == ["Infiltration", "Nodule"]
    assert corpus.boxes[1] == ()
    hostile.write(root, {BOXES: [*BOX_ROWS, ["00099999_000.png", "Mass", "1", "1", "2", "2"]]})
    assert READER.read(root, DEFAULTS).notes[0] == f"1 films of {BOXES} are in no other table"
    (root / BOXES).unlink()
    assert READER.read(root, DEFAULTS).boxes == ()


def test_films_are_found_in_the_archives_own_folders(root: Path) -> None:
    assert READER.read(root, DEFAULTS).pixels.paths[0] == "images/00000001_000.png"  # type: ignore[attr-defined]
    for place, name in (("images_001/images", ROWS[1][0]), ("images_012", ROWS[2][0])):
        (root / place).mkdir(parents=True)
        (root / place / name).write_bytes(b"")
    paths = READER.read(root, DEFAULTS).pixels.paths  # type: ignore[attr-defined]
    assert paths[:3] == (
        "images_001/images/00000001_000.png",
        "images_012/00000001_001.png",
        "images/00000002_000.png",
    )


def test_ages_of_the_first_version_are_years(tmp_path: Path) -> None:
    ages = ["058Y", "011M", "020D", "412Y", "013M"]
    rows = [ROWS[0], *([*row[:4], age, *row[5:]] for row, age in zip(ROWS[1:], ages, strict=True))]
    corpus = READER.read(hostile.write(tmp_path, {"Data_Entry_2017.csv": rows}), DEFAULTS)
    assert list(corpus.attributes["age"]) == ["58", "0", "0", "412", "1"]


def test_a_fixture_without_labels_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "Data_Entry_2017.csv").write_text("Image Index\n1.dcm\n1.dcm\n")
    one = Broken(b"Image Index\n1.dcm\n1.dcm\n", says="lacks the column Finding Labels")
    hostile.check_refused(READER, tmp_path, {}, "Data_Entry_2017.csv", one)


@pytest.mark.parametrize("way", WAYS)
def test_another_way_to_write_it_is_the_same_corpus(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, LABELS, WAYS[way])


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_one_error(tmp_path: Path, how: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, LABELS, DAMAGE[how])


@pytest.mark.parametrize("how", BOX_DAMAGE)
def test_damage_of_the_boxes_is_one_error(tmp_path: Path, how: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, BOXES, BOX_DAMAGE[how])


@pytest.mark.skipif(not REAL.is_dir(), reason="the real NIH csv is not beside this checkout")
def test_the_real_release_has_its_counts_and_loads_in_two_seconds(tmp_path: Path) -> None:
    for name in (f"{LABELS}.gz", f"{BOXES}.gz"):
        shutil.copy(REAL / name, tmp_path / name)
    assert [found.reader.name for found in recognise(REAL)] == ["nih"]
    names = [row.partition(",")[0] for row in _lines(tmp_path / f"{LABELS}.gz")[1:]]
    (tmp_path / TRAIN).write_text("\n".join(names[:86_524]))  # the real lists are not here: only their lengths are
    (tmp_path / TEST).write_text("\n".join(names[86_524:]))
    start = time.process_time()
    corpus = READER.read(tmp_path, ReadOptions(unnamed="unknown"))
    assert time.process_time() - start < 2
    assert [e for e in corpus.expectations if not e.met] == []
    assert len(corpus.expectations) == 19
    assert corpus.notes == ()
    assert sum(map(len, corpus.boxes)) == 984
    in_val = set(corpus.patients[corpus.splits == "val"])
    assert in_val.isdisjoint(corpus.patients[corpus.splits == "train"])


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt") as file:
        return file.read().splitlines()
