"""Boards as plain data: what the JSON has, and the HTML page shows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from umcl_bench.records.leaderboard import caption_of, classes_of, headline, sign_of, task_title, title_of
from umcl_bench.records.seeds import Board, Standing
from umcl_bench.records.store import Record, clean


def to_json(boards: Sequence[Board]) -> str:
    """The boards, a row a model; null is undefined."""
    return json.dumps([board_data(board) for board in boards], indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def board_data(board: Board) -> dict[str, Any]:
    """What the board is of, its notes, and its rows."""
    result = board.result
    found = {
        "title": task_title(result),
        "caption": caption_of(result, classes_of(result)),
        "notes": list(board.notes),
        "kind": result["data"]["kind"],
        "source": result["data"]["source"],
        "task": result["task"]["name"],
        "data_fingerprint": result["data"]["fingerprint"],
        "metric": result["headline"],
        "metric_title": title_of(result["headline"]),
        "higher_is_better": sign_of(result["headline"]) > 0,
        "rows": [_row(row, board) for row in board.rows],
    }
    plain: dict[str, Any] = clean(found)
    return plain


def _row(row: Standing, board: Board) -> dict[str, Any]:
    first, place = row.records[0].result, row.place
    classes = {name: dataclasses.asdict(e) for name, e in row.estimates.items()}
    of = classes.pop("macro")
    return {
        "model": row.name,
        "size": row.size,
        "setting": first["model"]["recipe"]["setting"],
        "seeds": list(row.seeds),
        **of,
        "sd_over_seeds": row.spread,
        **({"rank": place.rank, "rank_low": place.low, "rank_high": place.high} if board.ranked else {}),
        **({"p_against_best": place.p, "not_significantly_worse": place.tied} if board.ranked else {}),
        "best": board.is_best(row),
        "marks": row.marks,
        "shown": {column.title: row.mean(column) for column in board.columns if column.name == "macro"},
        "classes": classes,
        "runs": [_run(record) for record in sorted(row.records, key=lambda r: int(r.result["seed"]))],
    }


def _run(record: Record) -> dict[str, Any]:
    result = record.result
    return {
        "record": record.id,
        "seed": result["seed"],
        "command": result["command"],
        "created": result.get("created", ""),
        "commit": (result.get("git") or {}).get("commit", ""),
        "value": headline(record)["value"],
        "warnings": result["warnings"],
    }
