"""RSNA Pneumonia Detection Challenge 2018, stage 2: 26,684 films of NIH ChestX-ray14 with boxes of pneumonia.

One row of the csv is one box; a film without one has one row. `patientId` names a film, not a person: a person of NIH
ChestX-ray14 may have several, so splits by it are not splits by person.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Box, Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.masks import BoxMasks
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, no_prior, read_rows
from umcl_bench.data.tables import Table, find_table
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.errors import DataError

LABELS = "stage_2_train_labels.csv"
DETAILS = "stage_2_detailed_class_info.csv"
IMAGES = "stage_2_train_images"
SIZE = 1024
CORNERS = ("x", "y", "width", "height")
COLUMNS = ("patientId", *CORNERS, "Target")
CLASSES = (NO_FINDING, "Pneumonia")
NORMAL = "Normal"
DETAIL = {NORMAL: 1.0, "No Lung Opacity / Not Normal": 0.0, "Lung Opacity": 0.0}
"""The detailed class as a label of No Finding."""

OFFICIAL_DETAILS = {NORMAL: 8_851, "No Lung Opacity / Not Normal": 11_821, "Lung Opacity": 6_012}


class Films(NamedTuple):
    """The films of the csv, sorted by id: each one's first row, and the film of each row."""

    ids: list[str]
    first: NDArray[np.int64]
    of_row: NDArray[np.int64]


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    path = find_table(folder, LABELS)
    return ", ".join(p.name for p in (path, find_table(folder, DETAILS)) if p) if path else None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, sorted by id, all in 'train' (the release has no labelled test films)."""
    table = read_rows(_labels_path(root), COLUMNS)
    table.need_file_names("patientId")
    target = table.choices("Target", {"0": 0.0, "1": 1.0})
    films = _films(table)
    _check_rows(table, target, films)
    boxes = _boxes(table, target, films)
    details, notes = _details(root, films.ids)
    normal = np.array([DETAIL.get(d, np.nan) for d in details], dtype=np.float32)
    pneumonia = target[films.first]
    expectations = _expectations(table, pneumonia, details)
    policy = options.policy(READER.policy)
    ids = column(films.ids)
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=CLASSES,
        policy=policy,
        ids=ids,
        patients=ids,
        splits=column(["train"] * len(ids)),
        views=column([""] * len(ids)),
        reports=column([None] * len(ids)),
        stated=np.stack([normal, pneumonia], axis=1),
        pixels=FilePixels(root, tuple(f"{IMAGES}/{name}.dcm" for name in films.ids), known_by="sizes"),
        prior=no_prior(len(ids)),
        masks=BoxMasks(boxes, SIZE, SIZE),
        has_mask=np.ones(len(ids), dtype=bool),
        boxes=boxes,
        attributes={"class": column(details)} if any(details) else {},
        expectations=expectations,
        facts={"label_policy": policy.describe()},
        notes=(*notes, *counts_note(expectations)),
    )


def _labels_path(root: Path) -> Path:
    return find_table(root, LABELS) or root / LABELS


def _films(table: Table) -> Films:
    ids, first, of_row = np.unique(np.array(table["patientId"]), return_index=True, return_inverse=True)
    return Films(ids.tolist(), first, of_row)


def _check_rows(table: Table, target: NDArray[np.float32], films: Films) -> None:
    """Raises DataError where a film is positive and negative, or where a row is there twice."""
    other = np.flatnonzero(target != target[films.first][films.of_row])
    if len(other):
        raise DataError(f"{table.where(int(other[0]))}: Target differs from an earlier row of the same patientId")
    seen: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(zip(*(table[name] for name in COLUMNS), strict=True)):
        if seen.setdefault(key, row) != row:
            raise DataError(f"{table.where(row)}: the same as line {table.lines[seen[key]]}; remove one")


def _boxes(table: Table, target: NDArray[np.float32], films: Films) -> tuple[tuple[Box, ...], ...]:
    corners = np.stack([table.numbers(name, low=0, high=SIZE) for name in CORNERS], axis=1)
    given = ~np.isnan(corners)
    for bad, what in (
        ((target == 1) & ~given.all(axis=1), "Target is 1 and the box is not complete"),
        ((target == 0) & given.any(axis=1), "Target is 0 and there is a box"),
        ((corners[:, 2:] <= 0).any(axis=1), "the box is empty"),
        ((corners[:, :2] + corners[:, 2:] > SIZE).any(axis=1), f"the box leaves the film of {SIZE} x {SIZE} pixels"),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            cells = ", ".join(f"{name} {table[name][row] or 'empty'}" for name in CORNERS)
            raise DataError(f"{table.where(row)}: {what} ({cells})")
    out: list[list[Box]] = [[] for _ in films.ids]
    ends = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1) / SIZE
    for row in np.flatnonzero(target == 1).tolist():
        out[films.of_row[row]].append(Box("Pneumonia", *ends[row].tolist()))
    return tuple(map(tuple, out))


def _details(root: Path, ids: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Each film's detailed class, '' where it is not given; and what to tell of it."""
    path = find_table(root, DETAILS)
    if path is None:
        return [""] * len(ids), (f"{DETAILS} is not there: {NO_FINDING} is unknown for films without pneumonia",)
    table = read_rows(path, ("patientId", "class"))
    table.choices("class", DETAIL)
    found: dict[str, str] = {}
    for row, (name, value) in enumerate(zip(table["patientId"], table["class"], strict=True)):
        if found.setdefault(name, value) != value:
            raise DataError(f"{table.where(row)}: class is {value!r}, and {found[name]!r} earlier for this patientId")
    details = [found.get(name, "") for name in ids]
    lacking = details.count("")
    return details, (f"{lacking} films have no row in {path.name}",) if lacking else ()


def _expectations(table: Table, pneumonia: NDArray[np.float32], details: list[str]) -> tuple[Expectation, ...]:
    return (
        Expectation(f"rows of {LABELS}", 30_227, len(table)),
        Expectation("films", 26_684, len(pneumonia)),
        Expectation("films with pneumonia", 6_012, int(pneumonia.sum())),
        *(Expectation(f"films of class {k}", n, details.count(k)) for k, n in OFFICIAL_DETAILS.items() if any(details)),
    )


READER = Reader(
    name="rsna",
    title="RSNA Pneumonia Detection Challenge 2018 (stage 2)",
    paper="Shih et al. 2019, Radiology: Artificial Intelligence 1(1)",
    looked_for=f"a folder with {LABELS} (or .zip) and {IMAGES}/",
    get_it="It is at kaggle.com/c/rsna-pneumonia-detection-challenge.",
    policy=LabelPolicy(),
    recognise=recognise,
    read=read,
)
