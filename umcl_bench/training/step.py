"""One step's loss and gradients: the whole batch at once, or in micro-batches with the same gradient.

Gradient caching (Gao et al. 2021, arXiv 2101.06983): all embeddings are made without a graph; the loss of the whole
batch gives their gradients; then each micro-batch goes through the towers again and passes its share on. What is drawn
in the towers (dropout) is drawn again from the same seed. Exact, but for towers with batch norm: each micro-batch is
normalised by its own statistics, in both passes alike.
"""

from __future__ import annotations

import contextlib
import math
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from umcl_bench.models.dual import PER_ROW, DualEncoder, Features, TextBatch
from umcl_bench.models.statistics import statistics_kept
from umcl_bench.objectives import terms
from umcl_bench.objectives.contrastive import (
    Statistics,
    alignment_and_uniformity,
    contrastive_loss,
    target_statistics,
)
from umcl_bench.objectives.losses import get_loss
from umcl_bench.objectives.targets import Side
from umcl_bench.spec import Recipe
from umcl_bench.training.augment import augment
from umcl_bench.training.batches import MODULES
from umcl_bench.training.feed import Parcel, stream_seed


class Part(NamedTuple):
    """A micro-batch: pixels (n, s, s) and texts."""

    films: Tensor
    texts: TextBatch


