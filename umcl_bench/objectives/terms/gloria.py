"""Local attention: each word looks for its regions (GLoRIA, Huang et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from umcl_bench.objectives.terms.inputs import (
    ELEMENTS,
    Inputs,
    Options,
    contrast,
    made_again,
    mean_over_views,
    own_pairs,
)


def local_attention(options: Options, inputs: Inputs, elements: int = ELEMENTS) -> Tensor | None:
    """GLoRIA's local contrastive loss among the films whose own text has words, within this process.

    Of a film with regions v and a text with words w: s_mj = v_m . w_j; its softmax over the words, times `temp1`,
    again a softmax over the regions, is a_mj; c_j = sum_m a_mj v_m; Z = log sum_j exp(temp2 cos(w_j, c_j)). The logits
    are `temp3` Z of every film with every text. The loss is the mean of both directions' cross-entropies, where the
    released code has their sum, in the global loss as in this one: the ratio of the two stays. Like that code's, it
    gathers nothing from other processes.
    """
    losses = []
    for patches, words, pair in own_pairs(inputs, "patches", "words"):
        z = similarities(patches, words, options["temp1"], options["temp2"], elements)
        losses.append(contrast(options["temp3"] * z, pair))
    return mean_over_views(losses)


def similarities(patches: Tensor, words: Tensor, temp1: float, temp2: float, elements: int) -> Tensor:
    """Z of every film of patches (n, p, d) with every text of words (m, w, d): (n, m).

    Where that takes more than one tile of at most `elements` numbers (or of one film with one text), each is made again
    in the backward pass: the memory is that of one tile, and not O(n m w p).
    """
    words = words[:, words.detach().any(-1).any(0)]  # without what is padding in all texts
    n, p, w = len(patches), patches.shape[1], words.shape[1]
    tile = max(1, elements // (w * p))
    films = torch.split(patches, min(n, tile))
    captions = torch.split(words, max(1, tile // min(n, tile)))
    if len(films) * len(captions) == 1:
        return _tile(patches, words, temp1, temp2)
    rows = [torch.cat([made_again(_tile, some, texts, temp1, temp2) for texts in captions], 1) for some in films]
    return torch.cat(rows)


def best_words(patches: Tensor, words: Tensor, temp1: float) -> Tensor:
    """max_j cos(w_j, c_j) of every film of patches (n, p, d) with every text of words (m, w, d): (n, m).

    GLoRIA's local similarity when it classifies (gloria_model.py get_local_similarities, there times 5), where training
    has the soft maximum Z.
    """
    return _cosines(patches, words[:, words.any(-1).any(0)], temp1).amax(2)


def _tile(patches: Tensor, words: Tensor, temp1: float, temp2: float) -> Tensor:
    z: Tensor = (temp2 * _cosines(patches, words, temp1)).logsumexp(2)
    return z


def _cosines(patches: Tensor, words: Tensor, temp1: float) -> Tensor:
    """cos(w_j, c_j) (n, m, w), minus infinity for padding.

    As the definition, but without a context c_j for each film, text and word, and so with nothing as wide as d:
    w_j . c_j is sum_m a_mj s_mj, and |c_j|^2 a quadratic form of the a_mj with the regions' products.
    """
    padding = ~words.detach().any(-1)
    s = torch.einsum("npd,mwd->nmwp", patches, words)
    of_words = s.masked_fill(padding[:, :, None], -torch.inf).softmax(2)
    a = (temp1 * of_words).softmax(3)
    square = (torch.einsum("nmwp,npq->nmwq", a, patches @ patches.transpose(1, 2)) * a).sum(3)
    lengths = square.clamp(min=1e-24).sqrt() * words.norm(dim=2).masked_fill(padding, 1.0)
    cosines: Tensor = (a * s).sum(3) / lengths
    return cosines.masked_fill(padding, -torch.inf)
