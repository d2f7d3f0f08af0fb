"""A few films of each side of a class: as many as asked, nested, of different patients, in any order of the rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from umcl_bench.metrics.scores import Floats, Names
from umcl_bench.protocols.shots import few_films


def films(n: int, seed: int) -> tuple[Names, Names, Floats]:
    rng = np.random.default_rng(seed)
    patients = np.array([f"p{k}" for k in rng.integers(0, max(1, n // 2), n)], dtype=object)
    ids = np.array([f"i{k}" for k in rng.permutation(n)], dtype=object)
    return patients, ids, rng.choice([1.0, 0.0, np.nan], (n, 3), p=[0.3, 0.4, 0.3])


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(0, 20), st.integers(1, 8))
def test_so_many_films_of_different_patients_and_fewer_within_more(n: int, seed: int, shots: int) -> None:
    patients, ids, truth = films(n, seed)
    drawn, more = (few_films(patients, ids, truth, k, seed) for k in (shots, shots + 1))
    known = ~np.isnan(drawn)
    np.testing.assert_array_equal(drawn[known], truth[known])
    assert not (known & np.isnan(more)).any()
    for k in range(3):
        for side in (1.0, 0.0):
            there = patients[drawn[:, k] == side]
            assert len(set(there)) == len(there) == min(shots, len(set(patients[truth[:, k] == side])))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(0, 20))
def test_the_order_of_the_rows_plays_no_part(n: int, seed: int) -> None:
    patients, ids, truth = films(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    turned = few_films(patients[order], ids[order], truth[order], 2, 0)
    np.testing.assert_array_equal(turned, few_films(patients, ids, truth, 2, 0)[order])


def test_draws_differ() -> None:
    patients, ids, truth = films(200, 0)
    found = {few_films(patients, ids, truth, 4, seed).tobytes() for seed in range(3)}
    assert len(found) == 3
