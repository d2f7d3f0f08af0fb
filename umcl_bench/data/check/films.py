"""What is wrong with films: unreadable, blank, flat, small, and the same exposure twice."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from umcl_bench.data.cache import cached_images
from umcl_bench.data.check.report import Finding, listed
from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.duplicates import Hashes, each_film, hash_films, near_duplicates
from umcl_bench.data.images import FORMATS, FilePixels, safe_path
from umcl_bench.errors import DataError
from umcl_bench.progress import Reporter

SIDE = 64
_FILM_SECONDS, _PAIR_SECONDS = 3e-4, 7.5e-8
"""What hashing a film and comparing two takes on one core, measured with 19,535 films."""
_FLAT = 96
_SMALL = 224
_NO_FILMS = np.zeros((0, SIDE, SIDE), dtype=np.uint8)


@dataclass(frozen=True)
class Looked:
    """The readable films of a corpus's `rows`, at places `at` of `films` (m, 64, 64); why others `failed`, by row."""

    rows: Rows
    at: Rows
    films: NDArray[np.uint8]
    failed: dict[int, str]


def look(
    corpus: Corpus, present: NDArray[np.bool_], rows: Rows, reporter: Reporter, workers: int, cache: Path | None
) -> Looked:
    """Decodes the films of `rows`: into the cache, where a run at 64 px finds them, if these are all that there are."""
    if not len(rows):
        return Looked(rows, rows, _NO_FILMS, {})
    if len(rows) < present.sum():
        return _sample(corpus, rows, reporter)
    try:
        found = cached_images(
            corpus.pixels, SIDE, reporter, workers=workers, present=present, skip_unreadable=True, root=cache
        )
    except DataError as error:  # not one can be read
        return Looked(rows[:0], rows[:0], _NO_FILMS, dict.fromkeys(rows.tolist(), str(error)))
    readable = np.setdiff1d(rows, found.unreadable)
    return Looked(readable, readable, found.pixels, dict(zip(found.unreadable.tolist(), found.reasons, strict=True)))


def _sample(corpus: Corpus, rows: Rows, reporter: Reporter) -> Looked:
    films, failed = [], {}
    with reporter.track(f"reading {len(rows)} films at {SIDE} px", len(rows)) as tick:
        for row in rows.tolist():
            try:
                films.append(corpus.pixels.read(row, SIDE))
            except DataError as error:
                failed[row] = str(error)
            tick()
    readable = np.array([row for row in rows.tolist() if row not in failed], dtype=np.int64)
    return Looked(readable, np.arange(len(films)), np.stack(films) if films else _NO_FILMS, failed)


def check_films(corpus: Corpus, looked: Looked, reporter: Reporter) -> list[Finding]:
    """Findings about the films that were looked at."""
    hashes = hash_films(looked.films, looked.at)
    ids = corpus.ids[looked.rows]
    ranges = _grey_ranges(looked)
    narrow = [place for place in np.argsort(ranges, kind="stable") if ranges[place] < _FLAT and not hashes.blank[place]]
    flat = [f"{ids[place]} ({ranges[place]:.0f} levels)" for place in narrow]
    of = f", of {len(looked.rows) + len(looked.failed):,} looked at"
    reasons = [looked.failed[row] for row in sorted(looked.failed)]
    return [
        *listed("error", "film-unreadable", f"films that can't be read{of}", reasons),
        *listed("warning", "film-blank", f"films of one grey value{of}", ids[hashes.blank]),
        *listed(
            "note", "film-flat", f"films whose grey values are within {_FLAT} of 256 levels (2nd to 98th %){of}", flat
        ),
        *_copies(corpus, looked, hashes, reporter),
    ]


def seconds_of(films: int) -> float:
    """About what `check_films` takes."""
    return films * _FILM_SECONDS + films * films / 2 * _PAIR_SECONDS


def _grey_ranges(looked: Looked) -> NDArray[np.float64]:
    """The levels between the 2nd and the 98th percentile of each film, its black padding left out."""
    out = np.zeros(len(looked.at))
    for place, film in enumerate(each_film(looked.films, looked.at)):
        inside = film[film.any(axis=1)][:, film.any(axis=0)]
        if inside.size:
            low, high = np.percentile(inside, (2, 98))
            out[place] = high - low
    return out


