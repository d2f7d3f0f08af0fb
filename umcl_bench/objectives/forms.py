"""How logits z and targets S become a number: the forms of the contrastive losses, and their gradients, tile by tile.

A form is made anew for each batch. It sees every tile once in each of its sweeps, and again for the gradient, and keeps
only a few numbers of each line of z, a film's row or a text's column. What S is, is the loss's (objectives/losses.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from umcl_bench.objectives.tiles import Batch, Lines, spread


class Form(ABC):
    """One batch's loss. `scale` is what multiplied the cosines, `d_scale` the gradient that does not pass through z."""

    sweeps = 1
    d_scale: Tensor | None = None

    def __init__(self, batch: Batch, scale: Tensor) -> None:
        self.batch, self.scale = batch, scale
        self.counts = len(batch.films.pair), len(batch.texts.pair)

    @abstractmethod
    def add(self, i: slice, j: slice, logits: Tensor) -> None:
        """Takes a tile of z, which it may overwrite, into the sums of this sweep."""

    @abstractmethod
    def end_sweep(self) -> None:
        """Joins the processes' sums, after each sweep."""

    @abstractmethod
    def value(self) -> Tensor:
        """The loss of the whole batch, after the last sweep."""

    @abstractmethod
    def gradient(self, i: slice, j: slice, logits: Tensor) -> Tensor:
        """The gradient of `value` with respect to a tile of z, which it may overwrite."""

    def _lines(self, sums: int, logs: int = 0) -> list[Lines]:
        return [Lines.zeros(n, sums, logs, self.batch.like) for n in self.counts]

    def _mean(self, losses: list[Tensor], kept: list[Tensor]) -> tuple[Tensor, Tensor]:
        """W x the mean of the films' losses + (1 - w) x that of the texts', over the lines that are kept.

        Also (2,) the weight of a film's loss, and of a text's. Columns have been joined over the processes already.
        """
        films, texts = (torch.stack([x.sum(), k.sum().to(x.dtype)]) for x, k in zip(losses, kept, strict=True))
        sums = torch.stack([self.batch.peers.total(films), texts])
        w = self.batch.objective.image_to_text
        weights = sums.new_tensor([w, 1 - w]) / sums[:, 1].clamp(min=1)
        return weights @ sums[:, 0], weights


def _both(lines: list[Lines], i: slice, j: slice) -> Iterator[tuple[Lines, slice, int]]:
    """The rows and the columns that a tile is of, with the axis along which it is summed for them."""
    return zip(lines, (i, j), (1, 0), strict=True)


