"""The contrastive loss with a target matrix, exact and tiled, on one process or over several.

With z_ij = scale x_i . t_j and targets T = S / (row sum of S), the cross-entropy of film i is
L_i = lse_j z_ij - (sum_j S_ij z_ij) / (sum_j S_ij), and the same over columns for texts. Both directions are summed
tile by tile; the backward pass makes each tile again: memory is O(n d + tile^2), and neither z nor S is ever whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from umcl_bench.objectives.targets import Builder, Side, same_pair, shared_claims
from umcl_bench.spec import Objective

TILE = (
    512  # a tile of floats is 1 MB: it stays in a processor's cache, and its memory is used again without page faults
)
Tile = Callable[[slice, slice], Tensor]


class Peers(Protocol):
    """The processes of one training: each holds some consecutive films and texts of the global batch.

    All of them call these methods in the same order, each once in a forward or a backward pass.
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


class _Alone:
    films = texts = slice(None)

    def gather_texts(self, mine: Tensor) -> Tensor:
        return mine

    def gather_columns(self, mine: Tensor) -> Tensor:
        return mine[None]

    def total(self, mine: Tensor) -> Tensor:
        return mine


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
    *,
    peers: Peers | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """W CE(T_i2t, z) + (1 - w) CE(T_t2i, z^T) as a scalar, for unit rows z_img (n, d), z_txt (m, d).

    Rows (columns) without any target are left out of their mean.

    With `peers`, z_img and z_txt are this process's rows, and `films` and `texts` describe the whole batch on every
    process. The value is the whole batch's, the same everywhere; so are the gradients of z_img and z_txt. That of
    `scale` is this process's part, and the parts add up to the whole.

    `precision` is the type of the factors of the matrix products, by default that of z: bfloat16 is faster and rounds
    the logits to 8 bits (results/performance/loss.md has the error).
    """
    peers = peers or _Alone()
    mine = films.rows(peers.films)

    def targets(rows: slice, columns: slice) -> Tensor:
        return build(mine.rows(rows), texts.rows(columns), objective).to(z_img.dtype)

    with torch.autocast(z_img.device.type, enabled=False):
        loss: Tensor = _Tiled.apply(
            z_img, z_txt, scale, targets, objective.image_to_text, tile, peers, precision or z_img.dtype
        )
    return loss


@torch.no_grad()
def target_statistics(films: Side, texts: Side, objective: Objective, build: Builder, tile: int = TILE) -> Statistics:
    """The batch's false-negative rate, target entropy and positives per film.

    Of several processes each can take its own films (`films.rows(peers.films)`) and all texts.
    """
    n, m = len(films.pair), len(texts.pair)
    counts = torch.zeros(3, dtype=torch.float64, device=films.pair.device)
    total, weighted = torch.zeros(n, device=films.pair.device), torch.zeros(n, device=films.pair.device)
    for i, j in _tiles(n, m, tile):
        rows, columns = films.rows(i), texts.rows(j)
        s = build(rows, columns, objective).float()
        other = same_pair(rows, columns) == 0
        missed = other & (s == 0) & (shared_claims(rows, columns) > 0)
        counts += torch.stack([missed.sum(), other.sum(), (s > 0).sum()])
        total[i] += s.sum(1)
        weighted[i] += torch.special.xlogy(s, s).sum(1)
    kept = total > 0
    entropy = (total[kept].log() - weighted[kept] / total[kept]).mean()
    missed_pairs, others, positives = counts.tolist()
    return Statistics(missed_pairs / others if others else float("nan"), float(entropy), positives / n)


def _tiles(n: int, m: int, tile: int) -> Iterator[tuple[slice, slice]]:
    for i in range(0, n, tile):
        for j in range(0, m, tile):
            yield slice(i, min(i + tile, n)), slice(j, min(j + tile, m))


