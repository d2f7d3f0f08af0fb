"""Batch norm over the global batch: each process normalises by the statistics of all processes' rows.

torch's SyncBatchNorm needs GPUs; elsewhere the same is written out here, so that two processes give what one gives.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def synchronise(module: nn.Module, device: torch.device) -> int:
    """Makes every batch norm in `module` one over all processes; returns how many there are."""
    found = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    if device.type == "cuda":
        from timm.layers import convert_sync_batchnorm  # torch's own would lose the activation of timm's fused layers

        convert_sync_batchnorm(module)
    else:
        for norm in found:
            norm.forward = partial(_forward, norm)  # type: ignore[method-assign]
    return len(found)


class _Sum(torch.autograd.Function):
    """The sum over processes; so is its gradient, as each process holds its part of one loss."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        out = mine.clone()
        dist.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        out = grad.contiguous().clone()
        dist.all_reduce(out)
        return out


def _forward(norm: Any, x: Tensor) -> Tensor:
    out = _normalise(norm, x)
    return norm.act(norm.drop(out)) if hasattr(norm, "act") and hasattr(norm, "drop") else out  # timm's BatchNormAct2d


def _normalise(norm: _BatchNorm, x: Tensor) -> Tensor:
    if not norm.training:
        return nn.functional.batch_norm(
            x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
        )
    axes = [axis for axis in range(x.ndim) if axis != 1]
    shape = [1, -1, *[1] * (x.ndim - 2)]
    wide = x if x.dtype == torch.float64 else x.float()
    count = torch.tensor([x.numel() / x.shape[1]], dtype=wide.dtype)
    sums = _Sum.apply(torch.cat([wide.sum(axes), count]))
    mean, n = sums[:-1] / sums[-1], sums[-1].detach()
    deviation = wide - mean.view(shape)
    variance = _Sum.apply((deviation**2).sum(axes)) / n
    if norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None:
        with torch.no_grad():
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(variance * n / (n - 1), norm.momentum)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked += 1
    out: Tensor = deviation * torch.rsqrt(variance + norm.eps).view(shape)
    if norm.affine:
        out = out * norm.weight.view(shape) + norm.bias.view(shape)
    return out.to(x.dtype)
