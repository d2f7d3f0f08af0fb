"""Models by tasks: what is on record of each, what is missing, and averages where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import Estimate
from umcl_bench.metrics.places import NOWHERE
from umcl_bench.records.leaderboard import DASH, Table, columns_of, groups_of, headline, title_of
from umcl_bench.records.seeds import AS_GOOD, Board, Standing, best_first, decimals, over_seeds, recipe_of
from umcl_bench.records.store import Record
from umcl_bench.registry import get_task
from umcl_bench.spec import digest

NOT_RUN = "not run"
MARKED = f"bold: the best of its task; {AS_GOOD}: not significantly worse, as the task's own table says"
RULE = (
    "averages: the plain mean of the tasks' headline figures, over tasks with the same headline metric alone (two or "
    "more), of models that have all of these; other models lack some, and have none. A mean over different films has "
    "no interval and no test"
)


def summaries(boards: Sequence[Board], *, average: bool = False, tasks: Sequence[str] = ()) -> list[Table]:
    """A table of models by tasks, of the phantom and of patients apart; with `average`, means by RULE.

    `tasks` (a suite's, say) are its columns, also where no model has run one; unless named, those on record are.
    Raises UsageError for an average where a task is on record on several corpora: it would count as often.
    """
    kinds = {kind: [b for b in boards if (b.result["data"]["kind"] == "phantom") == kind] for kind in (True, False)}
    return [_summary(found, phantom, average, tasks) for phantom, found in kinds.items() if found]


def without_places(records: Sequence[Record]) -> list[Board]:
    """Boards with means over seeds alone: no interval, no rank, and no per-sample score is read."""
    found = []
    for group in groups_of(records):
        rows = [Standing(of, {"macro": _mean(of)}, NOWHERE) for of in over_seeds(group)]
        result = group[0].result
        found.append(Board(best_first(rows, result["headline"]), tuple(columns_of(result)), ranked=False))
    return found


def _mean(records: Sequence[Record]) -> Estimate:
    values = [np.nan if (value := headline(record)["value"]) is None else value for record in records]
    first = headline(records[0])
    return Estimate(float(np.mean(values)), np.nan, np.nan, first["n"], first["positives"], first["negatives"], np.nan)


def _summary(boards: Sequence[Board], phantom: bool, average: bool, tasks: Sequence[str]) -> Table:
    models: dict[str, dict[int, Standing]] = {}
    for at, board in enumerate(boards):
        for row in board.rows:
            models.setdefault(digest(list(recipe_of(row.records[0]))), {})[at] = row
    means = _averaged(boards) if average else {}
    columns = _columns(boards, tasks)
    found = sorted(models.values(), key=lambda rows: _order(rows, boards))
    body = [_row(rows, boards, means, columns) for rows in found]
    some = any(NOT_RUN in row for row in body)
    header = ("model", "size", *(f"mean {title_of(key)} of {len(of)}" for key, of in means.items()))
    titles = [name if at is None else _title(boards[at], boards) for name, at in columns]
    best = {
        (row, len(header) + k)
        for row, rows in enumerate(found)
        for k, (_, at) in enumerate(columns)
        if at is not None and at in rows and boards[at].is_best(rows[at])
    }
    never = [name for name, at in columns if at is None]
    return Table(
        title=f"Models by tasks on {'the PHANTOM (synthetic films, no patients)' if phantom else 'films of patients'}",
        caption=f"each task's headline figure, mean over seeds; {DASH} is undefined"
        + (f"; {NOT_RUN}: no run of it is on record" if some else ""),
        header=(*header, *titles),
        rows=tuple(body),
        footnotes=(
            *([MARKED] if best else []),
            *([RULE] if average else []),
            *([f"in no average, as no model has run it: {', '.join(never)}"] if average and never else []),
        ),
        bold=frozenset(best),
    )


def _columns(boards: Sequence[Board], tasks: Sequence[str]) -> list[tuple[str, int | None]]:
    """The columns: a board by its number, or the title of a task that has none."""
    if not tasks:
        return [("", at) for at in range(len(boards))]
    found: list[tuple[str, int | None]] = []
    for name in tasks:
        of = [at for at, board in enumerate(boards) if board.result["task"]["name"] == name]
        found += [("", at) for at in of] or [(f"{name}, {title_of(get_task(name).headline)}", None)]
    return found


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


def _row(
    rows: dict[int, Standing],
    boards: Sequence[Board],
    means: dict[str, list[int]],
    columns: Sequence[tuple[str, int | None]],
) -> tuple[str, ...]:
    one = next(iter(rows.values()))
    averages = []
    for of in means.values():
        lacking = sum(at not in rows for at in of)
        mean = decimals(float(np.mean([_figure(rows[at]) for at in of if at in rows])) if not lacking else np.nan)
        averages.append(f"{lacking} {NOT_RUN}" if lacking else mean)
    cells = (NOT_RUN if at is None or at not in rows else _cell(rows[at], boards[at]) for _, at in columns)
    return (one.name, one.size, *averages, *cells)


def _cell(row: Standing, board: Board) -> str:
    """The figure, marked where it is not significantly worse than the best."""
    as_good = board.ranked and row.place.tied and not board.is_best(row)
    return f"{decimals(_figure(row))}{f' {AS_GOOD}' if as_good else ''}"
