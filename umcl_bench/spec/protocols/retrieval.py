"""Retrieval: images and texts as queries and as candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Retrieval:
    """Candidates ranked by cosine; relevant is the query's own study, or every candidate of the query's class."""

    relevant: Literal["study", "class"] = "study"
    findings: tuple[str, ...] = ()
    kind: Literal["retrieval"] = "retrieval"
