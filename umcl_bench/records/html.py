"""The leaderboard as one self-contained page: sorted, filtered and read without a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from umcl_bench.metrics.registry import METRICS
from umcl_bench.records.board_data import board_data
from umcl_bench.records.leaderboard import LEFT, Table, classes_of, interval, number
from umcl_bench.records.plots.inline import DARK
from umcl_bench.records.plots.page import Pictures
from umcl_bench.records.plots.style import LOOKS
from umcl_bench.records.seeds import AS_GOOD, Board, decimals, rank_text
from umcl_bench.spec import digest, flatten

TEMPLATE = "page.html.j2"
_WIDTH = 160  # of an interval's plot, in CSS pixels


def to_html(
    boards: Sequence[Board],
    summaries: Sequence[Table] = (),
    papers: Sequence[Table] = (),
    pictures: Pictures | None = None,
) -> str:
    """The page: models by tasks, a section for each board, how each figure was made, and tables of papers' figures.

    All in it is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    drawn = pictures or Pictures([[]] * len(boards), [])
    sections = [{**_section(board), "pictures": of} for board, of in zip(boards, drawn.boards, strict=True)]
    environment = Environment(
        loader=PackageLoader("umcl_bench", "records"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = [row for section in sections for row in section["rows"]]
    page = environment.get_template(TEMPLATE).render(
        summaries=summaries,
        sections=sections,
        papers=papers,
        dials=drawn.dials,
        looks=([of.color for of in LOOKS], DARK),
        left=LEFT,
        as_good=AS_GOOD,
        choices={
            "task": sorted({section["task"] for section in sections}),
            "source": sorted({section["source"] for section in sections}),
            "size": sorted({row["size"] for row in rows}),
            "setting": sorted({row["setting"] for row in rows}),
        },
        how=[[row["how"] for row in section["rows"]] for section in sections],
        specs=_specs(boards),
    )
    return page + "\n"


def _section(board: Board) -> dict[str, Any]:
    """What the template shows of a board."""
    data = board_data(board)
    names = [name for name in classes_of(board.result) if data["rows"][0]["classes"]]
    scale, heat = _scale(data["rows"]), _scale_of_classes(data["rows"])
    lines = []
    for row, standing in zip(data["rows"], board.rows, strict=True):
        first = standing.records[0].result
        lines.append(
            {
                **row,
                "rank_text": rank_text(standing, board) if board.ranked else "",
                "as_good": row.get("not_significantly_worse", False) and not row["best"],
                "text": interval(row),
                "plot": _plot(row, scale),
                "cells": [_cell(row["classes"][name], heat, data["higher_is_better"]) for name in names],
                "how": {
                    "title": f"{row['model']} ({row['size']}) on {data['title']}",
                    "model": digest(first["model"]["recipe"]),
                    "task": board.result["task"]["digest"],
                    "runs": row["runs"],
                    "caption": data["caption"],
                    "metric": f"{data['metric_title']} [95 % CI]",
                    "classes": [_told_class(name, e) for name, e in {"macro": row, **row["classes"]}.items()],
                },
            }
        )
    chance = getattr(METRICS.get(data["metric"].partition(" (")[0]), "chance", None)
    return {
        **data,
        "rows": lines,
        "names": names,
        "ranked": board.ranked,
        "shown": list(data["rows"][0]["shown"]),
        "ends": [decimals(end) for end in scale],
        "width": _WIDTH,
        "chance": _at(chance, scale) if isinstance(chance, float) and scale[0] <= chance <= scale[1] else None,
        "anchor": f"board-{digest([data['title'], data['data_fingerprint'], data['caption']])}",
    }


def _scale(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The ends of all intervals of a board; 0 to 1 where none is defined."""
    ends = [row[end] for row in rows for end in ("low", "value", "high") if row[end] is not None]
    return (min(ends), max(ends)) if ends and min(ends) < max(ends) else (0.0, 1.0)


def _scale_of_classes(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    values = [e["value"] for row in rows for e in row["classes"].values() if e["value"] is not None]
    return (min(values), max(values)) if values and min(values) < max(values) else (0.0, 1.0)


def _at(value: float, scale: tuple[float, float]) -> float:
    """Where a value lies on a plot, in pixels, with a margin for the dot."""
    share = min(1.0, max(0.0, (value - scale[0]) / (scale[1] - scale[0])))
    return round(6 + share * (_WIDTH - 12), 1)


def _plot(row: dict[str, Any], scale: tuple[float, float]) -> dict[str, float | None]:
    return {end: None if row[end] is None else _at(row[end], scale) for end in ("low", "value", "high")}


def _cell(estimate: dict[str, Any], scale: tuple[float, float], higher_is_better: bool) -> dict[str, Any]:
    """A class's figure, and how deep its colour is: 0 the worst of the board, 1 the best."""
    value, text = estimate["value"], interval(estimate)
    told = f"{text}, {estimate['positives']:,} positives and {estimate['negatives']:,} negatives"
    if value is None:
        return {"value": value, "text": number(value), "told": told, "depth": 0}
    share = min(1.0, max(0.0, (value - scale[0]) / (scale[1] - scale[0])))
    depth = round(share if higher_is_better else 1 - share, 3)
    return {"value": value, "text": number(value), "told": told, "depth": depth}


def _told_class(name: str, estimate: dict[str, Any]) -> list[str]:
    """A class's line in what is said of a model: figure, samples, positives and negatives, undefined resamples."""
    counts = [f"{estimate[key]:,}" for key in ("n", "positives", "negatives")]
    return [name, interval(estimate), *counts, f"{estimate['undefined'] or 0:.0%}"]


def _specs(boards: Sequence[Board]) -> dict[str, dict[str, str]]:
    """Every choice of each model and task on the page, once, by digest."""
    found: dict[str, dict[str, str]] = {}
    for board in boards:
        task = board.result["task"]
        found[task["digest"]] = _told(task["spec"])
        for row in board.rows:
            recipe = row.records[0].result["model"]["recipe"]
            found[digest(recipe)] = _told(recipe)
    return found


def _told(spec: dict[str, Any]) -> dict[str, str]:
    """Every choice by its dotted name, with its source where that is noted; of a field of fields, these alone."""
    flat = {key: value for key, value in flatten(spec).items() if not isinstance(value, dict)}
    noted: dict[str, str] = {}
    for at in ("", "baseline."):
        evidence = flat.pop(f"{at}evidence", None)
        noted |= {f"{at}{field}": f"   [{tag}: {note}]" for field, tag, note in evidence or ()}
    return {key: f"{value}{noted.get(key, '')}" for key, value in flat.items()}
