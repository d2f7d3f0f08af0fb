"""Classification by what is fitted on labels: a linear head on frozen features, or the whole image tower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Probe:
    """Logistic regression on frozen features, at shares of the training patients, or on a few films a class."""

    findings: tuple[str, ...] = ()
    kind: Literal["probe"] = "probe"


@dataclass(frozen=True)
class FineTune:
    """The whole image tower and a linear head, tuned on shares of the training patients."""

    findings: tuple[str, ...] = ()
    kind: Literal["fine-tune"] = "fine-tune"
