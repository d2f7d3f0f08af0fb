"""Thin things on a film: lines, tubes and rings, collected as points and thrown onto the film at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from umcl_bench.data.phantom.anatomy import Chest
from umcl_bench.data.phantom.banks import Field, splat


class Pen:
    """Collects strokes in a chest's units; `picture` is their sum. A stroke keeps its strength at any film size."""

    def __init__(self, chest: Chest) -> None:
        self._x0, self._y0 = float(chest.x[0, 0]), float(chest.y[0, 0])
        self._pixel = float(chest.x[0, 1] - chest.x[0, 0])
        self._row = float(chest.y[1, 0] - chest.y[0, 0])
        self._area = self._pixel * self._row
        self._size = chest.size
        self._strokes: list[tuple[Field, Field, Field]] = []

    def line(
        self, points: Sequence[tuple[float, float]], width: float, strength: float, *, smooth: bool = True
    ) -> None:
        """A line through `points` that attenuates by `strength` over its width."""
        x, y = _through(np.asarray(points, dtype=np.float64), self._pixel, smooth)
        dx, dy = x[1:] - x[:-1], y[1:] - y[:-1]
        step = np.maximum(np.hypot(dx, dy), 1e-9)
        x, y = x[:-1] + dx / 2, y[:-1] + dy / 2
        lanes = max(1, round(2 * width / self._pixel))
        offset = (np.arange(lanes) - (lanes - 1) / 2) * (width / lanes)
        weight = strength * step * width / lanes / self._area
        self._add(
            x[:, None] - offset * (dy / step)[:, None],
            y[:, None] + offset * (dx / step)[:, None],
            np.broadcast_to(weight[:, None], (len(x), lanes)),
        )

    def tube(self, points: Sequence[tuple[float, float]], width: float, wall: float, strength: float) -> None:
        """Two walls along `points` and a fainter stripe between."""
        p = np.asarray(points, dtype=np.float64)
        ahead = np.gradient(p, axis=0)
        across = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
        for side in (-0.5, 0.5):
            moved = p + side * width * across
            self.line([(float(a), float(b)) for a, b in moved], wall, strength)
        self.line(points, width, 0.25 * strength)

    def ring(self, x: float, y: float, radius: float, width: float, strength: float) -> None:
        """A circle."""
        count = max(8, int(9 * radius / self._pixel))
        turn = np.arange(count) * (2 * np.pi / count)
        weight = np.full(count, strength * width * 2 * np.pi * radius / count / self._area)
        self._add(x + radius * np.cos(turn), y + radius * np.sin(turn), weight)

    def dashes(self, x: Field, y: Field, reach: Field, width: float, strength: float) -> None:
        """Short level lines that begin at the points (x, y) and run as far as `reach` (its sign is the direction)."""
        count = max(4, int(1.5 * float(np.abs(reach).max()) / self._pixel))
        along = (np.arange(count) + 0.5) / count
        weight = strength * width * np.abs(reach)[:, None] / count / self._area
        xs = x[:, None] + reach[:, None] * along
        self._add(xs, np.broadcast_to(y[:, None], xs.shape), np.broadcast_to(weight, xs.shape))

    def picture(self) -> Field:
        """The sum of all strokes, (size, size)."""
        x, y, weight = (np.concatenate(parts) for parts in zip(*self._strokes, strict=True))
        rows, columns = (y - self._y0) / self._row + 0.5, (x - self._x0) / self._pixel + 0.5
        return splat(rows, columns, weight, (self._size, self._size))

    def _add(self, x: Field, y: Field, weight: Field) -> None:
        self._strokes.append((x.ravel(), y.ravel(), weight.ravel()))


def _through(p: Field, pixel: float, smooth: bool) -> tuple[Field, Field]:
    """Points every half pixel on a Catmull-Rom curve (or straight pieces) through `p`."""
    length = float(np.hypot(*(p[1:] - p[:-1]).T).sum())
    count = max(4, int(1.5 * length / pixel))
    at = np.arange(count) * ((len(p) - 1.000001) / (count - 1))
    k = at.astype(int)
    s = (at - k)[:, None]
    b, c = p[k], p[k + 1]
    if not smooth or len(p) < 3:
        straight = b + (c - b) * s
        return straight[:, 0], straight[:, 1]
    a, d = p[np.maximum(k - 1, 0)], p[np.minimum(k + 2, len(p) - 1)]
    curve = b + 0.5 * s * (c - a + s * (2 * a - 5 * b + 4 * c - d + s * (3 * (b - c) + d - a)))
    return curve[:, 0], curve[:, 1]
