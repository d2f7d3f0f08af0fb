"""Several processes, as torchrun starts them, against one: they do the same sums in another order, and nothing else."""

import dataclasses
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.training.one_of_several import Case, play
from umcl_bench.errors import UsageError
from umcl_bench.models.dual import build_encoder
from umcl_bench.training import batch_norm, compiling
from umcl_bench.training.runtime import Runtime

UMCL = Case(batch=25, micro_batch=5)
CLIP = Case(model="clip", vit=False, batch=14, epsilon=1e-3)
CASES = {
    2: {
        "label-only rows, an uneven batch, micro-batches": UMCL,
        "batch norm": CLIP,
        "sharded": dataclasses.replace(UMCL, shard=True, recompute=True),
        "a bias, and pairs of yes or no": dataclasses.replace(UMCL, model="siglip", steps=3),
        "sharded batch norm": dataclasses.replace(CLIP, shard=True, steps=3),
    },
    3: {
        "batch norm": dataclasses.replace(CLIP, model="umcl", batch=16, steps=3),
        "an uneven batch, micro-batches": dataclasses.replace(UMCL, model="clip", micro_batch=3, steps=3),
    },
}
TERMS = {
    "tokens and prototypes, micro-batches": dataclasses.replace(UMCL, model="mgca", batch=24, micro_batch=6, steps=3),
    "labels alone, sharded": dataclasses.replace(UMCL, model="label-bce", shard=True, steps=3),
    "two views": dataclasses.replace(UMCL, model="cxr-clip", batch=24, micro_batch=6, steps=3),
}
"""Terms contrast within a process's rows: several processes are not one, but they agree."""
EXACT = [(processes, name) for processes, cases in CASES.items() for name in cases]
CASES[2] |= TERMS
ALL = [(processes, name) for processes, cases in CASES.items() for name in cases]


