"""Consistency of two views of the same film, or of the same study's texts (CXR-CLIP, You et al. 2023)."""

from __future__ import annotations

from torch import Tensor

from umcl_bench.objectives.terms.inputs import Inputs, Options, contrast


def image_consistency(options: Options, inputs: Inputs) -> Tensor | None:
    """CXR-CLIP's ICL: the symmetric InfoNCE, at the logit scale, of each film's first view with its second."""
    return _between_views(inputs, "image", inputs.films.pair)


def text_consistency(options: Options, inputs: Inputs) -> Tensor | None:
    """CXR-CLIP's TCL: the same of each row's two texts."""
    return _between_views(inputs, "text", inputs.texts[0].pair)


def _between_views(inputs: Inputs, name: str, pair: Tensor) -> Tensor | None:
    """The loss among this process's rows; the released code gathers the other processes' rows as negatives."""
    if inputs.views < 2 or not len(pair):
        return None
    return contrast(inputs.features["scale"] * inputs.view(name, 0) @ inputs.view(name, 1).T, pair)
