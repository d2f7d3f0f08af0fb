"""A corpus: a table of studies, every row an image-text-label triple of which parts may be missing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.policies import LabelPolicy, Labels
from umcl_bench.errors import DataError
from umcl_bench.spec import PAD, Geometry, RowKind

Rows = NDArray[np.int64]
Strings = NDArray[np.object_]
SPLITS = ("train", "val", "test")
LATERAL = frozenset({"l", "ll", "rl", "lateral", "lat"})


class Pixels(Protocol):
    """Films (or masks) that are read one at a time. Must pickle: workers read them."""

    @property
    def fingerprint(self) -> str:
        """Changes when any film changes."""

    def __len__(self) -> int: ...

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Row `row` as (size, size) grey values. Raises DataError, naming the file, where it can't be read."""


class Box(NamedTuple):
    """Where a finding is, in fractions of the film's width and height from its upper left corner."""

    finding: str
    x0: float
    y0: float
    x1: float
    y1: float


class Expectation(NamedTuple):
    """A count that the official release has, beside what was found."""

    what: str
    expected: int
    found: int

    @property
    def met(self) -> bool:
        """Whether they agree."""
        return self.expected == self.found


@dataclass(frozen=True)
class Corpus:
    """Studies as aligned columns of n rows.

    `stated` is (n, classes) in {1, 0, -1 (uncertain), NaN (not given)}, as the source says it; `labels` is what the
    policy makes of it. `prior` holds the row of the same patient's earlier study, or -1. `has_image` is None where
    every row has one. `attributes` are further columns (sex, age, site, study, ...), '' where not given. `facts` are
    what a record should repeat about the corpus (dials, policies); `notes` are what a person should be told once.
    """

    source: str
    kind: Literal["phantom", "patients"]
    dataset: str
    classes: tuple[str, ...]
    policy: LabelPolicy
    ids: Strings
    patients: Strings
    splits: Strings  # 'train', 'val', 'test', or '' for a row that is in none
    views: Strings
    reports: Strings  # str or None
    stated: Labels
    pixels: Pixels
    prior: Rows
    masks: Pixels | None = None
    has_mask: NDArray[np.bool_] | None = None
    has_image: NDArray[np.bool_] | None = None
    boxes: Sequence[tuple[Box, ...]] = ()
    attributes: Mapping[str, Strings] = field(default_factory=dict)
    expectations: tuple[Expectation, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ids)
        columns: list[Any] = [self.patients, self.splits, self.views, self.reports, self.stated, self.prior]
        columns += [c for c in (self.masks, self.has_mask, self.has_image, self.boxes or None) if c is not None]
        lengths = {len(self.pixels), *(len(column) for column in (*columns, *self.attributes.values()))}
        if lengths != {n}:
            raise DataError(f"corpus {self.source}: {n} ids and columns of other lengths {sorted(lengths)}")
        if self.stated.shape != (n, len(self.classes)):
            raise DataError(f"corpus {self.source}: labels are {self.stated.shape}, not ({n}, {len(self.classes)})")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def labels(self) -> Labels:
        """(n, classes) in {1, 0, NaN}, NaN being 'no information'; 0.7 for an uncertain one under 'soft'."""
        return self.policy.apply(self.stated, self.classes)

    @property
    def truth(self) -> Labels:
        """`labels` as a test may use them: (n, classes) in {1, 0, NaN}, NaN also for a softened one."""
        return np.where(np.isin(self.labels, (0, 1)), self.labels, np.float32(np.nan))

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over every column and the films' own fingerprint."""
        columns = [list(c) for c in (self.ids, self.patients, self.splits, self.views, self.reports)]
        extra: list[Any] = [dataclasses.asdict(self.policy), {name: list(c) for name, c in self.attributes.items()}]
        extra.append(getattr(self.boxes, "fingerprint", self.boxes))  # a phantom's are drawn only when asked for
        text = json.dumps([self.kind, self.classes, columns, extra, self.pixels.fingerprint])
        stated = np.where(np.isnan(self.stated), -2, self.stated).astype(np.float32)
        image = b"" if self.has_image is None else self.has_image.tobytes()
        masks = b"" if self.masks is None else self.masks.fingerprint.encode()
        whole = text.encode() + stated.tobytes() + self.prior.tobytes() + image + masks
        return hashlib.sha256(whole).hexdigest()[:16]

    def rows(self, split: str, views: Literal["frontal", "all"] = "frontal") -> Rows:
        """The rows of a split, in the corpus's order; 'frontal' leaves out what is marked as a lateral view."""
        chosen = self.splits == split
        if views == "frontal":
            chosen &= np.array([str(v).casefold() not in LATERAL for v in self.views], dtype=bool)
        return np.flatnonzero(chosen)

    def with_image(self, rows: Rows) -> Rows:
        """Those of `rows` that have a film."""
        return rows if self.has_image is None else rows[self.has_image[rows]]

    def kinds(self) -> NDArray[np.object_]:
        """Each row's kind: which of image, text and label it has. Rows without an image are all of the kind 'text'."""
        has_text = np.array([r is not None for r in self.reports], dtype=bool)
        has_label = ~np.isnan(self.labels).all(axis=1)
        names: list[RowKind] = ["image", "image-text", "image-label", "image-text-label"]
        kinds = np.array(names, dtype=object)[has_text + 2 * has_label]
        if self.has_image is not None:
            kinds[~self.has_image] = "text"
        return kinds

    def without(self, rows: Rows, why: str) -> Corpus:
        """The same corpus with `rows` in no split, and a note of how many and why; row numbers stay."""
        splits = self.splits.copy()
        splits[rows] = ""
        return dataclasses.replace(self, splits=splits, notes=(*self.notes, f"{len(rows)} rows left out: {why}"))


