"""Speed, measured in one run as ratios to a peer or to the floor: `pytest tests/benchmarks --benchmark-enable`.

Without that option each runs once, as a test that it works. Nothing here asserts a time.
"""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from umcl_bench.data.phantom import PhantomSpec, all_studies
from umcl_bench.data.phantom.render import draw_film
from umcl_bench.metrics.classification import auroc

SPEC = PhantomSpec(train=64, val=0, test=0)


@pytest.mark.parametrize("size", [64, 96, 224])
def test_phantom_films(benchmark: BenchmarkFixture, size: int) -> None:
    """64 films; the aim at 96 px is 300 a second on one core."""
    studies = [study for _, _, study in all_studies(SPEC)]
    benchmark.extra_info["films"] = len(studies)
    benchmark(lambda: [draw_film(study, size) for study in studies])


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
