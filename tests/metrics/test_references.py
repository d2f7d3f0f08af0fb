"""Every metric against its definition and other libraries, and what holds of each: order, blocks, truth, chance."""

import math

import numpy as np
import pytest

from tests.metrics.column_references import COLUMN_REFERENCES
from tests.metrics.references import CLASS_REFERENCES, KINDS
from umcl_bench.metrics import calibration, classification, decisions
from umcl_bench.metrics.decisions import argmax_shares
from umcl_bench.metrics.intervals import estimate
from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.registry import METRICS
from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.spec import Intervals

REFERENCES = {**CLASS_REFERENCES, **COLUMN_REFERENCES}
CLASSIFICATION = {m.name: m for m in (*classification.METRICS, *decisions.METRICS, *calibration.METRICS)}
ARGMAX = [name for name in CLASSIFICATION if name.startswith("argmax-")]


def test_every_metric_has_a_reference() -> None:
    assert set(REFERENCES) == set(METRICS)


def computed(metric: Metric, columns: dict[str, Floats], weights: Floats | None = None) -> Floats:
    n = len(next(iter(columns.values())))
    return metric.compute(
        {name: columns[name] for name in metric.needs}, np.ones((1, n)) if weights is None else weights
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REFERENCES)
def test_the_figure_is_its_definition(name: str, kind: str) -> None:
    """For the sample itself, and for resamples, given as rows that are repeated."""
    rng, reference = np.random.default_rng(7), REFERENCES[name]
    columns = reference.draw(rng, kind)
    n = len(next(iter(columns.values())))
    np.testing.assert_allclose(computed(METRICS[name], columns)[0], reference.slow(columns), atol=1e-12)
    weights = rng.integers(0, 4, (6, n)).astype(float)
    for weight, found in zip(weights, computed(METRICS[name], columns, weights), strict=True):
        rows = np.repeat(np.arange(n), weight.astype(int))
        np.testing.assert_allclose(found, reference.slow({k: c[rows] for k, c in columns.items()}), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "peer"), [(name, peer) for name, r in REFERENCES.items() for peer in r.peers])
def test_other_libraries_agree(name: str, peer: str, kind: str) -> None:
    tolerance, figures = REFERENCES[name].peers[peer]
    columns = REFERENCES[name].draw(np.random.default_rng(8), kind)
    found, theirs = computed(METRICS[name], columns)[0], np.array(figures(columns))
    has = ~np.isnan(theirs)
    assert has.any() or kind == "tied"
    np.testing.assert_allclose(found[has], theirs[has], atol=tolerance)


@pytest.mark.parametrize("name", REFERENCES)
def test_neither_the_order_of_rows_nor_the_block_of_resamples_matters(name: str) -> None:
    rng = np.random.default_rng(9)
    columns = REFERENCES[name].draw(rng, "tied")
    n = len(next(iter(columns.values())))
    weights, order = rng.integers(0, 3, (5, n)).astype(float), rng.permutation(n)
    found = computed(METRICS[name], columns, weights)
    moved = computed(METRICS[name], {k: c[order] for k, c in columns.items()}, weights[:, order])
    np.testing.assert_allclose(moved, found, atol=1e-13)
    alone = np.concatenate([computed(METRICS[name], columns, weight[None]) for weight in weights])
    np.testing.assert_allclose(alone, found, atol=1e-13)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_a_model_that_is_told_the_truth_is_perfect(name: str) -> None:
    columns = REFERENCES[name].draw(np.random.default_rng(10), "random")
    truth = {"value": columns["target"], "decision": columns["target"], "target": columns["target"]}
    assert (computed(METRICS[name], truth) == METRICS[name].perfect).all()


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("name", [name for name, metric in CLASSIFICATION.items() if metric.chance is not None])
def test_a_model_that_says_the_same_of_all_samples_is_at_chance(name: str, share: float) -> None:
    columns = REFERENCES[name].draw(np.random.default_rng(11), "random")
    same = np.full_like(columns["target"], share)
    found = computed(METRICS[name], {"value": same, "decision": same, "target": columns["target"]})
    np.testing.assert_array_equal(found, METRICS[name].chance)


@pytest.mark.parametrize("name", ARGMAX)
def test_an_argmax_of_equals_is_one_in_so_many(name: str) -> None:
    """Five classes, as many of each: a constant has a fifth of every figure."""
    target = np.tile(np.eye(5), (8, 1))
    found = computed(METRICS[name], {"decision": argmax_shares(np.zeros((40, 5))), "target": target})
    np.testing.assert_allclose(found, 0.2, atol=1e-15)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_an_interval_of_a_random_model_holds_chance_and_its_own_figure(name: str) -> None:
    columns = _repeated(REFERENCES[name].draw(np.random.default_rng(12), "random"))
    patient = np.array([f"p{i // 2}" for i in range(len(columns["target"]))], dtype=object)
    scores = Scores(columns, patient, patient, tuple("abcde"[: columns["target"].shape[1]]))
    found = estimate(scores, name, Intervals(resamples=300))["macro"]
    assert found.low <= found.value <= found.high
    chance = 0.2 if name in ARGMAX else METRICS[name].chance
    assert chance is None or found.low <= chance <= found.high


