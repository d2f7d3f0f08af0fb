"""An ablation as a picture: curves over the dial or a measured number, else a forest of differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from umcl_bench.metrics.intervals import Estimate
from umcl_bench.records.ablation import Cell, Study, Value
from umcl_bench.records.ablation_report import measure_title
from umcl_bench.records.plots.style import GREY, INK, LOOKS, look, picture
from umcl_bench.spec import Arm, Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "ablation"
_ROW, _CURVES, _PANEL = 0.26, 3.4, 2.9  # inches: a forest's row, the height of curves, the width of a panel


def draw(found: Study, folder: Path) -> None:
    """Writes ablation.svg and ablation.png to `folder`: for each measure its figures, and beside them the gains."""
    ablation, curves = found.runs.ablation, _has_curves(found)
    measures = [m for m in ablation.measures if any(cell.measure == m.name for cell in found.runs.records)]
    height = _CURVES if curves else 1.2 + _ROW * len(ablation.arms)
    with picture(folder, NAME, (_PANEL * 2 * len(measures) + 1.4, height)) as figure:
        on = "the PHANTOM" if _kind(found) == "phantom" else "patients"
        seeds = f"seed{'s' if len(found.runs.seeds) > 1 else ''} {', '.join(map(str, found.runs.seeds))}"
        figure.suptitle(f"{ablation.name}: {ablation.title}\n{on}; {seeds}; bars: 95 % intervals over patients")
        axes = figure.subplots(1, 2 * len(measures), squeeze=False, sharey=False)[0]
        for at, measure in enumerate(measures):
            pair = axes[2 * at : 2 * at + 2]
            if curves:
                _curves(pair, measure, found)
            else:
                _forest(pair, measure, found, labels=at == 0)
        handles, labels = axes[0].get_legend_handles_labels()
        if len(labels) > 1:
            figure.legend(handles, labels, loc="outside right center")


def _kind(found: Study) -> str:
    return str(next(iter(found.runs.records.values()))[0].result["data"]["kind"])


def _has_curves(found: Study) -> bool:
    return len(found.runs.values) > 1 or bool(found.runs.ablation.axis)


def _forest(axes: Any, measure: Measure, found: Study, *, labels: bool) -> None:
    arms = found.runs.ablation.arms
    for place, arm in enumerate(arms):
        cell = Cell(measure.name, found.runs.values[0], arm.label)
        if cell not in found.figures:
            continue
        _bar(axes[0], found.figures[cell], place, filled=True)
        seeds = [_value(record.result["metrics"][found.key(measure)]["macro"]["value"])
                 for record in found.runs.records[cell]]  # fmt: skip
        _seeds(axes[0], seeds, place)
        if cell in found.tests:
            effect = found.tests[cell]
            _bar(axes[1], effect.estimate, place, filled=effect.holm < 1 - found.how.level)
            _seeds(axes[1], effect.each, place)
    axes[1].axvline(0, color=INK, linewidth=0.8)
    for axis in axes:
        axis.set_ylim(len(arms) - 0.5, -0.5)
        axis.set_yticks(range(len(arms)), [arm.label for arm in arms] if labels and axis is axes[0] else [])
        axis.grid(axis="y", visible=False)
        axis.locator_params(axis="x", nbins=6)
    axes[0].set_xlabel(f"{measure_title(measure, found)}{' (lower is better)' if measure.lower else ''}")
    axes[1].set_xlabel(_gain(list(arms), found))


def _seeds(axis: Axes, values: Sequence[float], place: float) -> None:
    """A stroke a seed, below the figure of all."""
    if len(values) > 1:
        axis.plot(values, [place + 0.25] * len(values), "|", color=GREY, markersize=5)


def _gain(arms: list[Arm], found: Study) -> str:
    """What these arms are better than: one arm, or those of one curve."""
    ablation = found.runs.ablation
    against = {ablation.against(arm) for arm in arms} - {""}
    if len(against) > 1:
        against = {arm.line for arm in ablation.arms if arm.label in against}
    whose = f"than {against.pop()}" if len(against) == 1 else "than what it is against"
    return f"better {whose} by\n(filled: p < 0.05 after Holm)"


def _bar(axis: Axes, e: Estimate, place: float, *, filled: bool) -> None:
    color = LOOKS[0].color
    axis.plot([e.low, e.high], [place, place], color=color)
    axis.plot([e.value], [place], "o", color=color, markerfacecolor=color if filled else "white")


def _curves(axes: Any, measure: Measure, found: Study) -> None:
    lines = _lines(found)
    compared = _compared(lines, found)
    for at, (label, points) in enumerate(lines.items()):
        for axis, gains in zip(axes, (False, True) if label in compared else (False,), strict=False):
            shown = [point for point in (_point(measure, x, value, arm, found, gains=gains)
                                         for x, value, arm in _places(points, found)) if point]  # fmt: skip
            if shown:
                _curve(axis, shown, at, label, dodge=(at - (len(lines) - 1) / 2) * 0.012 * _width(found))
    axes[1].axhline(0, color=INK, linewidth=0.8)
    axes[0].set_ylabel(f"{measure_title(measure, found)}{' (lower is better)' if measure.lower else ''}")
    axes[1].set_ylabel(_gain([arm for label in compared for _, arm in lines[label]], found))
    for axis in axes:
        axis.set_xlabel(found.runs.dial or found.runs.ablation.axis)
        _ticks(axis, measure, found)
    axes[1].set_xlim(axes[0].get_xlim())


def _compared(lines: dict[str, list[tuple[Value, Arm]]], found: Study) -> list[str]:
    """The curves whose gains are drawn: but for the one that the others are gains over, where there are others."""
    own = [label for label, points in lines.items() if found.runs.ablation.reference in [arm for _, arm in points]]
    return [label for label in lines if label not in own] or own


def _lines(found: Study) -> dict[str, list[tuple[Value, Arm]]]:
    """The points of each curve: an arm at each value of the dial; without a dial, the arms of one line."""
    lines: dict[str, list[tuple[Value, Arm]]] = {}
    for arm in found.runs.ablation.arms:
        for value in found.runs.values:
            label = arm.label if len(found.runs.values) > 1 else arm.line or arm.label
            lines.setdefault(label, []).append((value, arm))
    return lines


def _places(points: list[tuple[Value, Arm]], found: Study) -> list[tuple[float, Value, Arm]]:
    """The points with where they stand: at the dial's value, or at the measured number."""
    placed: list[tuple[float, Value, Arm]] = []
    for value, arm in points:
        if len(found.runs.values) > 1 and value is not None:
            placed.append((value, value, arm))
        else:
            cell = next((c for c in found.runs.records if c[1:] == (value, arm.label)), None)
            if cell is not None:
                placed.append((found.fact(cell, found.runs.ablation.axis), value, arm))
    return sorted(placed, key=lambda point: point[0])


