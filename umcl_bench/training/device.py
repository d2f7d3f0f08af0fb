"""The device and the precision of a training."""

from __future__ import annotations

import functools
import math
import time

import torch

from umcl_bench.errors import UsageError
from umcl_bench.spec import Precision

_FASTER = 1.2
"""bfloat16 must be this much faster: where it is emulated it is several times slower, so the choice is never close."""


def pick_device(name: str) -> torch.device:
    """'auto' is a GPU where there is one. Raises UsageError for what there is not."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise UsageError(f"--device {name!r}: it must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no GPU here; use --device cpu")
    return torch.device(name)


def training_precision(device: torch.device, wanted: Precision = "auto") -> torch.dtype:
    """The precision of the towers: as wanted, or bfloat16 where this machine measures faster with it."""
    if wanted != "auto":
        return torch.float32 if wanted == "float32" else torch.bfloat16
    return torch.bfloat16 if bfloat16_gain(device.type) > _FASTER else torch.float32


@functools.cache
def bfloat16_gain(device: str) -> float:
    """How many times faster a matrix product is in bfloat16 than in float32, here: the best of twenty of each.

    They take turns, and a CPU's are timed in seconds of one thread's work, so that what else the machine does, and
    with it the choice, matters little.
    """
    best = dict.fromkeys((torch.float32, torch.bfloat16), math.inf)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        made = {dtype: torch.ones(512, 512, dtype=dtype, device=device) for dtype in best}
        for _ in range(20):
            best = {dtype: min(least, _seconds(made[dtype])) for dtype, least in best.items()}
    finally:
        torch.set_num_threads(threads)
    return best[torch.float32] / best[torch.bfloat16]


def _seconds(a: torch.Tensor) -> float:
    if not a.is_cuda:
        start = time.thread_time()
        a @ a
        return time.thread_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(4):
        a @ a
    torch.cuda.synchronize()
    return time.perf_counter() - start
