"""A slow transcription of every metric's definition, and what other libraries have of it, on samples without weights.

A new metric needs an entry here or in column_references.py: test_references.py fails without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sklearn.metrics as sk
import torch
import torchmetrics.functional.classification as tm
from numpy.random import Generator
from sklearn.calibration import calibration_curve

from umcl_bench.metrics.scores import Floats

Columns = Mapping[str, Floats]
KINDS = ("random", "tied", "absent", "unknown")
"""Continuous, of few values, with classes that have no positive or no negative, and with NaN labels."""


@dataclass(frozen=True)
class Reference:
    """`draw` makes columns (n, c) of a kind; `slow` and each of `peers` give the figures (c,) or (1,) of such columns.

    Peers are by name and tolerance; a peer's NaN means that it has no figure for the class.
    """

    draw: Callable[[Generator, str], dict[str, Floats]]
    slow: Callable[[Columns], list[float]]
    peers: Mapping[str, tuple[float, Callable[[Columns], list[float]]]] = field(default_factory=dict)


def classes(rng: Generator, kind: str, n: int = 60) -> dict[str, Floats]:
    """Probabilities, decisions and labels of four findings."""
    value, decision = rng.random((n, 4)), (rng.random((n, 4)) < 0.4).astype(float)
    target = (rng.random((n, 4)) < [0.2, 0.4, 0.5, 0.7]).astype(float)
    if kind == "tied":
        value, decision = rng.integers(0, 9, (n, 4)) / 8.5, rng.integers(0, 4, (n, 4)) / 3
    if kind == "absent":
        target[:, 0], target[:, 2], decision[:, 3] = 0, 1, 0
    if kind == "unknown":
        target[rng.random((n, 4)) < 0.3] = np.nan
    return {"value": value, "decision": decision, "target": target}


def shares(rng: Generator, kind: str, n: int = 60) -> dict[str, Floats]:
    """Decisions between five classes, as shares of 1, and which is right."""
    value = rng.integers(0, 3, (n, 5)) if kind == "tied" else rng.random((n, 5))
    largest = value == value.max(axis=1, keepdims=True)
    right = rng.integers(0, 4 if kind == "absent" else 5, n)
    target = np.eye(5)[right]
    if kind == "unknown":
        target[rng.random(n) < 0.3] = np.nan
    return {"decision": largest / largest.sum(axis=1, keepdims=True), "target": target}


def per_class(one: Callable[[list[float], list[float]], float], column: str) -> Callable[[Columns], list[float]]:
    """A figure of a class from its column and labels, over the samples whose label is known."""

    def figures(columns: Columns) -> list[float]:
        found = []
        for said, target in zip(columns[column].T, columns["target"].T, strict=True):
            known = ~np.isnan(target)
            found.append(one(said[known].tolist(), target[known].tolist()))
        return found

    return figures


def both(one: Callable[[list[float], list[float]], float]) -> Callable[[list[float], list[float]], float]:
    """NaN where there is no positive or no negative."""
    return lambda said, target: one(said, target) if {0.0, 1.0} <= set(target) else math.nan


@both
def slow_auroc(value: list[float], target: list[float]) -> float:
    """Every positive against every negative, a tie counting half."""
    positives = [v for v, t in zip(value, target, strict=True) if t == 1]
    negatives = [v for v, t in zip(value, target, strict=True) if t == 0]
    return sum((p > q) + 0.5 * (p == q) for p in positives for q in negatives) / (len(positives) * len(negatives))


@both
def slow_auprc(value: list[float], target: list[float]) -> float:
    """The sum of (R_n - R_n-1) P_n over the thresholds, highest first."""
    area, before = 0.0, 0.0
    for threshold in sorted(set(value), reverse=True):
        called = [t for v, t in zip(value, target, strict=True) if v >= threshold]
        recall = sum(called) / sum(target)
        area, before = area + (recall - before) * sum(called) / len(called), recall
    return area


def slow_ece(value: list[float], target: list[float]) -> float:
    """Bin by bin, each open below and closed above, the first closed on both ends."""
    error = 0.0
    for low in range(15):
        held = [(v, t) for v, t in zip(value, target, strict=True) if low < v * 15 <= low + 1 or (v == 0 and low == 0)]
        if held:
            error += abs(sum(t for _, t in held) - sum(v for v, _ in held)) / len(value)
    return error if value else math.nan


def slow_brier(value: list[float], target: list[float]) -> float:
    return sum((v - t) ** 2 for v, t in zip(value, target, strict=True)) / len(value) if value else math.nan


def slow_decisions(of: Callable[[float, float, float, float], float]) -> Callable[[list[float], list[float]], float]:
    """A figure of the four counts, 0 where it is 0/0."""

    @both
    def figure(decision: list[float], target: list[float]) -> float:
        tp = fp = fn = tn = 0.0
        for d, t in zip(decision, target, strict=True):
            tp, fp, fn, tn = tp + d * t, fp + d * (1 - t), fn + (1 - d) * t, tn + (1 - d) * (1 - t)
        try:
            return of(tp, fp, fn, tn)
        except ZeroDivisionError:
            return 0.0

    return figure


def slow_mcc(tp: float, fp: float, fn: float, tn: float) -> float:
    return (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


COUNTS: dict[str, Callable[[float, float, float, float], float]] = {
    "accuracy": lambda tp, fp, fn, tn: (tp + tn) / (tp + fp + fn + tn),
    "f1": lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn),
    "mcc": slow_mcc,
    "precision": lambda tp, fp, fn, tn: tp / (tp + fp),
    "recall": lambda tp, fp, fn, tn: tp / (tp + fn),
    "specificity": lambda tp, fp, fn, tn: tn / (tn + fp),
}


def slow_argmax_accuracy(columns: Columns) -> list[float]:
    rows = [(d, t) for d, t in zip(columns["decision"], columns["target"], strict=True) if not np.isnan(t).any()]
    return [sum(float(d[int(t.argmax())]) for d, t in rows) / len(rows)]


def sklearn_of(score: Callable[..., Any], column: str = "value") -> Callable[[Columns], list[float]]:
    return per_class(both(lambda said, target: float(score(target, said))), column)


def sklearn_decisions(score: Callable[..., Any], **options: Any) -> Callable[[Columns], list[float]]:
    """Each sample twice: called positive with the weight of its decision, and negative with what is left."""

    @both
    def figure(decision: list[float], target: list[float]) -> float:
        said, weights = [1] * len(target) + [0] * len(target), [*decision, *(1 - d for d in decision)]
        return float(score([*target, *target], said, sample_weight=weights, **options))

    return per_class(figure, "decision")


def sklearn_argmax(score: Callable[..., Any], **options: Any) -> Callable[[Columns], list[float]]:
    """Each sample once for each class, with the weight of its share. NaN for a class that no sample has."""

    def figures(columns: Columns) -> list[float]:
        known = ~np.isnan(columns["target"]).any(axis=1)
        decision, right = columns["decision"][known], columns["target"][known].argmax(axis=1)
        said = np.tile(np.arange(5), len(right))
        found = np.atleast_1d(score(np.repeat(right, 5), said, sample_weight=decision.ravel(), **options))
        absent = [len(found) > 1 and not (right == k).any() for k in range(len(found))]
        return [math.nan if none else float(figure) for none, figure in zip(absent, found, strict=True)]

    return figures


def torch_of(
    score: Callable[..., torch.Tensor], column: str = "value", **options: Any
) -> Callable[[Columns], list[float]]:
    """Given float64. It has no share of a decision, and no MCC of a constant one (it gives others than 0)."""

    @both
    def figure(said: list[float], target: list[float]) -> float:
        if column == "decision" and {0.0, 1.0} != set(said):
            return math.nan
        return float(score(torch.tensor(said, dtype=torch.float64), torch.tensor(target).long(), **options))

    return per_class(figure, column)


def sklearn_ece(value: list[float], target: list[float]) -> float:
    if not value:
        return math.nan
    share, mean = calibration_curve(target, value, n_bins=15)
    counts = np.histogram(value, bins=15, range=(0, 1))[0]
    return float(np.abs(share - mean) @ counts[counts > 0] / len(value))


EXACT, FLOAT32 = 1e-12, 1e-6
"""The second where torchmetrics divides counts as float32, whatever it is given."""

CLASS_REFERENCES: dict[str, Reference] = {
    "auroc": Reference(
        classes,
        per_class(slow_auroc, "value"),
        {
            "scikit-learn": (EXACT, sklearn_of(sk.roc_auc_score)),
            "torchmetrics": (FLOAT32, torch_of(tm.binary_auroc)),
        },
    ),
    "auprc": Reference(
        classes,
        per_class(slow_auprc, "value"),
        {
            "scikit-learn": (EXACT, sklearn_of(sk.average_precision_score)),
            "torchmetrics": (FLOAT32, torch_of(tm.binary_average_precision)),
        },
    ),
    "ece": Reference(
        classes,
        per_class(slow_ece, "value"),
        {
            "scikit-learn": (EXACT, per_class(sklearn_ece, "value")),
            "torchmetrics": (EXACT, torch_of(tm.binary_calibration_error, n_bins=15, norm="l1")),
        },
    ),
    "brier": Reference(
        classes, per_class(slow_brier, "value"), {"scikit-learn": (EXACT, sklearn_of(sk.brier_score_loss))}
    ),
    "argmax-accuracy": Reference(
        shares, slow_argmax_accuracy, {"scikit-learn": (EXACT, sklearn_argmax(sk.accuracy_score))}
    ),
}
_ZERO = {"zero_division": 0}
_SKLEARN: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "accuracy": (sk.accuracy_score, {}),
    "f1": (sk.f1_score, _ZERO),
    "mcc": (sk.matthews_corrcoef, {}),
    "precision": (sk.precision_score, _ZERO),
    "recall": (sk.recall_score, _ZERO),
    "specificity": (sk.recall_score, {"pos_label": 0, **_ZERO}),
}
_TORCH: dict[str, Callable[..., torch.Tensor]] = {
    "accuracy": tm.binary_accuracy,
    "f1": tm.binary_f1_score,
    "mcc": tm.binary_matthews_corrcoef,
    "precision": tm.binary_precision,
    "recall": tm.binary_recall,
    "specificity": tm.binary_specificity,
}
for _name, _of in COUNTS.items():
    _score, _options = _SKLEARN[_name]
    CLASS_REFERENCES[_name] = Reference(
        classes,
        per_class(slow_decisions(_of), "decision"),
        {
            "scikit-learn": (EXACT, sklearn_decisions(_score, **_options)),
            "torchmetrics": (FLOAT32, torch_of(_TORCH[_name], "decision")),
        },
    )
    if _name in ("f1", "precision", "recall"):
        CLASS_REFERENCES[f"argmax-{_name}"] = Reference(
            shares,
            per_class(slow_decisions(_of), "decision"),
            {"scikit-learn": (EXACT, sklearn_argmax(_score, labels=range(5), average=None, **_ZERO))},
        )
