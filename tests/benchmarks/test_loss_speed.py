"""The tiled loss beside open_clip's ClipLoss: `pytest tests/benchmarks/test_loss_speed.py --benchmark-enable`.

With -s each batch size prints a table, whose losses ran in turns, so that what else the machine does meets them alike;
`-k memory` prints peak memory; `-k "not 16384"` leaves out the longest. results/performance/loss.md has figures.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.nn.functional import normalize

from umcl_bench.objectives.contrastive import contrastive_loss
from umcl_bench.objectives.losses import LOSSES, get_loss
from umcl_bench.objectives.targets import Meaning, Side
from umcl_bench.spec import Objective

HOWS = ("open_clip", "identity", "any", "jaccard", "cosine", "identity-bf16", "jaccard-bf16")
OBJECTIVES = {
    "identity": Objective(),
    **{name: Objective("umcl", name) for name in ("any", "jaccard", "cosine")},
    **{name: Objective(name, "cosine") for name in LOSSES if name not in ("infonce", "umcl")},
    "capped": Objective("umcl", cap=4.0),
}
"""What a step may be of, but for open_clip; umcl is there by its similarities."""


def step(how: str, n: int, d: int = 512, findings: int = 14) -> Callable[[], None]:
    """The loss of n films and texts, forward and backward."""
    rng = torch.Generator().manual_seed(0)
    z_img, z_txt = (normalize(torch.randn(n, d, generator=rng), dim=1).requires_grad_() for _ in range(2))
    scale = torch.tensor(14.0, requires_grad=True)
    if how == "open_clip":
        from open_clip.loss import ClipLoss

        peer = ClipLoss()

        def loss() -> torch.Tensor:
            value: torch.Tensor = peer(z_img, z_txt, scale)
            return value
    else:
        present = (torch.rand(n, findings, generator=rng) < 0.2).float()
        meaning = Meaning(normalize(torch.randn(n, 64, generator=rng), dim=1), 0.3, 0.2)
        films, texts = (
            Side(torch.arange(n), present, absent, meaning) for absent in (1 - present, torch.zeros_like(present))
        )
        name, _, rounded = how.partition("-")
        objective, precision = OBJECTIVES[name], torch.bfloat16 if rounded else None

        def loss() -> torch.Tensor:
            named = get_loss(objective.loss)
            return contrastive_loss(z_img, z_txt, scale, films, texts, objective, named, precision=precision)

    return lambda: loss().backward()  # type: ignore[no-untyped-call]


def in_turns(runs: Mapping[str, Callable[[], object]], benchmark: BenchmarkFixture, rounds: int, warmup: int) -> None:
    """Prints the least seconds of each, on the clock and of the processor, beside the first's and the second's."""
    wall, processor = (dict.fromkeys(runs, math.inf) for _ in range(2))

    def turn() -> None:
        for how, run in runs.items():
            start = time.perf_counter(), time.process_time()
            run()
            wall[how] = min(wall[how], time.perf_counter() - start[0])
            processor[how] = min(processor[how], time.process_time() - start[1])

    benchmark.pedantic(turn, rounds=rounds, warmup_rounds=warmup)  # type: ignore[no-untyped-call]
    first, second = list(runs)[:2]
    print(f"\n{benchmark.name}, {torch.get_num_threads()} threads: least seconds; {first} / this; this / {second}")
    for what, least in (("wall", wall), ("processor", processor)):
        for how, seconds in least.items():
            shares = least[first] / seconds, seconds / least[second]
            print(f"{what:9} {how:14} {seconds:8.3f} {shares[0]:6.2f} {shares[1]:6.2f}")


@pytest.mark.parametrize("n", [2048, 4096, 8192, 16384])
def test_forward_and_backward(benchmark: BenchmarkFixture, n: int) -> None:
    """512 dimensions. The aims: faster than open_clip from 4,096 up, and no label target over 1.4 times identity."""
    runs = {how: step(how, n if benchmark.enabled else 64) for how in HOWS}
    rounds, warmup = (3, 0) if n > 8192 else (5, 1)
    in_turns(runs, benchmark, rounds, warmup)


@pytest.mark.parametrize("n", [2048, 4096])
def test_every_loss(benchmark: BenchmarkFixture, n: int) -> None:
    """512 dimensions: what each loss costs beside open_clip's, and beside identity."""
    runs = {how: step(how, n if benchmark.enabled else 64) for how in ("open_clip", *OBJECTIVES)}
    in_turns(runs, benchmark, rounds=5, warmup=1)


def peak(how: str, n: int, d: int) -> float:
    """MB that the loss takes above what is there before it, in a process of its own."""
    command = [sys.executable, "-c", f"from {__name__} import main; main({how!r}, {n}, {d})"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(how: str, n: int, d: int) -> None:
    """Prints it, measured as Linux's peak of resident memory, which is set back first."""
    from pathlib import Path

    step(how, 64, d)()  # what the libraries keep is not the loss's
    run = step(how, n, d)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    run()
    print((_status("VmHWM") - before) / 1024)


def _status(field: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("n", [4096, 8192, 16384, 32768])
@pytest.mark.parametrize("how", ["open_clip", "jaccard-bf16", *OBJECTIVES])
def test_memory(benchmark: BenchmarkFixture, n: int, how: str) -> None:
    """The aim: a tenth of open_clip's at 16,384, and linear in the batch."""
    if not benchmark.enabled:
        pytest.skip("measured with --benchmark-enable")
    if how == "open_clip" and n > 16384:
        pytest.skip("17 GB")
    found = benchmark.pedantic(peak, (how, n, 512))  # type: ignore[no-untyped-call]
    benchmark.extra_info["peak_mb"] = found
    print(f"\n{how} at {n:,}: {found:.0f} MB above the inputs")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_no_matrix_of_the_batch_is_ever_whole() -> None:
    """One matrix of 8,192 x 8,192 floats has 256 MB."""
    assert peak("jaccard", 8192, 4) < 64
