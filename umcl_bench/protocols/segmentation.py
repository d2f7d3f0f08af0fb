"""Segmentation: a decoder on the pre-trained image tower, fitted on masks (GLoRIA: Huang et al. 2021, section 4.5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.errors import UsageError
from umcl_bench.metrics.overlap import film_dice
from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.models.segmenters import Segmenter, build_segmenter
from umcl_bench.models.trunks import same_tensors
from umcl_bench.protocols.base import Evaluation, Outcome, check_unused, film_rows, groups_of, need, splits_fitted
from umcl_bench.protocols.fitted import by_id, figures_of_shares, fit_seed, note_schedule
from umcl_bench.protocols.fractions import Share, shares
from umcl_bench.spec import Baseline, Segmentation, Task
from umcl_bench.training.augment import augment
from umcl_bench.training.device import training_precision
from umcl_bench.training.supervised import Supervision, augment_masks, fit_network, in_batches

Masks = NDArray[np.bool_]
Predict = Callable[[NDArray[np.uint8]], Masks]
"""Rows of the corpus -> masks (n, s, s)."""

SPLITS = ("train", "val", "test")
_AT_ONCE = 32

_BEST = {"dice": "highest mean Dice", "loss": "lowest loss (its looks are minus the loss)"}
"""What `select` means, in words."""


def _protocol(task: Task) -> Segmentation:
    assert isinstance(task.protocol, Segmentation)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """None: masks are scored, not labels."""
    return ()


def check(task: Task, corpus: Corpus) -> Rows:
    """The test films with a mask. Raises UsageError where train, val or test has none."""
    check_unused(task, *splits_fitted(task))
    return {split: _masked(task, corpus, split) for split in SPLITS}[task.split]


def check_model(task: Task, baseline: Baseline) -> None:
    """Raises UsageError for a model without an image tower."""
    need(task, baseline, "image tower")


def _masked(task: Task, corpus: Corpus, split: str) -> Rows:
    if corpus.masks is None or corpus.has_mask is None:
        raise UsageError(
            f"task {task.name} needs masks, and {corpus.source} has none. "
            "In a metadata.csv they are the column 'mask': a file of the film's size, all black where there is nothing"
        )
    rows = film_rows(task, corpus, split)
    rows = rows[corpus.has_mask[rows]]
    if len(rows) == 0:
        raise UsageError(f"task {task.name} needs {split} films ({task.views} views) with a mask; {_where(corpus)}")
    return rows


def _where(corpus: Corpus) -> str:
    assert corpus.has_mask is not None
    found = [f"{int(corpus.has_mask[corpus.splits == split].sum()):,} in {split}" for split in SPLITS]
    return f"{corpus.source} has {', '.join(found)}. The decoder learns from train, and its best step is chosen on val"


def run(task: Task, at: Evaluation) -> Outcome:
    """Counts of pixels for each film of the split, for each share of the training patients."""
    protocol, rows = _protocol(task), check(task, at.corpus)
    truth, parts, fits = at.masks(rows), {}, {}
    for share, chosen in films_of_shares(task, at.corpus).items():
        predict, fits[share.part] = at.once(share.part, partial(fit_share, task, at, share, chosen))
        fits[share.part] |= {"films": len(chosen), "patients": len(set(at.corpus.patients[chosen]))}
        counts = count_pixels(predict(at.films[rows]), truth)
        parts[share.part] = Scores(
            counts, at.corpus.patients[rows], at.corpus.ids[rows], (protocol.target,), groups_of(at.corpus, rows)
        )
    facts = {
        **note_schedule(protocol),
        "selection": f"the step with the {_BEST[protocol.select]} on val; the threshold is {protocol.threshold:g}",
        "pixels": f"films and masks of {truth.shape[1]} x {truth.shape[2]}, as the model sees them",
        "films with a lesion": int(truth.any(axis=(1, 2)).sum()),
        "fits": fits,
    }
    return Outcome(parts, facts, figures_of_shares(protocol.fractions, parts))


def films_of_shares(task: Task, corpus: Corpus) -> dict[Share, Rows]:
    """The training films with a mask of each share."""
    protocol, train = _protocol(task), by_id(corpus, _masked(task, corpus, "train"))
    found = shares(corpus.patients[train], protocol.fractions, protocol.draws, protocol.share_seed)
    return {share: train[places] for share, places in found.items()}


def fit_share(task: Task, at: Evaluation, share: Share, train: Rows) -> tuple[Predict, dict[str, Any]]:
    """`fit` on a share's films, by the seed of that share."""
    return fit(task, at, train, by_id(at.corpus, _masked(task, at.corpus, "val")), fit_seed(at, share))


