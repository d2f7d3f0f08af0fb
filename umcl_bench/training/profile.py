"""Where a training step's time goes, and how much of the machine's matrix-product speed it reaches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from umcl_bench.models.dual import Features
from umcl_bench.models.statistics import statistics_kept
from umcl_bench.progress import Reporter
from umcl_bench.training.feed import Feed, Parcel
from umcl_bench.training.loop import Trainer
from umcl_bench.training.memory import check_memory
from umcl_bench.training.optim import set_learning_rate

WARM_UP = 10
"""Steps before the clock counts, as oneDNN compiles its kernels for the shapes that it meets (a guess)."""


@dataclass(frozen=True)
class Profile:
    """Seconds of a step and of its parts (medians), its floating-point operations, and the machine's peak of them.

    `passes` says what makes a step of more than one pass through the towers: what is made again counts as operations.
    """

    step: float
    parts: dict[str, float]
    films: int
    flops: float
    peak: float
    precision: str
    device: str
    steps: int
    passes: str = ""

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
        parts = {**self.parts, "other": self.step - sum(self.parts.values())}  # bookkeeping, and steps' differences
        lines += [f"  {name:<22}{s * 1e3:8.1f} ms {s / self.step:5.0%}" for name, s in parts.items()]
        rate = self.flops / self.step
        lines.append(
            f"{self.flops / 1e9:.1f} GFLOP a step (products, convolutions): {rate / 1e9:.0f} GFLOP/s, {self.share:.0%} "
            f"of the {self.peak / 1e9:.0f} that a matrix product in {self.precision} reaches here"
            + (f"; {self.passes}: what is made again is counted" if self.passes else "")
        )
        return "\n".join(lines)


def profile(trainer: Trainer, steps: int, reporter: Reporter) -> Profile:
    """Trains `steps` steps whole and as many in parts, by turns, after a warm-up. The trainer's weights change."""
    check_memory(trainer.recipe, trainer.device, trainer.runtime)
    trainer.encoder.train()
    count = 2 * (steps + WARM_UP)
    size = trainer.recipe.size  # the budget may be shorter
    longer = replace(size, optim=replace(size.optim, films_seen=count * size.optim.batch))
    feed = Feed(trainer.data, trainer.films, replace(trainer.recipe, size=longer), trainer.device, trainer.world)
    clock, flops = _Clock(trainer.device), 0
    with reporter.track("profiling", count) as tick:
        waited = 0.0
        for number, parcel in enumerate(feed):
            clock.add("waiting for data", feed.waited - waited)
            waited = feed.waited
            if number % 2 == 0:
                with clock.part("step"), _counter() if number == 0 else nullcontext() as counter:
                    trainer.train_step(parcel)
                flops = counter.get_total_flops() if counter else flops
            else:
                _in_parts(trainer, parcel, clock)
            clock.next_step(kept=number >= 2 * WARM_UP)
            tick()
    parts = {name: median(values) for name, values in clock.seconds.items() if name != "step"}
    return Profile(
        step=median(clock.seconds["step"]) + parts["waiting for data"],
        parts=parts,
        films=size.optim.batch,
        flops=flops,
        peak=matrix_product_peak(trainer.device, trainer.precision),
        precision=str(trainer.precision).removeprefix("torch."),
        device=torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else _cpu(),
        steps=steps,
        passes=_passes(trainer),
    )


def _passes(trainer: Trainer) -> str:
    optim = trainer.recipe.size.optim
    found = [f"--micro-batch {optim.micro_batch}"] if 0 < optim.micro_batch < optim.batch else []
    return " and ".join([*found, *(["--recompute"] if trainer.runtime.recompute else [])])


