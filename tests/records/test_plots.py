"""Pictures: what they show is what the records say, and equal records give equal files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from umcl_bench.records.plots.style import LOOKS, PNG_DPI, bare, look, panels, picture


def luminance(color: str) -> float:
    """The relative luminance (WCAG 2.1) of '#rrggbb': 0 is black, 1 white."""
    parts = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def test_a_picture_is_an_svg_and_a_png_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with picture(tmp_path / name, "p", (3, 2)) as figure:
            axes = panels(figure, 3, 2)
            axes[0].plot([0, 1], [0, 1])
            axes[0].set_title("50 $ and _ are no formula $")
            bare(axes[1])
    for kind in ("svg", "png"):
        first, second = ((tmp_path / name / f"p.{kind}").read_bytes() for name in ("one", "two"))
        assert first == second
    with Image.open(tmp_path / "one" / "p.png") as found:
        assert found.size == (3 * PNG_DPI, 2 * PNG_DPI)


def test_a_picture_that_fails_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), picture(tmp_path, "p", (3, 2)):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_series_differ_without_their_colour_and_are_seen_on_white() -> None:
    assert len({(of.marker, of.linestyle) for of in LOOKS}) == len(LOOKS)
    assert len({of.marker for of in LOOKS}) == len(LOOKS)
    assert look(len(LOOKS)) == look(0)
    for of in LOOKS[:4]:
        assert 1.05 / (luminance(of.color) + 0.05) > 3, "WCAG 2.1, 1.4.11: 3 to 1 for graphics"
