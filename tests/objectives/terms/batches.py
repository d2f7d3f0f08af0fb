"""Small batches in float64, and what the tests of all terms do with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from umcl_bench.objectives.targets import Side
from umcl_bench.objectives.terms import Inputs, parameters
from umcl_bench.spec import Term

CLASSES = 3
FILMS = torch.tensor([10, 11, 12, 13, 14, 15])
TEXTS = torch.tensor([12, 10, 77, 14, 11])
PAIRS = [(0, 1), (1, 4), (2, 0), (4, 3)]
"""Films and their own texts; films 3 and 5 have none, and text 2 has no film."""
PROMPTS = [0]
"""The text of film 2 has no words."""
WORDED = [pair for pair in PAIRS if pair[1] not in PROMPTS]


def wave(*shape: int, step: float = 0.7) -> Tensor:
    """The sine of step, 2 step, 3 step, ...: numbers that any program can make again."""
    return torch.sin(step * torch.arange(1, math.prod(shape) + 1, dtype=torch.float64)).reshape(shape)


def side(pair: Tensor, seed: int = 0) -> Side:
    """Claims of CLASSES findings: present, absent, unknown, and soft ones."""
    generator = torch.Generator().manual_seed(seed)
    shape = (len(pair), CLASSES)
    present = torch.tensor([0.0, 1.0, 0.7])[torch.randint(3, shape, generator=generator)]
    known = torch.rand(shape, generator=generator) < 0.7
    return Side(pair, present * known, (1 - present) * known)


def batch(term: Term, views: int = 1, seed: int = 0, dim: int = 4) -> Inputs:
    """Six films of three patches and five texts of up to four words; all features are leaves with a gradient."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    words = draw(views * len(TEXTS), 4, dim)
    for row, length in enumerate([0, 4, 2, 1, 3] * views):
        words[row, length:] = 0
    features = {
        "image": normalize(draw(views * len(FILMS), dim), dim=-1),
        "text": normalize(draw(views * len(TEXTS), dim), dim=-1),
        "scale": torch.tensor(6.0, dtype=torch.float64),
        "patches": draw(views * len(FILMS), 3, dim),
        "words": words,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        own = parameters(term, dim, CLASSES)
    features |= {f"{term.kind}.{name}": first.double() + 0.1 * draw(*first.shape) for name, first in own.items()}
    features = {name: feature.requires_grad_() for name, feature in features.items()}
    return Inputs(features, side(FILMS), (side(TEXTS),) * views, views)


def with_features(inputs: Inputs, **changed: Tensor) -> Inputs:
    """The same batch with other features."""
    return inputs._replace(features={**inputs.features, **changed})


def gradients(loss: Tensor, inputs: Inputs) -> dict[str, Tensor]:
    """Of every feature; 0 for one that the loss does not read."""
    found = torch.autograd.grad(loss, list(inputs.features.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(inputs.features, found, strict=True))


def assert_is_its_definition(found: Callable[[Inputs], Tensor], slow: Callable[[Inputs], Tensor], at: Inputs) -> None:
    """The same value to 1e-12 and the same gradients to 1e-9, of which some are not 0."""
    torch.testing.assert_close(found(at), slow(at), rtol=1e-12, atol=1e-12)
    mine, theirs = gradients(found(at), at), gradients(slow(at), at)
    assert any(gradient.abs().max() > 1e-3 for gradient in mine.values())
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, theirs[name], rtol=1e-9, atol=1e-9, msg=name)


def permuted(inputs: Inputs, films: list[int], texts: list[int]) -> Inputs:
    """The same rows in another order, in each view."""

    def rows(name: str, order: list[int]) -> Tensor:
        return torch.cat([inputs.view(name, at)[order] for at in range(inputs.views)])

    def of(part: Side, order: list[int]) -> Side:
        return Side(part.pair[order], part.present[order], part.absent[order])

    moved = {name: rows(name, films) for name in ("image", "patches")}
    moved |= {name: rows(name, texts) for name in ("text", "words")}
    sides = tuple(of(part, texts) for part in inputs.texts)
    return with_features(inputs, **moved)._replace(films=of(inputs.films, films), texts=sides)


class Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes how many numbers the largest tensor has that any operation makes, in the backward pass too."""

    largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, Tensor):
                self.largest = max(self.largest, tensor.numel())
        return out


def kept_numbers(make: Callable[[], Tensor]) -> int:
    """How many numbers the graph of make() keeps for its backward pass; views of the same memory count once."""
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        make()
    sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() // t.element_size() for t in kept}
    return sum(sizes.values())
