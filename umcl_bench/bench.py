"""One run, from a model's and a task's name to a record: the only place that knows all the layers."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.sources import Source
from umcl_bench.locks import held, machine_lock
from umcl_bench.plan import INTERVALS, Plan, make_plan
from umcl_bench.progress import Reporter
from umcl_bench.records.remarks import left_out, unreadable_warnings, warnings_of
from umcl_bench.records.store import Record, Store
from umcl_bench.request import Request, command, sampling_words
from umcl_bench.spec import METHODS, digest, to_dict

if TYPE_CHECKING:
    from umcl_bench.data.leaks import Leaks
    from umcl_bench.data.seen import Seen
    from umcl_bench.models.dual import Model


def run(request: Request, store: Store, reporter: Reporter, source: Source | None = None) -> Record:
    """The record of the run: found in the store, or made now (trained, evaluated, written).

    `source` is the request's own, where it was opened before.

    Raises UsageError or DataError, before any work, where model, task and data do not fit together.
    """
    plan = make_plan(request, store, source)
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


class _Run:
    def __init__(self, plan: Plan, request: Request, store: Store, reporter: Reporter) -> None:
        from umcl_bench.training.device import pick_device

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
        from umcl_bench.training.checkpoint import load_checkpoint, save_checkpoint
        from umcl_bench.training.loop import train

        fingerprint = seen.corpus.fingerprint  # of the rows that could be read
        self.checkpoint = self.plan.checkpoint(fingerprint)
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
