"""Films from files: every kind of picture, one geometry, and hostile files that are refused by name."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import REAL_DATA
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.images import FilePixels, files_fingerprint, fit, frame, read_film, safe_path, sizes_fingerprint
from umcl_bench.errors import DataError
from umcl_bench.spec import PAD, Geometry


def film(tmp_path: Path, image: Image.Image, name: str = "a.png") -> Path:
    image.save(tmp_path / name)
    return tmp_path / name


def noise(height: int = 99, width: int = 99) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8))


def test_geometry_keeps_the_aspect_ratio_and_pads_with_black(tmp_path: Path) -> None:
    found = read_film(film(tmp_path, Image.new("L", (80, 40), 200)), "row 1", 32)
    assert (found[8:24] == 200).all()
    assert (found[:8] == 0).all()
    assert (found[24:] == 0).all()


def test_a_geometry_reaches_the_films_and_masks_of_a_corpus(tmp_path: Path) -> None:
    left, right = np.zeros((40, 80), dtype=np.uint8), np.zeros((40, 80), dtype=np.uint8)
    left[:, :20], right[:, 60:] = 255, 255
    film(tmp_path, Image.fromarray(left), "left.png")
    film(tmp_path, Image.fromarray(right), "right.png")
    pixels = FilePixels(tmp_path, ("left.png", "right.png"), nearest=True)
    centre = Geometry("shortest")
    assert pixels.read(0, 20, centre).max() == 0  # the ends of a wide film are cut off
    assert pixels.read(1, 20, Geometry("stretch"))[:, 15:].min() == 255


def test_crop_pads_where_the_film_is_smaller() -> None:
    found = fit(Image.new("L", (10, 10), 9), 16, Geometry("longest", 12))
    assert (found[2:14, 2:14] == 9).all()
    assert found.sum() == 9 * 144


def test_a_drawn_film_is_framed_as_a_file_would_be() -> None:
    drawn = np.asarray(noise(64, 64))
    assert frame(drawn, 64, PAD) is drawn
    np.testing.assert_array_equal(frame(drawn, 48, Geometry("longest", 64)), drawn[8:56, 8:56])


def test_a_phantom_takes_a_geometry(phantom: Corpus) -> None:
    assert phantom.masks is not None
    for pixels in (phantom.pixels, phantom.masks):
        cropped = pixels.read(3, 32, Geometry("longest", 40))
        np.testing.assert_array_equal(cropped, pixels.read(3, 40)[4:36, 4:36])


def test_every_mode_becomes_the_same_grey(tmp_path: Path) -> None:
    grey = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    expected = read_film(film(tmp_path, Image.fromarray(grey)), "row 1", 64)
    np.testing.assert_array_equal(expected, grey)
    for mode in ("RGB", "P", "LA", "RGBA"):
        found = read_film(film(tmp_path, Image.fromarray(grey).convert(mode)), "row 1", 64)
        np.testing.assert_array_equal(found, grey, err_msg=mode)
    black_and_white = read_film(film(tmp_path, Image.fromarray(grey > 127)), "row 1", 64)
    np.testing.assert_array_equal(black_and_white, np.where(grey > 127, 255, 0))
    clear = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    assert read_film(film(tmp_path, clear), "row 1", 8).max() == 0
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 90, 90, 90])
    assert (read_film(film(tmp_path, palette), "row 1", 8) == 90).all()


def test_a_cmyk_jpeg_is_read(tmp_path: Path) -> None:
    found = read_film(film(tmp_path, Image.new("L", (16, 16), 100).convert("CMYK"), "a.jpg"), "row 1", 16)
    assert abs(found.astype(int) - 100).max() <= 3


@pytest.mark.parametrize(("bits", "shift"), [(8, 0), (10, 2), (12, 4), (14, 6), (16, 8)])
def test_deep_films_are_read_at_the_depth_that_they_use(tmp_path: Path, bits: int, shift: int) -> None:
    deep = np.linspace(0, 2**bits - 1, 64 * 64).astype(np.uint16).reshape(64, 64)
    found = read_film(film(tmp_path, Image.fromarray(deep)), "row 1", 64)
    np.testing.assert_array_equal(found, deep >> shift)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_orientation_in_exif_is_applied(tmp_path: Path, name: str) -> None:
    upright = np.zeros((64, 32), dtype=np.uint8)
    upright[:16] = 240  # the top is bright
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: shown a quarter turn clockwise
    turned = Image.fromarray(np.rot90(upright))
    turned.save(tmp_path / name, exif=exif)
    found = read_film(tmp_path / name, "row 1", 16, Geometry("stretch")).astype(int)
    assert abs(found - fit(Image.fromarray(upright), 16, Geometry("stretch")).astype(int)).max() <= 6


def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(tmp_path: Path) -> None:
    smooth = noise(30, 23).resize((1150, 1500), Image.Resampling.BICUBIC)
    path = film(tmp_path, smooth, "a.jpg")
    with Image.open(path) as image:
        whole = fit(image.convert("L"), 64)
    found = read_film(path, "row 1", 64)
    assert abs(found.astype(int) - whole.astype(int)).mean() < 0.5
    np.testing.assert_array_equal(found > 0, whole > 0)  # the same place


def png_that_promises(path: Path, width: int, height: int, rows: bytes = b"\0" * 99) -> Path:
    """A PNG that says how large it is, and has hardly a pixel."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(rows))
    body = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def jpeg_that_promises(path: Path, width: int, height: int) -> Path:
    """A JPEG of one block whose header says another size."""
    Image.new("L", (8, 8)).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    path.write_bytes(bytes(data))
    return path