def _in_parts(trainer: Trainer, parcel: Parcel, clock: _Clock) -> None:
    """The same step, in micro-batches too, with a look at the clock between its parts."""
    encoder, optimiser, stepper = trainer.encoder, trainer.optimiser, trainer.stepper
    count = stepper.count_parts(parcel)
    trainer.stages.enter(parcel.step)
    optimiser.zero_grad(set_to_none=True)
    with torch.set_grad_enabled(count == 1), statistics_kept(encoder) if count > 1 else nullcontext():
        made = [_encode(trainer, parcel, at, count, clock) for at in range(count)]
    leaves = {
        name: torch.cat([part[tower][name] for part in made]).detach().requires_grad_()
        for tower, found in made[0].items()
        for name in found
    }
    with clock.part("loss and its gradient"):
        stepper.loss({**leaves, **encoder.shared()}, parcel).backward()  # type: ignore[no-untyped-call]
    done = dict.fromkeys(leaves, 0)
    for at in range(count):
        again = made[0] if count == 1 else _encode(trainer, parcel, at, count, clock)
        with statistics_kept(encoder):
            for tower, found in again.items():
                with clock.part(f"{tower} tower, backward"):
                    _backward(found, leaves, done)
    trainer.stages.leave_out()
    with clock.part("clipping and optimiser"):
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), trainer.recipe.size.optim.clip_norm)
        set_learning_rate(optimiser, trainer.recipe, parcel.step)
        optimiser.step()


def _backward(found: Features, leaves: Features, done: dict[str, int]) -> None:
    """Passes the next rows of the gradients on."""
    for name, value in found.items():
        done[name] += len(value)
    wanted = [name for name, value in found.items() if value.requires_grad and leaves[name].grad is not None]
    if wanted:  # no micro-batch of texts alone
        grads = [leaves[name].grad[done[name] - len(found[name]) : done[name]] for name in wanted]  # type: ignore[index]
        torch.autograd.backward([found[name] for name in wanted], grads)


def _encode(trainer: Trainer, parcel: Parcel, at: int, count: int, clock: _Clock) -> dict[str, Features]:
    """What each tower gives the loss."""
    stepper, encoder = trainer.stepper, trainer.encoder
    with clock.part("augmentation"):
        part = stepper.part(parcel, at, count)
    with stepper.autocast():
        with clock.part("image tower, forward"):
            image = encoder.image_features(part.films)
        with clock.part("text tower, forward"):
            text = encoder.text_features(part.texts)
    return {"image": image, "text": text} if text else {"image": image}


class _Clock:
    """Seconds of each part, a value a step: a step may come to a part several times."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, list[float]] = {}
        self._step: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        self._step[name] = self._step.get(name, 0.0) + seconds

    def next_step(self, kept: bool = True) -> None:
        for name, seconds in self._step.items():
            if kept:
                self.seconds.setdefault(name, []).append(seconds)
        self._step = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = self._now()
        yield
        self.add(name, self._now() - start)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def _counter() -> FlopCounterMode:
    """Counts what torch's own counter does and, which it lacks, a CPU's fused attention."""
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    back = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    return FlopCounterMode(display=False, custom_mapping={fused: _attention, back: _attention_backward})


def _attention(q: torch.Size, k: torch.Size, v: torch.Size, *_: object, **__: object) -> int:
    return int(sdpa_flop_count(q, k, v))  # type: ignore[no-untyped-call]


def _attention_backward(grad: torch.Size, q: torch.Size, k: torch.Size, v: torch.Size, *_: object, **__: object) -> int:
    return int(sdpa_backward_flop_count(grad, q, k, v))  # type: ignore[no-untyped-call]


def matrix_product_peak(device: torch.device, precision: torch.dtype) -> float:
    """Operations a second of the best of twenty square matrix products, here and now."""
    n = 8192 if device.type == "cuda" else 1536
    a = torch.randn(n, n, device=device, dtype=precision)  # a GPU multiplies ones faster than numbers
    clock = _Clock(device)
    for _ in range(20):
        with clock.part("product"):
            a @ a
        clock.next_step()
    return float(2 * n**3 / min(clock.seconds["product"]))


def _cpu() -> str:
    return f"CPU, {torch.get_num_threads()} threads"
