"""Segmentation: known predictors, losses, negatives, what is refused, and a short fit on a real tower."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import REAL_DATA
from tests.protocols.fitting import backwards, evaluation, shortened, tiny_model
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom.plays import play
from umcl_bench.data.sources import open_source
from umcl_bench.errors import UsageError
from umcl_bench.metrics.registry import METRICS
from umcl_bench.models.segmenters import Segmenter, build_segmenter
from umcl_bench.models.trained import TrainedModel
from umcl_bench.models.trunks import ImageTrunk
from umcl_bench.protocols import segmentation
from umcl_bench.protocols.base import Evaluation, Outcome
from umcl_bench.protocols.segmentation import Masks, Predict, mask_loss, with_negatives
from umcl_bench.spec import Segmentation, Task

TASKS = ("segment", "segment-lungs", "segment-rsna", "segment-siim")
Rows = Any


@pytest.fixture(scope="module")
def model(phantom: Corpus) -> TrainedModel:
    return tiny_model(phantom)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(tmp_path / "cache"))


def told(
    monkeypatch: pytest.MonkeyPatch, at: Evaluation, task: Task, how: Callable[[Masks], Masks]
) -> tuple[Outcome, list[dict[str, Any]]]:
    """The outcome where the fitted network is replaced by what `how` makes of the true masks; and what was fitted."""
    asked: list[dict[str, Any]] = []

    def fit(task: Task, at: Evaluation, train: Rows, val: Rows, seed: int) -> tuple[Predict, dict[str, Any]]:
        asked.append({"train": train, "val": val, "seed": seed})
        return (lambda films: how(at.masks(segmentation.check(task, at.corpus)))), {}

    monkeypatch.setattr(segmentation, "fit", fit)
    return segmentation.run(task, at), asked


@pytest.mark.parametrize("name", TASKS)
def test_an_oracle_is_perfect_at_every_share(
    monkeypatch: pytest.MonkeyPatch, phantom: Corpus, model: TrainedModel, name: str
) -> None:
    task = registry.get_task(name)
    corpus = play(phantom, task.dataset) if task.dataset else phantom
    outcome, asked = told(monkeypatch, evaluation(corpus, model), task, lambda true: true)
    assert list(outcome.parts) == ["1%/0", "10%/0", "100%/0"]
    assert [figure.label for figure in outcome.figures] == ["1%", "10%", "100%"]
    for scores in outcome.parts.values():
        assert {float(METRICS[metric].points(scores)[0]) for metric in task.metrics} == {1.0}
        assert scores.id.tolist() == corpus.ids[corpus.rows("test")].tolist()
    patients = [set(corpus.patients[fit["train"]]) for fit in asked]
    assert patients[0] < patients[1] < patients[2] == set(corpus.patients[corpus.rows("train")])
    assert {str(s) for fit in asked for s in corpus.splits[fit["val"]]} == {"val"}


def test_predictors_that_look_at_nothing_score_what_they_should(
    monkeypatch: pytest.MonkeyPatch, phantom: Corpus, model: TrainedModel
) -> None:
    """Nothing: the share of empty films, and no lesion. Everything: 2 t / (t + N) of each film. Dice have no chance."""
    at, task = evaluation(play(phantom, "siim"), model), registry.get_task("segment-siim")
    truth = at.masks(at.corpus.rows("test")).mean(axis=(1, 2))
    none = told(monkeypatch, at, task, lambda true: np.zeros_like(true))[0].parts["100%/0"]
    assert METRICS["dice"].points(none)[0] == pytest.approx((truth == 0).mean())
    assert METRICS["lesion-dice"].points(none)[0] == 0
    whole = told(monkeypatch, at, task, lambda true: np.ones_like(true))[0].parts["100%/0"]
    lesions = truth[truth > 0]
    assert METRICS["lesion-dice"].points(whole)[0] == pytest.approx((2 * lesions / (lesions + 1)).mean())
    rng = np.random.default_rng(0)
    coins = told(monkeypatch, at, task, lambda true: rng.random(true.shape) < 0.5)[0].parts["100%/0"]
    expected = (lesions / (lesions + 0.5)).mean()
    assert METRICS["lesion-dice"].points(coins)[0] == pytest.approx(expected, abs=0.01)


def test_draws_have_parts_seeds_and_a_deviation(
    monkeypatch: pytest.MonkeyPatch, phantom: Corpus, model: TrainedModel
) -> None:
    at, task = evaluation(play(phantom, "lungs"), model), registry.get_task("segment-lungs+draws=3")
    outcome, asked = told(monkeypatch, at, task, lambda true: true)
    assert outcome.figures[0].parts == ("1%/0", "1%/1", "1%/2")
    assert [(f.label, f.over) for f in outcome.figures][1] == ("1% sd", "sd")
    assert list(outcome.parts)[-1] == "100%/0"
    assert len({fit["seed"] for fit in asked}) == 3
    assert not np.array_equal(asked[0]["train"], asked[1]["train"])
    _, more = told(monkeypatch, dataclasses.replace(at, seed=1), task, lambda true: true)
    assert np.array_equal(asked[0]["train"], more[0]["train"])  # all models and seeds get the same shares
    assert asked[0]["seed"] != more[0]["seed"]


def slow_loss(logits: Tensor, target: Tensor, kind: str) -> float:
    """Pixel by pixel."""
    p = 1 / (1 + np.exp(-logits.double().numpy().ravel()))
    t = target.double().numpy().ravel()
    right = [a if b else 1 - a for a, b in zip(p, t, strict=True)]
    both = sum(a * b for a, b in zip(p, t, strict=True))
    dice = (2 * both + 1) / (p.sum() + t.sum() + 1)
    if kind == "gloria":
        return float(10 * np.mean([-((1 - r) ** 2) * np.log(r) for r in right]) - np.log(dice))
    return float(np.mean([-np.log(r) for r in right]) + 1 - dice)


@pytest.mark.parametrize("kind", ["gloria", "bce-dice"])
def test_losses_are_their_definition_and_have_their_gradient(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, generator=generator, dtype=torch.float64).requires_grad_()
    target = (torch.rand(3, 4, 5, generator=generator) < 0.3).double()
    assert float(mask_loss(logits.detach(), target, kind)) == pytest.approx(slow_loss(logits.detach(), target, kind))
    assert torch.autograd.gradcheck(lambda x: mask_loss(x, target, kind), logits)


def test_losses_in_closed_form() -> None:
    """At logits of 0 with half of n pixels in the mask: p = 1/2, soft Dice (n/2 + 1) / (n + 1)."""
    target = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    dice = 3 / 5
    assert float(mask_loss(torch.zeros(1, 2, 2), target, "gloria")) == pytest.approx(10 * np.log(2) / 4 - np.log(dice))
    assert float(mask_loss(torch.zeros(1, 2, 2), target, "bce-dice")) == pytest.approx(np.log(2) + 1 - dice)
    sure = 60 * (2 * target - 1)
    for kind in ("gloria", "bce-dice"):
        assert float(mask_loss(sure, target, kind)) == pytest.approx(0, abs=1e-6)
        assert torch.isfinite(mask_loss(-20 * sure, target, kind))
        assert float(mask_loss(torch.full((1, 2, 2), -60.0), 0 * target, kind)) == pytest.approx(0, abs=1e-6)


def test_losses_are_glorias_own_formula() -> None:
    """As in its MixedLoss: focal loss by max_val, soft Dice over the flat batch (golden: this transcription)."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 8, 8, generator=generator)
    t = (torch.rand(2, 8, 8, generator=generator) < 0.2).float()
    max_val = (-x).clamp(min=0)
    loss = x - x * t + max_val + ((-max_val).exp() + (-x - max_val).exp()).log()
    focal = (torch.nn.functional.logsigmoid(-x * (t * 2.0 - 1.0)) * 2.0).exp() * loss
    p = torch.sigmoid(x).view(-1)
    dice = (2.0 * (p * t.view(-1)).sum() + 1.0) / (p.sum() + t.sum() + 1.0)
    torch.testing.assert_close(mask_loss(x, t, "gloria"), 10.0 * focal.mean() - torch.log(dice))


