"""Hits, precision and ranks where candidates tie: over all orders, in closed form, at chance, in other libraries."""

import itertools
import math
import statistics
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.retrieval import retrieval_hit_rate, retrieval_precision

from umcl_bench.metrics.intervals import estimate
from umcl_bench.metrics.ranking import (
    HITS,
    METRICS,
    PRECISIONS,
    expected_hit,
    expected_precision,
    expected_rank,
    weighted_median,
)
from umcl_bench.metrics.scores import Scores
from umcl_bench.spec import Intervals

candidates = st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6)
"""The similarity of each candidate, and whether it is relevant."""


def all_orders(sample: list[tuple[int, bool]]) -> list[list[bool]]:
    """What is relevant, from the first candidate to the last, in each order that the similarities allow."""
    return [
        [relevant for _, relevant in order]
        for order in itertools.permutations(sample)
        if all(a[0] >= b[0] for a, b in itertools.pairwise(order))
    ]


def best_place(sample: Sequence[tuple[float, bool]]) -> tuple[int, int, int]:
    best = max((s for s, relevant in sample if relevant), default=None)
    if best is None:
        return len(sample), 0, 0
    tied = [relevant for s, relevant in sample if s == best]
    return sum(s > best for s, _ in sample), len(tied), sum(tied)


def cut(sample: Sequence[tuple[float, bool]], k: int) -> tuple[int, int, int, int]:
    at = sorted((s for s, _ in sample), reverse=True)[k - 1]
    over = [relevant for s, relevant in sample if s > at]
    tied = [relevant for s, relevant in sample if s == at]
    return len(over), len(tied), sum(over), sum(tied)


@given(candidates)
def test_hits_and_ranks_are_the_mean_over_all_orders(sample: list[tuple[int, bool]]) -> None:
    orders, place = all_orders(sample), best_place(sample)
    if not any(relevant for _, relevant in sample):
        assert np.isnan([expected_hit(*place, 2), expected_rank(*place)]).all()
        return
    assert float(expected_rank(*place)) == pytest.approx(statistics.mean(order.index(True) + 1 for order in orders))
    for k in (1, 2, 4, 9):
        assert float(expected_hit(*place, k)) == pytest.approx(statistics.mean(any(order[:k]) for order in orders))


@given(candidates)
def test_precision_is_the_mean_over_all_orders(sample: list[tuple[int, bool]]) -> None:
    for k in range(1, len(sample) + 1):
        expected = statistics.mean(sum(order[:k]) / k for order in all_orders(sample))
        assert float(expected_precision(*cut(sample, k), k)) == pytest.approx(expected)


@pytest.mark.parametrize(("above", "tied", "relevant"), [(0, 200, 1), (0, 200, 40), (3, 50, 7), (9, 4, 2), (8, 9, 9)])
@pytest.mark.parametrize("k", HITS)
def test_a_hit_is_its_closed_form(above: int, tied: int, relevant: int, k: int) -> None:
    """1 - C(m-r, s) / C(m, s), with whole numbers."""
    s = min(max(k - above, 0), tied)
    exact = 1 - Fraction(math.comb(tied - relevant, s), math.comb(tied, s))
    assert float(expected_hit(above, tied, relevant, k)) == pytest.approx(float(exact), abs=1e-14)


@pytest.mark.parametrize(("m", "r"), [(10, 1), (30, 4), (200, 40)])
def test_the_expected_first_rank_is_a_sum_of_misses(m: int, r: int) -> None:
    """E(rank) = sum over k of P(no hit among the first k)."""
    misses = sum(1 - float(expected_hit(0, m, r, k)) for k in range(m))
    assert float(expected_rank(0, m, r)) == pytest.approx(misses) == pytest.approx((m + 1) / (r + 1))


def test_all_tied_is_chance() -> None:
    assert expected_hit(0, 100, 1, 5) == pytest.approx(5 / 100)
    assert expected_rank(0, 100, 1) == 101 / 2
    assert expected_precision(0, 100, 0, 20, 5) == pytest.approx(20 / 100)


def test_other_libraries_agree_where_nothing_ties() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        similarity, relevant = rng.permutation(60) / 60, rng.random(60) < 0.1
        relevant[0] = True
        sample = list(zip(similarity.tolist(), relevant.tolist(), strict=True))
        scores, target = torch.from_numpy(similarity), torch.from_numpy(relevant)
        for k in HITS:
            theirs = retrieval_hit_rate(scores, target, top_k=k).item()
            assert float(expected_hit(*best_place(sample), k)) == theirs
        for k in (k for k in PRECISIONS if k <= 60):
            theirs = retrieval_precision(scores, target, top_k=k).item()
            assert float(expected_precision(*cut(sample, k), k)) == pytest.approx(theirs, abs=1e-6)


def test_golden_values() -> None:
    """The examples of torchmetrics' RetrievalHitRate and RetrievalPrecision: two queries, 0.5 for top_k=2 in both."""
    preds = [0.2, 0.3, 0.5, 0.1, 0.3, 0.5, 0.2]

    def queries(*target: bool) -> list[list[tuple[float, bool]]]:
        return [list(zip(preds[part], target[part], strict=True)) for part in (slice(0, 3), slice(3, 7))]

    hits = [expected_hit(*best_place(q), 2) for q in queries(True, False, False, False, True, False, True)]
    shares = [expected_precision(*cut(q, 2), 2) for q in queries(False, False, True, False, True, False, True)]
    assert np.mean(hits) == np.mean(shares) == 0.5


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_weighted_median_is_that_of_repeated_values(sample: list[tuple[int, int]]) -> None:
    values, weights = (np.array(column, dtype=float) for column in zip(*sample, strict=True))
    repeated = np.repeat(values, weights.astype(int))
    expected = statistics.median(repeated) if len(repeated) else np.nan
    found = weighted_median(values[:, None], weights[None])
    np.testing.assert_array_equal(found, [[expected]])


def scores_of(columns: dict[str, list[list[float]]]) -> Scores:
    n = len(next(iter(columns.values())))
    names = np.array([f"p{i}" for i in range(n)], dtype=object)
    arrays = {name: np.array(column, dtype=float) for name, column in columns.items()}
    return Scores(arrays, names, names, ("image to text", "text to image"))


def test_a_direction_counts_its_own_queries_and_the_mean_is_over_directions() -> None:
    nan = math.nan
    scores = scores_of({"hit@1": [[1, nan], [0, nan], [nan, 1]], "rank": [[1, nan], [4, nan], [nan, 1]]})
    hit, rank = (estimate(scores, name, Intervals(resamples=50)) for name in ("r@1", "median-rank"))
    assert (hit["image to text"].value, hit["text to image"].value, hit["macro"].value) == (0.5, 1.0, 0.75)
    assert (rank["image to text"].value, rank["text to image"].value) == (2.5, 1.0)
    assert (hit["image to text"].n, hit["text to image"].n, hit["macro"].n) == (2, 1, 3)


def test_a_perfect_model_has_what_the_metric_says_and_no_query_gives_no_figure() -> None:
    for metric in METRICS:
        ones, none = (scores_of({metric.needs[0]: [[v, v]] * 3}) for v in (1.0, math.nan))
        assert (metric.points(ones) == metric.perfect).all()
        assert np.isnan(metric.points(none)).all()
        assert metric.higher_is_better is ("rank" not in metric.name)
