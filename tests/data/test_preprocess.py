"""Each published preprocessing against a transcription of the published code with plain pillow and numpy."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from umcl_bench.data.images import fit, read_film
from umcl_bench.data.preprocess import PREPROCESSES, get_preprocess
from umcl_bench.errors import UsageError
from umcl_bench.spec import PAD, Geometry, digest

Film = NDArray[np.uint8]


def synthetic(height: int, width: int) -> Film:
    """A film that is not square, with fine noise: what a wrong filter, order or rounding of sides shows in."""
    rng = np.random.default_rng([height, width])
    y, x = np.mgrid[:height, :width]
    smooth = 120 + 60 * np.sin(x / 17) + 50 * np.cos(y / 23)
    return np.asarray(np.clip(smooth + rng.normal(0, 20, (height, width)), 10, 240), dtype=np.uint8)


def crop(pixels: Film, size: int) -> Film:
    """Torchvision's CenterCrop."""
    top, left = (round((side - size) / 2) for side in pixels.shape)
    return pixels[top : top + size, left : left + size]


def area_mean(film: Film, height: int, width: int) -> Film:
    """OpenCV's INTER_AREA for fewer pixels, pixel by pixel."""

    def shares(old: int, new: int, at: int) -> NDArray[np.float64]:
        low, high = at * old / new, (at + 1) * old / new
        return np.array([max(0.0, min(i + 1, high) - max(i, low)) for i in range(old)]) / (high - low)

    rows = np.array([shares(film.shape[0], height, i) for i in range(height)])
    columns = np.array([shares(film.shape[1], width, i) for i in range(width)])
    means = np.einsum("ri,ij,cj->rc", rows, film.astype(float), columns, optimize=True)
    return np.asarray(np.rint(means), dtype=np.uint8)


