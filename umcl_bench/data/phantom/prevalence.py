"""How often the phantom's findings occur, alone and together, how severe they are and on which side.

Every count below is a published set's; one factor of ours, EVENED, moves the shares so that no finding is too rare or
too common for a narrow interval. Findings are drawn one after the other, each with odds that those before it multiply.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.random import Generator

CHEXPERT_ROWS = 223_414
"""Rows of CheXpert's train.csv."""

CHEXPERT_COUNTS = {
    "Cardiomegaly": 27_000,
    "Pleural Effusion": 86_187,
    "Edema": 52_246,
    "Consolidation": 14_783,
    "Pneumonia": 6_039,
    "Atelectasis": 33_376,
    "Pneumothorax": 19_448,
    "Lung Lesion": 9_186,
    "Pleural Other": 3_523,
    "Enlarged Cardiomediastinum": 10_798,
    "Fracture": 9_040,
    "Support Devices": 116_001,
}
"""Rows of CheXpert's train.csv that are 1. The five competition findings agree with published label tables and the
reference's row count; the other seven are unverified (from memory). The order is the order of drawing."""

CHEXPERT_UNCERTAIN = {
    "Cardiomegaly": 8_087,
    "Pleural Effusion": 11_628,
    "Edema": 12_984,
    "Consolidation": 27_742,
    "Atelectasis": 33_739,
}
"""Rows of CheXpert's train.csv that are -1."""

OTHER_OPACITY = 0.05
"""Lung Opacity with no more specific cause: ours, as CheXpert does not tell it from its children's."""

EVENED = 0.5
"""How far the published figures (0) are drawn, on their logarithms, towards even ones (1): prevalences towards
EVEN_ODDS, severities towards as many of each grade; and the share of hedged mentions towards none."""

EVEN_ODDS = 1 / 4
"""The odds towards which they are drawn: one film in five."""

MOST = 5.0
"""Odds ratios are cut to 1 / MOST to MOST. It concerns NIH's Edema and Pneumonia (16.5) and two small IU counts."""

ODDS_RATIOS: dict[str, dict[str, float]] = {
    "Pleural Effusion": {"Cardiomegaly": 4.9},
    "Edema": {"Cardiomegaly": 1.8, "Pleural Effusion": 2.5},
    "Consolidation": {"Pleural Effusion": 3.0, "Edema": 1.5},
    "Pneumonia": {"Cardiomegaly": 0.9, "Pleural Effusion": 1.3, "Edema": 16.5, "Consolidation": 1.8},
    "Atelectasis": {
        "Cardiomegaly": 0.9,
        "Pleural Effusion": 3.4,
        "Edema": 0.6,
        "Consolidation": 2.8,
        "Pneumonia": 1.9,
    },
    "Pneumothorax": {
        "Cardiomegaly": 0.3,
        "Pleural Effusion": 1.8,
        "Edema": 0.3,
        "Consolidation": 0.8,
        "Pneumonia": 0.7,
        "Atelectasis": 1.4,
    },
    "Lung Lesion": {
        "Cardiomegaly": 0.6,
        "Pleural Effusion": 1.6,
        "Consolidation": 2.2,
        "Pneumonia": 0.8,
        "Atelectasis": 0.9,
        "Pneumothorax": 1.4,
    },
    "Pleural Other": {
        "Pleural Effusion": 2.3,
        "Edema": 0.9,
        "Consolidation": 1.4,
        "Atelectasis": 1.2,
        "Pneumothorax": 1.7,
        "Lung Lesion": 2.5,
    },
    "Fracture": {"Pneumothorax": 10.5},
    "Support Devices": {"Cardiomegaly": 2.4, "Pleural Effusion": 3.5, "Consolidation": 3.0, "Pneumothorax": 6.1},
}
"""By how much a finding that is present multiplies the odds of one drawn after it, the others being equal.

Logistic regressions of each finding on those before it, to one decimal, those of 1.0 and 1.1 left out: the first eight
on the 112,120 films of NIH ChestX-ray14 (Lung Lesion: Nodule or Mass; Pleural Other: Pleural_Thickening); Support
Devices on the 3,851 reports of IU X-ray (Catheters, Indwelling; Implanted Medical Device; Tube, Inserted). Fracture:
the plain odds ratio in IU X-ray, of 4 films with both.
"""

GRADES = ("mild", "moderate", "severe")
SEVERITY_STARTS = (0.45, 0.6, 0.8, 1.0)
"""Where each grade's severities begin on the film's scale, where less than 0.3 could not be seen; and their end."""

GRADE_COUNTS = {
    "Cardiomegaly": (129, 23, 11),
    "Pleural Effusion": (74, 11, 12),
    "Pneumothorax": (7, 6, 2),
}
"""Mild or small, moderate, severe or large: MeSH headings of IU X-ray; other findings take the sum of these."""

