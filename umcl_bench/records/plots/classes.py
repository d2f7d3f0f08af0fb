"""Pictures of single runs: ROC and precision-recall curves of each class, and figures in subgroups of patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.metrics.subgroups import Subgroups, subgroups
from umcl_bench.records.compare_report import p_cell
from umcl_bench.records.leaderboard import task_title, title_of
from umcl_bench.records.plots.boards import name_of
from umcl_bench.records.plots.style import GREY, Place, look, panels, picture
from umcl_bench.records.seeds import Board
from umcl_bench.records.store import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BY = ("sex", "age", "view", "site")
_RUNS, _PARTS = 3, 5
Curve = Callable[[Floats, Floats], tuple[Floats, Floats]]


def first_seeds(board: Board) -> dict[str, Record]:
    """The first seed of each of the best models."""
    firsts = [(row, min(row.records, key=lambda r: int(r.result["seed"]))) for row in board.rows[:_RUNS]]
    return {f"{name_of(row)}, seed {record.result['seed']}": record for row, record in firsts}


def few_parts(board: Board) -> bool:
    """Whether the headline is of scores that can stand for it: a few draws, not sixty wordings or corruptions."""
    _, figure = board.rows[0].records[0].figure(board.result["headline"])
    return len(figure.parts) <= _PARTS


def roc(target: Floats, value: Floats) -> tuple[Floats, Floats]:
    """The false and true positive rates at every threshold, from labels (n,) in {0, 1} and scores (n,)."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(target, value, drop_intermediate=False)
    return false, true


def precision_recall(target: Floats, value: Floats) -> tuple[Floats, Floats]:
    """Recall and precision at every threshold, from labels (n,) in {0, 1} and scores (n,)."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(target, value)
    return recall, precision


def roc_curves(board: Board, folder: Place, name: str) -> str | None:
    """A panel a class; None where scores are not those of one classification."""
    found = _curves(board, folder, name, roc, ("false positive rate", "true positive rate"))
    return f"ROC curves {found}; the dotted diagonal is chance." if found else None


def pr_curves(board: Board, folder: Place, name: str) -> str | None:
    """A panel a class; None where scores are not those of one classification."""
    found = _curves(board, folder, name, precision_recall, ("recall", "precision"))
    return f"Precision against recall {found}; dotted is the share of positives, which is chance." if found else None


def _curves(board: Board, folder: Place, name: str, curve: Curve, axis: tuple[str, str]) -> str | None:
    if not few_parts(board):
        return None
    runs = {label: _scored(record) for label, record in first_seeds(board).items()}
    (first, part), *_ = runs.values()
    if first is None or not (classes := drawable(first)):
        return None
    columns = min(5, len(classes))
    with picture(folder, name, (1.5 * columns + 0.6, 1.6 * -(-len(classes) // columns) + 0.8)) as figure:
        figure.suptitle(task_title(board.result), fontsize=8)
        grid = panels(figure, len(classes), columns)
        for axes, k in zip(grid, classes, strict=True):
            for at, (label, (scores, _)) in enumerate(runs.items()):
                if scores is not None:
                    _draw(axes, scores, k, curve, at, label)
            _chance(axes, first, k, diagonal=curve is roc)
            positives = int((first.target[:, k] == 1).sum())
            axes.set_title(f"{first.classes[k]}\n{positives:,}+ {int((first.target[:, k] == 0).sum()):,}-")
            axes.set_xlim(-0.02, 1.02)
            axes.set_ylim(-0.02, 1.02)
        for axes in grid[-columns:]:
            axes.set_xlabel(axis[0])
        figure.supylabel(axis[1], fontsize=8)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=1)
    of = f" (of its scores {part!r})" if part else ""
    return f"of each class that has both sides{of}, of the first seed of the best models"


def _scored(record: Record) -> tuple[Scores | None, str]:
    """The first part of the headline's figure, and its name; None where it is no classification."""
    _, figure = record.figure(record.result["headline"])
    scores = record.parts()[figure.parts[0]]
    return (scores if {"value", "target"} <= set(scores.columns) else None), figure.parts[0]


