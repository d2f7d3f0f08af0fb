"""The device and the precision of a training."""

from __future__ import annotations

import functools
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
    """How many times faster a matrix product is in bfloat16 than in float32, here: the best of five of each."""
    best = {}
    for dtype in (torch.float32, torch.bfloat16):
        n = 512 if device == "cpu" else 4096  # enough work for the device
        a = torch.ones(n, n, dtype=dtype, device=device)
        a @ a  # kernels are chosen at the first call
        best[dtype] = min(_seconds(a) for _ in range(5))
    return best[torch.float32] / best[torch.bfloat16]


def _seconds(a: torch.Tensor) -> float:
    if a.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(4):
        a @ a
    if a.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start
