"""Logistic regression: scikit-learn's optimum on every kind of features and labels, and what the definition says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from umcl_bench.metrics.scores import Floats
from umcl_bench.models.base import Matrix
from umcl_bench.protocols.logistic import Heads, fit_logistic, fit_scikit_learn, principal_axes

STRENGTHS = (1e-4, 1e-2, 1.0, 10.0)


def objective(z: Matrix, y: Floats, w: Floats, b: float, strength: float) -> float:
    """The definition: C x the sum of the log losses of the labelled samples, + |w|^2 / 2."""
    total = 0.0
    for row, label in zip(z.astype(np.float64), y, strict=True):
        if not np.isnan(label):
            score = float(row @ w) + b
            total += np.logaddexp(0, score) - label * score
    return strength * total + float(w @ w) / 2


def objectives(heads: Heads, z: Matrix, labels: Floats, strengths: tuple[float, ...] = STRENGTHS) -> Floats:
    k, c = len(strengths), labels.shape[1]
    values = [
        objective(z, labels[:, j], heads.weights[i, :, j], float(heads.intercepts[i, j]), strengths[i])
        for i in range(k)
        for j in range(c)
    ]
    return np.array(values).reshape(k, c)


def data(kind: str, n: int = 200, d: int = 20, c: int = 3, seed: int = 0) -> tuple[Matrix, Floats]:
    rng = np.random.default_rng(seed)
    z, true = rng.standard_normal((n, d)), rng.standard_normal((d, c))
    labels = (z @ true / 3 + rng.logistic(size=(n, c)) > 0.5).astype(np.float64)
    if kind == "correlated":
        z = z * 10.0 ** np.linspace(-2, 2, d) @ rng.standard_normal((d, d))
        z = (z - z.mean(axis=0)) / z.std(axis=0)
    elif kind == "separable":
        labels = (z @ true > 0).astype(np.float64)
    elif kind == "partly labelled":
        labels[rng.random(labels.shape) < 0.6] = np.nan
    elif kind == "of low rank":
        z = z[:, :4] @ rng.standard_normal((4, d))
    elif kind == "wide":
        z = rng.standard_normal((n, 3 * n))
    elif kind == "rare":
        labels[:] = 0
        labels[:2] = 1
    elif kind == "far from 0":
        z = z + 5
    return z.astype(np.float32), labels


GOLDEN = [0.6361001301608903, 0.14569774694050813, -0.0775588616019923]
KINDS = ("random", "correlated", "separable", "partly labelled", "of low rank", "wide", "rare", "far from 0")


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimum_is_scikit_learns(kind: str) -> None:
    z, labels = data(kind, n=60 if kind == "wide" else 200)
    ours = fit_logistic(z, labels, STRENGTHS, 1e-8, 1000)
    theirs = fit_scikit_learn(z, labels, STRENGTHS, 1e-8, 20000)
    assert ours.converged.all()
    ratio = objectives(ours, z, labels) / objectives(theirs, z, labels)
    assert ratio.max() < 1 + 1e-5
    assert ratio.min() > 1 - 1e-4
    test, true = data("random", n=300, d=z.shape[1], seed=1)
    for mine, other in zip(ours.log_odds(test), theirs.log_odds(test), strict=True):
        for j in range(labels.shape[1]):
            areas = [roc_auc_score(true[:, j], scores[:, j]) for scores in (mine, other)]
            assert areas[0] == pytest.approx(areas[1], abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 40), st.integers(1, 60), st.integers(1, 4), st.integers(0, 1000))
def test_any_shape_reaches_the_optimum(n: int, d: int, c: int, seed: int) -> None:
    z, labels = data("random", n, d, c, seed)
    labels[0], labels[1] = 1, 0
    ours = fit_logistic(z, labels, (0.01, 1.0), 1e-8, 1000)
    theirs = fit_scikit_learn(z, labels, (0.01, 1.0), 1e-8, 20000)
    assert ours.converged.all()
    ratio = objectives(ours, z, labels, (0.01, 1.0)) / objectives(theirs, z, labels, (0.01, 1.0))
    assert ratio.max() < 1 + 1e-6


def test_no_step_lowers_the_objective() -> None:
    """The definition again, a sum in a loop: it is higher at every neighbour, and the penalty spares the intercept."""
    z, labels = data("random", n=40, d=3, c=1)
    heads = fit_logistic(z, labels, (1.0,), 1e-10, 1000)
    w, b = heads.weights[0, :, 0], float(heads.intercepts[0, 0])
    at = objective(z, labels[:, 0], w, b, 1.0)
    for step in (-0.01, 0.01):
        assert objective(z, labels[:, 0], w, b + step, 1.0) > at
        for j in range(3):
            assert objective(z, labels[:, 0], w + step * np.eye(3)[j], b, 1.0) > at


def test_features_that_say_nothing_give_the_classs_frequency() -> None:
    labels = np.array([[1.0, 0.0]] * 10 + [[0.0, 0.0]] * 25 + [[0.0, 1.0]] * 5)
    heads = fit_logistic(np.zeros((40, 3), np.float32), labels, (1.0,), 1e-8, 100)
    assert not heads.weights.any()
    np.testing.assert_allclose(heads.intercepts[0], [np.log(10 / 30), np.log(5 / 35)], rtol=1e-6)


def test_one_feature_of_two_values_has_a_closed_form() -> None:
    """Of z = +-1 and y = (z > 0), n of them: the derivative w - C n / (1 + e^w) is 0, and b is 0."""
    z = np.array([[1.0], [-1.0]] * 4, np.float32)
    heads = fit_logistic(z, (z > 0).astype(np.float64), (0.5, 3.0), 1e-10, 100)
    for strength, w in zip((0.5, 3.0), heads.weights[:, 0, 0], strict=True):
        assert w == pytest.approx(strength * 8 / (1 + np.exp(w)), rel=1e-4)
    np.testing.assert_allclose(heads.intercepts, 0, atol=1e-6)


def test_a_strong_penalty_leaves_the_difference_of_means() -> None:
    """To first order in C, w is C x the sum of (y - mean y) z."""
    z, labels = data("random", c=1)
    w = fit_logistic(z, labels, (1e-7,), 1e-10, 100).weights[0, :, 0]
    np.testing.assert_allclose(w, 1e-7 * (labels[:, 0] - labels.mean()) @ z, rtol=1e-3, atol=1e-9)


def test_symmetries() -> None:
    z, labels = data("random")
    rng = np.random.default_rng(3)
    base = fit_logistic(z, labels, STRENGTHS, 1e-10, 1000)

    def close(other: Heads, weights: Floats, intercepts: Floats) -> None:
        np.testing.assert_allclose(other.weights, weights, atol=2e-3)
        np.testing.assert_allclose(other.intercepts, intercepts, atol=2e-3)

    turn = np.linalg.qr(rng.standard_normal((20, 20))).Q
    turned = fit_logistic((z @ turn).astype(np.float32), labels, STRENGTHS, 1e-10, 1000)
    close(turned, np.einsum("ji,kjc->kic", turn, base.weights), base.intercepts)
    order = rng.permutation(len(z))
    close(fit_logistic(z[order], labels[order], STRENGTHS, 1e-10, 1000), base.weights, base.intercepts)
    close(fit_logistic(z, 1 - labels, STRENGTHS, 1e-10, 1000), -base.weights, -base.intercepts)
    flipped = fit_logistic(z, labels[:, ::-1], STRENGTHS, 1e-10, 1000)
    close(flipped, base.weights[..., ::-1], base.intercepts[:, ::-1])
    halved = tuple(strength / 2 for strength in STRENGTHS)
    twice = fit_logistic(np.concatenate([z, z]), np.concatenate([labels, labels]), halved, 1e-10, 1000)
    close(twice, base.weights, base.intercepts)


def test_a_missing_label_is_a_missing_row() -> None:
    z, labels = data("partly labelled")
    together = fit_logistic(z, labels, STRENGTHS, 1e-10, 1000)
    for j in range(labels.shape[1]):
        known = ~np.isnan(labels[:, j])
        alone = fit_logistic(z[known], labels[known][:, [j]], STRENGTHS, 1e-10, 1000)
        np.testing.assert_allclose(together.weights[..., j], alone.weights[..., 0], atol=2e-3)


def test_golden_head() -> None:
    """scikit-learn 1.9.1, LogisticRegression(C=0.5, tol=1e-10), on these six films."""
    z = np.array([[0.0, 1.0], [1.0, 0.5], [2.0, -1.0], [-1.0, 0.0], [0.5, 0.5], [-2.0, -1.0]], np.float32)
    y = np.array([1.0, 1, 1, 0, 0, 0])
    heads = fit_logistic(z, y[:, None], (0.5,), 1e-10, 100)
    np.testing.assert_allclose([*heads.weights[0, :, 0], heads.intercepts[0, 0]], GOLDEN, atol=1e-4)
    peer = LogisticRegression(C=0.5, tol=1e-10).fit(z.astype(np.float64), y)
    np.testing.assert_allclose([*peer.coef_[0], peer.intercept_[0]], GOLDEN, atol=1e-5)


def test_a_search_that_is_cut_short_says_so() -> None:
    z, labels = data("separable")
    short = fit_logistic(z, labels, (10.0,), 1e-8, 2)
    assert short.iterations == 2
    assert not short.converged.any()
    assert not fit_scikit_learn(z, labels, (10.0,), 1e-8, 2).converged.any()


@pytest.mark.parametrize("fit", [fit_logistic, fit_scikit_learn])
def test_a_class_with_one_side_is_refused(fit: object) -> None:
    z, labels = data("random")
    labels[:, 1] = 0
    assert callable(fit)
    with pytest.raises(ValueError, match=r"classes \[1\] have no positive or no negative"):
        fit(z, labels, (1.0,), 1e-8, 10)


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50), (20, 20)])
def test_the_axes_are_orthonormal_and_make_the_covariance_diagonal(n: int, d: int) -> None:
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((n, d))).float()
    axes, spread = principal_axes(z)
    r = min(n, d)
    inside: NDArray[np.float32] = (axes.T @ axes).numpy()
    np.testing.assert_allclose(inside, np.eye(r), atol=1e-5)
    turned = (axes.T @ z.T @ z @ axes / n).numpy()
    np.testing.assert_allclose(turned, np.diag(spread.numpy()), atol=1e-4)
