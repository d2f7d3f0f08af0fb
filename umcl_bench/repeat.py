"""A run on record made again: whether its figures are the same, and what has changed around them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from umcl_bench.bench import run
from umcl_bench.errors import UsageError
from umcl_bench.evaluation import check_data, checkpoint_of
from umcl_bench.metrics.scores import Parts
from umcl_bench.plan import make_plan
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Record, Store, clean
from umcl_bench.request import Request, command
from umcl_bench.spec import flatten
from umcl_bench.training.runtime import world

TOLERANCE = 1e-6
"""Figures that are no further apart count as the same: sums in another order round otherwise."""

_SHOWN = 20
_AROUND = ("git", "versions", "machine", "methods")
_OF_TRAINING = ("precision", "processes")
_EXPLAINS = ("title", "paper", "evidence", "published")
Number = float | None


@dataclass(frozen=True)
class Pair:
    """A number of the record before and after; None is undefined, and `by` then inf."""

    what: str
    before: Number
    after: Number

    @property
    def by(self) -> float:
        """How far apart they are, in the figure's own units."""
        if self.before is None or self.after is None:
            return math.inf
        return abs(self.after - self.before)


@dataclass(frozen=True)
class Change:
    """Something around the figures that is not as it was; '' is not on record."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Repetition:
    """What became of a run that was made again.

    `moved` are the numbers that are not equal bit for bit, of `compared`; `scores` is the largest difference of a
    per-sample score, inf where the samples are others; `changes` are what the records say beside the figures.
    """

    run: str
    command: str
    compared: int
    moved: tuple[Pair, ...]
    scores: float
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether no figure is further from the record's than TOLERANCE."""
        return all(pair.by <= TOLERANCE for pair in self.moved)


def repeat(
    record: Record, request: Request, store: Store, reporter: Reporter, *, only_scores: bool, keep: Path | None = None
) -> Repetition:
    """Makes the run of a record again, from the request that its command is, and compares the two.

    The new run goes into a store of its own, which is removed at the end; one that is named by `keep` stays, and an
    interrupted repetition goes on there. Embeddings are made anew. With `only_scores` the model is not trained again
    but the record's checkpoint in `store`. Raises UsageError where this can't be had, or the data are not there.
    """
    if world().size > 1:
        raise UsageError("repeat looks at one process: leave torchrun out")
    check_data(record, request)
    store.root.mkdir(parents=True, exist_ok=True)
    with _room(store, keep) as root:
        again = Store(root)
        if only_scores:
            _bring(record, request, store, again)
        made = run(request, again, reporter, fresh=True)
        return compare(record, made, command(request))


@contextlib.contextmanager
def _room(store: Store, keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.resolve() == store.root.resolve():
            raise UsageError(f"--keep {keep} is the store of the record itself; name another folder")
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix=".repeat-", dir=store.root) as room:
            yield Path(room)


def _bring(record: Record, request: Request, store: Store, again: Store) -> None:
    """Makes the record's checkpoint that of the other store, too. Raises UsageError where the run would train."""
    plan = make_plan(request, again)
    if record.result["model"]["recipe"]["repeat"] and plan.recipe.baseline.reads_training_rows:
        raise UsageError(f"{record.id} was itself made with --again; --scores takes first runs. Leave --scores out")
    try:
        folder = checkpoint_of(record, plan, store)
    except UsageError as error:
        raise UsageError(f"--scores needs the checkpoint: {error}. Leave --scores out to train anew") from None
    if folder is None:
        return
    if plan.training.fingerprint != record.result["data"]["training_fingerprint"] and not request.skip_unreadable:
        raise UsageError(
            f"the training data are not those of {record.id}: fingerprint {plan.training.fingerprint}, and then "
            f"{record.result['data']['training_fingerprint']}. --data names the right ones; without --scores all is "
            "made anew and compared"
        )
    target = again.root / "checkpoints" / folder.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.symlink_to(folder.resolve(), target_is_directory=True)


def compare(before: Record, after: Record, how: str) -> Repetition:
    """Two records of one request, number by number; `how` is the command of the second."""
    old, new = _numbers(before.result["metrics"]), _numbers(after.result["metrics"])
    pairs = [Pair(what, old.get(what), new.get(what)) for what in dict.fromkeys([*old, *new])]
    moved = tuple(pair for pair in pairs if pair.before != pair.after or (pair.what in old) != (pair.what in new))
    return Repetition(
        run=before.id,
        command=how,
        compared=len(pairs),
        moved=tuple(sorted(moved, key=lambda pair: -pair.by)),
        scores=furthest(before.parts(), after.parts()),
        changes=tuple(changes(before.result, after.result)),
    )


