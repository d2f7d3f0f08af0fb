"""Where a training step's time goes, and how much of the machine's matrix-product speed it reaches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from umcl_bench.progress import Reporter
from umcl_bench.training.augment import augment
from umcl_bench.training.feed import Feed, Parcel
from umcl_bench.training.loop import Trainer
from umcl_bench.training.optim import set_learning_rate

WARM_UP = 5


@dataclass(frozen=True)
class Profile:
    """Seconds of a step and of its parts (medians), its floating-point operations, and the machine's peak of them."""

    step: float
    parts: dict[str, float]
    films: int
    flops: float
    peak: float
    precision: str
    device: str
    steps: int

    @property
    def share(self) -> float:
        """Operations a second, as a share of what a matrix product reaches in this precision here."""
        return self.flops / self.step / self.peak

    def describe(self) -> str:
        """A table for people."""
        lines = [
            f"step {self.step * 1e3:.1f} ms, {self.films / self.step:.0f} films/s "
            f"(medians of {self.steps} steps of {self.films} films; {self.precision}; {self.device})"
        ]
        lines += [f"  {name:<22}{s * 1e3:8.1f} ms {s / self.step:5.0%}" for name, s in self.parts.items()]
        rate = self.flops / self.step
        lines.append(
            f"{self.flops / 1e9:.1f} GFLOP a step (products, convolutions): {rate / 1e9:.0f} GFLOP/s, {self.share:.0%} "
            f"of the {self.peak / 1e9:.0f} that a matrix product in {self.precision} reaches here"
        )
        return "\n".join(lines)


def profile(trainer: Trainer, steps: int, reporter: Reporter) -> Profile:
    """Trains `steps` steps whole and as many in parts, by turns, after a warm-up. The trainer's weights change."""
    trainer.encoder.train()
    feed = Feed(trainer.data, trainer.films, trainer.recipe, trainer.device, trainer.world)
    clock = _Clock(trainer.device)
    parcels = iter(feed)
    flops = 0.0
    with reporter.track("profiling", 2 * steps + WARM_UP) as tick:
        for number in range(2 * steps + WARM_UP):
            waited = feed.waited
            parcel = next(parcels, None)
            if parcel is None:
                break
            counted = number >= WARM_UP
            clock.on = counted
            if counted:
                clock.add("waiting for data", feed.waited - waited)
            if number % 2 == 0:
                with clock.part("step"), _counter(number == 0) as counter:
                    trainer.train_step(parcel)
                flops = counter.get_total_flops() if counter else flops
            else:
                _in_parts(trainer, parcel, clock)
            tick()
    parts = {name: median(values) for name, values in clock.seconds.items() if name != "step"}
    device = torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else _cpu()
    return Profile(
        step=median(clock.seconds["step"]) + parts["waiting for data"],
        parts=parts,
        films=trainer.recipe.size.optim.batch,
        flops=flops,
        peak=matrix_product_peak(trainer.device, trainer.precision),
        precision=str(trainer.precision).removeprefix("torch."),
        device=device,
        steps=steps,
    )


def _in_parts(trainer: Trainer, parcel: Parcel, clock: _Clock) -> None:
    """A whole-batch step with a look at the clock between its parts."""
    encoder, optimiser, stepper = trainer.encoder, trainer.optimiser, trainer.stepper
    optimiser.zero_grad(set_to_none=True)
    with clock.part("augmentation"):
        pixels = augment(parcel.films, trainer.recipe.size.augment, parcel.draws, parcel.sided)
    with stepper.autocast():
        with clock.part("image tower, forward"):
            image = encoder.encode_image(pixels)
        with clock.part("text tower, forward"):
            text = encoder.encode_mixed(parcel.texts)
    features = {"image": image.detach(), "text": text.detach(), "scale": encoder.scale().detach()}
    leaves = {name: value.requires_grad_() for name, value in features.items()}
    with clock.part("loss and its gradient"):
        stepper.loss(leaves, parcel).backward()  # type: ignore[no-untyped-call]
    with clock.part("image tower, backward"):
        image.backward(leaves["image"].grad)  # type: ignore[no-untyped-call]
    with clock.part("text tower, backward"):
        text.backward(leaves["text"].grad)  # type: ignore[no-untyped-call]
    with clock.part("clipping and optimiser"):
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), trainer.recipe.size.optim.clip_norm)
        set_learning_rate(optimiser, trainer.recipe.size.optim, parcel.step)
        optimiser.step()


class _Clock:
    def __init__(self, device: torch.device) -> None:
        self.device, self.on = device, False
        self.seconds: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(seconds)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = self._now()
        yield
        if self.on:
            self.add(name, self._now() - start)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


@contextmanager
def _counter(wanted: bool) -> Iterator[FlopCounterMode | None]:
    if not wanted:
        yield None
        return
    with FlopCounterMode(display=False) as counter:
        yield counter


def matrix_product_peak(device: torch.device, precision: torch.dtype) -> float:
    """Operations a second of the best of ten square matrix products, here and now."""
    n = 8192 if device.type == "cuda" else 1536
    a = torch.ones(n, n, device=device, dtype=precision)
    clock = _Clock(device)
    clock.on = True
    for _ in range(10):
        with clock.part("product"):
            a @ a
    return float(2 * n**3 / min(clock.seconds["product"]))


def _cpu() -> str:
    return f"CPU, {torch.get_num_threads()} threads"
