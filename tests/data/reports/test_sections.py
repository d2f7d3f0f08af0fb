"""Sections of reports in MIMIC-CXR's, IU X-Ray's and other styles."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umcl_bench.data.readers.base import Section
from umcl_bench.data.reports.sections import choose, sections
from umcl_bench.errors import UsageError

MIMIC = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with new onset ascites  // eval for infection

 TECHNIQUE:  Chest PA and lateral

 COMPARISON:  None.

 FINDINGS:

 There is no focal consolidation, pleural effusion or
 pneumothorax.

 IMPRESSION:

 No acute cardiopulmonary process.
"""
NO_HEADINGS_AT_ALL = "The heart is big. No effusion."


def test_mimic_style() -> None:
    parts = sections(MIMIC)
    assert parts.findings == "There is no focal consolidation, pleural effusion or\n pneumothorax."
    assert parts.impression == "No acute cardiopulmonary process."
    assert parts.comparison == "None."
    assert parts.indication == "___F with new onset ascites  // eval for infection"
    assert parts.technique == "Chest PA and lateral"
    assert (parts.unheaded, parts.last_paragraph) == (None, None)


def test_windows_line_ends_make_no_difference() -> None:
    assert sections(MIMIC.replace("\n", "\r\n"))[1:] == sections(MIMIC)[1:]


@pytest.mark.parametrize(
    "text",
    [
        "FINDINGS: Clear lungs. IMPRESSION: Normal.",
        "Findings: Clear lungs.\nImpression: Normal.",
        "findings : Clear lungs.\n\nimpression : Normal.",
        "**FINDINGS:** Clear lungs.\n**IMPRESSION:** Normal.",
        "## Findings\nClear lungs.\n\n## Impression\nNormal.",
        "FINDINGS\n\nClear lungs.\n\nIMPRESSION\n\nNormal.",
        "Findings: Clear lungs. Impression: Normal.",
        "CHEST, PA AND LATERAL: Clear lungs.\n\n CONCLUSION: Normal.",
        "PORTABLE CHEST RADIOGRAPH: Clear lungs.\n IMPRESSON: Normal.",
        "FINDINGS: \n\nFINDINGS: Clear lungs.\nIMPRESSION: Normal.\nIMPRESSION:",
        "WET READ: Edema.\n FINAL REPORT\n FINDINGS: Clear lungs.\n IMPRESSION: Normal.\n NOTIFICATION: Called.",
    ],
)
def test_other_styles(text: str) -> None:
    parts = sections(text)
    assert (parts.findings, parts.impression) == ("Clear lungs.", "Normal.")


def test_findings_and_impression_in_one_are_the_impression() -> None:
    parts = sections("FINDINGS AND IMPRESSION: Clear lungs.")
    assert (parts.findings, parts.impression) == (None, "Clear lungs.")
    assert sections("FINDINGS/IMPRESSION: Clear lungs.").impression == "Clear lungs."


def test_the_last_paragraph_where_there_is_neither() -> None:
    parts = sections("INDICATION: Cough.\n\n The lungs are clear.\n\n No effusion.")
    assert parts.indication == "Cough."
    assert parts.last_paragraph == "The lungs are clear.\n\n No effusion."
    assert choose(parts, "findings+impression") == parts.last_paragraph
    assert [choose(parts, s) for s in ("findings", "impression", "longest")] == [None] * 3


def test_organ_headings_stay_with_their_section() -> None:
    parts = sections("FINDINGS:\nLUNGS: Clear.\nHEART: Normal.\nIMPRESSION: Normal.")
    assert parts.findings == "LUNGS: Clear.\nHEART: Normal."


def test_words_in_a_sentence_are_no_headings() -> None:
    text = "The findings are stable and my impression is that history repeats. Indication: none given. No effusion."
    assert sections(text).unheaded == text


def test_what_is_chosen() -> None:
    parts = sections("FINDINGS: Clear lungs and heart. IMPRESSION: Normal.")
    assert choose(parts, "findings+impression") == "Clear lungs and heart.\nNormal."
    assert choose(parts, "longest") == "Clear lungs and heart."
    assert choose(parts, "report") == "FINDINGS: Clear lungs and heart. IMPRESSION: Normal."
    assert choose(sections("IMPRESSION: Normal."), "findings+impression") == "Normal."
    assert choose(sections("IMPRESSION: Normal."), "findings") is None
    assert choose(sections(NO_HEADINGS_AT_ALL), "findings+impression") == NO_HEADINGS_AT_ALL
    assert choose(sections(NO_HEADINGS_AT_ALL), "longest") is None
    assert choose(sections("INDICATION: Cough."), "findings+impression") is None


@pytest.mark.parametrize("section", get_args(Section))
def test_nothing_gives_nothing(section: Section) -> None:
    assert choose(sections(" \n\n "), section) is None


def test_an_unknown_choice_is_named() -> None:
    with pytest.raises(UsageError, match=r"no section is named 'impresion'\. Did you mean 'impression'"):
        choose(sections(MIMIC), "impresion")  # type: ignore[arg-type]


@given(st.text(max_size=200) | st.text(alphabet="FINDGSMPREOC: \n.a*", max_size=200))
def test_nothing_is_invented(text: str) -> None:
    whole = "".join(text.split())
    parts = sections(text)
    for part in parts[:-1]:
        assert part is None or (part.strip() and "".join(part.split()) in whole)


@pytest.mark.parametrize("text", [" " * 100_000, "FINDINGS:" * 20_000, "\n " * 50_000, "A" * 100_000, "- " * 50_000])
def test_hostile_texts_take_linear_time(text: str) -> None:
    sections(text)
