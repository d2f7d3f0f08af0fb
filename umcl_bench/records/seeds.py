"""Tables with one row a model: the mean over its seeds, with the sampling of patients and of seeds kept apart.

The interval is the patient-cluster bootstrap's of the mean figure over the seeds (every resample draws the same
patients for all of them); the standard deviation over the seeds stands beside it, and neither is in the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from umcl_bench.metrics.intervals import Estimate, estimate_figure
from umcl_bench.records.leaderboard import (
    DASH,
    Column,
    Table,
    headline,
    interval,
    marks,
    model_name,
    sign_of,
    tables_of,
)
from umcl_bench.records.store import Record
from umcl_bench.spec import Baseline, digest


def tables_over_seeds(records: Iterable[Record]) -> list[Table]:
    """As `leaderboard.tables`, with the runs that differ by their seed alone in one row."""
    return tables_of(records, _group)


def _group(records: list[Record], label: str, shown: list[Column]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Header and rows of one table."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=_age):
        groups.setdefault(without_seed(record), []).append(record)
    firsts = [list({r.result["seed"]: r for r in reversed(group)}.values()) for group in groups.values()]
    found = [(group, _mean(group)) for group in firsts]  # of a seed that was run again, the first
    sign = sign_of(records[0].result["headline"])
    found.sort(
        key=lambda pair: (np.isnan(pair[1]["macro"].value), -sign * pair[1]["macro"].value, model_name(pair[0][0]))
    )
    header = ["model", "size", "seeds", label, "sd over seeds", *(column.title for column in shown), "marks"]
    return header, [_row(group, estimates, shown) for group, estimates in found]


def _age(record: Record) -> tuple[int, str, str]:
    """What puts runs of a seed in order, whatever they scored: how often it was run before, and when."""
    return int(record.result["model"]["recipe"]["repeat"]), str(record.result.get("created", "")), record.id


def without_seed(record: Record) -> str:
    """A digest that is the same for runs that differ by their seed (or how often they were run) alone.

    Runs by other versions of the code (spec.METHODS) differ.
    """
    recipe = {k: v for k, v in record.result["model"]["recipe"].items() if k not in ("seed", "repeat")}
    explains = {field.name for field in dataclasses.fields(Baseline) if field.metadata.get("doc")}
    recipe["baseline"] = {k: v for k, v in recipe["baseline"].items() if k not in explains}
    about = {k: v for k, v in record.result["model"].items() if k not in ("recipe", "digest")}
    return digest([recipe, about, record.result["data"]["training_fingerprint"], record.result.get("methods", {})])


def _mean(group: list[Record]) -> dict[str, Estimate]:
    metric, figure = group[0].figure(group[0].result["headline"])
    return estimate_figure([record.parts() for record in group], metric, figure, group[0].intervals())


def _row(group: list[Record], estimates: dict[str, Estimate], shown: list[Column]) -> tuple[str, ...]:
    each = [_number(headline(record)["value"]) for record in group]
    spread = f"{np.std(each, ddof=1):.3f}" if len(each) > 1 and not np.isnan(each).any() else DASH
    seeds = sorted(record.result["seed"] for record in group)
    held = "".join(dict.fromkeys(mark for record in group for mark in marks(record)))
    return (
        model_name(group[0]),
        group[0].result["model"]["recipe"]["size"]["name"],
        ", ".join(map(str, seeds)),
        interval(_plain(estimates["macro"])),
        spread,
        *(_mean_of(group, column) for column in shown),
        held,
    )


def _mean_of(group: list[Record], column: Column) -> str:
    """The mean over the seeds of what another column shows."""
    values = [_number(record.result["metrics"][column.key][column.name]["value"]) for record in group]
    return DASH if np.isnan(values).any() else f"{np.mean(values):.3f}"


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _plain(found: Estimate) -> dict[str, Any]:
    """As in a record: None for what is undefined."""
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in dataclasses.asdict(found).items()}
