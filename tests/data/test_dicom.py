"""Films from DICOM files: the values of the standard by hand, and hostile files that are refused by name.

pydicom brings small files of every transfer syntax; none of them is a chest film, all hold real encoders' output.
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEGBaseline8Bit,
)

from umcl_bench.data import dicom
from umcl_bench.data.dicom import read_dicom
from umcl_bench.data.images import read_film
from umcl_bench.errors import DataError
from umcl_bench.spec import Geometry

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16) * 16  # 12 bits: 0, 16, ..., 4080


def write(path: Path, values: NDArray[Any], stored: int = 12, **elements: Any) -> Path:
    """A DICOM file of one film; elements by keyword, None to leave one out."""
    film = Dataset()
    film.PatientName, film.PatientID, film.InstitutionName = "Doe^Jane", "SECRET-1", "General"
    film.Rows, film.Columns = values.shape[:2]
    film.SamplesPerPixel = values.shape[2] if values.ndim == 3 else 1
    if values.ndim == 3:
        film.PlanarConfiguration = 0
    film.PhotometricInterpretation = "MONOCHROME2" if values.ndim == 2 else "RGB"
    film.BitsAllocated, film.BitsStored, film.HighBit = 8 * values.dtype.itemsize, stored, stored - 1
    film.PixelRepresentation = int(values.dtype.kind == "i")
    film.PixelData = values.tobytes()
    film["PixelData"].VR = "OW" if values.dtype.itemsize > 1 else "OB"
    for name, value in elements.items():
        setattr(film, name, value)
        if value is None:
            delattr(film, name)
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    film.save_as(path, enforce_file_format=True)
    return path


def table(first: int, depth: int, values: list[int]) -> Dataset:
    """An item of a VOI or modality LUT sequence."""
    item = Dataset()
    item.LUTDescriptor = [len(values), first, depth]
    item.LUTData = values
    item["LUTData"].VR = "US"
    return item


def test_the_smallest_and_largest_value_go_to_0_and_255(tmp_path: Path) -> None:
    found = read_dicom(write(tmp_path / "a.dcm", RAMP // 2 + 100), "row 1")
    np.testing.assert_array_equal(found, np.arange(256).reshape(16, 16))


def test_max_divides_by_the_largest_stored_value(tmp_path: Path) -> None:
    """GLoRIA: convertScaleAbs(x, 255 / max), then bitwise_not for MONOCHROME1. It looks at no window and no slope."""
    elements = {"WindowCenter": 100, "WindowWidth": 10, "RescaleSlope": 3, "RescaleIntercept": 7}
    values = RAMP // 2 + 100
    expected = np.rint(values * 255.0 / values.max())
    np.testing.assert_array_equal(read_dicom(write(tmp_path / "a.dcm", values, **elements), "r", "max"), expected)
    path = write(tmp_path / "b.dcm", values, PhotometricInterpretation="MONOCHROME1", **elements)
    np.testing.assert_array_equal(read_dicom(path, "r", "max"), 255 - expected)
    assert read_dicom(write(tmp_path / "c.dcm", RAMP * 0), "r", "max").max() == 0


@pytest.mark.parametrize("scaling", ["voi", "max"])
def test_monochrome1_is_turned_over(tmp_path: Path, scaling: Literal["voi", "max"]) -> None:
    plain = read_dicom(write(tmp_path / "a.dcm", RAMP), "r", scaling)
    turned = read_dicom(write(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1"), "r", scaling)
    np.testing.assert_array_equal(turned, 255 - plain)


def test_the_first_window_is_used(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", RAMP, WindowCenter=[1000, 3000], WindowWidth=[401, 10])
    # linear, PS3.3 C.11.2.1.2: black up to c - 0.5 - (w - 1) / 2 = 799.5, white from 1199.5
    expected = np.clip((RAMP - 799.5) / 400, 0, 1) * 255
    assert abs(read_dicom(path, "r") - expected).max() <= 0.6


def test_a_window_is_over_rescaled_values(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", RAMP, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=1000, WindowWidth=401)
    expected = np.clip((RAMP * 2.0 - 1000 - 799.5) / 400, 0, 1) * 255
    assert abs(read_dicom(path, "r") - expected).max() <= 0.6


def test_an_empty_window_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", RAMP, WindowCenter="", WindowWidth="")
    np.testing.assert_array_equal(read_dicom(path, "r"), RAMP // 16)


@pytest.mark.parametrize("rescaled", [False, True])
def test_a_table_comes_before_a_window(tmp_path: Path, rescaled: bool) -> None:
    """Values below the table take its first entry, above its last; rescaled values are looked up as whole numbers."""
    elements: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": 0} if rescaled else {}
    lut = table(1600, 10, [1023 - i for i in range(1001)])
    path = write(tmp_path / "a.dcm", RAMP, VOILUTSequence=[lut], WindowCenter=100, WindowWidth=10, **elements)
    shown = 1023.0 - np.clip(RAMP.astype(int) - 1600, 0, 1000)
    expected = (shown - shown.min()) / (shown.max() - shown.min()) * 255
    assert abs(read_dicom(path, "r") - expected).max() <= 0.5001


def test_a_modality_table_is_applied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", RAMP, ModalityLUTSequence=[table(0, 16, [4095 - i for i in range(4096)])])
    np.testing.assert_array_equal(read_dicom(path, "r"), 255 - RAMP // 16)


def test_signed_values_and_eight_bits(tmp_path: Path) -> None:
    signed = RAMP.astype(np.int16) - 2048
    np.testing.assert_array_equal(read_dicom(write(tmp_path / "a.dcm", signed, 16), "r"), RAMP // 16)
    eight = (RAMP // 16).astype(np.uint8)
    np.testing.assert_array_equal(read_dicom(write(tmp_path / "b.dcm", eight, 8), "r"), RAMP // 16)


def test_bits_above_the_stored_ones_are_ignored(tmp_path: Path) -> None:
    """Old files keep overlays in the upper four of sixteen bits."""
    path = write(tmp_path / "a.dcm", RAMP | (RAMP % 3 == 0).astype(np.uint16) * 0x8000)
    np.testing.assert_array_equal(read_dicom(path, "r"), RAMP // 16)


def test_colours_become_grey(tmp_path: Path) -> None:
    rgb = np.zeros((4, 4, 3), dtype=np.uint8)
    rgb[...] = (200, 100, 50)
    grey = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert (read_dicom(write(tmp_path / "a.dcm", rgb, 8), "r") == grey).all()
    deep = write(tmp_path / "b.dcm", rgb.astype(np.uint16) * 256, 16)
    assert (read_dicom(deep, "r") == grey).all()
    palette = read_dicom(bundled("examples_palette.dcm"), "r")
    assert palette.shape == (350, 800)
    assert palette.max() > 200


def bundled(name: str) -> Path:
    """One of pydicom's own test files."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


