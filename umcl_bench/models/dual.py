"""The dual encoder: image tower, text tower, prompts and the logit scale; and how it is built and used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from umcl_bench.models.prompts import PromptEncoder, tokenise_names
from umcl_bench.models.towers import ImageEncoder, TextEncoder, choose_attention
from umcl_bench.progress import Reporter
from umcl_bench.spec import Recipe

Matrix = NDArray[np.float32]


class PromptPair(NamedTuple):
    """Text embeddings (c, d) of findings as present and as absent, and how they were made."""

    positive: Matrix
    negative: Matrix
    how: str


class Model(Protocol):
    """What a protocol may ask of a model. All embeddings are rows of length one."""

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> (n, d)."""

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, d)."""

    def embed_findings(self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str]) -> PromptPair:
        """Findings as prompts. A model with learned prompts uses these; else the templates, '{}' being the name."""


class TextBatch(NamedTuple):
    """The texts of a batch: tokenised reports and names of states, and which of them each text is.

    `place` (m,) numbers the names from 0, then the reports; ids are (r, l), lengths (r,).
    """

    names: Tensor
    name_lengths: Tensor
    reports: Tensor
    report_lengths: Tensor
    place: Tensor


Features = dict[str, Tensor]
"""What the towers give a loss: "image" (n, d) and "text" (m, d) of unit rows, and "scale", the logit scale."""


class DualEncoder(nn.Module):
    """The trained modules. `encode_*` give unit rows (n, d)."""

    def __init__(self, recipe: Recipe, vocabulary: int) -> None:
        super().__init__()
        size = recipe.size
        self.image = ImageEncoder(size.image, size.dim)
        self.text = TextEncoder(size.text, vocabulary, size.dim)
        self.prompts = PromptEncoder(recipe.baseline.prompt, size.text.width, size.text.max_tokens)
        self.max_log_scale = math.log(recipe.baseline.objective.max_scale)
        scale = torch.tensor([-math.log(recipe.baseline.objective.temperature)])  # FSDP2 takes no tensor of 0 axes
        self.log_scale = nn.Parameter(scale, requires_grad=recipe.baseline.objective.learn_temperature)

    def forward(self, films: Tensor, texts: TextBatch) -> Features:
        """All that a loss needs of films (n, s, s) and texts, in one pass: each text through the tower once."""
        return {"image": self.encode_image(films), "text": self.encode_mixed(texts), "scale": self.scale()}

    def encode_mixed(self, texts: TextBatch) -> Tensor:
        """Reports, and states in their prompts, in the order of `texts.place` -> (m, d)."""
        names, lengths = self.prompts.embed(self.text, texts.names, texts.name_lengths)
        reports = self.text.embed(texts.reports)
        longest = max(names.shape[1], reports.shape[1])
        both = [pad(rows, (0, 0, 0, longest - rows.shape[1])) for rows in (names, reports)]
        features = self.text(torch.cat(both), torch.cat([lengths, texts.report_lengths]))
        return normalize(features.float(), dim=-1)[texts.place]

    def encode_image(self, films: Tensor) -> Tensor:
        """Films (n, s, s) -> (n, d)."""
        return normalize(self.image(films).float(), dim=-1)

    def encode_text(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Token ids (n, l) and lengths (n,) -> (n, d)."""
        return normalize(self.text(self.text.embed(ids), lengths).float(), dim=-1)

    def encode_names(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Tokenised names of states -> (n, d), with the learned prompt around them where the model has one."""
        return normalize(self.prompts(self.text, ids, lengths).float(), dim=-1)

    def scale(self) -> Tensor:
        """The logit scale 1 / temperature."""
        return self.log_scale.exp().sum()

    @torch.no_grad()
    def clamp_scale(self) -> None:
        """Keeps the logit scale below its maximum; on the parameter, as CLIP does, so that it can come down again."""
        self.log_scale.clamp_(max=self.max_log_scale)


def build_encoder(recipe: Recipe, vocabulary: int) -> DualEncoder:
    """A dual encoder with weights from the recipe's seed; the global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        return DualEncoder(recipe, vocabulary)


class TrainedModel:
    """A dual encoder in evaluation mode, in float32, as protocols see it."""

    def __init__(
        self,
        recipe: Recipe,
        encoder: DualEncoder,
        tokenizer: Tokenizer,
        device: torch.device,
        batch: int = 64,
        reporter: Reporter | None = None,
    ) -> None:
        self.recipe = recipe
        self.encoder = encoder.eval().to(device)
        choose_attention(self.encoder, device, torch.float32)
        self.tokenizer = tokenizer
        self.device = device
        self.batch = batch
        self.reporter = reporter or Reporter(quiet=True)

    @torch.inference_mode()
    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> (n, d)."""
        parts = [np.zeros((0, self.recipe.size.dim), np.float32)]
        with self.reporter.track(f"embedding {len(films)} films", len(films)) as tick:
            for at in range(0, len(films), self.batch):
                parts.append(self._encode_films(films[at : at + self.batch]))
                tick(len(parts[-1]))
        return np.concatenate(parts)

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, d)."""
        parts = []
        for at in range(0, len(texts), self.batch):
            ids, lengths = self._tokens(list(texts[at : at + self.batch]))
            parts.append(self.encoder.encode_text(ids, lengths).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.recipe.size.dim), np.float32)

    @torch.inference_mode()
    def embed_findings(self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str]) -> PromptPair:
        """The model's own continuous prompts, or the mean embedding over the templates."""
        prompt = self.recipe.baseline.prompt
        if prompt.kind == "continuous":
            how = f"the model's own: continuous, {prompt.length} vectors"
            return PromptPair(self._names(findings, "{}"), self._names(findings, "no {}"), how)
        how = f"hand-written: {', '.join(repr(t) for t in positive)} against {', '.join(repr(t) for t in negative)}"
        return PromptPair(self._ensemble(findings, positive), self._ensemble(findings, negative), how)

    def _encode_films(self, films: NDArray[np.uint8]) -> Matrix:
        batch = torch.from_numpy(np.ascontiguousarray(films)).to(self.device)
        return self.encoder.encode_image(batch).cpu().numpy()

    def _tokens(self, texts: list[str], room: int = 0) -> tuple[Tensor, Tensor]:
        return tokenise_names(self.tokenizer, texts, self.recipe.size.text.max_tokens - room, self.device)

    def _names(self, findings: Sequence[str], template: str) -> Matrix:
        ids, lengths = self._tokens([template.format(name) for name in findings], self.recipe.baseline.prompt.length)
        return self.encoder.encode_names(ids, lengths).cpu().numpy()

    def _ensemble(self, findings: Sequence[str], templates: Sequence[str]) -> Matrix:
        each = [self.embed_texts([template.format(name) for name in findings]) for template in templates]
        mean = np.mean(each, axis=0)
        unit: Matrix = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit
