"""One run, from a model's and a task's name to a record: the only place that knows all the layers."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.util
import os
import shlex
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.readers import DEFAULTS, ReadOptions
from umcl_bench.data.sources import Source, chosen_options, open_source
from umcl_bench.errors import unknown_name
from umcl_bench.locks import held, machine_lock
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Record, Store
from umcl_bench.registry import get_baseline, get_task
from umcl_bench.spec import METHODS, SIZES, Baseline, Intervals, Recipe, Task, digest, to_dict

if TYPE_CHECKING:
    from umcl_bench.models.dual import Model

INTERVALS = Intervals()


@dataclass(frozen=True)
class Request:
    """What the user asked for. `workers` and `eval_batch` change no figure beyond rounding.

    `device` does: 'auto' takes what the machine has, and the record says what that was and in which precision; a device
    that is asked for by name is part of the record's id.
    """

    model: str
    task: str
    data: str | None = None
    size: str = "tiny"
    seed: int = 0
    dials: dict[str, float] = field(default_factory=dict)
    options: ReadOptions = DEFAULTS
    train_on: tuple[str, ...] = ()
    again: bool = False
    device: str = "auto"
    workers: int = 0
    eval_batch: int = 64


def run(request: Request, store: Store, reporter: Reporter) -> Record:
    """The record of the run: found in the store, or made now (trained, evaluated, written).

    Raises UsageError or DataError, before any work, where model, task and data do not fit together.
    """
    if request.size not in SIZES:
        raise unknown_name("size", request.size, SIZES)
    baseline, task = get_baseline(request.model), get_task(request.task)
    source = open_source(request.data, dials=request.dials, options=request.options, train_on=request.train_on)
    for note in source.corpus.notes:
        reporter.say(f"note: {note}")
    plan = _plan(request, baseline, task, source, store)
    found = store.find(plan.id)
    if found is None:
        plan.check()
        with store.lock(plan.id, reporter):
            found = store.find(plan.id) or _Run(plan, request, store, reporter).record()
    else:
        reporter.say(f"this run is on record: {found.folder} (--again runs it anew)")
    return found


@dataclass(frozen=True)
class _Plan:
    """What will be run, with its id."""

    recipe: Recipe
    task: Task
    source: Source
    training: Corpus
    corpus: Corpus
    device: str

    @property
    def id(self) -> str:
        names = (
            self.recipe.baseline.name,
            self.recipe.size.name,
            f"s{self.recipe.seed}",
            self.task.name,
            self.source.name,
        )
        device = [] if self.device == "auto" else [self.device]
        key = digest(
            [to_dict(v, with_docs=False) for v in (self.recipe, self.task)]
            + [self.training.fingerprint, self.corpus.fingerprint, METHODS, to_dict(INTERVALS), *device]
        )
        return "-".join(_safe(name) for name in names) + f"-{key}"

    def check(self) -> None:
        """Raises UsageError where the task or the model can't use the data; nothing has been written yet."""
        from umcl_bench.protocols import zero_shot
        from umcl_bench.training.batches import eligible_rows
        from umcl_bench.training.loop import pick_device

        pick_device(self.device)
        zero_shot.check(self.task, self.corpus)
        eligible_rows(self.training, self.recipe.baseline)


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def _plan(request: Request, baseline: Baseline, task: Task, source: Source, store: Store) -> _Plan:
    recipe = Recipe(baseline, SIZES[request.size], seed=request.seed, code=_code_of(baseline.objective.target))
    plan = _Plan(recipe, task, source, source.training(), source.dataset(task.dataset), request.device)
    while request.again and store.find(plan.id) is not None:
        plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, repeat=plan.recipe.repeat + 1))
    return plan


def _code_of(target: str) -> str:
    """The digest of the module that 'package.module:function' names; '' for a built-in builder."""
    module = target.partition(":")[0] if ":" in target else ""
    found = importlib.util.find_spec(module) if module else None
    if found is None or found.origin is None:
        return ""
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()[:16]


