"""What `compare` compares: the runs behind each name, and whether their figures may be compared at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.metrics.scores import Parts, Scores
from umcl_bench.records.leaderboard import MADE_BY, model_name
from umcl_bench.records.seeds import without_seed
from umcl_bench.records.store import Record
from umcl_bench.spec import METHODS, flatten

_DOCS = ("title", "paper", "evidence")


@dataclass(frozen=True)
class Contender:
    """A model and its runs, by seed; of all contenders the runs are paired in this order.

    Seeds that are `alone` have no partner, and runs made `again` of a seed do not count: both are left out.
    """

    label: str
    records: tuple[Record, ...]
    alone: tuple[int, ...] = ()
    again: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs."""
        return tuple(record.result["seed"] for record in self.records)


def find_contenders(names: Sequence[str], task: str, records: Sequence[Record]) -> list[Contender]:
    """The runs behind each name: a model's (all its seeds on `task`), or a run's id, or several with a comma between.

    Where a contender has several runs, all are paired by the seeds that every one of them has. Raises UsageError where
    a name fits nothing or several kinds of runs, or no seed is common.
    """
    for at, name in enumerate(names):
        if name in names[:at]:
            raise UsageError(f"{name} is named twice: a run is not compared with itself")
        if not of_model(name, records):
            [_run(word.strip(), records) for word in name.split(",")]  # a misspelt name is said before all else
    of_names = [_runs(name, task, records) for name in names]
    found = [runs for runs, _ in of_names]
    for at, runs in enumerate(found):
        if {r.id for r in runs} & {r.id for other in found[:at] for r in other}:
            raise UsageError(f"{names[at]} has runs that another name has too: a run is not compared with itself")
    if all(len(runs) == 1 for runs in found):
        paired = found  # one run each: these were asked for, whatever their seeds
    else:
        common = set.intersection(*({r.result["seed"] for r in runs} for runs in found))
        if not common:
            seeds = "; ".join(f"{name}: {_seeds(runs)}" for name, runs in zip(names, found, strict=True))
            raise UsageError(f"no seed is on record for all, to pair runs by ({seeds}). Run what is missing")
        paired = [[r for r in runs if r.result["seed"] in common] for runs in found]
    alone = [tuple(r.result["seed"] for r in runs if r not in kept) for runs, kept in zip(found, paired, strict=True)]
    labels, again = _labels(paired), [tuple(r.id for r in more) for _, more in of_names]
    return [Contender(*of) for of in zip(labels, map(tuple, paired), alone, again, strict=True)]


def of_model(name: str, records: Sequence[Record]) -> list[Record]:
    """The runs of the model of this name; [] where it is no model's on record."""
    return [r for r in records if name in (r.result["model"]["name"], model_name(r))]


