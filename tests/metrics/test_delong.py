"""AUROC's analytic variance: definitions, closed forms, golden values, scikit-learn, properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from umcl_bench.metrics.classification import auroc
from umcl_bench.metrics.delong import Areas, contrast, delong, logit_interval
from umcl_bench.metrics.scores import Floats, Names

NAN = float("nan")
samples = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([0.0, 1.0, NAN]), st.integers(0, 5)),
    min_size=1,
    max_size=24,
)


def wins(x: float, y: float) -> float:
    """The kernel of DeLong et al. 1988."""
    return float(x > y) + 0.5 * float(x == y)


def slow_delong(scores: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Their covariance, pair by pair: structural components, their covariances, S10 / m + S01 / n."""
    positive, negative = scores[:, target == 1], scores[:, target == 0]
    k, m, n = len(scores), positive.shape[1], negative.shape[1]
    v10 = np.array([[sum(wins(x, y) for y in negative[r]) / n for x in positive[r]] for r in range(k)])
    v01 = np.array([[sum(wins(x, y) for x in positive[r]) / m for y in negative[r]] for r in range(k)])
    theta = v10.mean(axis=1)
    s10, s01 = (
        [
            [sum((v[r] - theta[r]) * (v[s] - theta[s])) / (v.shape[1] - 1) for s in range(k)]
            for r in range(k)
        ]
        for v in (v10, v01)
    )  # fmt: skip
    return theta, np.array(s10) / m + np.array(s01) / n


def slow_obuchowski(scores: Floats, target: Floats, patient: Names) -> tuple[Floats, Floats]:
    """Obuchowski 1997: sums of components over patients, S10 / m + S01 / n + (S11 + S11') / (m n)."""
    positive, negative = np.flatnonzero(target == 1), np.flatnonzero(target == 0)
    k, m, n = len(scores), len(positive), len(negative)
    theta = np.array([np.mean([wins(row[i], row[j]) for i in positive for j in negative]) for row in scores])
    names = sorted({patient[i] for i in [*positive, *negative]})
    x, y = np.zeros((k, len(names))), np.zeros((k, len(names)))
    for at, name in enumerate(names):
        for r, row in enumerate(scores):
            mine, others = ([i for i in side if patient[i] == name] for side in (positive, negative))
            x[r, at] = sum(np.mean([wins(row[i], row[j]) for j in negative]) - theta[r] for i in mine)
            y[r, at] = sum(np.mean([wins(row[i], row[j]) for i in positive]) - theta[r] for j in others)
    i10, i01 = (len({patient[i] for i in side}) for side in (positive, negative))
    units = len(names)
    s10, s01 = i10 / ((i10 - 1) * m) * (x @ x.T), i01 / ((i01 - 1) * n) * (y @ y.T)
    s11 = units / (units - 1) * (x @ y.T)
    return theta, s10 / m + s01 / n + (s11 + s11.T) / (m * n)


