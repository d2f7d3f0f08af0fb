"""Drawing '5x200' test sets: films that have one of five findings and nothing else (GLoRIA, and its variants)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import LATERAL, Corpus, Rows
from umcl_bench.data.splits.draws import sample_rows
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING
from umcl_bench.errors import DataError

if TYPE_CHECKING:
    from numpy.random import RandomState

FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The five findings in the order in which the authors' scripts draw them."""

OTHERS = tuple(name for name in CHEXPERT if name != NO_FINDING)


def pools(corpus: Corpus, rows: Rows, split: str, *, uncertain_is_no: bool = False) -> list[Rows]:
    """For each of the five findings, those of `rows` that have it (1) and none of the other twelve (0 or blank).

    An uncertain label shuts a film out of every pool, unless `uncertain_is_no`.
    """
    missing = [name for name in OTHERS if name not in corpus.classes]
    if missing:
        raise DataError(f"{split} looks at 13 findings; {corpus.source} does not label {', '.join(missing)}")
    values = np.nan_to_num(corpus.stated[rows][:, [corpus.classes.index(name) for name in OTHERS]], nan=0.0)
    if uncertain_is_no:
        values = np.where(values == -1, 0, values)
    alone = ((values == 1).sum(axis=1) == 1) & ((values == 0).sum(axis=1) == len(OTHERS) - 1)
    return [rows[alone & (values[:, OTHERS.index(name)] == 1)] for name in FIVE]


def draw_each(of: Sequence[Rows], n: int, state: Callable[[], int | RandomState], split: str) -> list[int]:
    """`n` rows of each pool, drawn by pandas. Raises DataError, with the pools' sizes, where one is too small."""
    small = [f"{name} has {len(pool)}" for name, pool in zip(FIVE, of, strict=True) if len(pool) < n]
    if small:
        raise DataError(f"{split} draws {n} films for each of five findings; {', '.join(small)}: no complete release")
    return [row for pool in of for row in sample_rows(pool, n, state())]


def frontal(corpus: Corpus, rows: Rows) -> Rows:
    """Those of `rows` that train.csv calls Frontal: 17 of them have a lateral projection (LL, RL) beside it."""
    if "side" in corpus.attributes:
        return _where(rows, [side == "Frontal" for side in corpus.attributes["side"][rows]])
    return _where(rows, [str(view).casefold() not in LATERAL for view in corpus.views[rows]])


def of_other_patients(corpus: Corpus, rows: Rows, left_out: Sequence[int]) -> Rows:
    """Those of `rows` whose patient has no film in `left_out`."""
    patients = {corpus.patients[row] for row in left_out}
    return _where(rows, [patient not in patients for patient in corpus.patients[rows]])


def _where(rows: Rows, keep: list[bool]) -> Rows:
    mask: NDArray[np.bool_] = np.array(keep, dtype=bool)
    return rows[mask]
