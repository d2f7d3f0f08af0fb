"""A tower on its own and in a segmentation network: exactly its weights, maps that fit, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.preprocess import get_preprocess
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.models.released.model import ReleasedModel, Towers
from umcl_bench.models.released.timm_models import TimmTowers
from umcl_bench.models.segmenters import build_segmenter, choose_decoder
from umcl_bench.models.trained import TrainedModel
from umcl_bench.models.trunks import ImageTrunk, Stage, same_tensors
from umcl_bench.spec import TINY, Recipe
from umcl_bench.training.batches import training_rows
from umcl_bench.training.start import empty_encoder

CPU = torch.device("cpu")
FILMS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8))
BODIES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "tiny": ("resnet18", dict(TINY.image.options), ("unet", "upernet")),
    "resnet": ("resnet10t", {}, ("unet", "upernet")),
    "vit": ("vit_tiny_patch16_224", {"img_size": 64, "depth": 5}, ("dpt",)),
    "swin": ("swin_tiny_patch4_window7_224", {"img_size": 64, "embed_dim": 24, "window_size": 2}, ("upernet",)),
}


def body(kind: str, seed: int = 0) -> nn.Module:
    name, options, _ = BODIES[kind]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made: nn.Module = timm.create_model(name, pretrained=False, in_chans=1, num_classes=0, **options)
    for parameter in made.parameters():
        if not parameter.any():  # residual blocks begin at nothing, and pass no gradient on
            nn.init.constant_(parameter, 0.5)
    return made.eval()


def trunk(kind: str, seed: int = 0) -> ImageTrunk:
    return ImageTrunk(body(kind, seed), (0.5,), (0.25,))


@pytest.fixture(scope="module")
def model(phantom: Corpus) -> TrainedModel:
    recipe = Recipe(registry.get_baseline("umcl"), TINY)
    data = training_rows(phantom, recipe)
    return TrainedModel(recipe, empty_encoder(recipe, data), data.tokenizer, CPU, classes=phantom.classes)


def test_a_trained_models_tower_sees_and_says_what_the_model_does(model: TrainedModel, phantom: Corpus) -> None:
    films = np.stack([phantom.pixels.read(i, 64) for i in range(6)])
    tower = model.image_tower()
    with torch.inference_mode():
        np.testing.assert_allclose(tower(torch.from_numpy(films)).numpy(), model.pool_images(films), atol=2e-6)
    digest = model.digest
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.add_(1)
    del model.__dict__["digest"]
    assert model.digest == digest


def test_a_released_models_tower_sees_what_its_preprocessing_makes() -> None:
    whole = timm.create_model("resnet10t", pretrained=False, num_classes=0).eval()
    released = ReleasedModel("timm:resnet10t", TimmTowers(whole), get_preprocess("chexzero"), CPU, has_texts=False)
    films = np.random.default_rng(1).integers(0, 256, (3, 224, 224), dtype=np.uint8)
    tower = released.image_tower()
    assert tower.channels == 3
    with torch.inference_mode():
        np.testing.assert_allclose(tower(torch.from_numpy(films)).numpy(), released.pool_images(films), atol=1e-4)
    assert all(parameter.requires_grad for parameter in tower.parameters())
    assert not any(parameter.requires_grad for parameter in whole.parameters())


def test_a_classifier_that_is_the_projection_is_taken_off_the_copy_alone() -> None:
    class Layout(Towers):
        dim = 7

        def __init__(self) -> None:
            super().__init__()
            self.tower: nn.Module = timm.create_model("resnet10t", pretrained=False, num_classes=7)

        def trunk_of_timm(self) -> nn.Module | None:
            return self.tower

    towers = Layout()
    tower = ReleasedModel("local:x", towers, get_preprocess("medclip"), CPU).image_tower()
    assert tower(torch.zeros(2, 64, 64)).shape == (2, tower.width)
    assert "fc.weight" in towers.tower.state_dict()


def test_models_without_a_tower_that_can_be_tuned_say_so() -> None:
    with pytest.raises(UsageError, match="no image tower"):
        RandomEmbeddings(8, 0).image_tower()
    with pytest.raises(UsageError, match="only these can be tuned here"):
        ReleasedModel("hf:x/y", Towers(), get_preprocess("clip"), CPU).image_tower()


@pytest.mark.parametrize(("kind", "decoder"), [(kind, d) for kind, (*_, fits) in BODIES.items() for d in fits])
def test_a_network_has_a_logit_for_each_pixel_and_all_that_it_holds_learns(kind: str, decoder: str) -> None:
    network = build_segmenter(trunk(kind), decoder, 32, seed=0)
    logits = network(FILMS)
    assert logits.shape == FILMS.shape
    (logits**2).mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert [
        name for name in idle if not name.startswith("trunk.body.norm.")
    ] == []  # of a pool that no map goes through


@pytest.mark.parametrize("kind", BODIES)
def test_the_encoder_is_the_tower_tensor_by_tensor(kind: str) -> None:
    network = build_segmenter(trunk(kind), "auto", 32, seed=0)
    assert network.kind == BODIES[kind][2][0]
    assert same_tensors(network.trunk, trunk(kind)) == len(body(kind).state_dict())


def test_a_silently_random_encoder_is_found() -> None:
    network = build_segmenter(trunk("tiny", seed=1), "auto", 32, seed=0)
    with pytest.raises(BenchError, match=r"conv1\.0\.weight has other values"):
        same_tensors(network.trunk, trunk("tiny"))


@pytest.mark.parametrize("change", ["one value", "a statistic", "missing", "too many", "half"])
def test_any_difference_from_the_tower_is_found(change: str) -> None:
    other = trunk("tiny")
    if change == "one value":
        with torch.no_grad():
            other.body.get_parameter("layer4.0.conv2.weight").flatten()[-1].add_(1e-4)
    if change == "a statistic":
        other.body.get_buffer("bn1.running_mean")[0] = 1e-6
    if change == "missing":
        other.body.bn1 = nn.Identity()
    if change == "too many":
        other.body.head = nn.Linear(2, 2)
    if change == "half":
        other.half()
    expected = {
        "one value": r"layer4\.0\.conv2\.weight has other values",
        "a statistic": r"bn1\.running_mean has other values",
        "missing": r"bn1\.weight is missing",
        "too many": r"head\.weight is not in the tower",
        "half": r"conv1\.0\.weight is torch\.float16 .*, not torch\.float32",
    }
    with pytest.raises(BenchError, match=expected[change]):
        same_tensors(other, trunk("tiny"))


def test_the_seed_draws_the_decoder_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(3)
    states = [build_segmenter(trunk("tiny"), "unet", 32, seed).state_dict() for seed in (0, 0, 1)]
    drawn = torch.rand(3)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(3))
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    other = [name for name, value in states[0].items() if not torch.equal(value, states[2][name])]
    assert other
    assert all(name.startswith(("decoder.", "head.")) for name in other)


def test_the_unet_is_smps_own_around_the_same_weights() -> None:
    """The library builds a network of the same shape by a tower's name; with our tensors it gives our logits."""
    import segmentation_models_pytorch as smp

    ours = build_segmenter(trunk("resnet"), "unet", 64, seed=0).eval()
    theirs = smp.Unet("tu-resnet10t", encoder_weights=None, decoder_channels=(64, 32, 16, 8, 4), in_channels=1).eval()
    theirs.encoder.model.load_state_dict(ours.trunk.body.state_dict())
    theirs.decoder.load_state_dict(ours.decoder.state_dict())
    theirs.segmentation_head.load_state_dict(ours.head.state_dict())
    with torch.inference_mode():
        expected = theirs(ours.trunk.pixels(FILMS))[:, 0]
        torch.testing.assert_close(ours(FILMS), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("strides", "wanted", "found"),
    [
        ((2, 4, 8, 16, 32), "auto", "unet"),
        ((2, 4, 8, 16, 32), "upernet", "upernet"),
        ((4, 8, 16, 32), "auto", "upernet"),
        ((16,) * 12, "auto", "dpt"),
    ],
)
def test_the_decoder_follows_the_towers_maps(strides: tuple[int, ...], wanted: str, found: str) -> None:
    assert choose_decoder(tuple(Stage(8, stride) for stride in strides), wanted) == found


@pytest.mark.parametrize(
    ("strides", "wanted", "words"),
    [
        ((16,) * 12, "unet", "strides of 16 pixels, and dpt fits"),
        ((4, 8, 16, 32), "unet", "upernet fits"),
        ((14,) * 12, "auto", "no decoder here fits"),
        ((2, 4, 8, 16, 32), "dpt", "unet or upernet fits"),
    ],
)
def test_a_decoder_that_does_not_fit_is_refused(strides: tuple[int, ...], wanted: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_decoder(tuple(Stage(8, stride) for stride in strides), wanted)
