"""Thresholds: the best of all candidates, the lowest of equally good ones, nothing where there is nothing to choose."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, matthews_corrcoef

from umcl_bench.protocols.thresholds import best_threshold, decide

PEERS = {"f1": f1_score, "mcc": matthews_corrcoef}


def slow(score: NDArray[np.float64], target: NDArray[np.float64], by: str) -> float:
    """The definition: every candidate in turn, by scikit-learn."""
    distinct = sorted(set(score.tolist()))
    candidates = [distinct[0], *((a + b) / 2 for a, b in itertools.pairwise(distinct))]
    worth = [round(float(PEERS[by](target, score >= c)), 12) for c in candidates]
    return float(candidates[worth.index(max(worth))])


@pytest.mark.parametrize("by", ["f1", "mcc"])
@pytest.mark.parametrize("levels", [3, 8, 10**6])
def test_it_is_the_best_of_all_candidates(by: str, levels: int) -> None:
    rng = np.random.default_rng(levels)
    for _ in range(30):
        score = rng.integers(0, levels, 25) / levels
        target = (rng.random(25) < 0.3 + 0.4 * score).astype(np.float64)
        target[:2] = 0, 1
        assert best_threshold(score, target, by) == pytest.approx(slow(score, target, by), abs=1e-15)  # type: ignore[arg-type]


def test_a_separating_threshold_is_the_midpoint_and_rows_and_unknown_labels_change_nothing() -> None:
    score, target = np.array([0.1, 0.2, 0.6, 0.8]), np.array([0.0, 0, 1, 1])
    for by in ("f1", "mcc"):
        assert best_threshold(score, target, by) == pytest.approx(0.4)
        assert best_threshold(score[::-1], target[::-1], by) == best_threshold(score, target, by)
        more = best_threshold(np.append(score, [0.5, np.nan]), np.append(target, [np.nan, 1]), by)
        assert more == pytest.approx(0.4)


def test_of_equally_good_thresholds_the_lowest() -> None:
    assert best_threshold(np.full(4, 0.3), np.array([1.0, 0, 0, 1]), "mcc") == 0.3
    # calling 2 of 4 or 4 of 4: F1 is 2/3 both times
    score, target = np.array([0.9, 0.8, 0.2, 0.1]), np.array([1.0, 0, 0, 1])
    assert best_threshold(score, target, "f1") == 0.1


@pytest.mark.parametrize("target", [[0.0, 0, 0], [1.0, 1, 1], [math.nan] * 3])
def test_without_positives_or_negatives_there_is_none(target: list[float]) -> None:
    assert math.isnan(best_threshold(np.array([0.1, 0.2, 0.3]), np.array(target), "f1"))
    assert math.isnan(best_threshold(np.zeros(0), np.zeros(0), "mcc"))


def test_decisions_are_from_the_threshold_on_and_unknown_where_either_is() -> None:
    found = decide(np.array([[0.5, 0.5], [0.4, 0.5], [np.nan, 0.5]]), np.array([0.5, np.nan]))
    np.testing.assert_array_equal(found, [[1, np.nan], [0, np.nan], [np.nan, np.nan]])
