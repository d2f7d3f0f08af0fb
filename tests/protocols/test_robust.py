"""Robustness: an oracle that reads labels is perfect on all films, and only the scored films are worse."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Quick
from tests.protocols.fitting import evaluation, shortened, tiny_model
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.corruptions import corrupted
from umcl_bench.data.phantom.plays import play
from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import estimate_figure
from umcl_bench.metrics.scores import Parts
from umcl_bench.models.base import Matrix
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.protocols import robust, runner_of, segmentation, zero_shot
from umcl_bench.protocols.base import Evaluation, Outcome
from umcl_bench.spec import Intervals, Robust, Segmentation, Task
from umcl_bench.spec.protocols.robustness import CORRUPTIONS

TASK = registry.get_task("robust-zeroshot-chexpert+corruptions=noise/rotation+severities=1/3")
PARTS = ["clean", "noise/1", "noise/3", "rotation/1", "rotation/3"]
FEW = Intervals(resamples=50)


class Seen(RandomEmbeddings):
    """Keeps the films that it was shown."""

    def __init__(self) -> None:
        super().__init__(32, 0)
        self.films: list[NDArray[np.uint8]] = []

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        self.films.append(films)
        return super().embed_images(films)


class Brightness(RandomEmbeddings):
    """Says a finding is there by how bright the upper end of the finding's stripe is.

    `strength` 0 makes it a constant model.
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(8, 0)
        self.strength = strength

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        bright = self.strength * (films[:, :4].reshape(len(films), 4, 8, 4).mean((1, 3)) / 255 - 0.5)
        rest = np.sqrt(8 - (bright**2).sum(1, keepdims=True))
        return np.asarray(np.concatenate([bright, rest], axis=1), dtype=np.float32) / np.float32(np.sqrt(8))

    def embed_findings(  # type: ignore[no-untyped-def]
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ):
        from umcl_bench.models.base import PromptPair

        axes = np.eye(9, dtype=np.float32)[: len(findings)]
        return PromptPair(axes, -axes, "bright")


@pytest.fixture(scope="module")
def films(phantom: Corpus) -> NDArray[np.uint8]:
    """Eight stripes a film, bright where a finding of the task is there; and grain, so that no two are the same."""
    findings = zero_shot.findings_of(robust.inner(TASK), phantom)
    columns = [phantom.classes.index(name) for name in findings]
    out = np.random.default_rng(0).integers(60, 80, (len(phantom), 32, 32), dtype=np.uint8)
    for row, labels in enumerate(phantom.labels[:, columns] == 1):
        for place in np.flatnonzero(labels):
            out[row, :, 4 * place : 4 * place + 4] += 120
    return out


def figures(task: Task, outcome: Outcome) -> dict[str, float]:
    return {
        figure.label: estimate_figure([outcome.parts], "auroc", figure, FEW)["macro"].value
        for figure in outcome.figures
    }