POOLED_GRADES = tuple(sum(counts) for counts in zip(*GRADE_COUNTS.values(), strict=True))

SIDE_COUNTS = {"Pleural Effusion": (47, 44, 60), "Atelectasis": (85, 102, 80), "Pneumothorax": (15, 6, 0)}
"""Right, left, both sides: MeSH headings of IU X-ray. Other findings: right as often as left (ours)."""


def _odds(share: float) -> float:
    return share / (1 - share)


def _evened(share: float) -> float:
    odds = math.pow(_odds(share), 1 - EVENED) * math.pow(EVEN_ODDS, EVENED)
    return odds / (1 + odds)


PREVALENCE = {name: _evened(count / CHEXPERT_ROWS) for name, count in CHEXPERT_COUNTS.items()}
PREVALENCE["Lung Opacity"] = OTHER_OPACITY
"""The share of first studies that have each finding of their own, in the order of drawing."""

_POOLED_UNCERTAIN = sum(CHEXPERT_UNCERTAIN.values()) / sum(
    CHEXPERT_UNCERTAIN[name] + CHEXPERT_COUNTS[name] for name in CHEXPERT_UNCERTAIN
)


def hedging(finding: str) -> float:
    """How often a report hedges a finding that is there.

    As many uncertain mentions are of findings that are not there, so that one is true as often as not (ours); then
    the share of them among uncertain and positive mentions is CheXpert's share of -1 among -1 and 1, less EVENED of it.
    """
    if finding == "Support Devices":
        return 0.0
    unsure = CHEXPERT_UNCERTAIN.get(finding)
    share = _POOLED_UNCERTAIN if unsure is None else unsure / (unsure + CHEXPERT_COUNTS[finding])
    share *= 1 - EVENED
    return share / (2 - share)


@lru_cache(maxsize=1)
def _model() -> tuple[tuple[str, float, tuple[tuple[str, float], ...]], ...]:
    """For each finding: its log-odds with nothing before it, and the log odds ratios of those before it.

    The former are solved for over all 2^12 states, so that each finding's share is PREVALENCE.
    """
    names = list(PREVALENCE)
    states, chances = np.zeros((1, 0)), np.ones(1)
    model = []
    for name in names:
        ratios = {g: float(np.clip(r, 1 / MOST, MOST)) for g, r in ODDS_RATIOS.get(name, {}).items()}
        pull = states @ np.log([ratios.get(g, 1.0) for g in names[: states.shape[1]]])
        start = _solve(pull, chances, PREVALENCE[name])
        model.append((name, start, tuple((g, math.log(r)) for g, r in ratios.items())))
        share = 1 / (1 + np.exp(-start - pull))
        zero, one = np.zeros((len(states), 1)), np.ones((len(states), 1))
        states = np.vstack([np.hstack([states, zero]), np.hstack([states, one])])
        chances = np.concatenate([chances * (1 - share), chances * share])
    return tuple(model)


def _solve(pull: np.ndarray, chances: np.ndarray, share: float) -> float:
    """The log-odds at which the states' mean share is `share`, by halving."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float(chances @ (1 / (1 + np.exp(-middle - pull))))
        low, high = (middle, high) if mean < share else (low, middle)
    return (low + high) / 2


def draw_findings(rng: Generator) -> list[str]:
    """The findings of one film, in the table's order."""
    found: list[str] = []
    draws = rng.random(len(PREVALENCE)).tolist()
    for (name, log_odds, ratios), draw in zip(_model(), draws, strict=True):
        log_odds += sum(ratio for other, ratio in ratios if other in found)
        if draw < 1 / (1 + math.exp(-log_odds)):
            found.append(name)
    return found


def draw_side(rng: Generator, finding: str) -> str:
    """'right', 'left' or 'both'."""
    counts = SIDE_COUNTS.get(finding, (1, 1, 0))
    return ("right", "left", "both")[_drawn(rng, counts)]


def draw_severity(rng: Generator, finding: str) -> float:
    """From 0.3 to 1: a grade by the published counts, evened as the prevalences are, and evenly within it."""
    counts = GRADE_COUNTS.get(finding, POOLED_GRADES)
    grade = _drawn(rng, tuple(math.pow(count, 1 - EVENED) for count in counts))
    return float(rng.uniform(SEVERITY_STARTS[grade], SEVERITY_STARTS[grade + 1]))


def grade_of(severity: float) -> str:
    """'mild', 'moderate' or 'severe'."""
    return GRADES[sum(severity >= start for start in SEVERITY_STARTS[1:3])]


def _drawn(rng: Generator, weights: tuple[float, ...]) -> int:
    left = rng.random() * sum(weights)
    for at, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return at
    return len(weights) - 1
