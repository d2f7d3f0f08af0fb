"""Terms that are added to the contrastive loss, by their names in the spec.

Each contrasts and averages within a process: of several processes, the term of a step is the mean of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from umcl_bench.objectives.terms.consistency import image_consistency, text_consistency
from umcl_bench.objectives.terms.gloria import local_attention
from umcl_bench.objectives.terms.inputs import Inputs as Inputs
from umcl_bench.objectives.terms.inputs import Options
from umcl_bench.objectives.terms.labels import class_vectors, labels
from umcl_bench.objectives.terms.mgca import attention_matrices, prototype_vectors, prototypes, token_alignment
from umcl_bench.spec import Term, TermKind


def _no_parameters(options: Options, dim: int, classes: int) -> dict[str, Tensor]:
    return {}


class _Kind(NamedTuple):
    """The term itself (None where it has nothing to work on), its options' defaults, and its parameters."""

    value: Callable[[Options, Inputs], Tensor | None]
    defaults: dict[str, float]
    parameters: Callable[[Options, int, int], dict[str, Tensor]] = _no_parameters


KINDS: dict[TermKind, _Kind] = {
    "local-attention": _Kind(local_attention, {"temp1": 4.0, "temp2": 5.0, "temp3": 10.0}),
    "token-alignment": _Kind(token_alignment, {"temperature": 0.1}, attention_matrices),
    "prototypes": _Kind(
        prototypes, {"count": 500.0, "temperature": 0.2, "epsilon": 0.05, "iterations": 3.0}, prototype_vectors
    ),
    "image-consistency": _Kind(image_consistency, {}),
    "text-consistency": _Kind(text_consistency, {}),
    "labels": _Kind(labels, {}, class_vectors),
}
WHOLE = ("count", "iterations")
"""The options that are whole numbers."""


def options(term: Term) -> dict[str, float]:
    """The term's options, with the defaults of those it does not name. Raises ValueError for one that can't be."""
    known = KINDS[term.kind].defaults
    for name, number in term.options:
        if name not in known:
            names = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"the term {term.kind} has no option {name!r}; {names}")
        if not 0 < number < float("inf") or (name in WHOLE and number != int(number)):
            wanted = "a whole number of at least 1" if name in WHOLE else "a number above 0"
            raise ValueError(f"{name} of the term {term.kind} is {number}; it must be {wanted}")
    return {**known, **dict(term.options)}


def parameters(term: Term, dim: int, classes: int) -> dict[str, Tensor]:
    """The first values of what the term learns, by name; drawn from torch's global generator."""
    return KINDS[term.kind].parameters(options(term), dim, classes)


def value(term: Term, inputs: Inputs) -> Tensor:
    """The term as a scalar, in float32 at least, without its weight.

    Where it has nothing to work on it is 0, and still depends on all features: their gradients are 0, not missing.
    """
    features = {
        name: feature.to(torch.promote_types(feature.dtype, torch.float32)) for name, feature in inputs.features.items()
    }
    with torch.autocast(inputs.films.pair.device.type, enabled=False):
        found = KINDS[term.kind].value(options(term), inputs._replace(features=features))
        return nothing(inputs) if found is None else found


def nothing(inputs: Inputs) -> Tensor:
    """A 0 that depends on every feature, whatever its values are."""
    return torch.stack([feature.flatten()[:0].sum() for feature in inputs.features.values()]).float().sum()