PLAIN = "MR_small.dcm"


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm"],
)
def test_lossless_transfer_syntaxes_give_the_same_film(name: str) -> None:
    np.testing.assert_array_equal(read_dicom(bundled(name), "r"), read_dicom(bundled(PLAIN), "r"))


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_gdcm_KY.dcm"])
def test_lossy_transfer_syntaxes_are_near(name: str) -> None:
    """JPEG in two colour spaces, and JPEG 2000, of the same picture without compression."""
    whole = read_dicom(bundled("SC_rgb_rle.dcm"), "r").astype(int)
    assert abs(read_dicom(bundled(name), "r").astype(int) - whole).mean() < 1


@pytest.fixture
def no_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing but pydicom were installed."""
    monkeypatch.setattr(Decoder, "available_plugins", ())
    monkeypatch.setattr(Decoder, "is_available", False)


@pytest.mark.usefixtures("no_decoders")
@pytest.mark.parametrize(
    ("name", "syntax", "cure"),
    [
        ("MR_small_jpeg_ls_lossless.dcm", r"JPEG-LS Lossless .*1\.2\.840\.10008\.1\.2\.4\.80", "python-gdcm"),
        ("SC_rgb_jpeg_gdcm.dcm", r"JPEG Lossless, .*1\.2\.840\.10008\.1\.2\.4\.70", "python-gdcm"),
        ("JPGExtended.dcm", r"JPEG Extended .*1\.2\.840\.10008\.1\.2\.4\.51", "pylibjpeg pylibjpeg-libjpeg"),
    ],
)
def test_a_missing_decoder_is_named_with_its_cure(name: str, syntax: str, cure: str) -> None:
    with pytest.raises(DataError, match=rf"row 1: .*{name} is compressed as {syntax}.*: pip install {cure}$"):
        read_dicom(bundled(name), "row 1")


@pytest.mark.usefixtures("no_decoders")
def test_high_throughput_jpeg_2000_has_its_own_decoder(tmp_path: Path) -> None:
    path = recoded(tmp_path, b"frame", HTJ2KLossless)
    with pytest.raises(DataError, match=r"High-Throughput JPEG 2000.* pip install pylibjpeg pylibjpeg-openjpeg$"):
        read_dicom(path, "row 1")


def test_films_are_no_videos(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has the transfer syntax MPEG2 .*1\.2\.4\.100\), which is not a film's"):
        read_dicom(recoded(tmp_path, b"frame", MPEG2MPML), "row 1")


def recoded(tmp_path: Path, frame: bytes, syntax: UID) -> Path:
    """A film of 8 x 8 pixels whose only frame is these bytes."""
    film = pydicom.dcmread(write(tmp_path / "plain.dcm", np.zeros((8, 8), dtype=np.uint8), 8))
    film.PixelData = encapsulate([frame])
    film["PixelData"].VR = "OB"
    film["PixelData"].is_undefined_length = True
    film.file_meta.TransferSyntaxUID = syntax
    film.save_as(tmp_path / "coded.dcm")
    return tmp_path / "coded.dcm"


def test_hostile_files_are_refused_by_name(tmp_path: Path) -> None:
    for content in (b"", b"not a film", b"\0" * 200):
        (tmp_path / "a.dcm").write_bytes(content)
        with pytest.raises(DataError, match=r"row 1: .*a\.dcm is not a DICOM file: it lacks 'DICM' at byte 128"):
            read_dicom(tmp_path / "a.dcm", "row 1")
    with pytest.raises(DataError, match=r"a\.dcm is a DICOM file without pixel data$"):
        read_dicom(write(tmp_path / "a.dcm", RAMP, PixelData=None), "row 1")
    with pytest.raises(DataError, match=r"without pixel data: it has no rows and columns"):
        read_dicom(bundled("reportsi.dcm"), "row 1")
    with pytest.raises(DataError, match=r"b\.dcm has 2 frames; a radiograph has one: save each as a file"):
        read_dicom(write(tmp_path / "b.dcm", RAMP, NumberOfFrames=2), "row 1")
    with pytest.raises(DataError, match=r"can't be decoded .*Window Width must be .*"):
        read_dicom(write(tmp_path / "c.dcm", RAMP, WindowCenter=1, WindowWidth=0), "row 1")
    with pytest.raises(DataError, match=r"MR_truncated\.dcm can't be decoded .*8130 vs 8192 bytes.* cut short"):
        read_dicom(bundled("MR_truncated.dcm"), "row 1")
    path = write(tmp_path / "d.dcm", RAMP)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"d\.dcm can't be decoded \(.*cut short or damaged"):
        read_dicom(path, "row 1")
    with pytest.raises(DataError, match=r"meta_missing_tsyntax\.dcm does not name its transfer syntax"):
        read_dicom(bundled("meta_missing_tsyntax.dcm"), "row 1")


def test_sizes_are_checked_before_pixels_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = write(tmp_path / "a.dcm", RAMP, Rows=50_000, Columns=50_000)
    monkeypatch.setattr(dicom, "_greys", lambda *_: pytest.fail("decoded"))
    with pytest.raises(
        DataError, match=r"a\.dcm says that it has 50,000 x 50,000 pixels, more than 80,000,000; refused"
    ):
        read_dicom(huge, "row 1")


def test_a_frame_that_is_larger_than_its_header_says_is_refused(tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"  # 65,535 x 65,535
    with pytest.raises(DataError, match=r"coded\.dcm can't be decoded \(.*exceeds limit"):
        read_dicom(recoded(tmp_path, bytes(data), JPEGBaseline8Bit), "row 1")


def test_a_deflated_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    film = pydicom.dcmread(write(tmp_path / "a.dcm", RAMP))
    film.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    film.save_as(tmp_path / "b.dcm")
    with pytest.raises(DataError, match=r"b\.dcm is deflated as a whole, so that its size can't be checked first"):
        read_dicom(tmp_path / "b.dcm", "row 1")


def test_nothing_about_the_patient_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Dataset] = []

    def spy(film: Dataset, _: str) -> NDArray[np.uint8]:
        seen.append(film)
        return np.zeros((1, 1), dtype=np.uint8)

    monkeypatch.setattr(dicom, "_greys", spy)
    read_dicom(write(tmp_path / "a.dcm", RAMP), "row 1")
    kept = {element.keyword for element in seen[0]}
    assert "PixelData" in kept
    assert not {name for name in kept if name.startswith(("Patient", "Institution", "Study", "Referring"))}


def test_films_reach_their_geometry(tmp_path: Path) -> None:
    path = write(tmp_path / "film", RAMP // 2 + 100)  # known by its content: it has no suffix
    np.testing.assert_array_equal(read_film(path, "row 1", 16), RAMP // 16)
    found = read_film(path, "row 1", 16, Geometry(dicom="max"))
    np.testing.assert_array_equal(found, read_dicom(path, "row 1", "max"))
    assert found.min() > 0


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=6), st.integers(0, 400))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_is_one_clear_error(tmp_path: Path, damage: list[tuple[int, int]], lost: int) -> None:
    path = write(tmp_path / "fuzz.dcm", RAMP, WindowCenter=1000, WindowWidth=400)
    data = bytearray(path.read_bytes())
    for place, value in damage:
        data[132 + place % (len(data) - 132)] = value
    path.write_bytes(bytes(data[: len(data) - lost]))
    filters, message = list(warnings.filters), ""
    try:
        kind = read_dicom(path, "row 1").dtype
    except DataError as error:
        kind, message = None, str(error)
    assert kind == np.uint8 or message.startswith(f"row 1: {path} ")
    assert "Doe" not in message
    assert warnings.filters == filters