def torchrun(processes: int, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a module on so many processes of one thread each; returns its output."""
    launch = ("--nproc-per-node", str(processes), "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0")
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *launch, "-m", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], list[dict[str, Tensor]]]:
    """What each process of each case came to; all cases of as many processes share their start."""
    found = {}
    for processes, cases in CASES.items():
        folder = tmp_path_factory.mktemp("played")
        words = json.dumps([dataclasses.asdict(case) for case in cases.values()])
        done = torchrun(processes, "tests.training.one_of_several", str(folder), words)
        assert done.returncode == 0, done.stderr
        for number, name in enumerate(cases):
            paths = [folder / f"{number}-{rank}.safetensors" for rank in range(processes)]
            found[processes, name] = [load_file(path) for path in paths]
    return found


@pytest.fixture
def alone() -> Iterator[None]:
    """A process group of this process, for what sums over processes."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
    yield
    dist.destroy_process_group()


@functools.cache
def one(case: Case) -> dict[str, Tensor]:
    """The same by one process, not sharded."""
    return play(dataclasses.replace(case, shard=False), written_out=not case.vit)


def part(found: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What is called PREFIX.NAME, by its name."""
    return {name.removeprefix(prefix): t.double() for name, t in found.items() if name.startswith(prefix)}


def length(tensors: dict[str, Tensor]) -> float:
    """The norm of all of them together."""
    return float(torch.cat([t.flatten() for t in tensors.values()]).norm())


def minus(a: dict[str, Tensor], b: dict[str, Tensor]) -> dict[str, Tensor]:
    """The differences, by name."""
    assert a.keys() == b.keys()
    return {name: t - b[name] for name, t in a.items()}


@pytest.mark.parametrize(("processes", "name"), EXACT)
def test_processes_do_what_one_does(
    played: dict[tuple[int, str], list[dict[str, Tensor]]], alone: None, processes: int, name: str
) -> None:
    """Losses, the first step's gradients of every parameter, and the weights at the end.

    What is left is rounding: of a gradient, a hundred-thousandth; of the way that the weights went, three
    ten-thousandths, as each step begins where the last one ended.
    """
    found, expected = played[processes, name][0], one(CASES[processes][name])
    torch.testing.assert_close(found["losses"], expected["losses"], rtol=1e-5, atol=0)
    torch.testing.assert_close(found["norms"][0], expected["norms"][0], rtol=1e-5, atol=0)
    gradients, right = part(found, "gradient."), part(expected, "gradient.")
    for name_, difference in minus(gradients, right).items():
        assert difference.norm() <= 1e-5 * right[name_].norm() + 1e-9, name_  # some are zero but for rounding
    way = minus(part(expected, "after."), part(expected, "before."))
    assert length(way) > 0.1
    assert length(minus(part(found, "after."), part(expected, "after."))) <= 3e-4 * length(way)


@pytest.mark.parametrize(("processes", "name"), ALL)
def test_all_processes_end_with_the_same_weights(
    played: dict[tuple[int, str], list[dict[str, Tensor]]], processes: int, name: str
) -> None:
    """Bit for bit, on each."""
    first, *others = played[processes, name]
    for other in others:
        assert all(torch.equal(tensor, other[key]) for key, tensor in first.items())


def test_torchs_own_batch_norm_is_the_same_but_for_its_rounding(
    played: dict[tuple[int, str], list[dict[str, Tensor]]],
) -> None:
    """On a CPU, channels-last, torch sums a channel in float32 one by one: some 1e-5 off, the processes 1e-7."""
    found, expected = part(played[2, "batch norm"][0], "gradient."), part(play(CLIP), "gradient.")
    assert length(minus(found, expected)) <= 3e-4 * length(expected)
    found, expected = (part(p, "after.") for p in (played[2, "batch norm"][0], play(CLIP)))
    assert length(minus(found, expected)) <= 1e-2 * length(expected)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(3), nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False)])
def test_the_synchronised_batch_norm_is_torchs(alone: None, norm: nn.BatchNorm2d) -> None:
    """Value, gradients and running statistics in float64, for one process; for several see above."""
    ours, theirs = (type(norm)(3, affine=norm.affine).double() for _ in range(2))
    assert batch_norm.synchronise(ours, torch.device("cpu")) == 1
    generator = torch.Generator().manual_seed(0)
    shape = (7, 3) if isinstance(norm, nn.BatchNorm1d) else (7, 3, 4, 5)
    for _ in range(3):
        x, weight = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
        inputs = [(4 * x - 2).requires_grad_() for _ in range(2)]
        outputs = [module(x) for module, x in zip((ours, theirs), inputs, strict=True)]
        for out in outputs:
            (out * weight).sum().backward()
        torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-10, atol=1e-10)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-10, atol=1e-10)


def test_a_run_is_stopped_goes_on_and_is_found(tmp_path: Path) -> None:
    """By two processes that speak with one voice; and a failure of one ends both, without waiting for ever."""
    where = {"UMCL_BENCH_STORE": str(tmp_path / "store"), "UMCL_BENCH_CACHE": str(tmp_path / "cache")}
    words = ("tests.training.short_command", "run", "--task", "zeroshot-chexpert", "--model")

    stopped = torchrun(2, *words, "umcl", AT_STEP_3="stop", **where)
    assert stopped.returncode != 0
    assert stopped.stderr.count("the state of step 3 is kept: the same command goes on from it") == 1

    failed = torchrun(2, *words, "umcl,clip", "--shard", AT_STEP_3="fail", **where)
    assert failed.returncode == 1
    assert failed.stderr.count("going on from step 3") == 1  # umcl, sharded now; its step 3 is done
    assert "the film's disk went away" in failed.stderr  # clip, on the second process
    records = tmp_path / "store" / "records"
    assert [folder.name.split("-")[0] for folder in records.iterdir()] == ["umcl"]

    done = torchrun(2, *words, "umcl,clip", **where)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("macro AUROC") == 1
    assert "2 runs: 1 done, 1 on record before, 0 failed" in done.stdout
    (facts,) = (json.loads((f / "result.json").read_text()) for f in records.iterdir() if f.name.startswith("umcl"))
    assert facts["training"]["processes"] == 2
    assert facts["training"]["resumed_from_steps"] == [3]


def test_runs_of_a_sweep_join_one_after_another() -> None:
    """Under the keys of the last group in torchrun's store, a process would wait for addresses that are gone."""
    done = torchrun(2, "tests.training.join_again")
    assert done.returncode == 0, done.stderr


def test_sharding_needs_processes() -> None:
    """One has nothing to share with."""
    with pytest.raises(UsageError, match="--shard spreads weights and optimiser over the processes of torchrun"):
        Runtime(shard=True)


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU it is looked for before anything is compiled."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    case = Case().recipe()
    with pytest.raises(UsageError, match="--compile needs a C\\+\\+ compiler, and there is no no-such-compiler"):
        compiling.compile_towers(build_encoder(case, 50), torch.device("cpu"))
