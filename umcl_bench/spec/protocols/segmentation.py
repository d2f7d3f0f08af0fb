"""Segmentation: a decoder on the pre-trained image tower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Segmentation:
    """A decoder that is trained on the image tower, frozen or tuned, at shares of the training patients."""

    kind: Literal["segmentation"] = "segmentation"
