"""Films of several datasets, taken by row numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from umcl_bench.data.films import JoinedFilms


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
def test_joined_films_are_the_parts_behind_one_another(sizes: list[int], data: st.DataObject) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 256, (n, 2, 2), dtype=np.uint8) for n in sizes]
    whole = np.concatenate(parts)
    rows = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=12)), dtype=np.int64)
    joined = JoinedFilms(parts)
    assert len(joined) == len(whole)
    assert joined.shape == whole.shape
    np.testing.assert_array_equal(joined[rows], whole[rows])
    np.testing.assert_array_equal(joined[len(whole) - 1], whole[-1])
