"""Paired differences: the slow definition, known differences, what is the same for both, p values, Holm."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from umcl_bench.metrics.comparison import bootstrap_p, compare, delong_test, holm, p_over_seeds
from umcl_bench.metrics.delong import contrast, delong
from umcl_bench.metrics.intervals import estimate, estimate_figure, patient_weights, resampled_weights
from umcl_bench.metrics.scores import Figure, Parts, Scores
from umcl_bench.spec import Intervals

HOW = Intervals(resamples=200)
PLAIN = Figure()
RANK = "mean-rank"


def parts_of(seed: int, strength: float = 1.0, n: int = 90, classes: int = 3, truth: int = 0) -> Parts:
    """Three classes on the same patients for all seeds of one `truth`; the last class has no positive."""
    rng = np.random.default_rng(truth)
    target = (rng.random((n, classes)) < 0.4) * np.array([1.0] * (classes - 1) + [0.0])
    patient = np.array([f"p{i}" for i in rng.integers(0, n // 2, n)], dtype=object)
    value = strength * target + np.random.default_rng(seed).standard_normal((n, classes))
    ids = np.array([f"film{i}" for i in range(n)], dtype=object)
    return {"": Scores.of(value, target, patient, ids, tuple("abc"[:classes]))}


def test_the_difference_is_its_definition_on_the_same_patients_and_over_seeds() -> None:
    """Slowly: in each resample, scikit-learn's AUROC of each run, seed and class; means, differences, percentiles."""
    ours, theirs = [parts_of(1, 2.0), parts_of(2, 2.0)], [parts_of(3), parts_of(4)]
    (found,) = compare([ours, theirs], [(0, 1)], "auroc", PLAIN, HOW)
    rng = np.random.default_rng(HOW.seed)
    weights = np.concatenate([patient_weights(ours[0][""].patient, 100, rng) for _ in range(2)])

    def mean(runs: list[Parts], w: np.ndarray[tuple[int], np.dtype[np.float64]], k: int) -> float:
        return float(np.mean([roc_auc_score(p[""].target[:, k], p[""].value[:, k], sample_weight=w) for p in runs]))

    boot = {k: np.array([mean(ours, w, k) - mean(theirs, w, k) for w in weights]) for k in (0, 1)}
    for name, differences in (("a", boot[0]), ("b", boot[1]), ("macro", (boot[0] + boot[1]) / 2)):
        e = found[name].estimate
        assert (e.low, e.high) == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=1e-12)
        fewer = min((differences <= 1e-15).sum(), (differences >= -1e-15).sum())
        assert found[name].p == pytest.approx(2 * (fewer + 1) / 201)
    one = np.ones(90)
    assert found["a"].first == pytest.approx(mean(ours, one, 0), abs=1e-12)
    assert found["a"].estimate.value == pytest.approx(mean(ours, one, 0) - mean(theirs, one, 0), abs=1e-12)
    each = [mean([p], one, 0) - mean([q], one, 0) for p, q in zip(ours, theirs, strict=True)]
    assert found["a"].each == pytest.approx(each, abs=1e-12)
    assert np.isnan(found["c"].estimate.value)
    assert np.isnan(found["c"].p)
    n = found["macro"].estimate
    assert (n.n, n.positives + n.negatives) == (90, 180)


def test_figures_and_their_own_intervals_are_what_a_record_has() -> None:
    runs = [parts_of(1, 2.0), parts_of(2)]
    (found,) = compare([[runs[0]], [runs[1]]], [(0, 1)], "auroc", PLAIN, HOW)
    for name in ("a", "b", "macro"):
        figures = [estimate(parts[""], "auroc", HOW)[name].value for parts in runs]
        assert (found[name].first, found[name].second) == pytest.approx(figures, abs=1e-12)


def test_the_other_way_round_only_the_sign_changes() -> None:
    models = [[parts_of(1, 1.5)], [parts_of(2)]]
    one, other = compare(models, [(0, 1), (1, 0)], "auroc", PLAIN, HOW)
    for name in ("a", "b", "macro"):
        e, back = one[name].estimate, other[name].estimate
        assert (e.value, e.low, e.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-12)
        assert one[name].p == other[name].p
    assert one["a"].delong is not None
    assert other["a"].delong is not None
    assert one["a"].delong.p == pytest.approx(other["a"].delong.p)


