"""SIIM-ACR Pneumothorax 2019: 12,047 films whose masks are run lengths, several rows of the csv for some.

The csv names no persons: every film counts as its own patient. The attribute `rle_rows` holds the csv's rows of a
film (from 0, separated by spaces), for splits that were drawn over rows.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.masks import NO_RUNS, RleMasks, check_rle
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, no_prior, read_rows
from umcl_bench.data.tables import Table, find_table
from umcl_bench.errors import DataError

LABELS = "train-rle.csv"
SIZE = 1024
ID, RUNS = "ImageId", "EncodedPixels"


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    path = find_table(folder, LABELS)
    return path.name if path else None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, in the csv's order, all in 'train' (the release has no labelled test films)."""
    table = read_rows(find_table(root, LABELS) or root / LABELS, (ID, RUNS))
    table.need_file_names(ID)
    films = _films(table)
    runs = [tuple(table[RUNS][row] for row in rows) for rows in films.values()]
    positive = np.array([texts[0] != NO_RUNS for texts in runs])
    paths, lacking = _paths(root, list(films))
    expectations = _expectations(runs, positive)
    policy = options.policy(READER.policy)
    ids = column(films)
    repeated = sum(len(texts) - len(set(texts)) for texts in runs)
    notes = [f"{repeated} rows of {LABELS} repeat an earlier row of their film"] if repeated else []
    notes += [f"{lacking} films of {LABELS} have no .dcm file below the folder"] if lacking else []
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=("Pneumothorax",),
        policy=policy,
        ids=ids,
        patients=ids,
        splits=column(["train"] * len(ids)),
        views=column([""] * len(ids)),
        reports=column([None] * len(ids)),
        stated=positive[:, None].astype(np.float32),
        pixels=FilePixels(root, paths, known_by="sizes"),
        prior=no_prior(len(ids)),
        masks=RleMasks(tuple(runs), SIZE, SIZE),
        has_mask=np.ones(len(ids), dtype=bool),
        attributes={"rle_rows": column(" ".join(map(str, rows)) for rows in films.values())},
        expectations=expectations,
        facts={"label_policy": policy.describe()},
        notes=(*notes, *counts_note(expectations)),
    )


def _films(table: Table) -> dict[str, list[int]]:
    """The rows of each film. Raises DataError, by the line, for run lengths that make no mask."""
    films: dict[str, list[int]] = {}
    for row, (name, text) in enumerate(zip(table[ID], table[RUNS], strict=True)):
        if not text:
            raise DataError(f"{table.where(row)}: {RUNS} is empty; a film without pneumothorax has {NO_RUNS}")
        try:
            check_rle(text, SIZE, SIZE)
        except DataError as error:
            raise DataError(f"{table.where(row)}: {error}") from None
        rows = films.setdefault(name, [])
        if rows and NO_RUNS in (text, table[RUNS][rows[0]]):
            raise DataError(
                f"{table.where(row)}: {ID} {name!r} is also on line {table.lines[rows[0]]}; "
                f"a film has one row with {NO_RUNS}, or rows with run lengths"
            )
        rows.append(row)
    return films


def _paths(root: Path, names: list[str]) -> tuple[tuple[str, ...], int]:
    """Each film's path below `root`, and how many have none: the folders above a film are named by ids of their own."""
    found: dict[str, str] = {}
    for folder, below, files in os.walk(root):
        below.sort()
        place = Path(folder).relative_to(root).as_posix()
        for file in files:
            if file.endswith(".dcm"):
                found.setdefault(file, file if place == "." else f"{place}/{file}")
    files = [f"{name}.dcm" for name in names]
    return tuple(found.get(file, file) for file in files), sum(file not in found for file in files)


def _expectations(runs: list[tuple[str, ...]], positive: NDArray[np.bool_]) -> tuple[Expectation, ...]:
    counts = [len(texts) for texts in runs]
    return (
        Expectation(f"rows of {LABELS}", 12_954, sum(counts)),
        Expectation("films", 12_047, len(runs)),
        Expectation("films with pneumothorax", 2_669, int(positive.sum())),
        Expectation("films of several rows", 624, sum(n > 1 for n in counts)),
        Expectation("most rows of a film", 10, max(counts)),
    )


READER = Reader(
    name="siim",
    title="SIIM-ACR Pneumothorax Segmentation 2019",
    paper="Zawacki et al. 2019, Kaggle",
    looked_for=f"a folder with {LABELS} (columns {ID}, {RUNS}) and the .dcm files in folders below it",
    get_it="It is at kaggle.com/c/siim-acr-pneumothorax-segmentation.",
    policy=LabelPolicy(),
    recognise=recognise,
    read=read,
)
