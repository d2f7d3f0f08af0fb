"""Which releases a folder holds, and what is said of one that holds none."""

import dataclasses
from pathlib import Path

import pytest

from umcl_bench.data import readers
from umcl_bench.data.check import check
from umcl_bench.data.readers import recognise, seen_in, siim
from umcl_bench.data.sources import open_source
from umcl_bench.errors import UsageError

SIIM = "ImageId,EncodedPixels\n1.2,-1\n"


def release(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "train-rle.csv").write_text(SIIM)
    return folder


def test_a_folder_that_may_not_be_entered_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release(tmp_path / "siim")
    (tmp_path / "lost+found").mkdir()

    def look(folder: Path) -> str | None:
        if folder.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return siim.READER.recognise(folder)

    reader = dataclasses.replace(siim.READER, recognise=look)
    monkeypatch.setattr(readers, "_readers", lambda: {"siim": reader})
    assert [found.reader.name for found in recognise(tmp_path)] == ["siim"]
    with pytest.raises(PermissionError):
        recognise(tmp_path / "lost+found")


def test_a_release_that_lies_deeper_is_named(tmp_path: Path) -> None:
    deep = release(tmp_path / "physionet.org" / "files" / "siim")
    with pytest.raises(UsageError, match=rf"name one of the folders {deep} \(siim\)"):
        open_source(str(tmp_path))
    (finding,) = check(tmp_path, cache=tmp_path / "cache").findings
    assert str(deep) in finding.examples[0]


def test_files_are_named_before_films_and_folders(tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / f"a{i}.png").touch()
    (tmp_path / "images").mkdir()
    (tmp_path / "metadata.xlsx").touch()
    assert seen_in(tmp_path).startswith("metadata.xlsx, images, a0.png")
    assert seen_in(tmp_path / "nowhere") == "nothing (No such file or directory)"