@pytest.mark.parametrize(("rule", "negatives"), [("all", 12), ("as-many", 5), ("none", 0)])
def test_negatives_of_the_training(rule: str, negatives: int) -> None:
    has = np.isin(np.arange(17), [1, 4, 5, 9, 16])
    kept = with_negatives(has, rule, np.random.default_rng(0))
    assert has[kept].sum() == 5
    assert (~has[kept]).sum() == negatives
    assert (np.diff(kept) > 0).all()
    none = np.zeros(4, dtype=bool)
    assert with_negatives(none, rule, np.random.default_rng(0)).tolist() == [0, 1, 2, 3]
    assert len(with_negatives(~none, rule, np.random.default_rng(0))) == 4


@pytest.mark.parametrize("name", ["segment-siim", "segment-rsna"])
def test_a_short_fit_is_on_the_towers_weights_and_does_not_depend_on_the_order_of_rows(
    phantom: Corpus, model: TrainedModel, name: str
) -> None:
    task = shortened(name, fractions=(0.1,))
    at = evaluation(play(phantom, task.dataset), model)
    outcome = segmentation.run(task, at)
    facts = outcome.facts["fits"]["10%/0"]  # type: ignore[index]
    assert facts["encoder_tensors_as_in_the_tower"] == len(model.encoder.image.trunk.state_dict()) == 84
    assert (facts["decoder"], facts["steps"], facts["budget"]) == ("unet", 4, 4)
    assert facts["patients"] == round(0.1 * len(set(at.corpus.patients[at.corpus.rows("train")])))
    turned = segmentation.run(task, backwards(at))
    here, there = outcome.parts["10%/0"], turned.parts["10%/0"]
    place = {name: row for row, name in enumerate(there.id)}
    rows = np.array([place[name] for name in here.id])
    for column in here.columns:
        np.testing.assert_array_equal(there.columns[column][rows], here.columns[column])
    again = segmentation.run(task, at).parts["10%/0"]
    np.testing.assert_array_equal(again.columns["predicted"], here.columns["predicted"])
    assert turned.facts["fits"] == outcome.facts["fits"]


