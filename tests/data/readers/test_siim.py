"""SIIM-ACR's csv: films whose masks are run lengths, several rows for some, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import Broken, rows_of
from tests.data.test_masks import golden_mask
from umcl_bench.data.masks import encode_rle
from umcl_bench.data.readers import DEFAULTS
from umcl_bench.data.readers.siim import READER

LABELS = "train-rle.csv"
ROWS = rows_of("""
    ImageId, EncodedPixels
    1.2.3,10 5 1019 5
    1.2.4, -1
    1.2.5,-1
    1.2.6,0 3
    1.2.3,1048570 6
""")
FILES = {LABELS: ROWS}
WAYS = hostile.harmless(ROWS)
DAMAGE: dict[str, Broken] = {
    **hostile.broken([["ImageId", "EncodedPixels"], *ROWS[1:]], "EncodedPixels"),
    **hostile.cells(ROWS, "ImageId", ("", "nan", *hostile.NO_PLACES)),
    "an image without pneumothorax twice": Broken(hostile.csv_bytes([*ROWS, ROWS[2]]), line=7, says="also on line 3"),
    "a mask and none": hostile.cell(ROWS, "ImageId", "1.2.4", line=5, says="also on line 3"),
    "no runs": hostile.cell(ROWS, " EncodedPixels", "", says="empty"),
    "an odd number": hostile.cell(ROWS, " EncodedPixels", "1 2 3", says="come in pairs"),
    "a run beyond the film": hostile.cell(ROWS, " EncodedPixels", "1048570 7", says="end at pixel 1,048,577"),
    "a negative gap": hostile.cell(ROWS, " EncodedPixels", "-5 7", says="hold -5"),
    "a word": hostile.cell(ROWS, " EncodedPixels", "yes", says="whole numbers"),
    "a label": hostile.cell(ROWS, " EncodedPixels", "2", says="come in pairs"),
}
STUB = REAL_DATA / "official_formats" / "stubs" / "siim"


def test_a_film_is_one_row_in_the_csvs_order(tmp_path: Path) -> None:
    root = hostile.write(tmp_path, FILES)
    assert READER.recognise(root) == LABELS
    corpus = READER.read(root, DEFAULTS)
    assert list(corpus.ids) == list(corpus.patients) == ["1.2.3", "1.2.4", "1.2.5", "1.2.6"]
    np.testing.assert_array_equal(corpus.labels, [[1], [0], [0], [1]])
    assert list(corpus.attributes["rle_rows"]) == ["0 4", "1", "2", "3"]
    assert corpus.masks is not None
    mask = corpus.masks.read(0, 1024)
    assert (mask[10:15, 0] == 255).all()
    assert (mask[10:15, 1] == 255).all()
    assert (mask[-6:, -1] == 255).all()
    assert (mask > 0).sum() == 16
    assert not corpus.masks.read(1, 64).any()


def test_films_are_found_in_the_folders_below(tmp_path: Path) -> None:
    root = hostile.write(tmp_path, FILES)
    for place in ("dicom-images-train/9.1/9.2", "dicom-images-train/8.1/8.2"):
        (root / place).mkdir(parents=True)
    (root / "dicom-images-train/9.1/9.2/1.2.3.dcm").write_bytes(b"")
    (root / "dicom-images-train/8.1/8.2/1.2.4.dcm").write_bytes(b"")
    corpus = READER.read(root, DEFAULTS)
    assert corpus.pixels.paths == (  # type: ignore[attr-defined]
        "dicom-images-train/9.1/9.2/1.2.3.dcm",
        "dicom-images-train/8.1/8.2/1.2.4.dcm",
        "1.2.5.dcm",
        "1.2.6.dcm",
    )
    assert corpus.notes[0] == f"2 films of {LABELS} have no .dcm file below the folder"


def test_a_mask_that_is_there_twice_is_counted(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, {LABELS: [*ROWS, ROWS[1]]}), DEFAULTS)
    assert corpus.notes[0] == f"1 rows of {LABELS} repeat an earlier row of their film"
    assert corpus.attributes["rle_rows"][0] == "0 4 5"


@pytest.mark.parametrize("way", WAYS)
def test_another_way_to_write_it_is_the_same_corpus(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, LABELS, WAYS[way])


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_one_error(tmp_path: Path, how: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, LABELS, DAMAGE[how])


@pytest.mark.skipif(not STUB.is_dir(), reason="SIIM's stub with its golden masks is not beside this checkout")
def test_the_stub_has_its_golden_masks() -> None:
    corpus = READER.read(STUB, DEFAULTS)
    assert corpus.masks is not None
    for row, name in enumerate(corpus.ids):
        path = STUB / f"expected_{name}.png"
        assert path.is_file() == (corpus.labels[row, 0] == 1)
        drawn = corpus.masks.read(row, 1024) > 0
        assert drawn.any() == path.is_file()
        if path.is_file():
            np.testing.assert_array_equal(drawn, golden_mask(path))
            assert encode_rle(drawn) != "-1"
    found = {e.what: e.found for e in corpus.expectations}
    assert (found["films"], found["films of several rows"], found["most rows of a film"]) == (4, 1, 2)
