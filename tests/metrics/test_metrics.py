"""AUROC and the bootstrap: definition, closed forms, properties, scikit-learn, golden values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from umcl_bench.metrics import intervals
from umcl_bench.metrics.classification import auroc
from umcl_bench.metrics.intervals import estimate, patient_weights, resampled_weights
from umcl_bench.metrics.scores import Scores
from umcl_bench.spec import Intervals


def slow_auroc(scores: list[float], target: list[float]) -> float:
    """Hanley and McNeil's definition: every positive against every negative, a tie counting half."""
    pairs = [
        (p, q)
        for p, t in zip(scores, target, strict=True)
        if t == 1
        for q, u in zip(scores, target, strict=True)
        if u == 0
    ]
    return float(np.mean([(p > q) + 0.5 * (p == q) for p, q in pairs])) if pairs else float("nan")


samples = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 1.0, float("nan")])), min_size=1, max_size=25)


@given(samples)
def test_auroc_is_its_definition(sample: list[tuple[int, float]]) -> None:
    scores, target = [float(s) for s, _ in sample], [t for _, t in sample]
    expected = slow_auroc(scores, target)
    found = auroc(np.array(scores), np.array(target))[0]
    assert found == pytest.approx(expected, nan_ok=True)


def test_auroc_agrees_with_scikit_learn_with_and_without_weights() -> None:
    rng = np.random.default_rng(0)
    scores, target = rng.integers(0, 40, 300) / 40, (rng.random(300) < 0.3).astype(float)
    weights = rng.integers(0, 4, (5, 300)).astype(float)
    assert auroc(scores, target)[0] == pytest.approx(roc_auc_score(target, scores), abs=1e-12)
    expected = [roc_auc_score(target, scores, sample_weight=w) for w in weights]
    np.testing.assert_allclose(auroc(scores, target, weights), expected, atol=1e-12)


def test_golden_value() -> None:
    """The example of scikit-learn's user guide: scores .1 .4 .35 .8 for classes 0 0 1 1 give 0.75."""
    assert auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0, 1, 1]))[0] == 0.75


def test_a_constant_is_chance_and_the_sign_mirrors() -> None:
    rng = np.random.default_rng(1)
    scores, target = rng.standard_normal(50), (rng.random(50) < 0.5).astype(float)
    assert auroc(np.zeros(50), target)[0] == 0.5
    assert auroc(-scores, target)[0] == pytest.approx(1 - auroc(scores, target)[0])
    assert auroc(np.exp(scores), target)[0] == pytest.approx(auroc(scores, target)[0])  # monotone


@pytest.mark.parametrize("target", [[1.0, 1.0, np.nan], [0.0, 0.0, 0.0], [np.nan] * 3])
def test_an_absent_class_is_undefined_and_never_a_number(target: list[float]) -> None:
    assert np.isnan(auroc(np.arange(3.0), np.array(target))[0])


def test_a_score_that_is_not_a_number_makes_the_figure_undefined() -> None:
    assert np.isnan(auroc(np.array([0.1, np.nan, 0.3]), np.array([0.0, 1.0, 1.0]))[0])


def scores_of(value: list[list[float]], target: list[list[float]], patients: list[str]) -> Scores:
    ids = np.array([f"film{i}" for i in range(len(patients))], dtype=object)
    classes = tuple("abc"[: len(value[0])])
    return Scores.of(np.array(value, float), np.array(target, float), np.array(patients, object), ids, classes)


def test_a_patient_is_drawn_with_all_films_or_not_at_all() -> None:
    patients = np.array(["p", "q", "p", "r"], dtype=object)
    weights = patient_weights(patients, 200, np.random.default_rng(0))
    assert (weights[:, 0] == weights[:, 2]).all()
    distinct = weights[:, [0, 1, 3]]
    assert (distinct.sum(1) == 3).all()
    assert distinct.std(0).min() > 0.5


def test_a_patient_is_drawn_as_often_as_any_other() -> None:
    """Each of 20 in 4,000 resamples: once on average, with the variance of a draw of 20 out of 20, 0.95."""
    weights = patient_weights(np.arange(20).astype(object), 4000, np.random.default_rng(1))
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.07)
    np.testing.assert_allclose(weights.var(0), 0.95, atol=0.12)


