"""Readers of the official releases, one file each, found by their value READER; and which of them fits a folder."""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from pathlib import Path
from typing import NamedTuple

from umcl_bench.data.readers.base import DEFAULTS, Reader, ReadOptions
from umcl_bench.errors import UsageError, unknown_name

__all__ = ["DEFAULTS", "Found", "ReadOptions", "Reader", "get_reader", "list_readers", "recognise", "seen_in"]

_MOST_FOLDERS = 200
_MOST_LEVELS = 5
_FILMS = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")


class Found(NamedTuple):
    """A release that was recognised: its reader, its own folder, and what was seen there."""

    reader: Reader
    root: Path
    what: str


@functools.cache
def _readers() -> dict[str, Reader]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        reader = getattr(importlib.import_module(f"{__name__}.{info.name}"), "READER", None)
        if isinstance(reader, Reader):
            found[reader.name] = reader
    return found


def list_readers() -> list[str]:
    """The names of the datasets whose official release can be read, sorted."""
    return sorted(_readers())


def get_reader(name: str) -> Reader:
    """The reader called `name`. Raises UsageError, with suggestions."""
    if name not in _readers():
        raise unknown_name("dataset", name, _readers())
    return _readers()[name]


def recognise(folder: Path) -> list[Found]:
    """The releases that `folder` is or holds, by name: itself, or its direct subfolders where it is none itself.

    Raises UsageError where a dataset is there twice.
    """
    own = _of(folder)
    if own:
        return own
    with os.scandir(folder) as entries:
        below = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    found = [release for name in below[:_MOST_FOLDERS] for release in _if_open(folder / name)]
    names = [release.reader.name for release in found]
    twice = next((f for f in found if names.count(f.reader.name) > 1), None)
    if twice:
        where = " and ".join(str(f.root) for f in found if f.reader.name == twice.reader.name)
        raise UsageError(f"{folder} holds {twice.reader.name} twice: {where}. Name one of them with --data.")
    return sorted(found, key=lambda release: release.reader.name)


def seen_in(folder: Path) -> str:
    """What lies in a folder that is no source, for an error: its files before its folders, and releases deeper down."""
    try:
        with os.scandir(folder) as entries:
            names = sorted((entry.name.casefold().endswith(_FILMS), entry.is_dir(), entry.name) for entry in entries)
    except OSError as error:
        return f"nothing ({error.strerror})"
    found = ", ".join(name for _, _, name in names[:8]) or "nothing"
    deeper = [f"{release.root} ({release.reader.name})" for release in _deeper(folder)]
    return f"{found}; name one of the folders {', '.join(deeper)}" if deeper else found


def _deeper(folder: Path) -> list[Found]:
    """Releases two to five levels down, as `wget -r` or an archive in an archive leaves them."""
    level = [folder]
    for _ in range(_MOST_LEVELS):
        level = [path for parent in level for path in _folders(parent)][:_MOST_FOLDERS]
        found = [release for path in level for release in _if_open(path)]
        if found:
            return found
    return []


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return sorted(Path(e.path) for e in entries if e.is_dir(follow_symlinks=False) and e.name[0] != ".")
    except OSError:
        return []


def _if_open(folder: Path) -> list[Found]:
    """As `_of`; nothing where the folder may not be entered, as lost+found of a whole disk."""
    try:
        return _of(folder)
    except PermissionError:
        return []


def _of(folder: Path) -> list[Found]:
    seen = ((reader, reader.recognise(folder)) for reader in _readers().values())
    return [Found(reader, folder, what) for reader, what in seen if what]
