"""What protocols see of a model: films and texts in, unit rows out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from umcl_bench.models.trunks import ImageTrunk

Matrix = NDArray[np.float32]


class PromptPair(NamedTuple):
    """Text embeddings (c, d) of findings as present and as absent, and how they were made."""

    positive: Matrix
    negative: Matrix
    how: str


class PromptSets(NamedTuple):
    """Text embeddings (p, d) of each class's prompts, and how they were made."""

    each: tuple[Matrix, ...]
    how: str


class Model(Protocol):
    """What a protocol may ask of a model. All embeddings are rows of length one.

    Raises UsageError where a model has nothing of the kind: no text tower, no image tower.
    """

    @property
    def digest(self) -> str:
        """Changes with the weights and with all that is done to a film before these; '' for one that has none."""

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> (n, d)."""

    def pool_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> the image tower's pooled features (n, w), before the projection and of any length."""

    def embed_patches(self, films: NDArray[np.uint8], stride: int) -> Matrix:
        """Films (n, s, s) -> their patches (n, h, w, d), in the space of the texts: a regular grid over the film.

        They are at most `stride` (8, 16 or 32) pixels apart where the tower can have them so.
        """

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, d)."""

    def embed_findings(
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ) -> PromptPair:
        """Findings as prompts. A model with learned prompts uses these; else the templates, '{}' being the name.

        `names`, where given, are how a text writes each of the findings.
        """

    def embed_classes(self, findings: Sequence[str], prompts: Sequence[Sequence[str]]) -> PromptSets:
        """The prompts of each finding. A model with learned prompts has one of each, its own of the finding present."""

    def image_tower(self) -> ImageTrunk:
        """A copy of the image tower without its projection, to be trained further: the model itself stays as it is."""


@runtime_checkable
class LocalModel(Protocol):
    """What some models have beside: how alike the words of a text and the places of a film are."""

    def local_similarity(self, films: NDArray[np.uint8], texts: Sequence[str]) -> Matrix | None:
        """Films (n, s, s) and m texts -> (n, m); None where the model has learned nothing of the kind."""


def embed_each(model: Model, prompts: Sequence[Sequence[str]]) -> PromptSets:
    """The prompts of each class as a model embeds texts."""
    counts = ", ".join(str(len(texts)) for texts in prompts)
    return PromptSets(tuple(model.embed_texts(texts) for texts in prompts), f"hand-written: {counts} of the classes")
