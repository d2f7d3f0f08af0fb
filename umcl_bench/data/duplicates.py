"""Near-duplicate films: the same exposure encoded, resized, windowed, cropped or turned a little differently.

Chest films are alike, so plain correlation can't tell a copy from another patient's film. Here each film becomes a
thumbnail whose contrast is normalised locally: ribs and vessels, which differ, count as much as lungs and heart, which
do not. A coarse form of it finds candidates by one matrix product; a fine one decides. Two views of each film are
compared, the whole square and what lies inside its padding, so that a film squashed to a square is found too.

Measured at 64 px on 3,907 real films (7,630,371 pairs, children's and adults', ICU series among them): the highest
score of a pair that is no copy is 0.934 (two films of one patient). tests/data/test_duplicates.py repeats it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from umcl_bench.data.corpus import Rows
from umcl_bench.data.films import FilmStack
from umcl_bench.progress import Tick

THRESHOLD = 0.94
"""A score from which two films count as one exposure."""

_CANDIDATE, _CLOSE = 0.86, 0.84  # copies that a crop of 2 % moves score 0.87 and more in the coarse and the fine form
_SIDE, _COARSE = 48, 16
_BLUR = 6.0
_MARGIN = 0.12  # of a film's side, where the window falls to zero: collimation, markers, corners after a rotation
_ZOOMS = (0.98, 0.96)
_ZOOM_COST = 0.02  # what a zoomed view may lose: several tries find more agreement by chance
_NOISE = 2.0  # grey levels: contrast below this is not blown up
_BLOCK, _CHUNK = 2048, 64  # films of a matrix product; thumbnails that fit a core's cache
_MOST = 8

Floats = NDArray[np.float32]


class Pair(NamedTuple):
    """Film `row_b` repeats film `row_a`. A negative correlation: one is the other's negative (MONOCHROME1)."""

    row_a: int
    row_b: int
    correlation: float


@dataclass(frozen=True)
class Hashes:
    """What `near_duplicates` compares: some rows of `films`, their coarse forms (n, views, 256), and which are blank.

    About 2 kB a film; the films themselves may lie on disk. A blank film (one grey value inside its padding) is
    nobody's duplicate.
    """

    films: FilmStack
    rows: Rows
    coarse: Floats
    blank: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Rows) -> Hashes:
        """Those at some of the n places."""
        return Hashes(self.films, self.rows[places], self.coarse[places], self.blank[places])


def hash_films(films: FilmStack, rows: Rows | None = None) -> Hashes:
    """The hashes of `rows` (all) of (n, s, s) grey films, s of 48 or more: about 6,000 a second a core at 64 px."""
    rows = np.arange(len(films)) if rows is None else rows
    blank = np.zeros(len(rows), dtype=bool)
    padded = np.zeros(len(rows), dtype=bool)
    for place, film in enumerate(each_film(films, rows)):
        left, top, right, bottom = _content(film)
        blank[place] = film[top:bottom, left:right].std() < 1
        padded[place] = (bottom - top, right - left) != film.shape
    coarse = np.zeros((len(rows), 2, _COARSE * _COARSE), dtype=np.float32)
    coarse[:, 0] = _vectors(films, rows, _COARSE)
    coarse[:, 1] = coarse[:, 0]
    coarse[padded, 1] = _vectors(films, rows[padded], _COARSE, inside=True)
    coarse[blank] = 0
    return Hashes(films, rows, coarse, blank)


def each_film(films: FilmStack, rows: Rows) -> Iterator[NDArray[np.uint8]]:
    """The films of some rows, one at a time, read by blocks."""
    for start in range(0, len(rows), _CHUNK):
        yield from films[rows[start : start + _CHUNK]]


def near_duplicates(
    a: Hashes, b: Hashes | None = None, *, threshold: float = THRESHOLD, tick: Tick | None = None
) -> list[Pair]:
    """For each film of `b` that has near-duplicates in `a`, the most alike of them; ordered by `row_b`.

    Rows are places in the hashes. Without `b`: for each film of `a` the most alike of those before it, so that each
    copy of a film counts once. `tick` hears of the films of `b` (or `a`) as they are done.
    """
    best: dict[int, Pair] = {}
    other = a if b is None else b
    for rows_a, rows_b in _candidates(a, other, upper=b is None, tick=tick):
        scores = _scores(a.films, a.rows[rows_a], other.films, other.rows[rows_b], threshold)
        for pair in map(Pair, rows_a.tolist(), rows_b.tolist(), scores.tolist()):
            old = best.get(pair.row_b)
            if abs(pair.correlation) >= threshold and (old is None or _rank(pair) < _rank(old)):
                best[pair.row_b] = pair
    return [best[row] for row in sorted(best)]


def _rank(pair: Pair) -> tuple[float, int]:
    return -abs(pair.correlation), pair.row_a


def _candidates(a: Hashes, b: Hashes, *, upper: bool, tick: Tick | None = None) -> Iterator[tuple[Rows, Rows]]:
    """Pairs whose coarse forms agree, block by block; of a film's candidates in a block, the best eight."""
    for start_b in range(0, len(b), _BLOCK):
        for start_a in range(0, min(len(a), start_b + _BLOCK) if upper else len(a), _BLOCK):
            left, right = a.coarse[start_a : start_a + _BLOCK], b.coarse[start_b : start_b + _BLOCK]
            alike = np.abs(left[:, 0] @ right[:, 0].T)
            np.maximum(alike, np.abs(left[:, 1] @ right[:, 1].T), out=alike)
            rows_a, rows_b = np.nonzero(alike >= _CANDIDATE)
            if upper:
                before = rows_a + start_a < rows_b + start_b
                rows_a, rows_b = rows_a[before], rows_b[before]
            order = np.lexsort((rows_a, -alike[rows_a, rows_b], rows_b))
            rows_a, rows_b = rows_a[order], rows_b[order]
            rank = np.arange(len(rows_b)) - np.searchsorted(rows_b, rows_b)
            if (rank < _MOST).any():
                yield rows_a[rank < _MOST] + start_a, rows_b[rank < _MOST] + start_b
        if tick:
            tick(min(_BLOCK, len(b) - start_b))


