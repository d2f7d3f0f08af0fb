"""Metrics of retrieval, from what is kept of each query: where its relevant candidates are.

Candidates that are equally similar to a query are in no order. Each figure of a query is therefore its expected value
over a random order of those that are tied, so that it does not depend on the order of rows, and a model that says the
same of all candidates gets what chance gets: k/n of n candidates for R@k with one relevant, (n + 1)/2 for its rank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from umcl_bench.metrics.metric import Metric
from umcl_bench.metrics.scores import Floats

HITS = (1, 5, 10)
PRECISIONS = (1, 2, 5, 10, 50, 100)
"""The k that there are metrics for."""


def expected_hit(above: ArrayLike, tied: ArrayLike, relevant: ArrayLike, k: int) -> Floats:
    """P(a relevant candidate is among the first k) of each query (n,): 1 - C(m-r, s) / C(m, s), with s = k - above.

    `above` candidates rank above the best relevant one, m = `tied` share its place, and r = `relevant` of these are
    relevant; s of them are within the first k. NaN where no candidate is relevant (r = 0).
    """
    above, tied, relevant = (np.asarray(v, dtype=np.float64) for v in (above, tied, relevant))
    places = np.clip(k - above, 0, tied)
    miss = np.ones(np.broadcast_shapes(above.shape, tied.shape, relevant.shape))
    for drawn in range(k):  # that the next of the places goes to none of the relevant, as none before it did
        left = np.maximum(tied - drawn, 1)
        miss = np.where(drawn < places, miss * np.maximum(tied - relevant - drawn, 0) / left, miss)
    return np.where(relevant > 0, 1 - miss, np.nan)


def expected_rank(above: ArrayLike, tied: ArrayLike, relevant: ArrayLike) -> Floats:
    """The expected rank, from 1, of the first relevant candidate of each query (n,): above + (m + 1) / (r + 1).

    That is the least of r places drawn among m. Arguments and NaN as in `expected_hit`.
    """
    above, tied, relevant = (np.asarray(v, dtype=np.float64) for v in (above, tied, relevant))
    return np.where(relevant > 0, above + (tied + 1) / (relevant + 1), np.nan)


def expected_precision(
    above: ArrayLike, tied: ArrayLike, relevant_above: ArrayLike, relevant_tied: ArrayLike, k: int
) -> Floats:
    """The expected share of relevant candidates among the first k of each query (n,): (R + r (k - above) / m) / k.

    `above` candidates rank above the k-th, R of them relevant, and m = `tied` share its place, r of them relevant.
    """
    above, tied, sure, open_ = (np.asarray(v, dtype=np.float64) for v in (above, tied, relevant_above, relevant_tied))
    return np.asarray((sure + open_ * (k - above) / tied) / k)


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """The mean of each column of values (n, c) in each resample: weights (b, n) -> (b, c). NaN values do not count."""
    known = ~np.isnan(values)
    total = weights @ known
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (weights @ np.where(known, values, 0)) / np.where(total > 0, total, 1), np.nan)


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """The same of the median; that of an even number of values is the mean of the middle two."""
    return np.stack([_median(values[:, k], weights) for k in range(values.shape[1])], axis=1)


def _median(values: Floats, weights: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    order = order[~np.isnan(values[order])]
    if not len(order):
        return np.full(len(weights), np.nan)
    values, counts = values[order], np.cumsum(weights[:, order], axis=1)
    half = counts[:, -1:] / 2
    middle = (values[(counts >= half).argmax(axis=1)] + values[(counts > half).argmax(axis=1)]) / 2
    return np.where(half[:, 0] > 0, middle, np.nan)


def _of(column: str, of: Callable[[Floats, Floats], Floats]) -> Callable[[Mapping[str, Floats], Floats], Floats]:
    return lambda columns, weights: of(columns[column], weights)


METRICS = (
    *(Metric(f"r@{k}", f"R@{k}", _of(f"hit@{k}", weighted_mean), needs=(f"hit@{k}",)) for k in HITS),
    *(Metric(f"p@{k}", f"P@{k}", _of(f"precision@{k}", weighted_mean), needs=(f"precision@{k}",)) for k in PRECISIONS),
    Metric("median-rank", "median rank", _of("rank", weighted_median), needs=("rank",), higher_is_better=False),
    Metric("mean-rank", "mean rank", _of("rank", weighted_mean), needs=("rank",), higher_is_better=False),
)
"""R@k: the share of queries with a relevant candidate among the first k, H@k elsewhere. P@k: the mean share of relevant
ones among the first k; a perfect model has 1 only where k are relevant. Ranks are those of the first relevant one.
Chance depends on how many candidates there are, and how many are relevant."""
