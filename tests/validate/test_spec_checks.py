"""A leaf that does not say what it is is a warning."""

import dataclasses

from umcl_bench import registry
from umcl_bench.spec import Baseline, Evidence, Objective
from umcl_bench.validate import spec_checks


def test_choices_without_evidence_are_a_warning() -> None:
    said = (Evidence("objective.loss", "ours", "why"),)
    leaf = Baseline("mine", objective=Objective(loss="umcl", sharpness=2.0), evidence=said)
    found = spec_checks.evidence(leaf)
    assert found.state == "warning"
    assert found.seen == "1 of 2 choices do not say where they come from: objective.sharpness"
    assert spec_checks.evidence(Baseline("mine")).state == "pass"
    assert spec_checks.evidence(registry.get_baseline("clip+loss=umcl")).state == "not applicable"
    assert spec_checks.title(leaf).state == "warning"
    whole = dataclasses.replace(leaf, evidence=(Evidence("objective", "ours", "why"),))
    assert spec_checks.evidence(whole).state == "pass"