def test_what_promises_too_many_pixels_is_refused_from_its_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 7: .*big\.png says that it has more than 80,000,000 pixels; refused"):
        read_film(png_that_promises(tmp_path / "big.png", 10_000, 9_500), "row 7", 64)  # pillow would only warn
    with pytest.raises(DataError, match=r"row 7: .*big\.png says that it has more than 80,000,000 pixels"):
        read_film(png_that_promises(tmp_path / "big.png", 50_000, 50_000), "row 7", 64)
    with pytest.raises(DataError, match=r"row 7: .*big\.jpg says that it has more than 80,000,000 pixels"):
        read_film(jpeg_that_promises(tmp_path / "big.jpg", 50_000, 50_000), "row 7", 64)


def test_small_files_that_unpack_to_much_are_refused(tmp_path: Path) -> None:
    bomb = png_that_promises(tmp_path / "text.png", 8, 8)
    text = b"zTXtComment\0\0" + zlib.compress(b"a" * (1 << 27), 9)
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    data = bomb.read_bytes()
    bomb.write_bytes(data[:33] + chunk + data[33:])
    with pytest.raises(DataError, match=r"row 1: .*text\.png can't be decoded \(Decompressed data too large"):
        read_film(bomb, "row 1", 64)
    thin = png_that_promises(tmp_path / "thin.png", 200_000, 1, b"\0" * 200_001)
    with pytest.raises(DataError, match=r"thin\.png can't be decoded \(200000 x 1 pixels are no film\)"):
        read_film(thin, "row 1", 512, Geometry("shortest"))
    assert read_film(thin, "row 1", 512).shape == (512, 512)


def test_what_is_no_film_is_refused_by_name(tmp_path: Path) -> None:
    whole = film(tmp_path, noise())
    for name in ("cut.png", "cut.jpg"):
        target = tmp_path / name
        Image.open(whole).save(target)
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
        with pytest.raises(DataError, match=rf"row 2: .*{name} can't be decoded .*cut short or damaged"):
            read_film(target, "row 2", 64)
    for content in (b"", b"not an image", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        (tmp_path / "text.png").write_bytes(content)
        with pytest.raises(DataError, match=r"row 3: .*text\.png is not a PNG, JPEG or DICOM image"):
            read_film(tmp_path / "text.png", "row 3", 64)
    frames = [Image.new("L", (4, 4), grey) for grey in (0, 99)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "moving.png").write_bytes((tmp_path / "a.gif").read_bytes())
    for path in (film(tmp_path, Image.new("L", (4, 4)), "a.bmp"), tmp_path / "moving.png"):
        with pytest.raises(DataError, match="is not a PNG, JPEG or DICOM image"):
            read_film(path, "row 1", 64)


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = film(tmp_path, noise())
    (tmp_path / "a.dcm").write_bytes(path.read_bytes())
    np.testing.assert_array_equal(read_film(tmp_path / "a.dcm", "row 1", 32), read_film(path, "row 1", 32))
    (tmp_path / "b.dcm").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"b\.dcm is not a DICOM file: it lacks 'DICM' at byte 128"):
        read_film(tmp_path / "b.dcm", "row 1", 32)


