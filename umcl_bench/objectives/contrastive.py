"""The contrastive loss with a target matrix, exact and tiled.

With z_ij = scale x_i . t_j and targets T = S / (row sum of S), the cross-entropy of film i is
L_i = lse_j z_ij - (sum_j S_ij z_ij) / (sum_j S_ij), and the same over columns for texts. Both directions are summed
tile by tile; the backward pass makes each tile again: memory is O(n d + tile^2), and neither z nor S is ever whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from umcl_bench.objectives.targets import Builder, Side, same_pair, shared_claims
from umcl_bench.spec import Objective

TILE = 1024
Tile = Callable[[slice, slice], Tensor]


class Statistics(NamedTuple):
    """What a batch asks of the model, averaged over its films (text to image is not counted).

    false_negative_rate: of all pairs of a film with another row's text, the share that has a claim in common and yet a
    target of 0. target_entropy: of a film's targets, in nats. positives: texts with a target above 0, a film.
    """

    false_negative_rate: float
    target_entropy: float
    positives: float


def contrastive_loss(
    z_img: Tensor,
    z_txt: Tensor,
    scale: Tensor,
    films: Side,
    texts: Side,
    objective: Objective,
    build: Builder,
    tile: int = TILE,
) -> Tensor:
    """W CE(T_i2t, z) + (1 - w) CE(T_t2i, z^T) as a scalar, for unit rows z_img (n, d), z_txt (m, d).

    Rows (columns) without any target are left out of their mean.
    """

    def targets(rows: slice, columns: slice) -> Tensor:
        return build(films.rows(rows), texts.rows(columns), objective).to(z_img.dtype)

    loss: Tensor = _Tiled.apply(z_img, z_txt, scale, targets, objective.image_to_text, tile)
    return loss


@torch.no_grad()
def target_statistics(films: Side, texts: Side, objective: Objective, build: Builder, tile: int = TILE) -> Statistics:
    """The batch's false-negative rate, target entropy and positives per film."""
    n, m = len(films.pair), len(texts.pair)
    missed = others = positives = 0.0
    total, weighted = torch.zeros(n, device=films.pair.device), torch.zeros(n, device=films.pair.device)
    for rows, columns in _tiles(n, m, tile):
        s = build(films.rows(rows), texts.rows(columns), objective).float()
        other = same_pair(films.rows(rows), texts.rows(columns)) == 0
        missed += float((other & (s == 0) & (shared_claims(films.rows(rows), texts.rows(columns)) > 0)).sum())
        others += float(other.sum())
        positives += float((s > 0).sum())
        total[rows] += s.sum(1)
        weighted[rows] += torch.special.xlogy(s, s).sum(1)
    kept = total > 0
    entropy = (total[kept].log() - weighted[kept] / total[kept]).mean()
    return Statistics(missed / others if others else float("nan"), float(entropy), positives / n)


def _tiles(n: int, m: int, tile: int) -> Iterator[tuple[slice, slice]]:
    for i in range(0, n, tile):
        for j in range(0, m, tile):
            yield slice(i, min(i + tile, n)), slice(j, min(j + tile, m))


class _Sums(NamedTuple):
    """Over one axis of the matrices: log-sum-exp of z, sum of S, and sum of S z."""

    lse: Tensor
    s: Tensor
    sz: Tensor

    @classmethod
    def zeros(cls, like: Tensor) -> _Sums:
        n = len(like)
        return cls(like.new_full((n,), -torch.inf), like.new_zeros(n), like.new_zeros(n))

    def add(self, at: slice, logits: Tensor, s: Tensor, axis: int) -> None:
        self.lse[at] = torch.logaddexp(self.lse[at], logits.logsumexp(axis))
        self.s[at] += s.sum(axis)
        self.sz[at] += (s * logits).sum(axis)

    def loss(self) -> Tensor:
        kept = self.s > 0
        return (self.lse[kept] - self.sz[kept] / self.s[kept]).sum() / kept.sum().clamp(min=1)

    def weight(self) -> Tensor:
        """What each row's gradient is multiplied with: 1 / (number of rows with a target), or 0."""
        kept = self.s > 0
        return kept.to(self.s.dtype) / kept.sum().clamp(min=1)


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, z_img: Tensor, z_txt: Tensor, scale: Tensor, targets: Tile, share: float, tile: int
    ) -> Tensor:
        rows, columns = _Sums.zeros(z_img), _Sums.zeros(z_txt)
        for i, j in _tiles(len(z_img), len(z_txt), tile):
            logits = scale * (z_img[i] @ z_txt[j].T)
            s = targets(i, j)
            rows.add(i, logits, s, 1)
            columns.add(j, logits, s, 0)
        ctx.save_for_backward(z_img, z_txt, scale)
        ctx.rest = (rows, columns, targets, share, tile)
        return share * rows.loss() + (1 - share) * columns.loss()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z_img, z_txt, scale = ctx.saved_tensors
        rows, columns, targets, share, tile = ctx.rest
        d_img, d_txt, d_scale = torch.zeros_like(z_img), torch.zeros_like(z_txt), torch.zeros_like(scale)
        of_row, of_column = share * rows.weight(), (1 - share) * columns.weight()
        for i, j in _tiles(len(z_img), len(z_txt), tile):
            cosines = z_img[i] @ z_txt[j].T
            logits, s = scale * cosines, targets(i, j)
            g = of_row[i, None] * _residual(logits, s, rows.lse[i, None], rows.s[i, None])
            g += of_column[None, j] * _residual(logits, s, columns.lse[None, j], columns.s[None, j])
            d_img[i] += scale * (g @ z_txt[j])
            d_txt[j] += scale * (g.T @ z_img[i])
            d_scale += (g * cosines).sum()
        return grad * d_img, grad * d_txt, grad * d_scale, None, None, None


def _residual(logits: Tensor, s: Tensor, lse: Tensor, total: Tensor) -> Tensor:
    """Softmax - target, of a tile whose sums are known."""
    tiny = torch.finfo(s.dtype).tiny
    return (logits - lse).exp() - s / total.clamp(min=tiny)
