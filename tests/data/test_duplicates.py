"""Near-duplicates: planted copies are found, other patients' films are not, and blank films are nobody's."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from tests.conftest import REAL_DATA
from umcl_bench.data import duplicates
from umcl_bench.data.duplicates import THRESHOLD, Hashes, hash_films, near_duplicates
from umcl_bench.data.images import read_film
from umcl_bench.data.readers.folder import read_folder

Films = NDArray[np.uint8]
REAL = ("covid-cxr", "nih-cxr14-mini", "kermany-cxr")
needs_real = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real radiographs are not beside this checkout")


def textures(count: int, seed: int, size: int = 64) -> Films:
    """Films of smoothed noise: each with detail of its own."""
    noise = np.random.default_rng(seed).normal(size=(count, size // 4, size // 4)).astype(np.float32)
    films = np.stack([np.asarray(Image.fromarray(n).resize((size, size), Image.Resampling.BICUBIC)) for n in noise])
    return np.asarray(np.clip(128 + 40 * films, 1, 255), dtype=np.uint8)


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return Image.open(buffer).convert("L")


def cropped(image: Image.Image, share: float) -> Image.Image:
    dx, dy = share * image.width, share * image.height
    return image.crop((round(dx), round(dy), round(image.width - dx), round(image.height - dy)))


Change = Callable[[Image.Image], Image.Image]
# What is done to a film, and the smallest share of 300 real films whose copy was found when this was calibrated
CHANGES: dict[str, tuple[Change, float]] = {
    "JPEG of quality 50": (jpeg, 1.0),
    "half the size": (lambda im: im.resize((im.width // 2, im.height // 2)), 1.0),
    "brighter": (lambda im: im.point([min(255, i + 30) for i in range(256)]), 1.0),
    "less contrast": (lambda im: ImageEnhance.Contrast(im).enhance(0.7), 1.0),
    "gamma 1.5": (lambda im: im.point([round(255 * (i / 255) ** 1.5) for i in range(256)]), 1.0),
    "squashed to a square": (lambda im: im.resize((224, 224)), 1.0),
    "2 % off each side": (lambda im: cropped(im, 0.02), 0.98),
    "turned by 1 degree": (lambda im: im.rotate(1, Image.Resampling.BICUBIC), 1.0),
    "turned by 2 degrees": (lambda im: im.rotate(-2, Image.Resampling.BICUBIC), 0.97),
    "inverted": (lambda im: im.point([255 - i for i in range(256)]), 0.97),
}


@pytest.fixture(scope="module")
def real() -> Hashes:
    """350 and 665 films of adults, and every fourth of 2,892 of children."""
    corpora = [read_folder(REAL_DATA / name) for name in REAL]
    rows = [(c, row) for c in corpora for row in range(0, len(c), 1 if len(c) < 700 else 4)]
    return hash_films(np.stack([c.pixels.read(row, 64) for c, row in rows]))


@needs_real
def test_no_two_real_films_are_near_duplicates(real: Hashes) -> None:
    """1.5 million pairs; the nearest, two films of one patient, score 0.934 (the READMEs say that none is left)."""
    assert not real.blank.any()
    nearest = near_duplicates(real, threshold=0.9)
    assert 0.92 < max(pair.correlation for pair in nearest) < THRESHOLD  # so the threshold is not idle


@needs_real
@pytest.mark.parametrize("change", CHANGES)
def test_copies_of_real_films_are_found_among_the_others(real: Hashes, change: str, tmp_path: Path) -> None:
    how, least = CHANGES[change]
    corpora = [read_folder(REAL_DATA / name) for name in ("covid-cxr", "nih-cxr14-mini")]
    rows = [np.arange(0, 350, 20), 350 + np.arange(0, 665, 40)]
    copies = []
    for corpus, places in zip(corpora, (rows[0], rows[1] - 350), strict=True):
        for row in places:
            path = tmp_path / "copy.png"
            how(Image.open(REAL_DATA / corpus.dataset / str(corpus.ids[row])).convert("L")).save(path, compress_level=1)
            copies.append(read_film(path, "", 64))
    pairs = near_duplicates(real.take(np.arange(1015)), hash_films(np.stack(copies)))
    right = [pair for pair in pairs if pair.row_a == np.concatenate(rows)[pair.row_b]]
    assert len(pairs) == len(right)
    assert len(right) >= least * len(copies) - 1e-9
    assert all((pair.correlation < 0) == (change == "inverted") for pair in right)


def test_a_film_and_its_copies_count_each_once_with_the_most_alike_before_them() -> None:
    films = textures(30, 0)
    films[7], films[20] = films[3], films[3]
    films[21] = np.clip(films[3].astype(int) + 9, 0, 255)
    pairs = near_duplicates(hash_films(films))
    assert [(p.row_a, p.row_b) for p in pairs] == [(3, 7), (3, 20), (3, 21)]
    assert [round(p.correlation, 3) for p in pairs] == [1, 1, 1]
    assert [(p.row_a, p.row_b) for p in near_duplicates(hash_films(films[:10]), hash_films(films[10:]))] == [
        (3, 10),
        (3, 11),
    ]


def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    films = np.concatenate([textures(40, 1), textures(40, 1)[::-1]])
    whole = near_duplicates(hash_films(films))
    monkeypatch.setattr(duplicates, "_BLOCK", 7)
    monkeypatch.setattr(duplicates, "_CHUNK", 3)
    parts = near_duplicates(hash_films(films))
    assert [(p.row_a, p.row_b) for p in whole] == [(79 - row, row) for row in range(40, 80)]
    assert [p[:2] for p in parts] == [p[:2] for p in whole]
    assert np.allclose([p.correlation for p in parts], [p.correlation for p in whole], atol=1e-5)


def test_blank_films_are_said_and_are_no_duplicates_of_each_other() -> None:
    films = textures(6, 2)
    films[1], films[2], films[3] = 0, 0, 130
    films[4] = 0
    films[4, 10:50] = 77  # one grey value inside its padding
    hashes = hash_films(films)
    assert hashes.blank.tolist() == [False, True, True, True, True, False]
    assert near_duplicates(hashes) == []


def test_scores_are_the_windowed_correlation_of_local_contrast() -> None:
    """Golden: the definition written out with loops for one pair that is not zoomed."""
    one, two = textures(2, 3, size=48)
    place = np.arange(48)

    def details(film: Films) -> NDArray[np.float64]:
        out = np.empty((48, 48))
        for y in place:
            for x in place:
                weight = np.outer(np.exp(-((place - y) ** 2) / 72), np.exp(-((place - x) ** 2) / 72))
                out[y, x] = film[y, x] - (weight / weight.sum() * film).sum()
        spread = np.empty((48, 48))
        for y in place:
            for x in place:
                weight = np.outer(np.exp(-((place - y) ** 2) / 72), np.exp(-((place - x) ** 2) / 72))
                spread[y, x] = np.sqrt((weight / weight.sum() * out**2).sum())
        return out / (spread + 2)

    edge = np.minimum(1, np.minimum((place + 0.5) / 48, 1 - (place + 0.5) / 48) / 0.12)
    window = np.outer(edge**2 * (3 - 2 * edge), edge**2 * (3 - 2 * edge))
    left, right = details(one), details(two)
    left, right = left - (window * left).sum() / window.sum(), right - (window * right).sum() / window.sum()
    power = (window * left**2).sum() * (window * right**2).sum()
    expected = (window * left * right).sum() / np.sqrt(power)
    row = np.zeros(1, dtype=np.int64)
    found = duplicates._scores(one[None], row, two[None], row, THRESHOLD)
    assert found[0] == pytest.approx(expected, abs=1e-4)
