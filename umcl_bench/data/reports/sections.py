"""Cuts a radiology report into its sections.

The names and the choices follow MIT-LCP's create_section_files.py for MIMIC-CXR: a heading in capitals with a colon
begins a section, "FINDINGS AND IMPRESSION" and "CONCLUSION" count as impression, a heading that names the views
("CHEST, PA AND LATERAL:") as findings, the last of several sections of one name wins, an empty one does not count, and
where there is neither findings nor impression the paragraphs behind the first blank line of the last section are the
`last_paragraph`. Beyond it (ours):
headings at a line's start in any case ("Findings:"), alone on a line, or in the middle of one ("FINDINGS: ...
IMPRESSION: ..."; of those not in capitals only findings, impression and conclusion); and a heading that is in no table
("LUNGS:") begins no section, so that its text stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from umcl_bench.data.readers.base import Section
from umcl_bench.errors import unknown_name

_NAMES = {
    "findings": (
        "findings", "finding", "reference findings", "report", "chest findings", "radiographic findings", "findngs",
        "findins", "chest, two views",
    ),
    "impression": (
        "impression", "impressions", "conclusion", "conclusions", "findings and impression", "findings/impression",
        "findings/ impression", "findings & impression", "impression and findings", "impression/findings", "opinion",
        "summary", "interpretation", "impresson", "imprression", "impresion", "mpression", "impession",
    ),
    "comparison": (
        "comparison", "comparisons", "comparison exam", "comparison film", "comparison study", "reference exam",
        "comparision", "comparsion",
    ),
    "indication": (
        "indication", "indications", "clinical indication", "reason for exam", "reason for examination", "history",
        "reason for study", "clinical history", "clinical information", "patient history", "pfi", "idication",
    ),
    "technique": ("technique", "examination", "exam", "type of examination", "procedure", "views"),
    "other": (
        "recommendation", "recommendations", "recommendation(s)", "notification", "wet read", "wetread", "addendum",
        "date", "comment", "comments", "note", "electronically signed by", "signed by", "dictated by",
    ),
}  # fmt: skip
_SECTION_OF = {name: section for section, names in _NAMES.items() for name in names}
_VIEWS = re.compile(
    r"\b(?:chest|portable|pa and lat(?:eral)?|ap and lateral|lateral and [ap]{2}|"
    r"(?:one|two|frontal|lateral|pa|ap) views?|frontal (?:and|upright|semi-upright)|ribs)\b",
    re.IGNORECASE,
)


def _any_of(names: Iterable[str]) -> str:
    return "|".join(re.escape(n).replace(r"\ ", r"[ \t]+") for n in sorted(names, key=len, reverse=True))


_KNOWN = _any_of(_SECTION_OF)
_MAIN = _any_of(("findings", "impression", "conclusion"))
_CAPITALS = _any_of(name.upper() for name in _SECTION_OF)
_CAPITALISED = _any_of(name.capitalize() for name in _SECTION_OF)
_HEADING = re.compile(
    rf"^[ \t*_#>-]*(?P<line>(?i:{_KNOWN}))[ \t*_]*:[*_]*"  # at a line's start, in any case
    rf"|^[ \t*_#>-]*(?P<alone>{_CAPITALS}|{_CAPITALISED})[ \t*_]*$"  # alone on a line
    rf"|(?<=[.;:!?])[ \t*_]+(?P<inline>(?i:{_MAIN}))[ \t]*:[*_]*"  # a main one behind a sentence, in any case
    rf"|(?<![\w-])(?P<capitals>{_CAPITALS})[ \t]*:[*_]*"  # anywhere, in capitals
    r"|^[ \t]*(?P<views>[A-Z][A-Z0-9 (),/&-]{2,60})[ \t]*:",  # the views in capitals at a line's start
    re.MULTILINE,
)
_TITLE = re.compile(r"^[ \t]*(?:FINAL|PRELIMINARY|INTERIM)[ \t]+REPORT[ \t]*$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


class Sections(NamedTuple):
    """The parts of a report, each None where it is missing or empty.

    `unheaded` is what stands before the first heading (all of it where there is none), without the line "FINAL
    REPORT"; `whole` is the report as it is; `headed` says whether any heading was found.
    """

    whole: str | None
    unheaded: str | None = None
    findings: str | None = None
    impression: str | None = None
    comparison: str | None = None
    indication: str | None = None
    technique: str | None = None
    last_paragraph: str | None = None
    headed: bool = False


def sections(text: str) -> Sections:
    """The sections of a report. Takes any text; a report without headings is all `unheaded`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    headings = [(m, name) for m in _HEADING.finditer(text) if (name := _section_of(m))]
    starts = [m.start() for m, _ in headings] + [len(text)]
    found: dict[str, str | None] = {"unheaded": _TITLE.sub("", text[: starts[0]])}
    last = "unheaded"
    for (match, name), end in zip(headings, starts[1:], strict=True):
        body = text[match.end() : end]
        if body.strip():
            found[name], last = body, name
    if "findings" not in found and "impression" not in found:
        first, *rest = _BLANK_LINE.split((found[last] or "").strip("\n"), maxsplit=1)
        if rest and rest[0].strip():
            found[last], found["last_paragraph"] = first, rest[0]
    found.pop("other", None)
    cleaned = {name: (body or "").strip() or None for name, body in found.items()}
    return Sections(text.strip() or None, **cleaned, headed=bool(headings))


def _section_of(match: re.Match[str]) -> str | None:
    kind, text = match.lastgroup, " ".join(match[match.lastgroup or 0].split()).casefold()
    if kind != "views":
        return _SECTION_OF[text]
    main = next((s for s in ("impression", "findings", "comparison") if s in text), None)
    return main or ("indication" if "history" in text else "findings" if _VIEWS.search(text) else None)


def choose(parts: Sections, section: Section) -> str | None:
    """The text that `ReadOptions.section` names; None where the report lacks it.

    'findings+impression' is whichever of the two there are, in this order; where there is neither it is the last
    paragraph (which MIT-LCP writes beside them for this use), or the whole of a report without any heading. The other
    choices do not fall back on anything: 'longest' is the longer of findings and impression (the impression if equal).
    """
    if section == "findings+impression":
        both = "\n".join(part for part in (parts.findings, parts.impression) if part)
        return both or parts.last_paragraph or (None if parts.headed else parts.unheaded)
    if section == "longest":
        return max(parts.impression or "", parts.findings or "", key=len) or None
    if section == "report":
        return parts.whole
    if section in ("findings", "impression"):
        return parts.findings if section == "findings" else parts.impression
    raise unknown_name("section", section, ("findings+impression", "impression", "findings", "longest", "report"))
