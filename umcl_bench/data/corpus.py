"""A corpus: a table of studies, every row an image-text-label triple of which parts may be missing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import DataError
from umcl_bench.spec import RowKind

Labels = NDArray[np.float32]
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

    def read(self, row: int, size: int) -> NDArray[np.uint8]:
        """Row `row` as (size, size) grey values. Raises DataError, naming the file, where it can't be read."""


class Box(NamedTuple):
    """Where a finding is, in fractions of the film's width and height from its upper left corner."""

    finding: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class LabelPolicy:
    """What a label that is not given means. It is part of the corpus, of its fingerprint and of every record.

    `unnamed` is how the findings count that a labelled film does not name: 'unknown' (NaN) or 'negative' (0).
    A film with no labels at all is unknown throughout; 'No Finding' alone makes every other finding negative.
    """

    unnamed: Literal["unknown", "negative"] = "unknown"


@dataclass(frozen=True)
class Corpus:
    """Studies as aligned columns. `labels` is (n, classes) in {1, 0, NaN}; NaN is 'no information'.

    `prior` holds the row of the same patient's earlier study, or -1. `facts` are what a record should repeat about
    the corpus (dials, policies); `notes` are what a person should be told once.
    """

    source: str
    kind: Literal["phantom", "patients"]
    dataset: str
    classes: tuple[str, ...]
    policy: LabelPolicy
    ids: Strings
    patients: Strings
    splits: Strings
    views: Strings
    reports: Strings  # str or None
    labels: Labels
    pixels: Pixels
    prior: Rows
    masks: Pixels | None = None
    has_mask: NDArray[np.bool_] | None = None
    boxes: tuple[tuple[Box, ...], ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ids)
        columns = (self.patients, self.splits, self.views, self.reports, self.labels, self.prior)
        lengths = {len(self.pixels), *(len(column) for column in columns)}
        if lengths != {n}:
            raise DataError(f"corpus {self.source}: {n} ids and columns of other lengths {sorted(lengths)}")
        if self.labels.shape != (n, len(self.classes)):
            raise DataError(f"corpus {self.source}: labels are {self.labels.shape}, not ({n}, {len(self.classes)})")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over every column and the films' own fingerprint."""
        columns = [list(c) for c in (self.ids, self.patients, self.splits, self.views, self.reports)]
        labels = np.where(np.isnan(self.labels), -1, self.labels).astype(np.int8)
        text = json.dumps([self.kind, self.classes, dataclasses.asdict(self.policy), columns, self.pixels.fingerprint])
        return hashlib.sha256(text.encode() + labels.tobytes() + self.prior.tobytes()).hexdigest()[:16]

    def rows(self, split: str, views: Literal["frontal", "all"] = "frontal") -> Rows:
        """The rows of a split, in the corpus's order; 'frontal' leaves out what is marked as a lateral view."""
        chosen = self.splits == split
        if views == "frontal":
            chosen &= np.array([str(v).casefold() not in LATERAL for v in self.views], dtype=bool)
        return np.flatnonzero(chosen)

    def kinds(self) -> NDArray[np.object_]:
        """Each row's kind: which of image, text and label it has. Every row of a corpus has an image."""
        has_text = np.array([r is not None for r in self.reports], dtype=bool)
        has_label = ~np.isnan(self.labels).all(axis=1)
        names: list[RowKind] = ["image", "image-text", "image-label", "image-text-label"]
        return np.array(names, dtype=object)[has_text + 2 * has_label]


def count_kinds(kinds: NDArray[np.object_]) -> dict[str, int]:
    """How many rows there are of each kind, by name."""
    names, counts = np.unique(kinds.astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
