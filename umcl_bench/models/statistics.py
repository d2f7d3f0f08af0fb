"""Running statistics of batch norms, where a forward pass must leave no trace in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """On leaving, the running statistics of all batch norms in `module` are as they were, bit for bit, in place.

    For passes that compute again what was computed before (activation checkpointing, gradient caching) and would
    count the same batch twice.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
    buffers = [buffer for norm in norms for buffer in norm.buffers(recurse=False)]
    before = [buffer.detach().clone() for buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
