"""The trainer: one loop for every model, on a CPU or a GPU."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from umcl_bench.data.corpus import Corpus, Rows, count_kinds
from umcl_bench.data.films import FilmStack
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models.dual import DualEncoder, TrainedModel, build_encoder
from umcl_bench.objectives.contrastive import Statistics, contrastive_loss, target_statistics
from umcl_bench.objectives.targets import Side, get_builder
from umcl_bench.progress import Reporter
from umcl_bench.spec import Optim, Recipe
from umcl_bench.training.augment import augment
from umcl_bench.training.batches import Batch, TrainingRows, training_rows

# Reports go through the text tower in groups of this many, of similar length, padded to a multiple of so many tokens:
# padding all to the batch's longest wastes half of the tower, and oneDNN compiles bf16 kernels anew for every shape.
_GROUP = 32
_LENGTH_STEP = 16

SELECTION = "last step (no selection; val is not read)"


class LogRow(NamedTuple):
    """One step of the log."""

    step: int
    loss: float
    learning_rate: float
    scale: float
    films_per_second: float
    false_negative_rate: float
    target_entropy: float
    positives: float


@dataclass(frozen=True)
class Trained:
    """The model and what there is to say of its training."""

    model: TrainedModel
    log: tuple[LogRow, ...]
    facts: dict[str, object]


def pick_device(name: str) -> torch.device:
    """'auto' is the GPU where there is one. Raises UsageError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise UsageError(f"--device {name!r}: it must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no GPU here; use --device cpu")
    return torch.device(name)


def training_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the machine has instructions for it (elsewhere it is emulated, and slower), else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    has_bf16 = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if has_bf16 else torch.float32


def train(recipe: Recipe, corpus: Corpus, films: FilmStack, device: torch.device, reporter: Reporter) -> Trained:
    """Trains `recipe` on the corpus's train split, whose films are `films` (rows of the corpus)."""
    data = training_rows(corpus, recipe)
    encoder = build_encoder(recipe, data.tokenizer.get_vocab_size()).to(device)
    encoder = encoder.to(memory_format=torch.channels_last)
    steps = recipe.size.optim.steps if recipe.baseline.weights == "trained" else 0
    trainer = _Trainer(recipe, data, encoder, films, device)
    start = time.monotonic()
    log = tuple(trainer.run(reporter)) if steps else ()
    seconds = time.monotonic() - start
    facts: dict[str, object] = {
        "steps": steps,
        "films_seen": steps * recipe.size.optim.batch,
        "seconds": round(seconds, 2),
        "films_per_second": round(steps * recipe.size.optim.batch / seconds, 1) if steps else None,
        "precision": str(trainer.precision).removeprefix("torch."),
        "row_kinds": count_kinds(data.kinds),
        "rows_drawn": trainer.drawn,
        "vocabulary": data.tokenizer.get_vocab_size(),
        "reports_truncated": data.reports.truncated,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "selection": SELECTION if steps else "none: the weights are untrained",
    }
    return Trained(TrainedModel(recipe, encoder, data.tokenizer, device), log, facts)