def count_pixels(predicted: Masks, truth: Masks) -> dict[str, Floats]:
    """The columns (n, 1) that metrics of overlap read, from masks (n, s, s)."""
    flat, true = predicted.reshape(len(truth), -1), truth.reshape(len(truth), -1)
    counts = {
        "intersection": (flat & true).sum(axis=1),
        "predicted": flat.sum(axis=1),
        "true": true.sum(axis=1),
        "pixels": np.full(len(true), true.shape[1]),
    }
    return {name: column[:, None].astype(np.float64) for name, column in counts.items()}


def fit(task: Task, at: Evaluation, train: Rows, val: Rows, seed: int) -> tuple[Predict, dict[str, Any]]:
    """A network that was fitted on the masks of `train`, and chosen on `val`; and what a record says of it.

    Raises UsageError for a tower that can't be tuned, or that the decoder does not fit.
    """
    protocol, device = _protocol(task), torch.device(at.device)
    masks, val_masks = at.masks(train), at.masks(val)
    kept = with_negatives(np.asarray(masks.any(axis=(1, 2))), protocol.negatives, np.random.default_rng([seed, 2]))
    network = build_segmenter(at.model.image_tower(), protocol.decoder, protocol.decoder_width, seed)
    tensors = same_tensors(network.trunk, at.model.image_tower())
    frozen, how = protocol.encoder == "frozen", protocol.schedule

    def loss(places: Rows, draws: Tensor) -> Tensor:
        films, wanted = (
            torch.from_numpy(part).to(device) for part in (at.films[train[kept[places]]], masks[kept[places]])
        )
        logits = network(augment(films, how.augment, draws)).float()
        return mask_loss(logits, augment_masks(wanted.float(), how.augment, draws), protocol.loss)

    def look() -> float:
        logits = _logits(network, at.films[val], device)
        if protocol.select == "loss":
            return -float(mask_loss(torch.from_numpy(logits), torch.from_numpy(val_masks).float(), protocol.loss))
        return float(film_dice(count_pixels(_above(logits, protocol.threshold), val_masks)).mean())

    with at.reporter.track(f"fitting a decoder on {len(kept)} films", how.budget(len(kept))) as tick:
        facts = fit_network(
            network,
            network.trunk,
            Supervision(len(kept), loss, look),
            how,
            seed,
            device,
            training_precision(device),
            tick,
            frozen=frozen,
        )
    if frozen:
        same_tensors(network.trunk, at.model.image_tower())

    @torch.inference_mode()
    def predict(films: NDArray[np.uint8]) -> Masks:
        return _above(_logits(network, films, device), protocol.threshold)

    lesions = int(masks[kept].any(axis=(1, 2)).sum())
    about = {"decoder": network.kind, "encoder_tensors_as_in_the_tower": tensors, "trained_on": len(kept)}
    return predict, {**about, "with_a_lesion": lesions, **facts}


def with_negatives(has_lesion: Masks, rule: str, rng: np.random.Generator) -> Rows:
    """The places of the training films (n,) that are kept, in order: see spec.Segmentation.negatives.

    Where no film has a lesion, all are kept.
    """
    positive, negative = np.flatnonzero(has_lesion), np.flatnonzero(~has_lesion)
    if rule == "all" or not len(positive):
        return np.arange(len(has_lesion))
    count = min(len(positive), len(negative)) if rule == "as-many" else 0
    return np.sort(np.concatenate([positive, rng.choice(negative, count, replace=False)]))


def mask_loss(logits: Tensor, target: Tensor, kind: str) -> Tensor:
    """Of logits and masks (n, s, s) in {0, 1}, a mean over all pixels and one soft Dice of the whole batch.

    'gloria': 10 times the focal loss (gamma 2; Lin et al. 2017) minus the logarithm of soft Dice, whose numerator and
    denominator have 1 added, as in GLoRIA's MixedLoss. 'bce-dice': cross-entropy plus 1 - soft Dice.
    """
    each = binary_cross_entropy_with_logits(logits, target, reduction="none")
    p = logits.sigmoid()
    dice = (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)
    if kind == "bce-dice":
        return each.mean() + 1 - dice
    wrong = logsigmoid(-logits * (2 * target - 1)).exp()  # 1 - p of the truth
    return 10 * (wrong**2 * each).mean() - dice.log()


def _logits(network: Segmenter, films: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
    return in_batches(films, _AT_ONCE, lambda batch: network(batch.to(device)))


def _above(logits: NDArray[np.float32], threshold: float) -> Masks:
    if threshold in (0.0, 1.0):
        return np.full(logits.shape, threshold == 0.0)
    return np.asarray(logits > np.log(threshold / (1 - threshold)))
