"""What `umcl-bench show RUN --by sex,age` adds: a record's headline in subgroups, from its per-sample scores alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.metrics.intervals import Estimate
from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.subgroups import LEAST, Subgroups, subgroups
from umcl_bench.records.compare import p_text
from umcl_bench.records.leaderboard import DASH, interval, number, title_of
from umcl_bench.records.store import Record, clean

BY = ("sex", "age", "view", "site")
"""What a figure may be broken down by, besides what else the samples of a record have."""


def describe_subgroups(record: Record, names: Sequence[str]) -> str:
    """The record's headline by each of `names`. Raises UsageError for a name that neither BY nor the record has."""
    key = record.result["headline"]
    (metric, figure), parts = record.figure(key), record.parts()
    groups = parts[figure.parts[0]].groups
    for name in names:
        if name not in (*BY, *groups):
            raise unknown_name("subgroup", name, {*BY, *groups})
    if not groups:
        raise UsageError(
            f"{record.id} does not say of its samples what {' or '.join(BY)} they are of: its data has none of these, "
            f"or the record is an older one. Where the data has them, run it again: {record.result['command']} --again"
        )
    told = []
    for name in dict.fromkeys(names):
        if name in groups:
            found = subgroups(parts, metric, figure, name, record.intervals())
            told.append(_told(found, get_metric(metric), key, record.result.get("unit", "films")))
        else:
            told.append(f"by {name}: the record does not know it; it has {', '.join(groups)}")
    return "\n\n".join(told)


def _told(found: Subgroups, metric: Metric, key: str, unit: str) -> str:
    macros = {name: of["macro"] for name, of in found.groups.items()}
    rows = [(name, _interval(macro), _counts(macro, metric, unit)) for name, macro in macros.items()]
    if found.gap:
        gap = found.gap
        rows.append(("gap", _interval(gap.estimate), f"{gap.best} is best, {gap.worst} worst; {_chosen(found)}"))
    lines = [f"by {found.by}: {title_of(key)}{_compared(found, metric)}", *_table(rows)]
    if found.small:
        lines.append(f"  left out of the comparison, with too few for any class: {', '.join(found.small)}")
    if found.unknown:
        lines.append(f"  of {found.unknown:,} {unit} it is not known")
    return "\n".join([*lines, *_classes(found, metric)])


def _chosen(found: Subgroups) -> str:
    """The p of all groups being equal, and how many were looked through for the gap."""
    several = len(found.groups) - len(found.small)
    p = found.gap.p if found.gap else float("nan")
    return f"{DASH if np.isnan(p) else p_text(p)} of all {several} being equal"


def _compared(found: Subgroups, metric: Metric) -> str:
    """Which classes the groups are compared on."""
    if metric.joint:
        return ""
    needed = f"{LEAST} positives and {LEAST} negatives" if "target" in metric.needs else f"{LEAST} samples"
    if not found.compared:
        return f" over no class: none has {needed} in every group"
    classes = "1 class" if len(found.compared) == 1 else f"{len(found.compared)} classes"
    return f" over the {classes} with {needed} in every group: {', '.join(found.compared)}"


def _classes(found: Subgroups, metric: Metric) -> list[str]:
    """A row for each class, a cell for each group; none where there is only one class."""
    names = [name for name in next(iter(found.groups.values()), {}) if name != "macro"]
    if len(names) < 2:
        return []
    head = [("class", *found.groups)]
    return _table([*head, *((name, *(_cell(of[name], metric) for of in found.groups.values())) for name in names)])


def _cell(estimate: Estimate, metric: Metric) -> str:
    value = number(_plain(estimate)["value"])
    return f"{value} {estimate.positives}+ {estimate.negatives}-" if "target" in metric.needs else value


def _counts(macro: Estimate, metric: Metric, unit: str) -> str:
    labelled = "target" in metric.needs and not metric.joint
    labels = f", {macro.positives:,}+ {macro.negatives:,}-" if labelled else ""
    return f"{macro.n:,} {unit}{labels}"


def _interval(estimate: Estimate) -> str:
    return interval(_plain(estimate))


def _plain(estimate: Estimate) -> dict[str, float | None]:
    """As in a record: None for what is undefined."""
    plain: dict[str, float | None] = clean(dataclasses.asdict(estimate))
    return plain


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
