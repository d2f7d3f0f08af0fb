"""Reading films from files: one declared geometry, strict about what it opens.

What is decided here, for every film: it is recognised by its content, not by its name; its header may not promise more
than `MAX_PIXELS`; colours become grey, transparent pixels black; a PNG of 16 bits is read at the depth that it uses
(see `_eight_bits`); an orientation in EXIF is applied, so that a film is seen as every viewer shows it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from umcl_bench.data.dicom import MAX_PIXELS as MAX_PIXELS
from umcl_bench.data.dicom import read_dicom
from umcl_bench.errors import DataError
from umcl_bench.spec import PAD, Geometry

FORMATS = ("PNG", "JPEG")
DICOM_SUFFIXES = (".dcm", ".dicom")

_EDGE_BYTES = 16_384
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, struct.error, zlib.error, OverflowError)
_FILTERS = {  # 'area' is not among them: pillow's box filter takes whole pixels only
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


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
        return read_film(path, where, size, geometry, nearest=self.nearest)


def safe_path(root: Path, relative: str, where: str) -> Path:
    """The file `relative` below `root`. Raises DataError where it is absent or leaves the root, by a link too."""
    parts = relative.replace("\\", "/").split("/")
    if os.path.isabs(relative) or ".." in parts:
        raise DataError(f"{where}: the path {relative!r} is not inside {root}; use a path relative to that folder")
    path = os.path.join(root, relative)
    try:
        status = _status(str(root), relative.split("/"))
        if linked := status is None:
            path = os.path.realpath(path, strict=True)
            status = os.stat(path)
    except (OSError, ValueError):
        hint = "; write '/' between folders, not '\\'" if "\\" in relative else ""
        raise DataError(f"{where}: the file {relative!r} does not exist in {root}{hint}") from None
    if linked and not Path(path).is_relative_to(root.resolve()):
        raise DataError(f"{where}: {relative!r} is a link to {path}, outside {root}; copy the file into the folder")
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{where}: {relative!r} is not a file")
    return root / relative


def _status(root: str, parts: list[str]) -> os.stat_result | None:
    """What the file is; None where it or a folder on the way is a link: only then is the whole path resolved."""
    status = None
    for part in parts:
        root = f"{root}{os.sep}{part}"
        status = os.lstat(root)
        if stat.S_ISLNK(status.st_mode):
            return None
    return status


def sizes_fingerprint(root: Path, paths: Sequence[str]) -> str:
    """A hash over each file's path and length (-1 for none), and over the ends of some 256 files, evenly over all.

    The ends tell a processed copy of a release from the original where all lengths are the same (uncompressed DICOM).
    """
    total = hashlib.sha256(files_fingerprint(root, paths[:: max(1, len(paths) // 256)]).encode())
    for relative in paths:
        try:
            length = (root / relative).stat().st_size if relative else 0
        except (OSError, ValueError):
            length = -1
        total.update(f"{relative}\0{length}\0".encode())
    return total.hexdigest()[:16]


def files_fingerprint(root: Path, paths: Sequence[str]) -> str:
    """A hash over each file's path, length, first and last 16 KiB (whole files would cost hours at 100,000 films).

    A file that can't be opened counts as absent: reading the film says what is wrong with it.
    """
    total = hashlib.sha256()
    for relative in paths:
        total.update(relative.encode() + b"\0")
        if not relative:
            continue
        try:
            total.update(_edges(os.path.join(root, relative)))
        except (OSError, ValueError):
            total.update(b"absent")
    return total.hexdigest()[:16]


def _edges(path: str) -> bytes:
    """A file's beginning, end and length, by three system calls: this is done for every film of every run."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        start = os.read(descriptor, _EDGE_BYTES)
        length = os.lseek(descriptor, 0, os.SEEK_END)
        os.lseek(descriptor, max(len(start), length - _EDGE_BYTES), os.SEEK_SET)
        return start + os.read(descriptor, _EDGE_BYTES) + length.to_bytes(8, "little")
    finally:
        os.close(descriptor)


def read_film(
    path: Path, where: str, size: int, geometry: Geometry = PAD, *, nearest: bool = False
) -> NDArray[np.uint8]:
    """The film at `path` as (size, size) grey values. Raises DataError naming the file and row."""
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # a library's remark on a film helps nobody among 100,000
            if _is_dicom(file.read(132), path):
                film = Image.fromarray(read_dicom(path, where, geometry.dicom))
                return fit(film, size, geometry, nearest=nearest)
            return _read_picture(file, size, geometry, nearest)
    except UnidentifiedImageError:
        raise DataError(f"{where}: {path} is not a PNG, JPEG or DICOM image") from None
    except Image.DecompressionBombError:  # from the header, before decoding
        raise DataError(f"{where}: {path} says that it has more than {MAX_PIXELS:,} pixels; refused") from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno:  # from the system, not from a decoder
            raise DataError(f"{where}: {path} can't be read: {error.strerror}") from None
        raise DataError(f"{where}: {path} can't be decoded ({error}); it may be cut short or damaged") from None


def _is_dicom(start: bytes, path: Path) -> bool:
    """By content; by name only where that is not a picture's, so that the message speaks of DICOM."""
    if start[128:132] == b"DICM":
        return True
    return path.suffix.lower() in DICOM_SUFFIXES and not start.startswith((b"\x89PNG", b"\xff\xd8"))