def test_a_frozen_tower_stays_and_a_tuned_one_moves(
    monkeypatch: pytest.MonkeyPatch, phantom: Corpus, model: TrainedModel
) -> None:
    networks: list[Segmenter] = []

    def build(trunk: ImageTrunk, decoder: str, width: int, seed: int) -> Segmenter:
        networks.append(build_segmenter(trunk, decoder, width, seed))
        return networks[-1]

    monkeypatch.setattr(segmentation, "build_segmenter", build)
    at = evaluation(play(phantom, "siim"), model)
    for encoder in ("frozen", "tuned"):
        segmentation.run(shortened("segment-siim", encoder=encoder, fractions=(0.1,)), at)
    tower = model.image_tower().state_dict()
    frozen, tuned = (network.trunk.state_dict() for network in networks)
    assert all(torch.equal(frozen[name], value) for name, value in tower.items())
    assert not torch.equal(tuned["body.conv1.0.weight"], tower["body.conv1.0.weight"])
    assert not torch.equal(networks[0].head.get_parameter("0.weight"), networks[1].head.get_parameter("0.weight"))


def test_the_threshold_is_where_the_probability_crosses_it() -> None:
    logits = np.array([[-1.0, 0.0, 0.1, 2.0]], dtype=np.float32)
    for threshold in (0.3, 0.5, 0.9):
        np.testing.assert_array_equal(segmentation._above(logits, threshold), 1 / (1 + np.exp(-logits)) > threshold)
    assert segmentation._above(logits, 0.0).all()
    assert not segmentation._above(logits, 1.0).any()


def test_it_learns_lungs(phantom: Corpus, model: TrainedModel) -> None:
    """A few dozen steps on 160 films find most of the lungs, which an empty or a full mask does not."""
    at = evaluation(play(phantom, "lungs"), model)
    task = shortened("segment-lungs", steps=40, fractions=(1.0,), decoder_width=32)
    assert isinstance(task.protocol, Segmentation)
    quick = dataclasses.replace(task.protocol.fitting, learning_rate=1e-2, look_every=20)
    task = dataclasses.replace(task, protocol=dataclasses.replace(task.protocol, fitting=quick))
    scores = segmentation.run(task, at).parts["100%/0"]
    assert METRICS["dice"].points(scores)[0] > 0.7


