"""A released model as protocols see it: its own preprocessing and tokenizer, unit rows out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from umcl_bench.data.preprocess import Preprocess
from umcl_bench.errors import UsageError
from umcl_bench.models.base import Matrix, Model, PromptPair, PromptSets, embed_each
from umcl_bench.models.fingerprint import weights_digest
from umcl_bench.models.released.found import no_text_error
from umcl_bench.models.released.weights import Fit
from umcl_bench.models.trunks import ImageTrunk
from umcl_bench.progress import Reporter


class Towers(nn.Module):
    """What a layout provides. Features need no unit length. `fit` says which weights of its files were loaded."""

    dim: int
    fit: Fit | None = None

    def images(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (n, channels, s, s) -> (n, d)."""
        raise NotImplementedError

    def pool(self, pixels: Tensor) -> Tensor:
        """Normalised pixels -> the image tower's features (n, w) before its projection, where it has them."""
        raise NotImplementedError

    def patches(self, pixels: Tensor) -> Tensor:
        """Normalised pixels -> projected features of places (n, h, w, d), where it has them."""
        raise NotImplementedError

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Texts -> (n, d). A text's features do not depend on the others', beyond rounding."""
        raise NotImplementedError

    def trunk_of_timm(self) -> nn.Module | None:
        """The image tower without its projection, where that is one of timm's."""
        return None


class Loaded(Model, Protocol):
    """A model that can be told how many films to take at a time, and whom to tell how far it is."""

    batch: int
    reporter: Reporter


class ReleasedModel:
    """Released towers in evaluation mode, in float32."""

    def __init__(
        self, name: str, towers: Towers, preprocess: Preprocess, device: torch.device, *, has_texts: bool = True
    ) -> None:
        self.name = name
        self.towers = towers.eval().requires_grad_(False).to(device)
        self.preprocess = preprocess
        self.device = device
        self.has_texts = has_texts
        self.batch = 64
        self.reporter = Reporter(quiet=True)

    @cached_property
    def digest(self) -> str:
        """Over the weights and the preprocessing."""
        return weights_digest(self.towers, self.preprocess)

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> (n, d)."""
        return self._in_batches(films, lambda pixels: normalize(self.towers.images(pixels).float(), dim=-1))

    def pool_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> (n, w). Raises UsageError for a layout whose pooled features aren't known."""
        if type(self.towers).pool is Towers.pool:
            raise UsageError(
                f"{self.name}: the features before its projection are not known here; probe those after it: "
                "--task TASK+features=projected"
            )
        return self._in_batches(films, self.towers.pool)

    def image_tower(self) -> ImageTrunk:
        """A copy of the image tower without its projection. Raises UsageError for a tower that is not one of timm's."""
        found = self.towers.trunk_of_timm()
        if found is None:
            raise UsageError(
                f"{self.name}: its image tower is not one of timm's, and only these can be tuned here; "
                "a task of frozen features takes it: --task probe"
            )
        seen, trunk = self.preprocess, copy.deepcopy(found)
        if getattr(trunk, "num_classes", 0):
            trunk.reset_classifier(0)  # type: ignore[operator]
        return ImageTrunk(trunk, seen.mean, seen.std, seen.channels, seen.unit)

    def embed_patches(self, films: NDArray[np.uint8], stride: int) -> Matrix:
        """Films (n, s, s) -> (n, h, w, d), at the tower's own stride.

        Raises UsageError for a layout whose patches have no place among texts.
        """
        if type(self.towers).patches is Towers.patches:
            raise UsageError(f"{self.name}: it is not known here how its patches compare with a text; BioViL's do")
        parts = np.array_split(films, range(self.batch, len(films), self.batch))
        return np.concatenate([self._encoded(part, self._places) for part in parts])

    def _places(self, pixels: Tensor) -> Tensor:
        return normalize(self.towers.patches(pixels).float(), dim=-1)

    def _in_batches(self, films: NDArray[np.uint8], encode: Callable[[Tensor], Tensor]) -> Matrix:
        parts = []
        with self.reporter.track(f"embedding {len(films)} films", len(films)) as tick:
            for at in range(0, len(films), self.batch):
                parts.append(self._encoded(films[at : at + self.batch], encode))
                tick(len(parts[-1]))
        return np.concatenate(parts) if parts else np.zeros((0, self.towers.dim), np.float32)

    @torch.inference_mode()
    def _encoded(self, films: NDArray[np.uint8], encode: Callable[[Tensor], Tensor]) -> Matrix:
        pixels = np.require(self.preprocess.normalise(films), requirements="W")
        return encode(torch.from_numpy(pixels).to(self.device)).float().cpu().numpy()

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, d). Raises UsageError for a model without a text tower."""
        if not self.has_texts:
            raise no_text_error(self.name)
        parts = [np.zeros((0, self.towers.dim), np.float32)]
        for at in range(0, len(texts), self.batch):
            parts.append(self._unit(self.towers.texts(list(texts[at : at + self.batch]))))
        return np.concatenate(parts)

    def embed_findings(
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ) -> PromptPair:
        """The mean embedding over the templates. Raises UsageError for a model without a text tower."""
        how = f"hand-written: {', '.join(repr(t) for t in positive)} against {', '.join(repr(t) for t in negative)}"
        names = names or findings
        return PromptPair(self._ensemble(names, positive), self._ensemble(names, negative), how)

    def embed_classes(self, findings: Sequence[str], prompts: Sequence[Sequence[str]]) -> PromptSets:
        """The texts of each class. Raises UsageError for a model without a text tower."""
        return embed_each(self, prompts)

    def _ensemble(self, findings: Sequence[str], templates: Sequence[str]) -> Matrix:
        each = [self.embed_texts([template.format(name) for name in findings]) for template in templates]
        mean = np.mean(each, axis=0)
        unit: Matrix = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _unit(self, features: Tensor) -> Matrix:
        return normalize(features.float(), dim=-1).cpu().numpy()
