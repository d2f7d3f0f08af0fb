"""How every picture looks, and how it is written: one size of type, few colours, each with a marker and a dash."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Look(NamedTuple):
    """What tells a series apart, in colour and without: matplotlib's colour, marker and dash."""

    color: str
    marker: str
    linestyle: str


LOOKS = (
    Look("#0072B2", "o", "-"),
    Look("#D55E00", "s", "--"),
    Look("#009E73", "^", "-."),
    Look("#CC79A7", "D", ":"),
    Look("#E69F00", "v", "-"),
    Look("#56B4E9", "P", "--"),
)
"""The colours of Okabe and Ito (2008), "Color universal design", with the darkest first."""

GREY, INK, GRID = "#8C8C8C", "#222222", "#DDDDDD"
PNG_DPI = 160

Place = Path | dict[str, str]
"""Where pictures go: a folder (SVG and PNG), or a mapping that takes each as SVG by its name, for a page."""

_RC: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "legend.frameon": False,
    "text.parse_math": False,  # names are not formulas
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "umcl-bench",  # equal pictures are equal files
}


def look(at: int) -> Look:
    """That of series number `at`; after the last the first comes again."""
    return LOOKS[at % len(LOOKS)]


@contextmanager
def picture(where: Place, name: str, size: tuple[float, float]) -> Iterator[Figure]:
    """Yields a figure of so many inches; when the block ends well it is at its place, as `name`."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=size)
        yield figure
        if isinstance(where, Path):
            figure.savefig(where / f"{name}.svg", metadata={"Date": None})
            figure.savefig(where / f"{name}.png", dpi=PNG_DPI, metadata={"Software": None})
        else:
            where[name] = _for_a_page(figure)


def _for_a_page(figure: Figure) -> str:
    """SVG with its text as text, without a ground and without metadata."""
    import matplotlib

    written = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    return written.getvalue()


def panels(figure: Figure, count: int, most: int = 4, *, share: bool = True) -> list[Axes]:
    """`count` axes in rows of at most `most`, which share their scales unless said; unused places stay empty."""
    columns = min(most, count)
    grid = figure.subplots(-(-count // columns), columns, squeeze=False, sharex=share, sharey=share)
    axes: list[Axes] = list(grid.flat)
    for unused in axes[count:]:
        unused.set_axis_off()
    for above in axes[max(0, count - columns) : count]:  # the lowest of its column
        above.tick_params(labelbottom=True)
    return axes[:count]


def bare(axes: Axes) -> None:
    """No frame, ticks or grid: for films."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
