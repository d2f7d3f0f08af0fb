"""Boards with one row a model: the mean over its seeds, with the sampling of patients and of seeds kept apart.

The interval is the patient-cluster bootstrap's of the mean figure over the seeds (every resample draws the same
patients for all of them); the standard deviation over the seeds stands beside it, and neither is in the other. Places
(metrics/places.py) are by the same resamples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from umcl_bench.metrics.intervals import Estimate, estimate_figure
from umcl_bench.metrics.places import NOWHERE, Place, places
from umcl_bench.records.flips import flips
from umcl_bench.records.leaderboard import (
    DASH,
    Column,
    Table,
    caption_of,
    classes_of,
    columns_of,
    groups_of,
    headline,
    interval,
    legend,
    marks,
    model_name,
    sign_of,
    task_title,
    title_of,
)
from umcl_bench.records.store import Record
from umcl_bench.spec import Baseline, digest

AS_GOOD = "≈"


@dataclass(frozen=True)
class Standing:
    """A model's row: its runs, one a seed; the estimates of their mean by class and under 'macro'; its place."""

    records: tuple[Record, ...]
    estimates: dict[str, Estimate]
    place: Place

    @property
    def name(self) -> str:
        """The model, with what else is changed of it."""
        return model_name(self.records[0])

    @property
    def size(self) -> str:
        """The name of its towers' size."""
        return str(self.records[0].result["model"]["recipe"]["size"]["name"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """In order."""
        return tuple(sorted(int(record.result["seed"]) for record in self.records))

    @property
    def spread(self) -> float:
        """The standard deviation of the headline over the seeds; NaN of one."""
        each = [_number(headline(record)["value"]) for record in self.records]
        return float(np.std(each, ddof=1)) if len(each) > 1 else float("nan")

    @property
    def marks(self) -> str:
        """The marks of all its runs."""
        return "".join(dict.fromkeys(mark for record in self.records for mark in marks(record)))

    def mean(self, column: Column) -> float:
        """The mean over the seeds of what another column shows."""
        values = [_number(record.result["metrics"][column.key][column.name]["value"]) for record in self.records]
        return float(np.mean(values))


@dataclass(frozen=True)
class Board:
    """The models of one task on the same films, the best first; `columns` stand beside the headline.

    `ranked` is false where there is one model, or the films are not the same after all: then no row has a place. Runs
    made `again` of a seed are left out.
    """

    rows: tuple[Standing, ...]
    columns: tuple[Column, ...]
    ranked: bool
    again: tuple[str, ...] = ()

    @property
    def result(self) -> dict[str, Any]:
        """The first record's; what it says of task and data holds for all."""
        return self.rows[0].records[0].result

    @property
    def records(self) -> list[Record]:
        """Of all rows."""
        return [record for row in self.rows for record in row.records]

    @property
    def best(self) -> int | None:
        """The row with the best figure by itself, None where none is defined."""
        return None if np.isnan(self.rows[0].estimates["macro"].value) else 0

    def is_best(self, row: Standing) -> bool:
        """Whether the row has the best figure by itself; of one model there is no best."""
        return self.ranked and self.best is not None and row is self.rows[self.best]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of places and marks has to know."""
        left_out = [f"left out: seeds that were run again ({', '.join(self.again)}); the first counts"]
        return (
            *([self._places()] if len(self.rows) > 1 else []),
            *(left_out if self.again else []),
            *legend(self.records),
            *flips(self.records),
        )

    def _places(self) -> str:
        if not self.ranked:
            return "not ranked: the per-sample scores of these runs are not of the same samples"
        how = self.rows[0].records[0].intervals()
        return (
            f"bold: the best; {AS_GOOD}: not significantly worse (p at least {1 - how.level:.2g}, corrected for the "
            "number of models and for picking the best, which does not say that they are equal). Tests and intervals "
            f"of ranks: paired bootstrap over patients of these trained models, {how.resamples:,} resamples"
        )


def tables_over_seeds(records: Iterable[Record]) -> list[Table]:
    """As `leaderboard.tables`, with the runs that differ by their seed alone in one row, and with ranks."""
    return [table_of(board) for board in boards(records)]


def boards(records: Iterable[Record]) -> list[Board]:
    """One for each (source, corpus, task, version), in the order of the tables. Reads the per-sample scores."""
    return [_board(group) for group in groups_of(records)]


def _board(records: Sequence[Record]) -> Board:
    firsts = over_seeds(records)
    key = records[0].result["headline"]
    (metric, figure), how = records[0].figure(key), records[0].intervals()
    runs = [[record.parts() for record in group] for group in firsts]
    ranked = len(runs) > 1
    try:
        estimates, found = places(runs, metric, figure, how)
    except ValueError:  # not of the same samples
        ranked, found = False, [NOWHERE] * len(runs)
        estimates = [estimate_figure(parts, metric, figure, how) for parts in runs]
    rows = [Standing(*of) for of in zip(firsts, estimates, found, strict=True)]
    kept = {record.id for group in firsts for record in group}
    again = tuple(record.id for record in records if record.id not in kept)
    return Board(best_first(rows, key), tuple(columns_of(records[0].result)), ranked, again)


def best_first(rows: Iterable[Standing], key: str) -> tuple[Standing, ...]:
    """The rows by their figures of `key`, those without one last."""
    sign = sign_of(key)
    values = [(row, row.estimates["macro"].value) for row in rows]
    return tuple(row for row, value in sorted(values, key=lambda of: (np.isnan(of[1]), -sign * of[1], of[0].name)))


def over_seeds(records: Iterable[Record]) -> list[tuple[Record, ...]]:
    """The records of each model, one a seed: of a seed that was run again, the first."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=_age):
        groups.setdefault(without_seed(record), []).append(record)
    return [tuple({r.result["seed"]: r for r in reversed(group)}.values()) for group in groups.values()]


def _age(record: Record) -> tuple[int, str, str]:
    """What puts runs of a seed in order, whatever they scored: how often it was run before, and when."""
    return int(record.result["model"]["recipe"]["repeat"]), str(record.result.get("created", "")), record.id


def without_seed(record: Record) -> str:
    """A digest that is the same for runs that differ by their seed (or how often they were run) alone.

    Runs by other versions of the code (spec.METHODS) differ.
    """
    return digest([*recipe_of(record), record.result["data"]["training_fingerprint"], record.result.get("methods", {})])


def recipe_of(record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    """How a model is made, without seed and explanations, and what else a record has of it, but for its data."""
    recipe = {k: v for k, v in record.result["model"]["recipe"].items() if k not in ("seed", "repeat")}
    explains = {field.name for field in dataclasses.fields(Baseline) if field.metadata.get("doc")}
    recipe["baseline"] = {k: v for k, v in recipe["baseline"].items() if k not in explains}
    return recipe, {k: v for k, v in record.result["model"].items() if k not in ("recipe", "digest")}


def table_of(board: Board) -> Table:
    """A board for people to read: where models are ranked, the best is bold."""
    label = f"{title_of(board.result['headline'])} [95 % CI]"
    ranks = ["rank [95 % CI]"] if board.ranked else []
    shown = [column.title for column in board.columns]
    header = ("model", "size", "seeds", label, "sd over seeds", *ranks, *shown, "marks")
    return Table(
        title=task_title(board.result),
        caption=caption_of(board.result, classes_of(board.result)),
        header=header,
        rows=tuple(_row(row, board) for row in board.rows),
        footnotes=board.notes,
        bold=frozenset({(board.best, header.index(label))} if board.ranked and board.best is not None else ()),
    )


def _row(row: Standing, board: Board) -> tuple[str, ...]:
    return (
        row.name,
        row.size,
        ", ".join(map(str, row.seeds)),
        interval(_plain(row.estimates["macro"])),
        decimals(row.spread),
        *([rank_text(row, board)] if board.ranked else []),
        *(decimals(row.mean(column)) for column in board.columns),
        row.marks,
    )


def rank_text(row: Standing, board: Board) -> str:
    """'2 [1, 3] ≈': the rank, its interval, and whether the model may be as good as the best."""
    place = row.place
    rank, low, high = (DASH if np.isnan(end) else f"{end:.0f}" for end in (place.rank, place.low, place.high))
    if rank == DASH:
        return DASH
    as_good = place.tied and row is not board.rows[board.best or 0]
    return f"{rank} [{low}, {high}]{f' {AS_GOOD}' if as_good else ''}"


def decimals(value: float) -> str:
    """Three, or a dash."""
    return DASH if np.isnan(value) else f"{value:.3f}"


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _plain(found: Estimate) -> dict[str, Any]:
    """As in a record: None for what is undefined."""
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in dataclasses.asdict(found).items()}
