"""One run, from a model's and a task's name to a record: the only place that knows all the layers."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.sources import Source
from umcl_bench.errors import UsageError
from umcl_bench.evaluation import evaluation_of, make_model
from umcl_bench.plan import INTERVALS, Plan, check_selection, make_plan, make_recipe, source_of
from umcl_bench.progress import Reporter
from umcl_bench.records.remarks import left_out, unreadable_warnings, warnings_of
from umcl_bench.records.store import Record, Store
from umcl_bench.request import Request, command, sampling_words, training_words
from umcl_bench.spec import METHODS, Recipe, Task, digest, to_dict
from umcl_bench.training.runtime import world

if TYPE_CHECKING:
    from umcl_bench.data.leaks import Leaks
    from umcl_bench.data.seen import Seen
    from umcl_bench.fit import Fitted
    from umcl_bench.models.base import Model
    from umcl_bench.protocols.base import Outcome


def run(
    request: Request, store: Store, reporter: Reporter, source: Source | None = None, *, fresh: bool = False
) -> Record:
    """The record of the run: found in the store, or made now (trained, evaluated, written).

    `source` is the request's own, where it was opened before. A `fresh` run takes no embeddings from the cache.

    Raises UsageError or DataError, before any work, where model, task and data do not fit together.
    """
    plan = make_plan(request, store, source)
    for note in dict.fromkeys((*plan.source.notes, *plan.training.notes, *plan.corpus.notes)):
        reporter.say(f"note: {note}")
    if world().size > 1:
        return _run_together(plan, request, store, reporter)
    found = store.find(plan.id)
    if found is None:
        plan.check()
        with store.lock(plan.id, reporter):
            found = store.find(plan.id) or _Run(plan, request, store, reporter, fresh=fresh).record()
    else:
        reporter.say(f"this run is on record: {found.folder} (--again runs it anew)")
    return found


def _run_together(plan: Plan, request: Request, store: Store, reporter: Reporter) -> Record:
    """One of several processes that torchrun started: all train, the first does the rest, and all see the record."""
    from umcl_bench.training import peers
    from umcl_bench.training.device import pick_device

    plan.check()
    leads = world().leads
    with (
        peers.joined(pick_device(request.device)),
        store.lock(plan.id, reporter) if leads else contextlib.nullcontext(),
    ):
        peers.check_together(plan.id, store.root)
        if not peers.agree(store.find(plan.id) is not None):
            run = _Run(plan, request, store, reporter)
            run.record() if leads else run.follow()
            peers.agree(None)  # nobody looks for the record before it is there
    return store.get(plan.id)


def train(request: Request, store: Store, reporter: Reporter) -> Fitted:
    """The request's model, found in the store or trained now. Raises UsageError where there is nothing to train."""
    from umcl_bench.fit import fit
    from umcl_bench.training.device import pick_device

    recipe, training = _training(request, reporter)
    seen = _see(training, recipe, request, reporter)
    return fit(recipe, seen, store, pick_device(request.device), reporter, request.runtime)


def profile_training(request: Request, steps: int, reporter: Reporter) -> str:
    """A table of where a training step's time goes. Nothing is kept."""
    from umcl_bench.training.batches import training_rows
    from umcl_bench.training.device import pick_device
    from umcl_bench.training.loop import Trainer
    from umcl_bench.training.profile import profile
    from umcl_bench.training.start import start_encoder

    if world().size > 1:
        raise UsageError("--profile looks at one process: leave torchrun out")
    recipe, training = _training(request, reporter)
    seen = _see(training, recipe, request, reporter)
    data, device = training_rows(seen.corpus, recipe), pick_device(request.device)
    encoder = start_encoder(recipe, data).to(device)
    trainer = Trainer(recipe, seen.corpus, data, encoder, seen.films, device, reporter, request.runtime)
    return profile(trainer, steps, reporter).describe()


def _training(request: Request, reporter: Reporter) -> tuple[Recipe, Corpus]:
    """What `train` works on, checked. Raises UsageError."""
    from umcl_bench.training.batches import eligible_rows

    recipe, source = make_recipe(request), source_of(request)
    if recipe.baseline.weights != "trained":
        what = "released" if recipe.baseline.weights == "released" else "a control that is not trained"
        raise UsageError(f"{recipe.baseline.name} is {what}; `umcl-bench run` scores it")
    training = source.training()
    for note in dict.fromkeys((*source.notes, *training.notes)):
        reporter.say(f"note: {note}")
    eligible_rows(training, recipe.baseline)
    check_selection(recipe, training)
    return recipe, training


def _see(corpus: Corpus, recipe: Recipe, request: Request, reporter: Reporter) -> Seen:
    from umcl_bench.data.seen import see

    image = recipe.size.image
    return see(corpus, image, reporter, workers=request.workers, skip_unreadable=request.skip_unreadable)


