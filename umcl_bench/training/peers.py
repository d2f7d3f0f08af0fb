"""The processes of one training, as torchrun starts them: who they are, how rows are dealt, and what they exchange.

Every process draws the same global batch, so row numbers, labels and states need no communication; each reads and
encodes its own rows, the text embeddings are gathered for the loss, and the gradients of the parameters are averaged
by DistributedDataParallel (or FSDP2).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from umcl_bench.errors import UsageError
from umcl_bench.training.runtime import world

# torchrun ends all processes when one dies, so a long wait is no hang: one may be building a cache, or wait for a lock
_PATIENCE = datetime.timedelta(hours=24)


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Joins the other processes for the block, where there are any: NCCL on GPUs, gloo on CPUs."""
    if world().size == 1 or dist.is_initialized():
        yield
        return
    if device.type == "cuda":
        if world().local_rank >= torch.cuda.device_count():
            raise UsageError(
                f"this machine has {torch.cuda.device_count()} GPUs, and torchrun started more processes; use "
                f"--nproc-per-node {torch.cuda.device_count()}"
            )
        torch.cuda.set_device(world().local_rank)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield
        dist.barrier()
    finally:
        dist.destroy_process_group()


def agree(value: Any) -> Any:
    """The first process's `value`, on all."""
    if not dist.is_initialized():
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def largest(values: Sequence[float]) -> list[float]:
    """The largest of each value over the processes. Between CPUs, so that no GPU is waited for."""
    if not dist.is_initialized():
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return [float(v) for v in tensor]


class Peers:
    """The processes of one batch: which of its films (n,) and texts (m,) are whose, in the order of their numbers."""

    def __init__(self, films: Sequence[int], texts: Sequence[int], rank: int) -> None:
        self._texts = list(texts)
        self.size = len(self._texts)
        self.films = _slice(films, rank)
        self.texts = _slice(texts, rank)

    def gather_texts(self, mine: Tensor) -> Tensor:
        """(m_r, ...) of each process -> (m, ...) of all, in order; no gradient goes through it."""
        most = max(self._texts)
        padded = mine.new_zeros((most, *mine.shape[1:]))
        padded[: len(mine)] = mine.detach()
        found = self.gather_columns(padded)
        return torch.cat([rows[:count] for rows, count in zip(found, self._texts, strict=True)])

    def gather_columns(self, mine: Tensor) -> Tensor:
        """A tensor of the same shape on each process -> (size, ...)."""
        found = [torch.empty_like(mine) for _ in self._texts]
        dist.all_gather(found, mine.contiguous())
        return torch.stack(found)

    def total(self, mine: Tensor) -> Tensor:
        """The sum over the processes."""
        out = mine.contiguous().clone()
        dist.all_reduce(out)
        return out


def _slice(counts: Sequence[int], rank: int) -> slice:
    start = sum(counts[:rank])
    return slice(start, start + counts[rank])
