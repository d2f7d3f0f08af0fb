"""Lesion masks that a release gives as boxes or as run lengths, drawn when they are read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Box
from umcl_bench.data.images import frame
from umcl_bench.errors import DataError
from umcl_bench.spec import PAD, Geometry

NO_RUNS = "-1"
"""How SIIM-ACR writes an empty mask."""

_NUMBERS = re.compile(r"\s*-?\d{1,18}(?:\s+-?\d{1,18})*\s*", re.ASCII)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class BoxMasks:
    """Filled boxes as masks: `boxes` of each row, on a film of `width` by `height` pixels.

    `sizes`, where it is given, has each row's own (width, height).
    """

    boxes: tuple[tuple[Box, ...], ...]
    width: int = 0
    height: int = 0
    sizes: tuple[tuple[int, int], ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over all boxes."""
        return _digest([repr((self.width, self.height)), *map(repr, self.sizes), *map(repr, self.boxes)])

    def __len__(self) -> int:
        return len(self.boxes)

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Mask `row` as (size, size) in {0, 255}: the pixels whose centre lies in a box."""
        width, height = self.sizes[row] if self.sizes else (self.width, self.height)
        mask = np.zeros((height, width), dtype=bool)
        for box in self.boxes[row]:
            left, right = (round(x * width) for x in (box.x0, box.x1))
            top, bottom = (round(y * height) for y in (box.y0, box.y1))
            mask[top:bottom, left:right] = True
        return frame(mask.astype(np.uint8) * 255, size, geometry, nearest=True)

    def film(self, row: int, size: int, geometry: Geometry = PAD) -> Mask:
        """Where the square (size, size) shows film `row`, and not padding."""
        width, height = self.sizes[row] if self.sizes else (self.width, self.height)
        return _film(width, height, size, geometry)


@lru_cache(maxsize=256)
def _film(width: int, height: int, size: int, geometry: Geometry) -> Mask:
    return frame(np.full((height, width), 255, dtype=np.uint8), size, geometry, nearest=True) > 127


@dataclass(frozen=True)
class RleMasks:
    """Run lengths as masks: each row's texts (several are united), for films of `height` by `width` pixels."""

    runs: tuple[tuple[str, ...], ...]
    height: int
    width: int

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over all runs."""
        return _digest([repr((self.height, self.width)), *map(repr, self.runs)])

    def __len__(self) -> int:
        return len(self.runs)

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Mask `row` as (size, size) in {0, 255}."""
        mask = np.zeros((self.height, self.width), dtype=bool)
        for text in self.runs[row]:
            mask |= decode_rle(text, self.height, self.width)
        return frame(mask.astype(np.uint8) * 255, size, geometry, nearest=True)


def decode_rle(text: str, height: int, width: int) -> Mask:
    """The mask (height, width) of SIIM-ACR's relative run lengths. Raises DataError where they make none.

    Pairs of a gap since the end of the last run (the first: since the first pixel) and a run's length, going down
    column by column; '-1' or nothing is an empty mask.
    """
    flat = np.zeros(height * width, dtype=bool)
    starts, ends = _runs(text, height * width)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        flat[start:end] = True
    return flat.reshape(width, height).T


def encode_rle(mask: Mask) -> str:
    """The run lengths that `decode_rle` reads."""
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])  # start, end, start, end, ...
    return " ".join(map(str, np.diff(edges, prepend=0).tolist())) if len(edges) else NO_RUNS


def check_rle(text: str, height: int, width: int) -> None:
    """Raises DataError, saying why, where `text` is no mask of that size."""
    _runs(text, height * width)


def _runs(text: str, pixels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the runs begin and end."""
    if text.strip() in ("", NO_RUNS):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if _NUMBERS.fullmatch(text) is None:
        raise DataError(f"the run lengths {_short(text)} are not all whole numbers")
    values = np.array(text.split(), dtype=np.int64)
    if len(values) % 2:
        raise DataError(f"the run lengths {_short(text)} are {len(values)} numbers; gap and run come in pairs")
    if values.min() < 0 or values.max() > pixels:
        wrong = values[(values < 0) | (values > pixels)][0]
        raise DataError(f"the run lengths {_short(text)} hold {wrong}; the film has {pixels:,} pixels")
    ends = np.cumsum(values)
    if ends[-1] > pixels:
        raise DataError(f"the run lengths {_short(text)} end at pixel {ends[-1]:,}; the film has {pixels:,}")
    return ends[0::2], ends[1::2]


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
