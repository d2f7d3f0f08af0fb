"""Reading films from files: one declared geometry, strict about what it opens."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from umcl_bench.errors import DataError
from umcl_bench.spec import PAD, Geometry

FORMATS = ("PNG", "JPEG")
MAX_PIXELS = 80_000_000
"""A film's header may not promise more: a larger one is refused before it is decoded."""

_EDGE_BYTES = 16_384


@dataclass(frozen=True)
class FilePixels:
    """Films in files below `root`, '' for a row without one. `nearest` is for masks: no new grey values.

    `known_by` is what the fingerprint rests on: the files' 'content' (their beginning and end), or, for a release that
    never changes and may have 400,000 films, their 'sizes'.
    """

    root: Path
    paths: tuple[str, ...]
    nearest: bool = False
    known_by: Literal["content", "sizes"] = "content"

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over paths and `known_by`."""
        by = files_fingerprint if self.known_by == "content" else sizes_fingerprint
        return by(self.root, self.paths)

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Film `row`, grey. Raises DataError naming the row and the file."""
        where = f"row {row + 1}"
        path = safe_path(self.root, self.paths[row], where)
        return read_film(path, where, size, nearest=self.nearest)


def safe_path(root: Path, relative: str, where: str) -> Path:
    """The file `relative` below `root`. Raises DataError where it is absent or leaves the root, by a link too."""
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise DataError(f"{where}: the path {relative!r} is not inside {root}; use a path relative to that folder")
    path = root / relative
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise DataError(f"{where}: the file {relative!r} does not exist in {root}") from None
    if not real.is_relative_to(root.resolve()):
        raise DataError(f"{where}: {relative!r} is a link to {real}, outside {root}; copy the file into the folder")
    if not real.is_file():
        raise DataError(f"{where}: {relative!r} is not a file")
    return path


def sizes_fingerprint(root: Path, paths: Sequence[str]) -> str:
    """A hash over each file's path and length; a file that is not there has length -1."""
    total = hashlib.sha256()
    for relative in paths:
        try:
            length = (root / relative).stat().st_size if relative else 0
        except OSError:
            length = -1
        total.update(f"{relative}\0{length}\0".encode())
    return total.hexdigest()[:16]


def files_fingerprint(root: Path, paths: Sequence[str]) -> str:
    """A hash over each file's path, length, first and last 16 KiB (whole files would cost hours at 100,000 films)."""
    total = hashlib.sha256()
    for relative in paths:
        total.update(relative.encode() + b"\0")
        if not relative:
            continue
        with (root / relative).open("rb") as file:
            total.update(file.read(_EDGE_BYTES))
            length = file.seek(0, 2)
            file.seek(max(0, length - _EDGE_BYTES))
            total.update(file.read() + length.to_bytes(8, "little"))
    return total.hexdigest()[:16]


def read_film(path: Path, where: str, size: int, *, nearest: bool = False) -> NDArray[np.uint8]:
    """The film at `path` as (size, size) grey values. Raises DataError naming the file and row."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.draft("L", (2 * size, 2 * size))
            return _fit(_grey(image), size, nearest=nearest)
    except UnidentifiedImageError:
        raise DataError(f"{where}: {path} is not a {' or '.join(FORMATS)} image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # from the header, before decoding
        raise DataError(f"{where}: {path} says that it has more than {MAX_PIXELS:,} pixels; refused") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{where}: {path} can't be decoded ({error}); it may be cut short or damaged") from None


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":  # 16-bit greys: keep the upper byte
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray(np.clip(values >> 8, 0, 255).astype(np.uint8))
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return image if image.mode == "L" else image.convert("L")


def _fit(image: Image.Image, size: int, *, nearest: bool) -> NDArray[np.uint8]:
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    if (width, height) != image.size:
        method = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
        image = image.resize((width, height), method, reducing_gap=None if nearest else 3.0)
    out = np.zeros((size, size), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    out[top : top + height, left : left + width] = np.asarray(image)
    return out
