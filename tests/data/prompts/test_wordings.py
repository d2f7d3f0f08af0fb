"""Wordings: sixty of each finding, all different, each a name in a positive and a negative template."""

import pytest

from umcl_bench.data.prompts.wordings import COUNT, NAMES, wordings
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING


def test_there_are_wordings_of_all_findings_of_chexpert() -> None:
    assert tuple(NAMES) == tuple(name for name in CHEXPERT if name != NO_FINDING)
    assert COUNT == 60


@pytest.mark.parametrize("finding", NAMES)
def test_sixty_different_wordings_in_one_order_of_styles_and_names(finding: str) -> None:
    found = wordings(finding)
    assert len({(w.positive.format(w.name), w.negative.format(w.name)) for w in found}) == len(found) == COUNT
    assert [w.label for w in found] == [w.label for w in wordings("Edema")]
    assert [(w.positive, w.negative) for w in found] == [(w.positive, w.negative) for w in wordings("Edema")]
    assert found[0].name == finding.lower()
    assert (found[0].positive, found[0].negative) == ("{}", "no {}")  # CheXzero's
    for w in found:
        assert w.positive.count("{}") == w.negative.count("{}") == 1
        assert w.positive.format(w.name) != w.negative.format(w.name)


def test_styles_change_what_they_say() -> None:
    of = {w.label: w for w in wordings("Pleural Effusion")}
    assert of["upper case, own name"].negative.format(of["upper case, own name"].name) == "NO PLEURAL EFFUSION"
    assert of["title case, second name"].name == "Pleural Fluid"
    assert of["letter left out, own name"].name == "pleural effuion"
    assert sorted(of["letters swapped, own name"].name) == sorted("pleural effusion")
