"""Ablations as runs: which there are, what is there of each, and the records of an ablation's cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from umcl_bench.data.sources import Source
from umcl_bench.errors import BenchError, UsageError, unknown_name
from umcl_bench.launch.jobs import Outcome
from umcl_bench.plan import source_of
from umcl_bench.records.ablation import Cell, Runs, Value
from umcl_bench.records.store import Record, Store
from umcl_bench.registry import get_baseline, get_task, list_baselines
from umcl_bench.request import Request, command
from umcl_bench.spec import ABLATIONS, Ablation, Arm, Sampling
from umcl_bench.sweep import Ahead, look_ahead


@dataclass(frozen=True)
class Ask:
    """An ablation as it is asked for. `request` has what all runs share; `dial` takes the `values` in turn."""

    ablation: Ablation
    request: Request
    seeds: tuple[int, ...] = (0,)
    dial: str = ""
    values: tuple[Value, ...] = (None,)


def find_ablation(what: str, vary: Sequence[str], model: str = "") -> Ablation:
    """The ablation named `what`, of `model` where one is given; or that of the model `what` by the fields of `vary`.

    A field is 'length=4,8,16'. Each is changed alone; a value that the model has is the model itself. Raises
    UsageError, with suggestions.
    """
    if what in ABLATIONS:
        found = ABLATIONS[what]
        if vary:
            raise UsageError(f"--vary is for a model; {what} is an ablation with versions of its own: leave one out")
        if model and not found.open:
            raise UsageError(f"--model: ablation {what} is about {found.model}; leave it out")
        if model and get_baseline(model).weights != "trained":
            raise UsageError(f"--model {model} is not trained here: there is nothing to ablate in it")
        return dataclasses.replace(found, model=model or found.model)
    if what.partition("+")[0] not in list_baselines():
        raise unknown_name("ablation or model", what, [*ABLATIONS, *list_baselines()])
    if model:
        raise UsageError(f"--model: {what} is the model here; leave it out")
    if not vary:
        raise UsageError(f"say what to change of {what}: --vary FIELD=a,b,c, as in --vary length=4,8,16")
    base = get_baseline(what)
    if base.weights != "trained":
        raise UsageError(f"{what} is not trained here: there is nothing to ablate in it")
    changes = [change for field in vary for change in _changes(field)]
    kept = [change for change in dict.fromkeys(changes) if get_baseline(f"{what}+{change}") != base]
    if not kept:
        raise UsageError(f"--vary {' '.join(vary)}: {what} is so already; name other values")
    arms = (Arm(base.name), *(Arm(change, (change,)) for change in kept))
    return Ablation("vary", f"{base.name}, one field at a time", arms, model=base.name)


def _changes(field: str) -> list[str]:
    name, equals, values = field.partition("=")
    found = [value.strip() for value in values.split(",") if value.strip()]
    if not name.strip() or not equals or not found:
        raise UsageError(f"--vary {field!r}: write FIELD=a,b,c, as in length=4,8,16")
    return [f"{name.strip()}={value}" for value in found]


def only(ablation: Ablation, labels: Sequence[str]) -> Ablation:
    """The ablation with the arms of these labels and what they are compared with; all where no label is given.

    Raises UsageError, with suggestions.
    """
    known = {arm.label: arm for arm in ablation.arms}
    for label in labels:
        if label not in known:
            raise unknown_name(f"version of ablation {ablation.name}", label, known)
    wanted = {*labels, *(ablation.against(known[label]) for label in labels), ablation.reference.label}
    kept = tuple(arm for arm in ablation.arms if not labels or arm.label in wanted)
    if len(kept) < 2:
        raise UsageError(f"--arm: {ablation.reference.label} is the reference; name another to compare it with")
    return dataclasses.replace(ablation, arms=kept)


def parse_dials(given: Sequence[str]) -> tuple[dict[str, float], str, tuple[Value, ...]]:
    """What --dial says: the dials that stay as they are given, and the one that takes several values, with these."""
    fixed: dict[str, float] = {}
    varied: dict[str, tuple[Value, ...]] = {}
    for item in given:
        name, _, values = (part.strip() for part in item.partition("="))
        try:
            numbers = [float(value) for value in values.split(",") if value.strip()]
        except ValueError:
            numbers = []
        if not numbers:
            raise UsageError(f"--dial {item!r}: write NAME=a,b,c, as in similarity=0,0.5,0.9")
        if name in fixed or name in varied:
            raise UsageError(f"--dial: {name} is given twice; once is enough")
        if len(numbers) == 1:
            fixed[name] = numbers[0]
        else:
            varied[name] = tuple(sorted(set(numbers)))
    if len(varied) > 1:
        raise UsageError(f"--dial: only one dial takes several values, and {' and '.join(varied)} do")
    return (fixed, *varied.popitem()) if varied else (fixed, "", (None,))


def requests_of(ask: Ask) -> dict[tuple[Cell, int], Request]:
    """The run of each cell and seed; cells that only what is shown tells apart have equal ones. Raises UsageError."""
    found = {}
    for measure in ask.ablation.measures:
        for value in ask.values:
            for arm in ask.ablation.arms:
                model = get_baseline("+".join([arm.of or ask.ablation.model, *arm.changes])).name
                changes = () if measure.task else arm.task
                task = get_task("+".join([measure.task or ask.request.task, *changes])).name
                run = dataclasses.replace(
                    ask.request,
                    model=model,
                    task=task,
                    dials={**ask.request.dials, **({} if value is None else {ask.dial: value})},
                    batch=arm.batch or ask.request.batch,
                    sampling=Sampling(arm.mix) if arm.mix else ask.request.sampling,
                )
                for seed in ask.seeds:
                    found[Cell(measure.name, value, arm.label), seed] = dataclasses.replace(run, seed=seed)
    return found


@dataclass(frozen=True)
class Group:
    """Runs on one source, which is opened once, each as it is ahead."""

    source: Source
    ahead: tuple[Ahead, ...]


def look(requests: Mapping[tuple[Cell, int], Request], store: Store, *, elsewhere: bool) -> list[Group]:
    """Every run once, by its source. Raises BenchError where none on a source can be run, for one reason."""
    by_source: dict[str, dict[str, Request]] = {}
    for request in requests.values():
        by_source.setdefault(str(sorted(request.dials.items())), {}).setdefault(command(request), request)
    sources = [source_of(next(iter(of.values()))) for of in by_source.values()]  # a wrong dial is said at once
    return [
        Group(source, tuple(look_ahead(list(of.values()), store, source, elsewhere=elsewhere)))
        for source, of in zip(sources, by_source.values(), strict=True)
    ]


def runs_of(
    ask: Ask, requests: Mapping[tuple[Cell, int], Request], groups: Sequence[Group], outcomes: Sequence[Outcome]
) -> Runs:
    """The records of all cells. A cell of which a seed can't be run is left out, with the reason.

    Raises BenchError where a run has failed, or where the reference can't be run.
    """
    records: dict[str, Record] = {}
    why: dict[str, str] = {}
    for ahead in (ahead for group in groups for ahead in group.ahead):
        if ahead.record is not None:
            records[command(ahead.request)] = ahead.record
        why[command(ahead.request)] = ahead.why
    for outcome in outcomes:
        if outcome.record is not None:
            records[command(outcome.request)] = outcome.record
        why[command(outcome.request)] = outcome.why
    failed = [outcome for outcome in outcomes if outcome.why and not outcome.unfit]
    if failed:
        raise BenchError(
            f"{len(failed)} of the runs failed, as {command(failed[0].request)}: {failed[0].why.rstrip('.')}. The same "
            "command goes on from what is on record"
        )
    cells: dict[Cell, tuple[Record, ...]] = {}
    left_out = []
    for cell in dict.fromkeys(cell for cell, _ in requests):
        commands = [command(requests[cell, seed]) for seed in ask.seeds]
        missing = [words for words in commands if words not in records]
        if missing:
            left_out.append(f"{_told(cell, ask)}: {why.get(missing[0]) or 'not run'}")
        else:
            cells[cell] = tuple(records[words] for words in commands)
    if not any(cell.arm == arm.label and cell._replace(arm=ask.ablation.against(arm)) in cells
               for cell in cells for arm in ask.ablation.arms):  # fmt: skip
        raise UsageError(f"there is nothing to compare with {ask.ablation.reference.label}. {left_out[0]}")
    return Runs(ask.ablation, ask.seeds, cells, ask.dial, ask.values, tuple(left_out))


def _told(cell: Cell, ask: Ask) -> str:
    at = f" at {ask.dial} {cell.value:g}" if cell.value is not None else ""
    return f"{cell.arm}{at} ({cell.measure})"
