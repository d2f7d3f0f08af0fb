"""The losses as their papers write them, pair by pair and line by line, in plain loops over the whole matrices."""

import numpy as np
import torch
from torch import Tensor

from tests.conftest import unit_rows
from umcl_bench.objectives.targets import Meaning, Side
from umcl_bench.spec import Objective

OBJECTIVES = [
    Objective(),
    Objective("umcl", "any"),
    Objective("umcl", "jaccard", sharpness=2.0, image_to_text=0.3),
    Objective("umcl", "cosine", image_to_text=0.75),
    Objective("umcl", "dot", cap=0.5),
    Objective("unicl"),
    Objective("unicl", cap=1.5, image_to_text=0.2),
    Objective("soft", "cosine"),
    Objective("soft", "dot", target_temperature=0.5, image_to_text=1.0),
    Objective("soft", "jaccard", target_temperature=0.1, cap=2.0),
    Objective("attract", "cosine"),
    Objective("attract", "any", cap=1.0, image_to_text=0.6),
    Objective("eliminate", "any", image_to_text=0.9),
    Objective("eliminate", "jaccard", threshold=1 / 3),
    Objective("debiased"),
    Objective("debiased", prevalence=0.5, image_to_text=0.8),
    Objective("debiased", prevalence=0.0, image_to_text=0.0),
    Objective("sigmoid", bias=-3.0),
    Objective("triage"),
    Objective("triage", image_to_text=0.35),
]


def named(objective: Objective) -> str:
    """A parameter's id."""
    return f"{objective.loss}-{objective.similarity}-{objective.cap}-{objective.prevalence}-{objective.image_to_text}"


