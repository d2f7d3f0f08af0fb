"""AUROC with an analytic variance: DeLong's, and Obuchowski's where a patient has several films.

An AUROC is a mean over pairs of a positive and a negative. A sample's placement is the share of these pairs that it
wins against the other side, ties being half of one, and the variance of the AUROC is that of the placements (DeLong,
DeLong and Clarke-Pearson, Biometrics 1988), found from midranks (Sun and Xu, IEEE Signal Processing Letters 2014).
DeLong's variance takes all films as independent, which films of one patient are not: it is too small then. Obuchowski
(Biometrics 1997) sums placements over each patient before anything is squared; with one film a patient the two are the
same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umcl_bench.metrics.scores import Floats, Names

_ROUNDING = 1e-20
"""What rounding may leave of a variance of 0."""


@dataclass(frozen=True)
class Areas:
    """AUROCs (m,) of m models, and how they vary together from one sample of patients (or films) to another (m, m)."""

    auroc: Floats
    covariance: Floats


@dataclass(frozen=True)
class Normal:
    """An estimate with its 95 % interval, and the two-sided p of its being 0, as of a normally distributed one."""

    value: float
    low: float
    high: float
    p: float


def delong(scores: Floats, target: Floats, patient: Names | None = None) -> Areas:
    """The AUROCs of scores (m, n) against a target (n,) in {1, 0, NaN}, and their covariance.

    Samples with a NaN target do not count. With `patient` (n,) the covariance is Obuchowski's (1997), which
    lets films of one patient depend on each other; without it DeLong's. AUROCs are NaN without a positive or without a
    negative, and for a model with a NaN score; the covariance also where positives or negatives are of one patient
    (one film) alone.
    """
    known = ~np.isnan(target)
    scores, positive = scores[:, known], target[known] == 1
    m, p, q = len(scores), int(positive.sum()), int((~positive).sum())
    if not p or not q:
        return Areas(np.full(m, np.nan), np.full((m, m), np.nan))
    placements = np.stack([_placements(row, positive) for row in scores])
    auroc = placements[:, positive].mean(axis=1)
    centred = (placements - auroc[:, None]) / np.where(positive, p, q)
    units = np.arange(len(positive)) if patient is None else _numbers(patient[known])
    return Areas(auroc, _covariance(centred, positive, units))


def _placements(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """The share of the other side that each sample (n,) wins against: NaN for all where a score is NaN."""
    from scipy.stats import rankdata

    if np.isnan(scores).any():
        return np.full(len(scores), np.nan)
    own = np.empty(len(scores))
    for side in (positive, ~positive):
        own[side] = rankdata(scores[side])
    above = (rankdata(scores) - own) / np.where(positive, (~positive).sum(), positive.sum())
    return np.asarray(np.where(positive, above, 1 - above))


def _covariance(centred: Floats, positive: NDArray[np.bool_], units: NDArray[np.int64]) -> Floats:
    """The covariance (m, m) of the sums of centred placements (m, n), from their sums over each unit and side."""
    sides = [
        np.stack([np.bincount(units[side], row[side], units.max() + 1) for row in centred])
        for side in (positive, ~positive)
    ]
    counts = [len(np.unique(units[side])) for side in (positive, ~positive)]
    if min(counts) < 2:
        return np.full((len(centred), len(centred)), np.nan)
    within = np.sum([n / (n - 1) * sums @ sums.T for n, sums in zip(counts, sides, strict=True)], axis=0)
    all_units = len(np.unique(units))
    across = all_units / (all_units - 1) * sides[0] @ sides[1].T
    return np.asarray(within + across + across.T)


def _numbers(names: Names) -> NDArray[np.int64]:
    return np.unique(names.astype(str), return_inverse=True)[1]


def contrast(areas: Areas, weights: Floats, level: float = 0.95) -> Normal:
    """The weighted sum of AUROCs, as in [1, -1] for a paired difference, with its interval and the test that it is 0.

    z = L a / sqrt(L S L') (DeLong et al. 1988). Where both are 0, as for equal scores, p is 1; where the
    variance alone is 0, as between a perfect and a constant model, or is estimated to be below it (which Obuchowski's
    can), interval and p are undefined.
    """
    from scipy.stats import norm

    value, variance = float(weights @ areas.auroc), float(weights @ areas.covariance @ weights)
    if variance < _ROUNDING:
        equal = abs(value) < 1e-10
        return Normal(value, value, value, 1.0) if equal else Normal(value, math.nan, math.nan, math.nan)
    error = math.sqrt(variance)
    reach = float(norm.ppf((1 + level) / 2)) * error
    return Normal(value, value - reach, value + reach, float(2 * norm.sf(abs(value) / error)))


def logit_interval(areas: Areas, weights: Floats, level: float = 0.95) -> tuple[float, float]:
    """The interval of a weighted mean of AUROCs (weights (m,) of sum 1), of one model or of several seeds or parts.

    It is symmetric about the mean's logit, whose standard error is that of the mean / (mean (1 - mean)), so that it
    stays within 0 and 1 (Pepe 2003). Undefined where the mean is 0 or 1, or its variance 0: the placements of a
    perfect (or constant) model do not vary, which says nothing of the next sample.
    """
    from scipy.special import expit, logit
    from scipy.stats import norm

    area, variance = float(weights @ areas.auroc), float(weights @ areas.covariance @ weights)
    if not (variance > _ROUNDING and 0 < area < 1):
        return math.nan, math.nan
    reach = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance) / (area * (1 - area))
    return float(expit(logit(area) - reach)), float(expit(logit(area) + reach))
