"""Grounding: where on a film a phrase is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Grounding:
    """Cosines of a phrase with the film's patches, against the phrase's boxes (Boecking et al. 2022)."""

    findings: tuple[str, ...] = ()
    kind: Literal["grounding"] = "grounding"
