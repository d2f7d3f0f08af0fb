"""Augmentation: each film by its own draw, against slow transcriptions of single films."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode  # type: ignore[import-untyped]
from torchvision.transforms.v2 import functional as tv

from umcl_bench.spec import Augment
from umcl_bench.training import augment as module
from umcl_bench.training.augment import augment, draw

STILL = Augment(0, 0, 0, 0, 0)
# the ranges of ConVIRT (Zhang et al. 2020) at 224 pixels, half of the films blurred
ALL = Augment(20, 0.1, 0.05, 0.4, 0.4, (0.6, 1.0), (0.75, 4 / 3), 0.5, (0.1 / 224, 3 / 224), "unsided")
# Tolerances, in greys of 0 to 255: coordinates are float32, and a pixel's place times the step to its neighbour.
GREYS = 0.02


def draws_of(n: int, how: Augment, seed: int = 0) -> Tensor:
    return draw(n, how, torch.Generator().manual_seed(seed))


@pytest.fixture
def films() -> Tensor:
    return torch.randint(0, 256, (12, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def unsided() -> Tensor:
    return torch.arange(12) % 3 == 0


def slowly(film: NDArray[np.uint8], how: Augment, row: NDArray[np.float64], sided: bool) -> NDArray[np.float64]:
    """One film, in float64: the map pixel by pixel, then scipy's bilinear values and Gaussian."""
    size = len(film)
    mirrored = how.flip == "unsided" and row[9] == 1 and not sided
    places = np.empty((2, size, size))
    for i in range(size):
        for j in range(size):
            x, y = (2 * j + 1) / size - 1, (2 * i + 1) / size - 1
            u, v = row[0] * x + row[1] * y + row[2], row[3] * x + row[4] * y + row[5]
            places[:, i, j] = ((v + 1) * size - 1) / 2, ((-u if mirrored else u) * size + size - 1) / 2
    shown = ndimage.map_coordinates(film.astype(float), places, order=1, mode="grid-constant", cval=0)
    if row[8]:
        radius = math.ceil(3 * how.blur_sigma[1] * size)
        shown = ndimage.gaussian_filter(shown, row[8] * size, mode="mirror", radius=radius)
    return np.asarray(np.clip(shown * row[6] + row[7], 0, 255), dtype=np.float64)


@pytest.mark.parametrize("how", [Augment(), ALL, Augment(crop_area=(0.05, 0.2), blur_share=1, blur_sigma=(0.05, 0.25))])
def test_films_are_those_of_a_slow_transcription(films: Tensor, unsided: Tensor, how: Augment) -> None:
    draws = draws_of(12, how)
    got = augment(films, how, draws, unsided).numpy()
    for film, row, sided, shown in zip(films.numpy(), draws.double().numpy(), unsided.tolist(), got, strict=True):
        np.testing.assert_allclose(shown, slowly(film, how, row, sided), atol=GREYS)


def test_none_is_none(films: Tensor) -> None:
    shown = augment(films, STILL, draws_of(12, STILL))
    assert shown.dtype == torch.float32
    torch.testing.assert_close(shown, films.float(), atol=GREYS, rtol=0)


