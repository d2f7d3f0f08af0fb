"""Findings occur alone and together as the published counts say, moved by the one factor that is ours."""

import csv
import gzip
import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import REAL_DATA
from umcl_bench.data.phantom.prevalence import (
    CHEXPERT_COUNTS,
    CHEXPERT_ROWS,
    EVENED,
    MOST,
    PREVALENCE,
    draw_findings,
    draw_severity,
    draw_side,
    grade_of,
    hedging,
)

NIH_ROWS = 112_120
NIH_COUNTS = {
    "Cardiomegaly": 2_776,
    "Pleural Effusion": 13_317,
    "Edema": 2_303,
    "Consolidation": 4_667,
    "Pneumonia": 1_431,
    "Atelectasis": 11_559,
    "Pneumothorax": 5_302,
    "Lung Lesion": 11_207,
    "Pleural Other": 3_385,
}
NIH_PAIRS = {
    ("Cardiomegaly", "Pleural Effusion"): 1_063,
    ("Pleural Effusion", "Edema"): 593,
    ("Pleural Effusion", "Consolidation"): 1_287,
    ("Pleural Effusion", "Atelectasis"): 3_275,
    ("Pleural Effusion", "Pneumothorax"): 996,
    ("Pleural Effusion", "Lung Lesion"): 1_931,
    ("Pleural Effusion", "Pleural Other"): 849,
    ("Consolidation", "Atelectasis"): 1_223,
    ("Consolidation", "Lung Lesion"): 911,
    ("Atelectasis", "Pneumothorax"): 774,
    ("Lung Lesion", "Pleural Other"): 765,
}
"""Films with both, counted in Data_Entry_2017_v2020.csv (a test below counts again); Lung Lesion: Nodule or Mass."""


@pytest.fixture(scope="module")
def drawn() -> dict[str, NDArray[np.bool_]]:
    rng = np.random.default_rng(3)
    films = [draw_findings(rng) for _ in range(30_000)]
    return {name: np.array([name in film for film in films]) for name in PREVALENCE}


def odds_ratio(both: float, first: float, second: float, rows: float) -> float:
    neither = rows - first - second + both
    return both * neither / ((first - both) * (second - both))


def test_each_finding_is_as_common_as_its_table_says(drawn: dict[str, NDArray[np.bool_]]) -> None:
    for name, share in PREVALENCE.items():
        assert drawn[name].mean() == pytest.approx(share, abs=4.5 * math.sqrt(share * (1 - share) / 30_000)), name


def test_the_table_is_chexperts_moved_half_way_to_one_film_in_five() -> None:
    assert EVENED == 0.5
    for name, count in CHEXPERT_COUNTS.items():
        theirs, ours = (p / (1 - p) for p in (count / CHEXPERT_ROWS, PREVALENCE[name]))
        assert ours == pytest.approx(math.sqrt(theirs / 4))
    order = [name for name in PREVALENCE if name in CHEXPERT_COUNTS]
    assert sorted(order, key=PREVALENCE.__getitem__) == sorted(order, key=CHEXPERT_COUNTS.__getitem__)


def test_findings_come_together_as_in_nih(drawn: dict[str, NDArray[np.bool_]]) -> None:
    """Odds ratios, as these depend little on how common the findings are: within a factor of 1.5.

    The furthest is Pleural Effusion and Pneumothorax, 1.2 for 1.8: heart failure, which goes with the first and not
    with the second, is more common here.
    """
    for (one, other), both in NIH_PAIRS.items():
        theirs = odds_ratio(both, NIH_COUNTS[one], NIH_COUNTS[other], NIH_ROWS)
        a, b = drawn[one], drawn[other]
        ours = odds_ratio((a & b).sum(), a.sum(), b.sum(), len(a))
        assert abs(math.log(ours / theirs)) < math.log(1.5), (one, other, theirs, ours)


def test_no_pair_is_nearly_the_same(drawn: dict[str, NDArray[np.bool_]]) -> None:
    """NIH's Edema and Pneumonia, 17 times likelier together, are held at about MOST."""
    for one, other in itertools.combinations(PREVALENCE, 2):
        a, b = drawn[one], drawn[other]
        assert 1 / 8 < odds_ratio((a & b).sum() + 0.5, a.sum(), b.sum(), len(a)) < 1.6 * MOST, (one, other)


def test_the_counts_are_those_of_nihs_csv() -> None:
    path = REAL_DATA / "official_formats" / "nih" / "Data_Entry_2017_v2020.csv.gz"
    if not path.exists():
        pytest.skip(f"the real NIH table is not here: {path.name}")
    names = {"Effusion": "Pleural Effusion", "Nodule": "Lung Lesion", "Mass": "Lung Lesion"}
    names |= {"Pleural_Thickening": "Pleural Other"}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [{names.get(x, x) for x in row[1].split("|")} for row in itertools.islice(csv.reader(file), 1, None)]
    assert len(rows) == NIH_ROWS
    assert {name: sum(name in row for row in rows) for name in NIH_COUNTS} == NIH_COUNTS
    assert {pair: sum(row.issuperset(pair) for row in rows) for pair in NIH_PAIRS} == NIH_PAIRS


def test_severities_and_sides_follow_iu_x_rays_headings() -> None:
    """Cardiomegaly: 129 mild, 23 moderate, 11 severe, evened: their roots. Effusion: 47 right, 44 left, 60 both."""
    rng = np.random.default_rng(4)
    grades = [grade_of(draw_severity(rng, "Cardiomegaly")) for _ in range(8_000)]
    roots = np.sqrt([129, 23, 11])
    shares = [grades.count(grade) / len(grades) for grade in ("mild", "moderate", "severe")]
    assert shares == pytest.approx((roots / roots.sum()).tolist(), abs=0.025)
    sides = [draw_side(rng, "Pleural Effusion") for _ in range(8_000)]
    assert [sides.count(s) / 8_000 for s in ("right", "left", "both")] == pytest.approx(
        [47 / 151, 44 / 151, 60 / 151], abs=0.025
    )
    assert {draw_side(rng, "Consolidation") for _ in range(50)} == {"right", "left"}


def test_hedging_gives_half_of_chexperts_share_of_uncertain_labels() -> None:
    """Atelectasis: 33,739 of -1 beside 33,376 of 1. With p films that have it, p h are hedged, and p h doubted."""
    for finding, share in (("Atelectasis", 33_739 / (33_739 + 33_376)), ("Fracture", 94_180 / (94_180 + 213_592))):
        h = hedging(finding)
        assert (h + h) / (h + h + (1 - h)) == pytest.approx(share / 2)
    assert hedging("Support Devices") == 0.0
