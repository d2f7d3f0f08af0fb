"""The pictures of a leaderboard's page, beside the intervals that its tables have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import task_title
from umcl_bench.records.plots import dials
from umcl_bench.records.plots.inline import inline
from umcl_bench.records.plots.kinds import KINDS, Kind
from umcl_bench.records.plots.style import Place
from umcl_bench.records.seeds import Board

Draw = Callable[[Place, str], str | None]


class Picture(NamedTuple):
    """What it is of, its SVG as a part of a page, and what it shows."""

    title: str
    svg: str
    caption: str


class Pictures(NamedTuple):
    """Those of each board, in the order of the boards, and those over a dial."""

    boards: list[list[Picture]]
    dials: list[Picture]


def pictures(boards: Sequence[Board], reporter: Reporter) -> Pictures:
    """All that can be drawn of these boards from what is on record."""
    found = []
    for at, board in enumerate(boards):
        reporter.say(f"drawing {task_title(board.result)}")
        drawn = [_picture(kind.title, _of(kind, board), f"plot-{at}-{k}") for k, kind in enumerate(KINDS)]
        found.append([picture for picture in drawn if picture])
    over = [
        _picture(f"{_name(of)} over {of.dial}", _over(of), f"dial-{at}") for at, of in enumerate(dials.series(boards))
    ]
    return Pictures(found, [picture for picture in over if picture])


def _of(kind: Kind, board: Board) -> Draw:
    return lambda place, name: kind.draw(board, place, name)


def _over(of: dials.Series) -> Draw:
    return lambda place, name: dials.draw(of, place, name)


def _name(of: dials.Series) -> str:
    return str(next(iter(of.boards.values())).result["task"]["name"])


def _picture(title: str, draw: Draw, name: str) -> Picture | None:
    drawn: dict[str, str] = {}
    caption = draw(drawn, name)
    return None if caption is None else Picture(title, inline(drawn[name], name, f"{title}: {caption}"), caption)
