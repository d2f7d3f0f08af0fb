"""One run, from a model's and a task's name to a record: the only place that knows all the layers."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.util
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from umcl_bench.data.corpus import Corpus, count_kinds
from umcl_bench.data.sources import Source, open_source, same_dataset, views_of
from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.locks import held, machine_lock
from umcl_bench.progress import Reporter
from umcl_bench.records.remarks import left_out, unreadable_warnings, warnings_of
from umcl_bench.records.store import Record, Store
from umcl_bench.registry import get_baseline, get_task
from umcl_bench.request import Request, command, sampling_words
from umcl_bench.spec import METHODS, SIZES, Baseline, Intervals, Recipe, Sampling, Task, digest, to_dict

if TYPE_CHECKING:
    from umcl_bench.data.leaks import Leaks
    from umcl_bench.data.seen import Seen
    from umcl_bench.models.dual import Model

INTERVALS = Intervals()


def run(request: Request, store: Store, reporter: Reporter) -> Record:
    """The record of the run: found in the store, or made now (trained, evaluated, written).

    Raises UsageError or DataError, before any work, where model, task and data do not fit together.
    """
    plan = _plan(request, store)
    for note in dict.fromkeys((*plan.source.notes, *plan.training.notes, *plan.corpus.notes)):
        reporter.say(f"note: {note}")
    found = store.find(plan.id)
    if found is None:
        plan.check()
        with store.lock(plan.id, reporter):
            found = store.find(plan.id) or _Run(plan, request, store, reporter).record()
    else:
        reporter.say(f"this run is on record: {found.folder} (--again runs it anew)")
    return found


def describe_plan(request: Request, store: Store) -> str:
    """What `run` would do, and what it takes: nothing is read but a few films, nothing trained, nothing written."""
    from umcl_bench.data.seen import plan_films
    from umcl_bench.training.batches import eligible_rows

    plan = _plan(request, store)
    if store.find(plan.id) is not None:
        return f"run {plan.id}: on record, nothing to do"
    plan.check()
    recipe, optim = plan.recipe, plan.recipe.size.optim
    image = recipe.size.image
    read = (plan.training, plan.corpus) if recipe.baseline.reads_training_rows else (plan.corpus,)
    corpora = {id(c.pixels): c for c in read}.values()
    lines = [f"run {plan.id}"]
    lines += [f"films   {plan_films(c, image, workers=request.workers).describe()} ({c.dataset})" for c in corpora]
    if recipe.baseline.weights == "trained":
        kinds = count_kinds(plan.training.kinds()[eligible_rows(plan.training, recipe.baseline)])
        speed = _speed_before(store, recipe.size.name)
        took = (
            f"about {optim.films_seen / speed:.0f} s, as here before" if speed else "time: no run of this size here yet"
        )
        listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        lines += [f"rows    {listed}", f"train   {optim.steps:,} steps of {optim.batch} rows; {took}"]
    return "\n".join(lines)


def _speed_before(store: Store, size: str) -> float | None:
    """Films a second of the latest training of this size on record."""
    found = [
        r.result for r in store.records(Reporter(quiet=True)) if r.result["model"]["recipe"]["size"]["name"] == size
    ]
    speeds = [r["training"]["films_per_second"] for r in found if r["training"].get("films_per_second")]
    return float(speeds[-1]) if speeds else None


@dataclass(frozen=True)
class _Plan:
    """What will be run, with its id."""

    recipe: Recipe
    task: Task
    source: Source
    training: Corpus
    corpus: Corpus
    device: str
    skip_unreadable: bool

    @property
    def id(self) -> str:
        names = (
            self.recipe.baseline.name,
            self.recipe.size.name,
            f"s{self.recipe.seed}",
            self.task.name,
            self.source.name,
        )
        chosen = [] if self.device == "auto" else [self.device]
        if self.skip_unreadable:  # a strict run must not find what had films left out
            chosen.append("skip unreadable")
        key = digest(
            [to_dict(v, with_docs=False) for v in (self.recipe, self.task)]
            + [self.training.fingerprint, self.corpus.fingerprint, METHODS, to_dict(INTERVALS), *chosen]
        )
        return "-".join(_safe(name) for name in names) + f"-{key}"

    def check(self) -> None:
        """Raises UsageError where the task or the model can't use the data; nothing has been written yet."""
        from umcl_bench.protocols import zero_shot
        from umcl_bench.training.batches import eligible_rows
        from umcl_bench.training.loop import pick_device

        pick_device(self.device)
        zero_shot.check(self.task, self.corpus)
        if self.recipe.baseline.reads_training_rows:
            eligible_rows(self.training, self.recipe.baseline)


