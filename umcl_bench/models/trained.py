"""A trained dual encoder as protocols see it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import normalize

from umcl_bench.data.tokens import continuing_pieces, word_numbers
from umcl_bench.errors import UsageError
from umcl_bench.models.base import Matrix, PromptPair, PromptSets, embed_each
from umcl_bench.models.dual import DualEncoder
from umcl_bench.models.fingerprint import weights_digest
from umcl_bench.models.prompts import tokenise_names
from umcl_bench.models.towers import ImageEncoder, choose_attention, with_stride
from umcl_bench.models.trunks import ImageTrunk
from umcl_bench.objectives.terms import options
from umcl_bench.objectives.terms.gloria import best_words
from umcl_bench.progress import Reporter
from umcl_bench.spec import Recipe


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
        classes: tuple[str, ...] = (),
    ) -> None:
        self.recipe = recipe
        self.classes = classes
        self.encoder = encoder.eval().to(device)
        choose_attention(self.encoder, device, torch.float32)
        self.tokenizer = tokenizer
        self.device = device
        self.batch = batch
        self.reporter = reporter or Reporter(quiet=True)
        self._dense: tuple[int, ImageEncoder] | None = None

    @cached_property
    def digest(self) -> str:
        """Over the weights, and how films are cut and normalised before them."""
        return weights_digest(self.encoder, self.recipe.size.image)

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> (n, d)."""
        return self._in_batches(films, self._encode_films, self.recipe.size.dim)

    def pool_images(self, films: NDArray[np.uint8]) -> Matrix:
        """Films (n, s, s) -> the image tower's pooled features (n, w), before the projection."""
        image = self.encoder.image
        return self._in_batches(films, lambda batch: image.pool(self._on_device(batch)).cpu().numpy(), image.width)

    @torch.inference_mode()
    def embed_patches(self, films: NDArray[np.uint8], stride: int) -> Matrix:
        """Films (n, s, s) -> (n, h, w, d): the projection at each place of the tower's last map (`dense`)."""
        if self._dense is None or self._dense[0] != stride:
            self._dense = stride, with_stride(self.encoder.image, stride)
        parts = np.array_split(films, range(self.batch, len(films), self.batch))
        places = [normalize(self._dense[1].dense(self._on_device(part)).float(), dim=-1) for part in parts]
        return torch.cat(places).cpu().numpy()

    @torch.inference_mode()
    def _in_batches(
        self, films: NDArray[np.uint8], encode: Callable[[NDArray[np.uint8]], Matrix], width: int
    ) -> Matrix:
        parts = [np.zeros((0, width), np.float32)]
        with self.reporter.track(f"embedding {len(films)} films", len(films)) as tick:
            for at in range(0, len(films), self.batch):
                parts.append(encode(films[at : at + self.batch]))
                tick(len(parts[-1]))
        return np.concatenate(parts)

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Texts -> (n, d). Raises UsageError for a model that has no text tower."""
        if not self.recipe.baseline.has_text_tower:
            raise UsageError(f"{self.recipe.baseline.name} has no text tower: texts have no embedding")
        parts = []
        for at in range(0, len(texts), self.batch):
            ids, lengths = self._tokens(list(texts[at : at + self.batch]))
            parts.append(self.encoder.encode_text(ids, lengths).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.recipe.size.dim), np.float32)

    @torch.inference_mode()
    def embed_findings(
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ) -> PromptPair:
        """The model's own continuous prompts or vectors of findings, or the mean embedding over the templates.

        Names stand in continuous prompts as `names` writes them; vectors of findings have none. Raises UsageError for a
        finding that such a model has nothing for.
        """
        prompt = self.recipe.baseline.prompt
        if not self.recipe.baseline.has_text_tower:
            vectors = self._vectors(findings)
            return PromptPair(vectors, -vectors, "the model's own: a learned vector for each finding, and its opposite")
        if prompt.kind == "continuous":
            how = f"the model's own: continuous, {prompt.length} vectors" + (
                " of each finding" if prompt.context == "class-specific" else ""
            )
            how += ", in another order" if prompt.stage == "shuffled" else ""
            present, absent = (self._names(findings, names, absent=absent) for absent in (False, True))
            return PromptPair(present, absent, how)
        how = f"hand-written: {', '.join(repr(t) for t in positive)} against {', '.join(repr(t) for t in negative)}"
        names = names or findings
        return PromptPair(self._ensemble(names, positive), self._ensemble(names, negative), how)

    def embed_classes(self, findings: Sequence[str], prompts: Sequence[Sequence[str]]) -> PromptSets:
        """The model's own prompt or vector of each finding as present, or the texts.

        Raises UsageError for a finding that such a model has nothing for.
        """
        if self.recipe.baseline.has_text_tower and self.recipe.baseline.prompt.kind == "hand":
            return embed_each(self, prompts)
        own = self.embed_findings(findings, (), ())
        return PromptSets(tuple(row[None] for row in own.positive), own.how)

    @torch.inference_mode()
    def local_similarity(self, films: NDArray[np.uint8], texts: Sequence[str]) -> Matrix | None:
        """GLoRIA's local similarity, temp2 max_j cos(w_j, c_j) (n, m); None where it was not trained for it."""
        found = [term for term in self.recipe.baseline.objective.terms if term.kind == "local-attention"]
        if not found or self.recipe.baseline.prompt.kind != "hand":
            return None
        temps = options(found[0])
        ids, lengths = self._tokens(list(texts))
        numbers = torch.from_numpy(word_numbers(ids.cpu().numpy(), continuing_pieces(self.tokenizer))).to(self.device)
        words = self.encoder.text.words(self.encoder.text.embed(ids), lengths, numbers)[1].float()

        def of_films(batch: NDArray[np.uint8]) -> Matrix:
            patches = self.encoder.image.patches(self._on_device(batch))[1].float()
            return np.asarray((temps["temp2"] * best_words(patches, words, temps["temp1"])).cpu().numpy())

        return self._in_batches(films, of_films, len(texts))

    def image_tower(self) -> ImageTrunk:
        """A copy of the image tower without its projection."""
        tower = self.encoder.image.tower
        return ImageTrunk(copy.deepcopy(self.encoder.image.trunk), (tower.mean,), (tower.std,))

    def _places(self, findings: Sequence[str]) -> list[int]:
        """The findings' numbers among those of the training labels, in any case."""
        known = [name.casefold() for name in self.classes]
        for name in findings:
            if name.casefold() not in known:
                raise UsageError(
                    f"{self.recipe.baseline.name} has learned nothing of {name}; it knows {', '.join(self.classes)}. "
                    "Choose a task of these findings, or a model that reads names"
                )
        return [known.index(name.casefold()) for name in findings]

    def _vectors(self, findings: Sequence[str]) -> Matrix:
        known = self.encoder.shared()["labels.classes"][self._places(findings)]
        return normalize(known.float(), dim=-1).cpu().numpy()

    def _encode_films(self, films: NDArray[np.uint8]) -> Matrix:
        return self.encoder.encode_image(self._on_device(films)).cpu().numpy()

    def _on_device(self, films: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(films)).to(self.device)

    def _tokens(self, texts: list[str], room: int = 0) -> tuple[Tensor, Tensor]:
        return tokenise_names(self.tokenizer, texts, self.recipe.size.text.max_tokens - room, self.device)

    def _names(self, findings: Sequence[str], names: Sequence[str], *, absent: bool) -> Matrix:
        prompt, count = self.recipe.baseline.prompt, len(self.classes)
        places = self._places(findings) if prompt.context == "class-specific" else [0] * len(findings)
        texts = [f"no {name}" if absent else name for name in names or findings]
        ids, lengths = self._tokens(texts, prompt.length)
        states = torch.tensor(places, device=self.device) + (count if absent else 0)
        return self.encoder.encode_names(ids, lengths, states).cpu().numpy()

    def _ensemble(self, findings: Sequence[str], templates: Sequence[str]) -> Matrix:
        each = [self.embed_texts([template.format(name) for name in findings]) for template in templates]
        mean = np.mean(each, axis=0)
        unit: Matrix = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit
