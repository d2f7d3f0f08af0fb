"""Robustness: a task again on films that are worse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from umcl_bench.spec.protocols.fine_tuning import FineTune
from umcl_bench.spec.protocols.grounding import Grounding
from umcl_bench.spec.protocols.probing import Probe
from umcl_bench.spec.protocols.retrieval import Retrieval
from umcl_bench.spec.protocols.segmentation import Segmentation
from umcl_bench.spec.protocols.zero_shot import ClassPrompts, ZeroShot
from umcl_bench.values import check_choice as _check_choice

Corruption = Literal["exposure", "contrast", "noise", "blur", "rotation", "crop", "marker", "jpeg"]
CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)
MOVING: tuple[Corruption, ...] = ("rotation", "crop")
"""These move what a mask or a box is of."""


@dataclass(frozen=True)
class Robust:
    """Another protocol, with the scored films corrupted in several ways (data/corruptions.py) at several severities.

    As ImageNet-C is made (Hendrycks and Dietterich 2019). All else stays clean: what a threshold, a strength or a head
    is chosen and fitted on. `figure` is the label of the protocol's figure that is looked at, '' where it has one.
    """

    of: ZeroShot | ClassPrompts | Probe | FineTune | Retrieval | Segmentation | Grounding = field(
        default_factory=ZeroShot
    )
    corruptions: tuple[Corruption, ...] = CORRUPTIONS
    severities: tuple[int, ...] = (1, 2, 3)
    figure: str = ""
    kind: Literal["robust"] = "robust"

    def __post_init__(self) -> None:
        for name in self.corruptions:
            _check_choice("corruptions", name, Corruption)
        moved = sorted({*self.corruptions} & {*MOVING})
        if isinstance(self.of, Segmentation | Grounding) and moved:
            raise ValueError(f"corruptions {', '.join(moved)}: these move what the masks are of; leave them out")
        if not self.corruptions or not self.severities or not {*self.severities} <= {1, 2, 3}:
            raise ValueError("name at least one corruption, and severities among 1, 2 and 3")
        if len({*self.corruptions}) < len(self.corruptions) or len({*self.severities}) < len(self.severities):
            raise ValueError("name each corruption and severity once")
