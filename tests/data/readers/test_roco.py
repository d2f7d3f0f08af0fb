"""ROCO's captions over several lines, version 2's tables, and damaged ones."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import rows_of
from tests.data.readers.releases import edit, refused
from umcl_bench.data.corpus import count_kinds
from umcl_bench.data.readers import DEFAULTS
from umcl_bench.data.readers.roco import READER, read_captions

TRAIN = """ROCO_00001\t A radiograph of the chest
with an effusion\tand a "quote".

ROCO_00003\t Computed tomography.
"""
LICENCES = "ROCO_ID,PMC_ID,CC\nROCO_00001,PMC11_a-1.jpg,CC BY\nROCO_00003,PMC11_a-2.jpg,CC0\n"
TABLE = rows_of("""
    ID,Caption
    ROCOv2_2023_test_000001,"Effusion, large"
    ROCOv2_2023_test_000002,Normal
""")
V2 = {"test_captions.csv": TABLE}
DAMAGED_TABLE = {
    **hostile.broken(TABLE, "Caption"),
    **hostile.twice(TABLE, "ID"),
    **hostile.cells(TABLE, "ID", ("", "nan", *hostile.NO_PLACES)),
}


def roco(root: Path) -> Path:
    for split, text in (("train", TRAIN), ("validation", "ROCO_00002\tMR image.\n")):
        (root / f"data/{split}/radiology").mkdir(parents=True)
        (root / f"data/{split}/radiology/captions.txt").write_text(text)
        (root / f"data/{split}/non-radiology").mkdir()
        (root / f"data/{split}/non-radiology/captions.txt").write_text("ROCO_09999\tA flower.\n")
    (root / "data/train/radiology/licences.txt").write_text(LICENCES)
    return root


def test_captions_go_with_figures(tmp_path: Path) -> None:
    corpus = READER.read(roco(tmp_path), DEFAULTS)
    assert READER.recognise(tmp_path) == (
        "ROCO: train (data/train/radiology/captions.txt), val (data/validation/radiology/captions.txt)"
    )
    assert list(corpus.ids) == ["ROCO_00001", "ROCO_00003", "ROCO_00002"]
    assert list(corpus.splits) == ["train", "train", "val"]
    assert corpus.reports[0] == 'A radiograph of the chest with an effusion and a "quote".'
    assert corpus.pixels.paths[0] == "data/train/radiology/images/ROCO_00001.jpg"  # type: ignore[attr-defined]
    assert list(corpus.patients) == ["PMC11", "PMC11", "ROCO_00002"]
    assert list(corpus.attributes["licence"]) == ["CC BY", "CC0", ""]
    assert (corpus.classes, corpus.stated.shape, corpus.labels.shape) == ((), (3, 0), (3, 0))
    assert count_kinds(corpus.kinds()) == {"image-text": 3}
    assert READER.read(tmp_path / "data", DEFAULTS).fingerprint != ""


def test_version_2(tmp_path: Path) -> None:
    hostile.write(tmp_path, V2)
    corpus = READER.read(tmp_path, DEFAULTS)
    assert list(corpus.reports) == ["Effusion, large", "Normal"]
    assert corpus.pixels.paths[1] == "test/ROCOv2_2023_test_000002.jpg"  # type: ignore[attr-defined]
    assert corpus.expectations == (("figures of test", 9_927, 2),)
    assert "figures of test: 2 (official: 9,927)" in corpus.notes[-1]


@pytest.mark.skipif(not (REAL_DATA / "official_formats").is_dir(), reason="the official formats are not here")
def test_the_real_sample() -> None:
    root = REAL_DATA / "official_formats/roco_sample"
    corpus = READER.read(root, DEFAULTS)
    assert len(corpus) == len(set(corpus.ids)) == 300
    assert set(corpus.splits) == {"test"}
    assert all(corpus.reports)
    assert set(corpus.attributes["licence"]) == {"CC BY"}
    assert corpus.pixels.paths[0] == "radiology/images/ROCO_00016.jpg"  # type: ignore[attr-defined]
    with (root / "radiology/licences.txt").open(newline="") as file:
        articles = {row["ROCO_ID"]: row["PMC_ID"].partition("_")[0] for row in csv.DictReader(file)}
    assert dict(zip(corpus.ids, corpus.patients, strict=True)) == articles


@pytest.mark.parametrize(("old", "new"), [("\n", "\r\n"), ("ROCO_00001", "\ufeffROCO_00001"), ("\n\n", "\n\n\n")])
def test_captions_written_in_another_way(tmp_path: Path, old: str, new: str) -> None:
    before = READER.read(roco(tmp_path), DEFAULTS)
    path = tmp_path / "data/train/radiology/captions.txt"
    path.write_bytes(path.read_text().replace(old, new).encode())
    assert READER.recognise(tmp_path)
    assert READER.read(tmp_path, DEFAULTS).fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("captions.txt", "ROCO_00003", "ROCO_00001", "line 4: ROCO_00001 is also on line 1"),
        ("captions.txt", "ROCO_00001\t", "ROCO_00001 ", "line 1: expected ROCO_<number>, a tab"),
        ("captions.txt", "ROCO_00001\t", "ROCO_../x\t", "line 1: expected ROCO_<number>, a tab"),
        ("licences.txt", "PMC_ID", "PMC", "lacks the column PMC_ID"),
        ("licences.txt", "ROCO_00003", "ROCO_00001", "line 3: ROCO_ID 'ROCO_00001' is also on line 2"),
    ],
)
def test_a_bad_line(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    path = roco(tmp_path) / "data/train/radiology" / name
    edit(path, old, new)
    refused(READER, tmp_path, str(path), says)


def test_no_text_no_captions_and_a_figure_in_two_splits(tmp_path: Path) -> None:
    path = roco(tmp_path) / "data/validation/radiology/captions.txt"
    path.write_bytes(b"ROCO_00002\tan \xff image\n")
    refused(READER, tmp_path, str(path), "UTF-8")
    path.write_text("ROCO_00001\tMR image.\n")
    refused(READER, tmp_path, "1 ids are in the captions of two splits")
    path.write_text("ROCO_00002\t\n")
    corpus = READER.read(tmp_path, DEFAULTS)
    assert corpus.reports[2] is None
    assert "1 figures have an empty caption" in corpus.notes
    path.write_text("captions\n")
    assert READER.recognise(tmp_path) == "ROCO: train (data/train/radiology/captions.txt)"
    refused(READER, tmp_path / "data/validation", "holds neither radiology/captions.txt nor")


@pytest.mark.parametrize("way", hostile.harmless(TABLE))
def test_version_2s_table_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, V2, "test_captions.csv", hostile.harmless(TABLE)[way])


@pytest.mark.parametrize("damage", DAMAGED_TABLE)
def test_a_damaged_table_of_version_2(tmp_path: Path, damage: str) -> None:
    path = "test_captions.csv"
    if READER.recognise(hostile.put(tmp_path, V2, path, DAMAGED_TABLE[damage])) is None:
        refused(READER, tmp_path, str(tmp_path))
    else:
        hostile.check_refused(READER, tmp_path, V2, path, DAMAGED_TABLE[damage])


_CAPTION = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@given(st.lists(st.lists(_CAPTION, min_size=1, max_size=3), min_size=1, max_size=4))
def test_captions_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("roco") / "captions.txt"
    entries = [f"ROCO_{at:05d}\t" + "\n".join(lines) + "\n" for at, lines in enumerate(texts)]
    path.write_text("".join(entries), encoding="utf-8")
    expected = {f"ROCO_{at:05d}": " ".join(" ".join(lines).split()) for at, lines in enumerate(texts)}
    assert read_captions(path) == expected