def _repeated(columns: dict[str, Floats]) -> dict[str, Floats]:
    """Two films a patient."""
    return {name: np.repeat(column, 2, axis=0) for name, column in columns.items()}


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_without_a_score_or_a_decision_there_is_no_figure_and_other_classes_keep_theirs(name: str) -> None:
    columns = REFERENCES[name].draw(np.random.default_rng(13), "random")
    whole = computed(METRICS[name], columns)[0]
    lacking = {k: c.copy() for k, c in columns.items()}
    for column in set(METRICS[name].needs) - {"target"}:
        lacking[column][3, 0] = np.nan
    lacking["target"][3] = np.where(np.arange(whole.size if whole.size > 1 else 5) == 0, 1.0, columns["target"][3])
    found = computed(METRICS[name], lacking)[0]
    assert np.isnan(found[0])
    if not METRICS[name].joint:
        assert not np.isnan(found[1:]).any()
    unknown = {
        **lacking,
        "target": np.where(np.arange(len(columns["target"]))[:, None] == 3, np.nan, columns["target"]),
    }
    assert not np.isnan(computed(METRICS[name], unknown)).any()  # it says nothing of a sample that does not count


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_no_sample_gives_no_figure(name: str) -> None:
    columns = {column: np.zeros((0, 5)) for column in ("value", "decision", "target")}
    assert np.isnan(computed(METRICS[name], columns)).all()


def test_nothing_called_is_0_and_so_is_the_mcc_of_a_constant() -> None:
    """Which classes have a figure depends on the labels alone: every model's mean is over the same ones."""
    target = np.array([[1.0], [0.0], [0.0]])
    none = {"decision": np.zeros((3, 1)), "target": target}
    for name in ("f1", "precision", "recall", "mcc"):
        assert computed(METRICS[name], none)[0, 0] == 0
    assert computed(METRICS["mcc"], {"decision": np.ones((3, 1)), "target": target})[0, 0] == 0


def test_golden_values() -> None:
    """Examples of the documentation of scikit-learn (but for the ECE's: torchmetrics), checked there."""

    def one(name: str, said: list[float], target: list[float]) -> float:
        column, targets = np.array(said)[:, None], np.array(target, dtype=float)[:, None]
        return float(computed(METRICS[name], {"value": column, "decision": column, "target": targets})[0, 0])

    assert one("auprc", [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) == pytest.approx(0.8333, abs=5e-5)
    assert one("mcc", [1, 0, 1, 1], [1, 1, 1, 0]) == pytest.approx(-1 / 3)
    assert one("brier", [0.1, 0.9, 0.8, 0.3], [0, 1, 1, 0]) == pytest.approx(0.0375)
    assert one("ece", [0.25, 0.25, 0.55, 0.75, 0.75], [0, 0, 1, 1, 1]) == pytest.approx(0.29)


def test_closed_forms() -> None:
    """Of a constant: average precision is the share of positives, ECE its distance, Brier's score the square's mean."""
    target = np.repeat([1.0, 0.0], [30, 70])[:, None]
    columns = {"value": np.full((100, 1), 0.45), "target": target}
    assert computed(METRICS["auprc"], columns)[0, 0] == pytest.approx(0.3)
    assert computed(METRICS["ece"], columns)[0, 0] == pytest.approx(0.15)
    assert computed(METRICS["brier"], columns)[0, 0] == pytest.approx(0.3 * 0.55**2 + 0.7 * 0.45**2)
    worst = {"value": 1 - target, "target": target}
    assert computed(METRICS["ece"], worst)[0, 0] == computed(METRICS["brier"], worst)[0, 0] == 1


@pytest.mark.parametrize(("value", "low"), [(1 / 15, 0), (0.0, 0), (1.0, 14), (5 / 15, 4), (0.34, 5)])
def test_a_bin_holds_its_upper_end(value: float, low: int) -> None:
    """With a sample of the other sign in the middle of that bin the two are one, and their errors add with signs."""
    columns = {"value": np.array([[value], [(low + 0.5) / 15]]), "target": np.array([[0.0], [1.0]])}
    assert computed(METRICS["ece"], columns)[0, 0] == pytest.approx(abs(1 - columns["value"].sum()) / 2)


@pytest.mark.parametrize("name", ["ece", "brier"])
@pytest.mark.parametrize("wrong", [1.5, -0.1, math.inf])
def test_what_is_no_probability_has_no_calibration(name: str, wrong: float) -> None:
    columns = {"value": np.array([[0.2], [wrong]]), "target": np.array([[0.0], [1.0]])}
    assert np.isnan(computed(METRICS[name], columns)[0, 0])


def test_the_largest_share_what_ties() -> None:
    value = np.array([[0.1, 0.9, 0.9], [3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, np.nan, 1.0]])
    np.testing.assert_array_equal(argmax_shares(value), [[0, 0.5, 0.5], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [np.nan] * 3])
