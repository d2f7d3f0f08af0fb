"""Metrics of grounding: a map over a film against where a phrase's boxes are, and their means over phrases.

What is measured of one phrase is a column of its scores; a metric is the column's mean over a finding's phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.scores import Floats

DECIMALS = 6
"""Maps are compared to so many decimals: what differs by less does so by rounding, and is a tie."""

_Mask = NDArray[np.bool_]


class Localised(NamedTuple):
    """What a map says of one phrase; NaN is undefined."""

    cnr: float
    pointing: float
    iou: float


def localise(found: Floats, boxes: _Mask, film: _Mask, thresholds: Sequence[float], *, stretch: bool) -> Localised:
    """What a map (h, w) says of a phrase whose boxes are a mask (h, w); only what `film` (h, w) shows counts.

    Undefined where no box is on the film.
    """
    values, inside = np.round(found[film], DECIMALS), boxes[film]
    if not inside.any():
        return Localised(np.nan, np.nan, np.nan)
    return Localised(
        contrast_to_noise(values, inside), pointing_game(values, inside), mean_iou(values, inside, thresholds, stretch)
    )


def contrast_to_noise(values: Floats, inside: _Mask) -> float:
    """(mean inside - mean outside) / sqrt(variance inside + variance outside) of values (p,); its sign is kept.

    Boecking et al. 2022 take the absolute value, which rewards a map that is low where the boxes are. A constant map
    has no contrast: 0. Without noise a contrast is infinite, and without an outside it is undefined.
    """
    if inside.all() or not inside.any():
        return np.nan
    within, beyond = values[inside], values[~inside]
    if np.ptp(within) == np.ptp(beyond) == 0:  # the variance of equal values may be off 0 by rounding
        return float(np.sign(within[0] - beyond[0]) * np.inf) if within[0] != beyond[0] else 0.0
    return float((within.mean() - beyond.mean()) / np.sqrt(within.var() + beyond.var()))


def pointing_game(values: Floats, inside: _Mask) -> float:
    """1 where the largest of values (p,) lies inside (Zhang et al. 2018, without a margin), 0 elsewhere.

    Of several largest, the share that lies inside: of a constant map, the share of the film that the boxes have.
    """
    return float(inside[values == values.max()].mean())


def mean_iou(values: Floats, inside: _Mask, thresholds: Sequence[float], stretch: bool) -> float:
    """Intersection over union of what is above a threshold with what is inside, averaged over the thresholds.

    `stretch` puts the smallest value at -1 and the largest at 1 first. A map that marks nothing has 0; so has one that
    is constant, which can't be stretched.
    """
    if stretch:
        low, high = values.min(), values.max()
        if low == high:
            return 0.0
        values = (values - low) / (high - low) * 2 - 1
    marked = values > np.asarray(thresholds)[:, None]
    return float(((marked & inside).sum(1) / (marked | inside).sum(1)).mean())


def _mean_of(column: str, change: Callable[[Floats], Floats] | None = None) -> Callable[..., Floats]:
    """The mean of a column over the samples that have a value, (b, c); NaN where a resample has none."""

    def compute(columns: Mapping[str, Floats], weights: Floats) -> Floats:
        values = columns[column] if change is None else change(columns[column])
        known = ~np.isnan(values)
        count = weights @ known
        total = _weighted(np.where(known, values, 0.0), weights)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    return compute


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Weights (b, n) @ values (n, c), where an infinite value with no weight counts as nothing."""
    infinite = np.isinf(values)
    if not infinite.any():
        return weights @ values
    total = weights @ np.where(infinite, 0.0, values)
    up, down = weights @ (infinite & (values > 0)) > 0, weights @ (infinite & (values < 0)) > 0
    total[up], total[down] = np.inf, -np.inf
    total[up & down] = np.nan
    return total


METRICS = (
    Metric("cnr", "CNR", _mean_of("cnr"), ("cnr",), perfect=np.inf, chance=0.0),
    Metric("cnr-abs", "|CNR|", _mean_of("cnr", np.abs), ("cnr",), perfect=np.inf, chance=0.0),
    Metric("miou", "mIoU", _mean_of("iou"), ("iou",), chance=0.0),
    Metric("pointing", "pointing game", _mean_of("pointing"), ("pointing",)),
)
