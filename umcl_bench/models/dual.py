"""The dual encoder: image tower, text tower, prompts and the logit scale; and how it is built."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from umcl_bench.models.prompts import PromptEncoder
from umcl_bench.models.towers import ImageEncoder, TextEncoder
from umcl_bench.objectives import terms
from umcl_bench.spec import Recipe


class TextBatch(NamedTuple):
    """The texts of a batch: tokenised reports and names of findings, and which of them each text is.

    `place` (m, q) numbers the names from 0, then the reports; the embeddings of a text with several are averaged, -1
    being none. Ids are (r, l), lengths and states (r,). `words` (r, l), where local terms need them, are the numbers of
    the reports' words, -1 for special tokens.
    """

    names: Tensor
    name_lengths: Tensor
    name_states: Tensor
    reports: Tensor
    report_lengths: Tensor
    place: Tensor
    words: Tensor | None = None


Features = dict[str, Tensor]
"""What the towers give a loss: "image" (n, d) and "text" (m, d) of unit rows, and where a term needs them "patches"
(n, p, d) and "words" (m, w, d); beside these, what no row has of its own: "scale", the logit scale, "bias", and the
parameters of terms, as in "labels.classes"."""
PER_ROW = ("image", "text", "patches", "words")


class DualEncoder(nn.Module):
    """The trained modules. `encode_*` give unit rows (n, d)."""

    def __init__(self, recipe: Recipe, vocabulary: int, classes: int = 0) -> None:
        super().__init__()
        size, objective, heads = recipe.size, recipe.baseline.objective, recipe.baseline.heads
        self.local = objective.local
        self.image = ImageEncoder(size.image, size.dim, heads, local=self.local)
        if recipe.baseline.has_text_tower:
            self.text = TextEncoder(size.text, vocabulary, size.dim, heads, local=self.local)
            self.prompts = PromptEncoder(recipe.baseline.prompt, size.text.width, classes)
        self.max_log_scale = math.log(objective.max_scale)
        scale = torch.tensor([-math.log(objective.temperature)])  # FSDP2 takes no tensor of 0 axes
        self.log_scale = nn.Parameter(scale, requires_grad=objective.learn_temperature)
        self.bias = nn.Parameter(torch.tensor([objective.bias])) if objective.loss == "sigmoid" else None
        self.terms = nn.ModuleDict()
        for term in objective.terms:
            values = terms.parameters(term, size.dim, classes)
            if values:
                self.terms[term.kind] = nn.ParameterDict(values)

    def forward(self, films: Tensor, texts: TextBatch) -> Features:
        """All that a loss needs of films (n, s, s) and texts, in one pass: each text through the tower once."""
        return {**self.image_features(films), **self.text_features(texts), **self.shared()}

    def image_features(self, films: Tensor) -> Features:
        """Those of films (n, s, s)."""
        if not self.local:
            return {"image": self.encode_image(films)}
        whole, patches = self.image.patches(films)
        return {"image": normalize(whole.float(), dim=-1), "patches": patches.float()}

    def text_features(self, texts: TextBatch) -> Features:
        """Those of reports, and of findings in their prompts, in the order of `texts.place` (m, d)."""
        if not hasattr(self, "text"):
            return {}
        names, lengths = self.prompts.embed(self.text, texts.names, texts.name_lengths, texts.name_states)
        reports = self.text.embed(texts.reports)
        longest = max(names.shape[1], reports.shape[1])
        both = torch.cat([pad(rows, (0, 0, 0, longest - rows.shape[1])) for rows in (names, reports)])
        lengths = torch.cat([lengths, texts.report_lengths])
        if texts.words is None:
            return {"text": _gather(normalize(self.text(both, lengths).float(), dim=-1), texts.place)}
        numbers = pad(texts.words, (0, longest - texts.words.shape[1], len(names), 0), value=-1)
        features, words = self.text.words(both, lengths, numbers)
        return {
            "text": _gather(normalize(features.float(), dim=-1), texts.place),
            "words": words.float()[texts.place[:, 0]],
        }

    def shared(self) -> Features:
        """What no row has of its own: copies, as sharded parameters are gone after the forward pass."""
        found = {"scale": self.scale()}
        if self.bias is not None:
            found["bias"] = self.bias.clone()
        for kind, values in self.terms.items():
            found |= {f"{kind}.{name}": value.clone() for name, value in values.items()}  # type: ignore[operator]
        return found

    def encode_image(self, films: Tensor) -> Tensor:
        """Films (n, s, s) -> (n, d)."""
        return normalize(self.image(films).float(), dim=-1)

    def encode_text(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Token ids (n, l) and lengths (n,) -> (n, d)."""
        return normalize(self.text(self.text.embed(ids), lengths).float(), dim=-1)

    def encode_names(self, ids: Tensor, lengths: Tensor, states: Tensor) -> Tensor:
        """Tokenised names of states (n,) -> (n, d), with the learned prompt around them where the model has one."""
        return normalize(self.prompts(self.text, ids, lengths, states).float(), dim=-1)

    def scale(self) -> Tensor:
        """The logit scale 1 / temperature."""
        return self.log_scale.exp().sum()

    @torch.no_grad()
    def clamp_scale(self) -> None:
        """Keeps the logit scale below its maximum; on the parameter, as CLIP does, so that it can come down again."""
        self.log_scale.clamp_(max=self.max_log_scale)


def _gather(features: Tensor, place: Tensor) -> Tensor:
    """Unit rows (u, d) at `place` (m, q) -> unit rows (m, d): the mean over those that there are."""
    if place.shape[1] == 1:
        return features[place[:, 0]]
    there = (place >= 0).to(features.dtype)[:, :, None]
    return normalize((features[place.clamp(min=0)] * there).sum(1), dim=-1)


def build_encoder(recipe: Recipe, vocabulary: int, classes: int = 0) -> DualEncoder:
    """A dual encoder with weights from the recipe's seed; the global generator is left as it was.

    `vocabulary` is the number of word pieces, `classes` that of the findings that the training data label.
    """
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        return DualEncoder(recipe, vocabulary, classes)
