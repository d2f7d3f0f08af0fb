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

__all__ = ["DEFAULTS", "Found", "ReadOptions", "Reader", "get_reader", "list_readers", "recognise"]

_MOST_FOLDERS = 200


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
    found = [release for name in below[:_MOST_FOLDERS] for release in _of(folder / name)]
    names = [release.reader.name for release in found]
    twice = next((f for f in found if names.count(f.reader.name) > 1), None)
    if twice:
        where = " and ".join(str(f.root) for f in found if f.reader.name == twice.reader.name)
        raise UsageError(f"{folder} holds {twice.reader.name} twice: {where}. Name one of them with --data.")
    return sorted(found, key=lambda release: release.reader.name)


def _of(folder: Path) -> list[Found]:
    seen = ((reader, reader.recognise(folder)) for reader in _readers().values())
    return [Found(reader, folder, what) for reader, what in seen if what]
