"""Speed, measured in one run as ratios to a peer or to the floor: `pytest tests/benchmarks --benchmark-enable`.

Without that option each runs once, as a test that it works. Nothing here asserts a time.
"""

import time

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from umcl_bench.data.phantom import PhantomSpec, all_studies
from umcl_bench.data.phantom.render import draw_film
from umcl_bench.data.vocabulary import NIH
from umcl_bench.metrics.intervals import estimate, resampled_weights
from umcl_bench.metrics.registry import METRICS
from umcl_bench.metrics.scores import Scores
from umcl_bench.spec import Intervals

SPEC = PhantomSpec(train=64, val=0, test=0)


@pytest.mark.parametrize("size", [64, 96, 224])
def test_phantom_films(benchmark: BenchmarkFixture, size: int) -> None:
    """64 films; the aim at 96 px is 300 a second on one core."""
    studies = [study for _, _, study in all_studies(SPEC)]
    benchmark.extra_info["films"] = len(studies)
    benchmark(lambda: [draw_film(study, size) for study in studies])


@pytest.mark.parametrize("name", ["auroc", "auprc"])
def test_bootstrap(benchmark: BenchmarkFixture, name: str) -> None:
    """1,000 resamples of patients, 14 labels, 5,000 films, with all that an estimate takes, and scikit-learn in a loop.

    The loop is timed in between, on a few of the same resamples, and scaled. The aim for AUROC: 120 times the loop.
    """
    import sklearn.metrics as sk

    loop = {"auroc": sk.roc_auc_score, "auprc": sk.average_precision_score}[name]
    films, how = (5000, Intervals()) if benchmark.enabled else (200, Intervals(resamples=20))
    rng = np.random.default_rng(0)
    target = (rng.random((films, 14)) < 0.2).astype(float)
    ids = np.array([f"{i:05}" for i in range(films)], dtype=object)
    scores = Scores.of(rng.random((films, 14)) + 0.3 * target, target, ids, ids, tuple(NIH))
    weights = next(resampled_weights(ids, how))[:3]
    ours, theirs = [], []

    def turn() -> None:
        start = time.process_time()
        estimate(scores, name, how)
        middle = time.process_time()
        loops = [[loop(t, v, sample_weight=w) for t, v in zip(target.T, scores.value.T, strict=True)] for w in weights]
        theirs.append((time.process_time() - middle) / len(weights) * how.resamples)
        ours.append(middle - start)
        np.testing.assert_allclose(METRICS[name].resampled(scores, weights), loops, atol=1e-12)

    benchmark.pedantic(turn, rounds=5, warmup_rounds=1)  # type: ignore[no-untyped-call]
    ratio = float(np.median(theirs) / np.median(ours))
    benchmark.extra_info.update(seconds=float(np.median(ours)), loop_seconds=float(np.median(theirs)), ratio=ratio)
    print(f"\n{name}: {np.median(ours):.3f} s; scikit-learn in a loop {np.median(theirs):.1f} s; {ratio:.0f} times")
