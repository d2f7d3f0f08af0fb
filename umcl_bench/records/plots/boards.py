"""Pictures of one task on one source, from a board: the models, and how their figures move with what a task varies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from umcl_bench.metrics.flips import part_figures
from umcl_bench.metrics.intervals import Estimate, estimate_figure
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats, Parts
from umcl_bench.records.leaderboard import headline, task_title, title_of
from umcl_bench.records.plots.style import GREY, INK, Place, look, panels, picture
from umcl_bench.records.seeds import Board, Standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 5
"""So many models at most are drawn as lines: more can't be told apart."""

_SHARE = re.compile(r"(?P<number>[\d.]+)(%| shots?)")
_AXES = {
    True: ("share of the training patients", "the share of the training patients that is fitted on"),
    False: ("films of each side of a class", "the films of each side of a class that are fitted on"),
}


def name_of(row: Standing) -> str:
    """What a picture calls a model."""
    return f"{row.name} ({row.size})"


def shown(board: Board) -> tuple[tuple[Standing, ...], str]:
    """The models that are drawn as lines, and how to say which these are."""
    rows = board.rows[:MOST]
    return rows, f"the best {len(rows)} of {len(board.rows)} models" if len(rows) < len(board.rows) else "all models"


def forest(board: Board, folder: Place, name: str) -> str:
    """Every model's headline with its interval, and its seeds; returns the caption."""
    key, rows = board.result["headline"], board.rows
    chance = get_metric(key.partition(" (")[0]).chance
    with picture(folder, name, (6.2, 1.1 + 0.24 * len(rows))) as figure:
        axes = figure.subplots()
        figure.suptitle(task_title(board.result), fontsize=8)
        if chance is not None:
            axes.axvline(chance, color=GREY, linestyle=":", linewidth=1)
        for at, row in enumerate(rows):
            found = row.estimates["macro"]
            bar(axes, found, at)
            for record in row.records if len(row.records) > 1 else ():
                value = headline(record)["value"]
                axes.plot([np.nan if value is None else value], [at + 0.22], "|", color=GREY, markersize=5)
            axes.annotate(
                f"{_text(found.value)} [{_text(found.low)}, {_text(found.high)}]",
                (1.01, at),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=7.5,
            )
        axes.set_yticks(range(len(rows)), [name_of(row) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(title_of(key))
    seeds = "; grey strokes: its seeds" if any(len(row.records) > 1 for row in rows) else ""
    dotted = "; dotted: chance" if chance is not None else ""
    return (
        f"{title_of(key)} of every model, the mean over its seeds, with the 95 % interval of the patient-cluster "
        f"bootstrap{seeds}{dotted}."
    )


def bar(axes: Axes, found: Estimate, at: float) -> None:
    """A horizontal estimate at height `at`: nothing where it is undefined, no bar where it has no interval."""
    axes.plot([found.low, found.high], [at, at], color=INK, linewidth=1)
    axes.plot([found.value], [at], "o", color=look(0).color)


def shares(board: Board, folder: Place, name: str) -> str | None:
    """The headline's metric against the share of training patients or the shots; None for a task without these."""
    metric = board.result["headline"].partition(" (")[0]
    found = {text: _SHARE.fullmatch(text) for text in board.result.get("figures", {})}
    points = [(float(match["number"]), text) for text, match in found.items() if match]
    if len(points) < 2:
        return None
    axis, told = _AXES[points[0][1].endswith("%")]
    rows, which = shown(board)
    with picture(folder, name, (5.6, 3.2)) as figure:
        axes = figure.subplots()
        figure.suptitle(task_title(board.result), fontsize=8)
        axes.set_xscale("log")
        numbers = [number for number, _ in points]
        for at, row in enumerate(rows):
            estimates = [_estimate(row, metric, text) for _, text in points]
            line(axes, numbers, estimates, at, name_of(row), spread=1.02)
        axes.set_xticks(numbers, [text for _, text in points])
        axes.minorticks_off()
        axes.set_xlabel(axis)
        axes.set_ylabel(title_of(metric))
        figure.legend(loc="outside right center")
    return f"{title_of(metric)} against {told}, with 95 % intervals, {which}; small shares are means over their draws."


def line(axes: Axes, x: Sequence[float], found: Sequence[Estimate], at: int, label: str, spread: float = 1.0) -> None:
    """A series with its intervals; `spread` moves series number `at` sideways by that factor, so that bars are seen."""
    of = look(at)
    moved = [place * spread**at for place in x]
    values, low, high = (np.array([getattr(e, end) for e in found]) for end in ("value", "low", "high"))
    axes.plot(moved, values, color=of.color, marker=of.marker, linestyle=of.linestyle, label=label)
    axes.vlines(moved, low, high, color=of.color, linewidth=0.8)


def _estimate(row: Standing, metric: str, label: str) -> Estimate:
    """The macro figure of that label, the mean over the seeds."""
    first = row.records[0]
    _, figure = first.figure(Figure(label).key(metric))
    return estimate_figure([record.parts() for record in row.records], metric, figure, first.intervals())["macro"]


def severities(board: Board, folder: Place, name: str) -> str | None:
    """The headline's metric against how much films are corrupted, on average and by corruption; None elsewhere."""
    spec = board.result["task"]["spec"].get("protocol", {})
    if spec.get("kind") != "robust":
        return None
    metric, steps, kinds = board.result["headline"].partition(" (")[0], spec["severities"], spec["corruptions"]
    rows, which = shown(board)
    with picture(folder, name, (7.2, 1.7 * -(-(len(kinds) + 1) // 3) + 0.5)) as figure:
        axes = panels(figure, len(kinds) + 1, 3)
        figure.suptitle(task_title(board.result), fontsize=8)
        for at, row in enumerate(rows):
            labels = ["clean", *(f"severity {step}" for step in steps)]
            line(axes[0], [0, *steps], [_estimate(row, metric, label) for label in labels], at, name_of(row))
            runs = [record.parts() for record in row.records]
            for panel, kind in zip(axes[1:], kinds, strict=True):
                of = look(at)
                values = [_corrupted(runs, metric, ending) for ending in ("clean", *(f"{kind}/{s}" for s in steps))]
                panel.plot([0, *steps], values, color=of.color, marker=of.marker, linestyle=of.linestyle)
        for panel, title in zip(axes, ["all corruptions", *kinds], strict=True):
            panel.set_title(title)
            panel.set_xticks([0, *steps], ["clean", *map(str, steps)])
        figure.supxlabel("severity", fontsize=8)
        figure.supylabel(title_of(metric), fontsize=8)
        figure.legend(loc="outside right center")
    return (
        f"{title_of(metric)} on clean and on corrupted films, {which}: the mean over all corruptions with 95 % "
        "intervals, and each corruption without."
    )


def _corrupted(runs: Sequence[Parts], metric: str, ending: str) -> float:
    """The mean, over the runs and the protocol's own parts, of the macro figure of the parts that end so."""
    names = tuple(part for part in runs[0] if part.split(" ")[-1] == ending)
    return float(np.mean([part_figures(parts, names, metric) for parts in runs]))


def wordings(board: Board, folder: Place, name: str) -> str | None:
    """How the headline is spread over the wordings of a prompt; None for a task without wordings."""
    if board.result["task"]["spec"].get("protocol", {}).get("kind") != "prompt-sensitivity":
        return None
    key, rows = board.result["headline"], board.rows
    with picture(folder, name, (6.2, 1.1 + 0.32 * len(rows))) as figure:
        axes = figure.subplots()
        figure.suptitle(task_title(board.result), fontsize=8)
        for at, row in enumerate(rows):
            values = wording_figures(row, key)
            moved = np.linspace(-0.28, 0.28, len(values))
            axes.plot(np.sort(values), at + moved, ".", color=look(0).color, markersize=3, alpha=0.7)
            axes.plot([values.mean()], [at], "D", color=look(1).color, markeredgecolor="white")
        axes.set_yticks(range(len(rows)), [name_of(row) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(title_of(key))
    return (
        f"{title_of(key)} by each wording of the prompts, a dot a wording (in order, the mean over the seeds), and "
        "their mean, a diamond. Models whose dots fall together read nothing of the wording."
    )


def wording_figures(row: Standing, key: str) -> Floats:
    """The figure by each wording, the mean over the seeds (p,)."""
    metric, figure = row.records[0].figure(key)
    each = [part_figures(record.parts(), figure.parts, metric) for record in row.records]
    return np.asarray(np.mean(each, axis=0))


def _text(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
