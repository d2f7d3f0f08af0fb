"""A short schedule and a model with a real tower, for tests of protocols that fit a network."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.models.base import Model
from umcl_bench.models.trained import TrainedModel
from umcl_bench.protocols.base import Evaluation
from umcl_bench.spec import TINY, FineTune, Recipe, Segmentation, Task
from umcl_bench.training.batches import training_rows
from umcl_bench.training.start import empty_encoder


def tiny_model(phantom: Corpus) -> TrainedModel:
    """Towers of size tiny with the weights of seed 0."""
    recipe = Recipe(registry.get_baseline("umcl"), TINY)
    data = training_rows(phantom, recipe)
    return TrainedModel(recipe, empty_encoder(recipe, data), data.tokenizer, torch.device("cpu"))


def shortened(name: str, steps: int = 4, **changes: Any) -> Task:
    """A task with a few steps of 8 films, and other fields of its protocol changed."""
    task = registry.get_task(name)
    assert isinstance(task.protocol, Segmentation | FineTune)
    short = dataclasses.replace(task.protocol.fitting, steps=steps, batch=8, look_every=2)
    return dataclasses.replace(task, protocol=dataclasses.replace(task.protocol, fitting=short, **changes))


def evaluation(corpus: Corpus, model: Model, seed: int = 0) -> Evaluation:
    """The corpus at 64 pixels."""
    films = np.stack([corpus.pixels.read(row, 64) for row in range(len(corpus))])
    return Evaluation(corpus, films, model, seed=seed)


def backwards(at: Evaluation) -> Evaluation:
    """The same with the rows of the corpus in reverse order."""
    order: Rows = np.arange(len(at.corpus))[::-1].copy()
    corpus, masks = at.corpus, at.corpus.masks
    turned = dataclasses.replace(
        corpus,
        ids=corpus.ids[order],
        patients=corpus.patients[order],
        splits=corpus.splits[order],
        views=corpus.views[order],
        reports=corpus.reports[order],
        stated=corpus.stated[order],
        pixels=dataclasses.replace(corpus.pixels, rows=tuple(order.tolist())),  # type: ignore[type-var]
        prior=np.full(len(order), -1, dtype=np.int64),
        masks=None if masks is None else dataclasses.replace(masks, rows=tuple(order.tolist())),  # type: ignore[type-var]
        boxes=(),
        attributes={name: column[order] for name, column in corpus.attributes.items()},
    )
    return dataclasses.replace(at, corpus=turned, films=np.asarray(at.films[order]))
