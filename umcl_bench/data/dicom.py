"""One film from a DICOM file, as 8-bit greys.

Only the elements that say how pixels look are read: nothing about the patient is parsed, kept or put into a message.
Two scalings, by name. 'voi' shows a film as a viewer would: modality LUT, then the first VOI LUT or window, then the
smallest and largest value to 0 and 255 (BenchX does so, without the modality LUT). 'max' divides the stored values by
the largest one (GLoRIA and MGCA on RSNA). Both turn MONOCHROME1 over, so that air is black.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from umcl_bench.errors import DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.uid import UID

Scaling = Literal["voi", "max"]
MAX_PIXELS = 80_000_000
"""A film's header may not promise more: a larger one is refused before it is decoded."""

_PALETTE = tuple(
    f"{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue", "SegmentedRed", "SegmentedGreen", "SegmentedBlue")
    for part in ("Descriptor", "Data")
    if not (colour.startswith("Segmented") and part == "Descriptor")
)
_LOOKS = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept"),
    *("ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction", "WindowCenter", "WindowWidth"),
    *_PALETTE,
)
GDCM, LIBJPEG, OPENJPEG = "python-gdcm", "pylibjpeg pylibjpeg-libjpeg", "pylibjpeg pylibjpeg-openjpeg"
"""What decodes what pydicom and pillow do not: lossless JPEG and JPEG-LS; JPEG of 12 bits; HTJ2K."""


def read_dicom(path: Path, where: str, scaling: Scaling = "voi") -> NDArray[np.uint8]:
    """The film at `path` as (rows, columns) greys. Raises DataError naming the file and row."""
    what = f"{where}: {path}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _greys(_open(path, what), scaling)
        except (DataError, ImportError, NameError):
            raise
        except Exception as error:  # on damaged files pydicom raises nearly every kind
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(f"{what} can't be decoded ({reason}); it may be cut short or damaged") from None


def _open(path: Path, what: str) -> FileDataset:
    """The file's looks and its undecoded pixels, once its header has been checked."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_file_meta_info

    try:
        syntax = read_file_meta_info(path).get("TransferSyntaxUID")
    except InvalidDicomError:
        raise DataError(f"{what} is not a DICOM file: it lacks 'DICM' at byte 128") from None
    if syntax is None:
        raise DataError(f"{what} does not name its transfer syntax")
    if syntax.is_deflated:
        raise DataError(f"{what} is deflated as a whole, so that its size can't be checked first; refused")
    header = dcmread(path, stop_before_pixels=True, specific_tags=list(_LOOKS))
    _check_size(header, what)
    _check_decoder(syntax, header, what)
    film = dcmread(path, specific_tags=[*_LOOKS, "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"])
    if "PixelData" not in film:
        raise DataError(f"{what} is a DICOM file without pixel data")
    return film


def _check_size(header: Dataset, what: str) -> None:
    rows, columns, frames = (int(header.get(name) or 0) for name in ("Rows", "Columns", "NumberOfFrames"))
    if not (rows and columns):
        raise DataError(f"{what} is a DICOM file without pixel data: it has no rows and columns")
    if rows * columns > MAX_PIXELS:
        raise DataError(f"{what} says that it has {rows:,} x {columns:,} pixels, more than {MAX_PIXELS:,}; refused")
    if frames > 1:
        raise DataError(f"{what} has {frames} frames; a radiograph has one: save each as a file of its own")


def _check_decoder(syntax: UID, header: Dataset, what: str) -> None:
    """Refuses what nothing here decodes; pydicom and pillow do plain, RLE, JPEG of 8 bits and JPEG 2000."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL, JPEGExtended12Bit

    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise DataError(f"{what} has the transfer syntax {syntax.name} ({syntax}), which is not a film's") from None
    deep = syntax == JPEGExtended12Bit and int(header.get("BitsStored") or 0) > 8
    if "pylibjpeg" in decoder.available_plugins if deep else decoder.is_available:
        return
    cure = LIBJPEG if deep else OPENJPEG if syntax in (HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL) else GDCM
    raise DataError(f"{what} is compressed as {syntax.name} ({syntax}), without a decoder here: pip install {cure}")


def _greys(film: FileDataset, scaling: Scaling) -> NDArray[np.uint8]:
    if scaling not in get_args(Scaling):
        raise ValueError(f"no scaling is called {scaling!r}; there are {', '.join(get_args(Scaling))}")
    kind = str(film.get("PhotometricInterpretation", ""))
    values = film.pixel_array
    if not kind.startswith("MONOCHROME"):
        return _luminance(values, film, kind)
    if scaling == "voi":
        greys = _stretched(_as_shown(values, film))
    else:
        top = max(float(values.max()), 1.0)
        greys = np.clip(np.rint(np.abs(values) * (255 / top)), 0, 255).astype(np.uint8)
    return np.asarray(255 - greys, dtype=np.uint8) if kind == "MONOCHROME1" else greys


def _as_shown(values: NDArray[Any], film: FileDataset) -> NDArray[Any]:
    """The values after the modality LUT and the first VOI LUT or window."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    values = apply_modality_lut(values, film)
    if film.get("VOILUTSequence"):
        values = np.rint(values).astype(np.int32)  # a table is looked up, whatever the rescaling made of the values
    return apply_voi_lut(values, film)


def _stretched(values: NDArray[Any]) -> NDArray[np.uint8]:
    """The smallest value to 0, the largest to 255; a flat film to 0."""
    values = values.astype(np.float32)
    values -= values.min()
    top = float(values.max())
    if top > 0:
        values *= 255 / top
    return np.asarray(np.rint(values), dtype=np.uint8)


def _luminance(values: NDArray[Any], film: FileDataset, kind: str) -> NDArray[np.uint8]:
    """A secondary capture in colours, as greys."""
    from pydicom.pixels.processing import apply_color_lut

    depth = int(film.BitsStored)
    if kind == "PALETTE COLOR":
        values = apply_color_lut(values, film)
        depth = 8 * values.dtype.itemsize
    if values.ndim != 3 or values.shape[2] != 3:
        raise ValueError(f"pixels of the shape {values.shape} in {kind}")
    eight = values >> (depth - 8) if depth > 8 else values
    return np.asarray(Image.fromarray(eight.astype(np.uint8)).convert("L"))
