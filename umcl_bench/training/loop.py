"""The trainer: one loop for every model, on a CPU or GPUs, in one process or as many as torchrun starts."""

from __future__ import annotations

import contextlib
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from umcl_bench.data.corpus import Corpus, count_kinds
from umcl_bench.data.films import FilmStack
from umcl_bench.errors import BenchError, Stopped
from umcl_bench.models.dual import DualEncoder
from umcl_bench.models.towers import checkpoint_activations, choose_attention
from umcl_bench.models.trained import TrainedModel
from umcl_bench.progress import Reporter
from umcl_bench.spec import Recipe
from umcl_bench.training import batch_norm, compiling, peers, sharding
from umcl_bench.training.batches import TrainingRows, training_rows
from umcl_bench.training.device import training_precision
from umcl_bench.training.feed import Feed, Parcel
from umcl_bench.training.memory import check_memory, memory_advice
from umcl_bench.training.monitor import LogRow, Monitor
from umcl_bench.training.optim import build_optimiser, set_learning_rate
from umcl_bench.training.resume import resume, save
from umcl_bench.training.runtime import DEFAULT, Runtime, world
from umcl_bench.training.selection import Best, describe_selection, is_better
from umcl_bench.training.stages import Stages
from umcl_bench.training.start import empty_encoder, start_encoder
from umcl_bench.training.step import Stepper
from umcl_bench.training.watch import LATE, Finite, Signals, name_rows, peak_memory

Evaluate = Callable[[TrainedModel], float]
"""The figure that a selection goes by, of a model on the training data's val split."""