class Softmax(Form):
    """Cross-entropy: L_i = log sum_j e^{z_ij} - (sum_j S_ij z_ij) / (sum_j S_ij), over pairs that are not neutral.

    With a `cap` c, the weights of a line's pairs with other rows are scaled by min(1, c x own weight / their sum), so
    that all of them together count for at most c times the line's own text (inferred: a finding that most rows share
    else decides every target). Lines without any target are left out of the mean.
    """

    def __init__(self, batch: Batch, scale: Tensor) -> None:
        super().__init__(batch, scale)
        self.parts = 2 if batch.objective.cap > 0 else 1
        self.lines = self._lines(2 * self.parts, 1)  # sums of each part of S, then of that part of S z; and of e^z

    def add(self, i: slice, j: slice, logits: Tensor) -> None:  # noqa: D102
        weights, neutral = self.batch.targets(i, j)
        for k, part in enumerate(self._parts(i, j, weights)):
            product = part * logits
            for lines, at, axis in _both(self.lines, i, j):
                lines.add(k, at, part, axis)
                lines.add(self.parts + k, at, product, axis)
        if neutral is not None:
            logits.masked_fill_(neutral, -torch.inf)
        for lines, at, axis in _both(self.lines, i, j):
            lines.add_exp(0, at, logits, axis)

    def _parts(self, i: slice, j: slice, weights: Tensor) -> list[Tensor]:
        """The weights as one matrix; with a cap as two, those of the same row and those of other rows."""
        if self.parts == 1:
            return [weights]
        own = self.batch.same_pair(i, j).mul_(weights)
        return [own, weights - own]

    def end_sweep(self) -> None:  # noqa: D102
        self.lines[1] = self.lines[1].over(self.batch.peers)

    def value(self) -> Tensor:  # noqa: D102
        factors = [self._factors(lines.sums[: self.parts]) for lines in self.lines]
        kept = [factor.sum(0) > 0 for factor in factors]
        losses = [
            torch.where(some, lines.logs[0] - (factor * lines.sums[self.parts :]).sum(0), 0)
            for lines, factor, some in zip(self.lines, factors, kept, strict=True)
        ]
        value, weights = self._mean(losses, kept)
        self.lse = [lines.logs[0].masked_fill(lines.logs[0] == -torch.inf, 0) for lines in self.lines]
        self.pushes = [torch.where(some, weight, 0) for some, weight in zip(kept, weights, strict=True)]
        self.pulls = [factor * weight for factor, weight in zip(factors, weights, strict=True)]
        return value

    def _factors(self, sums: Tensor) -> Tensor:
        """(parts, n): what each part of S is multiplied with to make T of each line; 0 without a target."""
        shares = torch.ones_like(sums)
        if self.parts == 2:
            shares[1] = capped_share(sums[0], sums[1], self.batch.objective.cap)
        total = (shares * sums).sum(0)
        return torch.where(total > 0, shares / total, 0)

    def gradient(self, i: slice, j: slice, logits: Tensor) -> Tensor:  # noqa: D102
        weights, neutral = self.batch.targets(i, j)
        if neutral is not None:
            logits.masked_fill_(neutral, -torch.inf)
        g = (logits - self.lse[0][i, None]).exp_().mul_(self.pushes[0][i, None])
        g.addcmul_(logits.sub_(self.lse[1][j]).exp_(), self.pushes[1][j])
        for k, part in enumerate(self._parts(i, j, weights)):
            g.addcmul_(part, self.pulls[0][k, i, None] + self.pulls[1][k, j], value=-1)
        return g


def capped_share(own: Tensor, other: Tensor, cap: float) -> Tensor:
    """(n,): what the weights of other rows are multiplied with, so that they sum to at most `cap` x own; else 1."""
    return torch.where((own > 0) & (other > cap * own), cap * own / other, 1)