def _copies(corpus: Corpus, looked: Looked, hashes: Hashes, reporter: Reporter) -> list[Finding]:
    splits = corpus.splits[looked.rows].astype(str)
    ids = [f"{i} ({split})" if split else str(i) for i, split in zip(corpus.ids[looked.rows], splits, strict=True)]
    first: dict[bytes, int] = {}
    unique: dict[tuple[bytes, str], int] = {}  # the first of each film in each split
    inside, across = [], []
    for place, film in enumerate(each_film(looked.films, looked.at)):
        if hashes.blank[place]:
            continue
        pixels = hashlib.blake2b(film.tobytes(), digest_size=16).digest()
        other = unique.setdefault((pixels, splits[place]), place)
        if other != place:
            inside.append(f"{ids[place]} = {ids[other]}")
        elif first.setdefault(pixels, place) != place:
            across.append(f"{ids[place]} = {ids[first[pixels]]}")
    places = np.array(sorted(unique.values()), dtype=np.int64)
    near_inside, near_across = _near(hashes, splits, places, ids, reporter)
    return [
        *listed("error", "film-identical-across-splits", "films that another split has too, to the pixel", across),
        *listed("error", "film-near-across-splits", "near-duplicates of a film in another split", near_across),
        *listed("warning", "film-identical", "films that are there twice, to the pixel", inside),
        *listed("warning", "film-near", "near-duplicates of a film in the same split", near_inside),
    ]


def _near(
    hashes: Hashes, splits: NDArray[np.str_], places: Rows, ids: list[str], reporter: Reporter
) -> tuple[list[str], list[str]]:
    """Near-duplicates within and across splits that are not identical, most alike first."""
    groups = {split: places[splits[places] == split] for split in sorted(set(splits[places].tolist()))}
    within: list[tuple[float, str]] = []
    between: list[tuple[float, str]] = []
    total = sum(n * len(group) for n, group in enumerate(groups.values(), start=1))
    with reporter.track(f"comparing {len(places)} films", total) as tick:
        for one, two in combinations_with_replacement(groups.values(), 2):
            other = None if one is two else hashes.take(two)
            for pair in near_duplicates(hashes.take(one), other, tick=tick):
                a, b = one[pair.row_a], two[pair.row_b]
                text = f"{ids[b]} ~ {ids[a]} ({pair.correlation:.3f})"
                if one is two:
                    within.append((-abs(pair.correlation), text))
                elif not np.array_equal(*hashes.films[hashes.rows[[a, b]]]):
                    between.append((-abs(pair.correlation), text))
    return [text for _, text in sorted(within)], [text for _, text in sorted(between)]


def header_size(pixels: FilePixels, row: int) -> tuple[int, int] | None:
    """Width and height by a picture's header; None for DICOM and for what is no picture."""
    try:
        path = safe_path(pixels.root, pixels.paths[row], "")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                return image.size
    except (DataError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def check_sizes(ids: Sequence[str], sizes: Sequence[tuple[int, int] | None]) -> tuple[list[Finding], dict[str, Any]]:
    """Findings about the films' sizes in pixels, and the commonest sizes as a fact."""
    known = [(i, size) for i, size in zip(ids, sizes, strict=True) if size is not None]
    if not known:
        return [], {}
    counts = Counter(size for _, size in known)
    square = sum(n for (width, height), n in counts.items() if width == height)
    small = [f"{i} ({w} x {h})" for i, (w, h) in known if min(w, h) < _SMALL]
    facts = {
        "sizes": ", ".join(f"{w} x {h}: {n:,}" for (w, h), n in counts.most_common(3)) + _others(len(counts) - 3),
        "square films": f"{square:,} of {len(known):,}",
    }
    return [
        *listed("note", "film-small", f"films with a side of fewer than {_SMALL} pixels", small),
        *_squares(known, counts, square),
    ], facts


def _squares(known: list[tuple[str, tuple[int, int]]], counts: Counter[tuple[int, int]], square: int) -> list[Finding]:
    squares = [i for i, (width, height) in known if width == height]
    if square == len(known) and len(counts) == 1:
        message = "films of one square size: where the originals were not square, they were cropped or squashed"
        return listed("note", "film-all-square", message, squares)
    message = "square films among others: they may be crops of whole films"
    return listed("note", "film-square", message, squares)


def _others(count: int) -> str:
    return f", {count:,} others" if count > 0 else ""


def header_sizes(pixels: FilePixels, rows: Rows, reporter: Reporter) -> Iterator[tuple[int, int] | None]:
    """The header's size of each row's file."""
    with reporter.track(f"reading {len(rows)} headers", len(rows)) as tick:
        for row in rows:
            yield header_size(pixels, row)
            tick()
