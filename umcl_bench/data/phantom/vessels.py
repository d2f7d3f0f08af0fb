"""A bank of the lungs' vessel trees: they leave the hila, branch, taper and thin out towards the pleura."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from umcl_bench.data.phantom.banks import CANVAS, V_PER_U, Bank, Field, make_bank, splat, to_canvas

TREES = 8
_GENERATIONS = 7
_STEPS = 22


class _Twigs(NamedTuple):
    """Branches of one generation: where they begin, where they head to (0 is outwards), their radius and length."""

    u: Field
    v: Field
    heading: Field
    radius: Field
    length: Field


@lru_cache(maxsize=1)
def trees() -> Bank:
    """Both lungs' vessels and hila, as attenuation."""
    return make_bank(np.stack([_both_sides(np.random.default_rng([53, k])) for k in range(TREES)]))


def _both_sides(rng: Generator) -> Field:
    picture = np.zeros(CANVAS, dtype=np.float32)
    for side, height in ((-1.0, 0.43), (1.0, 0.4)):
        twigs = _roots(rng, height)
        for _ in range(_GENERATIONS):
            picture += _draw(twigs, side, rng)
            twigs = _children(twigs, rng)
    return picture


def _roots(rng: Generator, height: float) -> _Twigs:
    headings = np.array([-1.3, -0.9, -0.5, -0.1, 0.3, 0.7, 1.05, 1.3]) + rng.normal(0, 0.12, 8)
    lengths = np.array([0.2, 0.21, 0.2, 0.18, 0.2, 0.24, 0.28, 0.27]) * rng.uniform(0.8, 1.2, 8)
    radius = np.array([0.018, 0.019, 0.016, 0.015, 0.018, 0.024, 0.032, 0.026]) * rng.uniform(0.85, 1.15, 8)
    return _Twigs(0.2 + 0.03 * rng.normal(size=8), height + 0.035 * rng.normal(size=8), headings, radius, lengths)


def _path(twigs: _Twigs, bend: Field) -> tuple[Field, Field]:
    s = np.linspace(0, 1, _STEPS)
    heading = twigs.heading[:, None] + bend[:, None] * s
    step = twigs.length[:, None] / _STEPS
    u = twigs.u[:, None] + np.cumsum(np.cos(heading) * step, axis=1)
    return u, twigs.v[:, None] + np.cumsum(np.sin(heading) * step, axis=1) / V_PER_U


def _draw(twigs: _Twigs, side: float, rng: Generator) -> Field:
    u, v = _path(twigs, rng.normal(0, 0.35, len(twigs.u)))
    across = np.linspace(-0.85, 0.85, 5)
    radius = twigs.radius[:, None, None] * np.linspace(1, 0.8, _STEPS)[:, None]
    offset = radius * across
    heading = twigs.heading[:, None, None]
    rows, columns = to_canvas(
        side * (u[..., None] - offset * np.sin(heading)), v[..., None] + offset * np.cos(heading) / V_PER_U
    )
    chord = np.sqrt(1 - across**2) * radius**2 * twigs.length[:, None, None]
    return splat(rows, columns, 110_000 / _STEPS * chord, CANVAS)


def _children(twigs: _Twigs, rng: Generator) -> _Twigs:
    """Two at the end of each branch, the radii as Murray's law has them, roughly."""
    u, v = _path(twigs, np.zeros(len(twigs.u)))
    n = len(twigs.u)
    spread = rng.uniform(0.22, 0.62, n)
    heading = np.concatenate([twigs.heading + spread, twigs.heading - 0.8 * spread]) + rng.normal(0, 0.1, 2 * n)
    thinner = np.concatenate([rng.uniform(0.68, 0.86, n), rng.uniform(0.55, 0.78, n)])
    back = rng.integers(_STEPS // 2, _STEPS, n)
    at = np.arange(n)
    return _Twigs(
        np.concatenate([u[:, -1], u[at, back]]),
        np.concatenate([v[:, -1], v[at, back]]),
        heading,
        np.tile(twigs.radius, 2) * thinner,
        np.tile(twigs.length, 2) * rng.uniform(0.66, 0.95, 2 * n),
    )