def test_a_model_is_not_better_than_itself_in_any_resample() -> None:
    (found,) = compare([[parts_of(1)], [parts_of(1)]], [(0, 1)], "auroc", PLAIN, HOW)
    e = found["macro"].estimate
    assert (e.value, e.low, e.high, found["macro"].p) == (0, 0, 0, 1)
    assert found["a"].delong is not None
    assert found["a"].delong.p == 1


def test_pairing_takes_out_what_is_hard_for_both() -> None:
    """A model and itself with a little noise: their difference is known far better than either figure."""
    ours = parts_of(1)
    noise = 0.05 * np.random.default_rng(9).standard_normal(ours[""].value.shape)
    scores = ours[""]
    near: Parts = {"": Scores.of(scores.value + noise, scores.target, scores.patient, scores.id, scores.classes)}
    (found,) = compare([[ours], [near]], [(0, 1)], "auroc", PLAIN, HOW)
    paired, alone = found["macro"].estimate, estimate(scores, "auroc", HOW)["macro"]
    assert paired.high - paired.low < (alone.high - alone.low) / 5


def test_all_models_share_the_classes_of_the_macro_figure() -> None:
    ours, theirs = parts_of(1), parts_of(2)
    theirs[""].value[5, 1] = np.nan  # one of the models has no figure for b
    found = compare([[ours], [theirs], [parts_of(3)]], [(0, 1), (0, 2)], "auroc", PLAIN, HOW)
    assert np.isnan(found[0]["b"].p)
    assert found[0]["macro"].estimate.value == found[0]["a"].estimate.value
    assert found[1]["macro"].estimate.value == found[1]["a"].estimate.value  # the same classes for every pair
    assert not np.isnan(found[1]["b"].p)


def test_other_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="not of the same samples"):
        compare([[parts_of(1)], [parts_of(1, truth=1)]], [(0, 1)], "auroc", PLAIN, HOW)


def test_where_lower_is_better_so_is_the_difference_and_a_joint_metric_has_one() -> None:
    rng, who = np.random.default_rng(0), np.array([f"p{i}" for i in range(80)], dtype=object)
    low, high = (
        {"": Scores({"rank": rng.integers(1, top, (80, 1)).astype(np.float64)}, who, who, ("q",))} for top in (5, 20)
    )
    (found,) = compare([[low], [high]], [(0, 1)], RANK, PLAIN, HOW)
    d = found["macro"]
    assert d.estimate.value == pytest.approx(d.second - d.first)
    assert d.estimate.low > 0
    assert d.delong is None
    target = np.eye(4)[rng.integers(0, 4, 80)]
    right, wrong = (
        {"": Scores({"decision": decision, "target": target}, who, who, tuple("abcd"))}
        for decision in (target, np.roll(target, 1, axis=1))
    )
    (found,) = compare([[right], [wrong]], [(0, 1)], "argmax-accuracy", PLAIN, HOW)
    assert list(found) == ["macro"]
    assert (found["macro"].estimate.value, found["macro"].p) == pytest.approx((1, 2 / 201))


def test_a_figure_of_several_parts_is_that_of_each_model() -> None:
    def several(seed: int, strength: float) -> Parts:
        return {str(i): parts_of(seed + i, strength)[""] for i in range(3)}

    figure = Figure("over wordings", ("0", "1", "2"))
    models = [[several(10, 2.0)], [several(20, 1.0)]]
    (found,) = compare(models, [(0, 1)], "auroc", figure, HOW)
    figures = [estimate_figure(runs, "auroc", figure, HOW)["macro"].value for runs in models]
    assert (found["macro"].first, found["macro"].second) == pytest.approx(figures, abs=1e-12)
    assert found["a"].delong is not None
    assert found["a"].delong.value == pytest.approx(found["a"].estimate.value, abs=1e-12)
    (spread,) = compare(models, [(0, 1)], "auroc", Figure("sd", ("0", "1", "2"), "sd"), HOW)
    assert spread["a"].delong is None  # DeLong's is of means


def test_delongs_test_of_means_over_runs_and_of_resampling_agree() -> None:
    models = [[parts_of(1, 1.2), parts_of(2, 1.2)], [parts_of(3), parts_of(4)]]
    test = delong_test(models, PLAIN, 0, 0.95)
    rows = np.stack([runs[i][""].value[:, 0] for runs in models for i in (0, 1)])
    scores = models[0][0][""]
    areas = delong(rows, scores.target[:, 0], scores.patient)
    assert test == contrast(areas, np.array([0.5, 0.5, -0.5, -0.5]))
    (found,) = compare(models, [(0, 1)], "auroc", PLAIN, Intervals(resamples=4000))
    e = found["a"].estimate
    assert test.value == pytest.approx(e.value, abs=1e-12)
    assert test.high - test.low == pytest.approx(e.high - e.low, rel=0.1)
    assert test.p == pytest.approx(found["a"].p, abs=0.05)


