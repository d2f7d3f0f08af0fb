"""Models that are told what a film shows, by the number of its row: what checks of tasks are made with.

No film is drawn: the first two pixels of a film are the number of its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import UsageError
from umcl_bench.models.base import Matrix, PromptPair, PromptSets
from umcl_bench.models.random import RandomEmbeddings

Films = NDArray[np.uint8]


def numbered_films(rows: NDArray[np.int64], size: int = 2) -> Films:
    """Films (n, size, size) whose first two pixels are these numbers, below 65,536."""
    films = np.zeros((len(rows), size, size), dtype=np.uint8)
    films[:, 0, 0], films[:, 0, 1] = rows // 256, rows % 256
    return films


def rows_of(films: Films) -> NDArray[np.int64]:
    """The numbers (n,) that `numbered_films` wrote."""
    pixels = films[:, 0, :2].astype(np.int64)
    return np.asarray(pixels[:, 0] * 256 + pixels[:, 1])


class Told:
    """A model that knows of each film what it is told: signs (n, c), 1 for present, -1 for absent, 0 for neither.

    `texts` says the same of texts, with signs (c,); other texts say nothing to it. `places` are signs of the patches of
    films (h, w, c), by row; without them a film is one patch.
    """

    def __init__(
        self,
        signs: NDArray[np.float64],
        findings: Sequence[str],
        texts: Mapping[str, NDArray[np.float64]] | None = None,
        places: Mapping[int, NDArray[np.float64]] | None = None,
    ) -> None:
        self.signs = signs
        self.names = [name.casefold() for name in findings]
        self.texts = texts or {}
        self.places = places

    @property
    def digest(self) -> str:
        """Nothing of it is kept."""
        return ""

    def pool_images(self, films: Films) -> Matrix:
        """The same as the embeddings."""
        return self.embed_images(films)

    def embed_images(self, films: Films) -> Matrix:
        """Films that `numbered_films` made -> (n, c + 1)."""
        return self._unit(self.signs[rows_of(films)])

    def embed_patches(self, films: Films, stride: int) -> Matrix:
        """Films -> their places (n, h, w, c + 1), or one patch, the whole film: (n, 1, 1, c + 1)."""
        if self.places is None:
            return self.embed_images(films)[:, None, None]
        return self._unit(np.stack([self.places[row] for row in rows_of(films).tolist()]))

    def image_tower(self) -> NoReturn:
        """Raises UsageError: it knows, and has nothing that learns."""
        raise UsageError("a model that is told has no image tower")

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, c + 1)."""
        nothing = np.zeros(len(self.names))
        return self._unit(np.stack([self.texts.get(" ".join(text.split()), nothing) for text in texts]))

    def embed_findings(
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ) -> PromptPair:
        """An axis for each finding, and its opposite."""
        axes = np.eye(len(self.names) + 1, dtype=np.float32)
        rows = axes[[self.names.index(name.casefold()) for name in findings]]
        return PromptPair(rows, -rows, "told")

    def embed_classes(self, findings: Sequence[str], prompts: Sequence[Sequence[str]]) -> PromptSets:
        """The axis of each finding."""
        return PromptSets(tuple(row[None] for row in self.embed_findings(findings, (), ()).positive), "told")

    def _unit(self, signs: NDArray[np.float64]) -> Matrix:
        """Signs (..., c) as rows of length one, what is missing to that on an axis of its own."""
        parts = signs / np.sqrt(max(1, len(self.names)))
        rest = np.sqrt(np.maximum(0, 1 - (parts**2).sum(axis=-1, keepdims=True)))
        return np.concatenate([parts, rest], axis=-1).astype(np.float32)


class ToldTexts(RandomEmbeddings):
    """A model that knows of each film its report: a film has its report's vector, a random one of its own without."""

    def __init__(self, reports: Sequence[str | None], dim: int = 64) -> None:
        super().__init__(dim, 0)
        self.reports = [f"row {row}" if text is None else text for row, text in enumerate(reports)]

    def embed_images(self, films: Films) -> Matrix:
        """Films that `numbered_films` made -> (n, d)."""
        return self.embed_texts([self.reports[row] for row in rows_of(films)])

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, d), blanks apart."""
        return super().embed_texts([" ".join(text.split()) for text in texts])
