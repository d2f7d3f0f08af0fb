"""Target builders: how much text j is the right answer for film i.

A builder gives a non-negative matrix S for any tile of films x texts; the objective normalises S over rows for image to
text and over columns for text to image. Rows and texts are described by what they claim:

- a film: the findings known to be present, and those known to be absent;
- a report: the findings known to be present in its study (a report is not counted on to say all that is absent);
- a prompt of one state: that finding as present, or as absent.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from umcl_bench.errors import BenchError, unknown_name
from umcl_bench.spec import Objective


class Side(NamedTuple):
    """One side of a batch: pair numbers (n,), and claims (n, k) from 0 to 1. An unlabelled row claims nothing."""

    pair: Tensor
    present: Tensor
    absent: Tensor

    def rows(self, rows: slice) -> Side:
        """Some of the rows."""
        return Side(self.pair[rows], self.present[rows], self.absent[rows])


Builder = Callable[[Side, Side, Objective], Tensor]


def same_pair(films: Side, texts: Side) -> Tensor:
    """(n, m) of 0 and 1: film i and text j are of the same row."""
    out = films.present.new_empty(len(films.pair), len(texts.pair))
    return torch.eq(films.pair[:, None], texts.pair, out=out)  # seven times faster than a bool matrix, then converted


def shared_claims(films: Side, texts: Side) -> Tensor:
    """(n, m): how many of text j's claims are true of film i."""
    return torch.addmm(films.present @ texts.present.T, films.absent, texts.absent.T)


def identity(films: Side, texts: Side, objective: Objective) -> Tensor:
    """CLIP (Radford et al. 2021, section 2.3): only the film's own text is right."""
    return same_pair(films, texts)


def umcl(films: Side, texts: Side, objective: Objective) -> Tensor:
    """UMCL, inferred (its paper gives no formula): the own text, and every text with similar labels.

    S_ij = max(same pair, sim(claims)^sharpness). `any`: 1 where a claim is shared (UniCL for several labels, as in
    DLILP), less where it is a soft one. `jaccard`: shared / all claims. `cosine`: shared / geometric mean of the counts
    (MedCLIP's similarity).
    A prompt that denies a finding is compared with the findings that are absent from the film, every other text with
    those that are present. 'No Finding' is a finding of its own; a row without labels matches only its own text.
    """
    similar = shared_claims(films, texts)
    if objective.similarity == "any":
        similar.clamp_(max=1)
    else:
        similar.div_(_all_claims(films, texts, similar, objective).clamp_(min=1))
    return torch.maximum(same_pair(films, texts), similar.pow_(objective.sharpness), out=similar)


def _all_claims(films: Side, texts: Side, shared: Tensor, objective: Objective) -> Tensor:
    """(n, m): what the shared claims are a part of, the union of both sides' or the geometric mean of their counts."""
    of_text = texts.present.sum(1) + texts.absent.sum(1)
    present, absent = films.present.sum(1), films.absent.sum(1)
    if objective.similarity == "cosine":  # the root of a product of counts: of the counts, as a tile has more of them
        of_text, present, absent = of_text.sqrt(), present.sqrt(), absent.sqrt()
    denies = (texts.absent.sum(1) > 0).to(present.dtype)
    of_film = torch.addcmul(present[:, None], (absent - present)[:, None], denies)
    return of_film.mul_(of_text) if objective.similarity == "cosine" else of_film.add_(of_text).sub_(shared)


BUILDERS: dict[str, Builder] = {"infonce": identity, "umcl": umcl}


def get_builder(name: str) -> Builder:
    """The builder `name`, or the function that 'package.module:function' names. Raises BenchError for neither."""
    if name in BUILDERS:
        return BUILDERS[name]
    if ":" not in name:
        raise unknown_name("target builder", name, BUILDERS)
    module, _, function = name.partition(":")
    try:
        builder: Builder = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise BenchError(f"the target builder {name!r} can't be loaded: {error}") from error
    return builder
