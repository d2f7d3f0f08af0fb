"""What the rows of a batch claim, and how alike two of them are: what targets are made from.

Films and texts are described by their claims, so that any tile of films x texts can be made on its own:

- a film: the findings known to be present, and those known to be absent;
- a report: the findings known to be present in its study (a report is not counted on to say all that is absent);
- a sentence or a prompt: the findings that it says are present, and those that it says are absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from umcl_bench.spec import Objective


class Meaning(NamedTuple):
    """What the texts of the rows mean, as unit rows (n, q) of an encoder that does not learn; a zero row is unknown.

    Two rows say the same if their cosine is above `same_above`, and something else if it is not above `other_below`.
    """

    vectors: Tensor
    same_above: float
    other_below: float


class Side(NamedTuple):
    """One side of a batch: pair numbers (n,), and claims (n, k) from 0 to 1. An unlabelled row claims nothing."""

    pair: Tensor
    present: Tensor
    absent: Tensor
    meaning: Meaning | None = None

    def rows(self, rows: slice | Tensor) -> Side:
        """Some of the rows."""
        meaning = self.meaning and self.meaning._replace(vectors=self.meaning.vectors[rows])
        return Side(self.pair[rows], self.present[rows], self.absent[rows], meaning)

    def affirmed(self) -> Side:
        """The same rows with nothing claimed but what is present."""
        return self._replace(absent=self.absent[:, :0])


class Targets(NamedTuple):
    """Of a tile of films x texts: non-negative weights (n, m), how much text j is the right answer for film i.

    `neutral` pairs (n, m) are neither pulled together nor pushed apart, and have weight 0; None: there are none.
    """

    weights: Tensor
    neutral: Tensor | None = None


Builder = Callable[[Side, Side, Objective], Targets]


def same_pair(films: Side, texts: Side) -> Tensor:
    """(n, m) of 0 and 1: film i and text j are of the same row."""
    out = films.present.new_empty(len(films.pair), len(texts.pair))
    return torch.eq(films.pair[:, None], texts.pair, out=out)  # seven times faster than a bool matrix, then converted


def shared_claims(films: Side, texts: Side) -> Tensor:
    """(n, m): how many of text j's claims are true of film i."""
    return torch.addmm(films.present @ texts.present.T, films.absent, texts.absent.T)


def label_similarity(films: Side, texts: Side, objective: Objective) -> Tensor:
    """(n, m): how alike the claims of film i and text j are, to the power `sharpness`.

    `any`: 1 where a claim is shared, less where it is a soft one. `jaccard`: shared / all claims. `cosine`: shared /
    geometric mean of the counts. `dot`: the number of shared claims. A text's present findings are compared with those
    that are present in the film, its absent ones with the absent ones; a row that claims nothing is like no other.
    """
    similar = shared_claims(films, texts)
    if objective.similarity == "any":
        similar.clamp_(max=1)
    elif objective.similarity != "dot":
        similar.div_(_all_claims(films, texts, similar, objective).clamp_(min=1))
    return similar.pow_(objective.sharpness)


def _all_claims(films: Side, texts: Side, shared: Tensor, objective: Objective) -> Tensor:
    """(n, m): what the shared claims are a part of, the union of both sides' or the geometric mean of their counts.

    A film's claims are its present ones for a text that claims such, its absent ones for a text that claims such, and
    all of them for a text that does both. One thin product makes the tile, without another pass over it.
    """
    present, absent = films.present.sum(1), films.absent.sum(1)
    of_text = texts.present.sum(1) + texts.absent.sum(1)
    affirms, denies = ((claims.sum(1) > 0).to(present.dtype) for claims in (texts.present, texts.absent))
    if objective.similarity == "jaccard":
        of_film = torch.stack([present, absent, torch.ones_like(present)], dim=1)
        return torch.addmm(shared, of_film, torch.stack([affirms, denies, of_text]), beta=-1)
    both = affirms * denies
    of_film = torch.stack([present, absent, present + absent], dim=1).sqrt_()
    return of_film @ torch.stack([affirms - both, denies - both, both]).mul_(of_text.sqrt())
