"""Figures over parts: the macro figure is that of the parts' own macro figures."""

import dataclasses
from typing import Literal

import numpy as np
import pytest

from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import estimate_figure, macro
from umcl_bench.metrics.scores import Figure, Scores, over_parts
from umcl_bench.spec import Intervals


@pytest.fixture
def parts() -> dict[str, Scores]:
    """Twelve parts of 40 samples and three classes, the last of which is never positive."""
    rng = np.random.default_rng(0)
    target = (rng.random((40, 3)) < 0.4) * np.array([1.0, 1, 0])
    who = np.array([f"p{i // 2}" for i in range(40)], dtype=object)
    classes = ("a", "b", "c")
    return {str(i): Scores.of(rng.random((40, 3)) + 0.3 * target, target, who, who, classes) for i in range(12)}


@pytest.mark.parametrize("over", ["mean", "sd", "worst-decile"])
def test_the_macro_figure_is_of_the_parts_macro_figures(
    parts: dict[str, Scores], over: Literal["mean", "sd", "worst-decile"]
) -> None:
    found = estimate_figure([parts], "auroc", Figure("", tuple(parts), over), Intervals(resamples=200))
    each = np.array([macro(scores, "auroc") for scores in parts.values()])
    assert found["macro"].value == pytest.approx(float(over_parts(each, over)), abs=1e-12)
    assert found["macro"].low <= found["macro"].high
    assert np.isnan(found["c"].value)
    of_classes = np.mean([found[name].value for name in ("a", "b")])
    if over == "sd":  # classes whose parts go up and down apart even out
        assert found["macro"].value < of_classes
    if over == "worst-decile":  # no part is the worst for both
        assert found["macro"].value > of_classes


def test_of_one_part_the_spread_is_undefined_and_the_mean_its_own(parts: dict[str, Scores]) -> None:
    how = Intervals(resamples=50)
    assert np.isnan(estimate_figure([parts], "auroc", Figure("", ("3",), "sd"), how)["macro"].value)
    assert estimate_figure([parts], "auroc", Figure("", ("3",)), how)["macro"].value == macro(parts["3"], "auroc")


@pytest.mark.parametrize("over", ["mean", "sd", "worst-decile"])
def test_a_part_without_a_figure_leaves_none(over: Literal["mean", "sd", "worst-decile"]) -> None:
    values = np.array([[0.5, 0.5], [0.6, np.nan], [0.7, 0.7]])
    assert np.isnan(over_parts(values, over)).tolist() == [False, True]


def test_of_one_patient_there_is_no_interval(parts: dict[str, Scores]) -> None:
    alone = {name: dataclasses.replace(scores, patient=np.full(40, "p", object)) for name, scores in parts.items()}
    found = estimate_figure([alone], "auroc", Figure("", ("3",)), Intervals(resamples=50))["macro"]
    assert found.value == macro(parts["3"], "auroc")
    assert np.isnan([found.low, found.high]).all()
    assert found.undefined == 1


def test_a_metric_of_another_protocol_is_said_to_be_one(parts: dict[str, Scores]) -> None:
    with pytest.raises(UsageError, match=r"metric dice reads intersection, .*, and the scores are value, target"):
        estimate_figure([parts], "dice", Figure("", ("3",)), Intervals(resamples=50))