class _Run:
    def __init__(self, plan: _Plan, request: Request, store: Store, reporter: Reporter) -> None:
        from umcl_bench.training.loop import pick_device

        self.plan, self.request, self.store, self.reporter = plan, request, store, reporter
        self.device = pick_device(request.device)
        self.timings: dict[str, float] = {}
        self.checkpoint = ""

    def record(self) -> Record:
        """Trains or finds the model, scores the task, and writes the record."""
        from umcl_bench.metrics.intervals import estimate
        from umcl_bench.protocols import zero_shot

        plan, start = self.plan, time.monotonic()
        train_films = self._films(plan.training)
        task_films = train_films if plan.corpus is plan.training else self._films(plan.corpus)
        self._clock("films", start)
        model, training = self._model(train_films)
        start = time.monotonic()
        outcome = zero_shot.run(plan.task, plan.corpus, model, task_films)
        self._clock("scoring", start)
        start = time.monotonic()
        metrics = {
            name: {k: dataclasses.asdict(v) for k, v in estimate(outcome.scores, name, INTERVALS).items()}
            for name in plan.task.metrics
        }
        self._clock("intervals", start)
        leaks = self._leaks(train_films, task_films)
        result = {
            **self._about(),
            "training": training,
            "protocol": outcome.facts,
            "metrics": metrics,
            "headline": plan.task.headline,
            "intervals": {
                "method": "patient-cluster percentile bootstrap",
                **dataclasses.asdict(INTERVALS),
                "patients": len(set(outcome.scores.patient)),
            },
            "leaks": leaks,
            "warnings": _warnings(metrics, plan.task.headline, leaks, training),
            "timings_s": self.timings,
        }
        return self.store.add(plan.id, result, outcome.scores)

    def _films(self, corpus: Corpus) -> NDArray[np.uint8]:
        from umcl_bench.data.cache import cached_images

        workers = self.request.workers or os.cpu_count() or 1
        return cached_images(corpus.pixels, self.plan.recipe.size.image.size, self.reporter, workers=workers)

    def _model(self, films: NDArray[np.uint8]) -> tuple[Model, dict[str, Any]]:
        recipe = self.plan.recipe
        if recipe.baseline.weights == "random-embeddings":
            from umcl_bench.models.random import RandomEmbeddings

            return RandomEmbeddings(recipe.size.dim, recipe.seed), {"selection": "none: nothing is trained"}
        from umcl_bench.training.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
        from umcl_bench.training.loop import train

        fingerprint = self.plan.training.fingerprint
        key = checkpoint_digest(recipe, fingerprint)
        self.checkpoint = f"{recipe.baseline.name}-{recipe.size.name}-s{recipe.seed}-{key}"
        folder = self.store.root / "checkpoints" / self.checkpoint
        start = time.monotonic()
        with self.store.lock(self.checkpoint, self.reporter):
            if folder.is_dir():
                self.reporter.say(f"trained before: {folder}")
                model, facts = load_checkpoint(folder, recipe, fingerprint, self.device)
            else:
                with self._cores():
                    trained = train(recipe, self.plan.training, films, self.device, self.reporter)
                with self.store.new_folder("checkpoints", self.checkpoint) as part:
                    save_checkpoint(part, trained, recipe, fingerprint)
                model, facts = trained.model, dict(trained.facts)
        self._clock("model", start)
        model.batch, model.reporter = self.request.eval_batch, self.reporter
        return model, facts

    def _cores(self) -> AbstractContextManager[None]:
        if self.device.type != "cpu":
            return contextlib.nullcontext()
        from umcl_bench.data.cache import cache_root

        return held(machine_lock(cache_root()), "it is training on this machine's cores", self.reporter)

    def _clock(self, what: str, start: float) -> None:
        self.timings[what] = round(time.monotonic() - start, 2)

    def _about(self) -> dict[str, Any]:
        from umcl_bench.records.environment import git_state, machine, versions

        plan, corpus = self.plan, self.plan.corpus
        return {
            "command": command(self.request),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seed": plan.recipe.seed,
            "model": {"name": plan.recipe.baseline.name, "digest": digest(plan.recipe), "recipe": to_dict(plan.recipe)},
            "task": {"name": plan.task.name, "digest": digest(plan.task), "spec": to_dict(plan.task)},
            "data": {
                "source": corpus.source,
                "kind": corpus.kind,
                "given": plan.source.given,
                "folder": str(Path(plan.source.given).resolve()) if plan.source.given else None,
                "options": plan.source.options,
                "fingerprint": corpus.fingerprint,
                "training_fingerprint": plan.training.fingerprint,
                "classes": corpus.classes,
                "policy": dataclasses.asdict(corpus.policy),
                "facts": corpus.facts,
                "notes": corpus.notes,
            },
            "methods": METHODS,
            "checkpoint": self.checkpoint,
            "versions": versions(),
            "git": git_state(),
            "machine": machine(self.device.type),
        }

    def _leaks(self, train_films: NDArray[np.uint8], task_films: NDArray[np.uint8]) -> dict[str, Any]:
        from umcl_bench.protocols import zero_shot
        from umcl_bench.training.batches import eligible_rows

        plan, baseline = self.plan, self.plan.recipe.baseline
        test = zero_shot.check(plan.task, plan.corpus)
        if baseline.weights != "trained":
            return {"patients_in_both": 0, "identical_films": 0, "labels_seen": []}
        train = eligible_rows(plan.training, baseline)
        shared = set(plan.training.patients[train]) & set(plan.corpus.patients[test])
        findings = zero_shot.findings_of(plan.task, plan.corpus) if baseline.uses_labels else ()
        return {
            "patients_in_both": len(shared),
            "identical_films": _identical(train_films, train, task_films, test),
            "labels_seen": [
                name for name in findings if name in plan.training.classes and _labelled(plan.training, train, name)
            ],
        }


