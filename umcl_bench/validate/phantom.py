"""What is validated on: a phantom of a hundred films or so, and tiny's towers with a budget of a few steps."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.data.sources import PHANTOM, Source
from umcl_bench.spec import TINY, ImageTower, Size

FOR_MODELS = PhantomSpec(train=96, val=8, test=48)
FOR_TASKS = PhantomSpec(train=192, val=128, test=512)
"""Films are not drawn for tasks, so that rare findings can be there too."""
SIZE = dataclasses.replace(TINY, optim=dataclasses.replace(TINY.optim, batch=32, films_seen=192))

Films = NDArray[np.uint8]


@functools.lru_cache(maxsize=2)
def small_source(spec: PhantomSpec) -> Source:
    """A phantom as a source: it plays every dataset."""
    return Source(None, {PHANTOM: lambda: phantom_corpus(spec)})


@functools.lru_cache(maxsize=2)
def draw_films(spec: PhantomSpec, image: ImageTower, split: str = "") -> Films:
    """Films (n, s, s) as the tower sees them, a row each; with a `split`, those of other splits are black."""
    corpus = small_source(spec).corpus
    films = np.zeros((len(corpus), image.size, image.size), dtype=np.uint8)
    for row in corpus.rows(split, "all") if split else range(len(corpus)):
        films[row] = corpus.pixels.read(int(row), image.size, image.geometry)
    return films


def describe(spec: PhantomSpec, size: Size | None = None) -> str:
    """What a validation is made on, in one line; with a `size`, how much is trained."""
    steps = f", {size.optim.steps} steps of {size.optim.batch} with the towers of {size.name}" if size else ""
    rows = f"{spec.train} training and " if size else ""
    return f"On a PHANTOM (synthetic films, no patients): {rows}{spec.test} test studies{steps}"
