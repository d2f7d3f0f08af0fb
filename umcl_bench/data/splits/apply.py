"""Putting a named split on a corpus: the rows' parts, what was found beside what is expected, and what leaks."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import SPLITS, Corpus, Expectation, Pixels, Rows, Strings
from umcl_bench.data.splits.base import Lists, NamedSplit, PartFacts, part_hash, parts_of
from umcl_bench.errors import UsageError
from umcl_bench.spec import PAD, Geometry


@dataclass(frozen=True)
class Part:
    """A part as found in a corpus. `sha` is over its ids; `naming` is the spelling of them that gave `expected.sha`."""

    name: str
    rows: Rows
    images: int
    patients: int
    positives: dict[str, int]
    sha: str
    naming: str
    expected: PartFacts | None

    @property
    def sha_matches(self) -> bool | None:
        """Whether the published hash was met; None where there is none."""
        return bool(self.naming) if self.expected and self.expected.sha else None

    def expectations(self, split: str) -> list[Expectation]:
        """Expected counts beside the found ones."""
        if self.expected is None:
            return []
        wanted = [("images", self.expected.images, self.images), ("patients", self.expected.patients, self.patients)]
        wanted += [(f"images with {c}", n, self.positives.get(c, 0)) for c, n in self.expected.positives.items()]
        return [Expectation(f"{split} {self.name}: {what}", n, found) for what, n, found in wanted if n is not None]


@dataclass(frozen=True)
class Assigned:
    """A split on a corpus: each row's parts ('train+test' for both), the parts, and what was expected."""

    split: NamedSplit
    column: Strings
    parts: tuple[Part, ...]
    shared: Mapping[tuple[str, str], int]

    @property
    def expectations(self) -> list[Expectation]:
        """Of all parts, and of the images that two parts share."""
        out = [e for part in self.parts for e in part.expectations(self.split.name)]
        for pair, expected in self.split.shared.items():
            out.append(
                Expectation(f"{self.split.name} {' and '.join(pair)}: images in both", expected, self.shared[pair])
            )
        return out

    @property
    def differences(self) -> list[str]:
        """What is not as published, in words."""
        out = [f"{e.what} {e.found:,}, not {e.expected:,}" for e in self.expectations if not e.met]
        return out + [
            f"{self.split.name} {p.name}: hash {p.sha}, not {p.expected.sha}"
            for p in self.parts
            if p.expected and p.sha_matches is False
        ]

    @property
    def as_published(self) -> bool | None:
        """Whether all that is expected is met; None where nothing is expected of it."""
        known = self.expectations or any(p.sha_matches is not None for p in self.parts)
        return not self.differences if known else None


def assign(corpus: Corpus, split: NamedSplit, folders: Iterable[Path] = ()) -> Assigned:
    """The split's parts on `corpus`. Raises UsageError for another dataset, DataError where it can't be drawn."""
    _refuse_others(corpus, split)
    lists = Lists(split.name, tuple(folders))
    column = split.assign(corpus, lists)
    where = {value: parts_of(value) for value in set(column)}
    members = {part: np.flatnonzero([part in where[value] for value in column]) for part in SPLITS}
    namings = {name: naming(corpus, lists) for name, naming in split.namings.items()}
    parts = tuple(
        _part(corpus, name, rows, split.expected.get(name), namings)
        for name, rows in members.items()
        if len(rows) or name in split.expected
    )
    shared = {(a, b): len(np.intersect1d(members[a], members[b])) for a, b in itertools.combinations(SPLITS, 2)}
    return Assigned(split, column, parts, shared)


def _refuse_others(corpus: Corpus, split: NamedSplit) -> None:
    if corpus.kind == "phantom":
        raise UsageError(
            f"{split.name} is a split of the official release of {split.dataset}; the phantom has its own splits. "
            f"Name a folder with {split.dataset} by --data, or ask for the dataset without '@'"
        )
    if corpus.dataset != split.dataset:
        raise UsageError(
            f"{split.name} is a split of the official release of {split.dataset}; {corpus.source} is {corpus.dataset}, "
            "which has its own splits"
        )


