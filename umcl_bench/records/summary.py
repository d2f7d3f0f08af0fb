"""Models by tasks: what is on record of each, what is missing, and averages where they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from umcl_bench.errors import UsageError
from umcl_bench.records.leaderboard import DASH, Table, title_of
from umcl_bench.records.seeds import Board, Standing, decimals, recipe_of
from umcl_bench.spec import digest

NOT_RUN = "not run"
RULE = (
    "averages: the plain mean of the tasks' headline figures, over tasks with the same headline metric alone (two or "
    "more), of models that have all of these; other models lack some, and have none. A mean over different films has "
    "no interval and no test"
)


def summaries(boards: Sequence[Board], *, average: bool = False) -> list[Table]:
    """A table of models by tasks, of the phantom and of patients apart; with `average`, means by RULE.

    Raises UsageError for an average where a task is on record on several corpora: it would count as often.
    """
    kinds = {kind: [b for b in boards if (b.result["data"]["kind"] == "phantom") == kind] for kind in (True, False)}
    return [_summary(found, phantom, average) for phantom, found in kinds.items() if found]


def _summary(boards: Sequence[Board], phantom: bool, average: bool) -> Table:
    models: dict[str, dict[int, Standing]] = {}
    for at, board in enumerate(boards):
        for row in board.rows:
            models.setdefault(digest(list(recipe_of(row.records[0]))), {})[at] = row
    means = _averaged(boards) if average else {}
    titles = [_title(board, boards) for board in boards]
    found = sorted(models.values(), key=lambda rows: _order(rows, boards))
    body = [_row(rows, boards, means) for rows in found]
    some = any(NOT_RUN in row for row in body)
    return Table(
        title=f"Models by tasks on {'the PHANTOM (synthetic films, no patients)' if phantom else 'films of patients'}",
        caption=f"each task's headline figure, mean over seeds; {DASH} is undefined"
        + (f"; {NOT_RUN}: no run of it is on record" if some else ""),
        header=("model", "size", *(f"mean {title_of(key)} of {len(of)}" for key, of in means.items()), *titles),
        rows=tuple(body),
        footnotes=(RULE,) if average else (),
    )


def parts(table: Table, columns: int = 6) -> list[Table]:
    """The table in pieces that a terminal is wide enough for: so many columns each, beside model and size."""
    count, starts = len(table.header), range(2, max(3, len(table.header)), columns)
    return [
        dataclasses.replace(
            table,
            title=f"{table.title}{f' ({at} of {len(starts)})' if len(starts) > 1 else ''}",
            header=(*table.header[:2], *table.header[start : min(start + columns, count)]),
            rows=tuple((*row[:2], *row[start : start + columns]) for row in table.rows),
        )
        for at, start in enumerate(starts, 1)
    ]


def _averaged(boards: Sequence[Board]) -> dict[str, list[int]]:
    """The boards of each headline metric that two or more have."""
    names = [board.result["task"]["name"] for board in boards]
    for name in names:
        corpora = [board.result["data"]["fingerprint"] for board in boards if board.result["task"]["name"] == name]
        if len(corpora) > 1:
            raise UsageError(
                f"--average: {name} would count {len(corpora)} times, it is on record on other data or by another "
                f"version ({', '.join(corpora)}). Choose data with --source, or tasks with --task"
            )
    found: dict[str, list[int]] = {}
    for at, board in enumerate(boards):
        found.setdefault(board.result["headline"], []).append(at)
    return {key: of for key, of in found.items() if len(of) > 1}


def _title(board: Board, boards: Sequence[Board]) -> str:
    """The task and its metric; the data, too, where another column is of the same task."""
    name, data = board.result["task"]["name"], board.result["data"]
    alike = [other for other in boards if other.result["task"]["name"] == name]
    where = f" on {data['source']} {data['fingerprint']}" if len(alike) > 1 else ""
    return f"{name}{where}, {title_of(board.result['headline'])}"


def _figure(row: Standing) -> float:
    return row.estimates["macro"].value


def _order(rows: dict[int, Standing], boards: Sequence[Board]) -> tuple[int, float, str, str]:
    """Those with most tasks first, then by how far up they stand in these."""
    ranks = [boards[at].rows.index(row) / len(boards[at].rows) for at, row in rows.items()]
    one = next(iter(rows.values()))
    return -len(rows), float(np.mean(ranks)), one.name, one.size


def _row(rows: dict[int, Standing], boards: Sequence[Board], means: dict[str, list[int]]) -> tuple[str, ...]:
    one = next(iter(rows.values()))
    averages = []
    for of in means.values():
        lacking = sum(at not in rows for at in of)
        mean = decimals(float(np.mean([_figure(rows[at]) for at in of if at in rows])) if not lacking else np.nan)
        averages.append(f"{lacking} {NOT_RUN}" if lacking else mean)
    cells = (decimals(_figure(rows[at])) if at in rows else NOT_RUN for at in range(len(boards)))
    return (one.name, one.size, *averages, *cells)
