"""The control that knows nothing: every film and every text gets a random unit vector of its own.

The vector depends on the film's bytes (or the text's letters) and the seed alone, so the whole pipeline runs as for
any model, and every score is chance. Towers with untrained weights are another control (`untrained`): their features
follow brightness, which findings change, so a single draw of weights is *not* at chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import UsageError
from umcl_bench.models.base import Matrix, PromptPair, PromptSets, embed_each


class RandomEmbeddings:
    """Unit vectors (n, d) drawn by a generator that is seeded with the content."""

    def __init__(self, dim: int, seed: int) -> None:
        self.dim = dim
        self.seed = seed

    @property
    def digest(self) -> str:
        """What the draws depend on beside the film."""
        return f"random {self.dim} {self.seed}"

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> (n, d)."""
        return self._draw([film.tobytes() for film in films])

    def pool_images(self, films: NDArray[np.uint8]) -> Matrix:
        """The same vectors: there is nothing before them."""
        return self.embed_images(films)

    def embed_patches(self, films: NDArray[np.uint8], stride: int) -> Matrix:
        """Films (n, s, s) -> (n, 4, 4, d): vectors of the film's content and of a place's number."""
        places = [film.tobytes() + bytes([place]) for film in films for place in range(16)]
        return self._draw(places).reshape(len(films), 4, 4, self.dim)

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, d)."""
        return self._draw([text.encode() for text in texts])

    def embed_findings(
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ) -> PromptPair:
        """One vector a prompt; the first template of each kind."""
        one, other = (
            self.embed_texts([template.format(f) for f in names or findings]) for template in (positive[0], negative[0])
        )
        return PromptPair(one, other, how="random vectors")

    def embed_classes(self, findings: Sequence[str], prompts: Sequence[Sequence[str]]) -> PromptSets:
        """A vector of each prompt."""
        return PromptSets(embed_each(self, prompts).each, "random vectors")

    def image_tower(self) -> NoReturn:
        """Raises UsageError: there is none."""
        raise UsageError("random embeddings have no image tower; `untrained` is a tower that has learned nothing")

    def _draw(self, contents: list[bytes]) -> Matrix:
        out = np.empty((len(contents), self.dim), dtype=np.float32)
        for row, content in enumerate(contents):
            key = hashlib.sha256(self.seed.to_bytes(8, "little") + content).digest()
            draw = np.random.default_rng(int.from_bytes(key, "little")).standard_normal(self.dim)
            out[row] = draw / np.linalg.norm(draw)
        return out
