"""Metrics of overlap on masks themselves: closed forms, other libraries, their traps, and golden values."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score, jaccard_score

from umcl_bench.metrics.intervals import estimate
from umcl_bench.metrics.overlap import film_dice, film_iou
from umcl_bench.metrics.registry import METRICS
from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.protocols.segmentation import count_pixels
from umcl_bench.spec import Intervals

NAMES = ("dice", "lesion-dice", "iou", "lesion-iou", "mdice")
Masks = NDArray[np.bool_]


def drawn(seed: int = 0, n: int = 20, s: int = 16) -> tuple[Masks, Masks]:
    """Predicted and true masks, a third of each empty, by their own dice."""
    rng = np.random.default_rng(seed)
    predicted, true = (rng.random((n, s, s)) < 0.3 for _ in range(2))
    predicted[rng.random(n) < 0.33] = False
    true[rng.random(n) < 0.33] = False
    return predicted, true


def figure(name: str, columns: Mapping[str, Floats]) -> float:
    n = len(columns["true"])
    return float(METRICS[name].compute(columns, np.ones((1, n)))[0, 0])


def test_counts_are_of_pixels() -> None:
    predicted = np.array([[[1, 1], [0, 0]], [[0, 0], [0, 0]]], dtype=bool)
    true = np.array([[[1, 0], [1, 1]], [[0, 0], [0, 1]]], dtype=bool)
    found = count_pixels(predicted, true)
    assert {name: column[:, 0].tolist() for name, column in found.items()} == {
        "intersection": [1, 0],
        "predicted": [2, 0],
        "true": [3, 1],
        "pixels": [4, 4],
    }
    assert film_dice(found)[:, 0].tolist() == [2 / 5, 0]
    assert film_iou(found)[:, 0].tolist() == [1 / 4, 0]


def test_each_films_figures_are_scikit_learns_of_its_pixels() -> None:
    predicted, true = drawn()
    columns = count_pixels(predicted, true)
    for i in range(len(true)):
        flat = true[i].ravel(), predicted[i].ravel()
        assert film_dice(columns)[i, 0] == pytest.approx(f1_score(*flat, zero_division=1.0), abs=1e-12)
        assert film_iou(columns)[i, 0] == pytest.approx(jaccard_score(*flat, zero_division=1.0), abs=1e-12)


def test_dice_of_films_with_a_lesion_is_torchmetrics() -> None:
    """It leaves the background out and averages over films; of films without any foreground it has 0/0."""
    from torchmetrics.functional.segmentation import dice_score, mean_iou

    predicted, true = drawn(1)
    kept = true.any(axis=(1, 2))
    one_hot = [torch.from_numpy(np.stack([~m[kept], m[kept]], axis=1)) for m in (predicted, true)]
    columns = count_pixels(predicted, true)
    dice = dice_score(one_hot[0], one_hot[1], num_classes=2, include_background=False, average="macro")
    assert figure("lesion-dice", columns) == pytest.approx(float(dice.mean()), abs=1e-6)
    iou = mean_iou(one_hot[0], one_hot[1], num_classes=2, include_background=False)
    assert figure("lesion-iou", columns) == pytest.approx(float(iou.mean()), abs=1e-6)


def test_mdice_is_scikit_learns_macro_f1_of_all_pixels() -> None:
    predicted, true = drawn(2)
    expected = f1_score(true.ravel(), predicted.ravel(), average="macro")
    assert figure("mdice", count_pixels(predicted, true)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_truth_is_1_its_complement_0_and_both_roles_are_alike(name: str) -> None:
    predicted, true = drawn(3)
    assert figure(name, count_pixels(true, true)) == METRICS[name].perfect == 1.0
    assert figure(name, count_pixels(~true, true)) == 0.0
    if not name.startswith("lesion-"):
        swapped = count_pixels(true, predicted)
        assert figure(name, swapped) == pytest.approx(figure(name, count_pixels(predicted, true)), abs=1e-12)


def test_closed_form_of_two_squares() -> None:
    """Squares of 8 in a film of 16, moved by 4: half of each is in both, Dice 1/2, IoU 1/3."""
    true, predicted = (np.zeros((1, 16, 16), dtype=bool) for _ in range(2))
    true[0, 4:12, 0:8] = predicted[0, 4:12, 4:12] = True
    columns = count_pixels(predicted, true)
    assert figure("dice", columns) == figure("lesion-dice", columns) == 0.5
    assert figure("iou", columns) == figure("lesion-iou", columns) == pytest.approx(1 / 3)
    background = 2 * (256 - 96) / (2 * 256 - 128)
    assert figure("mdice", columns) == pytest.approx((0.5 + background) / 2)


def test_an_empty_film_scores_1_if_nothing_is_predicted_and_is_no_lesion() -> None:
    """GLoRIA's rule. A model that never predicts anything has the share of empty films; no lesion, no lesion Dice."""
    _, true = drawn(4)
    nothing = np.zeros_like(true)
    empty = float((~true.any(axis=(1, 2))).mean())
    assert 0 < empty < 1
    assert figure("dice", count_pixels(nothing, true)) == figure("iou", count_pixels(nothing, true)) == empty
    assert figure("lesion-dice", count_pixels(nothing, true)) == 0
    one = nothing.copy()
    one[:, 0, 0] = True
    assert figure("dice", count_pixels(one, nothing)) == 0
    assert math.isnan(figure("lesion-dice", count_pixels(one, nothing)))
    assert math.isnan(figure("mdice", count_pixels(nothing, nothing)))


