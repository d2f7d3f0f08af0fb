"""COVIDx (Wang et al. 2020): the lists of COVID-Net, any one version, from the first to CXR-4.

A list has a line a film: patient, file, class and (from version 4 on) source, between spaces. A version is the lists of
one name: train_COVIDx9A.txt and test_COVIDx9A.txt, or the plain train.txt, val.txt and test.txt of CXR-2 to CXR-4.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from umcl_bench.data.corpus import SPLITS, Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, no_prior
from umcl_bench.data.tables import Table, read_table
from umcl_bench.data.vocabulary import COVIDX, ordered
from umcl_bench.errors import DataError, UsageError

FIELDS = ("patient", "file", "class", "source")
FOLDERS = ("", "labels")
PLAIN = "CXR"
"""The version of lists whose names do not say it."""

OFFICIAL_CXR4 = 84_818
"""Films of CXR-4 (Wu et al. 2023), the only version with a val.txt."""

_FIRST_BYTES = 4_096
_LIST = re.compile(r"(train|val|test)(?:_(COVIDx(?!.?CT)[\w.-]*|split\w*))?\.txt")


Lists = dict[str, dict[str, Path]]
"""The lists of a folder, by version and split."""


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    found = find_lists(folder)
    return ", ".join(path.name for lists in found.values() for path in lists.values()) or None


def find_lists(root: Path) -> Lists:
    """The lists in `root` or its labels/. Those whose names don't say COVIDx count where one has a class of COVIDx."""
    found: Lists = {}
    for folder in (root / name for name in FOLDERS):
        for path in sorted(folder.glob("*.txt")):
            match = _LIST.fullmatch(path.name)
            if match:
                found.setdefault(match[2] or PLAIN, {})[match[1]] = path
    return {version: lists for version, lists in found.items() if "COVIDx" in version or _any_is_list(lists)}


def _any_is_list(lists: dict[str, Path]) -> bool:
    return any(name in COVIDX for path in lists.values() for name in _fields(path)[2:3])


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, in the order of the lists train, val, test."""
    found = find_lists(root)
    if not found:
        raise DataError(f"{root} holds no list of COVIDx (train_COVIDx9A.txt or train.txt)")
    if len(found) > 1:
        raise UsageError(
            f"{root} holds lists of COVIDx versions {', '.join(found)}, which share films: leave one there"
        )
    ((version, lists),) = found.items()
    splits = [split for split in SPLITS if split in lists]
    tables = [_read_list(lists[split]) for split in splits]
    names = [name for table in tables for name in table["class"]]
    classes = ordered({finding for name in names for finding in COVIDX[name]})
    row_splits = [split for split, table in zip(splits, tables, strict=True) for _ in range(len(table))]
    files = [f"{split}/{name}" for split, name in zip(row_splits, _all(tables, "file"), strict=True)]
    policy = options.policy(READER.policy)
    expectations = (Expectation("films of CXR-4", OFFICIAL_CXR4, len(files)),) if "val" in lists else ()
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=classes,
        policy=policy,
        ids=column(files),
        patients=column(_all(tables, "patient")),
        splits=column(row_splits),
        views=column([""] * len(files)),
        reports=column([None] * len(files)),
        stated=_stated(names, classes),
        pixels=FilePixels(root, tuple(f"{_folder(root)}{name}" for name in files), known_by="sizes"),
        prior=no_prior(len(files)),
        attributes={"class": column(names), "source": column(_all(tables, "source"))},
        expectations=expectations,
        facts={"label_policy": policy.describe(), "version": version},
        notes=(*_notes(splits, tables), *counts_note(expectations)),
    )


def _fields(path: Path) -> list[str]:
    """The fields of the first line."""
    with path.open("rb") as file:
        return file.readline(_FIRST_BYTES).decode("utf-8-sig", errors="replace").split()


def _read_list(path: Path) -> Table:
    count = len(_fields(path))
    if count not in (3, 4):
        raise DataError(f"{path}, line 1: {count} fields between spaces; expected patient, file, class and source")
    table = read_table(path, delimiter=" ", header=FIELDS[:count])
    for name in ("patient", "file"):
        table.need_ids(name, unique=name == "file")
    table.need_file_names("file")
    for row, name in enumerate(table["class"]):
        if name not in COVIDX:
            raise DataError(f"{table.where(row)}: class is {name!r}; it must be one of {', '.join(COVIDX)}")
    return Table(path, {"source": [""] * len(table), **table.columns}, table.lines)


def _all(tables: list[Table], name: str) -> list[str]:
    return [cell for table in tables for cell in table[name]]


def _stated(names: list[str], classes: tuple[str, ...]) -> Labels:
    rows = {name: [labels.get(finding, np.nan) for finding in classes] for name, labels in COVIDX.items()}
    return np.array([rows[name] for name in names], dtype=np.float32).reshape(len(names), len(classes))


def _folder(root: Path) -> str:
    """Where the folders train/ and test/ are: COVID-Net's scripts write them into data/."""
    return "data/" if any((root / "data" / split).is_dir() for split in ("train", "test")) else ""


def _notes(splits: list[str], tables: list[Table]) -> tuple[str, ...]:
    lacking = [split for split in ("train", "test") if split not in splits]
    notes = [f"no list of the split {split}" for split in lacking]
    files: dict[str, set[str]] = {}
    for split, table in zip(splits, tables, strict=True):
        for name in table["file"]:
            files.setdefault(name, set()).add(split)
    both = sorted(name for name, where in files.items() if len(where) > 1)
    if both:
        notes.append(f"{len(both)} file names are in more than one split, {both[0]!r} among them")
    return tuple(notes)


READER = Reader(
    name="covidx",
    title="COVIDx (COVID-Net)",
    paper="Wang et al. 2020, Scientific Reports 10:19549; Wu et al. 2023, arXiv 2311.17677 (CXR-4)",
    looked_for="a folder with train_COVIDx9A.txt, test_COVIDx9A.txt (or another version's lists) and train/, test/",
    get_it="It is at github.com/lindawangg/COVID-Net and kaggle.com/datasets/andyczhao/covidx-cxr2.",
    policy=LabelPolicy(),
    recognise=recognise,
    read=read,
)
