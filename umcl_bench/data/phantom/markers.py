"""What is on a film besides the patient: burnt-in letters and the borders of the collimated field, by site."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from umcl_bench.data.phantom.anatomy import axis
from umcl_bench.data.phantom.banks import Field, unit
from umcl_bench.data.phantom.studies import Study

_FONT = {
    "A": "0e11111f111111",
    "B": "1e11111e11111e",
    "C": "0e11101010110e",
    "D": "1e11111111111e",
    "E": "1f10101e10101f",
    "I": "0e04040404040e",
    "L": "1010101010101f",
    "N": "11191915131311",
    "O": "0e11111111110e",
    "P": "1e11111e101010",
    "R": "1e11111e141211",
    "S": "0f10100e01011e",
    "T": "1f040404040404",
    "U": "1111111111110e",
}
"""Seven rows of five pixels, two hexadecimal digits each; other characters are left blank."""


@lru_cache(maxsize=64)
def lettering(text: str, boxed: bool, upright: bool) -> Field:
    """The text as a picture of 0 and 1 with a margin: white letters, or dark ones on a plate; or turned on its side."""
    rows = [[int(_FONT.get(c, "0" * 14)[2 * k : 2 * k + 2], 16) for c in text] for k in range(7)]
    bits = np.array([[(row >> (4 - b)) & 1 for row in line for b in range(-1, 5)] for line in rows], dtype=np.float32)
    bits = np.pad(bits, ((1, 1), (0, 1)))
    picture = 1 - bits if boxed else bits
    return picture if upright else np.ascontiguousarray(np.rot90(picture))


def burn_in(grey: Field, study: Study) -> None:
    """Writes the study's marker onto the film, in place, in the manner of its site."""
    if not study.marker:
        return
    rng = np.random.default_rng([study.seed, 4])
    picture = lettering(study.marker, study.site == 1, study.site != 2)
    letter = rng.uniform(0.09, 0.13) if len(study.marker) == 1 else rng.uniform(0.045, 0.06)
    pixel = letter / 7 * len(grey) / 2
    left_side = study.marker == "R" or (study.marker != "L" and rng.random() < 0.3)
    width = picture.shape[1] * pixel
    top = rng.uniform(0.02, 0.1) * len(grey)
    edge = rng.uniform(0.03, 0.1) * len(grey)
    _stamp(grey, picture, top, edge if left_side else len(grey) - edge - width, pixel, rng.uniform(0.85, 1.0))


def _stamp(grey: Field, picture: Field, top: float, left: float, pixel: float, tone: float) -> None:
    """Lays the picture at its place, each film pixel taking the mean of what it covers."""
    down = _coverage(picture.shape[0], top, pixel, len(grey))
    across = _coverage(picture.shape[1], left, pixel, len(grey))
    rows, columns = np.flatnonzero(down.any(axis=1)), np.flatnonzero(across.any(axis=1))
    if not (len(rows) and len(columns)):
        return
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = np.einsum("ri,ij,cj->rc", down[rows], picture, across[columns])
    grey[part] += (tone - grey[part]) * ink


def _coverage(cells: int, start: float, pixel: float, size: int) -> Field:
    """(size, cells): how much of each film pixel each cell covers."""
    edges = start + np.arange(cells + 1) * pixel
    low = np.arange(size)[:, None]
    return unit(np.minimum(edges[1:], low + 1) - np.maximum(edges[:-1], low)).astype(np.float32)


def collimate(grey: Field, study: Study) -> None:
    """Covers what lies outside the collimated field, in place: black or, where nothing was exposed, white."""
    if study.site == 0:
        return
    rng = np.random.default_rng([study.seed, 5])
    at, size = axis(len(grey)), len(grey)
    shown = {1: 0.3, 2: 0.25, 3: 0.5}[study.site]
    tone = (1.0 if study.site == 2 else 0.0, 1.0)[int(study.site == 2 and rng.random() < 0.8)]
    for across in (True, False):
        for sign in (-1.0, 1.0):
            margin, slant, drawn = 0.12 * rng.random() ** 2, rng.normal(0, 0.012), rng.random()
            if drawn > shown:
                continue
            edge = 1 - margin + slant * at
            inside = (edge[:, None] - sign * at) if across else (edge - sign * at[:, None])
            cover = unit(inside * np.float32(size / 3) + 0.5)
            grey += (tone - grey) * (1 - cover)
