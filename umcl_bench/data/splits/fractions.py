"""Label fractions: 1 % of a train split within 10 % within 100 %, seeded, by patient."""

from __future__ import annotations

import dataclasses
import hashlib
import math

import numpy as np

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.splits.base import part_hash
from umcl_bench.errors import UsageError


def patient_order(patients: set[str], seed: int) -> list[str]:
    """Patients in the order of a hash of the seed and their own name: who comes first depends on nobody else."""
    return sorted(patients, key=lambda patient: hashlib.sha256(f"{seed}/{patient}".encode()).digest())


def share_of(patients: set[str], fraction: float, seed: int) -> set[str]:
    """The first share of the patients in that order, at least one; a smaller share lies within a larger one.

    Raises UsageError for a share that is not above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise UsageError(f"a label fraction lies above 0 and is at most 1; {fraction!r} was asked for")
    count = max(1, math.floor(fraction * len(patients) + 0.5))
    return set(patient_order(patients, seed)[:count])


def label_fraction(corpus: Corpus, fraction: float, seed: int) -> Corpus:
    """The corpus with a share of its train split, counted in patients, at least one; the others are in no split.

    A smaller share of the same seed lies within a larger one. The rows' order plays no part; labels, val and test stay
    as they are. What was kept is in `facts['label_fraction']`.
    """
    train = np.flatnonzero(corpus.splits == "train")
    patients = {str(corpus.patients[row]) for row in train}
    if not patients:
        raise UsageError(f"{corpus.source} has no train split to take a share of")
    chosen = share_of(patients, fraction, seed)
    kept = np.array([str(corpus.patients[row]) in chosen for row in train], dtype=bool)
    splits = corpus.splits.copy()
    splits[train[~kept]] = ""
    facts = {
        "fraction": fraction,
        "seed": seed,
        "patients": len(chosen),
        "images": int(kept.sum()),
        "sha": part_hash(str(corpus.ids[row]) for row in train[kept]),
    }
    note = f"train is {fraction:.3g} of itself by patient (seed {seed}): {len(chosen)} of {len(patients)} patients, "
    note += f"{facts['images']} of {len(train)} rows"
    return dataclasses.replace(
        corpus, splits=splits, facts={**corpus.facts, "label_fraction": facts}, notes=(*corpus.notes, note)
    )