def _with_sampling(baseline: Baseline, sampling: Sampling | None) -> Baseline:
    """The model with the mix that was asked for. Raises UsageError where it does not take such rows."""
    try:
        return baseline if sampling is None else dataclasses.replace(baseline, sampling=sampling)
    except ValueError as error:
        raise UsageError(f"--mix: {error} (it takes {', '.join(baseline.rows)})") from None


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def _plan(request: Request, store: Store) -> _Plan:
    if request.size not in SIZES:
        raise unknown_name("size", request.size, SIZES)
    baseline, task = _with_sampling(get_baseline(request.model), request.sampling), get_task(request.task)
    source = open_source(
        request.data,
        dials=request.dials,
        options=request.options,
        train_on=request.train_on,
        skip_unreadable=request.skip_unreadable,
    )
    recipe = Recipe(baseline, SIZES[request.size], seed=request.seed, code=_code_of(baseline.objective.target))
    dataset = request.split or task.dataset
    if request.split and task.dataset and not same_dataset(request.split, task.dataset):
        raise UsageError(f"--split {request.split}: task {task.name} is of {task.dataset}")
    if request.split and (source.own or source.given is None):
        whose = "the phantom" if source.given is None else f"--data {source.given}, which has a metadata.csv,"
        raise UsageError(
            f"--split {request.split} is a split of an official release; {whose} has its own: leave it out"
        )
    if "@" in dataset and not source.own and source.given is not None:
        source, views = source.with_split(dataset), views_of(dataset)
        task = dataclasses.replace(task, views=views) if views else task
    training, corpus = source.training(), source.dataset(dataset)
    plan = _Plan(recipe, task, source, training, corpus, request.device, request.skip_unreadable)
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
        test = self._see(plan.corpus)
        same = plan.corpus is plan.training or not plan.recipe.baseline.reads_training_rows
        train = test if same else self._see(plan.training)
        self._clock("films", start)
        model, training = self._model(train)
        start = time.monotonic()
        outcome = zero_shot.run(plan.task, test.corpus, model, test.films)
        self._clock("scoring", start)
        start = time.monotonic()
        metrics = {
            name: {k: dataclasses.asdict(v) for k, v in estimate(outcome.scores, name, INTERVALS).items()}
            for name in plan.task.metrics
        }
        self._clock("intervals", start)
        start = time.monotonic()
        leaks = self._leaks(train, test)
        self._clock("leak checks", start)
        unreadable = left_out(train.unreadable, test.unreadable)
        result = {
            **self._about(train.corpus, test.corpus),
            "training": training,
            "protocol": outcome.facts,
            "films": len(outcome.scores.id),
            "metrics": metrics,
            "headline": plan.task.headline,
            "intervals": {
                "method": "patient-cluster percentile bootstrap",
                **dataclasses.asdict(INTERVALS),
                "patients": len(set(outcome.scores.patient)),
            },
            "leaks": leaks.to_dict(),
            "unreadable": unreadable,
            "warnings": warnings_of(metrics, plan.task.headline, training)
            + leaks.warnings()
            + unreadable_warnings(unreadable),
            "timings_s": self.timings,
        }
        return self.store.add(plan.id, result, outcome.scores)

    def _see(self, corpus: Corpus) -> Seen:
        from umcl_bench.data.seen import see

        request, image = self.request, self.plan.recipe.size.image
        return see(corpus, image, self.reporter, workers=request.workers, skip_unreadable=request.skip_unreadable)

    def _model(self, seen: Seen) -> tuple[Model, dict[str, Any]]:
        recipe = self.plan.recipe
        if not recipe.baseline.reads_training_rows:
            from umcl_bench.models.random import RandomEmbeddings

            return RandomEmbeddings(recipe.size.dim, recipe.seed), {"selection": "none: nothing is trained"}
        from umcl_bench.training.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
        from umcl_bench.training.loop import train

        fingerprint = seen.corpus.fingerprint  # of the rows that could be read
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
                    trained = train(recipe, seen.corpus, seen.films, self.device, self.reporter)
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

    def _variant(self) -> str:
        """What a row of a table must say of the model's training beside its name, size and seed."""
        plan, options = self.plan, self.plan.source.options
        words = sampling_words(self.request.sampling)
        words += [w for name in ("section", "votes") if name in options for w in (f"--{name}", options[name])]
        if plan.corpus.kind == "patients" and plan.training.dataset != plan.corpus.dataset:
            words.append(f"trained on {plan.training.dataset}")
        return " ".join(words)

    def _about(self, training: Corpus, corpus: Corpus) -> dict[str, Any]:
        from umcl_bench.records.environment import git_state, machine, versions

        plan = self.plan
        return {
            "command": command(self.request),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seed": plan.recipe.seed,
            "model": {
                "name": plan.recipe.baseline.name,
                "variant": self._variant(),
                "digest": digest(plan.recipe),
                "recipe": to_dict(plan.recipe),
            },
            "task": {"name": plan.task.name, "digest": digest(plan.task), "spec": to_dict(plan.task)},
            "data": {
                "source": corpus.source,
                "kind": corpus.kind,
                "given": plan.source.given,
                "folder": str(Path(plan.source.given).resolve()) if plan.source.given else None,
                "options": plan.source.options,
                "fingerprint": corpus.fingerprint,
                "training_fingerprint": training.fingerprint,
                "training": {
                    "dataset": training.dataset,
                    "policy": dataclasses.asdict(training.policy),
                    "facts": training.facts,
                },
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

    def _leaks(self, train: Seen, test: Seen) -> Leaks:
        from umcl_bench.data.leaks import leak_checks
        from umcl_bench.protocols import zero_shot
        from umcl_bench.training.batches import eligible_rows

        task, baseline = self.plan.task, self.plan.recipe.baseline
        trained = baseline.weights == "trained"
        return leak_checks(
            train.corpus,
            eligible_rows(train.corpus, baseline) if trained else np.zeros(0, dtype=np.int64),
            train.films,
            test.corpus,
            zero_shot.check(task, test.corpus),
            test.films,
            findings=zero_shot.findings_of(task, test.corpus),
            uses_labels=baseline.uses_labels,
        )