class Stepper:
    """Computes gradients. `wrapped` is the encoder itself, or what averages its gradients over processes."""

    def __init__(
        self, recipe: Recipe, encoder: DualEncoder, wrapped: nn.Module, precision: torch.dtype, *, recompute: bool
    ) -> None:
        self.recipe, self.encoder, self.wrapped, self.precision = recipe, encoder, wrapped, precision
        self.objective, self.views = recipe.baseline.objective, recipe.baseline.views
        self.loss_of_pairs = None if self.objective.loss == "none" else get_loss(self.objective.loss)
        self.micro_batch = recipe.size.optim.micro_batch
        self.recompute = recompute
        self.seen: Features = {}  # what the last step's towers gave, without a graph

    def gradients(self, parcel: Parcel) -> Tensor:
        """Adds the global batch's gradient to the parameters; returns its loss."""
        count = self.count_parts(parcel)
        if count == 1:
            features = self.forward(self.wrapped, parcel, self.part(parcel, 0, 1), 0)
            loss = self.loss(features, parcel)
            self._backward(loss * _processes(parcel))
            self.seen = {name: value.detach() for name, value in features.items()}
            return loss.detach()
        with torch.no_grad(), statistics_kept(self.encoder):
            cached = [self.forward(self.encoder, parcel, self.part(parcel, at, count), at) for at in range(count)]
        whole = {name: _joined([part[name] for part in cached]) for name in PER_ROW if name in cached[0]}
        leaves = {name: value.requires_grad_() for name, value in {**cached[0], **whole}.items()}
        self.seen = {name: value.detach() for name, value in leaves.items()}
        loss = self.loss(leaves, parcel)
        loss.backward()  # type: ignore[no-untyped-call]
        grads = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
        done = dict.fromkeys(whole, 0)
        for at in range(count):
            with self._unsynchronised(at < count - 1):
                features = self.forward(self.wrapped, parcel, self.part(parcel, at, count), at)
                shares = []
                for name, value in features.items():
                    if name in whole:
                        rows = slice(done[name], done[name] + len(value))
                        done[name] = rows.stop
                        shares.append((value * grads[name][rows]).sum() if name in grads else 0 * value.sum())
                    else:  # what no row has of its own gets its gradient once, and is used in each pass
                        once = at == count - 1 and name in grads
                        shares.append((value * grads[name]).sum() if once else 0 * value.sum())
                self._backward(torch.stack(shares).sum() * _processes(parcel))
        return loss.detach()

    @torch.no_grad()
    def evaluate(self, parcel: Parcel) -> Tensor:
        """The loss alone, of the whole batch at once."""
        return self.loss(self.forward(self.encoder, parcel, self.part(parcel, 0, 1), 0), parcel)

    def loss(self, features: Features, parcel: Parcel) -> Tensor:
        """The objective of the global batch, from this process's features; of several views the mean over all pairs.

        Terms contrast within a process's rows, and are averaged over the processes.
        """
        parts = [self._contrast(features, parcel)] if self.loss_of_pairs is not None else []
        if self.objective.terms:
            films, texts = self._sides(parcel)
            inputs = terms.Inputs(features, films, texts, self.views)
            mine = sum(term.weight * terms.value(term, inputs) for term in self.objective.terms)
            assert isinstance(mine, Tensor)
            share = mine / _processes(parcel)
            if parcel.peers is not None:  # the value is everybody's, the gradient one's own
                share = parcel.peers.total(share.detach()) + (share - share.detach())
            parts.append(share)
        return torch.stack(parts).sum()

    def _contrast(self, features: Features, parcel: Parcel) -> Tensor:
        assert self.loss_of_pairs is not None
        images, texts = (features[name].chunk(self.views) for name in ("image", "text"))
        losses = [
            contrastive_loss(
                image,
                text,
                features["scale"],
                parcel.film_side,
                side,
                self.objective,
                self.loss_of_pairs,
                bias=features.get("bias"),
                peers=parcel.peers,
            )
            for image in images
            for text, side in zip(texts, parcel.text_sides, strict=True)
        ]
        return torch.stack(losses).mean()

    def _sides(self, parcel: Parcel) -> tuple[Side, tuple[Side, ...]]:
        """This process's films and texts."""
        films, texts = (slice(None), slice(None)) if parcel.peers is None else (parcel.peers.films, parcel.peers.texts)
        return parcel.film_side.rows(films), tuple(side.rows(texts) for side in parcel.text_sides)

    def statistics(self, parcel: Parcel) -> Statistics:
        """What the global batch asks of the model."""
        if self.loss_of_pairs is None:
            return Statistics(*[math.nan] * len(Statistics._fields))
        return target_statistics(parcel.film_side, parcel.text_sides[0], self.objective, self.loss_of_pairs)

    def alignment_and_uniformity(self, parcel: Parcel) -> tuple[float, float]:
        """Of this process's embeddings of the last step, in the first view."""
        if "text" not in self.seen:
            return math.nan, math.nan
        films, texts = self._sides(parcel)
        image, text = (self.seen[name].chunk(self.views)[0] for name in ("image", "text"))
        return alignment_and_uniformity(image, text, films, texts[0])

    def autocast(self) -> AbstractContextManager[None]:
        """The towers' precision."""
        device = self.encoder.log_scale.device.type
        return torch.autocast(device, dtype=self.precision, enabled=self.precision != torch.float32)

    def forward(self, module: nn.Module, parcel: Parcel, part: Part, at: int) -> Features:
        """The features of the `at`-th micro-batch; the same draws in the towers at each call."""
        rank = 0 if parcel.peers is None else parcel.peers.films.start
        _seed(stream_seed(self.recipe.seed, MODULES, parcel.step, at, rank), parcel.films.device)
        with self.autocast():
            features: Features = module(part.films, part.texts)
        return features

    def _backward(self, loss: Tensor) -> None:
        # recomputed activations would count a batch twice in the running statistics
        with statistics_kept(self.encoder) if self.recompute else contextlib.nullcontext():
            loss.backward()  # type: ignore[no-untyped-call]

    def _unsynchronised(self, wanted: bool) -> AbstractContextManager[None]:
        if wanted and isinstance(self.wrapped, DistributedDataParallel):
            return self.wrapped.no_sync()
        return contextlib.nullcontext()

    def count_parts(self, parcel: Parcel) -> int:
        """How many micro-batches a process's share of the rows takes: as many in each, for they may wait in turn."""
        share = math.ceil(len(parcel.batch.rows) / _processes(parcel))
        return math.ceil(share / self.micro_batch) if self.micro_batch else 1

    def part(self, parcel: Parcel, at: int, count: int) -> Part:
        """The `at`-th of `count` micro-batches of nearly the same size; made anew at each call, as the same films."""
        films, texts = (
            slice(rows * at // count, rows * (at + 1) // count) for rows in (len(parcel.films), len(parcel.texts.place))
        )
        shown = augment(parcel.films[films], self.recipe.size.augment, parcel.draws[films], parcel.sided[films])
        return Part(shown, some_texts(parcel.texts, texts))


def _joined(parts: list[Tensor]) -> Tensor:
    """Rows of micro-batches; one without any has no patches to count."""
    return torch.cat([part for part in parts if len(part)] or parts[:1])


def _seed(seed: int, device: torch.device) -> None:
    """Seeds what modules draw from. Where CUDA sleeps, torch.manual_seed formats the stack at each call, for later."""
    if device.type == "cuda":
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def some_texts(texts: TextBatch, rows: slice) -> TextBatch:
    """Some of a batch's texts, with the names and reports that they are."""
    if rows.start == 0 and rows.stop >= len(texts.place):
        return texts
    flat, count = texts.place[rows].flatten(), len(texts.names)
    named, told = (flat >= 0) & (flat < count), flat >= count
    shown, of_name = torch.unique(flat[named], return_inverse=True)
    reports = flat[told] - count
    place = torch.full_like(flat, -1)
    place[named] = of_name
    place[told] = len(shown) + torch.arange(len(reports), device=place.device)
    return TextBatch(
        texts.names[shown],
        texts.name_lengths[shown],
        texts.name_states[shown],
        texts.reports[reports],
        texts.report_lengths[reports],
        place.view(-1, texts.place.shape[1]),
        None if texts.words is None else texts.words[reports],
    )


def _processes(parcel: Parcel) -> int:
    """Gradients are averaged over processes, and each holds a part of the sum."""
    return 1 if parcel.peers is None else parcel.peers.size
