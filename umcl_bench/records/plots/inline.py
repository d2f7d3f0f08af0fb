"""Pictures as parts of an HTML page: SVG that takes the page's colours and type, and shares no id with another."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from umcl_bench.records.plots.style import GREY, GRID, INK, LOOKS

DARK = ("#58a6e0", "#ff8c42", "#2dc79b", "#e3a3c6", "#f0b32d", "#8fd0f5")
"""LOOKS on a dark ground, in their order."""

COLORS = {
    INK: "ink",
    GREY: "soft",
    GRID: "line",
    "#FFFFFF": "page",
    **{of.color: f"look-{at}" for at, of in enumerate(LOOKS)},
}
"""The page's custom property for each colour of a picture."""

_FRACTION = re.compile(r"-?\d+\.\d{2,}")
_USED = re.compile(r"(?:url\()?#([\w.-]+)\)?")
_PX = 4 / 3  # CSS pixels a point


def inline(svg: str, prefix: str, told: str) -> str:
    """An SVG of matplotlib as an element of a page: `told` for those who can't see it, ids begin with `prefix`.

    Colours become the page's custom properties (COLORS); text stays text, in the page's type.
    """
    root = ElementTree.fromstring(svg)
    used = {m for e in root.iter() for v in e.attrib.values() if v.startswith(("#", "url(#")) for m in _USED.findall(v)}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {
            key.rpartition("}")[2]: _value(value, prefix)
            for key, value in element.attrib.items()
            if key != "id" or value in used
        }
        if "id" in element.attrib:
            element.attrib["id"] = f"{prefix}-{element.attrib['id']}"
    for defs in [child for child in root if child.tag == "defs" and child.find("style") is not None]:
        root.remove(defs)  # its rule would hold for all of the page
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "width": f"{width * _PX:.0f}",
        "height": f"{height * _PX:.0f}",
        "role": "img",
        "aria-label": told,
    }
    return ElementTree.tostring(root, encoding="unicode")


def _value(value: str, prefix: str) -> str:
    """An attribute with the page's colours, ids of its own, and a tenth of a point as its finest length."""
    if value.startswith(("#", "url(#")) and value.upper() not in COLORS:
        return value.replace("#", f"#{prefix}-", 1)
    value = re.sub(r"font-family:[^;]*;? ?", "", value)
    value = re.sub(r"#[0-9a-fA-F]{6}\b", lambda found: _color(found[0]), value)
    return _FRACTION.sub(lambda found: f"{float(found[0]):.1f}", value)


def _color(hexadecimal: str) -> str:
    name = COLORS.get(hexadecimal.upper())
    return f"var(--{name})" if name else hexadecimal
