"""Speed, measured in one run as ratios to a peer or to the floor: `pytest tests/benchmarks --benchmark-enable`.

Without that option each runs once, as a test that it works. Nothing here asserts a time.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from tests.conftest import unit_rows
from umcl_bench.data.cache import cached_images
from umcl_bench.data.images import FilePixels
from umcl_bench.data.phantom import PhantomSpec, all_studies
from umcl_bench.data.phantom.render import draw_film
from umcl_bench.metrics.classification import auroc
from umcl_bench.objectives.contrastive import contrastive_loss
from umcl_bench.objectives.targets import Side, get_builder
from umcl_bench.progress import Reporter
from umcl_bench.spec import Objective

SPEC = PhantomSpec(train=64, val=0, test=0)


@pytest.mark.parametrize("size", [64, 96, 224])
def test_phantom_films(benchmark: BenchmarkFixture, size: int) -> None:
    """64 films; the aim at 96 px is 300 a second on one core."""
    studies = [study for _, _, study in all_studies(SPEC)]
    benchmark.extra_info["films"] = len(studies)
    benchmark(lambda: [draw_film(study, size) for study in studies])


def decode_and_resize(paths: list[Path]) -> None:
    """The floor of the cache: the same library, nothing else."""
    for path in paths:
        with Image.open(path) as image:
            image.draft("L", (128, 128))
            np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR, reducing_gap=3.0))


@pytest.mark.parametrize("how", ["cache", "floor"])
def test_cache_against_plain_decoding(benchmark: BenchmarkFixture, tmp_path: Path, how: str) -> None:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.jpg" for i in range(200)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (256, 256), dtype=np.uint8)).save(path, quality=90)
    pixels = FilePixels(tmp_path, tuple(p.name for p in paths), known_by="sizes")
    counter = iter(range(10**6))

    def build() -> None:
        cached_images(pixels, 64, Reporter(quiet=True), workers=1, root=tmp_path / str(next(counter)))

    benchmark(build if how == "cache" else lambda: decode_and_resize(paths))


@pytest.mark.parametrize("n", [256, 2048])
@pytest.mark.parametrize("how", ["open_clip", "identity", "umcl"])
def test_loss_forward_and_backward(benchmark: BenchmarkFixture, n: int, how: str) -> None:
    rng = np.random.default_rng(0)
    z_img, z_txt = (torch.from_numpy(unit_rows(rng, n, 512)).float().requires_grad_() for _ in range(2))
    claims = torch.from_numpy((rng.random((n, 14)) < 0.2).astype(np.float32))
    side, scale = Side(torch.arange(n), claims, torch.zeros_like(claims)), torch.tensor(14.0)
    if how == "open_clip":
        from open_clip.loss import ClipLoss

        peer = ClipLoss()

        def loss() -> torch.Tensor:
            value: torch.Tensor = peer(z_img, z_txt, scale)
            return value
    else:
        objective = Objective(target=how, similarity="jaccard")

        def loss() -> torch.Tensor:
            return contrastive_loss(z_img, z_txt, scale, side, side, objective, get_builder(how))

    benchmark(lambda: loss().backward())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("how", ["ours", "scikit-learn"])
def test_bootstrap_of_auroc(benchmark: BenchmarkFixture, how: str) -> None:
    """100 resamples of 1,000 films; scikit-learn in a loop takes the same weights."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    scores, target = rng.random(1000), (rng.random(1000) < 0.2).astype(float)
    weights = rng.multinomial(1000, np.full(1000, 1e-3), size=100).astype(float)
    if how == "ours":
        benchmark(lambda: auroc(scores, target, weights))
    else:
        benchmark(lambda: [roc_auc_score(target, scores, sample_weight=w) for w in weights])
