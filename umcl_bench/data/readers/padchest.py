"""PadChest (Bustos et al. 2020): 160,868 films of 67,625 patients of a Spanish hospital, with labels and reports.

The columns are those of the published description; we have not seen the file (unverified). Reports are in Spanish, as
stemmed words without punctuation. There is no official split: films whose labels a physician gave ('Physician' in
MethodLabel) are 'test', those that a network labelled are 'train' (ours), less those of patients in test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from umcl_bench.data.corpus import Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, no_prior, read_rows
from umcl_bench.data.tables import Table, find_table
from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY, PADCHEST, PADCHEST_KINDS, ordered
from umcl_bench.errors import DataError

TABLES = ("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", "PADCHEST_chest_x_ray_images_labels_160K.csv")
COLUMNS = ("ImageID", "ImageDir", "StudyID", "PatientID", "Projection", "MethodLabel", "Labels")
OPTIONAL = ("StudyDate_DICOM", "PatientBirth", "PatientSex_DICOM", "Pediatric", "Report", "Localizations")
PHYSICIAN = "Physician"
"""MethodLabel of a film whose labels a physician gave; any other is a network's."""

PROJECTIONS = frozenset({"PA", "AP", "AP_horizontal", "L"})
"""Views of the chest; films of the ribs (COSTAL) and those that are marked as not usable are in no split."""

NO_FINDINGS = frozenset({"", "exclude", "suboptimal study", "unchanged"})
"""Entries of Labels that name no finding."""

EXCLUDE = "exclude"
OFFICIAL_FILMS, OFFICIAL_PATIENTS = 160_868, 67_625
MAX_CELL = 4_000
_EMPTY = frozenset({"", "nan"})
_YEAR = re.compile(r"(?:19|20)\d\d")


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    path = find_table(folder, *TABLES)
    return path.name if path else None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, in the table's order."""
    table = _read_table(root)
    named = _all_labels(table)
    classes = ordered({finding for names in named for name in names for finding in _findings(name)})
    splits, notes = _splits(table, named)
    policy = options.policy(READER.policy)
    expectations = (
        Expectation("films", OFFICIAL_FILMS, len(table)),
        Expectation("patients", OFFICIAL_PATIENTS, len(set(table["PatientID"]))),
    )
    files = tuple(f"{folder}/{name}" for folder, name in zip(table["ImageDir"], table["ImageID"], strict=True))
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=classes,
        policy=policy,
        ids=table.array("ImageID"),
        patients=table.array("PatientID"),
        splits=column(splits),
        views=table.array("Projection"),
        reports=column(None if text in _EMPTY else text for text in table["Report"]),
        stated=_stated(named, classes),
        pixels=FilePixels(root, files, known_by="sizes"),
        prior=no_prior(len(table)),
        attributes={
            "study": table.array("StudyID"),
            "sex": column(sex if sex in ("M", "F") else "" for sex in table["PatientSex_DICOM"]),
            "age": column(map(_age, table["StudyDate_DICOM"], table["PatientBirth"])),
            "labelled_by": table.array("MethodLabel"),
        },
        expectations=expectations,
        facts={"label_policy": policy.describe(), "splits": "physician's labels: test; network's labels: train (ours)"},
        notes=(*notes, *counts_note(expectations)),
    )


def _read_table(root: Path) -> Table:
    table = read_rows(find_table(root, *TABLES) or root / TABLES[0], COLUMNS)
    for name, unique in (("ImageID", True), ("PatientID", False)):
        table.need_ids(name, unique=unique)
    for name in ("ImageID", "ImageDir"):
        table.need_file_names(name)
    empty = [""] * len(table)
    return Table(table.path, dict.fromkeys(OPTIONAL, empty) | table.columns, table.lines)


def _all_labels(table: Table) -> list[tuple[str, ...]]:
    """Each row's labels; a cell is the text of a Python list."""
    known: dict[str, tuple[str, ...]] = {}  # a few thousand texts fill 160,000 cells
    named = []
    for row, cell in enumerate(table["Labels"]):
        if cell not in known:
            known[cell] = _parse(cell, table, row)
        named.append(known[cell])
    return named


def _parse(cell: str, table: Table, row: int) -> tuple[str, ...]:
    if cell in _EMPTY:
        return ()
    try:
        values = ast.literal_eval(cell) if len(cell) <= MAX_CELL else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataError(
            f"{table.where(row)}: Labels is {cell[:60]!r}; expected a list of at most {MAX_CELL:,} characters like "
            "['normal'] or ['cardiomegaly', 'pleural effusion']"
        )
    return tuple(dict.fromkeys(" ".join(value.split()).casefold() for value in values))


def _stated(named: Sequence[tuple[str, ...]], classes: Sequence[str]) -> Labels:
    stated = np.full((len(named), len(classes)), np.nan, dtype=np.float32)
    place = {name: at for at, name in enumerate(classes)}
    for row, names in enumerate(named):
        if EXCLUDE not in names:
            stated[row, [place[finding] for name in names for finding in _findings(name)]] = 1
            if NO_FINDING in place and any(f not in NO_PATHOLOGY for name in names for f in _findings(name)):
                stated[row, place[NO_FINDING]] = np.nan  # 'normal' beside something that is there
    return stated


def _findings(name: str) -> tuple[str, ...]:
    """What an entry of Labels says is there: the finding, and those that it is a kind of."""
    return () if name in NO_FINDINGS else (PADCHEST.get(name, name), *PADCHEST_KINDS.get(name, ()))


def _splits(table: Table, named: Sequence[tuple[str, ...]]) -> tuple[list[str], tuple[str, ...]]:
    """Each row's split, and what to tell of the rows in none."""
    splits = []
    reasons = ("labelled 'exclude'", "of another projection", "without MethodLabel", "of a test patient by a network")
    left = dict.fromkeys(reasons, 0)
    tested = {p for p, method in zip(table["PatientID"], table["MethodLabel"], strict=True) if method == PHYSICIAN}
    columns = (table[name] for name in ("Projection", "MethodLabel", "PatientID"))
    for names, view, method, patient in zip(named, *columns, strict=True):
        again = method != PHYSICIAN and method not in _EMPTY and patient in tested
        whys = (EXCLUDE in names, view not in PROJECTIONS, method in _EMPTY, again)
        splits.append("" if any(whys) else "test" if method == PHYSICIAN else "train")
        for why, holds in zip(left, whys, strict=True):
            left[why] += holds
    told = ", ".join(f"{count} {why}" for why, count in left.items() if count)
    notes = ("no official split: labelled by a physician is 'test', by a network 'train'", "reports are in Spanish")
    return splits, (*notes, f"films in no split: {told}") if told else notes


def _age(date: str, birth: str) -> str:
    """Whole years between the years of the study and of birth, '' where one is not given."""
    years = [match[0] for text in (date, birth) if (match := _YEAR.match(text))]
    age = int(years[0]) - int(years[1]) if len(years) == 2 else -1
    return str(age) if age >= 0 else ""


READER = Reader(
    name="padchest",
    title="PadChest",
    paper="Bustos et al. 2020, Medical Image Analysis 66:101797",
    looked_for=f"a folder with {TABLES[0]} (or .gz) and the films' folders 0/, 1/, ...",
    get_it="It is at bimcv.cipf.es/bimcv-projects/padchest.",
    policy=LabelPolicy(unnamed="negative"),
    recognise=recognise,
    read=read,
)
