"""Token alignment and prototypes (MGCA, Wang et al. 2022, arXiv 2210.06044)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from umcl_bench.objectives.terms.inputs import ELEMENTS, Inputs, Options, made_again, mean_over_views, own_pairs


def attention_matrices(options: Options, dim: int, classes: int) -> dict[str, Tensor]:
    """Query, key and value (d, d), multiples of the identity.

    Inferred: with these the attention begins as the released code's default, which has no matrices: a softmax of
    cosines over `temperature`.
    """
    gain = math.sqrt(math.sqrt(dim) / options["temperature"])
    return {"query": gain * torch.eye(dim), "key": gain * torch.eye(dim), "value": torch.eye(dim)}


def token_alignment(options: Options, inputs: Inputs, elements: int = ELEMENTS) -> Tensor | None:
    """MGCA's cross-modal token alignment, of the films whose own text has words.

    Each word attends over the patches of its film: softmax((Q w) . (K v) / sqrt(d)) weighs the V v. The attended vector
    and its word are contrasted with the other words of the same text, over `temperature` and in both directions; in the
    same way each patch attends over the words, and is contrasted with the other patches of its film. Words and patches
    have length one here. The loss is half of both, averaged over the pairs; no pair sees another one.

    Inferred: all words of a text, and all patches of a film, count the same. The paper weighs them by the attention
    that the last layer's [CLS] pays to them; towers that pool by the mean, and convolutions, have none to compare. Both
    attentions share their matrices.
    """
    matrices = [inputs.features[f"token-alignment.{name}"] for name in ("query", "key", "value")]
    losses = []
    for patches, words, _ in own_pairs(inputs, "patches", "words"):
        losses.append(_alignments(patches, words, matrices, options["temperature"], elements).mean())
    return mean_over_views(losses)


def _alignments(patches: Tensor, words: Tensor, matrices: list[Tensor], temperature: float, elements: int) -> Tensor:
    """Each pair's loss (b,), in chunks of at most `elements` numbers (or one pair), as in `gloria.similarities`."""
    p, (w, d) = patches.shape[1], words.shape[1:]
    some = max(1, elements // (max(p, w) * max(p, w, d)))
    if some >= len(words):
        return _align(patches, words, matrices, temperature)
    parts = zip(torch.split(patches, some), torch.split(words, some), strict=True)
    return torch.cat([made_again(_align, *part, matrices, temperature) for part in parts])


def _align(patches: Tensor, words: Tensor, matrices: list[Tensor], temperature: float) -> Tensor:
    """Patches (b, p, d) and words (b, w, d) -> (b,): each pair's loss."""
    shown = words.detach().any(-1)
    every = torch.ones_like(patches[..., 0], dtype=torch.bool)
    words, patches = normalize(words, dim=-1), normalize(patches, dim=-1)
    of_words = _among(words, _attend(words, patches, every, matrices), shown, temperature)
    of_patches = _among(patches, _attend(patches, words, shown, matrices), every, temperature)
    return (of_words + of_patches) / 2


def _attend(tokens: Tensor, others: Tensor, shown: Tensor, matrices: list[Tensor]) -> Tensor:
    """Tokens (b, t, d) over the others (b, o, d) that are shown (b, o) -> (b, t, d)."""
    query, key, value = matrices
    scores = (tokens @ query.T) @ (others @ key.T).mT / math.sqrt(tokens.shape[-1])
    return scores.masked_fill(~shown[:, None], -torch.inf).softmax(-1) @ (others @ value.T)


def _among(tokens: Tensor, attended: Tensor, shown: Tensor, temperature: float) -> Tensor:
    """The InfoNCE (b,) of unit tokens with attended vectors (b, t, d), among each row's shown tokens (b, t)."""
    logits = tokens @ normalize(attended, dim=-1).mT / temperature
    forth = logits.masked_fill(~shown[:, None], -torch.inf).logsumexp(2)
    back = logits.masked_fill(~shown[:, :, None], -torch.inf).logsumexp(1)
    each = (forth + back) / 2 - logits.diagonal(dim1=1, dim2=2)
    return (each * shown).sum(1) / shown.sum(1)


def prototype_vectors(options: Options, dim: int, classes: int) -> dict[str, Tensor]:
    """Vectors (`count`, d) that point anywhere."""
    return {"vectors": normalize(torch.randn(int(options["count"]), dim), dim=-1)}


def prototypes(options: Options, inputs: Inputs) -> Tensor | None:
    """MGCA's cross-modal prototype alignment: a film predicts its own text's prototypes, and the text the film's.

    The codes q are balanced cluster assignments of the films, and of the texts, of this process, without a gradient;
    p = softmax(cos(z, prototypes) / temperature). The loss is -1/2 (q_film . log p_text + q_text . log p_film),
    averaged over the pairs. The released code balances over all processes, and holds the prototypes still in the first
    epoch; here they learn from the start.
    """
    vectors = normalize(inputs.features["prototypes.vectors"], dim=-1)
    losses = []
    for films, texts, _ in own_pairs(inputs, "image", "text"):
        scores = films @ vectors.T, texts @ vectors.T
        of_film, of_text = (balanced(s, options["epsilon"], int(options["iterations"])) for s in scores)
        log_film, log_text = ((s / options["temperature"]).log_softmax(1) for s in scores)
        losses.append(-(of_film * log_text + of_text * log_film).sum(1).mean() / 2)
    return mean_over_views(losses)


@torch.no_grad()
def balanced(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Codes (b, k) from scores (b, k): Sinkhorn-Knopp, in logarithms, of exp(scores / epsilon).

    In turns each prototype is given as much in all, and each row 1. With fewer rows than prototypes, a prototype has
    b / k of a row, so that a row's code is spread over about k / b of them.
    """
    log = scores / epsilon
    for _ in range(iterations):
        log = log.log_softmax(0).log_softmax(1)
    return log.exp()
