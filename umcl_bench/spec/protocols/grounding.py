"""Grounding: where on a film a phrase is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_range as _check_range

Interpolation = Literal["bilinear", "nearest"]
Scale = Literal["stretched", "cosine"]


@dataclass(frozen=True)
class Grounding:
    """Cosines of a phrase with the film's patches, against the phrase's boxes (Boecking et al. 2022).

    Patches are at most `stride` pixels apart, where a tower's last strides can become dilations (ResNets, down to 8).
    The map of cosines is smoothed by a Gaussian, `sigma` being a share of the film's side, and enlarged to the film. It
    marks what is above a threshold, of the cosine itself or of the map 'stretched' to -1 to 1. `findings` empty means:
    all that the source labels.
    """

    findings: tuple[str, ...] = ()
    stride: Literal[8, 16, 32] = 8
    sigma: float = 0.1
    interpolation: Interpolation = "bilinear"
    scale: Scale = "stretched"
    thresholds: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    kind: Literal["grounding"] = "grounding"

    def __post_init__(self) -> None:
        _check_choice("interpolation", self.interpolation, Interpolation)
        _check_choice("scale", self.scale, Scale)
        if self.stride not in (8, 16, 32):
            raise ValueError(f"stride {self.stride}: it is 8, 16 or 32")
        _check_range("sigma", self.sigma, 0.0, 1.0)
        if not self.thresholds:
            raise ValueError("thresholds are none: name at least one")
        for threshold in self.thresholds:
            _check_range("a threshold", threshold, -1.0, 1.0)
