"""The image cache: the same for any worker count, whole or not there, and honest about what it can't read."""

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from umcl_bench.data import cache
from umcl_bench.data.cache import cached_images, plan_cache
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.images import FilePixels
from umcl_bench.data.readers.folder import read_folder
from umcl_bench.errors import BenchError, DataError
from umcl_bench.progress import Reporter
from umcl_bench.spec import PAD, Geometry


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and many blocks even for a little job."""
    monkeypatch.setattr(cache, "_POOL_SECONDS", 0.0)
    monkeypatch.setattr(cache, "_BLOCK", 16)


@pytest.fixture
def films(tmp_path: Path) -> FilePixels:
    """Eight films, of one grey each: 10, 20, ..."""
    root = tmp_path / "films"
    root.mkdir()
    for i in range(8):
        Image.new("L", (20, 20), 10 * (i + 1)).save(root / f"{i}.png")
    return FilePixels(root, tuple(f"{i}.png" for i in range(8)))


def greys(found: cache.Films) -> list[int]:
    return [int(film.max()) for film in found.pixels]


@pytest.mark.usefixtures("eager")
def test_the_cache_is_the_films_for_any_worker_count(
    tmp_path: Path, films: FilePixels, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = cached_images(films, 24, quiet, workers=1, root=tmp_path / "one").pixels
    monkeypatch.setattr(cache, "_BLOCK", 3)
    two = cached_images(films, 24, quiet, workers=2, root=tmp_path / "two").pixels
    np.testing.assert_array_equal(one, two)
    for row in range(8):
        np.testing.assert_array_equal(one[row], films.read(row, 24))
    assert not one.flags.writeable


def test_a_phantom_is_cached_as_it_is_drawn(tmp_path: Path, phantom: Corpus, quiet: Reporter) -> None:
    found = cached_images(phantom.pixels, 24, quiet, workers=1, root=tmp_path).pixels
    for row in (0, 100, len(phantom) - 1):
        np.testing.assert_array_equal(found[row], phantom.pixels.read(row, 24))


def test_the_cache_is_built_once_and_again_when_a_film_changes(
    tmp_path: Path, folder: Path, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cached_images(read_folder(folder).pixels, 16, quiet, workers=1, root=tmp_path).pixels.copy()
    monkeypatch.setattr(cache, "_build", lambda *_: pytest.fail("built again"))
    cached_images(read_folder(folder).pixels, 16, quiet, workers=1, root=tmp_path)
    monkeypatch.undo()
    Image.new("L", (48, 48), 250).save(folder / "images/film005.png")
    after = cached_images(read_folder(folder).pixels, 16, quiet, workers=1, root=tmp_path).pixels
    assert len(list(tmp_path.glob("*.u8"))) == 2
    changed = [row for row in range(len(after)) if (after[row] != before[row]).any()]
    assert changed == [5]


def test_geometries_and_missing_rows_do_not_share_a_file(tmp_path: Path, films: FilePixels, quiet: Reporter) -> None:
    plain = cached_images(films, 16, quiet, workers=1, root=tmp_path / "c")
    cached_images(films, 16, quiet, workers=1, geometry=Geometry("stretch"), root=tmp_path / "c")
    present = np.arange(8) != 3
    some = cached_images(films, 16, quiet, workers=1, present=present, root=tmp_path / "c")
    assert len(list((tmp_path / "c").glob("*.u8"))) == 3
    assert greys(plain) == [10, 20, 30, 40, 50, 60, 70, 80]
    assert greys(some) == [10, 20, 30, 0, 50, 60, 70, 80]
    assert not len(some.unreadable)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_film_leaves_nothing_behind(tmp_path: Path, folder: Path, quiet: Reporter, workers: int) -> None:
    (folder / "images/film050.png").write_bytes(b"broken")
    pixels = read_folder(folder).pixels
    with pytest.raises(DataError, match=r"row 51: .*film050\.png is not a PNG"):
        cached_images(pixels, 16, quiet, workers=workers, root=tmp_path / "c")
    assert {p.suffix for p in (tmp_path / "c").iterdir()} == {".lock"}


def spoil(films: FilePixels) -> None:
    """One film is no picture, one is cut short, one is not there."""
    (films.root / "1.png").write_bytes(b"broken")
    (films.root / "4.png").write_bytes((films.root / "4.png").read_bytes()[:40])
    (films.root / "6.png").unlink()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("workers", [1, 2])
def test_unreadable_films_are_zeros_and_listed(
    tmp_path: Path, films: FilePixels, quiet: Reporter, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_BLOCK", 3)
    spoil(films)
    found = cached_images(films, 16, quiet, workers=workers, skip_unreadable=True, root=tmp_path / "c")
    assert found.unreadable.tolist() == [1, 4, 6]
    assert [reason.partition(": ")[0] for reason in found.reasons] == ["row 2", "row 5", "row 7"]
    assert "6.png' does not exist" in found.reasons[2]
    assert greys(found) == [10, 0, 30, 40, 0, 60, 0, 80]
    monkeypatch.setattr(cache, "_build", lambda *_: pytest.fail("read again"))
    again = cached_images(films, 16, quiet, workers=workers, skip_unreadable=True, root=tmp_path / "c")
    assert again.reasons == found.reasons
    assert again.unreadable.tolist() == [1, 4, 6]
    with pytest.raises(DataError, match=r"row 2: .*1\.png is not a PNG"):  # without decoding all the others
        cached_images(films, 16, quiet, workers=workers, root=tmp_path / "c")


def test_a_file_without_failures_serves_both_ways(
    tmp_path: Path, films: FilePixels, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_images(films, 16, quiet, workers=1, skip_unreadable=True, root=tmp_path / "c")
    monkeypatch.setattr(cache, "_build", lambda *_: pytest.fail("built again"))
    found = cached_images(films, 16, quiet, workers=1, root=tmp_path / "c")
    assert found.unreadable.dtype == np.int64
    assert (len(found.unreadable), len(found.reasons)) == (0, 0)


@pytest.mark.parametrize("skip", [False, True])
def test_what_can_be_read_again_is_read_again(
    tmp_path: Path, films: FilePixels, quiet: Reporter, monkeypatch: pytest.MonkeyPatch, skip: bool
) -> None:
    """A share that was away for a moment: the files, and so the fingerprint, are the same as before."""
    honest = FilePixels.read

    def away(self: FilePixels, row: int, size: int, geometry: Geometry) -> NDArray[np.uint8]:
        if row == 2:
            raise DataError("row 3: away")
        return honest(self, row, size, geometry)

    monkeypatch.setattr(FilePixels, "read", away)
    found = cached_images(films, 16, quiet, workers=1, skip_unreadable=True, root=tmp_path / "c")
    assert found.reasons == ("row 3: away",)
    monkeypatch.undo()
    again = cached_images(films, 16, quiet, workers=1, skip_unreadable=skip, root=tmp_path / "c")
    assert greys(again)[2] == 30
    assert again.reasons == ()


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, phantom: Corpus, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(BenchError, match=r"only 0\.0 MB are free.* It needs 0\.1 MB.*UMCL_BENCH_CACHE"):
        cached_images(phantom.pixels, 24, quiet, workers=1, root=tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".lock"}


def test_a_disk_that_fills_up_leaves_nothing_behind(
    tmp_path: Path, films: FilePixels, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BenchError, match=r"No space left on device\. Nothing was left behind\. It needs 0\.0 MB"):
        cached_images(films, 16, quiet, workers=1, root=tmp_path / "c")
    assert {p.suffix for p in (tmp_path / "c").iterdir()} == {".lock"}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def forget(path: Path) -> None:
    side = path.with_suffix(".json")
    side.write_text(side.read_text().replace('"1"', '"2"'))


DAMAGE: list[Callable[[Path], object]] = [
    cut,
    forget,
    lambda path: path.write_bytes(b"\7" * path.stat().st_size),
    lambda path: path.write_bytes(b""),
    lambda path: path.with_suffix(".json").unlink(),
    lambda path: path.with_suffix(".json").write_text("[]"),
    lambda path: path.with_suffix(".json").write_bytes(b"\xff\xfe{"),
    lambda path: path.with_suffix(".json").write_text('{"sha256": 1, "unreadable": {"x": 2}}'),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_anew(
    tmp_path: Path, films: FilePixels, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object]
) -> None:
    spoil(films)

    def read() -> cache.Films:
        root = tmp_path / "c"
        return cached_images(films, 16, Reporter(quiet=True), workers=1, skip_unreadable=True, root=root)

    first = greys(read())
    (path,) = (tmp_path / "c").glob("*.u8")
    assert set(json.loads(path.with_suffix(".json").read_text())) == {"sha256", "unreadable"}
    damage(path)
    again = read()
    assert (greys(again), again.unreadable.tolist()) == (first, [1, 4, 6])
    assert "is damaged and is made anew" in capsys.readouterr().err
    read()
    assert not capsys.readouterr().err


class Deadly(FilePixels):
    """Films that end the process that reads them, unless it is the first."""

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        if multiprocessing.parent_process() is not None:
            os._exit(9)
        return super().read(row, size, geometry)


@pytest.mark.usefixtures("eager")
def test_a_worker_that_is_killed_is_a_clear_error(
    tmp_path: Path, films: FilePixels, quiet: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_BLOCK", 3)
    with pytest.raises(BenchError, match="was killed, most often for lack of memory: use fewer workers"):
        cached_images(Deadly(films.root, films.paths), 16, quiet, workers=2, root=tmp_path / "c")
    assert {p.suffix for p in (tmp_path / "c").iterdir()} == {".lock"}


def test_a_plan_says_what_the_cache_will_take(tmp_path: Path, films: FilePixels) -> None:
    present = np.arange(8) != 3
    plan = plan_cache(films, 16, present=present, root=tmp_path / "not" / "there")
    assert (plan.films, plan.bytes) == (7, 8 * 256)
    assert 0 < plan.seconds < 5
    assert plan.free > 1e6
    assert plan_cache(films, 16, workers=4, root=tmp_path).seconds < 5
    assert not list(tmp_path.glob("*.u8"))
    assert "; 25% of a sample can't be read" in cache.CachePlan(8, 100, 1.0, 10**6, 0.25).describe()
    said = cache.CachePlan(112_120, 5_625_589_760, 3_000.0, 53_000_000_000).describe()
    assert said == "112,120 films: 5,625.6 MB of 53,000 MB free, about 50 min"


def test_a_plan_of_nothing_and_of_films_that_can_not_be_read(tmp_path: Path, films: FilePixels) -> None:
    for path in films.root.iterdir():
        path.unlink()
    assert plan_cache(films, 16, root=tmp_path).films == 8
    assert plan_cache(films, 16, present=np.zeros(8, dtype=bool), root=tmp_path)[:3] == (0, 2048, 0.0)
