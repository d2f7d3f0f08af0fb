"""References, as in references.py, of metrics that summarise what was measured of each sample: ranks, masks, maps.

What is measured has its own tests; here it is drawn. A sample's NaN does not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from tests.metrics.references import Columns, Reference
from umcl_bench.metrics.scores import Floats

RECALLS, PRECISIONS = (1, 5, 10), (1, 2, 5, 10, 50, 100)


def measured(*names: str, signed: bool = False) -> Callable[[Generator, str], dict[str, Floats]]:
    """Columns of three classes. In kind 'absent' nothing is known of the second, as a measurement that failed."""

    def draw(rng: Generator, kind: str, n: int = 60) -> dict[str, Floats]:
        columns = {}
        for name in names:
            values = rng.integers(0, 4, (n, 3)) / 3 if kind == "tied" else rng.random((n, 3))
            values = values - 0.5 if signed else values
            if kind == "unknown":
                values[rng.random((n, 3)) < 0.3] = np.nan
            if kind == "absent":
                values[:, 1] = np.nan
            columns[name] = values
        return columns

    return draw


def masks(rng: Generator, kind: str, n: int = 60) -> dict[str, Floats]:
    """Counts of pixels of films of 64; in kind 'tied' half of the masks are empty, in 'absent' all of them."""
    true, predicted = (rng.integers(1, 30, (n, 1)).astype(float) for _ in range(2))
    if kind == "tied":
        true[rng.random((n, 1)) < 0.5] = 0
        predicted[rng.random((n, 1)) < 0.5] = 0
    if kind == "absent":
        true[:] = predicted[:] = 0
    both = np.floor(np.minimum(true, predicted) * rng.random((n, 1)))
    columns = {"intersection": both, "predicted": predicted, "true": true, "pixels": np.full((n, 1), 64.0)}
    if kind == "unknown":
        unknown = rng.random((n, 1)) < 0.3
        columns = {name: np.where(unknown, np.nan, column) for name, column in columns.items()}
    return columns


def each(column: str, of: Callable[[list[float]], float]) -> Callable[[Columns], list[float]]:
    """A figure of the known values of each class; NaN where there are none."""

    def figures(columns: Columns) -> list[float]:
        known = [[v for v in class_.tolist() if not math.isnan(v)] for class_ in columns[column].T]
        return [of(values) if values else math.nan for values in known]

    return figures


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


Film = tuple[float, float, float, float]
"""Pixels in both masks, in the predicted one, in the true one, and of the film."""


def films(of: Callable[[list[Film]], float]) -> Callable[[Columns], list[float]]:
    """A figure of the films of one kind of mask, those of which nothing is known left out."""

    def figures(columns: Columns) -> list[float]:
        rows = np.concatenate([columns[name] for name in ("intersection", "predicted", "true", "pixels")], axis=1)
        return [of([(a, b, c, d) for a, b, c, d in rows.tolist() if not math.isnan(c)])]

    return figures


def dice(film: Film) -> float:
    both, predicted, true, _ = film
    return 2 * both / (predicted + true) if predicted + true else 1.0


def iou(film: Film) -> float:
    both, predicted, true, _ = film
    return both / (predicted + true - both) if predicted + true else 1.0


def mean_over(of: Callable[[Film], float], *, lesions: bool) -> Callable[[list[Film]], float]:
    def figure(rows: list[Film]) -> float:
        kept = [of(film) for film in rows if film[2] > 0 or not lesions]
        return mean(kept) if kept else math.nan

    return figure


def mdice(rows: list[Film]) -> float:
    """All films as one film: Dice of the foreground, and of what is outside both masks; then their mean."""
    both, predicted, true, pixels = (sum(column) for column in zip(*rows, strict=True)) if rows else (0, 0, 0, 0)
    if predicted + true == 0:
        return math.nan
    outside = pixels - predicted - true + both
    return (2 * both / (predicted + true) + 2 * outside / (2 * pixels - predicted - true)) / 2


COLUMN_REFERENCES: dict[str, Reference] = {
    **{f"r@{k}": Reference(measured(f"hit@{k}"), each(f"hit@{k}", mean)) for k in RECALLS},
    **{f"p@{k}": Reference(measured(f"precision@{k}"), each(f"precision@{k}", mean)) for k in PRECISIONS},
    "mean-rank": Reference(measured("rank"), each("rank", mean)),
    "median-rank": Reference(measured("rank"), each("rank", lambda values: float(np.median(values)))),
    "dice": Reference(masks, films(mean_over(dice, lesions=False))),
    "iou": Reference(masks, films(mean_over(iou, lesions=False))),
    "lesion-dice": Reference(masks, films(mean_over(dice, lesions=True))),
    "lesion-iou": Reference(masks, films(mean_over(iou, lesions=True))),
    "mdice": Reference(masks, films(mdice)),
    "cnr": Reference(measured("cnr", signed=True), each("cnr", mean)),
    "cnr-abs": Reference(measured("cnr", signed=True), each("cnr", lambda values: mean([abs(v) for v in values]))),
    "miou": Reference(measured("iou"), each("iou", mean)),
    "pointing": Reference(measured("pointing"), each("pointing", mean)),
}