@dataclass(frozen=True)
class Unfinished:
    """Where a training's state is kept until it is done, and the digest of what the state belongs to."""

    folder: Path
    digest: str

    def remove(self) -> None:
        """Forgets the state of a training that is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Trained:
    """The model and what there is to say of its training."""

    model: TrainedModel
    log: tuple[LogRow, ...]
    facts: dict[str, object]


def train(
    recipe: Recipe,
    corpus: Corpus,
    films: FilmStack,
    device: torch.device,
    reporter: Reporter,
    runtime: Runtime = DEFAULT,
    unfinished: Unfinished | None = None,
    evaluate: Evaluate | None = None,
) -> Trained:
    """Trains `recipe` on the corpus's train split, whose films are `films` (rows of the corpus).

    With `unfinished`, what was trained before an interruption is gone on from. `evaluate` is for a recipe whose
    selection reads val. Raises BenchError for a loss that is not finite, and Stopped after a signal.
    """
    data = training_rows(corpus, recipe)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        encoder = start_encoder(recipe, data).to(device)
        trainer = Trainer(recipe, corpus, data, encoder, films, device, reporter, runtime, unfinished, evaluate)
        if recipe.baseline.weights == "trained":
            trainer.run()
        finished = empty_encoder(recipe, data)
    finished.load_state_dict(trainer.weights())
    still = finished.to(memory_format=torch.channels_last)
    model = TrainedModel(recipe, still, data.tokenizer, device, classes=data.classes)
    return Trained(model, tuple(trainer.monitor.rows), trainer.facts())


class Trainer:
    """One training: its modules, where it is, and what it has seen."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus,
        data: TrainingRows,
        encoder: DualEncoder,
        films: FilmStack,
        device: torch.device,
        reporter: Reporter,
        runtime: Runtime = DEFAULT,
        unfinished: Unfinished | None = None,
        evaluate: Evaluate | None = None,
    ) -> None:
        self.recipe, self.corpus, self.data, self.films, self.device = recipe, corpus, data, films, device
        self.reporter, self.runtime, self.unfinished, self.evaluate = reporter, runtime, unfinished, evaluate
        self.world = world()
        self.precision = training_precision(device, recipe.precision)
        self.encoder = encoder.to(memory_format=torch.channels_last)
        self.synchronised = batch_norm.synchronise(encoder, device) if self.world.size > 1 else 0
        if runtime.shard:
            sharding.shard(encoder, device)
        self.optimiser = build_optimiser(encoder, recipe)
        self.stepper = Stepper(recipe, encoder, self._wrap(), self.precision, recompute=runtime.recompute)
        self.stages = Stages(recipe, encoder)
        self.finite = Finite(device)
        self.step = 0
        self.seconds = self.waited = 0.0
        self.drawn: dict[str, int] = {}
        self.best: Best | None = None
        self.resumed: list[int] = []
        self.kept: int | None = None  # the step of the last state on disk
        self.compile_seconds: float | None = None
        self.monitor = Monitor((), None, None)

    def _wrap(self) -> nn.Module:
        choose_attention(self.encoder, self.device, self.precision)
        if self.runtime.recompute:
            checkpoint_activations(self.encoder)
        if self.recipe.compiled:
            compiling.compile_towers(self.encoder, self.device)
        if self.world.size == 1 or self.runtime.shard:
            return self.encoder
        ids = [self.device.index or self.world.local_rank] if self.device.type == "cuda" else None
        return DistributedDataParallel(self.encoder, device_ids=ids)

    def run(self) -> None:
        """Trains to the end of the budget."""
        check_memory(self.recipe, self.device, self.runtime, self.world.size)
        resume(self)
        self.encoder.train()
        name, steps = self.recipe.baseline.name, self.recipe.size.optim.steps
        feed = Feed(self.data, self.films, self.recipe, self.device, self.world, self.step)
        waited_before = self.waited
        began, saved = time.monotonic() - self.seconds, time.monotonic()
        with (
            Signals() as signals,
            contextlib.closing(self.monitor),
            self.reporter.track(f"training {name}", steps) as tick,
        ):
            tick(self.step)
            since, waited, at = time.monotonic(), 0.0, self.step
            for parcel in feed:
                loss, norm = self.train_step(parcel)
                if self.recipe.compiled and self.compile_seconds is None:
                    self._note_compilation(loss, since)
                self.seconds = time.monotonic() - began
                if self._due(self.runtime.log_steps):
                    now = time.monotonic()
                    row = self._row(parcel, loss, norm, self.step - at, now - since, feed.waited - waited)
                    since, waited, at = now, feed.waited, self.step
                    self.monitor.add(row, tick)
                tick()
                self.waited = waited_before + feed.waited
                self._select()
                stop, due = map(int, peers.largest([signals.seen, self._save_due(saved)]))
                if stop or due:
                    self._check_finite()  # on a GPU the last steps have not been looked at
                    save(self)
                    saved = time.monotonic()
                if stop:
                    self._stop(stop)
        if self.waited > LATE * self.seconds:
            self.reporter.say(
                f"the data were later than the towers: {self.waited / self.seconds:.0%} of the time was spent waiting "
                "for films; a faster disk, or a cache that fits into memory, would help"
            )

    def train_step(self, parcel: Parcel) -> tuple[Tensor, Tensor]:
        """Takes one optimiser step; returns the loss and the gradient's norm before clipping."""
        self.stages.enter(parcel.step)
        self.optimiser.zero_grad(set_to_none=True)
        before = [b.clone() for b in self.encoder.buffers()] if self.finite.eager and self.unfinished else []
        loss = self._gradients(parcel)
        self.stages.leave_out()
        norm = sharding.whole(nn.utils.clip_grad_norm_(self.encoder.parameters(), self.recipe.size.optim.clip_norm))
        self.finite.note(parcel.step, self.data.rows[parcel.batch.rows], loss, norm)
        if self.finite.eager or self._due(self.runtime.log_steps, parcel.step):
            self._check_finite(before)
        set_learning_rate(self.optimiser, self.recipe, parcel.step)
        self.optimiser.step()
        self.encoder.clamp_scale()
        for kind, count in count_kinds(self.data.kinds[parcel.batch.rows]).items():
            self.drawn[kind] = self.drawn.get(kind, 0) + count
        self.step = parcel.step
        return loss, norm

    def _note_compilation(self, loss: Tensor, began: float) -> None:
        loss.item()  # a GPU is waited for
        self.compile_seconds = time.monotonic() - began
        self.reporter.say(f"compiled, with the first step, in {self.compile_seconds:.0f} s")

    def _gradients(self, parcel: Parcel) -> Tensor:
        try:
            return self.stepper.gradients(parcel)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold the activations, and the advice needs room
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            advice = memory_advice(self.recipe, self.device, self.runtime, self.world.size)
            raise BenchError(f"out of memory at step {parcel.step}. {advice}") from error

    def _row(self, parcel: Parcel, loss: Tensor, norm: Tensor, steps: int, seconds: float, waited: float) -> LogRow:
        alignment, uniformity = self.stepper.alignment_and_uniformity(parcel)
        return LogRow(
            step=self.step,
            loss=float(loss),
            learning_rate=self.optimiser.param_groups[0]["lr"],
            scale=float(sharding.whole(self.encoder.log_scale.detach()).exp()),
            gradient_norm=float(norm),
            films_per_second=steps * self.recipe.size.optim.batch / seconds,
            waiting=waited / seconds,
            alignment=alignment,
            uniformity=uniformity,
            **self.stepper.statistics(parcel)._asdict(),
        )

    def _due(self, every: int, step: int | None = None) -> bool:
        step = self.step if step is None else step
        return step % every == 0 or step == self.recipe.size.optim.steps

    def _check_finite(self, buffers: Sequence[Tensor] = ()) -> None:
        bad = self.finite.first_bad()
        if bad is None:
            return
        step, rows, what = bad
        if self.finite.eager and self.step < step:  # the weights are those before it; what batch norms saw of it goes
            for buffer, value in zip(self.encoder.buffers(), buffers, strict=False):  # none where no state is kept
                buffer.copy_(value)
            save(self)
        kept = "" if self.kept is None else f"The last good state is that of step {self.kept}. "
        raise BenchError(
            f"{what} at step {step}; the batch's films: {name_rows(self.corpus, rows)}. {kept}Lower the learning rate, "
            "or look at these films."
        )

    def _select(self) -> None:
        rule = self.recipe.selection
        if rule.rule == "last" or not self._due(rule.every) or not self.stages.prompts_count:
            return
        weights = self.whole_weights()
        if not self.world.leads:
            return
        if self.evaluate is None:
            raise BenchError(f"the selection rule {rule.rule} needs something to evaluate the model with")
        still = empty_encoder(self.recipe, self.data)  # neither sharded nor compiled
        still.load_state_dict(weights)
        model = TrainedModel(self.recipe, still, self.data.tokenizer, self.device, classes=self.data.classes)
        value = self.evaluate(model)
        self.monitor.add_selection(self.step, rule.rule, value)
        self.reporter.say(f"step {self.step}: {rule.rule} {value:.4f} on val")
        if is_better(rule.rule, value, self.best.value if self.best else None):
            self.best = Best(self.step, value, weights)

    def weights(self) -> dict[str, Tensor]:
        """The weights that the selection rule keeps, on the CPU. Of several processes the first knows the rule's."""
        last = self.whole_weights()  # by all processes, or none
        return last if self.best is None else self.best.weights

    def whole_weights(self) -> dict[str, Tensor]:
        """The weights as they are, on the CPU, gathered where they are sharded: all processes must ask for them."""
        return {name: sharding.whole(t.detach()).cpu().clone() for name, t in self.encoder.state_dict().items()}

    def _save_due(self, saved: float) -> bool:
        """Whether a state is to be written now, where the last was at `saved` on the monotonic clock."""
        if self.unfinished is None or self.step == self.recipe.size.optim.steps:
            return False
        if self.runtime.save_steps:
            return self.step % self.runtime.save_steps == 0
        return time.monotonic() - saved > self.runtime.save_seconds

    def _stop(self, number: int) -> None:
        kept = f"the state of step {self.step} is kept: the same command goes on from it"
        stopped = Stopped(f"stopped; {kept if self.unfinished else 'nothing is kept'}.")
        stopped.exit_code = 128 + number
        raise stopped

    def facts(self) -> dict[str, object]:
        """What a record says of the training."""
        trained = self.recipe.baseline.weights == "trained"
        steps, batch = self.step, self.recipe.size.optim.batch
        facts: dict[str, object] = {
            "steps": steps,
            "films_seen": steps * batch,
            "seconds": round(self.seconds, 2),
            "films_per_second": round(steps * batch / self.seconds, 1) if steps else None,
            "waiting_share": round(self.waited / self.seconds, 4) if steps else None,
            **(peak_memory(self.device).facts() if trained else {}),
            "precision": str(self.precision).removeprefix("torch."),
            "compile_seconds": None if self.compile_seconds is None else round(self.compile_seconds, 2),
            "processes": self.world.size,
            "batch_norm": f"synchronised over {self.world.size} processes" if self.synchronised else None,
            "row_kinds": count_kinds(self.data.kinds),
            "rows_drawn": self.drawn,
            "vocabulary": self.data.tokenizer.get_vocab_size(),
            "reports_truncated": self.data.texts.reports.truncated,
            "parameters": sum(p.numel() for p in self.encoder.parameters()),
            "resumed_from_steps": self.resumed or None,
            "selection": describe_selection(self.recipe.selection, self.best)
            if trained
            else "none: the weights are untrained",
        }
        return {name: value for name, value in facts.items() if value is not None}
