"""Texts of many lengths as one sequence of tokens, with almost no padding, and attention within each text.

Sorted by length and cut into groups, each padded to its own longest text, the texts stand one after the other: linear
layers, norms and activations see one (1, total, w) matrix, and attention takes each group as a slice of it. Group
sizes, lengths and the total come in steps, because oneDNN compiles its bf16 kernels anew for every shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

GROUPED = "grouped-by-length"
"""The name of `grouped_attention` among transformers' attention functions."""

_TEXTS = 16  # a group
_LENGTH_STEP = 4
_TOTAL_STEP = 256


class Group(NamedTuple):
    """A slice of the packed sequence: `shape` (texts, length), and which tokens are no padding."""

    shape: tuple[int, int]
    bias: Tensor  # (texts, 1, 1, length): 0, or minus infinity at padding
    weight: Tensor  # (texts, length, 1): the mean over a text's tokens


class Packing(NamedTuple):
    """How texts (n, l) stand in one sequence of `total` tokens, the last of which belong to no text."""

    tokens: Tensor  # (total,): places in the flattened (n * l); some twice, as padding
    positions: Tensor  # (1, total): places in their text
    groups: tuple[Group, ...]
    sizes: list[int]  # tokens of each group, then the rest
    back: Tensor  # (n,): the place of each text among the groups' texts

    @property
    def real(self) -> Tensor:
        """Which tokens (total,) are no padding."""
        parts = [(group.weight > 0).flatten() for group in self.groups]
        return torch.cat([*parts, parts[0].new_zeros(self.sizes[-1])])

    def pool(self, hidden: Tensor) -> Tensor:
        """Hidden states (total, w) -> the mean over each text's tokens (n, w)."""
        parts = torch.split(hidden, self.sizes)[: len(self.groups)]
        means = [(part.view(*g.shape, -1) * g.weight).sum(1) for part, g in zip(parts, self.groups, strict=True)]
        return torch.cat(means)[self.back]

    def highest(self, hidden: Tensor) -> Tensor:
        """Hidden states (total, w) -> the maximum over each text's tokens (n, w)."""
        parts = torch.split(hidden, self.sizes)[: len(self.groups)]
        tops = [
            part.view(*g.shape, -1).masked_fill(g.weight == 0, -torch.inf).amax(1)
            for part, g in zip(parts, self.groups, strict=True)
        ]
        return torch.cat(tops)[self.back]


def pack(lengths: Tensor, longest: int, dtype: torch.dtype) -> Packing:
    """A packing of texts of `lengths` (n,), n > 0, that are padded to `longest` tokens; biases are of `dtype`."""
    device, counts = lengths.device, lengths.cpu().numpy()
    order = np.argsort(-counts, kind="stable")
    tokens, positions, groups = [], [], []
    for at in range(0, len(order), _TEXTS):
        rows = order[at : at + _TEXTS]
        place = np.arange(_round_up(int(counts[rows[0]]), _LENGTH_STEP))
        real = torch.from_numpy(place < counts[rows, None]).to(device)
        bias = torch.zeros(real.shape, dtype=dtype, device=device).masked_fill_(~real, -torch.inf)
        weight = real.to(dtype) / real.sum(1, keepdim=True)
        groups.append(Group((len(rows), len(place)), bias[:, None, None], weight[:, :, None]))
        column = np.minimum(place, longest - 1)
        tokens.append((rows[:, None] * longest + column).ravel())
        positions.append(np.tile(column, len(rows)))
    sizes = [len(part) for part in tokens]
    rest = _round_up(sum(sizes), _TOTAL_STEP) - sum(sizes)
    spare = np.zeros(rest, np.int64)
    return Packing(
        tokens=torch.from_numpy(np.concatenate([*tokens, spare])).to(device),
        positions=torch.from_numpy(np.concatenate([*positions, spare]))[None].to(device),
        groups=tuple(groups),
        sizes=[*sizes, rest],
        back=torch.from_numpy(np.argsort(order)).to(device),
    )


def grouped_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    packing: Packing,
    **_: object,
) -> tuple[Tensor, None]:
    """Attention (1, heads, total, dh) within each text -> (1, total, heads, dh), for transformers' AttentionInterface.

    Plain matrix products: in bf16 on a CPU torch's fused kernel is several times slower, in fp32 no faster.
    """
    parts = []
    split = (torch.split(t[0].transpose(0, 1), packing.sizes) for t in (query * scaling, key, value))
    *slices, rest = zip(*split, strict=True)
    for slice_, group in zip(slices, packing.groups, strict=True):
        q, k, v = (t.unflatten(0, group.shape).transpose(1, 2) for t in slice_)
        scores = q @ k.transpose(-1, -2) + group.bias
        parts.append((scores.softmax(-1) @ v).transpose(1, 2).flatten(0, 1))
    return torch.cat([*parts, torch.zeros_like(rest[0])])[None], None


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
