"""The order of training rows: shuffled once an epoch, mixed by kind of row, balanced by finding on request."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from umcl_bench.data.corpus import Rows
from umcl_bench.errors import UsageError
from umcl_bench.spec import Sampling

Kinds = NDArray[np.object_]


def draw_batches(
    kinds: Kinds, positive: NDArray[np.float32], sampling: Sampling, size: int, steps: int, rng: Generator
) -> Iterator[Rows]:
    """`steps` batches of `size` row numbers below n, for rows of kinds (n,) and with positive claims (n, k).

    The kind that is furthest behind its share comes next: over any stretch each kind gets its share to within two rows,
    and batches have few different shapes. Raises UsageError where the sampling
    names a kind that no row is of.
    """
    shares = mixing_shares(kinds, sampling)
    streams = [
        _balanced(np.flatnonzero(chosen), positive, rng)
        if sampling.balanced
        else _shuffled(np.flatnonzero(chosen), rng)
        for chosen in ([kinds == kind for kind in shares] if _mixed(kinds, sampling) else [np.ones(len(kinds), bool)])
    ]
    weights = np.array(list(shares.values())) if len(streams) > 1 else np.ones(1)
    drawn = np.zeros(len(streams), dtype=np.int64)
    for step in range(steps):
        due = drawn.copy()
        for place in range(step * size + 1, (step + 1) * size + 1):
            due[np.argmax(weights * place - due)] += 1  # the kind that is furthest behind
        yield np.concatenate([_take(stream, n) for stream, n in zip(streams, (due - drawn).tolist(), strict=True)])
        drawn = due


def mixing_shares(kinds: Kinds, sampling: Sampling) -> dict[str, float]:
    """Each kind's share of the rows drawn: as asked for, else as the rows are."""
    there, counts = np.unique(kinds.astype(str), return_counts=True)
    if not sampling.ratio:
        return dict(zip(there.tolist(), (counts / len(kinds)).tolist(), strict=True))
    total = sum(weight for _, weight in sampling.ratio)
    for kind, _ in sampling.ratio:
        if kind not in there:
            raise UsageError(
                f"the mix names {kind}, and no training row is of this kind; there are: {', '.join(there)}"
            )
    return {kind: weight / total for kind, weight in sampling.ratio if weight}


def _mixed(kinds: Kinds, sampling: Sampling) -> bool:
    """Whether kinds are drawn apart: when asked for, and where some rows lack a film or a text (batches' shapes)."""
    return bool(sampling.ratio) or bool(np.isin(kinds.astype(str), ("image", "text")).any())


def _take(stream: Iterator[int], count: int) -> Rows:
    return np.fromiter(itertools.islice(stream, count), np.int64, count)


def _shuffled(rows: Rows, rng: Generator) -> Iterator[int]:
    """The rows in a new random order every epoch, without end."""
    while True:
        yield from rows[rng.permutation(len(rows))].tolist()


def _balanced(rows: Rows, positive: NDArray[np.float32], rng: Generator) -> Iterator[int]:
    """Rows by turns: a finding, each as often, then its next row. A row with several findings raises these together.

    Rows that claim no finding to be present (unlabelled, or all absent) keep the share that they have.
    """
    has = positive[rows] > 0
    none = np.flatnonzero(~has.any(axis=1))
    groups = [np.flatnonzero(column) for column in has.T if column.any()]
    share = len(none) / len(rows)
    weights = [(1 - share) / len(groups)] * len(groups) if groups else []
    if len(none):
        groups, weights = [*groups, none], [*weights, share]
    streams = [_shuffled(rows[group], rng) for group in groups]
    while True:
        yield next(streams[rng.choice(len(groups), p=weights)])
