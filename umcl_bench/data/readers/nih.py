"""NIH ChestX-ray14: 112,120 films of 30,805 patients, fourteen findings, exhaustive labels, 984 boxes.

The official lists are 'train_val' and 'test'. Of the former, every patient whose id's SHA-256 is divisible by ten goes
to 'val' and the others to 'train': ours, as the release says nothing. Without the lists no film is in a split.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from umcl_bench.data.corpus import Box, Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, no_prior, read_rows
from umcl_bench.data.tables import Table, find_table
from umcl_bench.data.vocabulary import NIH, NO_FINDING, SEXES
from umcl_bench.errors import DataError

LABELS = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
BOXES = "BBox_List_2017.csv"
LISTS = {"train_val_list.txt": "train", "test_list.txt": "test"}
ID, FINDINGS, PATIENT, AGE, SEX, VIEW = (
    "Image Index",
    "Finding Labels",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
)
CORNERS = ("Bbox [x", "y", "w", "h]")
SIZE = 1024
VAL_EVERY = 10
CLASSES = (NO_FINDING, *NIH.values())
VIEWS = {"PA": "PA", "AP": "AP", "": ""}

OFFICIAL = {
    "Atelectasis": 11_559,
    "Cardiomegaly": 2_776,
    "Effusion": 13_317,
    "Infiltration": 19_894,
    "Mass": 5_782,
    "Nodule": 6_331,
    "Pneumonia": 1_431,
    "Pneumothorax": 5_302,
    "Consolidation": 4_667,
    "Edema": 2_303,
    "Emphysema": 2_516,
    "Fibrosis": 1_686,
    "Pleural_Thickening": 3_385,
    "Hernia": 227,
}
"""Films of each finding."""

OFFICIAL_LISTS = {"train_val_list.txt": 86_524, "test_list.txt": 25_596}


class Boxes(NamedTuple):
    """The boxes of each film, their count, and what to tell of them."""

    of_films: tuple[tuple[Box, ...], ...] = ()
    expectations: tuple[Expectation, ...] = ()
    notes: tuple[str, ...] = ()


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    path = find_table(folder, *LABELS)
    return ", ".join(p.name for p in (path, *(find_table(folder, n) for n in (BOXES, *LISTS))) if p) if path else None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, in the csv's order."""
    needs = (ID, FINDINGS, PATIENT, AGE, SEX, VIEW)
    table = read_rows(find_table(root, *LABELS) or root / LABELS[0], needs)
    table.need_ids(ID)
    table.need_file_names(ID)
    table.need_ids(PATIENT, unique=False)
    rows = {name: row for row, name in enumerate(table[ID])}
    splits, listed, notes = _splits(root, table, rows)
    boxes = _boxes(root, rows)
    stated = _stated(table)
    expectations = (*_expectations(table, stated), *listed, *boxes.expectations)
    policy = options.policy(READER.policy)
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=CLASSES,
        policy=policy,
        ids=table.array(ID),
        patients=table.array(PATIENT),
        splits=column(splits),
        views=column(table.texts(VIEW, VIEWS)),
        reports=column([None] * len(table)),
        stated=stated,
        pixels=FilePixels(root, _paths(root, table[ID]), known_by="sizes"),
        prior=no_prior(len(table)),
        boxes=boxes.of_films,
        attributes={"sex": column(table.texts(SEX, SEXES)), "age": column(_ages(table))},
        expectations=expectations,
        facts={"label_policy": policy.describe(), "val": f"a {VAL_EVERY}th of train_val's patients, by SHA-256"},
        notes=(*notes, *boxes.notes, *counts_note(expectations)),
    )


def _stated(table: Table) -> Labels:
    """1 for what a film's cell names, 0 for all else: the labels are exhaustive."""
    kinds = sorted(set(table[FINDINGS]))
    of_row = dict(zip(kinds, range(len(kinds)), strict=True))
    names = {NO_FINDING: 0} | {name: at for at, name in enumerate(NIH, start=1)}
    stated = np.zeros((len(kinds), len(CLASSES)), dtype=np.float32)
    for at, cell in enumerate(kinds):
        named = [name.strip() for name in cell.split("|")]
        unknown = [name for name in named if name not in names]
        if unknown or (NO_FINDING in named and len(named) > 1):
            what = f"{unknown[0]!r} is no finding of ChestX-ray14" if unknown else f"{NO_FINDING} stands with others"
            raise DataError(f"{table.where(table[FINDINGS].index(cell))}: {FINDINGS} is {cell!r}: {what}")
        stated[at, [names[name] for name in named]] = 1
    return stated[[of_row[cell] for cell in table[FINDINGS]]]


