"""MS-CXR-T (Bannur et al. 2023): how findings changed since an earlier film of MIMIC-CXR, and pairs of sentences.

Rows are, in this order: the current films ('test'), whose prior film is a row too; the prior films that are no current
ones (in no split); and the pairs of sentences ('test'), rows of text without a film that have the second sentence and
the pair's category as attributes. There are no labels: a change says nothing of whether the finding is there.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from umcl_bench.data.corpus import Corpus, Expectation, Strings
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, read_rows
from umcl_bench.data.readers.mimic_films import MimicFilm, film_of, films_folder
from umcl_bench.data.tables import Table, find_table
from umcl_bench.errors import DataError

IMAGES = "MS_CXR_T_temporal_image_classification_v1.0.0.csv"
SENTENCES = "MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv"
FINDINGS = ("consolidation", "edema", "pleural_effusion", "pneumonia", "pneumothorax")
FILM_COLUMNS = ("subject_id", "study_id", "dicom_id", "previous_study_id", "previous_dicom_id")
PROGRESSIONS = tuple(f"{name}_progression" for name in FINDINGS)
QUALITIES = tuple(f"{name}_label_quality" for name in FINDINGS)
CHANGES = {name: name for name in ("improving", "stable", "worsening", "")}
SENTENCE_COLUMNS = ("sentence_1", "sentence_2", "category")
CATEGORIES = {"paraphrase": "paraphrase", "contradiction": "contradiction"}
OFFICIAL_LABELS, OFFICIAL_PAIRS = 1_326, 361


class Films(NamedTuple):
    """Current films and the prior ones behind them, each with the row of its prior film or -1."""

    films: list[MimicFilm]
    current: int
    prior: list[int]


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    return ", ".join(path.name for name in (IMAGES, SENTENCES) if (path := find_table(folder, name))) or None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus; either table may be missing."""
    images, sentences = find_table(root, IMAGES), find_table(root, SENTENCES)
    if not images and not sentences:
        raise DataError(f"{root} holds neither {IMAGES} nor {SENTENCES}")
    changes = _read_changes(images) if images else None
    films = _films(changes) if changes else Films([], 0, [])
    pairs = _read_pairs(sentences) if sentences else None
    texts = pairs["sentence_1"] if pairs else []
    n, m = len(films.films), len(texts)
    names = [f"sentences-{at}" for at in range(1, m + 1)]
    expectations = _expectations(changes, pairs)
    folder, notes = films_folder(root)
    policy = options.policy(READER.policy)
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=(),
        policy=policy,
        ids=column([*_ids(films), *names]),
        patients=column([*(film.patient for film in films.films), *names]),
        splits=column(["test"] * films.current + [""] * (n - films.current) + ["test"] * m),
        views=column([""] * (n + m)),
        reports=column([*[None] * n, *texts]),
        stated=np.zeros((n + m, 0), dtype=np.float32),
        pixels=FilePixels(folder, (*(film.path for film in films.films), *[""] * m), known_by="sizes"),
        prior=np.array([*films.prior, *[-1] * m], dtype=np.int64),
        has_image=np.arange(n + m) < n,
        attributes=_attributes(films, changes, pairs),
        expectations=expectations,
        facts={"label_policy": policy.describe(), "prior_films": n - films.current, "sentence_pairs": m},
        notes=("all films are in MIMIC-CXR", *(notes if n else ()), *counts_note(expectations)),
    )


def _read_changes(path: Path) -> Table:
    table = read_rows(path, (*FILM_COLUMNS, *PROGRESSIONS))
    for name in FILM_COLUMNS:
        table.need_ids(name, unique=False)
    for name in PROGRESSIONS:
        table.texts(name, CHANGES)
    seen: dict[tuple[str, str], int] = {}
    for row, key in enumerate(zip(table["dicom_id"], table["previous_dicom_id"], strict=True)):
        if seen.setdefault(key, row) != row:
            raise DataError(f"{table.where(row)}: the same films as on line {table.lines[seen[key]]}; remove one")
    return table


def _read_pairs(path: Path) -> Table:
    table = read_rows(path, SENTENCE_COLUMNS)
    for name in SENTENCE_COLUMNS[:2]:
        table.need_ids(name, unique=False)
    table.texts("category", CATEGORIES)
    return table


def _films(table: Table) -> Films:
    current, previous = ([_film(table, row, prefix) for row in range(len(table))] for prefix in ("", "previous_"))
    row_of: dict[MimicFilm, int] = {}
    films = [*current]
    for row, film in enumerate(current):
        row_of.setdefault(film, row)
    for row, film in enumerate(previous):
        if film == current[row]:
            raise DataError(f"{table.where(row)}: the film and its previous one are the same, {film.dicom}")
        if film not in row_of:
            row_of[film] = len(films)
            films.append(film)
    return Films(films, len(current), [*(row_of[film] for film in previous), *[-1] * (len(films) - len(current))])


def _film(table: Table, row: int, prefix: str) -> MimicFilm:
    """The film in a row; its dicom_id is the id alone or a path like p10/p10000032/s50414267/<id>."""
    dicom = table[f"{prefix}dicom_id"][row]
    patient, study = table["subject_id"][row].lstrip("p"), table[f"{prefix}study_id"][row].lstrip("s")
    film = film_of(dicom if "/" in dicom else f"p{patient[:2]}/p{patient}/s{study}/{dicom}", table.where(row))
    if (film.patient, film.study) != (patient, study):
        raise DataError(f"{table.where(row)}: {prefix}dicom_id {dicom!r} is not of subject {patient}, study {study}")
    return film


def _ids(films: Films) -> list[str]:
    """The films' ids; one that is compared with several prior films has their ids behind its own."""
    names = [film.dicom for film in films.films]
    often = {name for name, count in Counter(names).items() if count > 1}
    return [f"{name}/{names[prior]}" if name in often else name for name, prior in zip(names, films.prior, strict=True)]


def _attributes(films: Films, changes: Table | None, pairs: Table | None) -> dict[str, Strings]:
    """The study, each finding's change and how sure it is, and what belongs to a pair of sentences; '' elsewhere."""
    n, m = len(films.films), len(pairs) if pairs else 0
    out = {"study": column([*(film.study for film in films.films), *[""] * m])}
    if changes:
        behind = [""] * (n - films.current + m)
        out |= {name: column([*changes[name], *behind]) for name in (*PROGRESSIONS, *QUALITIES) if name in changes}
    if pairs:
        out |= {name: column([*[""] * n, *pairs[name]]) for name in SENTENCE_COLUMNS[1:]}
    return out


def _expectations(changes: Table | None, pairs: Table | None) -> tuple[Expectation, ...]:
    out = []
    if changes:
        labels = sum(bool(cell) for name in PROGRESSIONS for cell in changes[name])
        out.append(Expectation("labels of change", OFFICIAL_LABELS, labels))
    if pairs:
        out.append(Expectation("pairs of sentences", OFFICIAL_PAIRS, len(pairs)))
    return tuple(out)


READER = Reader(
    name="ms-cxr-t",
    title="MS-CXR-T: changes between films of MIMIC-CXR",
    paper="Bannur et al. 2023, CVPR, arXiv 2301.04558",
    looked_for=f"a folder with {IMAGES} or {SENTENCES}, and mimic-cxr-jpg/ beside it",
    get_it="It is at physionet.org/content/ms-cxr-t (credentialed access).",
    policy=LabelPolicy(),
    recognise=recognise,
    read=read,
)
