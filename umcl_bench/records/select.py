"""Which records a leaderboard or a report is of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from umcl_bench.errors import BenchError, unknown_name
from umcl_bench.records.store import Record

FILTERS: Mapping[str, Callable[[Record], Sequence[str]]] = {
    "task": lambda r: [r.result["task"]["name"]],
    "source": lambda r: [r.result["data"]["source"], r.result["data"]["fingerprint"]],
    "size": lambda r: [r.result["model"]["recipe"]["size"]["name"]],
    "seed": lambda r: [str(r.result["seed"])],
    "setting": lambda r: [r.result["model"]["recipe"]["setting"]],
}
"""What a record may be chosen by, and its names for it; a source also by its fingerprint, as it is in a caption."""


def select(records: Iterable[Record], wanted: Mapping[str, Sequence[str]]) -> list[Record]:
    """The records that have one of the names in each filter of `wanted`; a filter without names lets all through.

    Raises UsageError for a name that no record has, BenchError where no record has all.
    """
    found = every = list(records)
    for kind, names in wanted.items():
        known = {name for record in every for name in FILTERS[kind](record)}
        for name in names:
            if name not in known:
                raise unknown_name(f"{kind} on record", name, known)
        if names:
            found = [record for record in found if set(FILTERS[kind](record)) & set(names)]
    if not found:
        asked = ", ".join(f"--{kind} {','.join(names)}" for kind, names in wanted.items() if names)
        raise BenchError(f"no record has all of {asked}. Leave one of them out")
    return found
