"""CheXpert v1.0 and v1.0-small: train.csv, valid.csv, and the 500-study test.

`valid` is our 'val' (GLoRIA and MGCA call it test). The test's labels come by study (`groundtruth.csv`, published
apart), where the films are taken to be `view1_frontal.jpg`, or by film (`test.csv`, whose layout is unverified).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from umcl_bench.data.corpus import Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import UNSURE, LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, label_columns, no_prior, read_rows
from umcl_bench.data.tables import Table, find_table, header_of
from umcl_bench.data.vocabulary import CHEXPERT, SEXES
from umcl_bench.errors import DataError

GROUND_TRUTH = "groundtruth.csv"
FILES = {"train.csv": "train", "valid.csv": "val", "test.csv": "test", GROUND_TRUTH: "test"}
FOLDERS = {"train": "train", "val": "valid", "test": "test"}
NEEDS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT)
TELLTALE = ("Path", "Frontal/Lateral", "AP/PA")
MOST_YEARS = 130
LATERAL = "L"
SIDES = {"Frontal": "", "Lateral": LATERAL}
PROJECTIONS = {"AP": "AP", "PA": "PA", "LL": "LL", "RL": "RL", "": "frontal"}
_PATH = re.compile(r"(?:CheXpert[^/\\]*/)?((train|valid|test)/(patient\d+)/(study\d+)(?:/[\w-]+\.jpg)?)", re.ASCII)

UNCERTAIN = {
    "Atelectasis": 33_739,
    "Cardiomegaly": 8_087,
    "Consolidation": 27_742,
    "Edema": 12_984,
    "Pleural Effusion": 11_628,
}
"""How often train.csv calls the competition's findings uncertain."""


class Part(NamedTuple):
    """The rows of one csv."""

    table: Table
    split: str
    places: list[tuple[str, str, str]]  # path, patient, study
    views: list[str]
    stated: Labels
    sexes: list[str]
    ages: list[str]
    sides: list[str]


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    paths = [path for path in (find_table(folder, name) for name in FILES) if path]
    return ", ".join(path.name for path in paths if _is_ours(header_of(path))) or None


def _is_ours(header: list[str]) -> bool:
    return set(TELLTALE) <= set(header) or header[:2] == ["Study", CHEXPERT[0]]


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film; ids are the films' paths below `root`."""
    paths = [path for path in (find_table(root, name) for name in FILES) if path]
    if not paths:
        raise DataError(f"{root} holds no {', '.join(FILES)}")
    parts = [_read_part(path) for path in paths]
    by_film = any(part.split == "test" and "Path" in part.table for part in parts)
    parts = [part for part in parts if not (by_film and "Study" in part.table)]
    places = [place for part in parts for place in part.places]
    policy = options.policy(READER.policy)
    expectations = _expectations(parts)
    ids = column(path for path, _, _ in places)
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=CHEXPERT,
        policy=policy,
        ids=ids,
        patients=column(patient for _, patient, _ in places),
        splits=column(part.split for part in parts for _ in part.places),
        views=column(view for part in parts for view in part.views),
        reports=column([None] * len(places)),
        stated=np.concatenate([part.stated for part in parts]),
        pixels=FilePixels(root, tuple(ids), known_by="sizes"),
        prior=no_prior(len(places)),
        attributes={
            "sex": column(sex for part in parts for sex in part.sexes),
            "age": column(age for part in parts for age in part.ages),
            "side": column(side for part in parts for side in part.sides),
            "study": column(f"{patient}/{study}" for _, patient, study in places),
        },
        expectations=expectations,
        facts={"label_policy": policy.describe()},
        notes=(*_notes(parts), *counts_note(expectations)),
    )


def _needs(path: Path) -> tuple[str, ...]:
    return ("Study", *CHEXPERT) if path.name.startswith(GROUND_TRUTH) else NEEDS


def _read_part(path: Path) -> Part:
    table = read_rows(path, _needs(path))
    split = next(s for name, s in FILES.items() if path.name.startswith(name))
    key = "Study" if "Study" in table else "Path"
    places = _places(table, key, FOLDERS[split])
    stated = label_columns(table, {name: name for name in CHEXPERT}, CHEXPERT)
    if key == "Study":
        empty = [""] * len(table)
        return Part(table, split, places, ["frontal"] * len(table), stated, empty, empty, empty)
    table.numbers("Age", low=0, high=MOST_YEARS)
    return Part(
        table, split, places, _views(table), stated, table.texts("Sex", SEXES), table["Age"], table["Frontal/Lateral"]
    )


