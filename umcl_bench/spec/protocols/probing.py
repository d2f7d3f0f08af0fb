"""Classification by a linear head that is fitted on frozen features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Probe:
    """Logistic regression on frozen features, at shares of the training patients, or on a few films a class."""

    findings: tuple[str, ...] = ()
    kind: Literal["probe"] = "probe"
