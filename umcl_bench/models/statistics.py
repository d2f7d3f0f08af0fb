"""Batch norm's running statistics, kept from passes that should not count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Puts the running mean, variance and count of every batch norm back when the block ends."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    before = [{name: value.clone() for name, value in norm.named_buffers(recurse=False)} for norm in norms]
    try:
        yield
    finally:
        with torch.no_grad():
            for norm, values in zip(norms, before, strict=True):
                for name, value in norm.named_buffers(recurse=False):
                    value.copy_(values[name])
