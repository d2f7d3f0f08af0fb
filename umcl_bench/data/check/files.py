"""What lies in a folder: one walk, in bounded memory, that no link or closed folder can stop."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from umcl_bench.data.check.report import Finding, listed
from umcl_bench.data.corpus import Pixels
from umcl_bench.data.images import FilePixels

IMAGES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")


@dataclass(frozen=True)
class Walked:
    """Every file below a folder with its length, folders that can't be opened, and folders that are links.

    Folders that are links are not entered: they may lead round in circles, and out of the folder.
    """

    root: Path
    sizes: dict[str, int]
    closed: tuple[str, ...]
    links: tuple[str, ...]


def walk(root: Path) -> Walked:
    """Walks `root`; file names are paths from it, with '/' between their parts."""
    sizes: dict[str, int] = {}
    closed: list[str] = []
    links: list[str] = []
    waiting = [""]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(root / here) as entries:
                for entry in entries:
                    path = f"{here}/{entry.name}" if here else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif entry.is_symlink() and os.path.isdir(entry.path):
                        links.append(path)
                    elif os.path.isfile(entry.path):  # no link to nothing, no pipe
                        sizes[path] = entry.stat().st_size
        except OSError as error:
            closed.append(f"{here or '.'} ({error.strerror})")
    return Walked(root, sizes, tuple(sorted(closed)), tuple(sorted(links)))


def paths_of(pixels: Pixels | None, root: Path) -> list[str] | None:
    """Each row's file as a path from `root`, '' where it has none; None for films that are no files."""
    if not isinstance(pixels, FilePixels):
        return None
    prefix = os.path.relpath(pixels.root, root)
    prefix = "" if prefix == "." else f"{prefix}/"
    return [os.path.normpath(prefix + path).replace(os.sep, "/") if path else "" for path in pixels.paths]


def is_there(path: str, walked: Walked) -> bool:
    """Whether a path from the root is a file: by the walk, else (below a link, or beside the root) by asking."""
    if path in walked.sizes:
        return True
    try:
        return (bool(walked.links) or path.startswith("../")) and (walked.root / path).is_file()
    except (OSError, ValueError):
        return False


def check_walk(walked: Walked, named: set[str], tables: bool) -> list[Finding]:
    """Closed folders, links, empty files, and images that no table names."""
    images = [path for path in sorted(walked.sizes) if path.casefold().endswith(IMAGES)]
    stray = [path for path in images if path not in named] if tables else []
    return [
        *listed("error", "folder-closed", "folders that can't be opened", walked.closed),
        *listed("note", "folder-link", "folders that are links: not entered", walked.links),
        *listed("note", "file-unnamed", "images on disk that no table names", stray),
        *listed("error", "file-empty", "images of no length", [p for p in images if not walked.sizes[p]]),
    ]


def check_present(paths: Sequence[str], walked: Walked, what: str) -> list[Finding]:
    """Files that a table names and that are not there."""
    missing = [path for path in paths if path and not is_there(path, walked)]
    named = sum(bool(path) for path in paths)
    message = f"{what}s that a table names and that are not in the folder, of {named:,}"
    return listed("error", f"{what}-missing", message, missing)
