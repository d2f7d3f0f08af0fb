"""Our training of one setting, by the public `train`, from a folder as a user has it; prints one line of JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.settings import FILMS, SETTINGS, Setting
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.sources import open_source
from umcl_bench.progress import Reporter
from umcl_bench.registry import get_baseline
from umcl_bench.spec import Recipe


def train_ours(setting: Setting, folder: Path, films_seen: int, cache: Path) -> dict[str, Any]:
    """Trains on the folder's films, through the cache folder `cache`.

    Returns steps, films a second of each stretch of the log and where it ends, seconds of the cache and of all of
    `train` (towers and vocabulary too), and the training's facts.
    """
    import torch

    from umcl_bench.data.cache import cached_images
    from umcl_bench.training.loop import train

    corpus, recipe = _corpus(folder), _recipe(setting, films_seen)
    reporter, image = Reporter(quiet=True), setting.size.image
    began = time.perf_counter()
    threads = torch.get_num_threads()
    films = cached_images(corpus.pixels, image.size, reporter, workers=threads, geometry=image.geometry, root=cache)
    built = time.perf_counter()
    done = train(recipe, corpus, films.pixels, torch.device("cpu"), reporter)
    ended = time.perf_counter()
    return {
        "log": [(row.step, row.films_per_second) for row in done.log],
        "cache_seconds": built - began,
        "train_seconds": ended - built,
        "facts": done.facts,
    }


def profile_ours(setting: Setting, folder: Path, cache: Path, steps: int = 12) -> dict[str, Any]:
    """Where a step's time goes: operations of a film and its report, share of the peak, and the table for people."""
    import torch

    from umcl_bench.data.cache import cached_images
    from umcl_bench.training.batches import training_rows
    from umcl_bench.training.loop import Trainer
    from umcl_bench.training.profile import profile
    from umcl_bench.training.start import empty_encoder

    corpus, recipe, cpu = _corpus(folder), _recipe(setting, FILMS), torch.device("cpu")
    reporter, image = Reporter(quiet=True), setting.size.image
    films = cached_images(corpus.pixels, image.size, reporter, workers=1, geometry=image.geometry, root=cache)
    data = training_rows(corpus, recipe)
    encoder = empty_encoder(recipe, data)
    found = profile(Trainer(recipe, corpus, data, encoder, films.pixels, cpu, reporter), steps, reporter)
    tokens = float(data.texts.reports.lengths.mean())
    return {"flops": found.flops / found.films, "share": found.share, "tokens": tokens, "text": found.describe()}


def _corpus(folder: Path) -> Corpus:
    return open_source(str(folder)).training()


def _recipe(setting: Setting, films_seen: int) -> Recipe:
    optim = dataclasses.replace(setting.size.optim, films_seen=films_seen)
    return Recipe(get_baseline("clip"), dataclasses.replace(setting.size, optim=optim))


def main() -> None:
    """Reads the command line: a setting, the folder, films to see; with --profile, where a step's time goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("films", type=int)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    setting = SETTINGS[given.setting]
    with tempfile.TemporaryDirectory() as cache:
        if given.profile:
            print(json.dumps(profile_ours(setting, given.folder, Path(cache))))
        else:
            print(json.dumps(train_ours(setting, given.folder, given.films, Path(cache))))


if __name__ == "__main__":
    main()
