"""The digest of a module's weights: what tells an embedding of one model from that of another."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from umcl_bench.spec import digest


def weights_digest(module: nn.Module, *settings: object) -> str:
    """Sixteen hexadecimal digits over every tensor's name, type, shape and bytes, and over `settings` as plain data."""
    total = hashlib.sha256(digest(list(settings)).encode())
    for name, tensor in module.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        total.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        total.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]
