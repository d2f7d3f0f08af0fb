"""Shares of parts in which two models' order is not that of their means."""

import math

import numpy as np
import pytest

from umcl_bench.metrics.flips import flip_share, part_figures
from umcl_bench.metrics.scores import Scores


def slow(one: list[float], other: list[float]) -> float:
    mean = np.sign(sum(one) / len(one) - sum(other) / len(other))
    total = 0.0
    for a, b in zip(one, other, strict=True):
        order = np.sign(a - b)
        total += 0 if order == mean else 1 if order == -mean else 0.5
    return total / len(one)


@pytest.mark.parametrize("levels", [2, 4, 1000])
def test_it_is_its_definition_symmetric_and_without_regard_to_the_order_of_parts(levels: int) -> None:
    rng = np.random.default_rng(levels)
    for _ in range(50):
        one, other = (rng.integers(0, levels, 12) / 8 for _ in range(2))
        found = flip_share(one, other)
        assert found == pytest.approx(slow(one.tolist(), other.tolist()))
        assert found == pytest.approx(flip_share(other, one))
        order = rng.permutation(12)
        assert found == pytest.approx(flip_share(one[order], other[order]))
        assert 0 <= found <= 1


def test_known_values() -> None:
    assert flip_share(np.array([0.9, 0.8, 0.7]), np.array([0.1, 0.2, 0.3])) == 0
    assert flip_share(np.array([0.9, 0.4, 0.4, 0.5]), np.array([0.1, 0.5, 0.5, 0.5])) == (0 + 1 + 1 + 0.5) / 4
    assert flip_share(np.array([0.5, 0.75]), np.array([0.75, 0.5])) == 0.5  # equal means
    assert flip_share(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0
    assert math.isnan(flip_share(np.array([0.5, math.nan]), np.array([0.5, 0.5])))


def test_the_figures_of_parts_are_their_macro_figures() -> None:
    who = np.array(["a", "b"], dtype=object)
    good = Scores.of(np.array([[0.1], [0.9]]), np.array([[0.0], [1.0]]), who, who, ("x",))
    bad = Scores.of(np.array([[0.9], [0.1]]), np.array([[0.0], [1.0]]), who, who, ("x",))
    assert part_figures({"1": good, "2": bad, "3": bad}, ("2", "1"), "auroc").tolist() == [0, 1]