def _numbers(metrics: dict[str, Any]) -> dict[str, Number]:
    return {
        f"{key}, {name}: {field}": value
        for key, estimates in metrics.items()
        for name, estimate in estimates.items()
        for field, value in estimate.items()
    }


def furthest(one: Parts, other: Parts) -> float:
    """The largest difference between two runs' scores; inf where parts, samples or what is undefined are others."""
    if list(one) != list(other):
        return math.inf
    most = 0.0
    for name, a in one.items():
        b = other[name]
        if a.classes != b.classes or not np.array_equal(a.id, b.id) or list(a.columns) != list(b.columns):
            return math.inf
        for column, values in a.columns.items():
            now = b.columns[column]
            if not np.array_equal(np.isnan(values), np.isnan(now)):
                return math.inf
            most = max(most, float(np.abs(np.nan_to_num(values) - np.nan_to_num(now)).max(initial=0)))
    return most


def changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """What two records say that is not a figure, a time or a place: code, versions, machine, data, model and task."""
    old, new = _around(before), _around(after)
    for what in dict.fromkeys([*old, *new]):
        if old.get(what, "") != new.get(what, ""):
            yield Change(what, old.get(what, ""), new.get(what, ""))


def _around(result: dict[str, Any]) -> dict[str, str]:
    data = result["data"]
    recipe = {key: value for key, value in result["model"]["recipe"].items() if key != "repeat"}
    nested = {
        **{name: result.get(name) or {} for name in _AROUND},
        "data": {name: data.get(name, "") for name in ("source", "kind", "fingerprint", "training_fingerprint")},
        "model": recipe,
        "task": result["task"]["spec"],
        "training": {name: result["training"].get(name, "") for name in _OF_TRAINING},
    }
    leaves = {key: value for key, value in flatten(nested).items() if not isinstance(value, dict)}
    return {key: _text(value) for key, value in leaves.items() if not set(key.split(".")) & set(_EXPLAINS)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def to_text(found: Repetition) -> str:
    """What a person is told: the verdict, every number that moved (the most first), and what has changed."""
    lines = [f"run {found.run}", f"made again by {found.command}", _verdict(found)]
    far = [pair for pair in found.moved if pair.by > TOLERANCE]
    lines += [
        f"  {pair.what}: {_number(pair.before)} then, {_number(pair.after)} now{_by(pair)}" for pair in far[:_SHOWN]
    ]
    lines += [f"  and {len(far) - _SHOWN} more; --json lists all"] if len(far) > _SHOWN else []
    lines.append(_scores(found.scores))
    if found.changes:
        lines.append("not as it was:")
        lines += [
            f"  {change.what}: {change.before or 'not on record'} then, {change.after or 'not on record'} now"
            for change in found.changes
        ]
    else:
        lines.append("code, data, versions, machine, model and task are as they were, as far as records say")
    return "\n".join(lines) + "\n"


def _verdict(found: Repetition) -> str:
    n = f"{found.compared:,} numbers"
    if not found.moved:
        return f"SAME: all {n} of its figures are equal bit for bit"
    most = found.moved[0]
    if found.same:
        moved = f"{len(found.moved):,} of {n} moved, the most by {most.by:.1g} ({most.what})"
        return f"SAME within {TOLERANCE:g}: {moved}"
    far = sum(pair.by > TOLERANCE for pair in found.moved)
    return f"DIFFERENT: {far:,} of {n} differ by more than {TOLERANCE:g}"


def _scores(apart: float) -> str:
    if math.isinf(apart):
        return "per-sample scores are of other samples, or undefined elsewhere"
    return (
        "per-sample scores are equal bit for bit" if apart == 0 else f"per-sample scores differ by at most {apart:.2g}"
    )


def _number(value: Number) -> str:
    return "undefined" if value is None else repr(value)


def _by(pair: Pair) -> str:
    return "" if math.isinf(pair.by) else f", {pair.by:.2g} apart"


def to_json(found: Repetition) -> str:
    """The same for programs; what is undefined is null."""
    plain = dataclasses.asdict(found) | {"same": found.same, "tolerance": TOLERANCE}
    return json.dumps(clean(plain), indent=1) + "\n"
