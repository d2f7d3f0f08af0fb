"""Some patients of each split, for a quick look."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from umcl_bench.data.corpus import Corpus, Rows

_SEED = 20230711


def limited(corpus: Corpus, films: int) -> Corpus:
    """The corpus with `films` films of each split; the other rows are in no split.

    Patients are whole and come in the order of a seeded hash of their names, whatever the order of the rows, until
    there are as many films, so that the last patient may add a few more. All of a split that has no more films stay.
    """
    keep = np.zeros(len(corpus), dtype=bool)
    for split in set(corpus.splits) - {""}:
        rows = corpus.rows(split, "all")
        keep[rows[_first_patients(corpus, rows, films)]] = True
    left_out = np.flatnonzero(~keep & (corpus.splits != ""))
    if not len(left_out):
        return corpus
    kept = corpus.without(left_out, f"limited to {films:,} films of each split")
    return dataclasses.replace(kept, facts={**corpus.facts, "limit": films})


def _first_patients(corpus: Corpus, rows: Rows, films: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of the rows are of the first patients that together have so many films."""
    names, patient = np.unique(corpus.patients[rows].astype(str), return_inverse=True)
    counts = np.zeros(len(names), dtype=np.int64)
    np.add.at(counts, patient[np.isin(rows, corpus.with_image(rows))], 1)
    order = np.argsort([hashlib.sha256(f"{_SEED} {name}".encode()).hexdigest() for name in names])
    before = np.cumsum(counts[order]) - counts[order]
    chosen = np.zeros(len(names), dtype=bool)
    chosen[order[before < films]] = True
    return np.asarray(chosen[patient])
