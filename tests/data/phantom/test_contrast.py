"""Contrast groups: the studies of a group differ in one attribute and nothing else, and so do their films."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from umcl_bench.data.phantom import PhantomSpec
from umcl_bench.data.phantom.contrast import VARIED, contrast_group
from umcl_bench.data.phantom.render import draw_film
from umcl_bench.data.phantom.reports import parse_report, report_entities, write_report
from umcl_bench.data.phantom.studies import DEVICES, Study
from umcl_bench.errors import UsageError

SPEC = PhantomSpec()
MAY_CHANGE = {
    "presence": {"lesions"},
    "finding": {"finding"},
    "side": {"side", "x"},
    "zone": {"zone", "y"},
    "severity": {"severity"},
    "device": {"kind"},
}


def differing(one: Study, other: Study) -> set[str]:
    def fields(value: Any) -> dict[str, Any]:
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}

    a, b = fields(one), fields(other)
    if len(one.lesions) == len(other.lesions) == 1:
        a, b = a | fields(one.lesions[0]), b | fields(other.lesions[0])
        del a["lesions"], b["lesions"]
    return {name for name in a if a[name] != b[name]}


@pytest.mark.parametrize("vary", VARIED)
@pytest.mark.parametrize("number", range(12))
def test_one_attribute_differs_and_nothing_else(vary: str, number: int) -> None:
    group = contrast_group(SPEC, number, vary)
    assert len(group) >= 2
    for at, one in enumerate(group):
        for other in group[:at]:
            changed = differing(one, other)
            assert changed
            assert changed <= MAY_CHANGE.get(vary, {vary}), (vary, changed)


@pytest.mark.parametrize("vary", [*MAY_CHANGE, "view", "marker", "exposure", "sex"])
def test_the_films_show_the_difference(vary: str) -> None:
    for number in range(6):
        films = [draw_film(study, 64).astype(int) for study in contrast_group(SPEC, number, vary)]
        for at, film in enumerate(films):
            for other in films[:at]:
                assert np.abs(film - other).max() > 5, (vary, number)


def test_reports_say_it_where_they_say_anything_of_it() -> None:
    """The word of a side is that of the study, in every report of a hundred groups that names one."""
    told = 0
    for number in range(100):
        for study in contrast_group(SPEC, number, "side"):
            (lesion,) = study.lesions
            entities = report_entities(study, 0.3)
            assert parse_report(write_report(study, 0.3)) == entities
            sides = {e.side for e in entities if e.finding == lesion.finding} - {""}
            assert sides <= {lesion.side}
            told += bool(sides)
    assert told > 150


def test_groups_differ_from_one_another_and_can_be_made_alone() -> None:
    assert contrast_group(SPEC, 3, "side") == contrast_group(SPEC, 3, "side")
    assert contrast_group(SPEC, 3, "side") != contrast_group(SPEC, 4, "side")
    assert {s.lesions[0].kind for s in contrast_group(SPEC, 0, "device")} == set(DEVICES)


def test_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(UsageError, match="severity"):
        contrast_group(SPEC, 0, "severty")