def test_what_does_not_fit_is_refused_before_any_work(phantom: Corpus) -> None:
    task = registry.get_task("segment-lungs")
    lungs = play(phantom, "lungs")
    assert lungs.has_mask is not None
    assert segmentation.check(task, lungs).tolist() == lungs.rows("test").tolist()
    with pytest.raises(UsageError, match="needs masks, and phantom has none"):
        segmentation.check(task, play(phantom, "nih"))
    for split in ("train", "val", "test"):
        lacking = dataclasses.replace(lungs, has_mask=lungs.has_mask & (lungs.splits != split))
        with pytest.raises(UsageError, match=rf"needs {split} films .* with a mask; .* 0 in {split}"):
            segmentation.check(task, lacking)
    for split in ("train", "val"):
        with pytest.raises(UsageError, match=f"is scored on {split}, which it is fitted or chosen on"):
            segmentation.check(registry.get_task(f"segment-lungs+split={split}"), lungs)
    with pytest.raises(UsageError, match="needs an image tower; random has none"):
        segmentation.check_model(task, registry.get_baseline("random"))
    segmentation.check_model(task, registry.get_baseline("untrained"))
    assert segmentation.findings_of(task, lungs) == ()


def test_films_without_a_mask_are_left_out(
    monkeypatch: pytest.MonkeyPatch, phantom: Corpus, model: TrainedModel
) -> None:
    lungs = play(phantom, "lungs")
    some = dataclasses.replace(lungs, has_mask=np.arange(len(lungs)) % 3 != 0)
    outcome, asked = told(monkeypatch, evaluation(some, model), registry.get_task("segment-lungs"), lambda true: true)
    assert len(outcome.parts["100%/0"].id) == (np.flatnonzero(lungs.splits == "test") % 3 != 0).sum()
    assert (asked[-1]["train"] % 3 != 0).all()


def test_published_schedules() -> None:
    siim, rsna = (registry.get_task(name).protocol for name in ("segment-siim", "segment-rsna"))
    assert isinstance(siim, Segmentation)
    assert isinstance(rsna, Segmentation)
    assert siim.schedule == siim.fitting
    published = dataclasses.replace(siim, setting="published").schedule
    assert (published.optimiser, published.learning_rate, published.batch, published.epochs) == ("adam", 5e-4, 8, 100)
    assert rsna.encoder == "frozen"
    with pytest.raises(UsageError, match="no published schedule"):
        registry.get_task("segment-lungs+setting=published")
    mirroring = dataclasses.replace(siim.fitting, augment=dataclasses.replace(siim.fitting.augment, flip="unsided"))
    with pytest.raises(ValueError, match="mirrored"):
        dataclasses.replace(siim, fitting=mirroring)


@pytest.mark.skipif(not (REAL_DATA / "covid-cxr").is_dir(), reason="the real films are not here")
@pytest.mark.parametrize(
    ("folder", "name", "counts"),
    [("covid-cxr", "segment-lungs", (85, 21, 35)), ("nih-cxr14-mini", "segment-rsna", (133, 35, 57))],
)
def test_real_films_with_masks(folder: str, name: str, counts: tuple[int, ...], model: TrainedModel) -> None:
    """As many as their README counts; a short fit gives a figure."""
    corpus = open_source(str(REAL_DATA / folder)).dataset("")
    task = shortened(name, fractions=(1.0,))
    assert corpus.has_mask is not None
    found = [int(corpus.has_mask[corpus.rows(split)].sum()) for split in ("train", "val", "test")]
    assert len(segmentation.check(task, corpus)) == counts[2]
    assert tuple(found) == counts
    scores = segmentation.run(task, evaluation(corpus, model)).parts["100%/0"]
    assert 0 <= METRICS["dice"].points(scores)[0] <= 1
    assert (scores.columns["pixels"] == 64 * 64).all()
