"""What a named split is: a rule with a version, who used it, what it must give, and what leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np

from umcl_bench.data.corpus import SPLITS, Corpus, Strings
from umcl_bench.data.tables import Table, find_table, read_table
from umcl_bench.errors import DataError, UsageError

Evidence = Literal["published", "computed", "code", "ours", "unverified"]
EVIDENCE: Mapping[Evidence, str] = MappingProxyType(
    {
        "published": "the rule gives the authors' published lists, id by id",
        "computed": "the authors' seeded code; counts and hashes computed on the official csv",
        "code": "the authors' seeded code; not run on the official csv here",
        "ours": "our own definition",
        "unverified": "not all of it can be reproduced; see the rule",
    }
)
"""How sure we are that a split is the authors' own."""

Unit = Literal["csv row", "image", "patient", "study"]


def part_hash(ids: Iterable[str]) -> str:
    """Sixteen hexadecimal digits over ids in any order: sha256 of the sorted ones, one a line."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PartFacts:
    """What a part of the official release must have; None or '' where it is not known."""

    images: int | None = None
    patients: int | None = None
    positives: Mapping[str, int] = field(default_factory=dict)
    sha: str = ""


@dataclass(frozen=True)
class Lists:
    """The folders where a user may have put the files that a split needs beside the data, and for which split."""

    split: str
    folders: tuple[Path, ...] = ()

    def find(self, *names: str) -> Path | None:
        """The first of `names` that is there: in splits/SPLIT/ of a folder, in its splits/, or in the folder."""
        for folder in self.folders:
            for place in (folder / "splits" / self.split, folder / "splits", folder):
                path = find_table(place, *names)
                if path is not None:
                    return path
        return None

    def need(self, name: str, what: str) -> Path:
        """The file `name`. Raises UsageError, saying where it was looked for and `what` it is."""
        path = self.find(name)
        if path is None:
            folders = ", ".join(str(f / "splits" / self.split) for f in self.folders) or "no folder"
            raise UsageError(
                f"the split {self.split} needs the file {name}: {what}. It was looked for in {folders}, "
                "and in the folders above; put it there"
            )
        return path

    def ids(self, name: str, what: str) -> Table:
        """The file `name` with one id a line, as a table with the column 'id'; each must be there once."""
        table = read_table(self.need(name, what), header=["id"])
        table.need_ids("id")
        return table


Assign = Callable[[Corpus, Lists], Strings]
Naming = Callable[[Corpus, Lists], Strings]


def bare_ids(corpus: Corpus, lists: Lists) -> Strings:
    """The corpus's own ids."""
    return corpus.ids


@dataclass(frozen=True)
class NamedSplit:
    """A split that a figure can name. `name` is 'DATASET@VARIANT' or 'DATASET-SUBSET@VARIANT'.

    `assign` gives each row 'train', 'val', 'test' or ''; 'train+test' where the authors' procedure puts an image into
    both: such a row is repeated, so that a figure has the leak that the published one has. `expected` is what the
    official release gives, `shared` how many images two parts share; `namings` are the ways in which a published hash
    may have spelt the ids. `needs` names the files that a user must put beside the data. `leaks` is '' for a clean
    split; `limits` is what else a reader of a figure should know. `views` 'all' overrides a task's 'frontal':
    laterals are in the draw. `columns` are attributes that the split gives its rows, by name.
    """

    name: str
    dataset: str
    title: str
    unit: Unit
    draw: str
    rule: str
    source: str
    used_by: tuple[str, ...]
    evidence: Evidence
    expected: Mapping[str, PartFacts]
    assign: Assign
    shared: Mapping[tuple[str, str], int] = field(default_factory=dict)
    needs: str = ""
    leaks: str = ""
    limits: str = ""
    views: Literal["", "all"] = ""
    version: int = 1
    namings: Mapping[str, Naming] = field(default_factory=lambda: {"id": bare_ids})
    columns: Mapping[str, Assign] = field(default_factory=dict)


def parts_of(value: str) -> tuple[str, ...]:
    """The parts that a row is in, in the order train, val, test: ('train', 'test') for 'train+test'."""
    return tuple(part for part in SPLITS if part in value.split("+"))


def place(n: int, **rows: Iterable[int]) -> Strings:
    """A column of n values with the rows of each part; a row that is named twice is in both parts."""
    out = np.full(n, "", dtype=object)
    for part in SPLITS:
        for row in rows.get(part, ()):
            out[row] = f"{out[row]}+{part}" if out[row] else part
    return out


def sorted_rows(corpus: Corpus) -> list[int]:
    """The rows in the order of their ids, so that a draw does not depend on the order of a file."""
    return sorted(range(len(corpus)), key=corpus.ids.__getitem__)


def class_column(corpus: Corpus, name: str, split: str) -> list[int]:
    """What the source states of a class: 1 or 0 for each row. Raises DataError where it says neither."""
    if name not in corpus.classes:
        raise DataError(f"{split} stratifies by {name}, which {corpus.source} does not label")
    values = corpus.stated[:, corpus.classes.index(name)]
    odd = np.flatnonzero(~np.isin(values, (0, 1)))
    if len(odd):
        raise DataError(f"{split} stratifies by {name}; row {odd[0] + 1} ({corpus.ids[odd[0]]}) has no yes or no")
    return [int(v) for v in values]


def rows_of(corpus: Corpus, table: Table, column: str, rename: Callable[[str], str] = str) -> list[int]:
    """The rows whose ids a list names, in its order. Raises DataError for an id that the corpus lacks."""
    index = {identity: row for row, identity in enumerate(corpus.ids)}
    rows = []
    for line, value in enumerate(table[column]):
        row = index.get(rename(value))
        if row is None:
            raise DataError(
                f"{table.where(line)}: {value!r} is not in {corpus.source}; the list belongs to another release, or "
                "this copy is not complete"
            )
        rows.append(row)
    return rows