def test_it_is_the_generators(films: Tensor) -> None:
    one, two, other = (augment(films, Augment(), draws_of(12, Augment(), seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_setting_moves_no_other_draw() -> None:
    """Ablating one transformation keeps all others as they were."""
    full, unblurred = draws_of(50, ALL), draws_of(50, Augment(20, 0.1, 0.05, 0.4, 0.4, (0.6, 1.0), (0.75, 4 / 3)))
    assert torch.equal(full[:, :8], unblurred[:, :8])
    assert not unblurred[:, 8:].any()


def test_a_turn_is_torchvisions(films: Tensor) -> None:
    how = Augment(30, 0, 0, 0, 0)
    draws = draws_of(12, how)
    for film, row, shown in zip(films, draws, augment(films, how, draws), strict=True):
        angle = math.degrees(math.atan2(row[3], row[0]))
        other = tv.rotate(film[None].float(), angle, interpolation=InterpolationMode.BILINEAR)[0]
        assert abs(angle) <= 30
        # at the rim torchvision divides by the share that lies inside the film
        torch.testing.assert_close(shown[5:-5, 5:-5], other[5:-5, 5:-5], atol=GREYS, rtol=0, check_dtype=False)


def test_a_crop_is_torchvisions_resized_crop(films: Tensor) -> None:
    """The box of rows 5 to 25 and columns 10 to 40; what lies beyond it shows at its rim, where torchvision repeats."""
    row = torch.tensor([[0.75, 0, 0.25, 0, 0.5, -0.25, 1, 0, 0, 0]])
    shown = augment(films, STILL, row.expand(12, -1))
    other = tv.resized_crop(films.float(), 5, 10, 20, 30, [40, 40], antialias=False)
    torch.testing.assert_close(shown[:, 1:-1, 1:-1], other[:, 1:-1, 1:-1], atol=GREYS, rtol=0)


def test_a_blur_is_torchvisions(films: Tensor) -> None:
    how = Augment(0, 0, 0, 0, 0, blur_share=1.0, blur_sigma=(0.01, 0.049))  # 3 * 0.049 * 40: a radius of 6
    draws = draws_of(12, how)
    for film, row, shown in zip(films, draws, augment(films, how, draws), strict=True):
        other = tv.gaussian_blur(film[None].float(), [13, 13], [float(row[8]) * 40] * 2)[0]
        torch.testing.assert_close(shown, other, atol=GREYS, rtol=0)


@pytest.mark.parametrize("at_once", [2**19, 1])
def test_a_film_depends_on_no_other_nor_on_its_place(
    films: Tensor, unsided: Tensor, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    draws = draws_of(12, ALL)
    whole = augment(films, ALL, draws, unsided)
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", at_once)
    halves = [augment(films[p], ALL, draws[p], unsided[p]) for p in (slice(0, 5), slice(5, 12))]
    assert torch.equal(torch.cat(halves), whole)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(augment(films[order], ALL, draws[order], unsided[order]), whole[order])
    others = films.clone()
    others[1:] = 0
    assert torch.equal(augment(others, ALL, draws, unsided)[0], whole[0])


def test_autocast_changes_no_pixel(films: Tensor, unsided: Tensor) -> None:
    draws = draws_of(12, ALL)
    with torch.autocast("cpu", torch.bfloat16):
        inside = augment(films, ALL, draws, unsided)
    assert torch.equal(inside, augment(films, ALL, draws, unsided))


def test_only_films_whose_text_names_no_side_are_mirrored(films: Tensor, unsided: Tensor) -> None:
    how = Augment(0, 0, 0, 0, 0, flip="unsided", flip_share=1.0)
    shown = augment(films, how, draws_of(12, how), unsided)
    torch.testing.assert_close(shown[unsided], films[unsided].float(), atol=GREYS, rtol=0)
    torch.testing.assert_close(shown[~unsided], films[~unsided].float().flip(-1), atol=GREYS, rtol=0)
    with pytest.raises(ValueError, match="`sided` is None"):
        augment(films, how, draws_of(12, how))
    assert not draws_of(12, STILL)[:, 9].any()


def test_no_films_are_no_films() -> None:
    nothing = torch.zeros(0, 8, 8, dtype=torch.uint8)
    assert augment(nothing, ALL, draws_of(0, ALL), torch.zeros(0, dtype=torch.bool)).shape == (0, 8, 8)


def spread(values: Tensor, low: float, high: float) -> None:
    """`values` are uniform between the two, as far as 4,000 of them show."""
    assert low - 1e-4 <= values.min() < low + 0.02 * (high - low)
    assert high - 0.02 * (high - low) < values.max() <= high + 1e-4
    quarters = torch.quantile(values, torch.tensor([0.25, 0.5, 0.75], dtype=values.dtype))
    expected = [low + share * (high - low) for share in (0.25, 0.5, 0.75)]
    assert quarters.tolist() == pytest.approx(expected, abs=0.04 * (high - low))


def test_draws_keep_their_ranges_and_use_them() -> None:
    rows = draws_of(4000, ALL).double()
    spread(rows[:, 6], 0.6, 1.4)
    spread(rows[:, 7], -51.2, 51.2)
    spread(rows[rows[:, 8] > 0, 8] * 224, 0.1, 3.0)
    assert float((rows[:, 8] > 0).double().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(rows[:, 9].mean()) == pytest.approx(0.5, abs=0.03)
    today = draws_of(4000, Augment()).double()
    spread(torch.atan2(today[:, 3], today[:, 0]).rad2deg(), -5, 5)
    spread(torch.hypot(today[:, 3], today[:, 0]), 0.95, 1.05)
    for column in (2, 5):
        spread(today[:, column], -0.08, 0.08)
    assert not today[:, 8:].any()


@pytest.mark.parametrize(
    ("area", "aspect"), [((0.6, 1.0), (0.75, 4 / 3)), ((0.08, 0.5), (0.5, 1.0)), ((1, 1), (0.5, 2))]
)
def test_crops_lie_in_the_film_and_have_the_areas_asked_for(
    area: tuple[float, float], aspect: tuple[float, float]
) -> None:
    how = Augment(0, 0, 0, 0, 0, area, aspect)
    rows = draws_of(4000, how).double()
    wide, high = rows[:, 0], rows[:, 4]
    if area[0] < area[1]:
        spread(wide * high, *area)
    assert ((wide / high >= aspect[0] - 1e-4) & (wide / high <= aspect[1] + 1e-4)).all()
    for side, centre in ((wide, rows[:, 2]), (high, rows[:, 5])):
        assert (side <= 1).all()
        assert (centre.abs() <= 1 - side + 1e-6).all()
        assert area[0] == 1 or float((centre / (1 - side)).std()) == pytest.approx(1 / math.sqrt(3), abs=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"flip": "always"}, "flip is 'always'; it must be one of never, unsided"),
        ({"rotate_degrees": 181.0}, "rotate_degrees is 181.0; it must lie between 0.0 and 180.0"),
        ({"scale": 0.6}, "scale is 0.6"),
        ({"translate": -0.1}, "translate is -0.1"),
        ({"contrast": math.nan}, "contrast is nan"),
        ({"blur_share": 1.5}, "blur_share is 1.5"),
        ({"crop_area": (0.0, 1.0)}, "the lower end of crop_area is 0.0"),
        ({"crop_area": (0.8, 0.6)}, "the upper end of crop_area is 0.6; it must lie between 0.8 and 1.0"),
        ({"crop_aspect": (1.1, 1.3)}, "the lower end of crop_aspect is 1.1"),
        ({"crop_aspect": (0.7, 0.9)}, "the upper end of crop_aspect is 0.9; it must lie between 1.0 and 10.0"),
        ({"blur_sigma": (0.1, 3.0)}, "the upper end of blur_sigma is 3.0; it must lie between 0.1 and 0.25"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augment(**wrong)  # type: ignore[arg-type]
