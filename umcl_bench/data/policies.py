"""What the label that is not given, and the label that says 'uncertain', mean: named policies, in every record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY

Labels = NDArray[np.float32]
Unnamed = Literal["unknown", "negative", "stated"]
Uncertain = Literal["ones", "zeros", "ignore", "gloria", "soft"]
UNNAMED: tuple[str, ...] = get_args(Unnamed)
UNCERTAIN: tuple[str, ...] = get_args(Uncertain)

UNSURE = -1.0
"""How a source's 'uncertain' stands in the stated labels, as in CheXpert's train.csv (Irvin et al. 2019)."""

SOFT = 0.7
"""The middle of (0.55, 0.85), from which Pham et al. 2021 (U-Ones+LSR) draw an uncertain label; here fixed."""

GLORIA = {"Atelectasis": 1.0, "Cardiomegaly": 0.0, "Consolidation": 0.0, "Edema": 1.0, "Pleural Effusion": 1.0}
"""GLoRIA's and MGCA's map of uncertain labels (gloria/constants.py); other findings: unknown (ours)."""


@dataclass(frozen=True)
class LabelPolicy:
    """What a label that is not given, and one that says 'uncertain', mean. Part of the corpus and of every record.

    `unnamed` is how the findings count that a labelled film does not name: 'unknown' (NaN) or 'negative' (0).
    A film with no labels at all is unknown throughout; 'No Finding' alone makes every pathology negative, and says
    nothing of devices. Under 'stated' nothing follows from anything (a joined corpus, whose parts' policies were
    applied before).
    `uncertain`: 'ones' and 'zeros' (Irvin et al. 2019), 'ignore' (NaN), 'gloria' (by finding), 'soft' (0.7, which
    counts in training as that much of a claim, and in a test as unknown).
    """

    unnamed: Unnamed = "unknown"
    uncertain: Uncertain = "ignore"

    def apply(self, stated: Labels, classes: tuple[str, ...]) -> Labels:
        """Labels (n, k) in {1, 0, NaN}, and 0.7 under 'soft', from stated ones in {1, 0, -1, NaN}."""
        labels = stated.copy()
        for at, name in enumerate(classes):
            labels[stated[:, at] == UNSURE, at] = self._of_uncertain(name)
        if self.unnamed == "stated":
            return labels
        blank = np.isnan(stated)
        pathology = np.array([name not in NO_PATHOLOGY for name in classes], dtype=bool)
        found = (labels[:, pathology] == 1).any(axis=1)
        column = classes.index(NO_FINDING) if NO_FINDING in classes else None
        clear = np.zeros(len(stated), dtype=bool)
        if column is not None:
            clear[:] = (stated[:, column] == 1) & ~found
        if self.unnamed == "negative":
            labels[blank & ~blank.all(axis=1, keepdims=True)] = 0
        labels[clear[:, None] & blank & pathology] = 0
        if column is not None:
            unsure = (stated == UNSURE) & ~np.isin(labels, (0, 1))
            labels[unsure[:, pathology].any(axis=1) & blank[:, column], column] = np.nan  # it may have one or none
            labels[found & blank[:, column], column] = 0  # a film with a finding is not one without
        return labels

    def _of_uncertain(self, name: str) -> float:
        if self.uncertain == "gloria":
            return GLORIA.get(name, float("nan"))
        return {"ones": 1.0, "zeros": 0.0, "soft": SOFT}.get(self.uncertain, float("nan"))

    def describe(self) -> str:
        """One line for a record or a caption."""
        return f"unnamed findings of a labelled film are {self.unnamed}; uncertain ones: {self.uncertain}"