class _Sums(NamedTuple):
    """Of each line of the matrices (a row, or a column): log-sum-exp of z, sum of S, and sum of S z."""

    lse: Tensor
    s: Tensor
    sz: Tensor

    @classmethod
    def zeros(cls, n: int, like: Tensor) -> _Sums:
        return cls(like.new_full((n,), -torch.inf), like.new_zeros(n), like.new_zeros(n))

    def add(self, at: slice, logits: Tensor, s: Tensor, sz: Tensor, axis: int) -> None:
        torch.logaddexp(self.lse[at], _logsumexp(logits, axis), out=self.lse[at])
        self.s[at].add_(s.sum(axis))
        self.sz[at].add_(sz.sum(axis))

    def over(self, peers: Peers) -> _Sums:
        """The same lines of all processes, joined."""
        lse, s, sz = peers.gather_columns(torch.stack(self)).unbind(1)
        return _Sums(lse.logsumexp(0), s.sum(0), sz.sum(0))

    def losses(self) -> Tensor:
        """(2,): the sum of the cross-entropies of the lines that have a target, and how many these are."""
        kept = self.s > 0
        return torch.stack([torch.where(kept, self.lse - self.sz / self.s, 0).sum(), kept.sum().to(self.s.dtype)])

    def factors(self, share: Tensor) -> tuple[Tensor, Tensor]:
        """Each line's weight (n,), `share` or 0 for lines without a target, and that through its sum of S."""
        kept = self.s > 0
        return torch.where(kept, share, 0), torch.where(kept, share / self.s, 0)


def _logsumexp(z: Tensor, axis: int) -> Tensor:
    """As torch.logsumexp, which takes a tile as long as its matrix product on a CPU: this is eight times faster."""
    top = z.amax(axis, keepdim=True)
    return (z - top).exp_().sum(axis).log_() + top.squeeze(axis)


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        z_img: Tensor,
        z_txt: Tensor,
        scale: Tensor,
        targets: Tile,
        share: float,
        tile: int,
        peers: Peers,
        precision: torch.dtype,
    ) -> Tensor:
        x, y = (scale * z_img).to(precision), peers.gather_texts(z_txt).to(precision)
        rows, columns = _Sums.zeros(len(x), z_img), _Sums.zeros(len(y), z_img)
        for i, j in _tiles(len(x), len(y), tile):
            logits, s = (x[i] @ y[j].T).to(z_img.dtype), targets(i, j)
            sz = s * logits
            rows.add(i, logits, s, sz, 1)
            columns.add(j, logits, s, sz, 0)
        columns = columns.over(peers)
        sums = torch.stack([peers.total(rows.losses()), columns.losses()])
        weights = sums.new_tensor([share, 1 - share]) / sums[:, 1].clamp(min=1)
        of_rows, of_columns = rows.factors(weights[0]), columns.factors(weights[1])
        ctx.save_for_backward(z_img, y, scale, rows.lse, *of_rows, columns.lse, *of_columns)
        ctx.rest = (targets, tile, peers)
        return weights @ sums[:, 0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z_img, y, scale, row_lse, row_weight, row_s, column_lse, column_weight, column_s = ctx.saved_tensors
        targets, tile, peers = ctx.rest
        x = (scale * z_img).to(y.dtype)
        d_img, d_txt = torch.zeros_like(z_img), z_img.new_zeros(y.shape)
        for i, j in _tiles(len(x), len(y), tile):
            logits = (x[i] @ y[j].T).to(z_img.dtype)
            g = (logits - row_lse[i, None]).exp_().mul_(row_weight[i, None])
            g.addcmul_(logits.sub_(column_lse[j]).exp_(), column_weight[j])
            g.addcmul_(targets(i, j), row_s[i, None] + column_s[j], value=-1)
            g = g.to(y.dtype)
            d_img[i].add_(g @ y[j])
            d_txt[j].add_(g.T @ x[i])
        d_img *= grad
        d_scale = (d_img * z_img).sum()  # sum_ij g_ij x_i . t_j, without another pass over the tiles
        d_txt = peers.total(d_txt.mul_(grad))[peers.texts]
        return d_img.mul_(scale), d_txt, d_scale.reshape(scale.shape), None, None, None, None, None
