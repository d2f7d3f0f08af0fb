"""Corruptions: of a film's bytes alone, worse with severity, and what each is said to be."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.corruptions import CORRUPT, CorruptedFilms, corrupted
from umcl_bench.data.films import JoinedFilms
from umcl_bench.spec.protocols.robustness import CORRUPTIONS, Corruption

Films = NDArray[np.uint8]
ALL = [(name, severity) for name in CORRUPTIONS for severity in (1, 2, 3)]


@pytest.fixture(scope="module")
def films(phantom: Corpus) -> Films:
    return np.stack([phantom.pixels.read(row, 64) for row in range(12)])


def test_the_spec_names_those_that_there_are() -> None:
    assert tuple(CORRUPT) == CORRUPTIONS == get_args(Corruption)


@pytest.mark.parametrize(("name", "severity"), ALL)
@pytest.mark.parametrize("size", [32, 64, 224])
def test_a_corrupted_film_is_a_film_and_another_one(name: str, severity: int, size: int) -> None:
    film = np.random.default_rng(0).integers(0, 256, (size, size), dtype=np.uint8)
    before = film.copy()
    found = corrupted(film, name, severity)
    assert found.shape == film.shape
    assert found.dtype == np.uint8
    assert (found != film).any()
    np.testing.assert_array_equal(film, before)
    np.testing.assert_array_equal(corrupted(film, name, severity), found)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_moves_greys_further(name: str, films: Films) -> None:
    moved = [np.mean([np.abs(corrupted(film, name, s).astype(int) - film).mean() for film in films]) for s in (1, 2, 3)]
    assert 0 < moved[0] < moved[1] < moved[2]
    assert moved[0] < 25  # mild: a tenth of the range


@pytest.mark.parametrize(("name", "severity"), [(name, 3) for name in CORRUPTIONS])
def test_a_film_is_corrupted_the_same_way_wherever_it_stands(name: str, severity: int, films: Films) -> None:
    rows = np.array([7, 3, 3, 11, 0])
    chosen = np.array([0, 3, 7])
    stack = CorruptedFilms(films, chosen, name, severity)
    found = stack[rows]
    for place, row in enumerate(rows.tolist()):
        expected = corrupted(films[row], name, severity) if row in chosen else films[row]
        np.testing.assert_array_equal(found[place], expected)
        np.testing.assert_array_equal(stack[row], expected)
    turned = CorruptedFilms(JoinedFilms([films[:5], films[5:]]), chosen, name, severity)
    np.testing.assert_array_equal(turned[rows], found)
    assert (stack.shape, len(stack)) == (films.shape, len(films))
    assert stack[rows[:0]].shape == (0, 64, 64)


def test_films_differ_in_their_draws() -> None:
    film = np.full((64, 64), 100, dtype=np.uint8)
    other = film.copy()
    other[0, 0] = 101
    one, two = (corrupted(f, "noise", 2).astype(int) - f for f in (film, other))
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.1


def test_noise_has_its_standard_deviation_and_no_bias() -> None:
    film = np.full((224, 224), 128, dtype=np.uint8)
    for severity, sd in ((1, 6.0), (2, 15.0), (3, 30.0)):
        off = corrupted(film, "noise", severity).astype(float) - 128
        assert off.std() == pytest.approx(sd, rel=0.03)
        assert abs(off.mean()) < 4 * sd / 224


def test_exposure_is_a_power_and_contrast_a_line(films: Films) -> None:
    for film in films:
        light = corrupted(film, "exposure", 2)
        powers = [np.rint(255 * (film / 255) ** gamma) for gamma in (1.7, 1 / 1.7)]
        assert any((light == power).all() for power in powers)
        flat = corrupted(film, "contrast", 2).astype(float)
        np.testing.assert_allclose(flat, film.mean() + 0.5 * (film - film.mean()), atol=0.5)
    sides = [corrupted(film, "exposure", 2).mean() > film.mean() for film in films]
    assert 0 < sum(sides) < len(sides)


def test_blur_is_a_gaussian_of_a_share_of_the_side() -> None:
    film = np.zeros((224, 224), dtype=np.uint8)
    film[80:144, 80:144] = 200
    for severity, share in ((1, 0.008), (2, 0.016), (3, 0.03)):
        expected = gaussian_filter(film.astype(float), share * 224)
        assert np.abs(corrupted(film, "blur", severity) - expected).max() < 8


def test_rotation_and_crop_are_of_their_size() -> None:
    rows, columns = np.mgrid[:224, :224] - 111.5
    disc = ((rows**2 + columns**2) < 60**2).astype(np.uint8) * 200
    assert np.abs(corrupted(disc, "rotation", 3).astype(int) - disc).mean() < 1.5  # a disc turned is a disc
    bar = (np.abs(rows) < 5).astype(np.uint8) * 200
    turned = corrupted(bar, "rotation", 2) > 100
    slope = np.polyfit(columns[turned], rows[turned], 1)[0]
    assert abs(np.degrees(np.arctan(slope))) == pytest.approx(10, abs=0.5)
    for severity, side in ((1, 0.95), (2, 0.85), (3, 0.75)):
        larger = (corrupted(disc, "crop", severity) > 100).sum() / (disc > 100).sum()
        assert larger == pytest.approx(1 / side**2, rel=0.03)


def test_a_marker_is_white_and_in_an_upper_corner(films: Films) -> None:
    corners = set()
    for film in films:
        for severity, height in ((1, 7), (2, 9), (3, 14)):
            found = corrupted(film, "marker", severity)
            changed = found != film
            assert (found[changed] == 255).all()
            where = np.argwhere(changed)
            assert where[:, 0].max() < 2 + height
            assert changed.mean() < 0.03
            corners.add(bool(where[:, 1].mean() > 32))
    assert corners == {False, True}