def test_resamples_are_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    patients = np.arange(7).astype(object)
    (whole,) = resampled_weights(patients, Intervals(resamples=50))
    monkeypatch.setattr(intervals, "_LEAST", 3)
    monkeypatch.setattr(intervals, "_BLOCK", 1)
    blocks = list(resampled_weights(patients, Intervals(resamples=50)))
    assert [len(block) for block in blocks] == [3] * 16 + [2]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_resampling_by_weights_is_resampling_by_rows() -> None:
    rng = np.random.default_rng(2)
    scores, target = rng.standard_normal(40), (rng.random(40) < 0.5).astype(float)
    weights = patient_weights(np.arange(40).astype(object), 20, rng)
    for weight, found in zip(weights, auroc(scores, target, weights), strict=True):
        rows = np.repeat(np.arange(40), weight.astype(int))
        assert found == pytest.approx(roc_auc_score(target[rows], scores[rows]))


def test_interval_has_the_width_of_hanley_and_mcneils_standard_error() -> None:
    rng = np.random.default_rng(3)
    target = np.repeat([0.0, 1.0], [300, 100])
    value = rng.standard_normal(400) + target
    found = estimate(
        scores_of(value[:, None].tolist(), target[:, None].tolist(), [str(i) for i in range(400)]), "auroc", Intervals()
    )
    a = found["a"].value
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = ((a * (1 - a) + 99 * (q1 - a * a) + 299 * (q2 - a * a)) / (100 * 300)) ** 0.5
    assert (found["a"].high - found["a"].low) == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert found["a"].low < a < found["a"].high


def test_repeated_films_of_a_patient_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(4)
    target = (rng.random(60) < 0.5).astype(float)
    value = rng.standard_normal(60) + target
    patients = [f"p{i}" for i in range(60)]
    one = estimate(scores_of(value[:, None].tolist(), target[:, None].tolist(), patients), "auroc", Intervals())
    value5, target5, patients5 = np.tile(value, 5), np.tile(target, 5), patients * 5
    five = estimate(scores_of(value5[:, None].tolist(), target5[:, None].tolist(), patients5), "auroc", Intervals())
    assert five["a"].value == pytest.approx(one["a"].value)
    assert (five["a"].low, five["a"].high) == pytest.approx((one["a"].low, one["a"].high))


def test_an_undefined_class_stays_out_of_the_mean_and_keeps_its_counts() -> None:
    value = [[0.1, 0.5], [0.9, 0.1], [0.8, 0.7], [0.2, 0.3]]
    target = [[0.0, 1.0], [1.0, 1.0], [1.0, np.nan], [0.0, 1.0]]
    found = estimate(scores_of(value, target, list("pqrs")), "auroc", Intervals())
    assert np.isnan(found["b"].value)
    assert np.isnan(found["b"].low)
    assert (found["b"].positives, found["b"].negatives) == (3, 0)
    assert found["macro"].value == found["a"].value == 1.0
    assert found["b"].undefined == 1.0


def test_an_interval_that_few_resamples_support_is_undefined() -> None:
    """Of two patients, half of the resamples hold only one; of many, 37 % are without the one that is positive."""
    found = estimate(scores_of([[0.1], [0.9]], [[0.0], [1.0]], ["p", "q"]), "auroc", Intervals(resamples=4000))
    assert found["a"].value == 1.0
    assert found["a"].undefined == pytest.approx(0.5, abs=0.05)
    assert np.isnan([found["a"].low, found["macro"].high]).all()
    target = np.eye(1, 300).T
    rare = estimate(
        scores_of(np.arange(300.0)[:, None].tolist(), target.tolist(), [str(i) for i in range(300)]),
        "auroc",
        Intervals(),
    )
    assert rare["a"].undefined == pytest.approx(0.37, abs=0.06)
    assert np.isnan(rare["a"].low)
    lone = estimate(scores_of([[0.1], [0.9]], [[0.0], [1.0]], ["p", "p"]), "auroc", Intervals())
    assert lone["a"].value == 1.0
    assert np.isnan([lone["a"].low, lone["a"].high]).all()  # all resamples of one patient are that patient


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(5)
    scores = scores_of(
        rng.random((30, 2)).tolist(), (rng.random((30, 2)) < 0.5).astype(float).tolist(), [str(i) for i in range(30)]
    )
    assert estimate(scores, "auroc", Intervals()) == estimate(scores, "auroc", Intervals())
    order = rng.permutation(30)
    assert estimate(scores.take(order), "auroc", Intervals())["macro"].low == pytest.approx(
        estimate(scores, "auroc", Intervals())["macro"].low
    )