class Separate(Form):
    """L_i = the mean over the positives j of a line of -log e^{z_ij} / (e^{z_ij} + e^{v_i}), each positive alone.

    Positives are the pairs with a weight; e^{v_i} is the sum of e^z over the negatives, all other pairs that are not
    neutral. Lines without a positive are left out of the mean. The first sweep finds v, the second the sum.
    """

    sweeps = 2
    groups = 1
    """How many log-sum-exps `level` reads: that of the negatives, and that of the positives."""

    def __init__(self, batch: Batch, scale: Tensor) -> None:
        super().__init__(batch, scale)
        self.lines = self._lines(2, self.groups)  # numbers of positives and negatives
        self.costs = self._lines(2)  # sums over the positives of the losses, and of their derivatives by v
        self.levels: list[Tensor] = []

    def level(self, logs: Tensor, counts: Tensor, scale: Tensor) -> Tensor:
        """V (n,), from log-sum-exps (groups, n), numbers of positives and negatives (2, n), and scale (n,)."""
        return logs[0]

    def _groups(self, i: slice, j: slice) -> list[Tensor]:
        """Whether each pair is a positive, whether it is a negative."""
        weights, neutral = self.batch.targets(i, j)
        positive = weights > 0
        return [positive, ~positive if neutral is None else ~(positive | neutral)]

    def add(self, i: slice, j: slice, logits: Tensor) -> None:  # noqa: D102
        positive, negative = self._groups(i, j)
        if self.levels:
            for level, (costs, at, axis) in zip(self.levels, _both(self.costs, i, j), strict=True):
                margin = logits - spread(level, at, axis)
                costs.add(0, at, -logsigmoid(margin) * positive, axis)
                costs.add(1, at, margin.neg_().sigmoid_().mul_(positive), axis)
            return
        for lines, at, axis in _both(self.lines, i, j):
            lines.add(0, at, positive, axis)
            lines.add(1, at, negative, axis)
            for k, group in enumerate((negative, positive)[: self.groups]):
                lines.add_exp(k, at, logits.masked_fill(~group, -torch.inf), axis)

    def end_sweep(self) -> None:  # noqa: D102
        if self.levels:
            self.costs[1] = self.costs[1].over(self.batch.peers)
            return
        self.lines[1] = self.lines[1].over(self.batch.peers)
        self.logs = [lines.logs.requires_grad_() for lines in self.lines]
        self.scales = [self.scale.reshape(1).repeat(n).requires_grad_() for n in self.counts]
        with torch.enable_grad():
            self.graphs = [
                self.level(logs, lines.sums, scale)
                for logs, lines, scale in zip(self.logs, self.lines, self.scales, strict=True)
            ]
        self.levels = [graph.detach() for graph in self.graphs]

    def value(self) -> Tensor:  # noqa: D102
        positives = [lines.sums[0] for lines in self.lines]
        losses = [costs.sums[0] / n.clamp(min=1) for costs, n in zip(self.costs, positives, strict=True)]
        value, weights = self._mean(losses, [n > 0 for n in positives])
        self.pulls = [weight / n.clamp(min=1) for n, weight in zip(positives, weights, strict=True)]
        d_levels = [pull * costs.sums[1] for pull, costs in zip(self.pulls, self.costs, strict=True)]
        found = [
            torch.autograd.grad(graph, leaves, d_level, materialize_grads=True)
            for graph, d_level, *leaves in zip(self.graphs, d_levels, self.logs, self.scales, strict=True)
        ]
        self.pushes, (d_film_scale, d_text_scale) = zip(*found, strict=True)
        # every process has all texts' columns: each counts the gradient of the scale for its own
        self.d_scale = d_film_scale.sum() + d_text_scale[self.batch.peers.texts].sum()
        self.logs = [logs.detach().masked_fill(logs == -torch.inf, 0) for logs in self.logs]
        self.graphs = []
        return value

    def gradient(self, i: slice, j: slice, logits: Tensor) -> Tensor:  # noqa: D102
        positive, negative = self._groups(i, j)
        masked = [logits.masked_fill(~group, -torch.inf) for group in (negative, positive)[: self.groups]]
        g = torch.zeros_like(logits)
        for side, (at, axis) in enumerate(((i, 1), (j, 0))):
            chance = (spread(self.levels[side], at, axis) - logits).sigmoid_().mul_(positive)
            g.addcmul_(chance, spread(self.pulls[side], at, axis), value=-1)
            for k, z in enumerate(masked):
                shares = (z - spread(self.logs[side][k], at, axis)).exp_()
                g.addcmul_(shares, spread(self.pushes[side][k], at, axis))
        return g


class Sigmoid(Form):
    """A decision for each pair: -[S log s(z) + (1 - S) log s(-z)], summed over a line's pairs that are not neutral.

    The mean over films and that over texts are averaged, which for as many films as texts is 1/n of the sum.
    """

    def __init__(self, batch: Batch, scale: Tensor) -> None:
        super().__init__(batch, scale)
        self.costs = batch.like.new_zeros(self.counts[0])
        self.share = sum(0.5 / max(n, 1) for n in batch.sizes)

    def add(self, i: slice, j: slice, logits: Tensor) -> None:  # noqa: D102
        weights, neutral = self.batch.targets(i, j)
        costs = logsigmoid(-logits).addcmul_(weights, logits)
        if neutral is not None:
            costs.masked_fill_(neutral, 0)
        self.costs[i].sub_(costs.sum(1))

    def end_sweep(self) -> None:  # noqa: D102
        self.total = self.batch.peers.total(self.costs.sum())

    def value(self) -> Tensor:  # noqa: D102
        return self.share * self.total

    def gradient(self, i: slice, j: slice, logits: Tensor) -> Tensor:  # noqa: D102
        weights, neutral = self.batch.targets(i, j)
        g = logits.sigmoid_().sub_(weights).mul_(self.share)
        return g if neutral is None else g.masked_fill_(neutral, 0)
