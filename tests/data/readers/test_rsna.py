"""RSNA's csvs: films with boxes, counts and hashes of the real file, and damaged ones."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import Broken, rows_of
from umcl_bench.data.corpus import Box
from umcl_bench.data.readers import DEFAULTS, recognise
from umcl_bench.data.readers.rsna import READER

LABELS, DETAILS = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
ROWS = rows_of("""
    patientId,x,y,width,height,Target
    c-3,,,,,0
    b-2,256.0,512.0,128.0,256.0,1
    b-2,0,0,1024,16.5,1
    a-1,,,,,0
""")
CLASSES = rows_of("""
    patientId,class
    b-2,Lung Opacity
    b-2,Lung Opacity
    a-1,No Lung Opacity / Not Normal
    c-3,Normal
""")
FILES = {LABELS: ROWS, DETAILS: CLASSES}
WAYS = hostile.harmless(ROWS)
DAMAGE: dict[str, Broken] = {
    **hostile.broken(ROWS, "Target"),
    **hostile.twice(ROWS, "the same as line 5"),
    **hostile.cells(ROWS, "patientId", ("", "nan", *hostile.NO_PLACES)),
    **hostile.cells(ROWS, "Target", ("2", "yes", "", "1.0")),
    "a box twice": hostile.cell([*ROWS[:3], ROWS[2], *ROWS[4:]], "x", "256.0", line=4, says="the same as line 3"),
    "positive without a box": hostile.cell(ROWS, "Target", "1", says="Target is 1 and the box is not complete"),
    "half a box": hostile.cell(ROWS, "width", "", line=3, says="width empty"),
    "a box of a negative": hostile.cell(ROWS, "x", "3", says="Target is 0 and there is a box"),
    "a box beyond the film": hostile.cell(ROWS, "x", "900", line=3, says="leaves the film"),
    "a corner beyond the film": hostile.cell(ROWS, "y", "-1", line=3, says="between 0 and 1024"),
    "an empty box": hostile.cell(ROWS, "height", "0", line=3, says="the box is empty"),
    "a box of no numbers": hostile.cell(ROWS, "height", "tall", line=3, says="no number"),
    "positive and negative": hostile.cell(ROWS, "patientId", "b-2", line=5, says="differs from an earlier row"),
}
DETAIL_DAMAGE = {
    **hostile.broken(CLASSES, "class"),
    **hostile.cells(CLASSES, "class", ("", "Pneumonia")),
    "two classes": hostile.cell(CLASSES, "class", "Normal", line=3, says="'Lung Opacity' earlier"),
}
REAL = REAL_DATA / "official_formats" / "rsna"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return hostile.write(tmp_path / "rsna", FILES)


def test_a_film_is_one_row_sorted_by_id(root: Path) -> None:
    assert READER.recognise(root) == f"{LABELS}, {DETAILS}"
    corpus = READER.read(root, DEFAULTS)
    assert list(corpus.ids) == list(corpus.patients) == ["a-1", "b-2", "c-3"]
    assert set(corpus.splits) == {"train"}
    assert corpus.classes == ("No Finding", "Pneumonia")
    np.testing.assert_array_equal(corpus.stated, [[0, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(corpus.labels, corpus.stated)
    assert list(corpus.attributes["class"]) == ["No Lung Opacity / Not Normal", "Lung Opacity", "Normal"]
    assert corpus.pixels.paths[1] == "stage_2_train_images/b-2.dcm"  # type: ignore[attr-defined]


def test_boxes_are_fractions_and_masks_are_these_boxes_filled(root: Path) -> None:
    corpus = READER.read(root, DEFAULTS)
    assert corpus.boxes[0] == corpus.boxes[2] == ()
    assert corpus.boxes[1] == (Box("Pneumonia", 0.25, 0.5, 0.375, 0.75), Box("Pneumonia", 0, 0, 1, 16.5 / 1024))
    assert corpus.masks is not None
    assert corpus.has_mask is not None
    assert corpus.has_mask.all()
    mask = corpus.masks.read(1, 1024)
    assert mask[512:768, 256:384].all()
    assert mask[:16].all()
    assert (mask > 0).sum() == 128 * 256 + 1024 * 16
    assert not corpus.masks.read(0, 64).any()


def test_without_the_detailed_classes_no_finding_is_unknown(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, {LABELS: ROWS}), DEFAULTS)
    np.testing.assert_array_equal(corpus.stated[:, 0], [np.nan] * 3)
    np.testing.assert_array_equal(corpus.labels[:, 0], [np.nan, 0, np.nan])
    assert "No Finding is unknown" in corpus.notes[0]


def test_films_that_lack_a_detailed_class_are_counted(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, {LABELS: ROWS, DETAILS: CLASSES[:3]}), DEFAULTS)
    assert np.isnan(corpus.stated[[0, 2], 0]).all()
    assert corpus.notes[0] == f"2 films have no row in {DETAILS}"


@pytest.mark.parametrize("way", WAYS)
def test_another_way_to_write_it_is_the_same_corpus(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, LABELS, WAYS[way])


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_one_error(tmp_path: Path, how: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, LABELS, DAMAGE[how])


@pytest.mark.parametrize("how", DETAIL_DAMAGE)
def test_damage_of_the_classes_is_one_error(tmp_path: Path, how: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, DETAILS, DETAIL_DAMAGE[how])


@pytest.mark.skipif(not REAL.is_dir(), reason="the real RSNA csv is not beside this checkout")
def test_the_real_release_has_its_counts_and_loads_in_two_seconds() -> None:
    assert [found.reader.name for found in recognise(REAL)] == ["rsna"]
    start = time.process_time()
    corpus = READER.read(REAL, DEFAULTS)
    assert time.process_time() - start < 2
    assert [e for e in corpus.expectations if not e.met] == []
    assert len(corpus.expectations) == 6
    assert corpus.notes == ()
    assert sum(map(len, corpus.boxes)) == 9_555
    assert list(corpus.ids) == sorted(corpus.ids)
