"""Metrics of decisions: what was called positive against what is, for one sample and for many resamples of it at once.

All read 'decision' (n, c) in [0, 1] (1 is called positive, a fraction where ties share) and 'target' in {1, 0, NaN}.
Counts are sums of weights: true positives are the decisions of positives, false negatives what they lack to 1, and so
on. Samples whose target is NaN do not count.

What is defined depends on the labels alone, so that means over the classes are of the same classes for every model: a
class without a positive or without a negative is NaN, and so is one for which no decision could be made (a NaN of a
sample that counts). Where nothing is called positive, precision and F1 are 0; where the same is decided of all samples,
MCC is 0: scikit-learn has the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from umcl_bench.metrics.metric import Compute, Metric
from umcl_bench.metrics.scores import Floats


class Counts(NamedTuple):
    """The cells of the confusion matrix of each class in each resample, (b, c) each."""

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats


def confusion(decision: Floats, target: Floats, weights: Floats) -> Counts:
    """The counts of decisions (n, c) against targets (n, c), for each row of weights (b, n)."""
    positive, negative = target == 1, target == 0
    called = np.where(np.isnan(target), 0.0, decision)
    return Counts(
        tp=weights @ np.where(positive, called, 0.0),
        fp=weights @ np.where(negative, called, 0.0),
        fn=weights @ np.where(positive, 1 - called, 0.0),
        tn=weights @ np.where(negative, 1 - called, 0.0),
    )


def accuracy(n: Counts) -> Floats:
    """(TP + TN) / all."""
    return _ratio(n.tp + n.tn, n.tp + n.fp + n.fn + n.tn)


def precision(n: Counts) -> Floats:
    """TP / (TP + FP); 0 where nothing is called positive."""
    return _ratio(n.tp, n.tp + n.fp)


def recall(n: Counts) -> Floats:
    """TP / (TP + FN), sensitivity."""
    return _ratio(n.tp, n.tp + n.fn)


def specificity(n: Counts) -> Floats:
    """TN / (TN + FP)."""
    return _ratio(n.tn, n.tn + n.fp)


def f1(n: Counts) -> Floats:
    """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall."""
    return _ratio(2 * n.tp, 2 * n.tp + n.fp + n.fn)


def mcc(n: Counts) -> Floats:
    """Matthews' correlation coefficient (1975): that of decision and target; 0 for a constant decision."""
    called, missed = n.tp + n.fp, n.fn + n.tn
    spread = (called * missed) * ((n.tp + n.fn) * (n.tn + n.fp))
    return _ratio(n.tp * n.tn - n.fp * n.fn, np.sqrt(spread))


def _ratio(part: Floats, whole: Floats) -> Floats:
    """The quotient, 0 where the whole is 0; NaN stays NaN."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


def argmax_shares(value: Floats) -> Floats:
    """A decision for the largest of each row of values (n, c): 1 for it, 1 / k for each of k that tie, else 0.

    A row with a NaN has no decision: NaN.
    """
    largest = value == value.max(axis=1, keepdims=True)
    shares: Floats = largest / np.maximum(largest.sum(axis=1, keepdims=True), 1)
    return np.where(np.isnan(value).any(axis=1, keepdims=True), np.nan, shares)


def _each_class(ratio: Callable[[Counts], Floats]) -> Compute:
    def compute(columns: Mapping[str, Floats], weights: Floats) -> Floats:
        counts = confusion(columns["decision"], columns["target"], weights)
        has_both = (counts.tp + counts.fn > 0) & (counts.tn + counts.fp > 0)  # False where they are NaN
        return np.where(has_both, ratio(counts), np.nan)

    return compute


def _argmax_accuracy(columns: Mapping[str, Floats], weights: Floats) -> Floats:
    """The mean over the samples of the decision's share for the class that is right; `target` has one 1 a row."""
    decision, target = columns["decision"], columns["target"]
    known = (~np.isnan(target).any(axis=1)).astype(np.float64)
    right = np.where(target == 1, decision, 0.0).sum(axis=1) * known
    total = weights @ known
    found = np.full(len(weights), np.nan)
    np.divide(weights @ right, total, out=found, where=total > 0)
    return found[:, None]


_NEEDS = ("decision", "target")
METRICS = (
    Metric("accuracy", "accuracy", _each_class(accuracy), _NEEDS),
    Metric("f1", "F1", _each_class(f1), _NEEDS),
    Metric("mcc", "MCC", _each_class(mcc), _NEEDS, chance=0.0),
    Metric("precision", "precision", _each_class(precision), _NEEDS),
    Metric("recall", "recall", _each_class(recall), _NEEDS),
    Metric("specificity", "specificity", _each_class(specificity), _NEEDS),
    Metric("argmax-accuracy", "accuracy (argmax)", _argmax_accuracy, _NEEDS, joint=True),
    Metric("argmax-f1", "F1 (argmax)", _each_class(f1), _NEEDS),
    Metric("argmax-precision", "precision (argmax)", _each_class(precision), _NEEDS),
    Metric("argmax-recall", "recall (argmax)", _each_class(recall), _NEEDS),
)
