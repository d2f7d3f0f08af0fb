"""What a term reads, and what several of them do: pair films with their own texts, and contrast pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from umcl_bench.objectives.targets import Side

Options = Mapping[str, float]
ELEMENTS = 2**24
"""How many numbers the largest tensor of one chunk may have: 64 MB in float32."""


class Inputs(NamedTuple):
    """This process's n films and m texts in v views, view after view.

    features: "image" (v n, d) and "text" (v m, d) of unit rows, "scale", the logit scale; where a term reads them,
    "patches" (v n, p, d) and "words" (v m, w, d), projected and not normalised, a word of only zeros being padding (a
    prompt has no words); and the term's own parameters as "KIND.NAME". films: n rows. texts: m rows each, one a view.
    """

    features: Mapping[str, Tensor]
    films: Side
    texts: tuple[Side, ...]
    views: int

    def view(self, name: str, at: int) -> Tensor:
        """The rows of a feature in view `at`."""
        rows = len(self.features[name]) // self.views
        return self.features[name][at * rows : (at + 1) * rows]


class Pairs(NamedTuple):
    """Features (b, ...) of films and of their own texts, and the pairs' numbers (b,)."""

    films: Tensor
    texts: Tensor
    pair: Tensor


def own_pairs(inputs: Inputs, of_films: str, of_texts: str) -> list[Pairs]:
    """Of each view, the films that have a text of their own, with the first such text.

    A text of only zeros (it has no words) is none. Views without any pair are left out.
    """
    own = inputs.films.pair[:, None] == inputs.texts[0].pair
    if not own.numel():
        return []
    films = own.any(1).nonzero().flatten()
    texts = own[films].byte().argmax(1)
    out = []
    for at in range(inputs.views):
        shown = inputs.view(of_texts, at)[texts]
        kept = shown.detach().flatten(1).any(1).nonzero().flatten()
        if len(kept):
            out.append(Pairs(inputs.view(of_films, at)[films[kept]], shown[kept], inputs.films.pair[films[kept]]))
    return out


def made_again(function: Callable[..., Tensor], *arguments: object) -> Tensor:
    """function(*arguments), of which nothing is kept for the backward pass: that makes it again."""
    found: Tensor = checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)
    return found


def mean_over_views(losses: list[Tensor]) -> Tensor | None:
    """The mean of scalars; None of none."""
    return torch.stack(losses).mean() if losses else None


def contrast(logits: Tensor, pair: Tensor) -> Tensor:
    """The mean of the cross-entropies over rows and over columns of logits (b, b), whose diagonal is right.

    A row that is in the batch twice is right in both places, as in the contrastive loss.
    """
    same = (pair[:, None] == pair).to(logits.dtype)
    target = same / same.sum(1, keepdim=True)
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
