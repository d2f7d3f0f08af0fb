"""What the tests of readers share for files that are no csv: see hostile.py for those."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.readers.hostile import Files, write
from umcl_bench.data.readers import DEFAULTS, Reader
from umcl_bench.errors import DataError


def write_all(root: Path, files: Files) -> Path:
    """A folder with `files`, which may lie in folders of it."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    return write(root, files)


def edit(path: Path, old: str, new: str) -> None:
    """Puts `new` in place of the first `old`, which must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(reader: Reader, root: Path, *says: str) -> str:
    """The message of the DataError with which the reader refuses `root`: one line that holds every text of `says`."""
    with pytest.raises(DataError) as caught:
        reader.read(root, DEFAULTS)
    message = str(caught.value)
    assert "\n" not in message
    for text in says:
        assert text in message
    return message