def count_kinds(kinds: NDArray[np.object_]) -> dict[str, int]:
    """How many rows there are of each kind, by name."""
    names, counts = np.unique(kinds.astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


@dataclass(frozen=True)
class JoinedPixels:
    """The films of several corpora behind one another."""

    parts: tuple[Pixels, ...]

    @property
    def fingerprint(self) -> str:
        """Over those of the parts."""
        return hashlib.sha256(" ".join(p.fingerprint for p in self.parts).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return sum(len(p) for p in self.parts)

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Row `row`, counted over all parts."""
        for part in self.parts:
            if row < len(part):
                return part.read(row, size, geometry)
            row -= len(part)
        raise IndexError(row)


def join(corpora: Sequence[Corpus]) -> Corpus:
    """Several datasets as one corpus: their classes united, NaN where one does not label a class.

    Ids and patients get the dataset's name in front: patients of two datasets count as different people. Policies are
    applied before, so that each dataset keeps its own; masks and boxes are not carried over.
    """
    if len(corpora) == 1:
        return corpora[0]
    classes = tuple(dict.fromkeys(name for c in corpora for name in c.classes))
    starts = np.cumsum([0, *(len(c) for c in corpora)])
    names = tuple(dict.fromkeys(name for c in corpora for name in c.attributes))
    first = corpora[0]
    return Corpus(
        source="+".join(c.source for c in corpora),
        kind=first.kind,
        dataset="+".join(c.dataset for c in corpora),
        classes=classes,
        policy=LabelPolicy(unnamed="stated"),
        ids=_column([f"{c.dataset}/{i}" for c in corpora for i in c.ids]),
        patients=_column([f"{c.dataset}/{p}" for c in corpora for p in c.patients]),
        splits=np.concatenate([c.splits for c in corpora]),
        views=np.concatenate([c.views for c in corpora]),
        reports=np.concatenate([c.reports for c in corpora]),
        stated=np.concatenate([_widen(c, classes) for c in corpora]),
        pixels=JoinedPixels(tuple(c.pixels for c in corpora)),
        prior=np.concatenate([np.where(c.prior < 0, -1, c.prior + s) for c, s in zip(corpora, starts, strict=False)]),
        has_image=np.concatenate([np.ones(len(c), bool) if c.has_image is None else c.has_image for c in corpora]),
        attributes={
            name: np.concatenate([c.attributes.get(name, _column([""] * len(c))) for c in corpora]) for name in names
        },
        facts={
            "datasets": {c.dataset: c.fingerprint for c in corpora},
            "label_policy": "; ".join(f"{c.dataset}: {c.policy.describe()}" for c in corpora),
            "parts": {c.dataset: c.facts for c in corpora},
        },
        notes=tuple(f"{c.dataset}: {note}" for c in corpora for note in c.notes),
    )


def _widen(corpus: Corpus, classes: tuple[str, ...]) -> Labels:
    wide = np.full((len(corpus), len(classes)), np.nan, dtype=np.float32)
    wide[:, [classes.index(name) for name in corpus.classes]] = corpus.labels
    return wide


def _column(values: Sequence[str]) -> Strings:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
