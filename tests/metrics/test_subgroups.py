"""Subgroups: their definition by repeated rows, what too few samples do, and gaps whose patients are paired."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from umcl_bench.metrics.intervals import estimate, patient_weights
from umcl_bench.metrics.places import against_best
from umcl_bench.metrics.scores import PLAIN, Figure, Floats, Scores
from umcl_bench.metrics.subgroups import BANDS, age_band, group_rows, subgroups
from umcl_bench.spec import Intervals

HOW = Intervals(resamples=60, seed=3)


def scores_of(value: Floats, target: Floats, **groups: list[str]) -> Scores:
    """Two films of each patient, one after the other."""
    n, c = value.shape
    ids, patient = (np.array([f"{i // films:04}" for i in range(n)], dtype=object) for films in (1, 2))
    named = {name: np.array(of, dtype=object) for name, of in groups.items()}
    return Scores({"value": value, "target": target}, patient, ids, tuple("abcd"[:c]), named)


def drawn(n: int = 200, seed: int = 0) -> Scores:
    rng = np.random.default_rng(seed)
    target = (rng.random((n, 2)) < 0.4).astype(float)
    sex = rng.choice(["F", "M", ""], n // 2, p=[0.5, 0.4, 0.1]).repeat(2)  # a patient's
    return scores_of(rng.random((n, 2)) + 0.5 * target, target, sex=sex.tolist())


def test_a_group_is_its_films_and_a_gap_the_difference_on_the_same_patients() -> None:
    """Patients are drawn from all, and each brings what films of the group it has."""
    scores = drawn()
    found = subgroups({"": scores}, "auroc", PLAIN[0], "sex", HOW)
    sex = scores.groups["sex"]
    assert list(found.groups) == ["F", "M"]
    assert found.unknown == (sex == "").sum()
    assert found.compared == ("a", "b")
    of: dict[str, Floats] = {}
    for name in ("F", "M"):
        rows = np.flatnonzero(sex == name)
        alone = roc_auc_score(scores.target[rows, 0], scores.value[rows, 0])
        assert found.groups[name]["a"].value == pytest.approx(alone, abs=1e-12)
        assert found.groups[name]["macro"].value == pytest.approx(
            estimate(scores.take(rows), "auroc", HOW)["macro"].value
        )
        assert found.groups[name]["macro"].n == len(rows)
        weights = patient_weights(scores.patient, 60, np.random.default_rng(3)).astype(int)
        drawn_rows = [np.repeat(rows, weight[rows]) for weight in weights]
        of[name] = np.array([roc_auc_score(scores.target[r], scores.value[r]) for r in drawn_rows])  # a macro
        low, high = np.percentile(of[name], [2.5, 97.5])
        assert (found.groups[name]["macro"].low, found.groups[name]["macro"].high) == pytest.approx((low, high))
    gap = found.gap
    assert gap is not None
    assert gap.estimate.value == found.groups[gap.best]["macro"].value - found.groups[gap.worst]["macro"].value > 0
    expected = np.percentile(of[gap.best] - of[gap.worst], [2.5, 97.5])
    assert (gap.estimate.low, gap.estimate.high) == pytest.approx(tuple(expected))
    figures = np.array([found.groups[name]["macro"].value for name in ("F", "M")])
    p = against_best(figures, np.stack([of["F"], of["M"]]), HOW)
    assert gap.p == pytest.approx(np.nanmin(p))


def test_the_same_scores_of_the_same_patients_have_no_gap_in_any_resample() -> None:
    rng = np.random.default_rng(1)
    target = (rng.random((80, 1)) < 0.5).astype(float).repeat(2, axis=0)
    value = rng.random((80, 1)).repeat(2, axis=0)
    found = subgroups({"": scores_of(value, target, view=["PA", "AP"] * 80)}, "auroc", PLAIN[0], "view", HOW)
    assert found.groups["PA"] == found.groups["AP"]
    assert found.gap is not None
    assert (found.gap.estimate.value, found.gap.estimate.low, found.gap.estimate.high, found.gap.p) == (0, 0, 0, 1)
    assert found.groups["PA"]["macro"].low < found.groups["PA"]["macro"].high


def test_the_gap_of_equal_groups_is_picked_and_p_allows_for_that() -> None:
    """Five equal groups of 60 patients: the interval of the extremes excludes 0 far too often; p does not."""
    excludes, called, times = 0, 0, 200
    for seed in range(times):
        rng = np.random.default_rng(seed)
        target = (rng.random(300) < 0.4).astype(float).repeat(2)[:, None]
        value = target + (rng.standard_normal(300).repeat(2) + rng.standard_normal(600))[:, None] / 2**0.5
        scores = scores_of(value, target, site=np.repeat(list("abcde"), 120).tolist())
        gap = subgroups({"": scores}, "auroc", PLAIN[0], "site", Intervals(resamples=199, seed=seed)).gap
        assert gap is not None
        excludes += gap.estimate.low > 0
        called += gap.p < 0.05
    print(excludes, called)
    assert excludes > 0.2 * times
    assert called <= 0.08 * times


def test_a_known_gap_and_its_sign_where_lower_is_better() -> None:
    target = np.tile([[0.0], [1.0]], (60, 1))
    sure = np.array(["F"] * 60 + ["M"] * 60)
    value = np.where(sure[:, None] == "F", target, 0.5)  # told the truth of F, nothing of M
    scores = scores_of(value, target, sex=sure.tolist())
    for metric, gap in (("auroc", 0.5), ("brier", 0.25), ("ece", 0.0)):
        found = subgroups({"": scores}, metric, PLAIN[0], "sex", HOW).gap
        assert found is not None
        assert found.estimate.value == pytest.approx(gap)
        if gap:
            assert (found.best, found.worst) == ("F", "M")
            assert (found.estimate.low, found.estimate.high) == pytest.approx((gap, gap))


def few(positives: int) -> Scores:
    """Forty films of F with 20 positives of both findings; forty of M, with so many of the second."""
    target = np.zeros((80, 2))
    target[:20] = target[40:60] = 1
    target[40 + positives :, 1] = 0
    rng = np.random.default_rng(2)
    return scores_of(rng.random((80, 2)), target, sex=["F"] * 40 + ["M"] * 40)


def test_a_class_with_nine_positives_in_a_group_is_undefined_there_and_in_no_groups_mean() -> None:
    found = subgroups({"": few(9)}, "auroc", PLAIN[0], "sex", HOW)
    lacking = found.groups["M"]["b"]
    assert math.isnan(lacking.value)
    assert math.isnan(lacking.low)
    assert (lacking.positives, lacking.negatives) == (9, 31)
    assert found.compared == ("a",)
    for name in ("F", "M"):
        assert found.groups[name]["macro"] == found.groups[name]["a"]
    assert not math.isnan(found.groups["F"]["b"].value)
    assert subgroups({"": few(10)}, "auroc", PLAIN[0], "sex", HOW).compared == ("a", "b")


def test_a_group_that_is_too_small_for_all_classes_takes_none_from_the_others() -> None:
    scores = few(20)
    scores.groups["sex"][:4] = "X"
    found = subgroups({"": scores}, "auroc", PLAIN[0], "sex", HOW)
    assert found.small == ("X",)
    assert found.compared == ("a", "b")
    assert math.isnan(found.groups["X"]["macro"].value)
    assert found.groups["X"]["macro"].n == 4
    assert found.gap is not None
    assert "X" not in (found.gap.best, found.gap.worst)


def test_groups_without_a_common_class_or_another_group_have_no_gap() -> None:
    scores = few(20)
    scores.target[:40, 0] = scores.target[40:, 1] = 0
    found = subgroups({"": scores}, "auroc", PLAIN[0], "sex", HOW)
    assert (found.compared, found.gap) == ((), None)
    assert math.isnan(found.groups["F"]["macro"].value)
    assert not math.isnan(found.groups["F"]["b"].value)
    alone = scores_of(few(20).value, few(20).target, sex=["F"] * 80)
    assert subgroups({"": alone}, "auroc", PLAIN[0], "sex", HOW).gap is None
    nobody = scores_of(few(20).value, few(20).target, sex=[""] * 80)
    found = subgroups({"": nobody}, "auroc", PLAIN[0], "sex", HOW)
    assert (dict(found.groups), found.unknown, found.gap) == ({}, 80, None)


def test_a_constant_has_no_gap_and_the_order_of_rows_says_nothing() -> None:
    scores = drawn(seed=5)
    same = Scores(
        {**scores.columns, "value": np.zeros_like(scores.value)}, scores.patient, scores.id, ("a", "b"), scores.groups
    )
    gap = subgroups({"": same}, "auroc", PLAIN[0], "sex", HOW).gap
    assert gap is not None
    assert (gap.estimate.value, gap.estimate.low, gap.estimate.high) == (0, 0, 0)
    moved = scores.take(np.random.default_rng(0).permutation(len(scores.id)))
    first, second = (subgroups({"": s}, "auroc", PLAIN[0], "sex", HOW) for s in (scores, moved))
    assert first.gap is not None
    assert second.gap is not None
    assert second.gap.estimate.low == pytest.approx(first.gap.estimate.low)
    assert second.groups["F"]["macro"].high == pytest.approx(first.groups["F"]["macro"].high)


def test_a_joint_metric_and_one_without_labels_need_ten_samples() -> None:
    target = np.eye(2)[np.arange(40) % 2]
    groups = ["F"] * 31 + ["M"] * 9
    patient = np.array([str(i) for i in range(40)], dtype=object)
    columns = {"decision": target, "target": target, "rank": np.arange(80.0).reshape(40, 2) + 1}
    scores = Scores(columns, patient, patient, ("a", "b"), {"sex": np.array(groups, dtype=object)})
    joint = subgroups({"": scores}, "argmax-accuracy", PLAIN[0], "sex", HOW)
    assert joint.groups["F"]["macro"].value == 1
    assert list(joint.groups["F"]) == ["macro"]
    assert joint.small == ("M",)
    ranks = subgroups({"": scores}, "mean-rank", PLAIN[0], "sex", HOW)
    assert ranks.groups["F"]["macro"].value == pytest.approx((1 + 62) / 2)
    assert ranks.small == ("M",)


def test_a_figure_of_several_parts_is_their_mean_in_each_group() -> None:
    parts = {"1": drawn(seed=6), "2": drawn(seed=6)}
    parts["2"].columns["value"][:] = -parts["2"].value
    found = subgroups(parts, "auroc", Figure("both", ("1", "2")), "sex", HOW)
    assert found.groups["F"]["macro"].value == pytest.approx(0.5)  # each is the other's mirror


@pytest.mark.parametrize(
    ("age", "band"),
    [
        *(("0", "0-17"), ("17", "0-17"), ("17.9", "0-17"), ("18", "18-39"), ("40", "40-59"), ("79", "60-79")),
        *(("80", "80+"), ("120", "80+"), ("121", ""), ("414", ""), ("-1", ""), ("", ""), ("nan", ""), ("inf", "")),
        ("old", ""),
    ],
)
def test_bands_of_age(age: str, band: str) -> None:
    assert age_band(age) == band


def test_groups_come_in_the_order_of_their_years_or_numbers() -> None:
    n = len(BANDS)
    scores = scores_of(
        np.zeros((n, 1)), np.zeros((n, 1)), age=["85", "62", "44", "20", "3"], site=["10", "9", "b", "a", ""]
    )
    assert list(group_rows(scores, "age")) == ["0-17", "18-39", "40-59", "60-79", "80+"]
    assert list(group_rows(scores, "site")) == ["9", "10", "a", "b"]
