"""Trains for a test, alone or as one of the processes that torchrun starts, and writes what comes out."""

import dataclasses
import functools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.models.statistics import statistics_kept
from umcl_bench.progress import Reporter
from umcl_bench.registry import get_baseline
from umcl_bench.spec import TINY, ImageTower, Recipe
from umcl_bench.training import batch_norm, peers, sharding
from umcl_bench.training.batches import training_rows
from umcl_bench.training.feed import Feed
from umcl_bench.training.loop import Trainer
from umcl_bench.training.runtime import Runtime, world
from umcl_bench.training.start import empty_encoder

VIT = ImageTower(
    "vit_tiny_patch16_224", 32, options=(("patch_size", 8), ("img_size", 32), ("depth", 2), ("embed_dim", 48))
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A training of `steps` steps of `batch` rows in float32, with a ViT, or with the tower of `tiny`.

    With an `epsilon` above Adam's own, a gradient that is zero but for its rounding is not blown up to a whole step.
    """

    model: str = "umcl"
    vit: bool = True
    batch: int = 24
    micro_batch: int = 0
    steps: int = 20
    shard: bool = False
    recompute: bool = False
    epsilon: float = 1e-8

    def recipe(self) -> Recipe:
        """As the command line would make it."""
        films = self.batch * self.steps
        optim = dataclasses.replace(
            TINY.optim, batch=self.batch, films_seen=films, micro_batch=self.micro_batch, learning_rate=5e-4
        )
        size = dataclasses.replace(TINY, optim=optim, image=VIT if self.vit else TINY.image)
        return Recipe(get_baseline(self.model), size, precision="float32")


def play(case: Case, *, written_out: bool = False) -> dict[str, Tensor]:
    """The losses of all steps, the gradients of the first, and the weights before and after, on this process.

    `written_out` gives one process the batch norm of several, which sums otherwise than torch's.
    """
    recipe, device = case.recipe(), torch.device("cpu")
    corpus, films = _films(recipe.size.image.size)
    data = training_rows(corpus, recipe)
    with torch.random.fork_rng([]):
        encoder = empty_encoder(recipe, data)
        runtime = Runtime(log_steps=1, shard=case.shard, recompute=case.recompute)
        trainer = Trainer(recipe, corpus, data, encoder, films, device, Reporter(quiet=True), runtime)
        for group in trainer.optimiser.param_groups:
            group["eps"] = case.epsilon
        if written_out:
            batch_norm.synchronise(encoder, device)
        encoder.train()
        found = {f"before.{name}": value for name, value in trainer.weights().items()}
        first = next(iter(Feed(data, films, recipe, device, world())))
        with statistics_kept(encoder):
            trainer.stepper.gradients(first)
        found |= {
            f"gradient.{name}": sharding.whole(p.grad).clone()
            for name, p in encoder.named_parameters()
            if p.grad is not None
        }
        trainer.run()
    found |= {f"after.{name}": value for name, value in trainer.weights().items()}
    found["losses"] = torch.tensor([row.loss for row in trainer.monitor.rows])
    found["norms"] = torch.tensor([row.gradient_norm for row in trainer.monitor.rows])
    return {name: tensor.contiguous() for name, tensor in found.items()}


@functools.cache
def _films(side: int) -> tuple[Corpus, NDArray[np.uint8]]:
    corpus = phantom_corpus(PhantomSpec(train=96, val=8, test=8))
    return corpus, np.stack([corpus.pixels.read(i, side) for i in range(len(corpus))])


def main(folder: str, cases: str) -> None:
    """Plays the cases of a JSON list; process r writes CASE-r.safetensors for each."""
    with peers.joined(torch.device("cpu")):
        for number, fields in enumerate(json.loads(cases)):
            save_file(play(Case(**fields)), Path(folder) / f"{number}-{world().rank}.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
