"""The contrastive losses, exact and tiled, on one process or over several, and what they ask of the model.

With z_ij = scale x_i . t_j (+ bias), what is needed of each line of z is summed tile by tile (objectives/forms.py); the
backward pass makes each tile again: memory is O(n d + tile^2), and neither z nor the targets S are ever whole.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from umcl_bench.objectives.forms import Form, Sigmoid, Softmax, capped_share
from umcl_bench.objectives.losses import Loss
from umcl_bench.objectives.targets import Side, same_pair, shared_claims
from umcl_bench.objectives.tiles import TILE, Alone, Batch, Peers, tiles
from umcl_bench.spec import Objective


class Statistics(NamedTuple):
    """What a batch asks of the model, averaged over its films (text to image is not counted).

    false_negative_rate: of all pairs of a film with another row's text, the share that has a claim in common and yet is
    pushed apart (a target of 0, and not neutral). target_entropy: of a film's targets, in nats. positives: texts with a
    target above 0, a film.
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
    loss: Loss,
    tile: int = TILE,
    *,
    bias: Tensor | None = None,
    peers: Peers | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """The loss as a scalar, for unit rows z_img (n, d), z_txt (m, d); its docstring has the formula.

    `bias`, of one element, is added to the logits of 'sigmoid' (None: the objective's, which does not learn); the
    others, which it would not change, do not read it.

    With `peers`, z_img and z_txt are this process's rows, and `films` and `texts` describe the whole batch on every
    process. The value is the whole batch's, the same everywhere; so are the gradients of z_img and z_txt. Those of
    `scale` and `bias` are this process's parts, and the parts add up to the whole.

    `precision` is the type of the factors of the matrix products, by default that of z: bfloat16 is faster and rounds
    the logits to 8 bits (results/performance/loss.md has the error).
    """
    peers = peers or Alone()
    sizes = len(films.pair), len(texts.pair)
    batch = Batch(films.rows(peers.films), texts, objective, loss.targets, sizes, peers, z_img.new_empty(0))
    if loss.form is not Sigmoid:
        bias = None
    elif bias is None:
        bias = z_img.new_tensor(objective.bias)
    with torch.autocast(z_img.device.type, enabled=False):
        value: Tensor = _Tiled.apply(z_img, z_txt, scale, bias, batch, loss.form, tile, precision or z_img.dtype)
    return value


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        z_img: Tensor,
        z_txt: Tensor,
        scale: Tensor,
        bias: Tensor | None,
        batch: Batch,
        make: type[Form],
        tile: int,
        precision: torch.dtype,
    ) -> Tensor:
        x, y = (scale * z_img).to(precision), batch.peers.gather_texts(z_txt).to(precision)
        form = make(batch, scale.detach())
        for _ in range(form.sweeps):
            for i, j in tiles(len(x), len(y), tile):
                form.add(i, j, _logits(x[i], y[j], bias, z_img.dtype))
            form.end_sweep()
        ctx.save_for_backward(z_img, y, scale, bias)
        ctx.rest = (batch.peers, form, tile)
        return form.value()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z_img, y, scale, bias = ctx.saved_tensors
        peers, form, tile = ctx.rest
        x = (scale * z_img).to(y.dtype)
        d_img, d_txt = torch.zeros_like(z_img), z_img.new_zeros(y.shape)
        d_bias = torch.zeros_like(bias) if ctx.needs_input_grad[3] else None
        for i, j in tiles(len(x), len(y), tile):
            g = form.gradient(i, j, _logits(x[i], y[j], bias, z_img.dtype))
            if d_bias is not None:
                d_bias += g.sum()
            g = g.to(y.dtype)
            d_img[i].add_(g @ y[j])
            d_txt[j].add_(g.T @ x[i])
        d_scale = (d_img * z_img).sum()  # sum_ij g_ij x_i . t_j, without another pass over the tiles
        if form.d_scale is not None:
            d_scale += form.d_scale
        if d_bias is not None:
            d_bias *= grad
        d_txt = peers.total(d_txt.mul_(grad))[peers.texts]
        d_scale = d_scale.mul_(grad).reshape(scale.shape)
        return d_img.mul_(scale * grad), d_txt, d_scale, d_bias, None, None, None, None


