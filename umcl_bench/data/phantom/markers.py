"""What is on a film besides the patient: burnt-in letters and the borders of the collimated field, by site."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from umcl_bench.data.phantom.anatomy import Pose, axis
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


def burn_in(grey: Field, study: Study, pose: Pose) -> None:
    """Writes the study's marker onto the film, in place, in the manner of its site."""
    if not study.marker:
        return
    size, (large, aside, down, inward, bright) = len(grey), pose.dice[:5]
    picture = lettering(study.marker, study.site == 1, study.site != 2)
    letter = 0.09 + 0.04 * large if len(study.marker) == 1 else 0.045 + 0.015 * large
    pixel = letter / 14 * size
    on_right = study.marker == "R" or (study.marker != "L" and aside < 0.3)
    top, edge = (0.02 + 0.08 * down) * size, (0.03 + 0.07 * inward) * size
    left = edge if on_right else size - edge - picture.shape[1] * pixel
    _stamp(grey, picture, top, left, pixel, 0.85 + 0.15 * bright)


def _stamp(grey: Field, picture: Field, top: float, left: float, pixel: float, tone: float) -> None:
    """Lays the picture at its place, each film pixel taking the mean of what it covers."""
    down = _coverage(picture.shape[0], top, pixel, len(grey))
    across = _coverage(picture.shape[1], left, pixel, len(grey))
    rows, columns = np.flatnonzero(down.any(axis=1)), np.flatnonzero(across.any(axis=1))
    if not (len(rows) and len(columns)):
        return
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = down[rows] @ picture @ across[columns].T
    grey[part] += (tone - grey[part]) * ink


def _coverage(cells: int, start: float, pixel: float, size: int) -> Field:
    """(size, cells): how much of each film pixel each cell covers."""
    edges = start + np.arange(cells + 1) * pixel
    low = np.arange(size)[:, None]
    return unit(np.minimum(edges[1:], low + 1) - np.maximum(edges[:-1], low)).astype(np.float32)


def collimate(grey: Field, study: Study, pose: Pose) -> None:
    """Covers what lies outside the collimated field, in place: black or, where nothing was exposed, white."""
    if study.site == 0:
        return
    at, shown = axis(len(grey)), {1: 0.3, 2: 0.25, 3: 0.5}[study.site]
    tone = 1.0 if study.site == 2 and pose.dice[5] < 0.8 else 0.0
    for k in range(4):
        drawn, margin, slant = pose.dice[6 + 3 * k : 9 + 3 * k]
        if drawn > shown:
            continue
        edge = 1 - 0.12 * margin * margin + 0.04 * (slant - 0.5) * at
        inward = at if k < 2 else -at
        inside = edge[:, None] - inward if k % 2 else edge - inward[:, None]
        grey += (tone - grey) * (1 - unit(inside * np.float32(len(grey) / 3) + 0.5))
