"""A few films of each side of a class, seeded: 1 within 2 within 4."""

from __future__ import annotations

import numpy as np

from umcl_bench.data.splits.fractions import patient_order
from umcl_bench.metrics.scores import Floats, Names


def few_films(patients: Names, ids: Names, truth: Floats, shots: int, seed: int) -> Floats:
    """The labels (n, c) with NaN for all but the drawn films: `shots` positive and `shots` negative ones of each class.

    Each class draws for itself: the first patients with a film of that side, in the order of a hash of the seed and
    their name, and of each the first such film by its id. So fewer shots lie within more, a patient gives at most one
    film to a side, and the rows' order plays no part. A class whose side has fewer patients than that gets those.
    """
    place = {patient: at for at, patient in enumerate(patient_order({str(p) for p in patients}, seed))}
    rank = np.array([place[str(patient)] for patient in patients], dtype=np.int64)
    order = np.lexsort((ids.astype(str), rank))
    drawn = np.full_like(truth, np.nan)
    for k in range(truth.shape[1]):
        for side in (1.0, 0.0):
            rows = order[truth[order, k] == side]
            first = np.unique(rank[rows], return_index=True)[1]
            drawn[rows[first][:shots], k] = side
    return drawn