@pytest.mark.parametrize(
    ("differences", "p"),
    [([1.0] * 99, 0.02), ([-1.0] * 99, 0.02), ([1.0] * 97 + [-1.0] * 2, 0.06), ([0.0] * 99, 1.0), ([1, -1.0], 1.0)],
)
def test_p_counts_the_rarer_side_of_0_and_is_never_0(differences: list[float], p: float) -> None:
    assert bootstrap_p(np.array(differences), HOW) == pytest.approx(p)


def test_p_is_undefined_where_the_interval_is() -> None:
    assert np.isnan(bootstrap_p(np.full(10, np.nan), HOW))
    assert np.isnan(bootstrap_p(np.array([1.0] * 79 + [np.nan] * 21), HOW))
    assert bootstrap_p(np.array([1.0] * 80 + [np.nan] * 20), HOW) == pytest.approx(2 / 81)


@pytest.mark.parametrize("seed", range(20))
def test_p_below_5_percent_is_an_interval_without_0(seed: int) -> None:
    """But for the few resamples by which the two round: p is the more careful one."""
    boot = np.random.default_rng(seed).standard_normal(1000) + 0.15 * seed
    low, high = np.percentile(boot, [2.5, 97.5])
    assert not (bootstrap_p(boot, HOW) < 0.05 and low <= 0 <= high)
    assert bootstrap_p(boot, HOW) < 0.054 or low <= 0 <= high


def slow_holm(p: dict[str, float], alpha: float) -> set[str]:
    """Holm 1979: down from the smallest p, reject while p_(i) <= alpha / (m - i + 1)."""
    rejected: set[str] = set()
    tested = {name: value for name, value in p.items() if not np.isnan(value)}
    for i, name in enumerate(sorted(tested, key=lambda n: tested[n])):
        if tested[name] > alpha / (len(tested) - i):
            break
        rejected.add(name)
    return rejected


@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_what_holms_procedure_does(values: list[float], alpha: float) -> None:
    p = {str(i): value for i, value in enumerate(values)}
    adjusted = holm(p)
    assert list(adjusted) == list(p)
    near = any(abs(a - alpha) < 1e-9 for a in adjusted.values())  # rounding decides
    assert near or {name for name, value in adjusted.items() if value <= alpha} == slow_holm(p, alpha)
    for name, value in p.items():
        assert np.isnan(adjusted[name]) if np.isnan(value) else value <= adjusted[name] <= 1


def test_holms_golden_values_and_the_order_does_not_matter() -> None:
    """R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm"): 0.03 0.06 0.06 0.02."""
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    for order in itertools.permutations(p):
        assert holm({name: p[name] for name in order}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({"a": 0.04}) == {"a": 0.04}
    assert holm({}) == {}


def test_p_over_seeds_is_the_paired_t_test() -> None:
    """By the definition, with Student's distribution; and of three seeds by its closed form, 1 - t / sqrt(t^2 + 2)."""
    for seed in range(5):
        each = np.random.default_rng(seed).standard_normal(3 + seed) + 0.5
        r = len(each)
        statistic = each.mean() / (each.std(ddof=1) / r**0.5)
        assert p_over_seeds(each.tolist()) == pytest.approx(2 * student.cdf(-abs(statistic), r - 1))
        assert p_over_seeds((-each).tolist()) == pytest.approx(p_over_seeds(each.tolist()))
    assert p_over_seeds([1, 2, 4]) == pytest.approx(1 - (7 / 9) ** 0.5)  # t^2 = 7
    assert p_over_seeds([1, -1]) == pytest.approx(1)
    assert np.isnan([p_over_seeds(each) for each in ([], [0.3], [0.0] * 3, [0.1] * 3)]).all()


def test_resamples_are_the_same_for_all_models() -> None:
    """What pairing rests on: equal patients and seeds are drawn alike."""
    patient = parts_of(1)[""].patient
    one, other = (np.concatenate(list(resampled_weights(patient, HOW))) for _ in range(2))
    np.testing.assert_array_equal(one, other)
