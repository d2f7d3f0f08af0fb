"""A corpus as a model sees it: its films at one size, dataset by dataset, less those that can't be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.cache import CachePlan, cached_images, plan_cache
from umcl_bench.data.corpus import Corpus, JoinedPixels, Pixels
from umcl_bench.data.films import FilmStack, JoinedFilms
from umcl_bench.progress import Reporter
from umcl_bench.spec import ImageTower


class Seen(NamedTuple):
    """A corpus with its films, less those that can't be read, and why these can't, by id."""

    corpus: Corpus
    films: FilmStack
    unreadable: dict[str, str]


def see(
    corpus: Corpus, image: ImageTower, reporter: Reporter, *, workers: int = 0, skip_unreadable: bool = False
) -> Seen:
    """Reads the films, or finds them in the cache. A film that can't be read is a DataError, or left out and listed."""
    found = []
    rows: list[int] = []
    for start, part, present in _parts(corpus):
        films = cached_images(
            part,
            image.size,
            reporter,
            workers=workers or os.cpu_count() or 1,
            geometry=image.geometry,
            present=present,
            skip_unreadable=skip_unreadable,
        )
        found.append(films)
        rows += (films.unreadable + start).tolist()
    why = dict(zip(corpus.ids[rows].tolist(), (r for films in found for r in films.reasons), strict=True))
    kept = corpus.without(np.array(rows), "the film can't be read") if rows else corpus
    return Seen(kept, found[0].pixels if len(found) == 1 else JoinedFilms([f.pixels for f in found]), why)


def plan_films(corpus: Corpus, image: ImageTower, *, workers: int = 0) -> CachePlan:
    """What reading the films will take."""
    plans = [
        plan_cache(part, image.size, workers=workers or os.cpu_count() or 1, geometry=image.geometry, present=present)
        for _, part, present in _parts(corpus)
    ]
    films, size, seconds = (sum(p[column] for p in plans) for column in range(3))
    unreadable = sum(plan.unreadable * plan.films for plan in plans) / max(1, films)
    return CachePlan(int(films), int(size), float(seconds), plans[0].free, unreadable)


def _parts(corpus: Corpus) -> Iterator[tuple[int, Pixels, NDArray[np.bool_] | None]]:
    """Each dataset's first row, films, and which rows have one (None: all), so that a cache is of one dataset."""
    parts = corpus.pixels.parts if isinstance(corpus.pixels, JoinedPixels) else (corpus.pixels,)
    start = 0
    for part in parts:
        present = None if corpus.has_image is None else corpus.has_image[start : start + len(part)]
        yield start, part, None if present is None or present.all() else present
        start += len(part)
