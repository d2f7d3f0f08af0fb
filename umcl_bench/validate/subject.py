"""A model under validation: built, trained for a few steps, and what its checks share."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.errors import Stopped
from umcl_bench.models.base import Matrix, Model
from umcl_bench.models.dual import DualEncoder
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.models.trained import TrainedModel
from umcl_bench.progress import Reporter
from umcl_bench.spec import Baseline, Recipe, Size
from umcl_bench.training.batches import TrainingRows, training_rows
from umcl_bench.training.feed import Feed, Parcel
from umcl_bench.training.loop import Trained, train
from umcl_bench.training.runtime import World
from umcl_bench.training.start import start_encoder
from umcl_bench.training.step import Stepper
from umcl_bench.validate.phantom import FOR_MODELS, SIZE, Films, draw_films, small_source

CPU = torch.device("cpu")
ALONE = World(0, 1, 0)
FEW = 14
"""Films that are embedded in several ways: two batches of 7."""


@dataclass(frozen=True)
class Subject:
    """A model as it was named, its recipe, and the phantom with its films (a row each).

    What has not been made yet is made when a check asks for it, once.
    """

    name: str
    recipe: Recipe
    corpus: Corpus
    films: Films

    @property
    def baseline(self) -> Baseline:
        """What the model is."""
        return self.recipe.baseline

    @property
    def learns(self) -> bool:
        """Whether it is trained here."""
        return self.baseline.weights == "trained"

    @cached_property
    def data(self) -> TrainingRows:
        """What it learns from."""
        return training_rows(self.corpus, self.recipe)

    @cached_property
    def trained(self) -> Trained:
        """After all the steps of the recipe, by the trainer that everybody uses."""
        return train(self.recipe, self.corpus, self.films, CPU, Reporter(quiet=True))

    @cached_property
    def model(self) -> Model:
        """The model as protocols see it; with its first weights where it can't be trained."""
        if self.baseline.weights == "released":
            from umcl_bench.models import released

            return released.load(self.name, self.recipe, CPU)
        if not self.baseline.reads_training_rows:
            return self.fresh()
        try:
            return self.trained.model
        except Stopped:
            raise
        except Exception:  # the check of training says so
            return self.fresh()

    def fresh(self) -> Model:
        """The model with the first weights of the recipe's seed."""
        if not self.baseline.reads_training_rows:
            return RandomEmbeddings(self.recipe.size.dim, self.recipe.seed)
        encoder = start_encoder(self.recipe, self.data)
        return TrainedModel(self.recipe, encoder, self.data.tokenizer, CPU, classes=self.data.classes)

    @cached_property
    def has_texts(self) -> bool:
        """Whether it embeds any text."""
        made = self.model.recipe.baseline if isinstance(self.model, TrainedModel) else self.baseline
        return made.has_text_tower and bool(getattr(self.model, "has_texts", True))

    @cached_property
    def has_findings(self) -> bool:
        """Whether it can be asked for findings: by texts, or by vectors of its own."""
        return bool(getattr(self.model, "has_texts", True))

    @cached_property
    def rows(self) -> Rows:
        """The test films."""
        return self.corpus.rows("test")

    @cached_property
    def few(self) -> Films:
        """Films (14, s, s) to look at closely."""
        return self.films[self.rows[:FEW]]

    @cached_property
    def reports(self) -> list[str]:
        """Texts to look at closely, of different lengths."""
        return [report for row in self.rows if (report := self.corpus.reports[row])][:FEW]

    @property
    def findings(self) -> tuple[str, ...]:
        """The phantom's findings, as zero-shot classification asks for them."""
        return tuple(name for name in self.corpus.classes if name != NO_FINDING)

    def id_of(self, row: int) -> str:
        """The id of one of the `few` films."""
        return str(self.corpus.ids[self.rows[row]])

    def encoder(self) -> DualEncoder:
        """A new encoder before training."""
        return start_encoder(self.recipe, self.data).train()

    def stepper(self, encoder: DualEncoder) -> Stepper:
        """What computes its gradients."""
        return Stepper(self.recipe, encoder, encoder, torch.float32, recompute=False)

    def parcel(self, step: int = 1, data: TrainingRows | None = None) -> Parcel:
        """The batch of a step of its training."""
        return next(iter(Feed(data or self.data, self.films, self.recipe, CPU, ALONE, step - 1)))


def make_subject(baseline: Baseline, seed: int = 0, size: Size = SIZE) -> Subject:
    """The model on the phantom, with `size`'s towers (and as many text layers as it reads) and budget.

    Raises BenchError where a released one can't be found.
    """
    corpus = small_source(FOR_MODELS).corpus
    if baseline.weights == "released":
        from umcl_bench.models import released

        recipe = released.recipe_of(baseline, seed)
        return Subject(baseline.name, recipe, corpus, draw_films(FOR_MODELS, recipe.size.image, "test"))
    layers = max([size.text.layers, *(abs(layer) for layer in baseline.heads.text_layers)])
    size = dataclasses.replace(size, text=dataclasses.replace(size.text, layers=layers))
    recipe = Recipe(baseline, size, seed=seed, precision="float32")
    return Subject(baseline.name, recipe, corpus, draw_films(FOR_MODELS, size.image))


def worst(one: Matrix, other: Matrix) -> tuple[int, float]:
    """The row of two arrays (n, d) that differs most, and by how much; NaN and other shapes count as infinite."""
    if one.shape != other.shape:
        return 0, math.inf
    apart = np.nan_to_num(np.abs(one.astype(np.float64) - other), nan=np.inf).max(axis=1, initial=0.0)
    return (int(apart.argmax()), float(apart.max())) if len(apart) else (0, 0.0)
