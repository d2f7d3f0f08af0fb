"""MS-CXR's phrases and boxes, as csv and as json, and where MIMIC's films are looked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.readers import hostile
from tests.data.readers.hostile import Rows
from tests.data.readers.releases import edit, refused
from umcl_bench.data.corpus import Box
from umcl_bench.data.masks import BoxMasks
from umcl_bench.data.readers import DEFAULTS
from umcl_bench.data.readers.mimic_films import film_of
from umcl_bench.data.readers.ms_cxr import COLUMNS, READER
from umcl_bench.errors import DataError

NAME = "MS_CXR_Local_Alignment_v1.1.0.csv"
FILM = "files/p10/p10000032/s50000001/aaaa-1.jpg"
OTHER = "files/p19/p19000001/s50000009/bbbb-2.jpg"
TABLE: Rows = [
    [*COLUMNS, "split"],
    ["aaaa-1", "Pneumonia", "left base opacity", FILM, "100", "200", "300", "400", "1000", "2000", "train"],
    ["aaaa-1", "Pneumonia", "left base opacity", FILM, "500", "0", "500", "2000", "1000", "2000", "train"],
    ["aaaa-1", "Edema", "edema, mild", FILM, "0", "0", "10", "10", "1000", "2000", "train"],
    ["bbbb-2", "Pneumothorax", "apical pneumothorax", OTHER, "1", "1", "2", "2", "10", "20", "test"],
]
FILES = {NAME: TABLE}
DAMAGED = {
    **hostile.broken(TABLE, "label_text"),
    **hostile.twice(TABLE, "the same box"),
    **hostile.cells(TABLE, "dicom_id", ("", "nan", "bbbb-2")),
    **hostile.cells(TABLE, "label_text", ("", "nan")),
    **{
        f"path is {path!r}": hostile.cell(TABLE, "path", path, says="no film of MIMIC-CXR")
        for path in (
            *hostile.NO_PLACES,
            "",
            FILM.replace("p10/", "p11/"),
            FILM.replace("s50000001", "s1"),
            f"../{FILM}",
            FILM.replace("aaaa-1", ".."),
        )
    },
    **{
        f"category {name!r}": hostile.cell(TABLE, "category_name", name, says="the category is")
        for name in ("", "Mass")
    },
    **hostile.cells(TABLE, "x", ("-2", "left", "1e9", "nan", "inf")),
    **hostile.cells(TABLE, "image_width", ("0", "-5", "50000", "wide")),
    **hostile.cells(TABLE, "split", ("dev", "")),
    "a box out of the film": hostile.cell(TABLE, "w", "902", says="leaves the film of 1000 x 2000"),
    "an empty box": hostile.cell(TABLE, "h", "0", says="is empty"),
    "a box without a side": hostile.cell(TABLE, "h", "", says="not complete"),
    "a film without a size": hostile.cell(TABLE, "image_height", "", says="a side has 1 to 10,000"),
    "two sizes of one film": hostile.cell(TABLE, "image_width", "999", says="another size or split", line=3),
}
COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "aaaa-1.jpg", "path": FILM, "width": 1000, "height": 2000, "split": "train"},
               {"id": 2, "file_name": OTHER, "split": "test"}],
    "categories": [{"id": n, "name": name} for n, name in enumerate(("Pneumonia", "Edema", "Pneumothorax"), start=1)],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [100, 200, 300, 400.0], "label_text": "left base opacity"},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [500, 0, 500, 2000], "label_text": "left base opacity"},
        {"id": 3, "image_id": 1, "category_id": 2, "bbox": [0, 0, 10, 10], "label_text": "edema, mild"},
        {"id": 4, "image_id": 2, "category_id": 3, "bbox": [1, 1, 2, 2], "label_text": "apical pneumothorax",
         "width": 10, "height": 20},
    ],
}  # fmt: skip


def test_a_row_is_a_phrase_on_a_film(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, FILES), DEFAULTS)
    assert list(corpus.ids) == ["aaaa-1/1", "aaaa-1/2", "bbbb-2/1"]
    assert list(corpus.patients) == ["10000032", "10000032", "19000001"]
    assert list(corpus.attributes["study"]) == ["50000001", "50000001", "50000009"]
    assert list(corpus.reports) == ["left base opacity", "edema, mild", "apical pneumothorax"]
    assert list(corpus.splits) == ["train", "train", "test"]
    assert corpus.boxes[0] == (Box("Pneumonia", 0.1, 0.1, 0.4, 0.3), Box("Pneumonia", 0.5, 0.0, 1.0, 1.0))
    assert np.nansum(corpus.stated) == 3
    assert corpus.stated[0, corpus.classes.index("Pneumonia")] == 1
    assert np.isnan(corpus.labels[0, corpus.classes.index("Edema")])
    assert [(e.what, e.expected, e.found) for e in corpus.expectations] == [
        ("boxes", 1_448, 4), ("phrases on films", 1_162, 3), ("films", 1_047, 2), ("patients", 851, 2),
        ("findings", 8, 3),
    ]  # fmt: skip


def test_masks_have_the_shape_of_their_film(tmp_path: Path) -> None:
    masks = READER.read(hostile.write(tmp_path, FILES), DEFAULTS).masks
    assert isinstance(masks, BoxMasks)
    mask = masks.read(0, 20)  # a film of 10 x 20 in the middle of a square of 20
    expected = np.zeros((20, 20), dtype=np.uint8)
    expected[:, 10:15] = 255  # x 500 to 1000 of 1000
    expected[2:6, 6:9] = 255  # x 100 to 400, y 200 to 600
    np.testing.assert_array_equal(mask, expected)
    other = BoxMasks(masks.boxes, sizes=tuple((h, w) for w, h in masks.sizes))
    assert other.fingerprint != masks.fingerprint


def test_films_are_looked_for_here_and_beside(tmp_path: Path) -> None:
    root = hostile.write(tmp_path / "ms-cxr", FILES)
    alone = READER.read(root, DEFAULTS)
    assert "no films: looked for files/ in this folder" in " ".join(alone.notes)
    (tmp_path / "mimic-cxr-jpg/2.0.0/files").mkdir(parents=True)
    beside = READER.read(root, DEFAULTS)
    assert beside.pixels.root == (tmp_path / "mimic-cxr-jpg/2.0.0").resolve()  # type: ignore[attr-defined]
    assert beside.pixels.paths[0] == FILM  # type: ignore[attr-defined]
    assert "no films" not in " ".join(beside.notes)
    (root / "files").mkdir()
    assert READER.read(root, DEFAULTS).pixels.root == root  # type: ignore[attr-defined]


def test_the_json_is_the_same_corpus(tmp_path: Path) -> None:
    table = READER.read(hostile.write(tmp_path / "a", FILES), DEFAULTS)
    path = tmp_path / "b/MS_CXR_Local_Alignment_v1.0.0.json"
    path.parent.mkdir()
    path.write_text(json.dumps(COCO))
    assert READER.recognise(path.parent) == path.name
    assert READER.read(path.parent, DEFAULTS).fingerprint == table.fingerprint


def test_the_newest_version_is_read_and_the_first_has_no_splits(tmp_path: Path) -> None:
    assert READER.recognise(tmp_path) is None
    refused(READER, tmp_path, "holds no MS_CXR_Local_Alignment_v1.1.0.csv")
    first = "MS_CXR_Local_Alignment_v1.0.0.csv"
    hostile.write(tmp_path, {first: [row[:-1] for row in TABLE]})
    (tmp_path / "MS_CXR_Local_Alignment_v1.0.0.json").write_text("{}")
    corpus = READER.read(tmp_path, DEFAULTS)
    assert (corpus.facts["file"], set(corpus.splits)) == (first, {"test"})
    hostile.write(tmp_path, FILES)
    assert READER.read(tmp_path, DEFAULTS).facts["file"] == NAME


@pytest.mark.parametrize("way", [name for name, one in hostile.harmless(TABLE).items() if not one.suffix])
def test_the_table_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, NAME, hostile.harmless(TABLE)[way])


@pytest.mark.parametrize("damage", [name for name, one in DAMAGED.items() if not one.suffix])
def test_a_damaged_table(tmp_path: Path, damage: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, NAME, DAMAGED[damage])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"annotations"', '"boxes"', "annotations must be a list; it is missing"),
        ('"images": [', '"images": 3, "x": [', "images must be a list; found '3'"),
        ('"image_id": 1', '"image_id": 9', "annotation 1: image_id 9 or category_id 1 is not in the file"),
        ('"category_id": 1', '"category_id": "1"', "annotation 1: category_id must be a whole number"),
        ('"name": "Edema"', '"name": "Mass"', "category 2: the category is 'Mass'"),
        ("[100, 200, 300, 400.0]", "[100, 200, 300]", "annotation 1: bbox must be four numbers"),
        ("[100, 200, 300, 400.0]", '[100, 200, 300, "4"]', "annotation 1: bbox must be four numbers"),
        ("[100, 200, 300, 400.0]", "[100, 200, NaN, 4]", "annotation 1: the box"),
        ('"width": 1000', '"width": 0', "annotation 1: a film of 0 x 2000"),
        ('"width": 1000', '"width": Infinity', "annotation 1: a film of inf x 2000"),
        ('"label_text": "left base opacity"', '"label_text": 3', "annotation 1: label_text must be a text"),
        (FILM, f"../{FILM}", "annotation 1: '../files/p10"),
        ('"split": "train"', '"split": "dev"', "annotation 1: split is 'dev'"),
        ("}]}", "", "is no valid JSON"),
    ],
)
def test_a_bad_json(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "MS_CXR_Local_Alignment_v1.0.0.json"
    path.write_text(json.dumps(COCO))
    edit(path, old, new)
    refused(READER, tmp_path, str(path), says)


def test_a_json_without_annotations(tmp_path: Path) -> None:
    path = tmp_path / "MS_CXR_Local_Alignment_v1.0.0.json"
    path.write_text(json.dumps(COCO | {"annotations": []}))
    refused(READER, tmp_path, "has no annotations")
    path.write_text("[]")
    refused(READER, tmp_path, "images must be a list")


@pytest.mark.parametrize("path", [FILM, FILM.removeprefix("files/"), FILM[:-4], FILM[:-4] + ".dcm"])
def test_the_ways_in_which_a_film_is_named(path: str) -> None:
    film = film_of(path, "here")
    assert (film.patient, film.study, film.dicom, film.path) == ("10000032", "50000001", "aaaa-1", FILM)


def test_a_path_that_is_no_film() -> None:
    with pytest.raises(DataError, match=r"here: 'p10/x' is no film of MIMIC-CXR; expected files/p10"):
        film_of("p10/x", "here")
