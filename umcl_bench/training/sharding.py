"""FSDP2: weights, gradients and optimiser spread over the processes, for towers that do not fit one GPU.

Each process keeps an equal part of every tensor. A block's weights are gathered for its forward and its backward pass
and dropped again; what belongs to no block (embeddings, stems, projections, prompts) stays gathered from one to the
other. Gradients are averaged, as by DistributedDataParallel.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor


def shard(module: nn.Module, device: torch.device) -> None:
    """Makes the parameters of `module` DTensors, in place: its own, and those of each of its blocks together."""
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    module.to(memory_format=torch.contiguous_format)  # FSDP2 takes no other
    for block in list(blocks(module)):
        fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh)


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The repeated parts of the towers in `module`: what the outermost lists hold that is no plain layer."""
    for part in module.children():
        if not isinstance(part, nn.Sequential | nn.ModuleList):
            yield from blocks(part)
        else:
            yield from (child for child in part if any(True for _ in child.children()))


def whole(tensor: Tensor) -> Tensor:
    """A tensor that may be spread over the processes, gathered on each: all must ask for it, in the same order."""
    full: Tensor = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full


def spread(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, the same on all processes, kept as `like` is: on its device, and this process's part of it."""
    if tensor.shape != like.shape:
        return tensor.to(like.device)
    if isinstance(like, DTensor):
        sent = tensor.to(like.device)
        return distribute_tensor(sent, like.device_mesh, like.placements, src_data_rank=None)
    return torch.empty_like(like).copy_(tensor)  # in the same layout: the fused optimiser takes it for granted