def _logits(x: Tensor, y: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    logits = (x @ y.T).to(dtype)
    return logits if bias is None else logits.add_(bias)


@torch.no_grad()
def target_statistics(films: Side, texts: Side, objective: Objective, loss: Loss, tile: int = TILE) -> Statistics:
    """The batch's false-negative rate, target entropy and positives per film.

    Of several processes each can take its own films (`films.rows(peers.films)`) and all texts.
    """
    n, m = len(films.pair), len(texts.pair)
    counts = torch.zeros(3, dtype=torch.float64, device=films.pair.device)
    sums = torch.zeros(2, 2, n, device=films.pair.device)  # of own and other targets S: S, and S log S
    for i, j in tiles(n, m, tile):
        rows, columns = films.rows(i), texts.rows(j)
        weights, neutral = loss.targets(rows, columns, objective)
        s, same = weights.float(), same_pair(rows, columns)
        missed = (same + s == 0) & (shared_claims(rows, columns) > 0)
        if neutral is not None:
            missed &= ~neutral
        counts += torch.stack([missed.sum(), (same == 0).sum(), (s > 0).sum()])
        for of, part in enumerate((s * same, s * (1 - same))):
            sums[of, :, i] += torch.stack([part.sum(1), torch.special.xlogy(part, part).sum(1)])
    missed_pairs, others, positives = counts.tolist()
    entropy = _entropy(sums, objective.cap if loss.form is Softmax else 0)
    return Statistics(missed_pairs / others if others else float("nan"), entropy, positives / n)


def _entropy(sums: Tensor, cap: float) -> float:
    """Of targets with these sums of S and of S log S (own or other, 2, n), with others scaled down to the cap."""
    (own, own_log), (other, other_log) = sums
    share = capped_share(own, other, cap) if cap else torch.ones_like(other)
    total = own + share * other
    logs = own_log + share * (other_log + share.log() * other)
    kept = total > 0
    return float((total[kept].log() - logs[kept] / total[kept]).mean())


@torch.no_grad()
def alignment_and_uniformity(
    z_img: Tensor, z_txt: Tensor, films: Side, texts: Side, tile: int = TILE
) -> tuple[float, float]:
    """Alignment and uniformity (Wang and Isola 2020, 2005.10242, sections 4.1.1 and 4.1.2) of unit rows (n, d), (m, d).

    Alignment is the mean squared distance of a film and a text of its row. Uniformity is log mean exp(-2 distance^2)
    over the pairs of different rows' films, averaged with that of texts. Both are better the lower they are, and NaN
    where there is no such pair.
    """
    sides = ((z_img, films), (z_txt, texts))
    uniformity = [_mean_over_pairs(side, side, tile, same=False).log() for side in sides]
    return float(_mean_over_pairs(*sides, tile, same=True)), float(sum(uniformity) / 2)


def _mean_over_pairs(one: tuple[Tensor, Side], other: tuple[Tensor, Side], tile: int, *, same: bool) -> Tensor:
    """The mean squared distance of pairs of the same row; or the mean exp(-2 distance^2) of pairs of different rows."""
    (x, of_x), (y, of_y) = one, other
    total = torch.zeros(2, dtype=torch.float64, device=x.device)
    for i, j in tiles(len(x), len(y), tile):
        squared = (2 - 2 * (x[i].float() @ y[j].float().T)).clamp_(min=0)
        wanted = (same_pair(of_x.rows(i), of_y.rows(j)) > 0) == same
        values = squared if same else squared.mul_(-2).exp_()
        total += torch.stack([(values * wanted).sum(), wanted.sum()])
    return total[0] / total[1]
