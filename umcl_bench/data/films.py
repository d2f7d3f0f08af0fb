"""Films in memory maps, as training and tests take them: by row numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Pixels, Rows
from umcl_bench.spec import ImageTower


class FilmStack(Protocol):
    """n films of one size; `stack[rows]` gives (len(rows), s, s) uint8, `stack[row]` one. A numpy array is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, s, s)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Rows | int, /) -> NDArray[np.uint8]: ...


class JoinedFilms:
    """The films of several datasets behind one another, each in its own map: nothing is copied or decoded twice."""

    def __init__(self, parts: Sequence[NDArray[np.uint8]]) -> None:
        self.parts = list(parts)
        self.starts = np.cumsum([0, *(len(part) for part in parts)])

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, s, s)."""
        return (len(self), *self.parts[0].shape[1:])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, rows: Rows | int, /) -> NDArray[np.uint8]:
        """Films (len(rows), s, s) in the order of `rows`, or the one film (s, s) of a row number."""
        if not isinstance(rows, np.ndarray):
            film: NDArray[np.uint8] = self[np.array([rows])][0]
            return film
        out = np.empty((len(rows), *self.parts[0].shape[1:]), dtype=np.uint8)
        self.take(rows, out)
        return out

    def take(self, rows: Rows, out: NDArray[np.uint8]) -> None:
        """Writes the films of `rows` into `out` (len(rows), s, s)."""
        part_of = np.searchsorted(self.starts, rows, side="right") - 1
        for number, part in enumerate(self.parts):
            chosen = part_of == number
            out[chosen] = part[rows[chosen] - self.starts[number]]


class ReadFilms:
    """A corpus's films as a model sees them, each read when it is asked for: for a few of many."""

    def __init__(self, pixels: Pixels, image: ImageTower) -> None:
        self.pixels, self.image = pixels, image

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, s, s)."""
        return len(self), self.image.size, self.image.size

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: Rows | int, /) -> NDArray[np.uint8]:
        """Films (len(rows), s, s), or the one film (s, s) of a row number. Raises DataError for an unreadable one."""
        if not isinstance(rows, np.ndarray):
            return self.pixels.read(int(rows), self.image.size, self.image.geometry)
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8)
        for place, row in enumerate(rows.tolist()):
            out[place] = self[row]
        return out


def take(films: FilmStack, rows: Rows, out: NDArray[np.uint8]) -> None:
    """Copies films straight from their memory map into `out` (len(rows), s, s): pinned memory, say."""
    if isinstance(films, np.ndarray):
        np.take(films, rows, axis=0, out=out, mode="clip")  # 'raise' would go through a buffer; the rows are ours
    elif isinstance(films, JoinedFilms):
        films.take(rows, out)
    else:
        out[...] = films[rows]
