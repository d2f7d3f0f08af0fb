"""Every contrastive loss, by name: who is whose right answer (its targets), and how that becomes a number (its form).

S_ij is how much text j is the right answer for film i, z_ij = scale x_i . t_j (+ bias) their logit. `same pair` is 1
where film and text are of the same row. The forms, with their gradients, are in objectives/forms.py.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from umcl_bench.errors import BenchError, UsageError, unknown_name
from umcl_bench.objectives.forms import Form, Separate, Sigmoid, Softmax
from umcl_bench.objectives.targets import Builder, Side, Targets, label_similarity, same_pair, shared_claims
from umcl_bench.spec import Objective

_ROUNDING = 1e-5  # a similarity that is the threshold but for rounding has reached it
_RANGE = 140.0  # exp over this range, and sums of it over a batch, fit float32


@dataclass(frozen=True)
class Loss:
    """A contrastive loss: `targets` builds those of any tile of films x texts."""

    name: str
    targets: Builder
    form: type[Form] = Softmax


def infonce(films: Side, texts: Side, objective: Objective) -> Targets:
    """CLIP (Radford et al. 2021, section 2.3), InfoNCE in both directions: only the film's own text is right.

    S = same pair.
    """
    return Targets(same_pair(films, texts))


def umcl(films: Side, texts: Side, objective: Objective) -> Targets:
    """UMCL (2307.05920), inferred, as its paper gives no formula: the own text, and every text with similar labels.

    S = max(same pair, sim(claims)^sharpness), sim `any` (UniCL for several labels), `jaccard` or `cosine` (MedCLIP). A
    prompt that denies a finding is compared with the findings that are absent from the film, every other text with
    those that are present. 'No Finding' is a finding of its own; a row without labels matches only its own text.
    """
    similar = label_similarity(films, texts, objective)
    return Targets(torch.maximum(same_pair(films, texts), similar, out=similar))


def unicl(films: Side, texts: Side, objective: Objective) -> Targets:
    """UniCL (2204.03610) for several labels, as in DLILP's code (2504.05227): every text that shares a present finding.

    S = clip(Y Y^T + I, 0, 1), Y the findings present and I the same pair, normalised over rows for films and over
    columns for texts. A row without present findings has a label of its own, and matches only its own text.
    """
    shared = torch.addmm(same_pair(films, texts), films.present, texts.present.T)
    return Targets(shared.clamp_(max=1))


def soft(films: Side, texts: Side, objective: Objective) -> Targets:
    """MedCLIP (2210.10163): softmax targets of the similarity of labels, over all texts of the batch.

    S = exp(sim / target_temperature), sim over present findings: `cosine` as in the paper, `dot` as in its released
    code, whose temperature is 1, where the targets are nearly flat. Inferred: the sim of the same pair is at least 1,
    so that a row without labels has an answer; sim is to the power `sharpness`. A constant is taken off all sims, which
    no normalised target sees, so that exp stays in range.
    """
    similar = label_similarity(films.affirmed(), texts.affirmed(), objective)
    similar = torch.maximum(same_pair(films, texts), similar, out=similar)
    constant = 1.0  # the own text's weight is then 1, and any other's may vanish
    if objective.similarity == "dot":
        constant = _middle(films.present.shape[1] ** objective.sharpness, objective.target_temperature)
    return Targets(similar.sub_(constant).div_(objective.target_temperature).exp_())


def _middle(most: float, temperature: float) -> float:
    """The middle of similarities from 0 to `most`. Raises UsageError where exp does not span them."""
    if most / temperature > _RANGE:
        raise UsageError(
            f"objective.target_temperature is {temperature:g}, too low for similarities up to {most:g}: their exp "
            f"overflows. Use at least {most / _RANGE:.3f}, or a similarity that ends at 1 ('cosine')"
        )
    return most / 2


def attract(films: Side, texts: Side, objective: Objective) -> Targets:
    """False negative attraction (Huynh et al., 2011.11765): suspected false negatives F_i are positives too.

    L_i = -1/(1 + |F_i|) [log p_ii + sum_{k in F_i} log p_ik]: S = 1 for the same pair and for F_i. Inferred: the paper
    suspects by the similarity of images (its code: the 10 most similar, with a score above 0.7); here F_i are the other
    rows' texts whose labels have a similarity of at least `threshold`.
    """
    return Targets(_suspected(films, texts, objective).to(films.present.dtype).maximum(same_pair(films, texts)))


def eliminate(films: Side, texts: Side, objective: Objective) -> Targets:
    """False negative elimination (Huynh et al., 2011.11765): suspected false negatives leave the denominator.

    L_i = -log e^{z_ii} / (e^{z_ii} + sum over the other texts but F_i of e^{z_ik}): S = same pair, and F_i, as inferred
    in `attract`, are neutral.
    """
    own = same_pair(films, texts)
    return Targets(own, _suspected(films, texts, objective) & (own == 0))


def _suspected(films: Side, texts: Side, objective: Objective) -> Tensor:
    return label_similarity(films, texts, objective) >= objective.threshold * (1 - _ROUNDING)


class Debiased(Separate):
    """Debiased contrastive loss (Chuang et al., 2007.00224): expected false negatives are taken off the denominator.

    L_i = -log e^{z_ii} / (e^{z_ii} + G_i), with N the number of other rows' texts of the line and t+, `prevalence`, the
    share of false negatives among them: G_i = max{(sum_k e^{z_ik} - t+ N e^{z_ii}) / (1 - t+), N e^{-scale}}, k over
    other rows' texts. The floor is the least that N negatives can sum up to, as scale is 1 / temperature. Of several
    own texts the mean e^z counts in G_i (the paper's M positives), and the loss is their mean.
    """

    groups = 2

    def level(self, logs: Tensor, counts: Tensor, scale: Tensor) -> Tensor:
        """Log G (n,)."""
        share = self.batch.objective.prevalence
        negatives, own = logs
        defined = (counts > 0).all(0)
        log_m, log_n = counts.clamp(min=1).log()
        total = torch.where(defined, negatives, 0)
        taken = torch.where(defined, own, 0) - log_m + log_n + (math.log(share) if share else -math.inf)
        left = taken < total
        gap = torch.where(left, taken - total, -1)  # where nothing is left no gradient may pass through log 0
        rest, floor = total + gap.expm1().neg().log() - math.log1p(-share), log_n - scale
        return torch.where(defined, torch.where(left, torch.maximum(rest, floor), floor), -torch.inf)


def sigmoid(films: Side, texts: Side, objective: Objective) -> Targets:
    """SigLIP (Zhai et al., 2303.15343) with several positives: each pair is a decision of its own, with a learned bias.

    L = -1/n sum_ij w_ij [S_ij log s(z_ij) + (1 - S_ij) log s(-z_ij)]. Inferred: S = 1 for the same pair and where a
    claim is shared (less for a soft one). w = 0, neutral, where labels are known on both sides and say nothing either
    way: no claim is shared, and none contradicts another. A pair of two rows of which one has no labels is a negative,
    so that without labels the loss is SigLIP's. It has no directions: image_to_text is not read.
    """
    weights = shared_claims(films, texts).clamp_(max=1)
    weights = torch.maximum(weights, same_pair(films, texts), out=weights)
    against = torch.addmm(films.absent @ texts.present.T, films.present, texts.absent.T)
    films_known, texts_known = (((side.present + side.absent) > 0).any(1) for side in (films, texts))
    return Targets(weights, (weights + against == 0) & films_known[:, None] & texts_known)


def triage(films: Side, texts: Side, objective: Objective) -> Targets:
    """SAT (TMI 2023): pairs of texts of the same meaning are positives, of another one negatives, between them neutral.

    L_i = 1/|P_i| sum_{j in P_i} -log e^{z_ij} / (e^{z_ij} + sum_{k in Q_i} e^{z_ik}), P_i = {same pair, or cosine above
    `same_above`}, Q_i = {cosine of at most `other_below`} of an encoder's vectors of the rows' texts. Its code has 0.98
    and 0.97 for ClinicalBERT; here they are quantiles (`triage`). A row whose meaning is unknown has only its own pair
    as positive, and all others are negatives.
    """
    if films.meaning is None or texts.meaning is None:
        raise BenchError("the loss 'triage' compares what texts mean, and this batch has no vectors of their meaning")
    vectors = films.meaning.vectors, texts.meaning.vectors
    known = [(side != 0).any(1) for side in vectors]
    cosine = (vectors[0] @ vectors[1].T).masked_fill_(~(known[0][:, None] & known[1]), -torch.inf)
    positive = (cosine > films.meaning.same_above) | (films.pair[:, None] == texts.pair)
    return Targets(positive.to(films.present.dtype), ~positive & (cosine > films.meaning.other_below))


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("infonce", infonce),
        Loss("soft", soft),
        Loss("unicl", unicl),
        Loss("umcl", umcl),
        Loss("eliminate", eliminate),
        Loss("attract", attract),
        Loss("debiased", infonce, Debiased),
        Loss("sigmoid", sigmoid, Sigmoid),
        Loss("triage", triage, Separate),
    )
}


def get_loss(name: str) -> Loss:
    """The loss `name`, or cross-entropy with the targets of the function that 'package.module:function' names.

    That function gets two Sides (n and m rows) and the Objective, and returns S (n, m), not negative. Raises BenchError
    for neither.
    """
    if name in LOSSES:
        return LOSSES[name]
    if ":" not in name:
        raise unknown_name("loss", name, LOSSES)
    module, _, function = name.partition(":")
    try:
        build: Callable[[Side, Side, Objective], Tensor] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise BenchError(f"the target builder {name!r} can't be loaded: {error}") from error

    def targets(films: Side, texts: Side, objective: Objective) -> Targets:
        weights = build(films, texts, objective)
        shape = len(films.pair), len(texts.pair)
        if not isinstance(weights, Tensor) or weights.shape != shape:
            found = f"a tensor {tuple(weights.shape)}" if isinstance(weights, Tensor) else type(weights).__name__
            raise BenchError(f"the target builder {name!r} returned {found}; it must return a tensor {shape}")
        return Targets(weights)

    return Loss(name, targets)
