"""MIMIC-CXR-JPG 2.0.0 (and 2.1.0, which has the same tables): 377,110 films of 65,379 patients, with reports.

One row a film; its labels and its report are those of the study. Labels come from the table `chexpert`, or `negbio`
where that is the only one. Reports come from MIT-LCP's `mimic_cxr_sectioned.csv` beside the tables, in the folder above
or in one of its folders, or else, slowly, from the .txt files of MIMIC-CXR. Unverified: written from the published
descriptions, without a real file.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from umcl_bench.data.corpus import Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, label_columns, no_prior, read_rows
from umcl_bench.data.readers.mimic_reports import read_reports
from umcl_bench.data.tables import Table, find_table
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.errors import DataError

SPLIT = "mimic-cxr-2.0.0-split.csv"
METADATA = "mimic-cxr-2.0.0-metadata.csv"
LABELERS = ("chexpert", "negbio")
SPLITS = {"train": "train", "validate": "val", "test": "test"}
LATERALS = {"LATERAL": "L", "XTABLE LATERAL": "L"}
"""ViewPosition by the name that we use; others stay (LL is lateral too)."""

KNOWN_VIEWS = {"AP", "PA", "L", "LL", "RL", ""}
FILM, STUDY, PATIENT = "dicom_id", "study_id", "subject_id"


class StudyLabels(NamedTuple):
    """The labels of each film, from which labeler they are ('' for none), counts, and what to tell of them."""

    stated: Labels
    labeler: str
    expectations: tuple[Expectation, ...] = ()
    notes: tuple[str, ...] = ()


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    if not find_table(folder, SPLIT):
        return None
    names = (SPLIT, METADATA, *map(label_file, LABELERS))
    return ", ".join(path.name for name in names if (path := find_table(folder, name)))


def label_file(labeler: str) -> str:
    """The name of a labeler's table."""
    return f"mimic-cxr-2.0.0-{labeler}.csv"


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, in the order of the split's table."""
    table = _read_films(root)
    studies = table[STUDY]
    views, view_notes = _views(root, table[FILM])
    labels = _labels(root, table, options.labeler)
    places = [f"files/p{p[:2]}/p{p}/s{s}" for p, s in zip(table[PATIENT], studies, strict=True)]
    reports = read_reports(root, dict(zip(studies, places, strict=True)), options.section)
    expectations = (*_expectations(table), *labels.expectations)
    policy = options.policy(READER.policy)
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=CHEXPERT,
        policy=policy,
        ids=table.array(FILM),
        patients=table.array(PATIENT),
        splits=column(table.texts("split", SPLITS)),
        views=column(views),
        reports=column(reports.texts.get(study) for study in studies),
        stated=labels.stated,
        pixels=FilePixels(
            root, tuple(f"{p}/{f}.jpg" for p, f in zip(places, table[FILM], strict=True)), known_by="sizes"
        ),
        prior=no_prior(len(table)),
        attributes={"study": table.array(STUDY)},
        expectations=expectations,
        facts={
            "label_policy": policy.describe(),
            "labeler": labels.labeler,
            "reports": reports.source,
            "section": options.section,
        },
        notes=(*view_notes, *labels.notes, *reports.notes, *counts_note(expectations)),
    )


def _read_films(root: Path) -> Table:
    """The split's table. Raises DataError where an id is no id, or a study belongs to two patients."""
    table = read_rows(find_table(root, SPLIT) or root / SPLIT, (FILM, STUDY, PATIENT, "split"))
    table.need_ids(FILM)
    table.need_file_names(FILM)
    for name in (STUDY, PATIENT):
        _need_digits(table, name)
    owner: dict[str, str] = {}
    for row, (study, patient) in enumerate(zip(table[STUDY], table[PATIENT], strict=True)):
        if owner.setdefault(study, patient) != patient:
            raise DataError(f"{table.where(row)}: {STUDY} {study} is of {PATIENT} {owner[study]} on an earlier line")
    return table


