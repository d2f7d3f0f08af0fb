"""MS-CXR (Boecking et al. 2022): boxes of phrases on films of MIMIC-CXR, as a csv or a COCO-like json.

A row is a film with one phrase and its boxes; a film with several phrases has several rows. Version 1.1.0 has splits,
before, all is 'test'. The json was not seen: read are COCO's keys and those that public code reads (unverified).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from umcl_bench.data.corpus import Box, Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.masks import BoxMasks
from umcl_bench.data.policies import LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, json_field, no_prior, read_json, read_rows
from umcl_bench.data.readers.mimic_films import MimicFilm, film_of, films_folder
from umcl_bench.data.tables import Table
from umcl_bench.data.vocabulary import canonical, ordered
from umcl_bench.errors import DataError

FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Lung Opacity", "Pleural Effusion", "Pneumonia"),
    "Pneumothorax",
)
CLASSES = ordered(set(FINDINGS))
CORNERS = ("x", "y", "w", "h")
SIZES = ("image_width", "image_height")
COLUMNS = ("dicom_id", "category_name", "label_text", "path", *CORNERS, *SIZES)
SPLITS = {"train": "train", "val": "val", "validate": "val", "validation": "val", "test": "test"}
OFFICIAL = {"boxes": 1_448, "phrases on films": 1_162, "films": 1_047, "patients": 851, "findings": 8}
MAX_SIDE = 10_000
_EDGE = 1.0
"""So many pixels may a box reach over the film's edge (rounding)."""

_FILE = re.compile(r"MS_CXR_Local_Alignment_v(\d+)\.(\d+)\.(\d+)\.(csv|json)")


class Annotation(NamedTuple):
    """One box of one phrase."""

    film: MimicFilm
    finding: str
    phrase: str
    box: Box
    size: tuple[int, int]  # width, height
    split: str
    where: str


