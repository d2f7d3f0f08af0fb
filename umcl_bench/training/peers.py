"""The processes of one training, as torchrun starts them: who they are, how rows are dealt, and what they exchange.

Every process draws the same global batch, so row numbers, labels and states need no communication; each reads and
encodes its own rows, the text embeddings are gathered for the loss, and the gradients of the parameters are averaged
by DistributedDataParallel (or FSDP2).
"""

from __future__ import annotations

import datetime
import itertools
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from umcl_bench.errors import BenchError, UsageError
from umcl_bench.training.runtime import world

# torchrun ends all processes when one dies, so a long wait is no hang: one may be building a cache, or wait for a lock
_PATIENCE = datetime.timedelta(hours=24)

_joins = itertools.count()  # the same on all: after an error nobody joins again


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Joins the other processes for the block, where there are any: NCCL on GPUs, gloo on CPUs."""
    if world().size == 1 or dist.is_initialized():
        yield
        return
    if device.type == "cuda":
        here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
        if here > gpus:
            raise UsageError(
                f"torchrun started {here} processes on this machine, which has {gpus} GPUs; use --nproc-per-node {gpus}"
            )
        torch.cuda.set_device(world().local_rank)
    # torchrun's store outlives a group: under the same keys the next may read, and wait for, the last one's addresses
    store = PrefixStore(f"joined-{next(_joins)}", next(rendezvous("env://", timeout=_PATIENCE))[0])
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=world().rank, world_size=world().size, timeout=_PATIENCE)
    try:
        yield
        dist.barrier()
    except RuntimeError as error:
        if "gloo" in str(error):
            raise BenchError("another process of this training ended, or can't be reached; see its message") from error
        raise
    dist.destroy_process_group()  # after an error the others may be anywhere, and can't be waited for


def check_together(what: str, folder: Path) -> None:
    """Raises UsageError where the processes are about to do different things, or do not share the store `folder`.

    `what` is the name of what this process will do, with a digest of all that it depends on.
    """
    if not dist.is_initialized():
        return
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / agree(f".seen-by-all-{uuid.uuid4().hex}")
    if world().leads:
        probe.touch()
    dist.barrier()
    found: list[Any] = [None] * world().size
    dist.all_gather_object(found, (what, probe.exists()))
    probe.unlink(missing_ok=True)
    names = [name for name, _ in found]
    if len(set(names)) > 1:
        raise UsageError(
            f"the processes were to do different things: {', '.join(sorted(set(names)))}. Data, options and versions "
            "must be the same for all"
        )
    strangers = [str(rank) for rank, (_, seen) in enumerate(found) if not seen]
    if strangers:
        raise UsageError(
            f"--store {folder} is another folder for process {', '.join(strangers)} than for process 0; put it on a "
            "disk that all machines share"
        )


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
