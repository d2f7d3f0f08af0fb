"""A task over a dial of the phantom: the models' headline figures against the dial's value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from umcl_bench.records.leaderboard import title_of, versions_of
from umcl_bench.records.plots.boards import MOST, line, name_of
from umcl_bench.records.plots.style import Place, picture
from umcl_bench.records.seeds import Board, Standing, recipe_of
from umcl_bench.spec import digest


class Series(NamedTuple):
    """The boards of a task that differ by one dial alone, by its value."""

    dial: str
    boards: dict[float, Board]


def series(boards: Sequence[Board]) -> list[Series]:
    """Every dial that has two values or more while all else of the data, the task and the methods is the same."""
    groups: dict[tuple[str, str], dict[float, Board]] = {}
    for board in boards:
        result = board.result
        facts = result["data"]["facts"]
        for dial, value in facts.get("dials", {}).items():
            others = {**facts, "dials": {k: v for k, v in facts["dials"].items() if k != dial}}
            alike = digest([result["task"]["digest"], result["headline"], others, versions_of(result)])
            groups.setdefault((dial, alike), {})[float(value)] = board
    return [Series(dial, dict(sorted(of.items()))) for (dial, _), of in groups.items() if len(of) > 1]


def draw(found: Series, place: Place, name: str) -> str | None:
    """The models' figures against the dial, and the caption; None where no model is on record for two values."""
    rows: dict[str, dict[float, Standing]] = {}
    for value, board in found.boards.items():
        for row in board.rows:
            rows.setdefault(digest(list(recipe_of(row.records[0]))), {})[value] = row
    several = sorted((of for of in rows.values() if len(of) > 1), key=lambda of: (-len(of), name_of(_first(of))))
    if not several:
        return None
    first = next(iter(found.boards.values())).result
    with picture(place, name, (5.8, 3.2)) as figure:
        axes = figure.subplots()
        figure.suptitle(f"{first['task']['name']} on the PHANTOM (synthetic films, no patients)", fontsize=8)
        step = 0.008 * float(np.ptp(list(found.boards)))  # side by side, so that bars are seen
        for at, of in enumerate(several[:MOST]):
            line(
                axes,
                [value + step * at for value in of],
                [row.estimates["macro"] for row in of.values()],
                at,
                name_of(_first(of)),
            )
        axes.set_xticks(list(found.boards), [f"{value:g}" for value in found.boards])
        axes.set_xlabel(found.dial.replace("_", " "))
        axes.set_ylabel(title_of(first["headline"]))
        figure.legend(loc="outside right center")
    left = f"; {len(several) - MOST} more models are on record" if len(several) > MOST else ""
    return (
        f"{title_of(first['headline'])} against the phantom's dial {found.dial}, the mean over seeds with 95 % "
        f"intervals over patients{left}. Each value is other films, and other trained models where these are trained "
        "on them; `umcl-bench ablate` tests what a curve may claim."
    )


def _first(of: dict[float, Standing]) -> Standing:
    return next(iter(of.values()))
