"""Sweeps: every combination of models, tasks and seeds as a run of its own, looked at before any work."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from umcl_bench.data.sources import Source
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.launch.jobs import Outcome, name_of
from umcl_bench.plan import make_plan
from umcl_bench.records.past import Past
from umcl_bench.records.store import Record, Store
from umcl_bench.registry import get_baseline, get_task
from umcl_bench.request import Request

MOST_SEEDS = 1000


def parse_seeds(first: int, seeds: str) -> tuple[int, ...]:
    """'3' as three seeds from `first` on, '0,5,7' as these; `first` alone for ''. Raises UsageError."""
    if not seeds:
        return (first,)
    wrong = UsageError(f"--seeds {seeds!r}: write how many, from --seed on (1 to {MOST_SEEDS}), or a list: 0,5,7")
    try:
        numbers = [int(part) for part in seeds.split(",") if part.strip()]
    except ValueError:
        raise wrong from None
    if "," not in seeds:
        numbers = list(range(first, first + numbers[0])) if 1 <= numbers[0] <= MOST_SEEDS else []
    elif first:
        raise UsageError(f"--seeds {seeds} names the seeds; leave --seed out")
    if not numbers or min(numbers) < 0 or max(numbers) >= 2**31:
        raise wrong
    return tuple(dict.fromkeys(numbers))


def combine(request: Request, models: Iterable[str], tasks: Iterable[str], seeds: Iterable[int]) -> list[Request]:
    """A request for each combination, in an order that trains each model for the first task, then finds it trained.

    Raises UsageError, with suggestions, for a name that there is not.
    """
    models, tasks = dict.fromkeys(models), dict.fromkeys(tasks)
    for model in models:
        get_baseline(model)
    for task in tasks:
        get_task(task)
    seeds = tuple(seeds)
    return [
        dataclasses.replace(request, model=model, task=task, seed=seed)
        for task in tasks
        for model in models
        for seed in seeds
    ]


@dataclass(frozen=True)
class Ahead:
    """A run before it starts: its id, and its record where there is one; or why it can't be run.

    `trains` says whether it trains a model that no earlier run of the sweep trains; `seconds` is what all of it took
    here before, None if never.
    """

    request: Request
    state: str  # on record, trained before, to do, can't be run
    id: str = ""
    record: Record | None = None
    why: str = ""
    seconds: float | None = None
    trains: bool = False


def look_ahead(requests: Sequence[Request], store: Store, source: Source, *, elsewhere: bool) -> list[Ahead]:
    """What is there of each run. With `elsewhere`, this machine need not have the device.

    Raises BenchError where all fail for one reason.
    """
    past, trained = Past(store), set[str]()
    found = [_look(request, store, source, past, trained, elsewhere=elsewhere) for request in requests]
    reasons = {ahead.why for ahead in found}
    if len(reasons) == 1 and all(reasons):
        raise UsageError(reasons.pop())
    return found


def _look(request: Request, store: Store, source: Source, past: Past, trained: set[str], *, elsewhere: bool) -> Ahead:
    """`trained` are the checkpoints that earlier runs of the sweep make; this run's is added."""
    try:
        plan = make_plan(request, store, source)
        record = store.find(plan.id)
        if record is not None:
            return Ahead(request, "on record", plan.id, record)
        (dataclasses.replace(plan, device="auto") if elsewhere else plan).check()
    except BenchError as error:
        return Ahead(request, "can't be run", why=str(error))
    checkpoint, there = plan.checkpoint(plan.training.fingerprint), plan.is_trained(store)
    seconds = past.scoring(plan.recipe, plan.task, plan.corpus.fingerprint)
    trains = plan.recipe.baseline.weights == "trained" and not there and checkpoint not in trained
    if trains:
        training = past.training(plan.recipe)
        seconds = None if seconds is None or training is None else seconds + training
        trained.add(checkpoint)
    return Ahead(request, "trained before" if there else "to do", plan.id, seconds=seconds, trains=trains)


_NAME = 80  # characters of the widest column of names


def describe(ahead: Sequence[Ahead]) -> str:
    """A line a run, and the sum: what `--plan` prints. A very long name stands out of its column."""
    width = min(_NAME, max(len(name_of(a.request)) for a in ahead))
    lines = [f"{name_of(a.request):<{width}}  {a.state:<14}  {a.why or _took(a)}".rstrip() for a in ahead]
    counts = ", ".join(f"{count} {state}" for state, count in Counter(a.state for a in ahead).items())
    left = [a for a in ahead if a.state in ("trained before", "to do")]
    known = [a.seconds for a in left if a.seconds is not None]
    time = f"about {_duration(sum(known))} one after another, as runs took here before" if known else ""
    to_train = sum(a.trains for a in ahead)
    training = f"{to_train} model{'s' if to_train > 1 else ''} to train" if to_train else ""
    unknown = f"{len(left) - len(known)} of unknown time" if len(known) < len(left) else ""
    return "\n".join([*lines, "; ".join(filter(None, (f"{_runs(ahead)}: {counts}", training, time, unknown)))])


def _runs(ahead: Sequence[Ahead]) -> str:
    return f"{len(ahead)} run{'s' if len(ahead) > 1 else ''}"


def _took(ahead: Ahead) -> str:
    if ahead.record is not None:
        return ahead.id
    return f"about {_duration(ahead.seconds)}" if ahead.seconds is not None else "no such run here yet"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def summary(ahead: Sequence[Ahead], outcomes: Sequence[Outcome], *, leave_out: bool = False) -> str:
    """How many runs were done, were on record, and failed; with `leave_out`, how many can't be run."""
    done = sum(outcome.record is not None for outcome in outcomes)
    recorded = sum(a.record is not None for a in ahead)
    left = sum(bool(a.why) for a in ahead) + sum(outcome.unfit for outcome in outcomes) if leave_out else 0
    failed = len(ahead) - done - recorded - left
    said = f"{_runs(ahead)}: {done} done, {recorded} on record before, {failed} failed"
    return f"{said}, {left} left out" if left else said
