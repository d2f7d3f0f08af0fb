"""Embeddings that are kept: a model embeds the same films once, whatever asks for them and in however many processes.

The key is a digest of the weights, of what is done to a film before them, of the films themselves, and of the type and
kind of machine that they are computed in; so a changed weight or precision never finds another's.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from umcl_bench.data.cache import cache_root
from umcl_bench.locks import held
from umcl_bench.models.base import Matrix
from umcl_bench.progress import Reporter
from umcl_bench.spec import METHODS


def kept(what: str, make: Callable[[], Matrix], reporter: Reporter, root: Path | None = None) -> Matrix:
    """The embeddings that `what` describes in full: found, or made by `make` and kept. Damaged ones are made anew."""
    key = hashlib.sha256(f"{METHODS['scoring']} {what}".encode()).hexdigest()[:24]
    path = (cache_root() if root is None else root) / "embeddings" / f"{key}.npy"
    found = _load(path)
    if found is not None:
        return found
    with held(path.with_suffix(".lock"), "it is embedding the same films", reporter):
        found = _load(path)
        if found is None:
            found = make()
            _save(path, found, reporter)
    return found


def _load(path: Path) -> Matrix | None:
    """The matrix, if it is there whole."""
    try:
        with path.open("rb") as file:
            matrix = np.load(file, allow_pickle=False)
            sound = file.read() == _digest(matrix)
    except (OSError, ValueError, EOFError):
        return None
    return matrix if sound else None


def _save(path: Path, matrix: Matrix, reporter: Reporter) -> None:
    """Writes it whole, its digest behind it. A full disk is no reason to lose the run: it is said."""
    try:
        name = f".{path.stem}-"
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=name, suffix=".part", delete=False) as part:
            try:
                np.save(part, matrix, allow_pickle=False)
                part.write(_digest(matrix))
                part.flush()
                os.replace(part.name, path)
            except BaseException:
                os.unlink(part.name)
                raise
    except OSError as error:
        reporter.say(f"note: embeddings are not kept in {path.parent}: {error.strerror or error}")


def _digest(matrix: Matrix) -> bytes:
    return hashlib.sha256(f"{matrix.dtype} {matrix.shape}".encode() + np.ascontiguousarray(matrix).tobytes()).digest()