class Phrase(NamedTuple):
    """A phrase on a film, with its boxes."""

    film: MimicFilm
    finding: str
    text: str
    boxes: tuple[Box, ...]
    size: tuple[int, int]
    split: str


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    path = _newest(folder)
    return path.name if path else None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a phrase on a film, in the order of their first boxes."""
    path = _newest(root)
    if path is None:
        raise DataError(f"{root} holds no MS_CXR_Local_Alignment_v1.1.0.csv (or .json, or another version)")
    annotations = _of_csv(path) if path.suffix == ".csv" else _of_json(path)
    rows = _phrases(annotations)
    expectations = _expectations(annotations, rows)
    folder, notes = films_folder(root)
    policy = options.policy(READER.policy)
    boxes = tuple(row.boxes for row in rows)
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=CLASSES,
        policy=policy,
        ids=column(_ids(rows)),
        patients=column(row.film.patient for row in rows),
        splits=column(row.split for row in rows),
        views=column([""] * len(rows)),
        reports=column(row.text for row in rows),
        stated=_stated(rows),
        pixels=FilePixels(folder, tuple(row.film.path for row in rows), known_by="sizes"),
        prior=no_prior(len(rows)),
        masks=BoxMasks(boxes, sizes=tuple(row.size for row in rows)),
        has_mask=np.ones(len(rows), dtype=bool),
        boxes=boxes,
        attributes={
            "study": column(row.film.study for row in rows),
            "film": column(row.film.dicom for row in rows),
        },
        expectations=expectations,
        facts={"label_policy": policy.describe(), "file": path.name},
        notes=("all films are in MIMIC-CXR, most of them in its training split", *notes, *counts_note(expectations)),
    )


def _newest(root: Path) -> Path | None:
    """The file of the newest version, its csv before its json."""
    found = [match for path in root.glob("MS_CXR_Local_Alignment_v*") if (match := _FILE.fullmatch(path.name))]
    newest = max(found, key=lambda match: (*map(int, match.groups()[:3]), match[4] == "csv"), default=None)
    return root / newest[0] if newest else None


def _of_csv(path: Path) -> list[Annotation]:
    table = read_rows(path, COLUMNS)
    table.need_ids("dicom_id", unique=False)
    table.need_ids("label_text", unique=False)
    splits = table.texts("split", SPLITS) if "split" in table else ["test"] * len(table)
    corners = np.stack([table.numbers(name, low=-_EDGE, high=MAX_SIDE) for name in CORNERS], axis=1).tolist()
    sizes = np.stack([table.numbers(name, low=1, high=MAX_SIDE) for name in SIZES], axis=1).tolist()
    return [_of_row(table, row, corners[row], sizes[row], split) for row, split in enumerate(splits)]


def _of_row(table: Table, row: int, corners: Sequence[float], size: Sequence[float], split: str) -> Annotation:
    where = table.where(row)
    film = film_of(table["path"][row], where)
    if film.dicom != table["dicom_id"][row]:
        raise DataError(f"{where}: dicom_id is {table['dicom_id'][row]!r}, but the path is of {film.dicom!r}")
    finding = _finding(table["category_name"][row], where)
    return _annotation(film, finding, table["label_text"][row], (corners, size), split, where)


def _of_json(path: Path) -> list[Annotation]:
    data = read_json(path)
    images, categories = ({}, {})
    for at, image in enumerate(json_field(data, "images", list, str(path)), start=1):
        images[json_field(image, "id", int, f"{path}, image {at}")] = image
    for at, category in enumerate(json_field(data, "categories", list, str(path)), start=1):
        where = f"{path}, category {at}"
        categories[json_field(category, "id", int, where)] = _finding(json_field(category, "name", str, where), where)
    records = json_field(data, "annotations", list, str(path))
    out = [_of_record(r, images, categories, f"{path}, annotation {at}") for at, r in enumerate(records, start=1)]
    if not out:
        raise DataError(f"{path} has no annotations; get it again")
    return out


def _of_record(record: Any, images: dict[int, Any], categories: dict[int, str], where: str) -> Annotation:
    image_id, category = (json_field(record, name, int, where) for name in ("image_id", "category_id"))
    if image_id not in images or category not in categories:
        raise DataError(f"{where}: image_id {image_id} or category_id {category} is not in the file")
    image = images[image_id]
    film = film_of(json_field(image, "path" if "path" in image else "file_name", str, where), where)
    corners = json_field(record, "bbox", list, where)
    size = [image.get(name, record.get(name)) for name in ("width", "height")]
    if len(corners) != 4 or not all(isinstance(v, int | float) for v in (*corners, *size)):
        raise DataError(f"{where}: bbox must be four numbers, and width and height one each; found {corners}, {size}")
    text = " ".join(json_field(record, "label_text", str, where).split())
    split = str(image.get("split", "test"))
    if split not in SPLITS:
        raise DataError(f"{where}: split is {split!r}; it may be one of {', '.join(SPLITS)}")
    return _annotation(film, categories[category], text, (corners, size), SPLITS[split], where)


def _finding(name: str, where: str) -> str:
    finding = canonical(name).name
    if finding not in FINDINGS:
        raise DataError(f"{where}: the category is {name!r}; MS-CXR has {', '.join(FINDINGS)}")
    return finding


def _annotation(
    film: MimicFilm, finding: str, text: str, place: tuple[Sequence[float], Sequence[float]], split: str, where: str
) -> Annotation:
    (x, y, w, h), (width, height) = place
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise DataError(f"{where}: a film of {width:g} x {height:g} pixels; a side has 1 to {MAX_SIDE:,}")
    inside = x >= -_EDGE and y >= -_EDGE and x + w <= width + _EDGE and y + h <= height + _EDGE
    if not (w > 0 and h > 0 and inside):
        raise DataError(
            f"{where}: the box (x {x:g}, y {y:g}, w {w:g}, h {h:g}) is empty, not complete, or leaves the film of "
            f"{width:g} x {height:g} pixels"
        )
    ends = np.clip([x / width, y / height, (x + w) / width, (y + h) / height], 0, 1).tolist()
    return Annotation(film, finding, text, Box(finding, *ends), (int(width), int(height)), split, where)


def _phrases(annotations: Sequence[Annotation]) -> list[Phrase]:
    groups: dict[tuple[MimicFilm, str, str], list[Annotation]] = {}
    for annotation in annotations:
        group = groups.setdefault((annotation.film, annotation.finding, annotation.phrase), [])
        first = group[0] if group else annotation
        if (first.size, first.split) != (annotation.size, annotation.split):
            raise DataError(f"{annotation.where}: another size or split of this film than in {first.where}")
        if any(annotation.box == other.box for other in group):
            raise DataError(f"{annotation.where}: the same box of {annotation.phrase!r} as before; remove one")
        group.append(annotation)
    return [Phrase(*key, tuple(a.box for a in group), group[0].size, group[0].split) for key, group in groups.items()]


def _ids(rows: Sequence[Phrase]) -> Iterator[str]:
    """The film's id and the number of its phrase."""
    count: dict[str, int] = {}
    for row in rows:
        count[row.film.dicom] = count.get(row.film.dicom, 0) + 1
        yield f"{row.film.dicom}/{count[row.film.dicom]}"


def _stated(rows: Sequence[Phrase]) -> Labels:
    """(n, CLASSES): 1 for the phrase's finding; the film's others are not known."""
    stated = np.full((len(rows), len(CLASSES)), np.nan, dtype=np.float32)
    stated[range(len(rows)), [CLASSES.index(row.finding) for row in rows]] = 1
    return stated


def _expectations(annotations: Sequence[Annotation], rows: Sequence[Phrase]) -> tuple[Expectation, ...]:
    films = {row.film for row in rows}
    found = (len(annotations), len(rows), len(films), len({f.patient for f in films}), len({r.finding for r in rows}))
    return tuple(Expectation(what, n, found) for (what, n), found in zip(OFFICIAL.items(), found, strict=True))


READER = Reader(
    name="ms-cxr",
    title="MS-CXR: phrases and their boxes on films of MIMIC-CXR",
    paper="Boecking et al. 2022, ECCV, arXiv 2204.09817",
    looked_for="a folder with MS_CXR_Local_Alignment_v1.1.0.csv (or .json), and mimic-cxr-jpg/ beside it",
    get_it="It is at physionet.org/content/ms-cxr (credentialed access).",
    policy=LabelPolicy(),
    recognise=recognise,
    read=read,
)
