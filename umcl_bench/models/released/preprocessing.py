"""The preprocessing that a released model's own files ask for, as a value of data/preprocess.py."""

from __future__ import annotations

import math
from typing import Any, Literal

from umcl_bench.data.preprocess import Preprocess, get_preprocess
from umcl_bench.errors import BenchError
from umcl_bench.models.released.found import square
from umcl_bench.spec import Geometry

Filter = Literal["bilinear", "bicubic", "lanczos"]
_PIL: dict[int, Filter] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}


def of_open_clip(config: dict[str, Any], size: Any, where: str) -> Preprocess:
    """From open_clip's preprocess_cfg; what it does not say is CLIP's, as there.

    'longest' is at most one row or column of pixels off for a film that is not square: open_clip rounds the shorter
    side, for which Geometry has no word, and here its fraction is cut off.
    """
    clip = get_preprocess("clip")
    modes = {"shortest": "shortest", "longest": "longest", "squash": "stretch"}
    mode = config.get("resize_mode") or "shortest"
    if mode not in modes or (mode == "longest" and config.get("fill_color", 0)):
        raise BenchError(
            f"{where}: resize_mode {mode!r} with fill_color {config.get('fill_color', 0)} is not supported"
        )
    filter_ = "bilinear" if config.get("interpolation") == "bilinear" else "bicubic"
    geometry = Geometry(modes[mode], filter=filter_)  # type: ignore[arg-type]
    mean, std = (_channels(config.get(key) or default) for key, default in (("mean", clip.mean), ("std", clip.std)))
    told = "its preprocess_cfg" + ("; the shorter side is cut off, not rounded" if mode == "longest" else "")
    return Preprocess("open_clip", square(size, where), geometry, mean, std, source=told)


def of_transformers(config: dict[str, Any] | None, family: str, size: int, where: str) -> Preprocess:
    """From an image processor's JSON; without one, the family's default at the `size` of the model's config."""
    if config is None:
        clip, half = get_preprocess("clip"), (0.5, 0.5, 0.5)
        if family == "clip":
            return Preprocess("transformers", size, Geometry("shortest", filter="bicubic"), clip.mean, clip.std)
        return Preprocess("transformers", size, Geometry("stretch", filter="bicubic"), half, half)
    crop = config.get("do_center_crop", False)
    resized = _sides(config.get("size", size))
    filter_ = _PIL.get(int(config.get("resample", 3)))
    if filter_ is None or not config.get("do_resize", True):
        raise BenchError(f"{where}: an image processor that does not resize by a smooth filter is not supported")
    final = square(_sides(config.get("crop_size", size))[1], where) if crop else square(resized[1], where)
    fit, side = resized[0], square(resized[1], where)
    geometry = Geometry(fit, resize=0 if side == final else side, filter=filter_)
    normal = config.get("do_normalize", True)
    mean, std = (
        _channels(config[key] if normal else plain) for key, plain in (("image_mean", 0.0), ("image_std", 1.0))
    )
    unit = 1 / float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0
    unit = 255.0 if math.isclose(unit, 255.0) else unit
    return Preprocess("transformers", final, geometry, mean, std, unit=unit, source="its preprocessor_config.json")


def of_timm(config: dict[str, Any], where: str) -> Preprocess:
    """From timm's resolved data config: resize to size / crop_pct, then crop."""
    size = square(config["input_size"][1:], where)
    modes = {"center": "shortest", "squash": "stretch"}
    mode, filter_ = config.get("crop_mode", "center"), config["interpolation"]
    if mode not in modes or filter_ not in ("bilinear", "bicubic", "lanczos"):
        raise BenchError(f"{where}: crop_mode {mode!r} with interpolation {filter_!r} is not supported")
    scaled = math.floor(size / config["crop_pct"])
    geometry = Geometry(modes[mode], resize=0 if scaled == size else scaled, filter=filter_)  # type: ignore[arg-type]
    return Preprocess("timm", size, geometry, _channels(config["mean"]), _channels(config["std"]), source="its config")


def _channels(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values) if isinstance(values, (list, tuple)) else (float(values),) * 3


def _sides(size: Any) -> tuple[Literal["shortest", "stretch"], list[int]]:
    """Which side a size speaks of, and its number or numbers."""
    if isinstance(size, dict):
        if "shortest_edge" in size:
            return "shortest", [int(size["shortest_edge"])]
        return "stretch", [int(size["height"]), int(size["width"])]
    return "shortest", [int(size)]