def drawn(seed: int, n: int = 60, tied: bool = False) -> tuple[Floats, Floats, Names]:
    rng = np.random.default_rng(seed)
    target = (rng.random(n) < 0.4).astype(float)
    scores = rng.standard_normal((3, n)) + np.array([[0.0], [0.8], [1.5]]) * target
    patient = np.array([f"p{i}" for i in rng.integers(0, n // 3, n)], dtype=object)
    return (np.round(scores) if tied else scores), target, patient


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_its_definition_and_with_patients_obuchowskis(seed: int, tied: bool) -> None:
    scores, target, patient = drawn(seed, tied=tied)
    for found, (theta, covariance) in (
        (delong(scores, target), slow_delong(scores, target)),
        (delong(scores, target, patient), slow_obuchowski(scores, target, patient)),
    ):
        np.testing.assert_allclose(found.auroc, theta, atol=1e-12, rtol=0)
        np.testing.assert_allclose(found.covariance, covariance, atol=1e-12, rtol=0)
        np.testing.assert_allclose(found.covariance, found.covariance.T, rtol=1e-12)


@settings(deadline=None)
@given(samples)
def test_small_samples_with_ties_unknown_labels_and_few_patients(rows: list[tuple[int, int, float, int]]) -> None:
    scores = np.array([[a, b] for a, b, _, _ in rows], dtype=float).T
    target = np.array([t for _, _, t, _ in rows])
    patient = np.array([f"p{i}" for _, _, _, i in rows], dtype=object)
    found, clustered = delong(scores, target), delong(scores, target, patient)
    expected = [auroc(row, target)[0] for row in scores]
    np.testing.assert_allclose(found.auroc, expected, atol=1e-12)
    np.testing.assert_array_equal(found.auroc, clustered.auroc)
    positives, negatives = (target == 1).sum(), (target == 0).sum()
    assert np.isnan(found.covariance).all() == (min(positives, negatives) < 2)
    few = min(len(set(patient[target == side])) for side in (1, 0)) < 2
    assert np.isnan(clustered.covariance).all() == few
    if min(positives, negatives) >= 2:
        np.testing.assert_allclose(found.covariance, slow_delong(scores, target)[1], atol=1e-12)
    if not few:
        np.testing.assert_allclose(clustered.covariance, slow_obuchowski(scores, target, patient)[1], atol=1e-12)


def test_one_film_a_patient_is_delongs_and_labels_that_are_unknown_do_not_count() -> None:
    scores, target, _ = drawn(5)
    alone = np.array([f"p{i}" for i in range(60)], dtype=object)
    np.testing.assert_allclose(delong(scores, target, alone).covariance, delong(scores, target).covariance, atol=1e-15)
    target[::3] = NAN
    known = ~np.isnan(target)
    kept = delong(scores[:, known], target[known], alone[known])
    np.testing.assert_array_equal(delong(scores, target, alone).covariance, kept.covariance)


def test_every_film_twice_says_no_more_of_the_patients_and_delong_thinks_it_does() -> None:
    scores, target, _ = drawn(6)
    alone = np.array([f"p{i}" for i in range(60)], dtype=object)
    once, twice = delong(scores, target, alone), delong(scores.repeat(2, axis=1), target.repeat(2), alone.repeat(2))
    np.testing.assert_allclose(twice.covariance, once.covariance, atol=1e-15)
    naive = delong(scores.repeat(2, axis=1), target.repeat(2)).covariance
    assert (np.diag(naive) < 0.51 * np.diag(once.covariance)).all()


def test_closed_form_and_golden_values() -> None:
    """By hand: positives 2, 4 and negatives 1, 3 win 1/2 and 1, lose 0 and 1/2: 0.125 / 2 from each side."""
    found = delong(np.array([[2.0, 4, 1, 3]]), np.array([1.0, 1, 0, 0]))
    assert found.auroc[0] == 0.75
    assert found.covariance[0, 0] == pytest.approx(0.125, abs=1e-15)
    one = contrast(found, np.array([1.0]))
    assert one.high - one.value == pytest.approx(1.959963984540054 * 0.125**0.5, abs=1e-12)
    assert one.p == pytest.approx(2 * norm.sf(0.75 / 0.125**0.5), abs=1e-15)


def test_of_many_films_the_variance_is_that_of_the_binormal_model() -> None:
    """Q1 - A^2 and Q2 - A^2 (Hanley and McNeil 1982), whose Q is P(both of two pairs with a film in common are won)."""
    from scipy.stats import multivariate_normal

    rng, d, m, n = np.random.default_rng(0), 1.0, 4000, 8000
    target = np.concatenate([np.ones(m), np.zeros(n)])
    area = norm.cdf(d / 2**0.5)
    q = multivariate_normal.cdf([d / 2**0.5] * 2, cov=[[1, 0.5], [0.5, 1]])
    expected = (area * (1 - area) + (n - 1) * (q - area**2) + (m - 1) * (q - area**2)) / (m * n)
    found = delong((rng.standard_normal(m + n) + d * target)[None], target)
    assert found.auroc[0] == pytest.approx(area, abs=0.02)
    assert found.covariance[0, 0] == pytest.approx(expected, rel=0.03)


def test_it_agrees_with_scikit_learn_and_does_not_depend_on_order_sign_or_scale() -> None:
    scores, target, patient = drawn(7, tied=True)
    found = delong(scores, target, patient)
    np.testing.assert_allclose(found.auroc, [roc_auc_score(target, row) for row in scores], atol=1e-12)
    order = np.random.default_rng(0).permutation(60)
    for other, sign in (
        (delong(scores[:, order], target[order], patient[order]), 1),
        (delong(np.exp(scores), target, patient), 1),
        (delong(-scores, target, patient), -1),
        (delong(scores, 1 - target, patient), -1),
    ):
        np.testing.assert_allclose(other.auroc - 0.5, sign * (found.auroc - 0.5), atol=1e-12)
        np.testing.assert_allclose(other.covariance, found.covariance, atol=1e-12)


@pytest.mark.parametrize("target", [[1.0, 1, NAN], [0.0, 0, 0], [NAN, NAN, NAN]])
def test_an_absent_class_is_undefined(target: list[float]) -> None:
    found = delong(np.array([[1.0, 2, 3]]), np.array(target))
    assert np.isnan(found.auroc).all()
    assert np.isnan(found.covariance).all()
    test = contrast(found, np.array([1.0]))
    assert np.isnan([test.value, test.low, test.high, test.p, *logit_interval(found, np.array([1.0]))]).all()


def test_a_score_that_is_not_a_number_spoils_its_own_model_alone() -> None:
    scores, target, patient = drawn(8)
    clean = delong(scores, target, patient)
    scores[1, 3] = NAN
    found = delong(scores, target, patient)
    assert np.isnan(found.auroc).tolist() == [False, True, False]
    kept = np.ix_([0, 2], [0, 2])
    np.testing.assert_array_equal(found.covariance[kept], clean.covariance[kept])
    assert np.isnan(found.covariance[1]).all()
    assert np.isnan(contrast(found, np.array([1.0, -1, 0])).p)


def test_the_paired_test_is_that_of_the_difference() -> None:
    scores, target, _ = drawn(9)
    found = delong(scores, target)
    s = found.covariance
    test = contrast(found, np.array([1.0, -1, 0]))
    z = (found.auroc[0] - found.auroc[1]) / (s[0, 0] + s[1, 1] - 2 * s[0, 1]) ** 0.5
    assert test.p == pytest.approx(2 * norm.cdf(-abs(z)), abs=1e-12)
    assert (test.low > 0 or test.high < 0) == (test.p < 0.05)
    back = contrast(found, np.array([-1.0, 1, 0]))
    assert (back.value, back.low, back.high, back.p) == pytest.approx((-test.value, -test.high, -test.low, test.p))


def test_equal_scores_are_no_difference_and_no_variance_is_no_test() -> None:
    scores, target, patient = drawn(10)
    same = contrast(delong(np.stack([scores[0], scores[0]]), target, patient), np.array([1.0, -1]))
    assert (same.value, same.p) == pytest.approx((0, 1))
    perfect_and_constant = delong(np.stack([target, 0 * target]), target, patient)
    test = contrast(perfect_and_constant, np.array([1.0, -1]))
    assert test.value == 0.5
    assert np.isnan([test.low, test.high, test.p]).all()
    assert np.isnan(logit_interval(perfect_and_constant, np.array([1.0, 0]))).all()


def test_a_variance_that_is_but_rounding_has_no_interval() -> None:
    """Obuchowski's sums over patients can cancel, and leave 3e-33 of a variance of 0."""
    for left in (0.0, 3e-33, -3e-33):
        areas = Areas(np.array([1 / 3]), np.array([[left]]))
        assert np.isnan(logit_interval(areas, np.ones(1))).all()
        assert np.isnan(contrast(areas, np.ones(1)).p)


def test_the_logit_interval_stays_within_0_and_1_and_is_walds_for_many_films() -> None:
    low, high = logit_interval(Areas(np.array([0.98]), np.array([[0.02**2]])), np.array([1.0]))
    assert 0 < low < 0.98 < high < 1
    assert low + high != pytest.approx(2 * 0.98)
    low, high = logit_interval(Areas(np.array([0.8]), np.array([[1e-10]])), np.array([1.0]))
    assert (low, high) == pytest.approx((0.8 - 1.96e-5, 0.8 + 1.96e-5), abs=1e-8)
    mean = delong(*drawn(11)[:2])
    weights = np.full(3, 1 / 3)
    low, high = logit_interval(mean, weights)
    assert low < mean.auroc.mean() < high
