"""No accidental shortcut: what is not a finding predicts no finding, unless the `shortcut` dial is turned on.

In the clinic age, sex, view and length of the report do go with findings; the phantom draws them apart by design.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from umcl_bench.data.phantom import Dials, PhantomSpec, all_studies
from umcl_bench.data.phantom.reports import STYLES, entity_sentences, report_style, write_report
from umcl_bench.data.phantom.studies import FAR_SITE, MARKERS, SHORTCUT_MARKER, SHORTCUT_SITE, Study
from umcl_bench.data.vocabulary import CHEXPERT

Columns = dict[str, NDArray[np.float64]]


def last_studies(shortcut: float) -> list[Study]:
    """Each patient's last study: independent of one another, first studies and follow-ups as they come."""
    spec = PhantomSpec(train=6_400, val=1, test=1, seed=21, dials=Dials(shortcut=shortcut))
    last = {study.patient: study for split, _, study in all_studies(spec) if split == "train"}
    return list(last.values())


def nuisances(studies: list[Study]) -> Columns:
    texts = [write_report(study, 0.3) for study in studies]
    columns: dict[str, list[float]] = {
        name: [float(getattr(study, name)) for study in studies] for name in ("exposure", "gamma", "noise", "age")
    }
    columns["sex"] = [study.sex == "F" for study in studies]
    columns["view"] = [study.view == "AP" for study in studies]
    columns["words"] = [len(text.split()) for text in texts]
    columns["characters"] = [len(text) for text in texts]
    columns |= {f"site {site}": [study.site == site for study in studies] for site in range(FAR_SITE)}
    columns |= {f"marker {text}": [study.marker == text for study in studies] for text in MARKERS}
    columns |= {f"style {s.name}": [report_style(study) == s.name for study in studies] for s in STYLES}
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


def auroc(values: NDArray[np.float64], present: NDArray[np.bool_]) -> tuple[float, float]:
    """AUROC with ties as halves, and its standard error where there is nothing to find (Mann-Whitney)."""
    ranks = rankdata(values)
    ties = np.unique(values, return_counts=True)[1].astype(float)
    n, yes = len(values), float(present.sum())
    no = n - yes
    value = (ranks[present].sum() - yes * (yes + 1) / 2) / (yes * no)
    return value, float(np.sqrt((n + 1 - (ties**3 - ties).sum() / (n * (n - 1))) / (12 * yes * no)))


def furthest(studies: list[Study], columns: Columns) -> tuple[dict[tuple[str, str], float], int]:
    """How many standard errors each nuisance's AUROC for each finding lies from a half, and how many patients."""
    found = {name: np.array([name in study.findings() for study in studies]) for name in CHEXPERT}
    out = {}
    for nuisance, values in columns.items():
        for finding, present in found.items():
            value, error = auroc(values, present)
            out[nuisance, finding] = abs(value - 0.5) / error
    return out, len(studies)


def bound(tests: int) -> float:
    """Standard errors that one of so many tests passes by chance in one case of a hundred (Bonferroni)."""
    return float(norm.isf(0.01 / (2 * tests)))


@pytest.fixture(scope="module")
def plain() -> tuple[dict[tuple[str, str], float], int]:
    studies = last_studies(0.0)
    return furthest(studies, nuisances(studies))


def test_nothing_but_the_findings_predicts_a_finding(plain: tuple[dict[tuple[str, str], float], int]) -> None:
    away, patients = plain
    assert patients > 4_000
    worst = max(away, key=away.__getitem__)
    assert away[worst] < bound(len(away)), (worst, away[worst])


def test_the_same_test_finds_the_shortcut_when_there_is_one() -> None:
    """The positive control: at a dial of 0.25 marker and site stand out for Pneumonia, and nothing else does."""
    studies = last_studies(0.25)
    columns = {name: values for name, values in nuisances(studies).items() if name.startswith(("marker", "site"))}
    away, _ = furthest(studies, columns)
    limit = bound(len(away))
    assert away[f"marker {SHORTCUT_MARKER}", "Pneumonia"] > 2 * limit
    assert away[f"site {SHORTCUT_SITE}", "Pneumonia"] > 2 * limit


def test_the_number_of_sentences_is_nearly_unrelated_to_findings() -> None:
    """What is left: a device or a large heart needs few words, so more sentences fit; at most 0.08 from a half."""
    studies = last_studies(0.0)
    counts = np.array([len(entity_sentences(study, 0.3)) for study in studies], dtype=np.float64)
    for finding in CHEXPERT:
        value, _ = auroc(counts, np.array([finding in study.findings() for study in studies]))
        assert abs(value - 0.5) < 0.08, finding
