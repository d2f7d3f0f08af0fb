"""Ranks in blocks beside the whole matrix: `pytest tests/benchmarks/test_retrieval_speed.py --benchmark-enable -s`.

`-k memory` prints peak memory, `-k "not 20000"` leaves out the longest.
'argsort' sorts every row and every column of the matrix of cosines by numpy, 'open_clip' by torch, as its
get_clip_metrics. 'one-hots' follows CLIP_benchmark, which gives
R@5 alone: the first five of each query as one-hot rows, times the relevant ones, in batches of 64 queries.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.test_loss_speed import in_turns
from umcl_bench.metrics.ranking import expected_hit
from umcl_bench.models.base import Matrix
from umcl_bench.protocols.top_k import best_places, cuts

HOWS = ("argsort", "ours", "one-hots", "open_clip")
Ranks = tuple[np.ndarray, np.ndarray]


def pairs_of(n: int, d: int = 512) -> tuple[Matrix, Matrix]:
    """Films and their texts (n, d), of cosine 0.2 or so; those of others have 0."""
    rng = np.random.default_rng(0)
    texts = rng.standard_normal((n, d), dtype=np.float32)
    films = texts + 5 * rng.standard_normal((n, d), dtype=np.float32)
    return tuple(z / np.linalg.norm(z, axis=1, keepdims=True) for z in (films, texts))


def by_argsort(films: Matrix, texts: Matrix) -> Ranks:
    """How many texts are above each film's own, and films above each text's own."""
    cosines, own = films @ texts.T, np.arange(len(films))[:, None]
    return tuple((np.argsort(-side, axis=1) == own).argmax(axis=1) for side in (cosines, cosines.T))


def in_blocks(films: Matrix, texts: Matrix) -> Ranks:
    """The same, as retrieval counts it."""
    own = np.arange(len(films))
    there, back = best_places(films, texts, np.stack([own, own], axis=1))
    return there.above, back.above


def by_torch(films: Matrix, texts: Matrix) -> Ranks:
    """The same, as open_clip ranks a validation set."""
    cosines = torch.from_numpy(films) @ torch.from_numpy(texts).T
    own = torch.arange(len(films))[:, None]
    sides = (torch.where(torch.argsort(s, descending=True) == own)[1].numpy() for s in (cosines, cosines.T))
    return next(sides), next(sides)


def by_one_hots(films: Matrix, texts: Matrix, k: int = 5) -> tuple[float, float]:
    """R@5 of both directions."""
    cosines = torch.from_numpy(films) @ torch.from_numpy(texts).T
    relevant = torch.eye(len(films), dtype=torch.bool)
    found = []
    for side in (cosines, cosines.T):
        hits = []
        for rows, own in zip(side.split(64), relevant.split(64), strict=True):  # type: ignore[no-untyped-call]
            one_hot = torch.nn.functional.one_hot(rows.topk(k, dim=1).indices, num_classes=rows.shape[1])
            hits.append((one_hot * own[:, None]).sum(dim=(1, 2)) > 0)
        found.append(torch.cat(hits).float().mean().item())
    return found[0], found[1]


RUNS: dict[str, Callable[[Matrix, Matrix], object]] = {
    "argsort": by_argsort,
    "ours": in_blocks,
    "one-hots": by_one_hots,
    "open_clip": by_torch,
}


@pytest.mark.parametrize("n", [1_000, 3_000, 10_000, 20_000])
def test_ranks_of_both_directions(benchmark: BenchmarkFixture, n: int) -> None:
    """512 dimensions. The aim: 15 times faster than a sorted matrix at 10,000; the product alone bounds it."""
    films, texts = pairs_of(n if benchmark.enabled else 80)
    ours, sorted_ = in_blocks(films, texts), by_argsort(films, texts)
    for counted, rank, r5 in zip(ours, sorted_, by_one_hots(films, texts), strict=True):
        assert (counted != rank).mean() < 1e-3  # where float32 can not tell two candidates apart
        assert expected_hit(counted, np.ones(len(films)), 1, 5).mean() == pytest.approx(r5, abs=1e-3)
    runs = {how: partial(RUNS[how], films, texts) for how in HOWS}
    in_turns(runs, benchmark, rounds=1 if n > 10_000 else 3, warmup=0)


@pytest.mark.parametrize("n", [1_000, 10_000])
def test_precision(benchmark: BenchmarkFixture, n: int) -> None:
    """P@k up to 100 of films, five classes."""
    films, texts = pairs_of(n if benchmark.enabled else 120)
    classes = np.eye(5, dtype=bool)[np.arange(len(films)) % 5]

    def sorted_() -> list[float]:
        order = np.argsort(-(films @ texts.T), axis=1)
        return [float((order[:, :k] % 5 == np.arange(len(films))[:, None] % 5).mean()) for k in (1, 5, 10, 50, 100)]

    def ours() -> list[float]:
        found = cuts(films, texts, classes, classes, (1, 5, 10, 50, 100))
        return [float((c.relevant_above + c.relevant_tied).mean()) / k for k, c in found.items()]

    np.testing.assert_allclose(ours(), sorted_(), atol=1e-4)
    in_turns({"argsort": sorted_, "ours": ours}, benchmark, rounds=3, warmup=0)


def peak(how: str, n: int) -> float:
    """MB that it takes above what is there before it, in a process of its own."""
    command = [sys.executable, "-c", f"from {__name__} import main; main({how!r}, {n})"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(how: str, n: int) -> None:
    """Prints it, measured as Linux's peak of resident memory, which is set back first."""
    from pathlib import Path

    from tests.benchmarks.test_loss_speed import _status

    RUNS[how](*pairs_of(80))  # what the libraries keep is not its own
    films, texts = pairs_of(n)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    RUNS[how](films, texts)
    print((_status("VmHWM") - before) / 1024)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("n", [5_000, 10_000, 20_000])
@pytest.mark.parametrize("how", HOWS)
def test_memory(benchmark: BenchmarkFixture, n: int, how: str) -> None:
    """The aim: linear in n. The matrix has 1.6 GB at 20,000."""
    if not benchmark.enabled:
        pytest.skip("measured with --benchmark-enable")
    found = benchmark.pedantic(peak, (how, n))  # type: ignore[no-untyped-call]
    benchmark.extra_info["peak_mb"] = found
    print(f"\n{how} at {n:,}: {found:.0f} MB above the inputs")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_no_matrix_is_ever_whole() -> None:
    """That of 8,000 films and texts has 256 MB; the rows themselves, twice rounded, have 16 MB a side."""
    assert peak("ours", 8_000) < 160