def _part(corpus: Corpus, name: str, rows: Rows, expected: PartFacts | None, namings: Mapping[str, Strings]) -> Part:
    hashes = {naming: part_hash(map(str, ids[rows])) for naming, ids in namings.items()}
    wanted = expected.sha if expected else ""
    classes = expected.positives if expected else {}
    positives = {
        c: int((corpus.stated[rows, corpus.classes.index(c)] == 1).sum()) for c in classes if c in corpus.classes
    }
    matching = next((naming for naming, sha in hashes.items() if wanted and sha == wanted), "")
    return Part(
        name=name,
        rows=rows,
        images=len(rows),
        patients=len({str(p) for p in corpus.patients[rows]}),
        positives=positives,
        sha=part_hash(map(str, corpus.ids[rows])),
        naming=matching,
        expected=expected,
    )


def apply_named(corpus: Corpus, split: NamedSplit, folders: Iterable[Path] = ()) -> Corpus:
    """The corpus with the split's parts in `splits`; see `apply_split`."""
    lists = Lists(split.name, tuple(folders))
    found = assign(corpus, split, lists.folders)
    first = np.array([value.partition("+")[0] for value in found.column], dtype=object)
    again = [(row, part) for row, value in enumerate(found.column) for part in value.split("+")[1:]]
    placed = dataclasses.replace(
        corpus,
        splits=first,
        expectations=(*corpus.expectations, *found.expectations),
        attributes={**corpus.attributes, **{name: of(corpus, lists) for name, of in split.columns.items()}},
        facts={**corpus.facts, "split": split_facts(found)},
        notes=(*corpus.notes, *_notes(found)),
    )
    return _repeat(placed, again) if again else placed


def split_facts(found: Assigned) -> dict[str, Any]:
    """What a record says of a split: its name, version and parts, and whether they are as published."""
    parts = {
        part.name: {"images": part.images, "patients": part.patients, "sha": part.sha}
        | ({"published_sha_of": part.naming} if part.naming else {})
        for part in found.parts
    }
    facts = {"name": found.split.name, "version": found.split.version, "parts": parts}
    facts |= {"as_published": found.as_published, "evidence": found.split.evidence, "leaks": found.split.leaks}
    return facts | {"shared": {"+".join(pair): n for pair, n in found.shared.items() if n}}


def _notes(found: Assigned) -> list[str]:
    split = found.split
    notes = []
    if found.differences:
        notes.append(
            f"{split.name}: this copy differs from the published split ({'; '.join(found.differences)}), so figures "
            f"are not comparable with those of {', '.join(split.used_by) or 'others'}"
        )
    overlap = [f"{n:,} images are in {' and '.join(pair)}" for pair, n in found.shared.items() if n]
    if split.leaks:
        notes.append(f"{split.name} leaks: {split.leaks}" + (f". Here {', '.join(overlap)}" if overlap else ""))
    if split.evidence == "unverified":
        notes.append(f"{split.name} is not verified: {split.limits or split.rule}")
    return notes


@dataclass(frozen=True)
class RepeatedPixels:
    """Films with some of them once more at the end."""

    pixels: Pixels
    again: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """Over the films' own and the repeated rows."""
        return part_hash([self.pixels.fingerprint, *(f"{i} {row}" for i, row in enumerate(self.again))])

    def __len__(self) -> int:
        return len(self.pixels) + len(self.again)

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Row `row`, of the films or of those at the end."""
        own = len(self.pixels)
        return self.pixels.read(row if row < own else self.again[row - own], size, geometry)


def _repeat(corpus: Corpus, again: list[tuple[int, str]]) -> Corpus:
    """The corpus with rows once more at its end, each in another part."""
    rows = [row for row, _ in again]

    def longer(column: Any) -> Any:
        return None if column is None else np.concatenate([column, column[rows]])

    def repeated(pixels: Pixels | None) -> Any:
        return None if pixels is None else RepeatedPixels(pixels, tuple(rows))

    columns = ("ids", "patients", "views", "reports", "stated", "prior", "has_mask", "has_image")
    changed: dict[str, Any] = {name: longer(getattr(corpus, name)) for name in columns}
    changed |= {"pixels": repeated(corpus.pixels), "masks": repeated(corpus.masks)}
    changed["attributes"] = {name: longer(column) for name, column in corpus.attributes.items()}
    changed["boxes"] = corpus.boxes and (*corpus.boxes, *(corpus.boxes[row] for row in rows))
    added = np.array([part for _, part in again], dtype=object)
    return dataclasses.replace(corpus, splits=np.concatenate([corpus.splits, added]), **changed)
