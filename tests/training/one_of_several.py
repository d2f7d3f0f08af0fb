"""Trains for a test, alone or as one of the processes that torchrun starts, and writes the weights that come out."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.progress import Reporter
from umcl_bench.registry import get_baseline
from umcl_bench.spec import TINY, ImageTower, Recipe, Size
from umcl_bench.training import peers
from umcl_bench.training.loop import train
from umcl_bench.training.runtime import Runtime, world

VIT = ImageTower(
    "vit_tiny_patch16_224", 32, options=(("patch_size", 8), ("img_size", 32), ("depth", 2), ("embed_dim", 48))
)


def size_of(image: ImageTower | None, micro_batch: int, batch: int = 24, steps: int = 20) -> Size:
    """`tiny` with a few steps of few films, and another image tower on request."""
    optim = dataclasses.replace(
        TINY.optim, batch=batch, films_seen=batch * steps, micro_batch=micro_batch, learning_rate=5e-4
    )
    return dataclasses.replace(TINY, optim=optim, image=image or TINY.image)


def main(out: str, model: str, tower: str, micro_batch: str, shard: str) -> None:
    """Twenty steps of 24 films in float32."""
    corpus = phantom_corpus(PhantomSpec(train=96, val=8, test=8))
    size = size_of(VIT if tower == "vit" else None, int(micro_batch))
    films = np.stack([corpus.pixels.read(i, size.image.size) for i in range(len(corpus))])
    recipe = Recipe(get_baseline(model), size, precision="float32")
    device = torch.device("cpu")
    with peers.joined(device):
        runtime = Runtime(shard=shard == "shard")
        trained = train(recipe, corpus, films, device, Reporter(quiet=True), runtime)
        if world().leads:
            losses = torch.tensor([row.loss for row in trained.log], dtype=torch.float64)
            weights = {name: value.contiguous() for name, value in trained.model.encoder.state_dict().items()}
            save_file({"losses": losses, **weights}, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
