"""Sweeps: every combination of models, tasks and seeds as a run of its own, looked at before any work."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from umcl_bench.data.sources import Source
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.launch.jobs import Outcome, name_of
from umcl_bench.plan import Plan, make_plan
from umcl_bench.progress import Reporter
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

    `checkpoint` is what it trains or loads, '' for neither; `seconds` is what that took here before, None if never.
    """

    request: Request
    state: str  # on record, trained before, to do, can't be run
    id: str = ""
    record: Record | None = None
    why: str = ""
    seconds: float | None = None


def look_ahead(requests: Sequence[Request], store: Store, source: Source, *, elsewhere: bool) -> list[Ahead]:
    """What is there of each run. With `elsewhere`, this machine need not have the device.

    Raises BenchError where all fail for one reason.
    """
    past = _Past(store)
    found = [_look(request, store, source, past, elsewhere=elsewhere) for request in requests]
    reasons = {ahead.why for ahead in found}
    if len(reasons) == 1 and all(reasons):
        raise UsageError(reasons.pop())
    return found


def _look(request: Request, store: Store, source: Source, past: _Past, *, elsewhere: bool) -> Ahead:
    try:
        plan = make_plan(request, store, source)
        record = store.find(plan.id)
        if record is not None:
            return Ahead(request, "on record", plan.id, record)
        (dataclasses.replace(plan, device="auto") if elsewhere else plan).check()
    except BenchError as error:
        return Ahead(request, "can't be run", why=str(error))
    checkpoint = plan.checkpoint(plan.training.fingerprint)
    trained = bool(checkpoint) and (store.root / "checkpoints" / checkpoint).is_dir()
    seconds = past.seconds(plan, "" if trained else checkpoint)
    return Ahead(request, "trained before" if trained else "to do", plan.id, seconds=seconds)


class _Past:
    """What runs on record took, to say what the next ones will."""

    def __init__(self, store: Store) -> None:
        found = (record.result for record in store.records(Reporter(quiet=True)))
        self.results = sorted(found, key=lambda r: str(r.get("created")), reverse=True)
        self.counted: set[str] = set()

    def seconds(self, plan: Plan, checkpoint: str) -> float | None:
        """Training `checkpoint` ('' if there is nothing to train) and scoring, as before; None if it never ran here.

        A checkpoint that an earlier run of the sweep trains costs nothing more.
        """
        baseline, size = plan.recipe.baseline, plan.recipe.size
        recipes = [(r, r["model"]["recipe"]) for r in self.results]
        wanted = (size.name, baseline.weights)
        alike = [r for r, recipe in recipes if (recipe["size"]["name"], recipe["baseline"]["weights"]) == wanted]
        scored = [r for r in alike if r["task"]["name"] == plan.task.name] or alike
        if not scored:
            return None
        timings = scored[0].get("timings_s", {})
        total = sum(float(value) for key, value in timings.items() if key not in ("films", "model"))
        if checkpoint in self.counted or baseline.weights != "trained" or not checkpoint:
            return total
        trained = [r for r in alike if r["training"].get("films_per_second")]
        trained = [r for r in trained if r["model"]["name"] == baseline.name] or trained
        if not trained:
            return None
        self.counted.add(checkpoint)
        return total + size.optim.films_seen / float(trained[0]["training"]["films_per_second"])


def describe(ahead: Sequence[Ahead]) -> str:
    """A line a run, and the sum: what `--plan` prints."""
    width = max(len(name_of(a.request)) for a in ahead)
    lines = [f"{name_of(a.request):<{width}}  {a.state:<14}  {a.why or _took(a)}".rstrip() for a in ahead]
    counts = ", ".join(f"{count} {state}" for state, count in Counter(a.state for a in ahead).items())
    left = [a for a in ahead if a.state in ("trained before", "to do")]
    known = [a.seconds for a in left if a.seconds is not None]
    time = f"about {_duration(sum(known))} one after another, as runs took here before" if known else ""
    unknown = f"{len(left) - len(known)} of unknown time" if len(known) < len(left) else ""
    return "\n".join([*lines, "; ".join(filter(None, (f"{_runs(ahead)}: {counts}", time, unknown)))])


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


def summary(ahead: Sequence[Ahead], outcomes: Sequence[Outcome]) -> str:
    """How many runs were done, were on record, and failed."""
    done = sum(outcome.record is not None for outcome in outcomes)
    recorded = sum(a.record is not None for a in ahead)
    return f"{_runs(ahead)}: {done} done, {recorded} on record before, {len(ahead) - done - recorded} failed"
