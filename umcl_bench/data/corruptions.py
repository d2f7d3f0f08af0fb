"""Corruptions of films: what happens to a radiograph between the tube and the screen, at three severities.

A film is corrupted at the model's size, from its own bytes alone: the same film is always corrupted the same way,
whatever stands beside it. All severities share a film's draws (the grain, the side it turns to), so that a more severe
one is the same corruption, only worse. Severities are ours: 1 is mild, 2 is seen at once, 3 is severe.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from umcl_bench.data.corpus import Rows
from umcl_bench.data.films import FilmStack

Film = NDArray[np.uint8]
Corrupt = Callable[[Film, int, Generator], Film]
"""A film (s, s), a severity from 1 to 3, and what the film's bytes seed -> (s, s)."""

_LETTERS = {
    "L": ("1....", "1....", "1....", "1....", "1....", "1....", "11111"),
    "R": ("1111.", "1...1", "1...1", "1111.", "1.1..", "1..1.", "1...1"),
}


def exposure(film: Film, severity: int, rng: Generator) -> Film:
    """Too light or too dark, by a coin: greys g in [0, 1] become g^gamma or g^(1/gamma), gamma 1.3, 1.7 or 2.5."""
    gamma = (1.3, 1.7, 2.5)[severity - 1]
    return _greys(255 * (film / 255) ** (gamma if rng.random() < 0.5 else 1 / gamma))


def contrast(film: Film, severity: int, rng: Generator) -> Film:
    """Flatter: greys keep 75, 50 or 30 % of their distance to the film's mean."""
    mean = film.mean()
    return _greys(mean + (0.75, 0.5, 0.3)[severity - 1] * (film - mean))


def noise(film: Film, severity: int, rng: Generator) -> Film:
    """Grain: normal, independent for each pixel, of standard deviation 6, 15 or 30 of 255 grey levels."""
    return _greys(film + (6.0, 15.0, 30.0)[severity - 1] * rng.standard_normal(film.shape))


def blur(film: Film, severity: int, rng: Generator) -> Film:
    """A Gaussian (pillow's) of 0.8, 1.6 or 3 % of the film's side."""
    radius = (0.008, 0.016, 0.03)[severity - 1] * len(film)
    return np.asarray(Image.fromarray(film).filter(ImageFilter.GaussianBlur(radius)))


def rotation(film: Film, severity: int, rng: Generator) -> Film:
    """Turned about its centre by 5, 10 or 20 degrees, to either side by a coin; black where there was no film."""
    degrees = (5, 10, 20)[severity - 1] * (1 if rng.random() < 0.5 else -1)
    return np.asarray(Image.fromarray(film).rotate(degrees, Image.Resampling.BILINEAR))


def crop(film: Film, severity: int, rng: Generator) -> Film:
    """A square of 95, 85 or 75 % of its side, anywhere on it, enlarged to the whole."""
    side = len(film)
    room = (1 - (0.95, 0.85, 0.75)[severity - 1]) * side
    left, top = (rng.random(2) * room).tolist()
    box = (left, top, left + side - room, top + side - room)
    return np.asarray(Image.fromarray(film).resize((side, side), Image.Resampling.BILINEAR, box=box))


def marker(film: Film, severity: int, rng: Generator) -> Film:
    """A white letter, L or R, in one of the upper corners: 8, 14 or 22 % of the side high."""
    letter, on_the_right = "LR"[rng.integers(2)], rng.random() < 0.5
    height = max(7, round((0.08, 0.14, 0.22)[severity - 1] * len(film)))
    glyph = np.array([[mark == "1" for mark in line] for line in _LETTERS[letter]])
    rows, columns = (np.arange(n) * of // n for n, of in ((height, 7), (max(5, height * 5 // 7), 5)))
    drawn, edge, out = glyph[rows][:, columns], max(1, len(film) // 32), film.copy()
    left = len(film) - edge - drawn.shape[1] if on_the_right else edge
    out[edge : edge + height, left : left + drawn.shape[1]][drawn] = 255
    return out


def jpeg(film: Film, severity: int, rng: Generator) -> Film:
    """Saved as JPEG of quality 60, 25 or 10, and read again."""
    saved = io.BytesIO()
    Image.fromarray(film).save(saved, "JPEG", quality=(60, 25, 10)[severity - 1])
    return np.asarray(Image.open(saved))


CORRUPT: dict[str, Corrupt] = {
    each.__name__: each for each in (exposure, contrast, noise, blur, rotation, crop, marker, jpeg)
}
"""By name; the names are spec.protocols.robustness.Corruption's."""


def corrupted(film: Film, name: str, severity: int) -> Film:
    """The film (s, s) of uint8 with the corruption of that name, at severity 1, 2 or 3."""
    seed = hashlib.sha256(name.encode() + np.ascontiguousarray(film).tobytes()).digest()
    return CORRUPT[name](film, severity, np.random.default_rng(int.from_bytes(seed, "little")))


def _greys(values: NDArray[np.float64]) -> Film:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


class CorruptedFilms:
    """Films of which chosen rows are corrupted when they are asked for; the others are as they were."""

    def __init__(self, films: FilmStack, rows: Rows, name: str, severity: int) -> None:
        self.films, self.name, self.severity = films, name, severity
        self.chosen = np.zeros(len(films), dtype=bool)
        self.chosen[rows] = True

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, s, s)."""
        return self.films.shape

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, rows: Rows | int, /) -> Film:
        """Films (len(rows), s, s), or the one film (s, s) of a row number."""
        if not isinstance(rows, np.ndarray):
            film: Film = self[np.array([rows])][0]
            return film
        out = np.array(self.films[rows])
        for place in np.flatnonzero(self.chosen[rows]).tolist():
            out[place] = corrupted(out[place], self.name, self.severity)
        return out