def _scores(films_a: FilmStack, rows_a: Rows, films_b: FilmStack, rows_b: Rows, threshold: float) -> Floats:
    """The agreement of film pairs (m,), with its sign: of the two views, and of the zooms where these are close."""
    best = np.zeros(len(rows_a), dtype=np.float32)
    for inside in (False, True):
        best = _larger(best, _agreement(films_a, rows_a, films_b, rows_b, inside))
    close = np.flatnonzero((np.abs(best) >= _CLOSE) & (np.abs(best) < threshold))
    for inside, zoom in itertools.product((False, True), _ZOOMS):
        for one, rows_one, two, rows_two in ((films_a, rows_a, films_b, rows_b), (films_b, rows_b, films_a, rows_a)):
            score = _agreement(one, rows_one[close], two, rows_two[close], inside, zoom)
            best[close] = _larger(best[close], score - np.sign(score) * _ZOOM_COST)
    return best


def _larger(one: NDArray[np.floating[Any]], two: NDArray[np.floating[Any]]) -> Floats:
    return np.where(np.abs(two) > np.abs(one), two, one).astype(np.float32)


def _agreement(
    one: FilmStack, rows_one: Rows, two: FilmStack, rows_two: Rows, inside: bool, zoom: float = 1.0
) -> Floats:
    """The windowed correlation of film pairs (m,), the first ones zoomed."""
    some_one, at_one = np.unique(rows_one, return_inverse=True)
    some_two, at_two = np.unique(rows_two, return_inverse=True)
    fine_one = _vectors(one, some_one, _SIDE, inside=inside, zoom=zoom)
    return _dots(fine_one, at_one, _vectors(two, some_two, _SIDE, inside=inside), at_two)


def _dots(one: Floats, rows_one: Rows, two: Floats, rows_two: Rows) -> Floats:
    out = np.empty(len(rows_one), dtype=np.float32)
    for start in range(0, len(out), _BLOCK):
        rows = slice(start, start + _BLOCK)
        out[rows] = np.einsum("md,md->m", one[rows_one[rows]], two[rows_two[rows]])
    return out


def _vectors(films: FilmStack, rows: Rows, side: int, *, inside: bool = False, zoom: float = 1.0) -> Floats:
    """Some films as vectors (m, side * side) of length 1: their whole squares, or what is `inside` their padding."""
    out = np.empty((len(rows), side * side), dtype=np.float32)
    for start in range(0, len(rows), _CHUNK):
        part = films[rows[start : start + _CHUNK]]
        details = _details(np.stack([_thumbnail(film, inside, zoom) for film in part]))
        pooled = details.reshape(-1, side, _SIDE // side, side, _SIDE // side).mean(axis=(2, 4))
        out[start : start + len(part)] = _unit(pooled)
    return out


def _content(film: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) inside a film's black padding; the whole film where all is black."""
    rows, columns = np.flatnonzero(film.any(axis=1)), np.flatnonzero(film.any(axis=0))
    if not len(rows):
        return 0, 0, film.shape[1], film.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _thumbnail(film: NDArray[np.uint8], inside: bool, zoom: float) -> Floats:
    """(48, 48) grey values of the middle `zoom` of a film."""
    left, top, right, bottom = _content(film) if inside else (0, 0, film.shape[1], film.shape[0])
    dx, dy = (1 - zoom) / 2 * (right - left), (1 - zoom) / 2 * (bottom - top)
    box = (left + dx, top + dy, right - dx, bottom - dy)
    image = Image.fromarray(film).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image, dtype=np.float32)


def _details(thumbnails: Floats) -> Floats:
    """Local contrast: each grey value less the mean around it, in units of the deviation around it."""
    blur = _blur_matrix()
    flat = thumbnails - blur @ thumbnails @ blur.T
    spread = np.sqrt(blur @ (flat * flat) @ blur.T)
    return np.asarray(flat / (spread + _NOISE), dtype=np.float32)


def _unit(details: Floats) -> Floats:
    """(n, d) vectors of length 1 whose products are windowed correlations; zeros for a film without detail."""
    window = _window(details.shape[1])
    centred = details - (details * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    flat = (centred * np.sqrt(window)).reshape(len(details), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(length, 1e-6), dtype=np.float32)


@functools.cache
def _blur_matrix() -> Floats:
    """(48, 48): a Gaussian blur along one axis, its weights normalised at the borders."""
    at = np.arange(_SIDE)
    weights = np.exp(-((at[:, None] - at) ** 2) / (2 * _BLUR**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@functools.cache
def _window(side: int) -> Floats:
    """(side, side): 1 in the middle, falling smoothly to 0 over the margin."""
    at = (np.arange(side) + 0.5) / side
    edge = np.minimum(1, np.minimum(at, 1 - at) / _MARGIN)
    smooth = edge * edge * (3 - 2 * edge)
    return np.outer(smooth, smooth).astype(np.float32)
