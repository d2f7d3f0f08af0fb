"""Robustness: a task again on films that are worse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from umcl_bench.spec.protocols.fine_tuning import FineTune
from umcl_bench.spec.protocols.grounding import Grounding
from umcl_bench.spec.protocols.probing import Probe
from umcl_bench.spec.protocols.retrieval import Retrieval
from umcl_bench.spec.protocols.segmentation import Segmentation
from umcl_bench.spec.protocols.zero_shot import ClassPrompts, PromptSensitivity, ZeroShot


@dataclass(frozen=True)
class Robust:
    """Another protocol, with the scored films corrupted in several ways at several strengths."""

    of: ZeroShot | ClassPrompts | PromptSensitivity | Probe | FineTune | Retrieval | Segmentation | Grounding = field(
        default_factory=ZeroShot
    )
    kind: Literal["robust"] = "robust"
