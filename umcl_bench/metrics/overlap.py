"""Overlap of predicted with true masks, from each film's counts of pixels.

The columns 'intersection', 'predicted', 'true' and 'pixels' are numbers of pixels: in both masks, in each, and of the
film. A film where they are NaN does not count. Two kinds of figure are easily mixed and are not alike: a mean over
films of each film's Dice, and `mdice`, which sums over all films first and counts the background as a class.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.metric import Compute, Metric
from umcl_bench.metrics.scores import Floats

COLUMNS = ("intersection", "predicted", "true", "pixels")


def film_dice(columns: Mapping[str, Floats]) -> Floats:
    """2 |A and B| / (|A| + |B|) of each film and class (n, c); 1 where both masks are empty, 0 where one of them is."""
    both = columns["predicted"] + columns["true"]
    return np.where(both == 0, 1.0, 2 * columns["intersection"] / np.where(both == 0, 1.0, both))


def film_iou(columns: Mapping[str, Floats]) -> Floats:
    """|A and B| / |A or B| of each film and class (n, c); 1 where both masks are empty."""
    union = columns["predicted"] + columns["true"] - columns["intersection"]
    return np.where(union == 0, 1.0, columns["intersection"] / np.where(union == 0, 1.0, union))


def _dice(columns: Mapping[str, Floats], weights: Floats) -> Floats:
    return _mean(film_dice(columns), ~np.isnan(columns["true"]), weights)


def _iou(columns: Mapping[str, Floats], weights: Floats) -> Floats:
    return _mean(film_iou(columns), ~np.isnan(columns["true"]), weights)


def _lesion_dice(columns: Mapping[str, Floats], weights: Floats) -> Floats:
    return _mean(film_dice(columns), columns["true"] > 0, weights)


def _lesion_iou(columns: Mapping[str, Floats], weights: Floats) -> Floats:
    return _mean(film_iou(columns), columns["true"] > 0, weights)


def _mean(values: Floats, counts: NDArray[np.bool_], weights: Floats) -> Floats:
    """The weighted mean over films that count: (n, c) values and weights (b, n) -> (b, c), NaN where none does."""
    total = weights @ np.where(counts, values, 0.0)
    return _ratio(total, weights @ counts.astype(np.float64))


def _mdice(columns: Mapping[str, Floats], weights: Floats) -> Floats:
    """The mean of the background's and the foreground's Dice, of pixels that are summed over all films first.

    As mmsegmentation and BenchX have it. A background of 0.99 lifts it: (0.99 + 0.4) / 2 is 0.7. NaN where no film has
    any foreground, true or predicted.
    """
    intersection, predicted, true, pixels = (weights @ np.nan_to_num(columns[name]) for name in COLUMNS)
    background = pixels - predicted - true + intersection
    front = _ratio(2 * intersection, predicted + true)
    return (front + _ratio(2 * background, 2 * pixels - predicted - true)) / 2


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def _metric(name: str, title: str, compute: Compute) -> Metric:
    def over_classes(columns: Mapping[str, Floats], weights: Floats) -> Floats:
        return np.asarray(compute(columns, weights).mean(axis=1, keepdims=True))

    return Metric(name, title, over_classes, COLUMNS, joint=True)


METRICS: tuple[Metric, ...] = (
    _metric("dice", "Dice", _dice),
    _metric("lesion-dice", "lesion Dice", _lesion_dice),
    _metric("iou", "IoU", _iou),
    _metric("lesion-iou", "lesion IoU", _lesion_iou),
    _metric("mdice", "mDice", _mdice),
)
"""Of masks at a threshold; of several kinds of masks the plain mean. `dice` and `iou` are means over films, where an
empty film scores 1 if nothing is predicted (GLoRIA); the `lesion-` ones are of films with a lesion alone, NaN where
there is none."""
