"""A contact sheet of a source: films with mask outlines, findings and reports, as one PNG."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.errors import DataError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PIXELS = 256
_WHAT = {"phantom": "PHANTOM: synthetic films, no patients", "patients": "patients' films"}


def contact_sheet(corpora: Sequence[Corpus], path: Path, count: int, seed: int) -> int:
    """Draws `count` films of each corpus, chosen by `seed`, to a PNG, side by side; returns how many were drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = [_choose(corpus, count, seed) for corpus in corpora]
    each = min(4 if len(corpora) == 1 else 3, max(map(len, chosen)))  # columns of a corpus
    lines = -(-max(map(len, chosen)) // each)
    figure = Figure(figsize=(3.1 * each * len(corpora), 4.6 * lines + 0.5), dpi=110)
    FigureCanvasAgg(figure)
    titles = [
        f"{c.source}: {len(rows)} of {len(c):,} ({_WHAT[c.kind]})" for c, rows in zip(corpora, chosen, strict=True)
    ]
    figure.suptitle("   |   ".join(titles) + "; red: mask", fontsize=10)
    grid = figure.add_gridspec(2 * lines, each * len(corpora), height_ratios=[3, 1.4] * lines, hspace=0.04, wspace=0.05)
    grid.update(left=0.01, right=0.99, top=1 - 0.6 / (4.6 * lines + 0.5), bottom=0.01)
    for block, (corpus, rows) in enumerate(zip(corpora, chosen, strict=True)):
        for place, row in enumerate(rows):
            line, column = divmod(place, each)
            at = column + block * each
            _draw_film(figure.add_subplot(grid[2 * line, at]), corpus, int(row))
            below = figure.add_subplot(grid[2 * line + 1, at])
            below.set_axis_off()
            words = _caption(corpus, int(row))
            below.text(0, 1, words, fontsize=6.5, va="top", parse_math=False, transform=below.transAxes)
    part = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(part, format="png")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return sum(map(len, chosen))


def _choose(corpus: Corpus, count: int, seed: int) -> Rows:
    rows = corpus.with_image(np.arange(len(corpus)))
    if not len(rows):
        raise UsageError(f"{corpus.source} has no films to draw")
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def _draw_film(axes: Axes, corpus: Corpus, row: int) -> None:
    try:
        _draw_pixels(axes, corpus, row)
    except DataError as error:  # a look at the others is what the user came for
        words = textwrap.fill(str(error), 40, max_lines=10)
        axes.text(0.02, 0.98, words, fontsize=6.5, va="top", color="red", parse_math=False, transform=axes.transAxes)
    axes.set_axis_off()
    name = Path(str(corpus.ids[row])).name
    short = name if len(name) <= 26 else f"{name[:8]}…{name[-17:]}"
    axes.set_title(f"{short} · {corpus.splits[row]} · {corpus.views[row] or 'view ?'}", fontsize=6.5, pad=2)


def _draw_pixels(axes: Axes, corpus: Corpus, row: int) -> None:
    axes.imshow(corpus.pixels.read(row, _PIXELS), cmap="gray", vmin=0, vmax=255)
    if corpus.masks is not None and corpus.has_mask is not None and corpus.has_mask[row]:
        mask = corpus.masks.read(row, _PIXELS) > 0
        if mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors="red", linewidths=0.8)


def _caption(corpus: Corpus, row: int) -> str:
    labels = corpus.labels[row]
    named = [name for name, value in zip(corpus.classes, labels, strict=True) if value == 1]
    findings = ", ".join(named) or ("no label known" if np.isnan(labels).all() else "none of the findings")
    report = textwrap.shorten(corpus.reports[row] or "(no report)", 260, placeholder=" …")
    return textwrap.fill(findings, 46) + "\n" + textwrap.fill(report, 52)
