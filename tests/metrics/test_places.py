"""Places: ranks and their intervals, and who is not significantly worse than the best."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from umcl_bench.metrics.comparison import compare, holm
from umcl_bench.metrics.intervals import estimate_figure
from umcl_bench.metrics.places import NOWHERE, Place, against_best, placed, places
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Figure, Floats, Scores
from umcl_bench.spec import Intervals

HOW = Intervals(resamples=300)
AUROC = get_metric("auroc")


def scores_of(seed: int, strength: float, n: int = 160) -> Scores:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (n, 2)).astype(float)
    patient = np.array([f"p{i}" for i in rng.integers(0, 70, n)], dtype=object)
    value = strength * target + np.random.default_rng(seed).standard_normal((n, 2))
    return Scores.of(value, target, patient, np.array([str(i) for i in range(n)], dtype=object), ("Edema", "Fracture"))


def slow_p(figures: Floats, boot: Floats) -> Floats:
    """Step by step: the model farthest from the best is held against all pairs of those that are left, and leaves."""
    m, b = boot.shape
    best = int(np.argmax(figures))

    def distance(i: int, j: int, of: Floats) -> float:
        error = float(np.std(boot[i] - boot[j], ddof=1))
        return abs(float(of[i] - of[j])) / error if error > 1e-12 else (np.inf if abs(of[i] - of[j]) > 1e-12 else 0)

    left, p, least = set(range(m)), np.full(m, np.nan), 0.0
    while len(left) > 1:
        worst = max(left - {best}, key=lambda i: (distance(best, i, figures), i))
        far = distance(best, worst, figures)
        over = 0
        for k in range(b):
            moved = boot[:, k] - figures
            pairs = [(i, j) for i in left for j in left if i < j and np.std(boot[i] - boot[j]) > 1e-12]
            over += max([0.0, *(distance(i, j, moved) for i, j in pairs)]) >= far
        p[worst] = least = max(least, (1 + over) / (1 + b))
        left.remove(worst)
    return p


def slow_places(figures: Floats, boot: Floats) -> list[Place]:
    """By the definition, a resample at a time; higher is better, and all is defined."""
    m, b = boot.shape
    best, p = int(np.argmax(figures)), slow_p(figures, boot)
    found = []
    for i in range(m):
        lows = sorted(1 + sum(boot[j, k] > boot[i, k] for j in range(m)) for k in range(b))
        highs = sorted(sum(boot[j, k] >= boot[i, k] for j in range(m)) for k in range(b))
        at = [int(np.ceil(q * b)) - 1 for q in (0.025, 0.975)]
        rank = 1 + sum(f > figures[i] for f in figures)
        found.append(Place(rank, lows[at[0]], highs[at[1]], float(p[i]), i == best or p[i] >= 0.05))
    return found


def test_places_are_those_of_the_slow_definition() -> None:
    rng = np.random.default_rng(3)
    boot = np.round(rng.normal([[0.9], [0.88], [0.7], [0.7]], 0.03, (4, 201)), 2)  # rounded: there are ties
    figures = np.array([0.9, 0.88, 0.7, 0.7])
    found, slow = placed(figures, boot, AUROC, HOW), slow_places(figures, boot)
    for one, two in zip(found, slow, strict=True):
        assert dataclasses.astuple(one) == pytest.approx(dataclasses.astuple(two), nan_ok=True)
    assert [p.rank for p in found] == [1, 2, 3, 3]
    assert [p.tied for p in found] == [True, True, False, False]


def test_estimates_are_those_of_each_model_alone() -> None:
    models = [[{"": scores_of(seed, s)} for seed in seeds] for s, seeds in ((2.0, (1, 2)), (1.5, (3,)), (0.0, (4, 5)))]
    estimates, _ = places(models, "auroc", Figure(), HOW)
    assert estimates == [estimate_figure(runs, "auroc", Figure(), HOW) for runs in models]


def test_a_class_that_one_model_lacks_is_in_no_place_and_in_the_others_own_figures() -> None:
    scores = scores_of(1, 1.0)
    lacking = scores.value.copy()
    lacking[:, 1] = np.nan
    models = [[{"": scores}], [{"": dataclasses.replace(scores, columns={**scores.columns, "value": lacking})}]]
    estimates, found = places(models, "auroc", Figure(), HOW)
    assert str(estimates) == str([estimate_figure(runs, "auroc", Figure(), HOW) for runs in models])
    assert [p.rank for p in found] == [1, 1]


def test_of_two_models_the_test_is_about_that_of_compare() -> None:
    for seed in range(5):
        models = [[{"": scores_of(seed, 1.0)}], [{"": scores_of(50 + seed, 0.8)}]]
        found = places(models, "auroc", Figure(), dataclasses.replace(HOW, resamples=2000))[1]
        (test,) = compare(models, [(0, 1)], "auroc", Figure(), dataclasses.replace(HOW, resamples=2000))
        (p,) = (place.p for place in found if not np.isnan(place.p))
        assert p == pytest.approx(test["macro"].p, abs=0.06)


def test_p_has_a_closed_form_of_two_models_and_is_never_0() -> None:
    """How far off the resamples are from the sample, in their own errors, does not depend on the distance tested."""
    noise = np.tile([-2.0, -1, 1, 2], 25)
    for distance, p in ((0.0, 1.0), (0.9, 1.0), (1.1, 51 / 101), (1.9, 51 / 101), (2.1, 1 / 101), (50.0, 1 / 101)):
        boot = np.stack([distance + noise, 0 * noise])
        found = against_best(np.array([distance, 0.0]), boot, HOW)
        assert found == pytest.approx([np.nan, p], nan_ok=True)
        assert against_best(np.array([0.0, distance]), boot[::-1], HOW)[0] == pytest.approx(p) or not distance


def test_models_whose_difference_never_varies_are_equal_or_are_not() -> None:
    figures = np.array([1.0, 1.0, 0.5])
    found = against_best(figures, np.repeat(figures[:, None], 99, axis=1), HOW)
    assert found == pytest.approx([np.nan, 1.0, 0.01], nan_ok=True)


def test_equal_models_share_a_rank_that_holds_them_all() -> None:
    same = [{"": scores_of(1, 1.0)}]
    found = places([same, same, same], "auroc", Figure(), HOW)[1]
    assert [(p.rank, p.low, p.high, p.tied) for p in found] == [(1, 1, 3, True)] * 3


def test_the_order_of_models_changes_nothing() -> None:
    models = [[{"": scores_of(at, s)}] for at, s in enumerate((1.0, 1.2, 0.3, 1.1))]
    forward, back = (places(order, "auroc", Figure(), HOW)[1] for order in (models, models[::-1]))
    assert [str(p) for p in forward] == [str(p) for p in back[::-1]]


def test_where_lower_is_better_the_lowest_is_first() -> None:
    ece = get_metric("ece")
    boot = np.random.default_rng(0).normal([[0.1], [0.3]], 0.01, (2, 200))
    assert [p.rank for p in placed(np.array([0.1, 0.3]), boot, ece, HOW)] == [1, 2]
    assert [p.tied for p in placed(np.array([0.1, 0.3]), boot, ece, HOW)] == [True, False]


def test_an_undefined_figure_has_no_place_and_takes_none() -> None:
    boot = np.random.default_rng(0).normal([[0.9], [0.0], [0.5]], 0.01, (3, 200))
    boot[1] = np.nan
    found = placed(np.array([0.9, np.nan, 0.5]), boot, AUROC, HOW)
    assert found[1] == NOWHERE
    assert [(found[at].rank, found[at].high) for at in (0, 2)] == [(1, 1), (2, 2)]
    assert placed(np.array([np.nan]), boot[1:2], AUROC, HOW) == [NOWHERE]


def test_a_model_without_any_figure_takes_no_place_from_the_others() -> None:
    scores = scores_of(1, 1.0)
    mute = [{"": dataclasses.replace(scores, columns={**scores.columns, "value": np.full_like(scores.value, np.nan)})}]
    one, other = [{"": scores}], [{"": scores_of(2, 0.2)}]
    assert str(places([one, mute, other], "auroc", Figure(), HOW)[1][::2]) == str(
        places([one, other], "auroc", Figure(), HOW)[1]
    )
    assert places([mute, mute], "auroc", Figure(), HOW)[1] == [NOWHERE] * 2


def test_where_nothing_can_be_tested_nothing_is_called_worse() -> None:
    boot = np.full((2, 200), np.nan)
    found = placed(np.array([0.9, 0.5]), boot, AUROC, HOW)
    assert [(p.rank, p.tied) for p in found] == [(1, True), (2, True)]
    assert np.isnan([p.low for p in found]).all()


@pytest.mark.parametrize("models", [2, 10, 18])
def test_of_equal_models_any_is_called_worse_in_about_5_percent_however_many_there_are(models: int) -> None:
    """The best and the worst are picked by the same figures; Holm, which does not know, calls more the more there are.

    1,000 boards of figures with normal errors and resamples about them. Holm has the exact p of each pair.
    """
    rng, called, by_holm = np.random.default_rng(0), 0, 0
    for _ in range(1000):
        figures = rng.standard_normal(models)
        boot = figures[:, None] + rng.standard_normal((models, 299))
        called += not all(place.tied for place in placed(figures, boot, AUROC, HOW))
        best = int(figures.argmax())
        p = holm(
            {str(i): 2 * float(norm.sf((figures[best] - figures[i]) / 2**0.5)) for i in range(models) if i != best}
        )
        by_holm += min(p.values()) < 0.05
    print(called, by_holm)
    assert 30 <= called <= 70
    assert by_holm > 120 or models == 2


def test_equal_models_among_worse_ones_are_not_called_worse_and_the_worse_are() -> None:
    rng, called, missed = np.random.default_rng(0), 0, 0
    for _ in range(500):
        figures = rng.standard_normal(10) - np.repeat([0.0, 5.0], 5)
        found = placed(figures, figures[:, None] + rng.standard_normal((10, 199)), AUROC, HOW)
        called += not all(place.tied for place in found[:5])
        missed += sum(place.tied for place in found[5:])
    assert called <= 0.07 * 500
    assert missed < 0.2 * 5 * 500


def test_places_of_equal_models_hold_their_ranks() -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        target = rng.integers(0, 2, (100, 1)).astype(float)
        who = np.array([f"p{i // 2}" for i in range(100)], dtype=object)
        models = [
            [{"": Scores.of(target + rng.standard_normal((100, 1)), target, who, who, ("Edema",))}] for _ in range(5)
        ]
        found = places(models, "auroc", Figure(), dataclasses.replace(HOW, resamples=200))[1]
        assert all(p.low <= p.rank <= p.high for p in found)