def _read_picture(file: BinaryIO, size: int, geometry: Geometry, nearest: bool) -> NDArray[np.uint8]:
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        box = None if nearest else _draft(image, size, geometry)
        ImageOps.exif_transpose(image, in_place=True)
        return fit(_grey(image), size, geometry, nearest=nearest, box=box)


def _draft(image: Image.Image, size: int, geometry: Geometry) -> tuple[float, float, float, float] | None:
    """Lets a JPEG be decoded at a half, quarter or eighth, at least twice what is needed; says where the film lies.

    Films of 2,300 pixels then take a third of the time; greys move by 0.1 to 0.2 levels on average (9 at a border).
    """
    if image.format != "JPEG" or geometry.fit == "square" or geometry.greys == "stretched":
        return None
    width, height = _target(image.size, geometry.resize or size, geometry.fit)
    large = image.width >= 4 * width and image.height >= 4 * height
    if not large or image.getexif().get(0x0112, 1) != 1:
        return None
    drafted = image.draft("L", (2 * width, 2 * height))
    return drafted and drafted[1]


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return image if image.mode == "L" else image.convert("L")


def _eight_bits(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The upper eight of the bits that a film uses: the fewest of 8, 10, 12, 14 and 16 that hold its largest value.

    A film of 12 bits in a file of 16 would be black, were the upper byte taken.
    """
    used = int(values.max()).bit_length()
    return np.asarray(np.clip(values, 0, 65535) >> max(0, used + used % 2 - 8), dtype=np.uint8)


def fit(
    image: Image.Image,
    size: int,
    geometry: Geometry = PAD,
    *,
    nearest: bool = False,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.uint8]:
    """A grey image (mode L) as the (size, size) pixels that `geometry` makes of it; films and masks alike.

    `nearest` makes no new grey values, for masks. `box` is the part of `image` that is the film, for one decoded at a
    fraction of its size, where the last row or column may be partly empty.
    """
    side = geometry.resize or size
    if geometry.greys == "stretched":
        image = _stretched(image)
    if geometry.fit == "square":
        image = _padded(image, max(*image.size, side))
    box = box or (0, 0, *image.size)
    target = _target((box[2], box[3]), side, geometry.fit)
    if target[0] * target[1] > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are no film")
    image = _resized(image, target, geometry.filter, nearest, box)
    if geometry.fit == "longest":
        image = _padded(image, side)
    if geometry.then == "resize":
        image = _resized(image, (size, size), geometry.second_filter, nearest)
    return _centre(np.asarray(image), size)


def frame(film: NDArray[np.uint8], size: int, geometry: Geometry = PAD, *, nearest: bool = False) -> NDArray[np.uint8]:
    """`fit` for a film that was drawn: draw it as a square of `geometry.resize or size` pixels, and frame it."""
    if film.shape == (size, size) and geometry.resize in (0, size) and geometry.greys == "stored":
        return film
    return fit(Image.fromarray(film), size, geometry, nearest=nearest)


def _target(full: tuple[float, float], side: int, how: str) -> tuple[int, int]:
    """The (width, height) that a film is resized to: rounded down, as torchvision, GLoRIA and CheXzero do."""
    if how == "stretch":
        return side, side
    known = min(full) if how == "shortest" else max(full)
    return max(1, int(full[0] * side / known)), max(1, int(full[1] * side / known))


def _resized(
    image: Image.Image,
    target: tuple[int, int],
    method: str,
    nearest: bool,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    if target == image.size:
        return image
    if nearest:
        return image.resize(target, Image.Resampling.NEAREST)
    if method == "area":
        return _averaged(image, target)
    return image.resize(target, _FILTERS[method], box)  # no reducing_gap: it is up to 17 grey levels off at the border


def _averaged(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """Each new pixel is the mean of what it covers, parts of pixels in proportion, as in OpenCV's INTER_AREA.

    A film that is enlarged is interpolated; OpenCV has weights of its own there.
    """
    if target[0] > image.width or target[1] > image.height:
        return image.resize(target, Image.Resampling.BILINEAR)
    columns, rows = (_shares(old, new) for old, new in zip(image.size, target, strict=True))
    means = rows @ np.asarray(image, dtype=np.float32) @ columns.T
    return Image.fromarray(np.rint(means).astype(np.uint8))


@lru_cache(maxsize=8)
def _shares(old: int, new: int) -> NDArray[np.float32]:
    """(new, old): how much of each new pixel is each old one."""
    edges, pixel = np.linspace(0, old, new + 1)[:, None], np.arange(old)
    overlap = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
    return np.asarray(np.maximum(overlap, 0) * new / old, dtype=np.float32)


def _stretched(image: Image.Image) -> Image.Image:
    low, high = cast(tuple[int, int], image.getextrema())
    return image.point([max(0, min(255, 255 * (grey - low) // max(1, high - low))) for grey in range(256)])


def _padded(image: Image.Image, side: int) -> Image.Image:
    """`image` in the middle of a black square."""
    if image.size == (side, side):
        return image
    square = Image.new("L", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _centre(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The centre of `size`, zeros around smaller `pixels`. A half row is rounded to the even one, as in torchvision."""
    for axis in (0, 1):
        left = pixels.shape[axis] - size
        if left > 0:
            start = round(left / 2)
            pixels = pixels[start : start + size] if axis == 0 else pixels[:, start : start + size]
    height, width = pixels.shape
    if (height, width) == (size, size):
        return np.array(pixels)
    out = np.zeros((size, size), dtype=np.uint8)
    top, first = (size - height) // 2, (size - width) // 2
    out[top : top + height, first : first + width] = pixels
    return out
