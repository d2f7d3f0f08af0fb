"""Films from hostile files, and the image cache: the same for any worker count, whole or not there."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from umcl_bench.data import cache
from umcl_bench.data.cache import cached_images
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.images import read_film
from umcl_bench.data.readers.folder import read_folder
from umcl_bench.errors import BenchError, DataError
from umcl_bench.progress import Reporter


def film(tmp_path: Path, image: Image.Image, name: str = "a.png") -> Path:
    image.save(tmp_path / name)
    return tmp_path / name


def test_geometry_keeps_the_aspect_ratio_and_pads_with_black(tmp_path: Path) -> None:
    found = read_film(film(tmp_path, Image.new("L", (80, 40), 200)), "row 1", 32)
    assert (found[8:24] == 200).all()
    assert (found[:8] == 0).all()
    assert (found[24:] == 0).all()


def test_every_mode_becomes_the_same_grey(tmp_path: Path) -> None:
    grey = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    expected = read_film(film(tmp_path, Image.fromarray(grey)), "row 1", 64)
    np.testing.assert_array_equal(expected, grey)
    for mode in ("RGB", "P", "LA", "RGBA"):
        found = read_film(film(tmp_path, Image.fromarray(grey).convert(mode)), "row 1", 64)
        np.testing.assert_array_equal(found, grey, err_msg=mode)
    deep = Image.fromarray(grey.astype(np.uint16) * 256)
    np.testing.assert_array_equal(read_film(film(tmp_path, deep), "row 1", 64), grey)
    clear = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    assert read_film(film(tmp_path, clear), "row 1", 8).max() == 0


def png_that_promises(path: Path, width: int, height: int) -> Path:
    """A PNG that says how large it is, and has hardly a pixel."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(b"\0" * 99))
    body = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_hostile_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"more than 80,000,000 pixels"):
        read_film(png_that_promises(tmp_path / "big.png", 10_000, 9_500), "row 7", 64)
    with pytest.raises(DataError, match=r"row 7: .*big\.png says that it has more than 80,000,000 pixels"):
        read_film(png_that_promises(tmp_path / "big.png", 50_000, 50_000), "row 7", 64)
    whole = film(tmp_path, Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99), dtype=np.uint8)))
    for name in ("cut.png", "cut.jpg"):
        target = tmp_path / name
        Image.open(whole).save(target)
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
        with pytest.raises(DataError, match=rf"row 2: .*{name} can't be decoded"):
            read_film(target, "row 2", 64)
    for content in (b"", b"not an image", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        (tmp_path / "text.png").write_bytes(content)
        with pytest.raises(DataError, match=r"row 3: .*text\.png is not a PNG or JPEG image"):
            read_film(tmp_path / "text.png", "row 3", 64)
    with pytest.raises(DataError, match="is not a PNG or JPEG image"):
        read_film(film(tmp_path, Image.new("L", (4, 4)), "a.bmp"), "row 1", 64)


def test_the_cache_is_the_films_for_any_worker_count(tmp_path: Path, phantom: Corpus, quiet: Reporter) -> None:
    one = cached_images(phantom.pixels, 24, quiet, workers=1, root=tmp_path / "one")
    two = cached_images(phantom.pixels, 24, quiet, workers=3, root=tmp_path / "two")
    np.testing.assert_array_equal(one, two)
    for row in (0, 100, len(phantom) - 1):
        np.testing.assert_array_equal(one[row], phantom.pixels.read(row, 24))
    assert not one.flags.writeable


def test_the_cache_is_built_once_and_again_when_a_film_changes(
    tmp_path: Path, folder: Path, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cached_images(read_folder(folder).pixels, 16, quiet, workers=1, root=tmp_path).copy()
    monkeypatch.setattr(cache, "_build", lambda *_: pytest.fail("built again"))
    cached_images(read_folder(folder).pixels, 16, quiet, workers=1, root=tmp_path)
    monkeypatch.undo()
    Image.new("L", (48, 48), 250).save(folder / "images/film005.png")
    after = cached_images(read_folder(folder).pixels, 16, quiet, workers=1, root=tmp_path)
    assert len(list(tmp_path.glob("*.u8"))) == 2
    changed = [row for row in range(len(after)) if (after[row] != before[row]).any()]
    assert changed == [5]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_film_leaves_nothing_behind(tmp_path: Path, folder: Path, quiet: Reporter, workers: int) -> None:
    (folder / "images/film050.png").write_bytes(b"broken")
    pixels = read_folder(folder).pixels
    monkey = cache._CHUNK
    cache._CHUNK = 16
    try:
        with pytest.raises(DataError, match=r"row 51: .*film050\.png is not a PNG"):
            cached_images(pixels, 16, quiet, workers=workers, root=tmp_path / "c")
    finally:
        cache._CHUNK = monkey
    assert {p.suffix for p in (tmp_path / "c").iterdir()} == {".lock"}


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, phantom: Corpus, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(BenchError, match=r"only 0\.0 MB are free.* It needs 0\.1 MB.*UMCL_BENCH_CACHE"):
        cached_images(phantom.pixels, 24, quiet, workers=1, root=tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".lock"}


def test_a_damaged_cache_is_made_anew(tmp_path: Path, phantom: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    first = cached_images(phantom.pixels, 16, Reporter(quiet=True), workers=1, root=tmp_path).copy()
    (path,) = tmp_path.glob("*.u8")
    for content in (b"\7" * path.stat().st_size, b"", path.read_bytes()[:-1]):
        path.write_bytes(content)
        again = cached_images(phantom.pixels, 16, Reporter(quiet=True), workers=1, root=tmp_path)
        np.testing.assert_array_equal(again, first)
        assert "is damaged and is made anew" in capsys.readouterr().err
