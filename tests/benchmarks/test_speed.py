"""Speed, measured in one run as ratios to a peer or to the floor: `pytest tests/benchmarks --benchmark-enable`.

Without that option each runs once, as a test that it works. Nothing here asserts a time.
"""

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from tests.conftest import unit_rows
from umcl_bench.data.phantom import PhantomSpec, all_studies
from umcl_bench.data.phantom.render import draw_film
from umcl_bench.metrics.classification import auroc
from umcl_bench.objectives.contrastive import contrastive_loss
from umcl_bench.objectives.targets import Side, get_builder
from umcl_bench.spec import Objective

SPEC = PhantomSpec(train=64, val=0, test=0)


@pytest.mark.parametrize("size", [64, 96, 224])
def test_phantom_films(benchmark: BenchmarkFixture, size: int) -> None:
    """64 films; the aim at 96 px is 300 a second on one core."""
    studies = [study for _, _, study in all_studies(SPEC)]
    benchmark.extra_info["films"] = len(studies)
    benchmark(lambda: [draw_film(study, size) for study in studies])


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
