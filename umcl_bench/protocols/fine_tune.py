"""Fine-tuning: the whole image tower and a linear head, on shares of the training patients (BenchX, Zhou 2024)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.metrics.classification import auroc
from umcl_bench.metrics.scores import Floats
from umcl_bench.models.trunks import ImageTrunk, same_tensors
from umcl_bench.protocols.base import (
    Evaluation,
    Outcome,
    check_unused,
    labelled_findings,
    labelled_rows,
    need,
    scores_of,
    splits_fitted,
    truth_of,
)
from umcl_bench.protocols.fitted import by_id, figures_of_shares, fit_seed, note_schedule
from umcl_bench.protocols.fractions import shares
from umcl_bench.spec import Baseline, FineTune, Task
from umcl_bench.training.augment import augment
from umcl_bench.training.device import training_precision
from umcl_bench.training.supervised import Supervision, fit_network, in_batches

Predict = Callable[[NDArray[np.uint8]], Floats]
"""Rows of the corpus -> probabilities (n, c)."""

_AT_ONCE = 64


class Classifier(nn.Module):
    """Films (n, s, s) of 0 to 255 -> a logit for each finding (n, c). The head begins at a normal of 0.02, bias 0."""

    def __init__(self, trunk: ImageTrunk, findings: int, seed: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.width, findings)
        with torch.no_grad():
            self.head.weight.normal_(0, 0.02, generator=torch.Generator().manual_seed(seed))
            self.head.bias.zero_()

    def forward(self, films: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.trunk(films))
        return logits


def _protocol(task: Task) -> FineTune:
    assert isinstance(task.protocol, FineTune)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The findings to score. Raises UsageError where the corpus does not label one that the task names."""
    return labelled_findings(task, _protocol(task).findings, corpus)


def check(task: Task, corpus: Corpus) -> Rows:
    """The rows to score: the split's films with a label of at least one of the findings.

    Raises UsageError where these, or those of train or val, are none, or these are those of train or val.
    """
    check_unused(task, *splits_fitted(task))
    findings = findings_of(task, corpus)
    return [labelled_rows(task, findings, corpus, split) for split in ("train", "val", task.split)][-1]


def check_model(task: Task, baseline: Baseline) -> None:
    """Raises UsageError for a model without an image tower."""
    need(task, baseline, "image tower")


def run(task: Task, at: Evaluation) -> Outcome:
    """p(finding) for each film of the split, for each share of the training patients.

    NaN for a finding of which a share has no film with it, or none without it: it can teach nothing of that.
    """
    protocol, rows, findings = _protocol(task), check(task, at.corpus), findings_of(task, at.corpus)
    train, val = (by_id(at.corpus, labelled_rows(task, findings, at.corpus, split)) for split in ("train", "val"))
    parts, fits = {}, {}
    for share, places in shares(
        at.corpus.patients[train], protocol.fractions, protocol.draws, protocol.share_seed
    ).items():
        chosen = train[places]
        predict, fits[share.part] = at.once(share.part, partial(fit, task, at, chosen, val, fit_seed(at, share)))
        truth = truth_of(at.corpus, chosen, findings)
        taught = (truth == 1).any(axis=0) & (truth == 0).any(axis=0)
        fits[share.part] |= {
            "films": len(chosen),
            "patients": len(set(at.corpus.patients[chosen])),
            "not learned": ", ".join(name for name, known in zip(findings, taught, strict=True) if not known) or "none",
        }
        value = np.where(taught, predict(at.films[rows]), np.nan)
        parts[share.part] = scores_of(at.corpus, rows, findings, value=value)
    facts = {
        **note_schedule(protocol),
        "selection": "the step with the highest mean AUROC on val over the findings that are defined there",
        "fits": fits,
    }
    return Outcome(parts, facts, figures_of_shares(protocol.fractions, parts))


def fit(task: Task, at: Evaluation, train: Rows, val: Rows, seed: int) -> tuple[Predict, dict[str, Any]]:
    """A network that was fitted on the labels of `train`, and chosen on `val`; and what a record says of it.

    Raises UsageError for a tower that can't be tuned.
    """
    how, device, findings = _protocol(task).schedule, torch.device(at.device), findings_of(task, at.corpus)
    network = Classifier(at.model.image_tower(), len(findings), seed)
    tensors = same_tensors(network.trunk, at.model.image_tower())
    labels = torch.from_numpy(truth_of(at.corpus, train, findings)).float().to(device)
    val_labels = truth_of(at.corpus, val, findings)

    def loss(places: Rows, draws: Tensor) -> Tensor:
        films = torch.from_numpy(at.films[train[places]]).to(device)
        return known_loss(network(augment(films, how.augment, draws)).float(), labels[places])

    def look() -> float:
        return mean_auroc(predict(at.films[val]), val_labels)

    @torch.inference_mode()
    def predict(films: NDArray[np.uint8]) -> Floats:
        logits = in_batches(films, _AT_ONCE, lambda batch: network(batch.to(device)))
        return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))

    with at.reporter.track(f"fine-tuning on {len(train)} films", how.budget(len(train))) as tick:
        facts = fit_network(
            network,
            network.trunk,
            Supervision(len(train), loss, look),
            how,
            seed,
            device,
            training_precision(device),
            tick,
        )
    return predict, {"encoder_tensors_as_in_the_tower": tensors, **facts}


def known_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of logits (n, c) against labels (n, c) in {1, 0, NaN}: the mean over those that are known.

    0, with a gradient of 0, where none is.
    """
    known = ~labels.isnan()
    each = binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def mean_auroc(value: Floats, labels: Floats) -> float:
    """The mean AUROC over the findings that have both kinds of films; NaN where none has."""
    areas = np.array([auroc(value[:, k], labels[:, k])[0] for k in range(labels.shape[1])])
    return float(np.nanmean(areas)) if not np.isnan(areas).all() else float("nan")
