"""Where the relevant candidates of each query are, in blocks: no matrix of queries x candidates is ever whole.

Coordinates are rounded to multiples of 2^-24, which moves a cosine by about 2e-8, less than float32 resolves. Products
of two such numbers are multiples of 2^-48, and between rows of length one every sum of them is below 2^5, so that
float64 holds it exactly, in any order. A cosine here is therefore *the* cosine of the rounded rows, whatever the block,
the number of threads or the library: equal ones are equal, and ranks do not depend on the order of rows. Most pairs are
decided by a float32 product, whose error is below (d + 8) 2^-24 (Higham 2002, section 3.1, and the rounding of what it
is compared with); only pairs that are closer than that are computed in float64. Memory grows with n + m, not with n m.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from umcl_bench.models.base import Matrix

Counts = NDArray[np.int64]

_GRID = 2.0**24
_ROWS, _COLUMNS = 1024, 1024
_PAIRS = 4096
_CELLS, _LEAST = 1 << 21, 64
_CLOSE = 1 / 32
"""Sizes of blocks: rows and columns where counts go both ways, pairs of rows, cells of whole rows and the least rows.

`_CLOSE` is the share of close pairs from which on the float64 product of a whole block is quicker than theirs.
"""


class Place(NamedTuple):
    """Of each query (n,): candidates above its best relevant one, those tied with it (and it), and these' relevant.

    A query without a relevant candidate has 0 tied.
    """

    above: Counts
    tied: Counts
    relevant: Counts


class Cut(NamedTuple):
    """Of each query (n,): candidates above its k-th, those tied with it (and it), and how many of each are relevant."""

    above: Counts
    tied: Counts
    relevant_above: Counts
    relevant_tied: Counts


def best_places(queries: Matrix, candidates: Matrix, pairs: Counts, device: str = "cpu") -> tuple[Place, Place]:
    """Where the best relevant candidate of each query is; and, in the same pass, with the candidates as queries.

    Unit rows (n, d) and (m, d) without NaN; `pairs` (p, 2) are the relevant ones, each once.
    """
    a, b = _on_grid(queries, device), _on_grid(candidates, device)
    at = torch.from_numpy(pairs).to(a.device)
    cosine = _cosines(a, b, at)
    sides = _Side.of(at[:, 0], cosine, len(a)), _Side.of(at[:, 1], cosine, len(b))
    for rows in _blocks(len(a), _ROWS):
        for columns in _blocks(len(b), _COLUMNS):
            _count(a[rows], b[columns], sides[0].part(rows), sides[1].part(columns))
    first, second = (Place(*(v.cpu().numpy() for v in (s.above, s.tied, s.relevant))) for s in sides)
    return first, second


def cuts(
    queries: Matrix,
    candidates: Matrix,
    of_queries: NDArray[np.bool_],
    of_candidates: NDArray[np.bool_],
    ks: Sequence[int],
    device: str = "cpu",
) -> dict[int, Cut]:
    """What is above the k-th candidate of each query, for each k up to the number of candidates.

    Unit rows (n, d) and (m, d) without NaN; `of_queries` (n, c) and `of_candidates` (m, c) are the classes of each, and
    a candidate is relevant where they share one.
    """
    a, b = _on_grid(queries, device), _on_grid(candidates, device).double()
    class_a, class_b = (torch.from_numpy(c).to(a.device).float() for c in (of_queries, of_candidates))
    ks = [k for k in sorted(ks) if k <= len(b)]
    found: dict[int, list[Tensor]] = {k: [] for k in ks}
    for rows in _blocks(len(a), max(_LEAST, _CELLS // len(b))):
        relevant = class_a[rows] @ class_b.T > 0
        for k, counts in _cuts(a[rows].double() @ b.T, relevant, ks):
            found[k].append(counts)
    return {k: Cut(*torch.cat(counts, 1).cpu().numpy()) for k, counts in found.items()}


def _cuts(cosines: Tensor, relevant: Tensor, ks: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
    """The four counts (4, n) of each k, from cosines and what is relevant (n, m).

    What is above a cut is among the largest max(ks); what is tied with it is too, but for the last one's ties.
    """
    if not ks:
        return
    largest, index = cosines.topk(ks[-1], dim=1)
    is_relevant = relevant.gather(1, index)
    last = largest[:, -1:]
    at_last = cosines == last
    of_last = torch.stack([at_last.sum(1), (at_last & relevant).sum(1)])
    for k in ks:
        cut = largest[:, k - 1 : k]
        above, tied = largest > cut, largest == cut
        of_cut = torch.stack([tied.sum(1), (tied & is_relevant).sum(1)])
        tied_counts = torch.where((cut == last).T, of_last, of_cut)
        yield k, torch.stack([above.sum(1), tied_counts[0], (above & is_relevant).sum(1), tied_counts[1]])


def exact_cosines(queries: Matrix, candidates: Matrix) -> NDArray[np.float64]:
    """The cosines (n, m) that ranks are by, of a few queries: unit rows (n, d) and (m, d) without NaN."""
    a, b = (_on_grid(rows, "cpu").double() for rows in (queries, candidates))
    return np.asarray((a @ b.T).numpy())


class _Side(NamedTuple):
    """The queries of one direction: the cosine of the best relevant candidate, and what was counted so far."""

    cut: Tensor
    above: Tensor
    tied: Tensor
    relevant: Tensor

    @staticmethod
    def of(index: Tensor, cosine: Tensor, n: int) -> _Side:
        """Of n queries, from the relevant pairs: whose they are (p,), and their cosines (p,)."""
        cut = torch.full((n,), torch.inf, dtype=torch.float64, device=cosine.device)
        cut.scatter_reduce_(0, index, cosine, "amax", include_self=False)
        none = torch.zeros(n, dtype=torch.int64, device=cosine.device)
        relevant = none.index_add(0, index, (cosine == cut[index]).long())
        return _Side(cut, none.clone(), none.clone(), relevant)

    def part(self, rows: slice) -> _Side:
        """Some of them, as views."""
        return _Side(*(v[rows] for v in self))

    def add(self, cosine: Tensor, query: Tensor) -> None:
        """Counts exact cosines (p,) of queries (p,)."""
        self.above.index_add_(0, query, (cosine > self.cut[query]).long())
        self.tied.index_add_(0, query, (cosine == self.cut[query]).long())

    def add_all(self, cosines: Tensor) -> None:
        """Counts exact cosines (n, m)."""
        self.above.add_((cosines > self.cut[:, None]).sum(1))
        self.tied.add_((cosines == self.cut[:, None]).sum(1))


def _count(a: Tensor, b: Tensor, rows: _Side, columns: _Side) -> None:
    """Counts a block in both directions."""
    if torch.get_float32_matmul_precision() == "highest":
        product, slack = a @ b.T, (a.shape[1] + 8) / _GRID
        over, close = _compare(product, rows.cut[:, None], slack)
        over_t, close_t = _compare(product, columns.cut[None], slack)
        near = (close | close_t).nonzero()
        if len(near) <= _CLOSE * product.numel():
            rows.above.add_(over.sum(1))
            columns.above.add_(over_t.sum(0))
            cosine = _cosines(a, b, near)
            for side, query, mine in ((rows, near[:, 0], close), (columns, near[:, 1], close_t)):
                chosen = mine[near[:, 0], near[:, 1]]
                side.add(cosine[chosen], query[chosen])
            return
    exact = a.double() @ b.double().T
    rows.add_all(exact)
    columns.add_all(exact.T)


def _compare(product: Tensor, cut: Tensor, slack: float) -> tuple[Tensor, Tensor]:
    """Which of a block are above the cut for sure, and which may be on either side."""
    over = product > (cut + slack).float()
    return over, over ^ (product >= (cut - slack).float())


def _cosines(a: Tensor, b: Tensor, pairs: Tensor) -> Tensor:
    """The exact cosines (p,) of pairs (p, 2) of rows."""
    parts = (pairs[some].T for some in _blocks(max(1, len(pairs)), _PAIRS))
    return torch.cat([(a[i].double() * b[j].double()).sum(1) for i, j in parts])


def _on_grid(rows: Matrix, device: str) -> Tensor:
    where = device if device == "cuda" else "cpu"  # others have no float64
    return torch.round(torch.from_numpy(rows).float().to(where) * _GRID) / _GRID


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(at, at + size) for at in range(0, n, size))
