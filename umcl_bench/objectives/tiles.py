"""What the tiled losses stand on: tiles, sums over the lines of matrices that are never whole, several processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from umcl_bench.objectives.targets import Builder, Side, Targets, same_pair
from umcl_bench.spec import Objective

TILE = (
    512  # a tile of floats is 1 MB: it stays in a processor's cache, and its memory is used again without page faults
)


class Peers(Protocol):
    """The processes of one training: each holds some consecutive films and texts of the global batch.

    All of them call these methods in the same order.
    """

    @property
    def films(self) -> slice:
        """This process's rows of the global batch's films."""

    @property
    def texts(self) -> slice:
        """This process's rows of the global batch's texts."""

    def gather_texts(self, mine: Tensor) -> Tensor:
        """(m_r, ...) -> (m, ...): all processes' rows in order, without a gradient."""

    def gather_columns(self, mine: Tensor) -> Tensor:
        """A tensor of the same shape (...) everywhere -> (world, ...), by rank."""

    def total(self, mine: Tensor) -> Tensor:
        """The sum over the processes of a tensor of the same shape everywhere."""


class Alone:
    """The only process: all rows are its own."""

    films = texts = slice(None)

    def gather_texts(self, mine: Tensor) -> Tensor:
        """All rows."""
        return mine

    def gather_columns(self, mine: Tensor) -> Tensor:
        """(1, ...)."""
        return mine[None]

    def total(self, mine: Tensor) -> Tensor:
        """The sum of one."""
        return mine


class Batch(NamedTuple):
    """A batch as its loss sees it: this process's films (n,), all texts (m,), and how their targets are built.

    `sizes` counts the films and texts of all processes; `like` is an empty tensor of the logits' type, on their device.
    """

    films: Side
    texts: Side
    objective: Objective
    build: Builder
    sizes: tuple[int, int]
    peers: Peers
    like: Tensor

    def targets(self, i: slice, j: slice) -> Targets:
        """The targets of a tile, in the logits' type."""
        weights, neutral = self.build(self.films.rows(i), self.texts.rows(j), self.objective)
        return Targets(weights.to(self.like.dtype), neutral)

    def same_pair(self, i: slice, j: slice) -> Tensor:
        """A tile of 0 and 1: film and text are of the same row."""
        return same_pair(self.films.rows(i), self.texts.rows(j)).to(self.like.dtype)


def tiles(n: int, m: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """The rows and columns of each tile of a matrix (n, m)."""
    for i in range(0, n, tile):
        for j in range(0, m, tile):
            yield slice(i, min(i + tile, n)), slice(j, min(j + tile, m))


class Lines:
    """Of each line of some matrices (a row: axis 1, or a column: axis 0): sums (k, n), and log-sum-exps (l, n)."""

    def __init__(self, sums: Tensor, logs: Tensor) -> None:
        self.sums, self.logs = sums, logs

    @classmethod
    def zeros(cls, n: int, sums: int, logs: int, like: Tensor) -> Lines:
        """Before the first tile."""
        return cls(like.new_zeros(sums, n), like.new_full((logs, n), -torch.inf))

    def add(self, k: int, at: slice, matrix: Tensor, axis: int) -> None:
        """Adds a tile of the k-th matrix that is summed."""
        self.sums[k, at].add_(matrix.sum(axis))

    def add_exp(self, k: int, at: slice, logits: Tensor, axis: int) -> None:
        """Adds a tile of the k-th matrix of logits."""
        torch.logaddexp(self.logs[k, at], _logsumexp(logits, axis), out=self.logs[k, at])

    def over(self, peers: Peers) -> Lines:
        """The same lines of all processes, joined."""
        parts, k = peers.gather_columns(torch.cat([self.sums, self.logs])), len(self.sums)
        return Lines(parts[:, :k].sum(0), parts[:, k:].logsumexp(0))


def spread(line: Tensor, at: slice, axis: int) -> Tensor:
    """A value for each line (n,), as it is broadcast over a tile of these lines."""
    return line[at].unsqueeze(axis)


def _logsumexp(z: Tensor, axis: int) -> Tensor:
    """As torch.logsumexp, which takes a tile as long as its matrix product on a CPU: this is eight times faster."""
    top = z.amax(axis, keepdim=True).clamp_(min=torch.finfo(z.dtype).min)  # of a line of -inf: -inf, not NaN
    return (z - top).exp_().sum(axis).log_() + top.squeeze(axis)
