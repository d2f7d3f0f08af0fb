"""Peak memory of two steps beside the estimate: `python -m tests.benchmarks.step_memory SIZE BATCH [MICRO [STEPS]]`.

SIZE is tiny, small, vit or base, with -float32 or -recompute after it where wanted; towers have random weights, films
random pixels, texts the phantom's reports. results/performance/memory.md has figures.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from umcl_bench import registry, spec
from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.progress import Reporter
from umcl_bench.spec import SIZES, TINY, ImageTower, Recipe, TextTower
from umcl_bench.training.batches import training_rows
from umcl_bench.training.feed import Feed
from umcl_bench.training.loop import Trainer
from umcl_bench.training.memory import needed_bytes
from umcl_bench.training.runtime import Runtime, World
from umcl_bench.training.start import empty_encoder

VIT = ImageTower("vit_tiny_patch16_224", 96, (("img_size", 96),))
BERT = TextTower(layers=12, width=768, heads=12, mlp=3072, max_tokens=128, vocabulary=4000)
OTHERS = {
    "vit": dataclasses.replace(TINY, name="vit", image=VIT),
    "base": dataclasses.replace(TINY, name="base", image=ImageTower("resnet50", 224), text=BERT, dim=512),
}


def main(name: str, batch: str, micro_batch: str = "0", steps: str = "2") -> None:
    """Prints the estimate, what was taken above what was there before, and seconds."""
    plain, *how = name.split("-")
    size: spec.Size = {**SIZES, **OTHERS}[plain]
    rows, count = int(batch), int(steps)
    optim = dataclasses.replace(size.optim, batch=rows, films_seen=rows * count, micro_batch=int(micro_batch))
    recipe = Recipe(
        registry.get_baseline("clip"),
        dataclasses.replace(size, optim=optim),
        precision="float32" if "float32" in how else "bfloat16",
    )
    corpus, cpu = phantom_corpus(PhantomSpec(train=512, val=8, test=8)), torch.device("cpu")
    side, runtime = size.image.size, Runtime(recompute="recompute" in how)
    films = np.random.default_rng(0).integers(0, 256, (len(corpus), side, side), dtype=np.uint8)
    data = training_rows(corpus, recipe)
    encoder = empty_encoder(recipe, data)
    trainer = Trainer(recipe, corpus, data, encoder, films, cpu, Reporter(quiet=True), runtime)
    estimate = needed_bytes(recipe, cpu, runtime)
    trainer.encoder.train()
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what is there now
    before, _ = _resident()
    start = time.monotonic()
    for parcel in Feed(data, films, recipe, cpu, World(0, 1, 0)):
        trainer.train_step(parcel)
    seconds = time.monotonic() - start
    found = {
        "size": name,
        "batch": rows,
        "micro_batch": int(micro_batch),
        "tokens_a_text": float(data.texts.reports.lengths.mean()),
        "estimate_gb": round(estimate / 1e9, 3),
        "taken_by_steps_gb": round((_resident()[1] - before) / 1e9, 3),
        "peak_gb": round(_resident()[1] / 1e9, 3),
        "seconds_a_step": round(seconds / count, 1),
    }
    print(json.dumps(found), flush=True)


def _resident() -> tuple[int, int]:
    """Bytes in memory now, and the most so far (Linux)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, most = (int(lines[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    return now, most


if __name__ == "__main__":
    main(*sys.argv[1:])
