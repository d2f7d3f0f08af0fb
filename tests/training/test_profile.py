"""Where a step's time goes: the parts are the step's, and operations are counted right."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.models.towers import TextEncoder
from umcl_bench.progress import Reporter
from umcl_bench.spec import TINY, ImageTower, Recipe, TextTower
from umcl_bench.training import profile as module
from umcl_bench.training.batches import training_rows
from umcl_bench.training.loop import Trainer
from umcl_bench.training.profile import Profile, profile
from umcl_bench.training.runtime import Runtime
from umcl_bench.training.start import empty_encoder

CPU = torch.device("cpu")
PARTS = {"waiting for data", "augmentation", "image tower, forward", "text tower, forward", "loss and its gradient"}
PARTS |= {"image tower, backward", "text tower, backward", "clipping and optimiser"}
VIT = ImageTower("vit_tiny_patch16_224", 32, (("patch_size", 8), ("img_size", 32), ("depth", 2), ("embed_dim", 24)))
TEXT = TextTower(layers=1, width=32, heads=2, mlp=64, max_tokens=40, vocabulary=200)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WARM_UP", 1)
    monkeypatch.setattr(module, "matrix_product_peak", lambda device, precision: 1e11)


def profiled(phantom: Corpus, micro_batch: int = 0, image: ImageTower = TINY.image, recompute: bool = False) -> Profile:
    optim = dataclasses.replace(TINY.optim, batch=24, films_seen=24, micro_batch=micro_batch)  # one step of budget
    size = dataclasses.replace(TINY, image=image, text=TEXT, dim=16, optim=optim)
    recipe = Recipe(registry.get_baseline("umcl"), size, precision="float32")
    data = training_rows(phantom, recipe)
    films = np.zeros((len(phantom), image.size, image.size), np.uint8)
    encoder = empty_encoder(recipe, data)
    runtime = Runtime(recompute=recompute)
    trainer = Trainer(recipe, phantom, data, encoder, films, CPU, Reporter(quiet=True), runtime)
    return profile(trainer, 2, Reporter(quiet=True))


@pytest.mark.parametrize("image", [TINY.image, VIT])
def test_micro_batches_and_activations_made_again_are_counted(phantom: Corpus, image: ImageTower) -> None:
    """A whole step is three times the forward pass; micro-batches and `recompute` add one more of it."""
    whole, cut, again = (profiled(phantom, *how) for how in ((0, image), (6, image), (0, image, True)))
    for found in (whole, cut, again):
        assert found.parts.keys() == PARTS
        assert all(seconds > 0 for name, seconds in found.parts.items() if name != "waiting for data")
        assert found.steps == 2
    assert 1.15 < cut.flops / whole.flops < 1.65  # packed texts of 6 rows are rounded up to 256 tokens too
    assert 1.1 < again.flops / whole.flops < 1.4
    assert "--micro-batch 6: what is made again is counted" in cut.describe()
    assert "--recompute: what is made again is counted" in again.describe()
    assert "made again" not in whole.describe()


def test_operations_are_those_of_a_hand_count() -> None:
    """A linear layer, an attention fused on the CPU, and a convolution, forward and backward, also under autocast."""
    x = torch.randn(3, 10, 16, requires_grad=True)
    linear, convolution = torch.nn.Linear(16, 16), torch.nn.Conv2d(4, 8, 3, padding=1)
    films = torch.randn(2, 4, 6, 6, requires_grad=True)
    for precision in (torch.float32, torch.bfloat16):
        with module._counter() as counter, torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
            hidden = linear(x)
            heads = hidden.view(3, 10, 2, 8).transpose(1, 2)
            shown = torch.nn.functional.scaled_dot_product_attention(heads, heads, heads)
            (shown.float().sum() + convolution(films).float().sum()).backward()
        products = 2 * 30 * 16 * 16 * 3  # the output, and the gradients of input and weight
        # q k' and p v; fused, the backward pass makes q k' again and takes four more
        attention = 2 * 3 * 2 * 10 * 10 * 8 * (2 + 5)
        convolved = 2 * (2 * 8 * 6 * 6) * 4 * 9 * 3
        assert counter.get_total_flops() == products + attention + convolved, precision


def test_packed_texts_are_counted() -> None:
    """A text tower's products by hand: projections and feed-forward of all packed tokens, and groups' attention."""
    encoder, lengths = TextEncoder(TEXT, 200, 16), torch.full((32,), 40)
    with module._counter() as counter, torch.no_grad():
        encoder(torch.randn(32, 40, 32), lengths)
    tokens, groups = 32 * 40, 2  # 1,280 tokens: a multiple of 256
    linear = 2 * tokens * (4 * 32 * 32 + 2 * 32 * 64)
    attention = groups * 2 * 2 * 16 * 40 * 40 * 32
    assert counter.get_total_flops() == linear + attention + 2 * 32 * 32 * 16


def test_a_profile_in_words() -> None:
    found = Profile(0.1, {"waiting for data": 0.001, "loss": 0.089}, 50, 2e9, 1e11, "float32", "CPU, 2 threads", 7)
    assert found.share == pytest.approx(0.2)
    lines = found.describe().splitlines()
    assert lines[0] == "step 100.0 ms, 500 films/s (medians of 7 steps of 50 films; float32; CPU, 2 threads)"
    assert [line.split() for line in lines[1:4]] == [
        ["waiting", "for", "data", "1.0", "ms", "1%"],
        ["loss", "89.0", "ms", "89%"],
        ["other", "10.0", "ms", "10%"],
    ]
    assert "2.0 GFLOP a step (products, convolutions): 20 GFLOP/s, 20% of the 100" in lines[4]


def test_a_peak_is_no_less_than_what_a_product_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert module.matrix_product_peak(CPU, torch.float32) > 1e9


def test_profile_through_the_command_line(quick: Quick) -> None:
    code, out, err = quick("train", "--model", "clip", "--profile", "--profile-steps", "1", "--micro-batch", "16", "-q")
    assert (code, err) == (0, "")
    assert out.startswith("step ")
    assert "image tower, backward" in out
    assert "--micro-batch 16" in out


def test_what_can_not_be_profiled(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = quick("train", "--model", "random", "--profile")
    assert code == 2
    assert "random is a control that is not trained" in err
    code, _, err = quick("train", "--model", "clip", "--profile", "--profile-steps", "0")
    assert code == 2
    assert "--profile-steps" in err
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, err = quick("train", "--model", "clip", "--profile")
    assert code == 2
    assert "--profile looks at one process: leave torchrun out" in err
