"""Every baseline goes through the trainer: all of it learns, and in micro-batches alike."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.training.test_step import TEXT, VIT, distance, gradients
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.progress import Reporter
from umcl_bench.spec import TINY, Recipe, Size
from umcl_bench.training.batches import training_rows
from umcl_bench.training.feed import Feed
from umcl_bench.training.loop import train
from umcl_bench.training.runtime import World
from umcl_bench.training.start import start_encoder
from umcl_bench.training.step import Stepper

CPU = torch.device("cpu")
TRAINED = [name for name in registry.list_baselines() if registry.get_baseline(name).weights == "trained"]
VARIANTS = [
    "umcl+context=class-specific",
    "umcl+several=set+context=unified",
    "umcl+several=mean",
    "umcl+init=chest radiograph showing",
    "umcl+cap=2",
    "umcl+unmatched=Support Devices",
    "clip+loss=eliminate",
    "clip+loss=attract+similarity=jaccard",
    "clip+loss=debiased",
    "gloria+loss=umcl",
    "clip+projection=mlp+text_pooling=max",
]
SIZE = Size(
    "small", VIT, TEXT, dim=16, optim=dataclasses.replace(TINY.optim, batch=24, films_seen=240), augment=TINY.augment
)


def recipe_of(name: str, micro_batch: int = 0) -> Recipe:
    optim = dataclasses.replace(SIZE.optim, micro_batch=micro_batch)
    tower = dataclasses.replace(TEXT, layers=2)  # medclip reads layers 1 and 2
    return Recipe(registry.get_baseline(name), dataclasses.replace(SIZE, optim=optim, text=tower), precision="float32")


@pytest.fixture(scope="module")
def films(phantom: Corpus) -> NDArray[np.uint8]:
    return np.stack([phantom.pixels.read(i, VIT.size) for i in range(len(phantom))])


@pytest.mark.parametrize("name", [*TRAINED, *VARIANTS])
@pytest.mark.usefixtures("in_float64")
def test_every_parameter_learns_and_micro_batches_have_the_same_gradient(
    phantom: Corpus, films: NDArray[np.uint8], name: str
) -> None:
    found = []
    for micro_batch in (0, 7):
        recipe = recipe_of(name, micro_batch)
        data = training_rows(phantom, recipe)
        parcel = next(iter(Feed(data, films, recipe, CPU, World(0, 1, 0))))
        encoder = start_encoder(recipe, data).train()
        stepper = Stepper(recipe, encoder, encoder, torch.float32, recompute=False)
        found.append(gradients(stepper, parcel))
        learned = {n for n, p in encoder.named_parameters() if p.requires_grad}
        assert found[-1][1].keys() == learned
        # a key's bias shifts all scores of a softmax alike; positions behind the longest text are not used
        still = {n for n, g in found[-1][1].items() if not (g.abs() > 1e-12).any()}
        assert {n for n in still if not n.endswith("key.bias")} == set()
    (loss, gradient), (loss_of_parts, of_parts) = found
    assert float(loss) == pytest.approx(float(loss_of_parts), rel=1e-9)
    assert distance(of_parts, gradient) < 1e-9


@pytest.mark.parametrize("name", [*TRAINED, "umcl+stage=second", "umcl+context=class-specific"])
def test_a_few_steps_and_the_log(phantom: Corpus, films: NDArray[np.uint8], name: str) -> None:
    trained = train(recipe_of(name), phantom, films, CPU, Reporter(quiet=True))
    row = trained.log[-1]
    assert np.isfinite([row.loss, row.gradient_norm, row.scale]).all()
    contrastive = registry.get_baseline(name).has_text_tower
    figures = [row.false_negative_rate, row.target_entropy, row.positives, row.alignment, row.uniformity]
    assert np.isfinite(figures).all() == contrastive
    pair = trained.model.embed_findings(["edema"], ["{}"], ["no {}"])
    assert np.abs(pair.positive - pair.negative).max() > 1e-4


def test_prompts_whose_rate_is_zero_stay_as_they_were_drawn(phantom: Corpus, films: NDArray[np.uint8]) -> None:
    """The control of frozen random vectors; those of the same seed that learn do not stay."""
    learned = {}
    for name in ("umcl", "umcl+learning_rate_factor=0"):
        recipe = recipe_of(name)
        start = start_encoder(recipe, training_rows(phantom, recipe)).prompts.context
        end = train(recipe, phantom, films, CPU, Reporter(quiet=True)).model.encoder.prompts.context
        assert start is not None
        assert end is not None
        learned[name] = float((start - end).detach().abs().max())
    assert learned["umcl+learning_rate_factor=0"] == 0
    assert learned["umcl"] > 1e-4
