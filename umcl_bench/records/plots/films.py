"""Pictures with films: what was found for a query, where a film is like a prompt, and outlines of masks.

Whoever makes one knows whose films these are: report.py says it above all.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.scores import Floats
from umcl_bench.records.plots.style import LOOKS, bare, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Film = NDArray[np.uint8]
Mask = NDArray[np.bool_]

HIT, MISS = LOOKS[2], LOOKS[1]
TRUTH, PREDICTED = LOOKS[5], LOOKS[4]
_LETTERS, _LINES = 27, 12
_PANEL = 1.5  # inches


class Item(NamedTuple):
    """A film or a text, by its id, with its classes where these decide."""

    id: str
    classes: str = ""
    film: Film | None = None
    text: str = ""


class Found(NamedTuple):
    """A candidate that was found for a query, its cosine, and whether it is relevant."""

    item: Item
    cosine: float
    hit: bool


class Answer(NamedTuple):
    """A query, the candidates that are nearest to it, and what is said of its first hit."""

    query: Item
    nearest: Sequence[Found]
    told: str


class Map(NamedTuple):
    """A film and a number for each of its pixels, with the outline of what is there, if that is known."""

    film: Film
    values: Floats
    outline: Mask | None
    title: str


class MapRow(NamedTuple):
    """Films under one scale of colours; `signed`: zero is its middle."""

    title: str
    scale: str
    maps: Sequence[Map]
    signed: bool


class Outlined(NamedTuple):
    """A film with the true and the predicted mask."""

    film: Film
    truth: Mask
    predicted: Mask
    title: str


def gallery(answers: Sequence[Answer], title: str, folder: Path, name: str) -> None:
    """A row a query: the query, then what is nearest to it, hits and misses told by frame, dash and word."""
    columns = 1 + max(len(answer.nearest) for answer in answers)
    size = (_PANEL * columns + 0.2, (_PANEL + 0.55) * len(answers) + 0.3)
    with picture(folder, name, size) as figure:
        figure.suptitle(title, fontsize=8)
        grid = figure.subplots(len(answers), columns, squeeze=False)
        for line, answer in zip(grid, answers, strict=True):
            _item(line[0], answer.query)
            line[0].set_title(f"query\n{answer.told}")
            for place, axes in enumerate(line[1:]):
                if place >= len(answer.nearest):
                    _nothing(axes)
                    continue
                found = answer.nearest[place]
                _item(axes, found.item)
                _frame(axes, found)
                axes.set_title(f"{place + 1}: {'HIT' if found.hit else 'miss'}\ncosine {found.cosine:.3f}")


def _item(axes: Axes, item: Item) -> None:
    bare(axes)
    below = [item.id, *textwrap.wrap(item.classes, 36, max_lines=1, placeholder=" …")]
    axes.set_xlabel("\n".join(below), fontsize=5.5, labelpad=2)
    if item.film is not None:
        _film(axes, item.film)
        return
    words = textwrap.wrap(item.text, _LETTERS, max_lines=_LINES, placeholder=" …")
    axes.text(0.03, 0.97, "\n".join(words), va="top", fontsize=5.8, linespacing=1.15, transform=axes.transAxes)
    axes.set_box_aspect(1)


def _frame(axes: Axes, found: Found) -> None:
    of = HIT if found.hit else MISS
    for spine in axes.spines.values():
        spine.set(
            visible=True, color=of.color, linewidth=2.4 if found.hit else 1.4, linestyle="-" if found.hit else ":"
        )


def _nothing(axes: Axes) -> None:
    """No axis at all; without its ticks, which are many times slower to lay out than all else."""
    bare(axes)
    axes.set_axis_off()


def _film(axes: Axes, film: Film) -> None:
    axes.imshow(film, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def heat_maps(rows: Sequence[MapRow], title: str, folder: Path, name: str) -> None:
    """A row for each of `rows`: every film beside the film under its map, and the scale of colours of the row."""
    columns = 2 * max(len(row.maps) for row in rows)
    with picture(folder, name, (_PANEL * columns + 1.1, (_PANEL + 0.3) * len(rows) + 0.5)) as figure:
        figure.suptitle(title, fontsize=8)
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for line, row in zip(grid, rows, strict=True):
            _map_row(figure, line, row)


def _map_row(figure: Figure, line: Sequence[Axes], row: MapRow) -> None:
    low, high = (float(end([end(one.values) for one in row.maps])) for end in (np.min, np.max))
    if row.signed:
        high = max(abs(low), abs(high))
        low = -high
    shown = None
    for place, one in enumerate(row.maps):
        film, over = line[2 * place], line[2 * place + 1]
        for axes in (film, over):
            _film(axes, one.film)
            _outline(axes, one.outline, PREDICTED.color, "-")
        shown = over.imshow(one.values, cmap="RdBu_r" if row.signed else "viridis", vmin=low, vmax=high, alpha=0.5)
        film.set_title(one.title, loc="left")
    for axes in line:
        _nothing(axes)
    line[0].text(
        -0.05, 0.5, textwrap.fill(row.title, 24), rotation=90, va="center", ha="right", transform=line[0].transAxes
    )
    assert shown is not None
    bar = figure.colorbar(shown, ax=list(line), fraction=0.04, pad=0.01)
    bar.set_label(textwrap.fill(row.scale, 26), fontsize=6.5)
    bar.ax.tick_params(labelsize=6)


def overlays(films: Sequence[Outlined], title: str, folder: Path, name: str) -> None:
    """Films with the outlines of the true and the predicted mask, and beside each the film alone."""
    columns = min(3, len(films))
    lines = -(-len(films) // columns)
    with picture(folder, name, (2 * _PANEL * columns + 0.2, (_PANEL + 0.35) * lines + 0.8)) as figure:
        figure.suptitle(title, fontsize=8)
        grid = figure.subplots(lines, 2 * columns, squeeze=False)
        for axes in grid.flat:
            _nothing(axes)
        pairs = [line[2 * k : 2 * k + 2] for line in grid for k in range(columns)]
        for (plain, over), one in zip(pairs, films, strict=False):
            for axes in (plain, over):
                _film(axes, one.film)
            _outline(over, one.truth, TRUTH.color, "-")
            _outline(over, one.predicted, PREDICTED.color, "--")
            plain.set_title(one.title, loc="left")
        _legend(figure)


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=TRUTH.color, linestyle="-"), Line2D([], [], color=PREDICTED.color, linestyle="--")]
    figure.legend(lines, ["true mask", "predicted mask"], loc="outside lower center", ncols=2)


def _outline(axes: Axes, mask: Mask | None, color: str, linestyle: str) -> None:
    """The border of a mask, at the edges of its pixels; nothing for one that is empty, or all of the film."""
    if mask is None or not mask.any():
        return
    padded = np.pad(mask.astype(float), 1)
    places = np.arange(-1, len(mask) + 1)
    axes.contour(places, places, padded, levels=[0.5], colors=[color], linestyles=[linestyle], linewidths=1.0)
    axes.set_xlim(-0.5, len(mask) - 0.5)
    axes.set_ylim(len(mask) - 0.5, -0.5)
