"""Places: ranks and their intervals, and who is not significantly worse than the best."""

import dataclasses

import numpy as np
import pytest

from umcl_bench.metrics.comparison import bootstrap_p, compare, holm
from umcl_bench.metrics.intervals import estimate_figure
from umcl_bench.metrics.places import NOWHERE, Place, placed, places
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


def slow_places(figures: Floats, boot: Floats, how: Intervals) -> list[Place]:
    """By the definition, a resample at a time; higher is better, and all is defined."""
    m, b = boot.shape
    best = int(np.argmax(figures))
    p = holm({str(i): bootstrap_p(boot[best] - boot[i], how) for i in range(m) if i != best})
    found = []
    for i in range(m):
        lows = sorted(1 + sum(boot[j, k] > boot[i, k] for j in range(m)) for k in range(b))
        highs = sorted(sum(boot[j, k] >= boot[i, k] for j in range(m)) for k in range(b))
        at = [int(np.ceil(q * b)) - 1 for q in (0.025, 0.975)]
        rank = 1 + sum(f > figures[i] for f in figures)
        tested = p.get(str(i), float("nan"))
        found.append(Place(rank, lows[at[0]], highs[at[1]], tested, i == best or tested >= 0.05))
    return found


def test_places_are_those_of_the_slow_definition() -> None:
    rng = np.random.default_rng(3)
    boot = np.round(rng.normal([[0.9], [0.88], [0.7], [0.7]], 0.03, (4, 201)), 2)  # rounded: there are ties
    figures = np.array([0.9, 0.88, 0.7, 0.7])
    found, slow = placed(figures, boot, AUROC, HOW), slow_places(figures, boot, HOW)
    for one, two in zip(found, slow, strict=True):
        assert dataclasses.astuple(one) == pytest.approx(dataclasses.astuple(two), nan_ok=True)
    assert [p.rank for p in found] == [1, 2, 3, 3]
    assert [p.tied for p in found] == [True, True, False, False]


def test_estimates_are_those_of_each_model_alone_whatever_more_resamples_places_need() -> None:
    models = [[{"": scores_of(seed, s)} for seed in seeds] for s, seeds in ((2.0, (1, 2)), (1.5, (3,)), (0.0, (4, 5)))]
    few = dataclasses.replace(HOW, resamples=130)  # places take 200
    estimates, _ = places(models, "auroc", Figure(), few)
    assert estimates == [estimate_figure(runs, "auroc", Figure(), few) for runs in models]


def test_a_class_that_one_model_lacks_is_in_no_place_and_in_the_others_own_figures() -> None:
    scores = scores_of(1, 1.0)
    lacking = scores.value.copy()
    lacking[:, 1] = np.nan
    models = [[{"": scores}], [{"": dataclasses.replace(scores, columns={**scores.columns, "value": lacking})}]]
    estimates, found = places(models, "auroc", Figure(), HOW)
    assert str(estimates) == str([estimate_figure(runs, "auroc", Figure(), HOW) for runs in models])
    assert [p.rank for p in found] == [1, 1]


def test_the_tests_are_those_of_compare() -> None:
    models = [[{"": scores_of(at, s)}] for at, s in enumerate((1.0, 1.2, 0.3))]
    found = places(models, "auroc", Figure(), HOW)[1]
    tests = compare(models, [(1, 0), (1, 2)], "auroc", Figure(), HOW)
    p = holm({"0": tests[0]["macro"].p, "2": tests[1]["macro"].p})
    assert (found[0].p, found[2].p) == (p["0"], p["2"])
    assert np.isnan(found[1].p)


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


def test_models_without_a_difference_are_rarely_called_worse() -> None:
    """The best of five equal models is picked by the same figures: this costs a little more than Holm allows."""
    rng, worse, times = np.random.default_rng(5), 0, 60
    for _ in range(times):
        target = rng.integers(0, 2, (100, 1)).astype(float)
        who = np.array([f"p{i // 2}" for i in range(100)], dtype=object)
        models = [
            [{"": Scores.of(target + rng.standard_normal((100, 1)), target, who, who, ("Edema",))}] for _ in range(5)
        ]
        found = places(models, "auroc", Figure(), dataclasses.replace(HOW, resamples=200))[1]
        worse += not all(p.tied for p in found)
        assert all(p.low <= p.rank <= p.high for p in found)
    assert worse <= 0.2 * times