class _Trainer:
    def __init__(
        self, recipe: Recipe, data: TrainingRows, encoder: DualEncoder, films: FilmStack, device: torch.device
    ) -> None:
        self.recipe, self.data, self.encoder, self.films, self.device = recipe, data, encoder, films, device
        self.optim = recipe.size.optim
        self.builder = get_builder(recipe.baseline.objective.target)
        self.precision = training_precision(device)
        self.drawn: dict[str, int] = {}
        self.generator = torch.Generator().manual_seed(recipe.seed + 1)
        self.optimiser = torch.optim.AdamW(_groups(encoder, recipe), betas=self.optim.betas, fused=True)

    def run(self, reporter: Reporter, every: int = 10) -> Iterator[LogRow]:
        """Trains, and yields every tenth step and the last."""
        self.encoder.train()
        rng = np.random.default_rng([self.recipe.seed, 2])
        steps = self.optim.steps
        last = time.monotonic()
        with reporter.track(f"training {self.recipe.baseline.name}", steps) as tick:
            for step, batch in enumerate(self.data.batches(self.recipe, rng), start=1):
                for kind, count in count_kinds(self.data.kinds[batch.rows]).items():
                    self.drawn[kind] = self.drawn.get(kind, 0) + count
                logged = step % every == 0 or step == steps
                loss, statistics = self._step(step, batch, with_statistics=logged)
                if logged and statistics is not None:
                    now = time.monotonic()
                    speed = ((step - 1) % every + 1) * self.optim.batch / (now - last)
                    last = now
                    value = float(loss)
                    self._check(value, step, batch)
                    rate = self.optimiser.param_groups[0]["lr"]
                    yield LogRow(step, value, rate, float(self.encoder.scale().detach()), speed, *statistics)
                    tick(
                        0,
                        f"loss {value:.3f}, {speed:.0f} films/s, false negatives {statistics.false_negative_rate:.1%}",
                    )
                tick()

    def _step(self, step: int, batch: Batch, *, with_statistics: bool) -> tuple[Tensor, Statistics | None]:
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.optim, step) * group["factor"]
        films, texts = self._sides(batch)
        objective = self.recipe.baseline.objective
        with self._autocast():
            z_img = self.encoder.encode_image(self._pixels(batch))
            z_txt = self._texts(batch)
        loss = contrastive_loss(z_img, z_txt, self.encoder.scale(), films, texts, objective, self.builder)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), self.optim.clip_norm)
        self.optimiser.step()
        self.encoder.clamp_scale()
        return loss.detach(), target_statistics(films, texts, objective, self.builder) if with_statistics else None

    def _autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision != torch.float32)

    def _pixels(self, batch: Batch) -> Tensor:
        chosen = torch.from_numpy(self.films[self.data.rows[batch.rows[batch.has_film]]]).to(self.device)
        return augment(chosen, self.recipe.size.augment, self.generator)

    def _texts(self, batch: Batch) -> Tensor:
        """(m, d): of each row with a text its report, or the prompt of its state, in the batch's order."""
        parts: list[Tensor] = []
        chosen, place = batch.rows[batch.has_text], batch.states[batch.has_text]  # prompts first: state s is row s
        at = 0
        if (place >= 0).any():
            names = self.data.names
            parts.append(self.encoder.encode_names(*self._tensors(names.ids, names.lengths)))
            at = len(names.ids)
        reports = self.data.reports
        for group in _by_length(np.flatnonzero(place < 0), reports.lengths[chosen]):
            rows = chosen[np.resize(group, _GROUP)]  # filled up with repeats, whose outputs are not used
            longest = _LENGTH_STEP * math.ceil(int(reports.lengths[rows].max()) / _LENGTH_STEP)
            parts.append(self.encoder.encode_text(*self._tensors(reports.ids[rows, :longest], reports.lengths[rows])))
            place[group] = at + np.arange(len(group))
            at += _GROUP
        return torch.cat(parts)[torch.from_numpy(place).to(self.device)]

    def _tensors(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(lengths).to(self.device)

    def _sides(self, batch: Batch) -> tuple[Side, Side]:
        films, texts = batch.rows[batch.has_film], batch.rows[batch.has_text]
        claims = (batch.text_present[batch.has_text], batch.text_absent[batch.has_text])
        arrays = (films, self.data.present[films], self.data.absent[films], texts, *claims)
        tensors = [torch.from_numpy(array).to(self.device) for array in arrays]
        return Side(*tensors[:3]), Side(*tensors[3:])

    def _check(self, loss: float, step: int, batch: Batch) -> None:
        if not math.isfinite(loss):
            rows = ", ".join(str(r) for r in self.data.rows[batch.rows][:8])
            raise BenchError(f"the loss is {loss} at step {step} (rows {rows}, ...); lower the learning rate")


def _by_length(rows: Rows, lengths: NDArray[np.int64]) -> list[Rows]:
    """`rows` in groups of up to `_GROUP`, of similar length; the shortest are in the group that is not full."""
    ordered = rows[np.argsort(-lengths[rows], kind="stable")]
    return [ordered[at : at + _GROUP] for at in range(0, len(ordered), _GROUP)]


def learning_rate(optim: Optim, step: int) -> float:
    """Linear warm-up, then a cosine to zero; `step` counts from 1."""
    warmup = max(1, round(optim.warmup_share * optim.steps))
    if step <= warmup:
        return optim.learning_rate * step / warmup
    done = (step - warmup) / max(1, optim.steps - warmup)
    return optim.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _groups(encoder: DualEncoder, recipe: Recipe) -> list[dict[str, object]]:
    """Parameter groups: no weight decay on vectors (norms, biases), the logit scale and prompts."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    prompts: list[nn.Parameter] = []
    for name, parameter in encoder.named_parameters():
        if parameter.requires_grad:
            group = prompts if name.startswith("prompts.") else plain if parameter.ndim < 2 else decayed
            group.append(parameter)
    factor = recipe.baseline.prompt.learning_rate_factor
    groups: list[dict[str, object]] = [
        {"params": decayed, "weight_decay": recipe.size.optim.weight_decay, "factor": 1.0},
        {"params": plain, "weight_decay": 0.0, "factor": 1.0},
        {"params": prompts, "weight_decay": 0.0, "factor": factor},
    ]
    return [group for group in groups if group["params"]]