def _places(table: Table, key: str, folder: str) -> list[tuple[str, str, str]]:
    """Each row's film below the root, patient and study."""
    tail = "" if key == "Path" else "/view1_frontal.jpg"
    places = []
    first: dict[str, int] = {}
    for row, cell in enumerate(table[key]):
        found = _PATH.fullmatch(cell)
        if found is None or found[2] != folder or cell.endswith(".jpg") != (key == "Path"):
            like = f"CheXpert-v1.0/{folder}/patient00001/study1{'/view1_frontal.jpg' if key == 'Path' else ''}"
            raise DataError(f"{table.where(row)}: {key} is {cell!r}; it must be like {like}")
        if first.setdefault(found[1], row) != row:
            raise DataError(f"{table.where(row)}: {key} {cell!r} is also on line {table.lines[first[found[1]]]}")
        places.append((found[1] + tail, found[3], found[4]))
    return places


def _views(table: Table) -> list[str]:
    """'L' for what is called Lateral, else AP or PA.

    17 films of train.csv are called Frontal, and LL or RL: 'Frontal', as the published splits and counts take them.
    """
    sides = table.texts("Frontal/Lateral", SIDES)
    projections = table.texts("AP/PA", PROJECTIONS)
    odd = ("LL", "RL")
    return [s or ("Frontal" if p in odd else p) for s, p in zip(sides, projections, strict=True)]


def _expectations(parts: list[Part]) -> tuple[Expectation, ...]:
    """The official counts beside those of the tables that are there."""
    out = []
    for part in parts:
        name, rows = part.table.path.name, len(part.table)
        if part.split == "train":
            sides, projections = part.table["Frontal/Lateral"], part.table["AP/PA"]
            out += [
                Expectation(f"rows of {name}", 223_414, rows),
                Expectation(f"frontal films of {name}", 191_027, sides.count("Frontal")),
                Expectation(f"lateral films of {name}", 32_387, sides.count("Lateral")),
                Expectation(f"AP films of {name}", 161_590, projections.count("AP")),
                Expectation(f"PA films of {name}", 29_420, projections.count("PA")),
            ]
            unsure = (part.stated == UNSURE).sum(axis=0).tolist()
            out += [Expectation(f"uncertain {k} of {name}", n, unsure[CHEXPERT.index(k)]) for k, n in UNCERTAIN.items()]
            continue
        patients, studies = ({place[1:end] for place in part.places} for end in (2, 3))
        if part.split == "val":
            out += [Expectation(f"rows of {name}", 234, rows), Expectation(f"patients of {name}", 200, len(patients))]
        else:
            out.append(Expectation(f"studies of {name}", 500, len(studies)))
    return tuple(out)


def _notes(parts: list[Part]) -> tuple[str, ...]:
    names = {"train": "train.csv", "val": "valid.csv", "test": f"{GROUND_TRUTH} (or test.csv)"}
    lacking = [f"{name}: no {split} films" for split, name in names.items() if split not in {p.split for p in parts}]
    notes = [f"not there: {'; '.join(lacking)}"] if lacking else []
    if any("Study" in part.table for part in parts):
        notes.append(f"{GROUND_TRUTH} names studies; their films are taken to be view1_frontal.jpg")
    return tuple(notes)


READER = Reader(
    name="chexpert",
    title="CheXpert v1.0",
    paper="Irvin et al. 2019, arXiv 1901.07031",
    looked_for=f"a folder with train.csv, valid.csv or {GROUND_TRUTH} (columns Path and the 14 observations)",
    get_it=(
        "It is at stanfordmlgroup.github.io/competitions/chexpert; the test labels are groundtruth.csv of "
        "github.com/rajpurkarlab/cheXpert-test-set-labels, to be put beside train.csv."
    ),
    policy=LabelPolicy("negative", "ignore"),
    recognise=recognise,
    read=read,
)