def drawable(scores: Scores) -> list[int]:
    """The classes with a positive, a negative and no undefined score."""
    found = []
    for k in range(len(scores.classes)):
        known = ~np.isnan(scores.target[:, k])
        if len(set(scores.target[known, k])) == 2 and not np.isnan(scores.value[known, k]).any():
            found.append(k)
    return found


def _draw(axes: Axes, scores: Scores, k: int, curve: Curve, at: int, label: str) -> None:
    known = ~np.isnan(scores.target[:, k])
    if np.isnan(scores.value[known, k]).any():
        return
    of = look(at)
    axes.plot(*curve(scores.target[known, k], scores.value[known, k]), color=of.color, ls=of.linestyle, label=label)


def _chance(axes: Axes, scores: Scores, k: int, *, diagonal: bool) -> None:
    share = float(np.nanmean(scores.target[:, k]))
    axes.plot([0, 1], [0, 1] if diagonal else [share, share], color=GREY, linestyle=":", linewidth=1)


def groups(board: Board, folder: Place, name: str) -> str | None:
    """The headline in subgroups of patients; None where groups are not on record, or the headline is of many parts."""
    if not few_parts(board):
        return None
    key, chosen = board.result["headline"], first_seeds(board)
    found = {label: _subgroups(record, key) for label, record in chosen.items()}
    kinds = list(dict.fromkeys(by for of in found.values() for by in of))
    if not kinds:
        return None
    names = [_groups_of(by, found.values()) for by in kinds]
    height = 1.1 + 0.36 * sum(map(len, names)) + 0.5 * len(kinds)
    with picture(folder, name, (5.6, height)) as figure:
        figure.suptitle(task_title(board.result), fontsize=8)
        ratios: dict[str, Any] = {"height_ratios": [len(of) + 1 for of in names]}
        grid = figure.subplots(len(kinds), 1, squeeze=False, sharex=True, gridspec_kw=ratios)[:, 0]
        for axes, by, places in zip(grid, kinds, names, strict=True):
            for at, (label, of) in enumerate(found.items()):
                if by in of:
                    _dots(axes, of[by], places, at, label)
            axes.set_yticks(range(len(places)), places)
            axes.set_ylim(len(places) - 0.4, -0.6)
            axes.set_title(by, loc="left")
            axes.grid(visible=False, axis="y")
        grid[-1].set_xlabel(title_of(key))
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=1)
    gaps = "; ".join(_gap(label, of) for label, of in found.items() if of)
    return f"{title_of(key)} in groups of patients, of the first seed of the best models, with 95 % intervals. {gaps}."


def _subgroups(record: Record, key: str) -> Mapping[str, Subgroups]:
    """By what the record's samples know, where two groups or more can be compared."""
    (metric, figure), parts = record.figure(key), record.parts()
    known = parts[figure.parts[0]].groups
    found = {by: subgroups(parts, metric, figure, by, record.intervals()) for by in _BY if by in known}
    return {by: of for by, of in found.items() if of.gap is not None}


def _groups_of(by: str, found: Any) -> list[str]:
    several = [of[by] for of in found if by in of]
    return list(dict.fromkeys(name for of in several for name in of.groups if name not in of.small))


def _dots(axes: Axes, found: Subgroups, places: Sequence[str], at: int, label: str) -> None:
    of = look(at)
    heights = [places.index(name) + 0.2 * (at - 1) for name in found.groups if name in places]
    macros = [macro["macro"] for name, macro in found.groups.items() if name in places]
    axes.plot([m.value for m in macros], heights, of.marker, color=of.color, label=label)
    axes.hlines(heights, [m.low for m in macros], [m.high for m in macros], color=of.color, linewidth=0.8)


def _gap(label: str, found: Mapping[str, Subgroups]) -> str:
    told = [
        f"{by} {of.gap.best} over {of.gap.worst} {of.gap.estimate.value:.3f} "
        f"[{of.gap.estimate.low:.3f}, {of.gap.estimate.high:.3f}], p of all being equal {p_cell(of.gap.p)}"
        for by, of in found.items()
        if of.gap is not None
    ]
    return f"Gaps of {label}: {', '.join(told)}"
