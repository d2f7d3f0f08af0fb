"""Checks of a model's training: gradients, steps, checkpoints, seeds, and that no test label gets in."""

from __future__ import annotations

import dataclasses
import math
import re
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from umcl_bench.data.corpus import Corpus
from umcl_bench.models.dual import DualEncoder
from umcl_bench.models.released.weights import Fit
from umcl_bench.models.statistics import statistics_kept
from umcl_bench.models.trained import TrainedModel
from umcl_bench.training.batches import training_rows
from umcl_bench.training.checkpoint import load_checkpoint, save_checkpoint
from umcl_bench.training.optim import build_optimiser, set_learning_rate
from umcl_bench.training.stages import Stages, first_steps
from umcl_bench.validate.checks import Seen, check, failed, judged, listed, not_applicable, passed
from umcl_bench.validate.subject import CPU, Subject, worst

KEY_BIAS = r"(.*\.)?key\.bias"
"""A key's bias shifts all scores of a softmax alike: its gradient is zero, but for rounding."""


@check("builds", "Repair what the message names; the other checks need the model.")
def builds(subject: Subject) -> Seen:
    """The model can be built, and how large it is."""
    if subject.baseline.weights == "random-embeddings":
        return passed(f"random vectors of {subject.recipe.size.dim} numbers")
    if subject.baseline.weights == "released":
        found = subject.model.embed_images(subject.few[:1])
        return passed(f"{subject.recipe.baseline.released}; embeddings of {found.shape[1]} numbers")
    count = sum(p.numel() for p in subject.encoder().parameters())
    return passed(f"{count:,} parameters, {len(subject.data.rows)} training rows")


@check(
    "gradients",
    "Look for no_grad, detach or inference_mode in the way from these parameters to the loss, and for modules that "
    "forward() does not use; freeze on purpose with requires_grad_(False).",
)
def gradients(subject: Subject) -> Seen:
    """The gradient of two steps (of each stage) reaches every parameter that should learn, and the loss is finite.

    Two, for a residual branch that begins as zero passes nothing on in the first. Biases of attention's keys are
    exempt. A table of positions is one parameter: its rows that no text is long enough for have no gradient.
    """
    if not subject.learns:
        return not_applicable(_untrained(subject))
    encoder, reached = subject.encoder(), set[str]()
    stages, stepper = Stages(subject.recipe, encoder), subject.stepper(encoder)
    optimiser = build_optimiser(encoder, subject.recipe)
    first, steps = first_steps(subject.recipe), subject.recipe.size.optim.steps
    for step in (1, 2) if first == steps else (1, 2, first + 1, first + 2):
        optimiser.zero_grad(set_to_none=True)
        stages.enter(step)
        loss = float(stepper.gradients(subject.parcel(step)))
        grads = {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}
        wild = [name for name, grad in grads.items() if not torch.isfinite(grad).all()]
        if not math.isfinite(loss):
            return failed(f"the loss of step {step} is {loss}")
        if wild:
            return failed(f"at step {step} the gradient is not finite in {listed(wild)}")
        reached |= {name for name, grad in grads.items() if grad.any()}
        stages.leave_out()
        set_learning_rate(optimiser, subject.recipe, step)
        optimiser.step()
    wanted = [n for n, p in encoder.named_parameters() if p.requires_grad and not re.fullmatch(KEY_BIAS, n)]
    missed = [name for name in wanted if name not in reached]
    if missed:
        return failed(_missed(missed, wanted))
    return passed(f"it reaches all {len(wanted)} trainable parameters; loss {loss:.3f}")


def _missed(missed: list[str], wanted: list[str]) -> str:
    """Parameters without a gradient, whole towers first."""
    parts = sorted({name.partition(".")[0] for name in missed})
    whole = [part for part in parts if all(n in missed for n in wanted if n.partition(".")[0] == part)]
    towers = [f"all of the {part} tower" if part in ("image", "text") else f"all of {part}" for part in whole]
    single = [name for name in missed if name.partition(".")[0] not in whole]
    return f"no gradient reaches {len(missed)} of {len(wanted)} parameters: {listed([*towers, *single])}"


@check(
    "moves", "A tower that stands still learns nothing: see `gradients`, and which parameters the optimiser is given."
)
def moves(subject: Subject) -> Seen:
    """A few steps of the trainer change every part that learns; the loss of the first batch is said."""
    if not subject.learns:
        return not_applicable(_untrained(subject))
    before, after = subject.encoder(), subject.trained.model.encoder
    moved: dict[str, float] = {}
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        if old.requires_grad:
            part = name.partition(".")[0]
            moved[part] = max(moved.get(part, 0.0), float((new.detach() - old.detach()).abs().max()))
    still = [part for part, distance in moved.items() if not distance > 0]
    losses = [_first_loss(subject, encoder) for encoder in (before, after)]
    text = f"{listed(moved)}; the first batch's loss went from {losses[0]:.3f} to {losses[1]:.3f}"
    if still:
        return failed(f"{listed(still)} did not move in {subject.recipe.size.optim.steps} steps; moved: {text}")
    if not math.isfinite(losses[1]):
        return failed(f"after {subject.recipe.size.optim.steps} steps the loss is {losses[1]}")
    return passed(f"moved: {text}")


