"""Zero-shot classification: a pair of prompts for each finding, a set of prompts for each class, many wordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

COMPETITION = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The five findings of the CheXpert competition, in its order (Irvin et al. 2019)."""

Threshold = Literal["", "val-f1", "val-mcc"]


@dataclass(frozen=True)
class ZeroShot:
    """Positive against negative prompt (CheXzero: Tiu et al. 2022): p = e^pos / (e^pos + e^neg).

    `findings` empty means: all that the source labels. `temperature` divides the cosines; CheXzero uses raw ones.
    """

    findings: tuple[str, ...] = ()
    positive: tuple[str, ...] = ("{}",)
    negative: tuple[str, ...] = ("no {}",)
    pooling: Literal["mean-embedding"] = "mean-embedding"
    temperature: float = 1.0
    kind: Literal["zero-shot"] = "zero-shot"

    def __post_init__(self) -> None:
        for template in (*self.positive, *self.negative):
            if template.count("{}") != 1:
                raise ValueError(f"prompt template {template!r} must hold '{{}}' once, where the finding's name goes")


@dataclass(frozen=True)
class ClassPrompts:
    """One class a film, by the class whose prompts are the most similar (5x200)."""

    findings: tuple[str, ...] = COMPETITION
    kind: Literal["class-prompts"] = "class-prompts"


@dataclass(frozen=True)
class PromptSensitivity:
    """The pair rule of ZeroShot over many wordings of each finding."""

    findings: tuple[str, ...] = COMPETITION
    kind: Literal["prompt-sensitivity"] = "prompt-sensitivity"
