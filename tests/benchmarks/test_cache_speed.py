"""The image cache against its floors: `pytest tests/benchmarks/test_cache_speed.py --benchmark-enable`.

Each group puts the cache beside plain decoding and resizing by the same library, or beside a training step. Real films
are taken where they are; without --benchmark-enable a few films each run once.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from tests.conftest import REAL_DATA
from umcl_bench.data.cache import cached_images
from umcl_bench.data.images import FilePixels
from umcl_bench.models.dual import build_encoder
from umcl_bench.progress import Reporter
from umcl_bench.spec import SIZES, Baseline, Recipe
from umcl_bench.training.augment import augment, draw

FOLDERS = ("kermany-cxr", "nih-cxr14-mini")


@pytest.fixture
def films(tmp_path: Path, benchmark: BenchmarkFixture) -> FilePixels:
    """3,557 real films, or 200 synthetic ones of 256 px."""
    count = None if benchmark.enabled else 16
    if all((REAL_DATA / folder).is_dir() for folder in FOLDERS):
        found = (path for folder in FOLDERS for path in sorted((REAL_DATA / folder / "images").rglob("*.jpg")))
        paths = [str(path.relative_to(REAL_DATA)) for path in itertools.islice(found, count)]
        return FilePixels(REAL_DATA, tuple(paths))
    rng = np.random.default_rng(0)
    names = [f"{i}.jpg" for i in range(count or 200)]
    for name in names:
        small = Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8))
        small.resize((256, 256), Image.Resampling.BICUBIC).save(tmp_path / name, quality=90)
    return FilePixels(tmp_path, tuple(names))


def decode_and_resize(films: FilePixels, size: int) -> None:
    """What any program has to do with the same files: the same library, nothing else."""
    for path in films.paths:
        with Image.open(films.root / path) as image:
            width, height = (max(1, side * size // max(image.size)) for side in image.size)
            np.asarray(image.convert("L").resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("size", [64, 96])
@pytest.mark.parametrize("how", ["cache", "floor"])
def test_building_against_plain_decoding(
    benchmark: BenchmarkFixture, tmp_path: Path, films: FilePixels, how: str, size: int
) -> None:
    """The aim is a cache that takes at most 1.25 times the floor."""
    benchmark.group = f"{len(films)} films to {size} px, one process"
    roots = (tmp_path / str(number) for number in itertools.count())

    def build() -> None:
        fresh = FilePixels(films.root, films.paths)  # its fingerprint is part of the work
        cached_images(fresh, size, Reporter(quiet=True), workers=1, root=next(roots))

    benchmark(build if how == "cache" else lambda: decode_and_resize(films, size))


@pytest.mark.parametrize("name", ["tiny", "small"])
@pytest.mark.parametrize("how", ["batch", "step"])
def test_reading_a_batch_against_a_step(benchmark: BenchmarkFixture, tmp_path: Path, how: str, name: str) -> None:
    """128 films at random from a map of 4,096, beside the image tower's part of a step with them: forward, backward."""
    recipe = Recipe(Baseline("clip"), SIZES[name])
    size, count = recipe.size.image.size, 4096 if benchmark.enabled else 256
    rng = np.random.default_rng(0)
    (tmp_path / "films.u8").write_bytes(rng.integers(0, 255, count * size * size, dtype=np.uint8).tobytes())
    films = np.memmap(tmp_path / "films.u8", dtype=np.uint8, mode="r", shape=(count, size, size))
    benchmark.group = f"128 films at {size} px"

    def batch() -> torch.Tensor:
        return torch.from_numpy(films[rng.integers(0, count, 128)])

    benchmark(batch if how == "batch" else step(recipe, batch()))


def step(recipe: Recipe, chosen: torch.Tensor) -> Callable[[], None]:
    """Augmentation, forward and backward of the image tower alone: a whole step has the texts too."""
    encoder = build_encoder(recipe, 100).to(memory_format=torch.channels_last).train()
    generator, how = torch.Generator().manual_seed(0), recipe.size.augment

    def run() -> None:
        encoder.encode_image(augment(chosen, how, draw(len(chosen), how, generator))).sum().backward()  # type: ignore[no-untyped-call]

    return run