def gloria(film: Film) -> Film:
    height, width = film.shape
    scale = 256 / max(height, width)
    small = area_mean(film, int(height * scale), int(width * scale))
    free = [256 - side for side in small.shape]
    return crop(np.pad(small, [(n // 2, n - n // 2) for n in free]), 224)


def medclip(film: Film) -> Film:
    image = Image.fromarray(film)
    side = max(224, *image.size)
    square = Image.new("L", (side, side), 0)
    square.paste(image, (int((side - image.width) / 2), int((side - image.height) / 2)))
    return np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC))


def chexzero(film: Film) -> Film:
    image = Image.fromarray(film)
    ratio = 320 / max(image.size)
    small = image.resize((int(image.width * ratio), int(image.height * ratio)), Image.Resampling.LANCZOS)
    square = Image.new("L", (320, 320))
    square.paste(small, ((320 - small.width) // 2, (320 - small.height) // 2))
    return np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC))


def shortest(film: Film, side: int, size: int, method: Image.Resampling) -> Film:
    """Torchvision's Resize to one number, then CenterCrop."""
    height, width = film.shape
    new = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    return crop(np.asarray(Image.fromarray(film).resize(new, method)), size)


def biovil(film: Film, size: int) -> Film:
    values = film.astype(float) - film.min()
    return shortest((values / values.max() * 255).astype(np.uint8), 512, size, Image.Resampling.BILINEAR)


def benchx_seg(film: Film) -> Film:
    image = Image.fromarray(film)
    scale = 512 / max(image.size)
    small = np.asarray(image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.BILINEAR))
    return np.pad(small, [((512 - n) // 2, 512 - n - (512 - n) // 2) for n in small.shape])


PUBLISHED: dict[str, Callable[[Film], Film]] = {
    "gloria": gloria,
    "mgca": gloria,
    "medclip": medclip,
    "chexzero": chexzero,
    "biovil": lambda film: biovil(film, 480),
    "biovil-t": lambda film: biovil(film, 448),
    "clip": lambda film: shortest(film, 224, 224, Image.Resampling.BICUBIC),
    "cxr-clip": lambda film: shortest(film, 224, 224, Image.Resampling.BILINEAR),
    "benchx-cls": lambda film: shortest(film, 224, 224, Image.Resampling.BILINEAR),
    "benchx-seg": benchx_seg,
}


@pytest.mark.parametrize("name", sorted(PREPROCESSES))
@pytest.mark.parametrize("shape", [(640, 511), (530, 790), (600, 600)])
def test_pixels_are_those_of_the_published_code(name: str, shape: tuple[int, int], tmp_path: Path) -> None:
    film, wanted = synthetic(*shape), get_preprocess(name)
    Image.fromarray(film).save(tmp_path / "film.png", compress_level=1)
    found = read_film(tmp_path / "film.png", "row 1", wanted.size, wanted.geometry).astype(int)
    expected = PUBLISHED[name](film).astype(int)
    assert abs(found - expected).max() <= 1
    assert (found == expected).mean() > 0.999


def test_medclip_pads_a_small_film_and_does_not_enlarge_it() -> None:
    film = synthetic(100, 80)
    found = fit(Image.fromarray(film), 224, get_preprocess("medclip").geometry)
    np.testing.assert_array_equal(found, medclip(film))
    np.testing.assert_array_equal(found[62:162, 72:152], film)


@pytest.mark.parametrize(
    ("name", "black", "white"),
    [
        ("gloria", -1.0, 1.0),
        ("medclip", -2.0975911, 1.4802150),  # -0.5862785803 / 0.2795008897 and 0.4137214197 / 0.2795008897
        ("chexzero", -1.2163026, 1.8398051),  # -101.48761 / 83.43944 and 153.51239 / 83.43944
        ("biovil", 0.0, 1.0),
        ("benchx-cls", -2.0326664, 2.0506329),
    ],
)
def test_normalisation_by_hand(name: str, black: float, white: float) -> None:
    wanted = get_preprocess(name)
    films = np.zeros((2, wanted.size, wanted.size), dtype=np.uint8)
    films[1] = 255
    found = wanted.normalise(films)
    assert found.shape == (2, 3, wanted.size, wanted.size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], black, atol=1e-6)
    np.testing.assert_allclose(found[1], white, atol=1e-6)


def test_clip_has_a_mean_for_each_colour() -> None:
    found = get_preprocess("clip").normalise(np.full((1, 224, 224), 128, dtype=np.uint8))[0, :, 0, 0]
    np.testing.assert_allclose(found, [0.0763359, 0.1688969, 0.3399486], atol=1e-6)


def test_wrong_films_and_wrong_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"gloria takes uint8 \(n, 224, 224\), not uint8 \(1, 64, 64\)"):
        get_preprocess("gloria").normalise(np.zeros((1, 64, 64), dtype=np.uint8))
    with pytest.raises(UsageError, match=r"no preprocessing is named 'chexzer'\. Did you mean 'chexzero'"):
        get_preprocess("chexzer")


def test_the_source_of_a_preprocessing_does_not_change_its_digest() -> None:
    item = get_preprocess("gloria")
    assert digest(item) == digest(dataclasses.replace(item, source="elsewhere"))
    assert digest(item) != digest(dataclasses.replace(item, geometry=PAD))


GEOMETRIES = st.builds(
    Geometry,
    fit=st.sampled_from(["longest", "shortest", "stretch", "square"]),
    resize=st.sampled_from([0, 12, 16, 40]),
    then=st.sampled_from(["crop", "resize"]),
    filter=st.sampled_from(["bilinear", "bicubic", "lanczos", "area"]),
    second_filter=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    greys=st.sampled_from(["stored", "stretched"]),
)


@given(GEOMETRIES, st.integers(1, 90), st.integers(1, 90), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_geometry_gives_a_square_and_masks_no_new_values(
    geometry: Geometry, width: int, height: int, nearest: bool
) -> None:
    mask = Image.fromarray((np.random.default_rng(0).random((height, width)) < 0.5).astype(np.uint8) * 255)
    found = fit(mask, 16, geometry, nearest=nearest)
    assert found.shape == (16, 16)
    assert found.dtype == np.uint8
    assert not nearest or set(np.unique(found)) <= {0, 255}


@given(GEOMETRIES, st.sampled_from(["bilinear", "area"]), st.integers(2, 90), st.integers(2, 90))
@settings(max_examples=100, deadline=None)
def test_turning_a_film_turns_what_is_made_of_it(
    geometry: Geometry, method: Literal["bilinear", "area"], width: int, height: int
) -> None:
    """The two axes are treated alike, to two roundings (filters that overshoot are cut off there too)."""
    geometry = dataclasses.replace(geometry, filter=method, second_filter="bilinear")
    film = np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8)
    one = fit(Image.fromarray(film), 16, geometry).astype(int)
    other = fit(Image.fromarray(np.ascontiguousarray(film.T)), 16, geometry).astype(int)
    assert abs(one - other.T).max() <= 2
