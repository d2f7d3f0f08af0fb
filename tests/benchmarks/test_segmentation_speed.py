"""Training steps of a segmentation network, ours beside the plain loop of a tutorial of smp, in turns.

`pytest tests/benchmarks/test_segmentation_speed.py --benchmark-enable -s`
"""

import time

import numpy as np
import pytest
import timm
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from umcl_bench.models.segmenters import build_segmenter
from umcl_bench.models.trunks import ImageTrunk
from umcl_bench.protocols.segmentation import mask_loss
from umcl_bench.spec import Fitting
from umcl_bench.training.device import training_precision
from umcl_bench.training.supervised import Supervision, fit_network

CPU = torch.device("cpu")


@pytest.mark.parametrize("width", [256, 128])
def test_a_step_beside_smps_plain_float32_loop(benchmark: BenchmarkFixture, width: int) -> None:
    """ResNet-18 at 128 px, a batch of 16, without augmentation: the aim is twice smp's at its own width of 256."""
    import segmentation_models_pytorch as smp

    batch, side, steps = (16, 128, 2) if benchmark.enabled else (2, 64, 1)
    films = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (batch, side, side), dtype=np.uint8))
    masks = (torch.rand(batch, side, side, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    body = timm.create_model("resnet18", pretrained=False, in_chans=1, num_classes=0)
    network = build_segmenter(ImageTrunk(body, (0.5,), (0.25,)), "unet", width, seed=0)
    data = Supervision(batch, lambda places, draws: mask_loss(network(films).float(), masks, "bce-dice"), lambda: 0.0)
    how = Fitting(steps=steps, batch=batch, look_every=steps)
    theirs = smp.Unet("tu-resnet18", encoder_weights=None, in_channels=1)
    optimiser, pixels = torch.optim.AdamW(theirs.parameters()), (films[:, None].float() / 255 - 0.5) / 0.25
    ours_s, theirs_s = [], []

    def plain() -> None:
        theirs.train()
        for _ in range(steps):
            optimiser.zero_grad()
            mask_loss(theirs(pixels)[:, 0], masks, "bce-dice").backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    def turn() -> None:
        start = time.process_time()
        fit_network(network, network.trunk, data, how, 0, CPU, training_precision(CPU), lambda amount=1, note="": None)
        middle = time.process_time()
        plain()
        theirs_s.append(time.process_time() - middle)
        ours_s.append(middle - start)

    training_precision(CPU)  # it measures once
    benchmark.pedantic(turn, rounds=5 if benchmark.enabled else 1, warmup_rounds=1)  # type: ignore[no-untyped-call]
    ours, plain_s = float(np.median(ours_s)) / steps, float(np.median(theirs_s)) / steps
    ratio = plain_s / ours
    benchmark.extra_info.update(films_a_second=batch / ours, smp_films_a_second=batch / plain_s, ratio=ratio)
    print(
        f"\nwidth {width}: {batch / ours:.1f} films a second, smp in float32 {batch / plain_s:.1f}: {ratio:.1f} times"
    )