def _ages(table: Table) -> list[str]:
    """Whole years; the first version wrote '058Y', '011M' and '020D', and has some above 120 (unverified), kept."""
    years: dict[str, str] = {}
    for row, cell in enumerate(table[AGE]):
        if cell not in years:
            found = re.fullmatch(r"(\d{1,3})([YMD]?)", cell, re.ASCII)
            if found is None:
                raise DataError(f"{table.where(row)}: {AGE} is {cell!r}; it must be years, like 58 or 058Y")
            years[cell] = str(int(found[1]) // {"M": 12, "D": 365}.get(found[2], 1))
    return [years[cell] for cell in table[AGE]]


def _splits(
    root: Path, table: Table, rows: dict[str, int]
) -> tuple[list[str], tuple[Expectation, ...], tuple[str, ...]]:
    """Each film's split, the lists' lengths, and what to tell of them."""
    splits = [""] * len(table)
    paths = {name: find_table(root, name) for name in LISTS}
    lacking = [name for name, path in paths.items() if path is None]
    if lacking:
        return splits, (), (f"{' and '.join(lacking)} not there: no film is in a split. {READER.get_it}",)
    expected, unknown = [], 0
    for name, split in LISTS.items():
        listed = read_rows(paths[name] or root / name, header=(ID,))
        listed.need_ids(ID)
        expected.append(Expectation(f"films of {name}", OFFICIAL_LISTS[name], len(listed)))
        for at, image in enumerate(listed[ID]):
            row = rows.get(image)
            if row is None:
                unknown += 1
            elif splits[row]:
                raise DataError(f"{listed.where(at)}: {image} is in {next(iter(LISTS))} too")
            else:
                splits[row] = split
    held = {patient for patient in set(table[PATIENT]) if held_out(patient)}
    splits = ["val" if s == "train" and p in held else s for s, p in zip(splits, table[PATIENT], strict=True)]
    notes = []
    if unknown:
        notes.append(f"{unknown} films of the lists are not in {table.path.name}")
    if "" in splits:
        notes.append(f"{splits.count('')} films of {table.path.name} are in no list, so in no split")
    return splits, tuple(expected), tuple(notes)


def held_out(patient: str) -> bool:
    """Whether a patient of train_val is in 'val'."""
    return int.from_bytes(hashlib.sha256(patient.encode()).digest(), "big") % VAL_EVERY == 0


def _boxes(root: Path, rows: dict[str, int]) -> Boxes:
    """Each film's boxes; () where there is no list of them."""
    path = find_table(root, BOXES)
    if path is None:
        return Boxes()
    table = read_rows(path, (ID, "Finding Label", *CORNERS))
    findings = table.texts("Finding Label", NIH | {"Infiltrate": "Infiltration"})
    x, y, w, h = (table.numbers(name, low=0, high=SIZE) / SIZE for name in CORNERS)
    out: dict[str, list[Box]] = {}
    corners = zip(x.tolist(), y.tolist(), (x + w).tolist(), (y + h).tolist(), strict=True)
    for at, (image, finding, place) in enumerate(zip(table[ID], findings, corners, strict=True)):
        box = Box(finding, *place)
        if not (0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1):
            raise DataError(f"{table.where(at)}: the box is empty or leaves the film of {SIZE} x {SIZE} pixels")
        if box in out.setdefault(image, []):
            raise DataError(f"{table.where(at)}: the same box is on an earlier line; remove one")
        out[image].append(box)
    lacking = len(set(out) - set(rows))
    return Boxes(
        tuple(tuple(out.get(image, ())) for image in rows),
        (Expectation(f"boxes of {BOXES}", 984, len(table)),),
        (f"{lacking} films of {path.name} are in no other table",) if lacking else (),
    )


def _paths(root: Path, names: list[str]) -> tuple[str, ...]:
    """Each film's path: in images/, or in the images_001/images/ ... that the official archives unpack to."""
    with os.scandir(root) as entries:
        parts = sorted(e.name for e in entries if re.fullmatch(r"images_\d{3}", e.name) and (root / e.name).is_dir())
    folder: dict[str, str] = {}
    for part in parts:
        place = f"{part}/images" if (root / part / "images").is_dir() else part
        with os.scandir(root / place) as entries:
            folder.update(dict.fromkeys((entry.name for entry in entries), place))
    return tuple(f"{folder.get(name, 'images')}/{name}" for name in names)


def _expectations(table: Table, stated: Labels) -> tuple[Expectation, ...]:
    found = stated.sum(axis=0).astype(int).tolist()
    return (
        Expectation(f"rows of {table.path.name}", 112_120, len(table)),
        Expectation("patients", 30_805, len(set(table[PATIENT]))),
        *(Expectation(f"films with {name}", n, found[CLASSES.index(NIH[name])]) for name, n in OFFICIAL.items()),
    )


READER = Reader(
    name="nih",
    title="NIH ChestX-ray14",
    paper="Wang et al. 2017, CVPR, arXiv 1705.02315",
    looked_for=f"a folder with {' or '.join(LABELS)}, {', '.join(LISTS)}, and images/ or images_001/ to images_012/",
    get_it="It is at nihcc.app.box.com/v/ChestXray-NIHCC.",
    policy=LabelPolicy("negative", "ignore"),
    recognise=recognise,
    read=read,
)