def _point(
    measure: Measure, x: float, value: Value, arm: Arm, found: Study, *, gains: bool
) -> tuple[float, Estimate, bool] | None:
    cell = Cell(measure.name, value, arm.label)
    if not gains:
        return (x, found.figures[cell], True) if cell in found.figures else None
    effect = found.tests.get(cell)
    return None if effect is None else (x, effect.estimate, effect.holm < 1 - found.how.level)


def _curve(axis: Axes, points: list[tuple[float, Estimate, bool]], at: int, label: str, dodge: float) -> None:
    style, later = look(at), at >= len(LOOKS)
    x = np.array([point[0] for point in points]) + dodge
    of = [point[1] for point in points]
    axis.vlines(x, [e.low for e in of], [e.high for e in of], color=style.color, linewidth=0.8)
    line = style.linestyle
    values = [e.value for e in of]
    axis.plot(x, values, color=style.color, linestyle=line, marker=style.marker, label=label,
              markeredgewidth=1.2, alpha=0.75 if later else 1, markersize=6 if later else 4)  # fmt: skip
    hollow = [(place, e.value) for place, e, (_, _, sure) in zip(x, of, points, strict=True) if not sure]
    if hollow:
        axis.plot(*zip(*hollow, strict=True), linestyle="", marker=style.marker, color=style.color,
                  markerfacecolor="white", markersize=6 if later else 4)  # fmt: skip


def _width(found: Study) -> float:
    """How far the x axis reaches, in its own numbers; 0 where it is logarithmic."""
    if len(found.runs.values) > 1:
        known = [value for value in found.runs.values if value is not None]
        return max(known) - min(known)
    return 0.0 if found.runs.ablation.axis == "rows a step" else 0.75


def _ticks(axis: Axes, measure: Measure, found: Study) -> None:
    """At the dial's values, with the false negatives of the reference there; at the batches."""
    if len(found.runs.values) > 1:
        values = [value for value in found.runs.values if value is not None]
        cells = {value: Cell(measure.name, value, found.runs.ablation.reference.label) for value in values}
        rates = {v: found.fact(c, "false_negative_rate") if c in found.runs.records else np.nan
                 for v, c in cells.items()}  # fmt: skip
        told = [f"{v:g}" if np.isnan(rate) else f"{v:g}\n{rate:.0%} FN" for v, rate in rates.items()]
        if any(rate > 0 for rate in rates.values()):  # a reference that pushes none apart has nothing to show
            axis.set_xticks(values, told)
            axis.set_xlabel(f"{found.runs.dial} (FN: false negatives of {found.runs.ablation.reference.label})")
        else:
            axis.set_xticks(values, [f"{v:g}" for v in values])
    elif found.runs.ablation.axis == "rows a step":
        axis.set_xscale("log", base=2)
        cells_there = [cell for cell in found.runs.records if cell.measure == measure.name]
        batches = sorted({found.fact(cell, "rows a step") for cell in cells_there})
        axis.set_xticks(batches, [f"{batch:g}" for batch in batches])


def _value(value: float | None) -> float:
    return float("nan") if value is None else value
