"""Trains for a test in processes that are killed and started again, beside one that is left alone.

Each attempt is a fork of this process, which has imported everything and holds the films: it starts in milliseconds.
"""

import contextlib
import dataclasses
import functools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.training.one_of_several import VIT
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.films import FilmStack
from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.progress import Reporter
from umcl_bench.registry import get_baseline
from umcl_bench.spec import TINY, Recipe, Selection, Size
from umcl_bench.training import state
from umcl_bench.training.loop import Unfinished, train
from umcl_bench.training.runtime import Runtime
from umcl_bench.training.selection import val_loss

CPU = torch.device("cpu")
SAVING = Runtime(save_steps=1, log_steps=3)
WAYS = {"umcl-crash": ("umcl", 8, 0), "umcl-kill": ("umcl", 32, 20), "clip-kill": ("clip", 40, 8)}
"""Model, steps, and kills at random moments; 0: a crash at every place of a state's write instead."""
PLACES = ((state, "save_file"), (os, "fsync"), (Path, "write_text"), (Path, "rename"), (shutil, "rmtree"))
"""What a state's write goes through: a crash at each call of these, one after the other, meets every place of it."""


def small_size(*, conv: bool, steps: int, batch: int = 8, micro_batch: int = 0) -> Size:
    """Towers that take milliseconds: a convolutional one with batch norms, or a ViT."""
    optim = dataclasses.replace(TINY.optim, batch=batch, films_seen=batch * steps, micro_batch=micro_batch)
    options = (("layers", (1, 1, 1, 1)), ("channels", (8, 8, 16, 16)), ("stem_type", "deep"), ("stem_width", 8))
    image = dataclasses.replace(TINY.image, size=32, options=options) if conv else VIT
    text = dataclasses.replace(TINY.text, layers=1, width=32, heads=2, mlp=64, max_tokens=40)
    return dataclasses.replace(TINY, image=image, text=text, dim=32, optim=optim)


def small_recipe(model: str, steps: int) -> Recipe:
    """umcl: prompts, rows of labels alone, batch norms, gradient caching, the best on val. clip: the plain way."""
    conv = model == "umcl"
    size = small_size(conv=conv, steps=steps, micro_batch=4 if conv else 0)
    selection = Selection("val-loss", 7) if conv else Selection()
    return Recipe(get_baseline(model), size, precision="float32", selection=selection)


def small_data(size: int = 32) -> tuple[Corpus, FilmStack]:
    """A phantom of a few films, with the films."""
    corpus = phantom_corpus(PhantomSpec(train=48, val=12, test=2))
    return corpus, np.stack([corpus.pixels.read(i, size) for i in range(len(corpus))])


def attempt(recipe: Recipe, corpus: Corpus, films: FilmStack, folder: Path) -> None:
    """Trains on from where `folder` is; writes what came out beside it."""
    evaluate = val_loss(recipe, corpus, films, CPU) if recipe.selection.rule == "val-loss" else None
    unfinished = Unfinished(folder, "d")
    trained = train(recipe, corpus, films, CPU, Reporter(quiet=True), SAVING, unfinished, evaluate)
    weights = {name: value.contiguous() for name, value in trained.model.encoder.state_dict().items()}
    save_file(weights, folder.with_suffix(".safetensors"))
    told = {"facts": trained.facts, "log": [row._asdict() for row in trained.log]}
    folder.with_suffix(".json").write_text(json.dumps(told))


@contextlib.contextmanager
def forked(work: Callable[[], None]) -> Iterator[int]:
    """The id of a child that does the work; it is waited for at the end."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    yield child


def ended(child: int) -> int:
    """Waits for a child; its exit code, or the number of the signal that killed it, negative."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def crash_at(call: int) -> None:
    """Makes this process end at that call (from 0) of what a state's write goes through; half a file is written."""
    left = [call]
    for owner, name in PLACES:
        before = getattr(owner, name)

        def instead(*arguments: object, _before: Callable[..., object] = before, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                if _before is save_file:
                    Path(str(arguments[1])).write_bytes(b"\x40" * 999)
                os._exit(9)
            return _before(*arguments, **options)

        setattr(owner, name, instead)


def crashing(train_on: Callable[[], None]) -> int:
    """A training that crashes at the first call, then at the second, and so on until it ends; how often it crashed."""
    for call in range(10_000):

        def work(call: int = call) -> None:
            crash_at(call)
            train_on()

        with forked(work) as child:
            code = ended(child)
        if code != 9:
            return call if code == 0 else -1
    return -1


def killed(train_on: Callable[[], None], folder: Path, kills: int, seed: int) -> int:
    """A training that gets SIGKILL at random moments, so many times, and then ends; how often it was killed."""
    rng, done = random.Random(seed), 0
    while True:
        seen = len(list(folder.glob("step-*"))) and max(int(p.name[5:]) for p in folder.glob("step-*"))
        with forked(train_on) as child:
            goal = seen + rng.randrange(3)
            while done < kills and not any(int(p.name[5:]) >= goal for p in folder.glob("step-*")) and goal:
                time.sleep(0.002)
            if done < kills:
                time.sleep(rng.random() * 0.05)
                os.kill(child, signal.SIGKILL)
            code = ended(child)
        if code != -signal.SIGKILL:
            return done if code == 0 else -1
        done += 1


def main(out: str) -> None:
    """Writes `alone` and `again` into a folder of `out` for each way, and `interrupted`, how often the second was."""
    torch.set_num_threads(1)
    corpus, films = small_data()
    for name, (model, steps, kills) in WAYS.items():
        recipe, folder = small_recipe(model, steps), Path(out) / name
        folder.mkdir()
        short = dataclasses.replace(small_recipe(model, 1), selection=Selection())
        train(short, corpus, films, CPU, Reporter(quiet=True))  # imports what is imported late
        with forked(functools.partial(attempt, recipe, corpus, films, folder / "alone")) as child:
            assert ended(child) == 0
        again = folder / "again"
        train_on = functools.partial(attempt, recipe, corpus, films, again)
        interrupted = killed(train_on, again, kills, seed=steps) if kills else crashing(train_on)
        (folder / "interrupted").write_text(str(interrupted))


if __name__ == "__main__":
    main(sys.argv[1])
