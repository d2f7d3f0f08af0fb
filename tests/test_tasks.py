"""Every task there is, alike: an oracle is perfect, a constant and a random model are at chance, and it all runs.

What an oracle of a protocol is stands in umcl_bench/validate/oracles.py; the fit of a protocol that tunes a network is
replaced here.
"""

import dataclasses
import functools
import importlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.bench import estimates_of
from umcl_bench.data.corpus import Corpus
from umcl_bench.errors import UsageError
from umcl_bench.metrics.registry import METRICS
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.models.trained import TrainedModel
from umcl_bench.protocols import runner_of
from umcl_bench.protocols.base import Evaluation, Outcome, truth_of
from umcl_bench.spec import Recipe, Task
from umcl_bench.training.batches import training_rows
from umcl_bench.training.start import start_encoder
from umcl_bench.validate import oracles, task_checks
from umcl_bench.validate.phantom import FOR_MODELS, FOR_TASKS, SIZE, draw_films, small_source
from umcl_bench.validate.run import OF_TASKS, OF_VALUES
from umcl_bench.validate.task_checks import TaskSubject
from umcl_bench.validate.told import rows_of

TASKS = registry.list_tasks()
FITTED = [name for name in TASKS if registry.get_task(name).protocol.kind in oracles.FITTED]
TOLD = [name for name in TASKS if name not in FITTED]
NOT_APPLICABLE: dict[str, Callable[[Task], bool]] = {
    "templates": lambda task: task.protocol.kind != "zero-shot",
    "films alone": lambda task: task.protocol.kind == "grounding",
}
"""Which checks have nothing to look at, and of which tasks."""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UMCL_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(task_checks, "DRAWS", 12)
        yield


@pytest.mark.parametrize("name", TASKS)
def test_every_choice_says_where_it_comes_from(name: str) -> None:
    for look in OF_VALUES:
        found = look(registry.get_task(name))
        assert found.state == "pass", found.seen


@pytest.mark.parametrize("name", TOLD)
def test_the_truth_is_perfect_and_what_knows_nothing_is_at_chance(name: str) -> None:
    """Exactly, but for random models; and the order of films and labels does not matter."""
    subject = TaskSubject(registry.get_task(name))
    for look in OF_TASKS:
        found = look(subject)
        nothing = found.name in NOT_APPLICABLE and NOT_APPLICABLE[found.name](subject.task)
        assert found.state == ("not applicable" if nothing else "pass"), f"{found.name}: {found.seen}"


Predict = Callable[[NDArray[np.int64]], NDArray[Any]]
"""Rows -> what a fitted network would say of their films."""


def outcome_of(task: Task, corpus: Corpus, predict: Predict, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """What the task makes of predictions that stand for a network that was fitted."""
    module = importlib.import_module(f"umcl_bench.protocols.{task.protocol.kind.replace('-', '_')}")
    monkeypatch.setattr(module, "fit", lambda *_: (lambda films: predict(rows_of(films)), {}))
    return runner_of(task).run(task, oracles.evaluation(corpus, RandomEmbeddings(4, 0)))


def noise_of(corpus: Corpus, rows: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Noise (n, c) of the films, whatever their rows."""
    seeds = [zlib.crc32(str(name).encode()) for name in corpus.ids[rows]]
    return np.stack([np.random.default_rng(seed).random(classes) for seed in seeds])


@pytest.mark.parametrize("name", FITTED)
def test_a_network_that_knows_is_perfect_and_one_that_does_not_is_at_chance(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = registry.get_task(name)
    corpus = small_source(FOR_TASKS).dataset(task.dataset)
    at, findings = oracles.evaluation(corpus, RandomEmbeddings(4, 0)), runner_of(task).findings_of(task, corpus)
    masks = task.protocol.kind == "segmentation"
    knows = at.masks if masks else lambda rows: np.nan_to_num(truth_of(corpus, rows, findings))
    outcome = outcome_of(task, corpus, knows, monkeypatch)
    keys = [figure.key(metric) for figure in outcome.figures for metric in task.metrics]
    assert {task.headline, *task.shown} <= set(keys)
    for figure in (f for f in outcome.figures if f.over == "mean"):
        for metric in task.metrics:
            values = oracles.points(outcome, figure, metric)
            assert set(values[~np.isnan(values)]) <= {METRICS[metric].perfect}, figure.key(metric)
            assert not np.isnan(values).all() or figure is not outcome.figures[-1], figure.key(metric)
    if not masks:
        same = outcome_of(task, corpus, lambda rows: np.full((len(rows), len(findings)), 0.3), monkeypatch)
        assert set(oracles.points(same, same.figures[-1], "auroc")) == {0.5}
        noise = outcome_of(task, corpus, lambda rows: noise_of(corpus, rows, len(findings)), monkeypatch)
        assert abs(oracles.points(noise, noise.figures[-1], "auroc").mean() - 0.5) < 0.1


@functools.cache
def untrained() -> TrainedModel:
    corpus = small_source(FOR_MODELS).corpus
    recipe = Recipe(registry.get_baseline("untrained"), SIZE, precision="float32")
    data = training_rows(corpus, recipe)
    return TrainedModel(recipe, start_encoder(recipe, data), data.tokenizer, torch.device("cpu"), classes=data.classes)


@pytest.mark.parametrize("name", TOLD)
def test_scores_do_not_depend_on_the_batch_or_the_workers(name: str) -> None:
    task = oracles.short(registry.get_task(name))
    corpus = small_source(FOR_MODELS).dataset(task.dataset)
    films = draw_films(FOR_MODELS, SIZE.image)
    if hasattr(corpus.pixels, "rows") and corpus.pixels.rows is not None:
        films = films[list(corpus.pixels.rows)]
    outcomes = []
    for batch, workers in ((1, 1), (7, 2), (64, 3)):
        model = untrained()
        model.batch = batch
        outcomes.append(runner_of(task).run(task, Evaluation(corpus, films, model, SIZE.image, workers=workers)))
    first = outcomes[0].parts
    for other in (outcome.parts for outcome in outcomes[1:]):
        assert list(other) == list(first)
        for part, scores in first.items():
            assert other[part].id.tolist() == scores.id.tolist()
            for column, values in scores.columns.items():
                np.testing.assert_allclose(other[part].columns[column], values, atol=2e-5, err_msg=column)


def test_a_headline_that_is_no_figure_is_said() -> None:
    subject = TaskSubject(registry.get_task("zeroshot-chexpert"))
    odd = dataclasses.replace(subject.task, headline="auroc (5%)")
    with pytest.raises(UsageError, match=r"shows auroc \(5%\), and its figures are auroc, auprc"):
        estimates_of(odd, subject.first)


SHORT = dict.fromkeys(oracles.FITTED, "+batch=8+look_every=1+steps=2")
"""What makes a run of seconds of a protocol that tunes a network."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache and a store that the runs share: films are drawn once, and the model is made once."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("name", [*TASKS, "robust-zeroshot-chexpert"])
def test_every_task_runs_by_one_command(quick: Quick, home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(home / "cache"))
    monkeypatch.setenv("UMCL_BENCH_STORE", str(home / "runs"))
    asked = name + SHORT.get(registry.get_task(name).protocol.kind, "")
    code, out, err = quick("run", "--model", "untrained", "--task", asked)
    assert code == 0, err
    assert " ".join(out.split()).startswith(f"{asked} on the PHANTOM (synthetic films, no patients)")
    assert [line.split()[:3] for line in out.splitlines() if "untrained" in line] == [["untrained", "tiny", "0"]]
