"""Decisions from scores, by thresholds that are chosen on val."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.scores import Floats

RULE = (
    "the threshold with the highest {score} on val, among the lowest score there (all are called present) and the "
    "midpoints between neighbouring different scores; of equally good ones the lowest"
)


def best_threshold(score: Floats, target: Floats, by: Literal["f1", "mcc"]) -> float:
    """The threshold for scores (n,) with the highest F1 or MCC against a target (n,) in {1, 0, NaN}; see RULE.

    A film is called present from the threshold on. Rows without target or score do not count. NaN where there is no
    positive or no negative.
    """
    known = ~(np.isnan(score) | np.isnan(target))
    positive = target[known] == 1
    if positive.all() or not positive.any():
        return float("nan")
    distinct, place = np.unique(score[known], return_inverse=True)
    candidates = np.concatenate([distinct[:1], (distinct[1:] + distinct[:-1]) / 2])
    called, hits = (_from_here_on(place, len(distinct), kept) for kept in (np.ones_like(positive), positive))
    # rounded, so that counts that are equally good by arithmetic are so by float too
    return float(candidates[np.round(_SCORES[by](called, hits, positive.sum(), len(positive)), 12).argmax()])


def decide(score: Floats, thresholds: Floats) -> Floats:
    """1 for scores (n, c) from their class's threshold (c,) on, else 0; NaN where either is NaN."""
    known = ~(np.isnan(score) | np.isnan(thresholds))
    return np.where(known, (score >= thresholds).astype(np.float64), np.nan)


def _from_here_on(place: NDArray[np.intp], count: int, kept: NDArray[np.bool_]) -> Floats:
    """How many of the kept scores are the i-th distinct one or higher, (count,)."""
    return np.bincount(place[kept], minlength=count)[::-1].cumsum()[::-1].astype(np.float64)


def _f1(called: Floats, hits: Floats, positives: int, n: int) -> Floats:
    return 2 * hits / (called + positives)


def _mcc(called: Floats, hits: Floats, positives: int, n: int) -> Floats:
    square = called * (n - called) * positives * (n - positives)
    return np.where(square > 0, (n * hits - called * positives) / np.sqrt(np.maximum(square, 1)), 0.0)


_SCORES = {"f1": _f1, "mcc": _mcc}