def batch(n: int, m: int, seed: int = 0) -> tuple[Tensor, Tensor, Side, Side]:
    """Unit rows (n, 6), (m, 6) in float64, and sides with four findings; pair numbers repeat where n and m differ.

    Texts affirm, deny, or do both; some films and texts claim nothing, and some have no known meaning.
    """
    rng = np.random.default_rng(seed)
    z_img, z_txt = (torch.from_numpy(unit_rows(rng, k, 6)) for k in (n, m))
    state = torch.from_numpy(rng.choice([-1.0, 0, 1], (n, 4), p=[0.4, 0.2, 0.4]))
    said = torch.from_numpy(rng.choice([-1.0, 0, 1], (m, 4), p=[0.2, 0.5, 0.3]))
    said[::3].clamp_(max=0)
    said[1::3].clamp_(min=0)
    state[n // 2], said[m // 3] = 0, 0
    meanings = [torch.from_numpy(unit_rows(rng, k, 3)) for k in (n, m)]
    meanings[0][1], meanings[1][2] = 0, 0
    films, texts = (
        Side(torch.arange(k) % n, (claims > 0).double(), (claims < 0).double(), Meaning(meaning, 0.7, 0.1))
        for k, claims, meaning in zip((n, m), (state, said), meanings, strict=True)
    )
    return z_img, z_txt, films, texts


def similarity(films: Side, texts: Side, i: int, j: int, objective: Objective) -> float:
    """The docstring of `label_similarity`, with sets."""
    has, lacks = (set(np.flatnonzero(part[i])) for part in (films.present, films.absent))
    says, denies = (set(np.flatnonzero(part[j])) for part in (texts.present, texts.absent))
    mine = {(k, True) for k in has if says} | {(k, False) for k in lacks if denies}
    theirs = {(k, True) for k in says} | {(k, False) for k in denies}
    shared = len(mine & theirs)
    value = {
        "any": float(shared > 0),
        "jaccard": shared / len(mine | theirs) if shared else 0.0,
        "cosine": shared / (len(mine) * len(theirs)) ** 0.5 if shared else 0.0,
        "dot": float(shared),
    }[objective.similarity]
    return float(value**objective.sharpness)


def pair(films: Side, texts: Side, i: int, j: int, objective: Objective) -> tuple[float, bool]:
    """The weight of a pair, and whether it is neutral."""
    same = bool(films.pair[i] == texts.pair[j])
    shares = bool(((films.present[i] * texts.present[j]) + (films.absent[i] * texts.absent[j])).any())
    affirmed = [side._replace(absent=torch.zeros_like(side.absent)) for side in (films, texts)]
    if objective.loss == "umcl":
        return max(float(same), similarity(films, texts, i, j, objective)), False
    if objective.loss == "unicl":
        return float(same or bool((films.present[i] * texts.present[j]).any())), False
    if objective.loss == "soft":
        similar = max(float(same), similarity(affirmed[0], affirmed[1], i, j, objective))
        return float(np.exp(similar / objective.target_temperature)), False
    suspected = similarity(films, texts, i, j, objective) >= objective.threshold
    if objective.loss == "attract":
        return float(same or suspected), False
    if objective.loss == "eliminate":
        return float(same), suspected and not same
    if objective.loss == "sigmoid":
        labelled = all(bool((s.present[k] + s.absent[k]).any()) for s, k in ((films, i), (texts, j)))
        contradicts = bool(((films.present[i] * texts.absent[j]) + (films.absent[i] * texts.present[j])).any())
        return float(same or shares), labelled and not (same or shares or contradicts)
    if objective.loss == "triage":
        assert films.meaning is not None
        assert texts.meaning is not None
        one, other = films.meaning.vectors[i], texts.meaning.vectors[j]
        cosine = float(one @ other)
        known = bool(one.any()) and bool(other.any())
        positive = same or (known and cosine > films.meaning.same_above)
        return float(positive), known and not positive and cosine > films.meaning.other_below
    return float(same), False


def line(z: Tensor, weights: Tensor, neutral: Tensor, own: Tensor, scale: Tensor, objective: Objective) -> Tensor:
    """The loss of one film over its texts, or of one text over its films; `own` says which are of its row."""
    if objective.loss == "debiased":
        mine, others = z[own].exp(), z[~own].exp()
        n, share = len(others), objective.prevalence
        estimate = (others.sum() - share * n * mine.mean()) / (1 - share)
        g = torch.maximum(estimate, n * torch.exp(-scale))
        return -torch.log(mine / (mine + g)).mean()
    if objective.loss == "triage":
        negative = z[(weights == 0) & ~neutral].exp().sum()
        positive = z[weights > 0].exp()
        return -torch.log(positive / (positive + negative)).mean()
    if objective.cap and own.any() and weights[~own].any():
        part = (objective.cap * weights[own].sum() / weights[~own].sum()).clamp(max=1)
        weights = torch.where(own, weights, weights * part)
    kept = z[~neutral]
    return -(weights[~neutral] / weights.sum() * torch.log_softmax(kept, 0)).sum()


def loss(
    z_img: Tensor, z_txt: Tensor, scale: Tensor, bias: Tensor, films: Side, texts: Side, objective: Objective
) -> Tensor:
    """The definition, transcribed: all of z, S and the neutral pairs, then line by line."""
    n, m = len(films.pair), len(texts.pair)
    z = scale * z_img @ z_txt.T
    pairs = [[pair(films, texts, i, j, objective) for j in range(m)] for i in range(n)]
    weights = torch.tensor([[w for w, _ in row] for row in pairs], dtype=z.dtype)
    neutral = torch.tensor([[e for _, e in row] for row in pairs])
    if objective.loss == "sigmoid":
        chance = torch.sigmoid(z + bias)
        costs = -(weights * chance.log() + (1 - weights) * (1 - chance).log())
        return torch.where(neutral, 0, costs).sum() * (1 / n + 1 / m) / 2
    own = films.pair[:, None] == texts.pair
    w = objective.image_to_text
    means = [
        torch.stack(
            [line(*parts, scale, objective) for parts in zip(*matrices, strict=True) if parts[1].sum() > 0]
        ).mean()
        for matrices in ((z, weights, neutral, own), (z.T, weights.T, neutral.T, own.T))
    ]
    return w * means[0] + (1 - w) * means[1]