def estimates_of(task: Task, outcome: Outcome) -> dict[str, dict[str, dict[str, Any]]]:
    """Every metric of every figure: by its key, and by class, as a record holds it."""
    from umcl_bench.metrics.intervals import estimate_figure

    found = {}
    for figure in outcome.figures:
        for name in task.metrics:
            estimates = estimate_figure([outcome.parts], name, figure, INTERVALS)
            found[figure.key(name)] = {k: dataclasses.asdict(v) for k, v in estimates.items()}
    shown = () if "+" in task.name else task.shown  # a variant may be without what its task has columns for
    if missing := [key for key in (task.headline, *shown) if key not in found]:
        raise UsageError(
            f"task {task.name} shows {', '.join(missing)}, and its figures are {', '.join(found)}. "
            "Name others in the task's headline and shown"
        )
    return found


class _Run:
    def __init__(self, plan: Plan, request: Request, store: Store, reporter: Reporter, *, fresh: bool = False) -> None:
        from umcl_bench.training.device import pick_device

        self.fresh = fresh
        self.plan, self.store, self.reporter = plan, store, reporter
        # 'auto' is this machine's: a record says what it came to, so that its command repeats it elsewhere
        self.request = dataclasses.replace(request, micro_batch=plan.recipe.size.optim.micro_batch)
        if plan.recipe.baseline.weights == "released":
            from umcl_bench.models.released import pinned

            self.request = dataclasses.replace(request, model=pinned(request.model, plan.recipe))
        self.device = pick_device(request.device)
        self.timings: dict[str, float] = {}
        self.checkpoint = ""

    def record(self) -> Record:
        """Trains or finds the model, scores the task, and writes the record."""
        from umcl_bench.protocols import runner_of

        plan, start = self.plan, time.monotonic()
        test = _see(plan.corpus, plan.recipe, self.request, self.reporter)
        same = plan.corpus is plan.training or not plan.recipe.baseline.reads_training_rows
        train = test if same else _see(plan.training, plan.recipe, self.request, self.reporter)
        self._clock("films", start)
        model, training = self._model(train)
        start = time.monotonic()
        at = evaluation_of(plan, test.corpus, test.films, model, self.request, self.reporter, keep=not self.fresh)
        outcome = runner_of(plan.task).run(plan.task, at)
        self._clock("scoring", start)
        start = time.monotonic()
        metrics = estimates_of(plan.task, outcome)
        self._clock("intervals", start)
        start = time.monotonic()
        leaks = self._leaks(train, test)
        self._clock("leak checks", start)
        scored = next(iter(outcome.parts.values()))
        unreadable = left_out(train.unreadable, test.unreadable)
        result = {
            **self._about(train.corpus, test.corpus),
            "training": training,
            "protocol": outcome.facts,
            "films": len(scored.id),
            "unit": outcome.unit,
            "metrics": metrics,
            "figures": {figure.label: dataclasses.asdict(figure) for figure in outcome.figures},
            "headline": plan.task.headline,
            "intervals": {
                "method": "patient-cluster percentile bootstrap",
                **dataclasses.asdict(INTERVALS),
                "patients": len(set(scored.patient)),
            },
            "leaks": leaks.to_dict(),
            "unreadable": unreadable,
            "warnings": warnings_of(metrics, plan.task.headline, training)
            + leaks.warnings()
            + unreadable_warnings(unreadable),
            "timings_s": self.timings,
        }
        return self.store.add(plan.id, result, outcome.parts)

    def follow(self) -> None:
        """Takes part in the training, where there is one."""
        plan = self.plan
        if plan.recipe.baseline.reads_training_rows:
            self._model(_see(plan.training, plan.recipe, self.request, self.reporter))

    def _model(self, seen: Seen) -> tuple[Model, dict[str, Any]]:
        from umcl_bench.fit import fit

        start, recipe, runtime = time.monotonic(), self.plan.recipe, self.request.runtime
        made = make_model(
            recipe,
            self.request,
            self.device,
            self.reporter,
            lambda: fit(recipe, seen, self.store, self.device, self.reporter, runtime),
        )
        self.checkpoint = made.checkpoint
        self._clock("model", start)
        return made.model, made.facts

    def _clock(self, what: str, start: float) -> None:
        self.timings[what] = round(time.monotonic() - start, 2)

    def _variant(self) -> str:
        """What a row of a table must say of the model's training beside its name, size and seed."""
        plan, options = self.plan, self.plan.source.options
        words = sampling_words(self.request.sampling) + training_words(self.request)
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
        from umcl_bench.data.leaks import NOTHING, leak_checks
        from umcl_bench.protocols import runner_of
        from umcl_bench.protocols.base import splits_fitted
        from umcl_bench.training.batches import eligible_rows

        task, baseline, corpus = self.plan.task, self.plan.recipe.baseline, test.corpus
        used = [corpus.with_image(corpus.rows(split, task.views)) for split in splits_fitted(task)]
        trained = baseline.weights == "trained"
        return leak_checks(
            train.corpus,
            eligible_rows(train.corpus, baseline) if trained else np.zeros(0, dtype=np.int64),
            train.films,
            test.corpus,
            runner_of(task).check(task, test.corpus),
            test.films,
            findings=runner_of(task).findings_of(task, test.corpus),
            uses_labels=baseline.uses_labels,
            fitted=np.concatenate([NOTHING, *used]),
        )
