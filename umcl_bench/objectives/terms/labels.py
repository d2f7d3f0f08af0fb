"""Image-label supervision without texts, the control that DLILP (2025, arXiv 2504.05227) asks for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from umcl_bench.objectives.terms.inputs import Inputs, Options


def class_vectors(options: Options, dim: int, classes: int) -> dict[str, Tensor]:
    """A vector of each finding (classes, d), which points anywhere, and its bias (classes,), 0."""
    return {"classes": normalize(torch.randn(classes, dim), dim=-1), "bias": torch.zeros(classes)}


def labels(options: Options, inputs: Inputs) -> Tensor | None:
    """The binary cross-entropy of scale cos(film, finding) + bias, averaged over the known labels of all views' films.

    A label is known where a film claims it as present or as absent; of a soft claim (0.7 and 0.3), the share of
    presence is predicted.
    """
    present, absent = inputs.films.present, inputs.films.absent
    known = present + absent
    weight = (known > 0).to(known.dtype)
    if not weight.any():
        return None
    vectors = normalize(inputs.features["labels.classes"], dim=-1)
    logits = inputs.features["scale"] * inputs.features["image"] @ vectors.T + inputs.features["labels.bias"]
    target, weight = (part.repeat(inputs.views, 1).to(logits) for part in (present / known.clamp(min=1e-12), weight))
    return binary_cross_entropy_with_logits(logits, target, weight, reduction="sum") / weight.sum()