def _labelled(corpus: Corpus, rows: Rows, finding: str) -> bool:
    return not np.isnan(corpus.labels[rows, corpus.classes.index(finding)]).all()


def _identical(train_films: NDArray[np.uint8], train: Rows, task_films: NDArray[np.uint8], test: Rows) -> int:
    """How many scored films have, at the model's size, the very pixels of a training film."""
    seen = {train_films[row].tobytes() for row in train}
    return sum(task_films[row].tobytes() in seen for row in test)


def _warnings(metrics: dict[str, Any], headline: str, leaks: dict[str, Any], training: dict[str, Any]) -> list[str]:
    found = []
    estimates = {name: e for name, e in metrics[headline].items() if name != "macro"}
    undefined = [name for name, e in estimates.items() if np.isnan(e["value"])]
    if undefined:
        found.append(
            f"{headline} is undefined for {len(undefined)} of {len(estimates)} findings: {', '.join(undefined)}"
        )
    few = [
        f"{k} ({e['positives']}+, {e['negatives']}-)"
        for k, e in estimates.items()
        if k not in undefined and min(e["positives"], e["negatives"]) < 10
    ]
    if few:
        found.append(
            f"fewer than 10 positive or negative films: {', '.join(few)}; the figure is no more than a sign of life"
        )
    macro = metrics[headline]["macro"]
    if np.isnan(macro["low"]) and not np.isnan(macro["value"]):
        share = f"{macro['undefined']:.0%}"
        found.append(f"no interval for the macro {headline}: in {share} of the resamples a finding has one side only")
    patients, films = leaks["patients_in_both"], leaks["identical_films"]
    if patients or films:
        found.append(f"leak: {patients} patients and {films} identical films are in training and test")
    if training.get("reports_truncated"):
        cut = training["reports_truncated"]
        found.append(f"{cut} training reports were longer than the text tower's limit and lost their end")
    return found


def command(request: Request) -> str:
    """The command line that makes the same run in an empty store."""
    words = ["umcl-bench", "run", "--model", request.model, "--task", request.task]
    words += ["--data", request.data] if request.data else []
    words += ["--size", request.size] if request.size != "tiny" else []
    words += ["--seed", str(request.seed)] if request.seed else []
    words += [w for name, value in request.dials.items() for w in ("--dial", f"{name}={value!r}")]
    words += [w for name, value in chosen_options(request.options).items() for w in (f"--{name}", value)]
    words += ["--train-on", ",".join(request.train_on)] if request.train_on else []
    words += ["--device", request.device] if request.device != "auto" else []
    return shlex.join(words)