def _first_loss(subject: Subject, encoder: DualEncoder) -> float:
    encoder.train()
    try:
        with statistics_kept(encoder):
            return float(subject.stepper(encoder).evaluate(subject.parcel()))
    finally:
        encoder.eval()


@check("same seed", "Something draws from a generator that the seed does not set, or depends on time or memory.")
def same_seed(subject: Subject) -> Seen:
    """The same seed gives the same first loss and gradient, bit for bit; another one gives another model."""
    if not subject.learns:
        return not_applicable(_untrained(subject))
    one, other = (_first_step(subject) for _ in range(2))
    if one != other:
        return failed(f"loss and gradient norm are {one[0]!r}, {one[1]!r} and then {other[0]!r}, {other[1]!r}")
    changed = dataclasses.replace(subject, recipe=dataclasses.replace(subject.recipe, seed=subject.recipe.seed + 1))
    if _first_step(changed) == one:
        return failed("another seed gives the same first step too")
    return passed(f"first loss {one[0]:.6f} twice, another with the next seed")


def _first_step(subject: Subject) -> tuple[float, float]:
    """The loss and the gradient's norm."""
    encoder = subject.encoder()
    Stages(subject.recipe, encoder).enter(1)
    loss = float(subject.stepper(encoder).gradients(subject.parcel()))
    grads: list[Tensor] = [p.grad for p in encoder.parameters() if p.grad is not None]
    return loss, float(torch.stack([grad.norm() for grad in grads]).norm()) if grads else 0.0


@check("weights", "What the embeddings depend on must be a parameter or a persistent buffer, so that it is saved.")
def weights(subject: Subject) -> Seen:
    """A checkpoint that is written and read again embeds alike; a released model's weights were all loaded."""
    if subject.baseline.weights == "released":
        subject.model.embed_images(subject.few[:1])
        made = subject.model  # a checkpoint of our own has no weight that is left out
        fit = Fit(len(made.encoder.state_dict())) if isinstance(made, TrainedModel) else made.towers.fit  # type: ignore[attr-defined]
        return passed(f"{fit}; none was missing, left over or of another shape")
    if not subject.baseline.reads_training_rows:
        return not_applicable("it has no weights")
    model = subject.trained.model
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), subject.trained, subject.recipe, subject.corpus.fingerprint)
        again, _ = load_checkpoint(Path(folder), subject.recipe, subject.corpus.fingerprint, CPU)
    row, apart = worst(model.embed_images(subject.few), again.embed_images(subject.few))
    if apart > 0:
        return failed(f"read again, the embedding of film {subject.id_of(row)} is {apart:.1e} off")
    one, other = (m.embed_findings(subject.findings, ("{}",), ("no {}",)) for m in (model, again))
    row, apart = worst(one.positive, other.positive)
    return judged(apart == 0, f"read again, {len(subject.few)} films alike; findings {apart:.1e} off")


@check("test labels stay out", "Training may read the train split alone: look for where other rows' labels get in.")
def no_test_label_in_training(subject: Subject) -> Seen:
    """The first step is the same, bit for bit, where the labels and reports of all other splits were exchanged."""
    if not subject.learns:
        return not_applicable(_untrained(subject))
    exchanged = exchange(subject.corpus, ("val", "test"))
    changed = dataclasses.replace(subject, corpus=exchanged)
    changed_rows = training_rows(exchanged, subject.recipe)
    same = np.array_equal(changed_rows.present, subject.data.present) and _first_step(changed) == _first_step(subject)
    return judged(same, f"the first step is {'the same' if same else 'another'} with other labels on val and test")


def exchange(corpus: Corpus, splits: tuple[str, ...], seed: int = 0) -> Corpus:
    """The corpus with labels and reports exchanged among the rows of each of the splits."""
    stated, reports = corpus.stated.copy(), corpus.reports.copy()
    rng = np.random.default_rng(seed)
    for split in splits:
        rows = corpus.rows(split, "all")
        other = rng.permutation(rows)
        stated[rows], reports[rows] = corpus.stated[other], corpus.reports[other]
    return dataclasses.replace(corpus, stated=stated, reports=reports)


def _untrained(subject: Subject) -> str:
    return "released weights: nothing is trained" if subject.baseline.weights == "released" else "it is not trained"
