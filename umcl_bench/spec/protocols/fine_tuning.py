"""Classification by the whole image tower and a linear head, tuned on labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FineTune:
    """The whole image tower and a linear head, tuned on shares of the training patients."""

    findings: tuple[str, ...] = ()
    kind: Literal["fine-tune"] = "fine-tune"
