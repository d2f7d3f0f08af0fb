"""Figures that papers report, from published.csv, and ours beside them where the protocol is the same.

`paper` is where a figure stands; `seen` is 'paper' where that is the paper of the model itself, or made the figure, and
're-quotation' where it repeats or re-made another's. Figures that are only remembered are not in the file. Of UMCL
(arXiv 2307.05920) only the abstract could be had, so it has no row.
"""

from __future__ import annotations

import csv
import importlib.resources
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from umcl_bench.records.leaderboard import DASH, Table
from umcl_bench.records.seeds import Board, Standing, decimals

SEEN = ("paper", "re-quotation")
_ANOTHER = re.compile(r"\b(has|have|report) 0\.\d")  # in notes: another source's figure, which is no row of its own


@dataclass(frozen=True)
class Published:
    """One figure: a fraction, but for contrast-to-noise ratios.

    `task` is the task of ours with the same protocol, '' where none has it; `metric` is then a key of its records.
    `table` is the table's number, '' where it was not noted.
    """

    model: str
    task: str
    protocol: str
    metric: str
    value: float
    paper: str
    table: str
    seen: str
    notes: str


def published() -> list[Published]:
    """All rows of published.csv, in its order."""
    text = importlib.resources.files("umcl_bench.records").joinpath("published.csv").read_text(encoding="utf-8")
    rows: Iterable[dict[str, Any]] = csv.DictReader(text.splitlines())
    return [Published(**{**row, "value": float(row["value"])}) for row in rows]


def disagreements(rows: Iterable[Published]) -> list[list[Published]]:
    """The figures of a model by one metric on one benchmark for which papers do not report the same.

    Also single figures whose notes have another's. Dice of a finding and mean Dice stand together, under their names.
    """
    groups: dict[tuple[str, ...], list[Published]] = {}
    for row in rows:
        metric = row.metric.partition(" (")[0].replace("mdice", "dice")
        groups.setdefault((row.model, row.protocol.partition(" (")[0], metric), []).append(row)
    return [
        of
        for of in groups.values()
        if (len({row.paper for row in of}) > 1 and len({row.value for row in of}) > 1)
        or any(_ANOTHER.search(row.notes) for row in of)
    ]


def published_tables(boards: Sequence[Board]) -> list[Table]:
    """What papers report by protocols of our tasks, ours beside it; and where papers do not agree with each other."""
    every = published()
    beside = [(row, _ours(row, boards)) for row in every if row.task]
    differ = [row for of in disagreements(every) for row in of]
    return [
        Table(
            title="Published figures by the protocols of our tasks",
            caption="difference: ours less the published. Ours: the mean over seeds of the same model and task on "
            "films of the official release, never of the phantom or of a part; how it was trained is another matter: "
            "size and seeds are ours",
            header=(
                "model",
                "task",
                "metric",
                "published",
                "ours",
                "ours - published",
                "size",
                "seeds",
                "paper",
                "seen",
            ),
            rows=tuple(line for row, found in beside for line in _lines(row, found)),
            footnotes=(
                *(() if any(found for _, found in beside) else ("none of ours is on record for these",)),
                "umcl: no published figure could be had, so it has no row",
                f"all {len(every):,} published figures: umcl_bench/records/published.csv",
            ),
        ),
        Table(
            title="Where papers disagree",
            caption="the same model, benchmark and metric, with other figures; some of these are in the notes alone. "
            "dice is of the finding, mdice the mean of that and the background's: never mix them",
            header=("model", "protocol", "metric", "published", "paper", "seen", "notes"),
            rows=tuple(
                (row.model, row.protocol, row.metric, decimals(row.value), row.paper, row.seen, row.notes)
                for row in differ
            ),
            footnotes=(),
        ),
    ]


def _lines(row: Published, found: Sequence[tuple[Standing, float]]) -> list[tuple[str, ...]]:
    start = (row.model, row.task, row.metric, decimals(row.value))
    if not found:
        return [(*start, DASH, DASH, DASH, DASH, row.paper, row.seen)]
    return [
        (
            *start,
            decimals(value),
            f"{value - row.value:+.3f}" if not np.isnan(value) else DASH,
            standing.size,
            ", ".join(map(str, standing.seeds)),
            row.paper,
            row.seen,
        )
        for standing, value in found
    ]


def _ours(row: Published, boards: Sequence[Board]) -> list[tuple[Standing, float]]:
    """Our runs of the same model by the same protocol, with their means over seeds."""
    found = []
    for board in boards:
        data, task = board.result["data"], board.result["task"]
        official = data["kind"] == "patients" and data["source"] == task["spec"]["dataset"].partition("@")[0]
        if not official or "limit" in data["facts"] or task["name"] != row.task:
            continue
        for standing in board.rows:
            figures = [record.result["metrics"].get(row.metric) for record in standing.records]
            if standing.name.casefold() == row.model.casefold() and all(figures):
                values = [of["macro"]["value"] for of in figures if of]
                found.append((standing, float(np.mean([np.nan if v is None else v for v in values]))))
    return found
