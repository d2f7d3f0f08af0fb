"""Films: how they become squares, what sees them, and how training changes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_range as _check_range


@dataclass(frozen=True)
class Geometry:
    """How a film becomes a square of `size` grey pixels.

    The `longest` or `shortest` side goes to `resize` pixels (0: to `size`), or both do ('stretch'). What is not square
    is padded with zeros: after it is resized ('longest'), or before, to at least `resize` ('square'). Then the centre
    of `size` is cut out ('crop'), or all is resized again ('resize'). Filters smooth before they take fewer pixels;
    'area' is the plain mean. `greys` 'stretched' puts a film's smallest and largest value at 0 and 255 first. `dicom`
    names how a DICOM file's values become 8 bits (data/dicom.py).
    """

    fit: Literal["longest", "shortest", "stretch", "square"] = "longest"
    resize: int = 0
    then: Literal["crop", "resize"] = "crop"
    filter: Literal["bilinear", "bicubic", "lanczos", "area"] = "bilinear"
    second_filter: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"
    greys: Literal["stored", "stretched"] = "stored"
    dicom: Literal["voi", "max"] = "voi"


PAD = Geometry()
"""Longest side to `size`, zero-padded to a square: nothing is cut off, and the aspect ratio stays."""


@dataclass(frozen=True)
class ImageTower:
    """A timm architecture and the pixels that it sees.

    `weights` is the repository of timm's on the Hugging Face hub whose weights it starts from; '' for random ones.
    """

    name: str
    size: int
    options: tuple[tuple[str, Any], ...] = ()
    mean: float = 0.5
    std: float = 0.25
    geometry: Geometry = PAD
    weights: str = ""


@dataclass(frozen=True)
class Augment:
    """How training films change, each by its own draw.

    In one resampling: a crop of `crop_area` of the film, `crop_aspect` wide to high, fills the square, then turns,
    moves by up to `translate` of its side and is scaled. A share `blur_share` is blurred, by `blur_sigma` of the side.
    Greys are multiplied by 1 +- `contrast` and moved by +- `brightness` * 128. `flip` 'unsided' mirrors `flip_share`
    of the films whose text names no side: that protects the text, not the anatomy (the heart is on the right then).
    """

    rotate_degrees: float = 5.0
    translate: float = 0.04
    scale: float = 0.05
    brightness: float = 0.2
    contrast: float = 0.2
    crop_area: tuple[float, float] = (1.0, 1.0)
    crop_aspect: tuple[float, float] = (1.0, 1.0)
    blur_share: float = 0.0
    blur_sigma: tuple[float, float] = (0.0005, 0.0135)
    flip: Literal["never", "unsided"] = "never"
    flip_share: float = 0.5

    def __post_init__(self) -> None:
        _check_choice("flip", self.flip, Literal["never", "unsided"])
        limits = {"rotate_degrees": 180.0, "translate": 1.0, "scale": 0.5, "brightness": 2.0}
        for name in ("rotate_degrees", "translate", "scale", "brightness", "contrast", "blur_share", "flip_share"):
            _check_range(name, getattr(self, name), 0.0, limits.get(name, 1.0))
        for name, least, most in (("crop_area", 0.01, 1.0), ("crop_aspect", 0.1, 10.0), ("blur_sigma", 1e-4, 0.25)):
            low, high = getattr(self, name)
            _check_range(f"the lower end of {name}", low, least, min(1.0, most))
            _check_range(f"the upper end of {name}", high, max(low, 1.0 if name == "crop_aspect" else least), most)