def test_paths_stay_in_their_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", film(tmp_path, noise(), "secret.png")
    (root / "sub").mkdir(parents=True)
    (root / "link.png").symlink_to(outside)
    (root / "out").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    inside = film(root / "sub", noise())
    (root / "in.png").symlink_to(inside)
    assert safe_path(root, "sub/a.png", "row 1") == inside
    assert safe_path(root, "in.png", "row 1") == root / "in.png"
    for path in ("../secret.png", str(outside), "sub/../../secret.png", "sub\\..\\..\\secret.png"):
        with pytest.raises(DataError, match=r"row 1: the path .* is not inside"):
            safe_path(root, path, "row 1")
    for path in ("link.png", "out/secret.png"):
        with pytest.raises(DataError, match=r"is a link to .*secret\.png, outside .*copy the file into the folder"):
            safe_path(root, path, "row 1")
    for path in ("none.png", "sub/a.png/b", "loop", "nul\0.png", "x" * 5000):
        with pytest.raises(DataError, match=r"row 1: the file .* does not exist"):
            safe_path(root, path, "row 1")
    with pytest.raises(DataError, match="'sub' is not a file"):
        safe_path(root, "sub", "row 1")


def test_a_path_of_windows_is_no_file_here_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    film(tmp_path / "films", noise())
    with pytest.raises(DataError, match=r"does not exist in .*; write '/' between folders"):
        safe_path(tmp_path, "films\\a.png", "row 1")
    film(tmp_path, noise(), "odd\\name.png")
    assert safe_path(tmp_path, "odd\\name.png", "row 1").is_file()


def test_what_the_system_refuses_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"^row 1: .*a\.png can't be read: Permission denied$"):
        read_film(tmp_path / "a.png", "row 1", 32)


def test_a_root_that_is_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    film(tmp_path / "real", noise())
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert safe_path(tmp_path / "root", "a.png", "row 1") == tmp_path / "root/a.png"


def test_fingerprints_change_with_what_they_rest_on(tmp_path: Path) -> None:
    path = film(tmp_path, noise())
    (tmp_path / "long.png").write_bytes(bytes(100_000))
    paths = ("a.png", "long.png", "none.png", "")
    before = files_fingerprint(tmp_path, paths), sizes_fingerprint(tmp_path, paths)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    after = files_fingerprint(tmp_path, paths), sizes_fingerprint(tmp_path, paths)
    assert before[0] != after[0]
    assert before[1] != after[1]  # of a few files all ends count
    path.write_bytes(bytes(data) + b"\0")
    assert sizes_fingerprint(tmp_path, paths) != before[1]
    film(tmp_path, noise(), "none.png")
    assert files_fingerprint(tmp_path, paths) != after[0]


def test_of_many_files_some_are_known_by_their_ends_and_all_by_their_sizes(tmp_path: Path) -> None:
    paths = [f"{n}.dcm" for n in range(1024)]  # every fourth is opened
    for name in paths:
        (tmp_path / name).write_bytes(b"one")
    before = sizes_fingerprint(tmp_path, paths)
    (tmp_path / "5.dcm").write_bytes(b"two")
    assert sizes_fingerprint(tmp_path, paths) == before
    (tmp_path / "5.dcm").write_bytes(b"three")
    assert sizes_fingerprint(tmp_path, paths) != before
    (tmp_path / "5.dcm").write_bytes(b"one")
    (tmp_path / "8.dcm").write_bytes(b"two")
    assert sizes_fingerprint(tmp_path, paths) != before


@given(st.sampled_from(["png", "jpg"]), st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_picture_is_read_or_is_one_clear_error(
    tmp_path: Path, kind: str, damage: list[tuple[int, int]]
) -> None:
    path = tmp_path / f"fuzz.{kind}"
    exif = Image.Exif()
    exif[0x0112] = 3
    noise(33, 30).save(path, exif=exif)
    data = bytearray(path.read_bytes())
    for place, value in damage:
        data[place % len(data)] = value
    path.write_bytes(bytes(data))
    filters = list(warnings.filters)
    message = ""
    try:
        shape = read_film(path, "row 1", 16).shape
    except DataError as error:
        shape, message = (), str(error)
    assert shape == (16, 16) or message.startswith(f"row 1: {path} ")
    assert warnings.filters == filters


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="real films are not here")
def test_real_films_are_what_pillow_makes_of_them() -> None:
    root = REAL_DATA / "nih-cxr14-mini"
    paths = sorted((root / "images").iterdir())[:6]
    for path in paths:
        found = FilePixels(root, (str(path.relative_to(root)),)).read(0, 96)
        with Image.open(path) as image:
            width, height = (int(side * 96 / max(image.size)) for side in image.size)
            expected = np.asarray(image.convert("L").resize((width, height), Image.Resampling.BILINEAR))
        top, left = (96 - height) // 2, (96 - width) // 2
        part = found[top : top + height, left : left + width].astype(int)
        assert abs(part - expected).max() <= 3
        assert found.sum() == part.sum()
