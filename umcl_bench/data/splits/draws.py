"""The random draws that the authors' scripts make, by the libraries that they use.

The streams come from numpy's legacy MT19937 generator, which numpy promises not to change; how scikit-learn's
`train_test_split` and pandas' `sample` use it has been stable across versions but is not promised, so the tests hold
golden values: a change would be seen there, and by the hash of every split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import DataError

if TYPE_CHECKING:
    from numpy.random import RandomState


def cut(
    rows: Sequence[int], size: float | int, seed: int, split: str, strata: Sequence[int] | None = None
) -> tuple[list[int], list[int]]:
    """scikit-learn's train_test_split(rows, test_size=size, random_state=seed, stratify=strata). Raises DataError."""
    from sklearn.model_selection import train_test_split

    try:
        first, second = train_test_split(list(rows), test_size=size, random_state=seed, stratify=strata)
    except ValueError as error:
        raise DataError(f"{split} can't be drawn from {len(rows)} rows ({error}); the release has more") from None
    return first, second


def sample_rows(rows: Sequence[int] | NDArray[np.int64], n: int, state: int | RandomState) -> list[int]:
    """What pandas' Series(rows).sample(n, random_state=state) draws, in its order."""
    import pandas as pd

    return [int(row) for row in pd.Series(rows).sample(n, random_state=state)]