def _need_digits(table: Table, name: str) -> None:
    for row, cell in enumerate(table[name]):
        if not (cell.isascii() and cell.isdigit()):
            raise DataError(f"{table.where(row)}: {name} is {cell!r}; it must be a whole number")


def _views(root: Path, films: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Each film's view, '' where it is not known; and what to tell of them."""
    path = find_table(root, METADATA)
    if path is None:
        return [""] * len(films), (f"{METADATA} is not there: no film's view is known",)
    table = read_rows(path, (FILM, "ViewPosition"))
    table.need_ids(FILM)
    position = dict(zip(table[FILM], table["ViewPosition"], strict=True))
    lacking = sum(film not in position for film in films)
    views = [LATERALS.get(view := position.get(film, ""), view) for film in films]
    other = [view for view in views if view not in KNOWN_VIEWS]
    notes = [f"{lacking} films are not in {path.name}: their view is not known"] if lacking else []
    blank = sum(position.get(film) == "" for film in films)
    if blank:
        notes.append(f"{blank} films have no view in {path.name} and count as frontal")
    if other:
        notes.append(f"{len(other)} films have views that count as frontal: {', '.join(sorted(set(other)))}")
    return views, tuple(notes)


def _labels(root: Path, films: Table, chosen: str) -> StudyLabels:
    blank = np.full((len(films), len(CHEXPERT)), np.nan, dtype=np.float32)
    wanted = (chosen,) if chosen else LABELERS
    found = [(labeler, path) for labeler in wanted if (path := find_table(root, label_file(labeler)))]
    if chosen and not found:
        raise DataError(f"{root} has no {label_file(chosen)}, the labels that --labeler {chosen} asks for")
    if not found:
        return StudyLabels(blank, "", (), (f"{' and '.join(map(label_file, LABELERS))} not there: no labels",))
    labeler, path = found[0]
    table = read_rows(path, (PATIENT, STUDY, *CHEXPERT))
    table.need_ids(STUDY)
    stated = label_columns(table, {name: name for name in CHEXPERT}, CHEXPERT)
    row_of = {study: row for row, study in enumerate(table[STUDY])}
    rows = np.array([row_of.get(study, -1) for study in films[STUDY]])
    for film, row in enumerate(rows.tolist()):
        if row >= 0 and table[PATIENT][row] != films[PATIENT][film]:
            raise DataError(
                f"{table.where(row)}: {STUDY} {table[STUDY][row]} is of {PATIENT} {table[PATIENT][row]}, "
                f"and of {films[PATIENT][film]} in {films.path.name}"
            )
    lacking = len({study for study, row in zip(films[STUDY], rows.tolist(), strict=True) if row < 0})
    notes = (f"{lacking} studies are not in {path.name}: they have no labels",) if lacking else ()
    expected = (Expectation(f"studies of {path.name}", 227_827, len(table)),)
    return StudyLabels(np.where((rows >= 0)[:, None], stated[rows], np.float32(np.nan)), labeler, expected, notes)


def _expectations(table: Table) -> tuple[Expectation, ...]:
    """The counts of Johnson et al. 2019; those of the splits' films add up to theirs."""
    splits = table["split"]
    return (
        Expectation("films", 377_110, len(table)),
        Expectation("patients", 65_379, len(set(table[PATIENT]))),
        Expectation("films of train", 368_960, splits.count("train")),
        Expectation("films of validate", 2_991, splits.count("validate")),
        Expectation("films of test", 5_159, splits.count("test")),
    )


READER = Reader(
    name="mimic-cxr",
    title="MIMIC-CXR-JPG 2.0.0",
    paper="Johnson et al. 2019, arXiv 1901.07042",
    looked_for=f"a folder with {SPLIT} (or .gz) and files/p10/ to files/p19/",
    get_it="It is at physionet.org/content/mimic-cxr-jpg (credentialed access).",
    policy=LabelPolicy("negative", "ignore"),
    recognise=recognise,
    read=read,
)