def test_parts_and_figures_are_of_every_corruption_and_severity(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    outcome = robust.run(TASK, Evaluation(phantom, films, RandomEmbeddings(32, 0)))
    assert list(outcome.parts) == PARTS
    by_label = {figure.label: figure for figure in outcome.figures}
    assert list(by_label) == ["clean", "corrupted", "lowest tenth", "noise", "rotation", "severity 1", "severity 3"]
    assert by_label["corrupted"].parts == tuple(PARTS[1:])
    assert by_label["rotation"].parts == ("rotation/1", "rotation/3")
    assert by_label["severity 3"].parts == ("noise/3", "rotation/3")
    assert by_label["lowest tenth"].over == "worst-decile"
    found = figures(TASK, outcome)
    assert found["corrupted"] == pytest.approx((found["noise"] + found["rotation"]) / 2)
    assert {*TASK.shown} >= {f"auroc ({label})" for label in found if label not in ("corrupted", "noise", "rotation")}


def test_clean_is_the_task_itself(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    model = RandomEmbeddings(32, 0)
    clean = robust.run(TASK, Evaluation(phantom, films, model)).parts["clean"]
    alone = zero_shot.run(registry.get_task("zeroshot-chexpert"), Evaluation(phantom, films, model)).parts[""]
    np.testing.assert_array_equal(clean.value, alone.value)
    np.testing.assert_array_equal(clean.id, alone.id)


def test_what_a_model_reads_off_greys_survives_noise_and_not_a_turn(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    found = figures(TASK, robust.run(TASK, Evaluation(phantom, films, Brightness())))
    assert found["clean"] == 1.0
    assert found["noise"] > 0.99
    assert 0.5 < found["rotation"] < 0.97
    assert found["severity 3"] < found["severity 1"] <= 1.0
    assert found["lowest tenth"] <= found["corrupted"]


def test_a_constant_is_at_chance_and_random_embeddings_are_near_it(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    constant = figures(TASK, robust.run(TASK, Evaluation(phantom, films, Brightness(0.0))))
    assert set(constant.values()) == {0.5}
    drawn = [figures(TASK, robust.run(TASK, Evaluation(phantom, films, RandomEmbeddings(32, s)))) for s in range(8)]
    corrupted_mean = np.array([found["corrupted"] for found in drawn])
    assert abs(corrupted_mean.mean() - 0.5) < 4 * corrupted_mean.std(ddof=1) / np.sqrt(8)


def test_only_scored_films_are_corrupted(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    model = Seen()
    robust.run(TASK, Evaluation(phantom, films, model))
    test, val = phantom.rows("test"), phantom.rows("val")
    shown = {film.tobytes() for batch in model.films for film in batch}
    hows = [("noise", 1), ("noise", 3), ("rotation", 1), ("rotation", 3)]
    assert shown >= {films[row].tobytes() for row in test}
    assert shown >= {corrupted(films[row], *how).tobytes() for row in test for how in hows}
    assert not shown & {corrupted(films[row], *how).tobytes() for row in val for how in hows}


def test_scores_do_not_depend_on_the_rows_beside_a_film(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    model = Brightness()
    whole = robust.run(TASK, Evaluation(phantom, films, model)).parts
    half = phantom.without(robust.check(TASK, phantom)[::2], "left out")
    some: Parts = robust.run(TASK, Evaluation(half, films, model)).parts
    for name in PARTS:
        place = {film: row for row, film in enumerate(whole[name].id)}
        rows = np.array([place[film] for film in some[name].id])
        np.testing.assert_array_equal(some[name].value, whole[name].value[rows])


def test_a_protocol_with_parts_keeps_those_of_its_headline(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    task = registry.get_task("robust-probe-chexpert+corruptions=noise+severities=2")
    outcome = robust.run(task, Evaluation(phantom, films, Brightness()))
    assert list(outcome.parts) == ["100%/0 clean", "100%/0 noise/2"]
    found = figures(task, outcome)
    assert found["clean"] > 0.99
    inner = robust.inner(task)
    assert inner.headline == "auroc (100%)"


def test_the_name_wraps_any_task_and_says_so() -> None:
    for name in registry.list_tasks():
        if name.startswith("prompt-sensitivity"):
            with pytest.raises(UsageError, match="many tasks already"):
                registry.get_task(f"robust-{name}")
            continue
        plain, task = registry.get_task(name), registry.get_task(f"robust-{name}")
        assert task.name == f"robust-{name}"
        assert (task.dataset, task.split, task.metrics) == (plain.dataset, plain.split, plain.metrics)
        assert cast(Robust, task.protocol).of == plain.protocol
        assert robust.inner(task).headline == plain.headline
        assert task.headline == f"{plain.headline.partition(' (')[0]} (corrupted)"
    assert registry.get_task("robust-zeroshot+temperature=0.5").protocol.of.temperature == 0.5  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="robust-zeroshot"):
        registry.get_task("robust-robust-zeroshot")


def test_films_under_masks_are_neither_turned_nor_cropped(phantom: Corpus) -> None:
    protocol = cast(Robust, registry.get_task("robust-grounding-ms-cxr").protocol)
    assert set(CORRUPTIONS) - set(protocol.corruptions) == {"rotation", "crop"}
    with pytest.raises(UsageError, match="move what the masks are of"):
        registry.get_task("robust-grounding-ms-cxr+corruptions=crop")
    with pytest.raises(UsageError, match="severities among 1, 2 and 3"):
        registry.get_task("robust-zeroshot+severities=4")
    task = registry.get_task("robust-grounding-ms-cxr+corruptions=blur+severities=1")
    corpus = play(phantom, "ms-cxr")
    assert robust.findings_of(task, corpus) == ()
    assert len(robust.check(task, corpus)) == len(runner_of(robust.inner(task)).check(robust.inner(task), corpus))
    with pytest.raises(UsageError, match="needs a text tower"):
        robust.check_model(task, registry.get_baseline("label-bce"))


def test_one_command_scores_a_task_on_corrupted_films(quick: Quick) -> None:
    code, out, err = quick(
        "run", "--model", "random", "--task", "robust-zeroshot-chexpert+corruptions=blur/jpeg+severities=1"
    )
    assert code == 0, err
    assert "(corrupted)" in out
    assert "(lowest" in out
    code, out, _ = quick("show", "robust-zeroshot-chexpert")
    assert code == 0
    assert "protocol.of.findings" in out
    code, out, _ = quick("list", "tasks")
    assert "robust-TASK" in out


def test_fits_are_made_once_where_that_is_asked_for(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    at, made = Evaluation(phantom, films, Brightness()), []

    def fit() -> int:
        made.append(1)
        return len(made)

    shared = dataclasses.replace(at, fits={})
    assert [dataclasses.replace(shared, films=films // 2).once("head", fit) for _ in range(3)] == [1, 1, 1]
    assert [at.once("head", fit) for _ in range(2)] == [2, 3]


def test_a_network_is_fitted_once_for_all_corruptions(
    phantom: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(tmp_path))
    task, fitted, real = registry.get_task("robust-segment-lungs+corruptions=blur+severities=1/3"), [], segmentation.fit

    def fit(*given: Any) -> Any:
        fitted.append(1)
        return real(*given)

    monkeypatch.setattr(segmentation, "fit", fit)
    short = shortened("segment-lungs", steps=2, fractions=(1.0,)).protocol
    assert isinstance(task.protocol, Robust)
    assert isinstance(short, Segmentation)
    task = dataclasses.replace(task, protocol=dataclasses.replace(task.protocol, of=short))
    outcome = robust.run(task, evaluation(play(phantom, "lungs"), tiny_model(phantom)))
    assert fitted == [1]
    assert list(outcome.parts) == ["100%/0 clean", "100%/0 blur/1", "100%/0 blur/3"]
    clean, blurred = (outcome.parts[f"100%/0 {how}"].columns for how in ("clean", "blur/3"))
    np.testing.assert_array_equal(blurred["true"], clean["true"])
    assert not np.array_equal(blurred["predicted"], clean["predicted"])
