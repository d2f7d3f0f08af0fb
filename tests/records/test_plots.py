"""Pictures: what they show is what the records say, and equal records give equal files."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from umcl_bench.records.plots.inline import inline
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


def test_a_picture_for_a_page_keeps_its_words_and_loses_ground_and_names_of_others() -> None:
    drawn: dict[str, str] = {}
    with picture(drawn, "a", (2, 2)) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 0.123456], color=LOOKS[0].color)
        axes.set_title("<umcl> 0.123456 & #0072B2")
    text = inline(drawn["a"], "first", 'told "so"')
    root = ElementTree.fromstring(text)
    assert root.attrib["aria-label"] == 'told "so"'
    assert "<umcl> 0.123456 & #0072B2" in [element.text for element in root.iter("text")]
    assert "var(--look-0)" in text
    assert not re.search(r"#[0-9a-f]{6}|http|font-family|\d\.\d{2,}(?![^<>]*</text>)", text)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert ids
    assert all(name.startswith("first-") for name in ids)
    assert not {element.tag for element in root.iter()} & {"style", "metadata"}
    assert inline(drawn["a"], "second", "") != text