def _runs(name: str, task: str, records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """One run a seed, in the order of seeds; and runs of these seeds that were made again."""
    if of := of_model(name, records):
        tasks = sorted({r.result["task"]["name"] for r in of})
        if not task:
            raise UsageError(f"{name} is a model: say on which --task ({', '.join(tasks)}), or name runs by their ids")
        found = [r for r in of if r.result["task"]["name"] == task]
        if not found:
            raise unknown_name(f"task that {name} has on record", task, tasks)
        return _one_kind(name, [r for r in found if r.result.get("methods") == METHODS] or found)
    found = [_run(word.strip(), records) for word in name.split(",")]
    if len({without_seed(r) for r in found}) > 1 or len({r.result["seed"] for r in found}) < len(found):
        raise UsageError(f"{name}: runs with a comma between are those of one model, which differ by their seed alone")
    others = {r.result["task"]["name"] for r in found} - {task}
    if task and others:
        raise UsageError(f"{name} is of {', '.join(sorted(others))}, and --task is {task}. Leave --task out")
    return sorted(found, key=lambda r: int(r.result["seed"])), []


def _run(word: str, records: Sequence[Record]) -> Record:
    ids = {r.id: r for r in records}
    hits = [word] if word in ids else [i for i in ids if word and (i.startswith(word) or i.endswith(word))]
    if len(hits) > 1:
        raise UsageError(f"{word!r} fits {len(hits)} runs: {', '.join(hits)}. Name one of them")
    if not hits:
        raise unknown_name("model or run on record", word, {*ids, *(r.result["model"]["name"] for r in records)})
    return ids[hits[0]]


def _one_kind(name: str, records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The first run of each seed, where the runs differ by nothing else, and the later ones. Raises UsageError."""
    kinds: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        data, task = record.result["data"], record.result["task"]
        made = str(sorted(record.result.get("methods", {}).items()))
        kinds.setdefault((without_seed(record), data["fingerprint"], task["digest"], made), []).append(record)
    firsts = []
    for runs in kinds.values():
        runs.sort(key=lambda r: (int(r.result["seed"]), int(r.result["model"]["recipe"]["repeat"])))
        firsts.append(list({r.result["seed"]: r for r in reversed(runs)}.values())[::-1])
    if len(firsts) > 1:
        told = "".join(f"\n  {_kind(runs)}: {','.join(r.id for r in runs)}" for runs in firsts)
        raise UsageError(f"{name} has {len(firsts)} kinds of runs of it; name those of one by their ids:{told}")
    kept = {r.id for r in firsts[0]}
    return firsts[0], [r for runs in kinds.values() for r in runs if r.id not in kept]


def _kind(runs: Sequence[Record]) -> str:
    return f"{_sized(runs[0])} on {runs[0].result['data']['source']}, {_seeds(runs)}"


def _seeds(runs: Sequence[Record]) -> str:
    return f"seed{'s' if len(runs) > 1 else ''} {', '.join(str(r.result['seed']) for r in runs)}"


def _labels(found: Sequence[Sequence[Record]]) -> list[str]:
    """The shortest names that tell the contenders apart."""
    ways: tuple[Callable[[Record], str], ...] = (
        model_name,
        _sized,
        lambda r: f"{_sized(r)} seed {r.result['seed']}",
        lambda r: r.id,
    )
    for way in ways:
        labels = [way(runs[0]) for runs in found]
        if len(set(labels)) == len(labels):
            break
    return labels


def _sized(record: Record) -> str:
    return f"{model_name(record)} {record.result['model']['recipe']['size']['name']}"


def check_comparable(contenders: Sequence[Contender], key: str, but: Sequence[str] = ()) -> list[list[Parts]]:
    """Every contender's per-sample scores, by run. Raises UsageError, field by field, where they can't be compared.

    `but` are fields of the task's protocol that may differ, as where prompts are what is compared.
    """
    records = [record for contender in contenders for record in contender.records]
    first = records[0]
    for record in records:
        _refuse(first, record, _different(_about(first.result, but), _about(record.result, but)))
        if key not in record.result["metrics"]:
            raise unknown_name(f"metric of {record.id}", key, record.result["metrics"])
        _refuse(first, record, _figures(first, record, key))
    found: list[list[Parts]] = [[record.parts() for record in contender.records] for contender in contenders]
    (_, figure), parts = first.figure(key), [of for runs in found for of in runs]
    for record, of in zip(records, parts, strict=True):
        for name in figure.parts:
            _refuse(first, record, _samples(parts[0][figure.parts[0]], of[name]))
    return found


def _refuse(first: Record, other: Record, differences: Sequence[str]) -> None:
    if differences:
        listed = "".join(f"\n  {text}" for text in differences)
        raise UsageError(
            f"{first.id} and {other.id} can't be compared; they differ in{listed}\n"
            "Compare runs that `umcl-bench leaderboard` has in one table: one task on the same films, by one version"
        )


def _about(result: dict[str, Any], but: Sequence[str] = ()) -> dict[str, str]:
    """What has to be the same of two records, in words, `but` these fields of the task (and so its digest)."""
    data, task, methods = result["data"], result["task"], result.get("methods", {})
    told = {k: v for k, v in flatten(task["spec"]).items() if k.partition(".")[0] not in (*_DOCS, "name")}
    spec = {f"task, {k}": v for k, v in told.items() if k.rpartition(".")[2] not in but}
    about = {
        "data": f"{data['source']} ({'the phantom' if data['kind'] == 'phantom' else 'patients'})",
        "data fingerprint": data["fingerprint"],
        "split": data["facts"].get("split", {}),
        "label policy": data.get("policy", {}),
        "task": task["name"].partition("+")[0] if but else task["name"],
        "task digest": "" if but else task["digest"],
        **{key: value for key, value in spec.items() if not isinstance(value, dict)},
        **{f"version of the {name}": methods.get(name, "not on record") for name in MADE_BY},
    }
    return {key: str(value) for key, value in about.items()}


def _different(first: dict[str, str], other: dict[str, str]) -> list[str]:
    keys = dict.fromkeys([*first, *other])
    if first["task"] != other["task"]:  # two tasks' choices are not told one by one
        keys = {key: None for key in keys if not key.startswith("task,")}
    return [
        f"{key}: {first.get(key, 'none')} against {other.get(key, 'none')}"
        for key in keys
        if first.get(key) != other.get(key)
    ]


def _figures(first: Record, other: Record, key: str) -> list[str]:
    one, two = first.figure(key)[1], other.figure(key)[1]
    return [
        f"{key}, {field.name}: {getattr(one, field.name)} against {getattr(two, field.name)}"
        for field in dataclasses.fields(one)
        if getattr(one, field.name) != getattr(two, field.name)
    ]


def _samples(one: Scores, other: Scores) -> list[str]:
    if one.classes != other.classes:
        return [f"classes: {', '.join(one.classes)} against {', '.join(other.classes)}"]
    if list(one.id) != list(other.id):
        odd = sorted(set(map(str, one.id)) ^ set(map(str, other.id)))
        if not odd:
            return ["the order of the samples"]
        return [f"samples: {len(one.id):,} against {len(other.id):,}; {len(odd):,} are in one alone, as {odd[0]}"]
    moved = [str(name) for name, p, q in zip(one.id, one.patient, other.patient, strict=True) if p != q]
    found = [f"patients: {len(moved):,} samples are of another, as {moved[0]}"] if moved else []
    changed = ~((one.target == other.target) | ((one.target != one.target) & (other.target != other.target)))
    if changed.any():
        row, k = (int(at[0]) for at in changed.nonzero())
        found.append(f"labels: {int(changed.sum()):,} differ, as that of {one.classes[k]} of {one.id[row]}")
    return found