def test_films_without_a_mask_do_not_count() -> None:
    columns = count_pixels(*drawn(5))
    lacking = {name: column.copy() for name, column in columns.items()}
    for column in lacking.values():
        column[3] = np.nan
    for name in NAMES:
        kept = {key: np.delete(column, 3, axis=0) for key, column in columns.items()}
        assert figure(name, lacking) == pytest.approx(figure(name, kept), abs=1e-12)


def test_mdice_is_not_lesion_dice() -> None:
    """Golden: BenchX's background is about 0.99, so its mDice is about (0.99 + lesion Dice) / 2."""
    columns = {
        "intersection": np.array([[40.0]]),
        "predicted": np.array([[100.0]]),
        "true": np.array([[100.0]]),
        "pixels": np.array([[6100.0]]),
    }
    assert figure("lesion-dice", columns) == 0.4
    assert figure("mdice", columns) == pytest.approx((0.4 + 0.99) / 2)


@pytest.mark.parametrize("reduction", ["weighted-imagewise", "macro"])
def test_why_smps_reductions_are_not_used(reduction: str) -> None:
    """With class weights, a perfect prediction of three classes has an F1 of a third there."""
    from segmentation_models_pytorch import metrics as smp

    tp = torch.tensor([[10, 10, 10]])
    zero = torch.zeros_like(tp)
    weights = [1 / 3, 1 / 3, 1 / 3]
    found = smp.f1_score(tp, zero, zero, zero + 20, reduction=reduction, class_weights=weights)
    assert float(found) == pytest.approx(1 / 3)
    columns = {"intersection": tp, "predicted": tp, "true": tp, "pixels": tp + 20}
    assert figure("dice", {name: column.numpy().astype(float) for name, column in columns.items()}) == 1.0


def test_an_interval_resamples_patients_with_all_their_films() -> None:
    predicted, true = drawn(6, n=60)
    patient = np.array([f"p{i // 3}" for i in range(60)], dtype=object)
    ids = np.array([f"f{i}" for i in range(60)], dtype=object)
    scores = Scores(count_pixels(predicted, true), patient, ids, ("lesion",))
    for name in NAMES:
        found = estimate(scores, name, Intervals(resamples=200))["macro"]
        assert found.low < found.value < found.high
        assert (found.n, found.positives, found.negatives) == (60, 0, 0)
