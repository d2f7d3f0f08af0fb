"""CNR, the pointing game and mIoU of one map: definitions pixel by pixel, closed forms, ties and what is undefined."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from umcl_bench.metrics.localisation import contrast_to_noise, localise, mean_iou, pointing_game
from umcl_bench.metrics.registry import METRICS
from umcl_bench.metrics.scores import Floats, Scores

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
FILM = np.ones((8, 8), dtype=bool)
BOX = np.zeros((8, 8), dtype=bool)
BOX[2:5, 1:7] = True


def slow_cnr(values: list[float], inside: list[bool]) -> float:
    a = [v for v, i in zip(values, inside, strict=True) if i]
    b = [v for v, i in zip(values, inside, strict=True) if not i]
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    var = sum((v - mean_a) ** 2 for v in a) / len(a) + sum((v - mean_b) ** 2 for v in b) / len(b)
    return (mean_a - mean_b) / math.sqrt(var)


def slow_miou(values: list[float], inside: list[bool], *, stretch: bool) -> float:
    if stretch:
        low, high = min(values), max(values)
        values = [2 * (v - low) / (high - low) - 1 for v in values]
    found = []
    for threshold in THRESHOLDS:
        marked = [v > threshold for v in values]
        both = sum(m and i for m, i in zip(marked, inside, strict=True))
        found.append(both / sum(m or i for m, i in zip(marked, inside, strict=True)))
    return sum(found) / len(found)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_one_map_is_its_definition(seed: int, boxed: int) -> None:
    rng = np.random.default_rng(seed)
    values, inside = rng.uniform(-1, 1, 32), rng.permutation(32) < boxed
    assert contrast_to_noise(values, inside) == pytest.approx(slow_cnr(values.tolist(), inside.tolist()))
    assert pointing_game(values, inside) == float(inside[values.argmax()])
    for stretch in (True, False):
        expected = slow_miou(values.tolist(), inside.tolist(), stretch=stretch)
        assert mean_iou(values, inside, THRESHOLDS, stretch) == pytest.approx(expected)


def test_golden_values_by_hand() -> None:
    """Inside 3 and 5, outside 0 and 2: (4 - 1) / sqrt(1 + 1); of 0.15 and 0.35 inside, 1 of 5 and 3 of 5 thresholds."""
    values, inside = np.array([3.0, 5.0, 0.0, 2.0]), np.array([True, True, False, False])
    assert contrast_to_noise(values, inside) == pytest.approx(3 / math.sqrt(2))
    cosines = np.array([0.15, 0.35, 0.0])  # marked: both at .1, one at .2 and .3, none above
    found = mean_iou(cosines, np.array([True, True, False]), THRESHOLDS, stretch=False)
    assert found == pytest.approx((1 + 0.5 + 0.5) / 5)


def test_contrast_has_the_sign_of_the_map_and_no_scale() -> None:
    rng = np.random.default_rng(0)
    values, inside = rng.standard_normal(64), BOX.ravel()
    assert contrast_to_noise(-values, inside) == pytest.approx(-contrast_to_noise(values, inside))
    assert contrast_to_noise(3 * values + 7, inside) == pytest.approx(contrast_to_noise(values, inside))
    assert contrast_to_noise(values, ~inside) == pytest.approx(-contrast_to_noise(values, inside))
    stretched = mean_iou(3 * values + 7, inside, THRESHOLDS, stretch=True)
    assert stretched == pytest.approx(mean_iou(values, inside, THRESHOLDS, stretch=True))


def test_a_perfect_map_is_perfect_and_its_opposite_is_not() -> None:
    found = localise(BOX.astype(float), BOX, FILM, THRESHOLDS, stretch=True)
    assert found == (np.inf, 1.0, 1.0)
    assert localise(BOX.astype(float), BOX, FILM, THRESHOLDS, stretch=False) == (np.inf, 1.0, 1.0)
    assert localise(1.0 - BOX, BOX, FILM, THRESHOLDS, stretch=True) == (-np.inf, 0.0, 0.0)


@pytest.mark.parametrize("value", [0.0, 0.3, -1.0, 0.1 + 0.2])
def test_a_constant_map_has_no_contrast_and_points_by_area(value: float) -> None:
    noise = np.random.default_rng(0).uniform(-1e-9, 1e-9, (8, 8))  # as rounding leaves it
    for found in (np.full((8, 8), value), np.full((8, 8), value) + noise):
        one = localise(found, BOX, FILM, THRESHOLDS, stretch=True)
        assert one == (0.0, BOX.mean(), 0.0)


def test_equal_maxima_share_the_point() -> None:
    found = np.zeros((8, 8))
    found[2, 1], found[0, 0], found[7, 7] = 1, 1, 1
    assert localise(found, BOX, FILM, THRESHOLDS, stretch=True).pointing == pytest.approx(1 / 3)


def test_what_the_square_shows_beside_the_film_does_not_count() -> None:
    rng = np.random.default_rng(1)
    found, film = rng.uniform(-1, 1, (8, 8)), FILM.copy()
    film[:, 5:] = False
    elsewhere = found.copy()
    elsewhere[:, 5:] = 9.0
    one = localise(found, BOX, film, THRESHOLDS, stretch=True)
    assert one == localise(elsewhere, BOX, film, THRESHOLDS, stretch=True)
    assert one != localise(found, BOX, FILM, THRESHOLDS, stretch=True)


def test_no_box_on_the_film_is_undefined_and_a_box_that_is_all_of_it_has_no_contrast() -> None:
    found, none = np.random.default_rng(2).uniform(-1, 1, (8, 8)), np.zeros((8, 8), dtype=bool)
    assert np.isnan(localise(found, none, FILM, THRESHOLDS, stretch=True)).all()
    whole = localise(found, FILM, FILM, THRESHOLDS, stretch=True)
    assert math.isnan(whole.cnr)
    assert whole.pointing == 1.0


def test_random_maps_have_no_signed_contrast_but_an_absolute_one() -> None:
    """Why the signed CNR leads: 400 maps of noise have a mean of 0, and an absolute one above it."""
    rng = np.random.default_rng(3)
    found = np.array([contrast_to_noise(rng.standard_normal(64), BOX.ravel()) for _ in range(400)])
    assert abs(found.mean()) < 4 * found.std() / 20
    assert abs(found).mean() > 20 * abs(found).std() / 20


def phrases(values: Floats) -> Scores:
    names: NDArray[np.object_] = np.array([f"p{i}" for i in range(len(values))], dtype=object)
    columns = {"cnr": values, "pointing": np.abs(values), "iou": np.abs(values)}
    return Scores(columns, names, names, tuple("abc"[: values.shape[1]]))


def test_a_figure_is_the_mean_over_a_findings_phrases() -> None:
    scores = phrases(np.array([[1.0, np.nan], [-3.0, np.nan], [np.nan, 0.5]]))
    assert METRICS["cnr"].points(scores).tolist() == [-1.0, 0.5]
    assert METRICS["cnr-abs"].points(scores).tolist() == [2.0, 0.5]
    weights = np.array([[2.0, 1, 0], [0.0, 1, 3]])
    np.testing.assert_allclose(METRICS["cnr"].resampled(scores, weights), [[-1 / 3, np.nan], [-3, 0.5]])


def test_an_infinite_contrast_stays_infinite_and_does_not_spoil_the_resamples_without_it() -> None:
    scores = phrases(np.array([[np.inf], [1.0], [-np.inf]]))
    weights = np.array([[1.0, 1, 0], [0.0, 1, 0], [0.0, 1, 1], [1.0, 0, 1]])
    np.testing.assert_array_equal(METRICS["cnr"].resampled(scores, weights).ravel(), [np.inf, 1, -np.inf, np.nan])


def test_the_largest_value_points_however_little_it_is_larger() -> None:
    assert pointing_game(np.array([0.5, 0.500002]), np.array([True, False])) == 0
    assert pointing_game(np.array([0.500002, 0.5]), np.array([True, False])) == 1
