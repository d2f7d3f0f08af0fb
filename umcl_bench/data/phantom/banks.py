"""Pictures that are drawn once and then looked up: rib cages, shoulder girdles, vessel trees, textures.

A film has no time for 24 ribs. A bank holds a few variants of each on a canvas of its own, at three resolutions; a film
takes one, stretched to its patient by a separable linear look-up.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Field = NDArray[Any]
LEVELS = 3
CANVAS = (384, 360)
U_SPAN, V_SPAN = (-1.5, 1.5), (-0.35, 1.65)
"""What a canvas shows: u is 1 at the chest's widest inner wall, v runs from 0 at the lungs' apex to 1 at their base."""

V_PER_U = (CANVAS[0] / (V_SPAN[1] - V_SPAN[0])) / (CANVAS[1] / (U_SPAN[1] - U_SPAN[0]))
"""Canvas pixels in one v over those in one u."""


def unit(value: Any) -> Field:
    """`value` held between 0 and 1; cheaper than numpy's clip on small arrays."""
    held: Field = np.maximum(value, np.float32(0))
    return np.minimum(held, np.float32(1))


class Bank(NamedTuple):
    """Variants of a picture, (count, height, width), at falling resolutions."""

    levels: tuple[Field, ...]


def make_bank(pictures: Field) -> Bank:
    """A bank of (count, height, width), each further level half as fine."""
    levels = [np.ascontiguousarray(pictures, dtype=np.float32)]
    for _ in range(LEVELS - 1):
        n, h, w = levels[-1].shape
        levels.append(levels[-1].reshape(n, h // 2, 2, w // 2, 2).mean(axis=(2, 4), dtype=np.float32))
    return Bank(tuple(levels))


def look(bank: Bank, variant: int, rows: Field, columns: Field, *, wrap: bool = False) -> Field:
    """Picture `variant` at the given rows and columns (1-D, in fractions of the picture), linearly in between."""
    return between(bank.levels[level_for(bank, columns)][variant], rows, columns, wrap=wrap)


def level_for(bank: Bank, columns: Field) -> int:
    """The coarsest level that is still finer than the film."""
    step = abs(float(columns.flat[1] - columns.flat[0]))
    return min(max(math.floor(math.log2(step * bank.levels[0].shape[2] * 0.8)), 0), LEVELS - 1)


def between(picture: Field, rows: Field, columns: Field, *, wrap: bool = False) -> Field:
    """A picture at the given rows and columns, linearly in between; beyond its edges the edge, or the picture again."""
    low, high, part = _between(rows, picture.shape[0], wrap)
    left, right, across = _between(columns, picture.shape[1], wrap)
    above = picture[low]
    strip = above + (picture[high] - above) * part[:, None]
    near: Field = strip.take(left, axis=1)
    near += (strip.take(right, axis=1) - near) * across
    return near


def _between(at: Field, count: int, wrap: bool) -> tuple[Field, Field, Field]:
    place = at.ravel() * count - 0.5
    low = np.floor(place)
    part = (place - low).astype(np.float32)
    index = low.astype(np.intp)
    if wrap:
        return index % count, (index + 1) % count, part
    return index.clip(0, count - 1), (index + 1).clip(0, count - 1), part


def splat(rows: Field, columns: Field, weights: Field, shape: tuple[int, int]) -> Field:
    """Adds weighted points at (rows, columns), in pixels from the first one's corner, to an empty picture."""
    rows, columns = rows.ravel() - 0.5, columns.ravel() - 0.5
    low, left = np.floor(rows), np.floor(columns)
    down, across = rows - low, columns - left
    h, w = shape
    inside = (low >= 0) & (low < h - 1) & (left >= 0) & (left < w - 1)
    down, across, weight = down[inside], across[inside], np.broadcast_to(weights.ravel(), rows.shape)[inside]
    index = (low[inside] * w + left[inside]).astype(np.intp)
    lower, upper = weight * down, weight * (1 - down)
    index = np.concatenate([index, index + 1, index + w, index + w + 1])
    parts = np.concatenate([upper * (1 - across), upper * across, lower * (1 - across), lower * across])
    return np.bincount(index, parts, h * w).reshape(h, w).astype(np.float32)


def to_canvas(u: Field, v: Field) -> tuple[Field, Field]:
    """Canvas rows and columns of points in a chest's own frame."""
    h, w = CANVAS
    rows = (v - V_SPAN[0]) * (h / (V_SPAN[1] - V_SPAN[0]))
    return rows, (u - U_SPAN[0]) * (w / (U_SPAN[1] - U_SPAN[0]))


def canvas_grid() -> tuple[Field, Field]:
    """The coordinate u as a row and v as a column, at the canvas's pixels."""
    h, w = CANVAS
    u = U_SPAN[0] + (np.arange(w) + 0.5) * ((U_SPAN[1] - U_SPAN[0]) / w)
    v = V_SPAN[0] + (np.arange(h) + 0.5) * ((V_SPAN[1] - V_SPAN[0]) / h)
    return u[None, :].astype(np.float32), v[:, None].astype(np.float32)


@lru_cache(maxsize=1)
def textures() -> Bank:
    """Twelve periodic random fields of unit deviation whose amplitude falls as frequency^-1.25."""
    rng = np.random.default_rng(20230711)
    size = 256
    fy, fx = np.fft.fftfreq(size)[:, None] * size, np.fft.rfftfreq(size)[None, :] * size
    frequency = np.maximum(np.hypot(fy, fx), 1.0)
    waves = rng.standard_normal((12, size, size // 2 + 1)) + 1j * rng.standard_normal((12, size, size // 2 + 1))
    waves *= frequency**-1.25 * (frequency > 1.5)
    fields = np.fft.irfft2(waves, s=(size, size))
    return make_bank(fields / fields.std(axis=(1, 2), keepdims=True))
