"""COVIDx's lists: versions, classes as labels, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import REAL_DATA
from tests.data.readers.hostile import NO_PLACES
from tests.data.readers.releases import edit, refused
from umcl_bench.data.readers import DEFAULTS
from umcl_bench.data.readers.covidx import READER
from umcl_bench.data.vocabulary import COVIDX
from umcl_bench.errors import UsageError

TRAIN = """3 ARDSSevere.png pneumonia cohen
7 SARS-10.png COVID-19 cohen
8 c1e3.png normal rsna
"""
TEST = """11 nCoV-1.png COVID-19 sirm
12 d2.png normal rsna
"""


def covidx(root: Path, version: str = "_COVIDx9A") -> Path:
    root.mkdir(exist_ok=True)
    (root / f"train{version}.txt").write_text(TRAIN)
    (root / f"test{version}.txt").write_text(TEST)
    return root


def test_three_classes_that_exclude_one_another(tmp_path: Path) -> None:
    corpus = READER.read(covidx(tmp_path), DEFAULTS)
    assert corpus.classes == ("No Finding", "Pneumonia", "COVID-19")
    nan = np.nan
    np.testing.assert_array_equal(corpus.stated, [[0, 1, 0], [0, nan, 1], [1, 0, 0], [0, nan, 1], [1, 0, 0]])
    assert list(corpus.splits) == ["train", "train", "train", "test", "test"]
    assert list(corpus.patients) == ["3", "7", "8", "11", "12"]
    assert corpus.pixels.paths[0] == "train/ARDSSevere.png"  # type: ignore[attr-defined]
    assert list(corpus.attributes["source"]) == ["cohen", "cohen", "rsna", "sirm", "rsna"]
    assert corpus.facts["version"] == "COVIDx9A"
    assert not corpus.expectations
    assert not corpus.notes


def test_the_films_may_be_in_data(tmp_path: Path) -> None:
    (tmp_path / "data/test").mkdir(parents=True)
    corpus = READER.read(covidx(tmp_path), DEFAULTS)
    assert corpus.pixels.paths[4] == "data/test/d2.png"  # type: ignore[attr-defined]


def test_the_first_versions_have_no_source_and_cxr_4_has_two_classes(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/test_split_v3.txt").write_text("3 a.png pneumonia\n4 b.png normal\n")
    first = READER.read(tmp_path, DEFAULTS)
    assert list(first.attributes["source"]) == ["", ""]
    assert first.facts["version"] == "split_v3"
    assert first.notes == ("no list of the split train",)
    other = tmp_path / "cxr4"
    other.mkdir()
    for split in ("train", "val", "test"):
        (other / f"{split}.txt").write_text(f"{split}-1 a{split}.png positive ricord\n{split}-2 b.png negative rsna\n")
    corpus = READER.read(other, DEFAULTS)
    assert corpus.classes == ("COVID-19",)
    assert corpus.stated.ravel().tolist() == [1, 0] * 3
    assert corpus.expectations[0] == ("films of CXR-4", 84_818, 6)
    assert "1 file names are in more than one split, 'b.png' among them" in corpus.notes
    assert "films of CXR-4: 6 (official: 84,818)" in corpus.notes[-1]


def test_lists_of_two_versions_are_not_mixed(tmp_path: Path) -> None:
    covidx(covidx(tmp_path), "_COVIDx8B")
    assert READER.recognise(tmp_path)
    with pytest.raises(UsageError, match=r"versions COVIDx8B, COVIDx9A, which share films: leave one"):
        READER.read(tmp_path, DEFAULTS)


def test_other_lists_are_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("00001.png\n00002.png\n")  # BenchX's
    (tmp_path / "train_COVIDx_CT-2A.txt").write_text("a.png 2 9 27 490 380\n")
    (tmp_path / "test_COVIDx-CT.txt").write_text("1 a.png normal cncb\n")
    (tmp_path / "val.txt").write_bytes(b"\xff\xfe\x00")
    assert READER.recognise(tmp_path) is None
    refused(READER, tmp_path, "holds no list of COVIDx")
    assert READER.recognise(covidx(tmp_path)) == "test_COVIDx9A.txt, train_COVIDx9A.txt"


@pytest.mark.skipif(not (REAL_DATA / "official_formats").is_dir(), reason="the official formats are not here")
def test_the_stub_in_the_official_format() -> None:
    corpus = READER.read(REAL_DATA / "official_formats/stubs/covidx", DEFAULTS)
    assert list(corpus.attributes["class"]) == ["COVID-19", "pneumonia", "normal"]
    assert corpus.pixels.paths[0] == "test/invented-001-0.png"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new"), [("\n", "\r\n"), ("3 ARDS", "\ufeff3 ARDS"), ("cohen\n", "cohen\n\n"), ("3 ARDS", '3 "ARDS')]
)
def test_a_list_written_in_another_way(tmp_path: Path, old: str, new: str) -> None:
    before = READER.read(covidx(tmp_path), DEFAULTS)
    path = tmp_path / "train_COVIDx9A.txt"
    text = path.read_text().replace(old, new)
    path.write_bytes((text.replace("Severe.png", 'Severe.png"') if '"' in new else text).encode())
    after = READER.read(tmp_path, DEFAULTS)
    assert after.fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("normal rsna", "healthy rsna", "line 3: class is 'healthy'; it must be one of normal"),
        ("8 c1e3.png normal rsna", "8 c1e3.png normal", "line 3: 3 fields"),
        ("8 c1e3.png normal rsna", "8 c1 e3.png normal rsna", "line 3: 5 fields"),
        ("c1e3.png", "SARS-10.png", "line 3: file 'SARS-10.png' is also on line 2"),
        ("8 c1e3.png", "nan c1e3.png", "line 3: patient is 'nan'"),
        ("8 c1e3.png", '"" c1e3.png', "line 3: patient is ''"),
        ("cohen", "cohen x y", "line 1: 6 fields between spaces"),
        *(("8 c1e3.png", f"8 {place}.png", "line 3: file is") for place in NO_PLACES),
    ],
)
def test_a_bad_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = covidx(tmp_path) / "train_COVIDx9A.txt"
    edit(path, old, new)
    refused(READER, tmp_path, str(path), says)


def test_a_list_that_is_no_text_or_empty(tmp_path: Path) -> None:
    path = covidx(tmp_path) / "train_COVIDx9A.txt"
    path.write_bytes(TRAIN.encode() + b"9 \xff.png normal rsna\n")
    refused(READER, tmp_path, str(path), "line 4", "UTF-8")
    path.write_text("")
    refused(READER, tmp_path, str(path), "line 1: 0 fields")
    for split in ("train", "test"):
        (tmp_path / f"{split}_COVIDx9A.txt").rename(tmp_path / f"{split}.txt")
    refused(READER, tmp_path, "train.txt, line 1: 0 fields")  # it belongs to a test.txt that is COVIDx's


@settings(max_examples=40)
@given(st.lists(st.tuples(st.from_regex(r"[A-Za-z0-9-]{1,8}", fullmatch=True), st.sampled_from(sorted(COVIDX)))))
def test_every_line_is_a_row(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    root = tmp_path_factory.mktemp("covidx")
    rows = [("p", "normal"), *((p, c) for p, c in rows if p.casefold() not in ("nan", "none", "null", "na"))]
    (root / "test.txt").write_text("".join(f"{p} {i}.png {c} x\n" for i, (p, c) in enumerate(rows)))
    corpus = READER.read(root, DEFAULTS)
    assert list(corpus.patients) == [p for p, _ in rows]
    for row, (_, name) in enumerate(rows):
        for at, finding in enumerate(corpus.classes):
            np.testing.assert_equal(float(corpus.stated[row, at]), COVIDX[name].get(finding, np.nan))
