"""Embeddings that are kept: a model embeds the same films once, whatever asks for them and in however many processes.

The key is a digest of the weights and of what is done to a film before them, of the kind of machine and the libraries
that compute with them, and of the films themselves as the model gets them: a changed weight, precision, geometry, film,
corruption or order of rows never finds another's.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.cache import cache_root
from umcl_bench.locks import held
from umcl_bench.models.base import Matrix
from umcl_bench.progress import Reporter
from umcl_bench.spec import METHODS

Films = NDArray[np.uint8]
Make = Callable[[Films], Matrix]


def kept(what: str, films: Films, make: Make, reporter: Reporter, root: Path | None = None) -> Matrix:
    """`make(films)`, found or made and kept; `what` says by which weights, in which precision and on what.

    A file that is damaged is made anew; that nothing can be written is said, and no error.
    """
    path = (cache_root() if root is None else root) / "embeddings" / f"{_key(what, films)}.npy"
    found = _load(path)
    if found is not None:
        return found
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(path.with_suffix(".lock"), "it is embedding the same films", reporter))
        except OSError as error:
            _say(path, error, reporter)
            return make(films)
        found = _load(path)
        if found is None:
            found = make(films)
            _save(path, found, reporter)
    return found


def _key(what: str, films: Films) -> str:
    libraries = " ".join(importlib.metadata.version(name) for name in ("torch", "timm", "transformers"))
    total = hashlib.sha256(f"{METHODS['scoring']} {what} {libraries} {films.dtype} {films.shape}".encode())
    total.update(np.ascontiguousarray(films).data)
    return total.hexdigest()[:32]


def _load(path: Path) -> Matrix | None:
    """The matrix, if it is there whole."""
    try:
        with path.open("rb") as file:
            matrix: Matrix = np.load(file, allow_pickle=False)
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
        _say(path, error, reporter)


def _say(path: Path, error: OSError, reporter: Reporter) -> None:
    reporter.say(f"note: embeddings are not kept in {path.parent}: {error.strerror or error}")


def _digest(matrix: Matrix) -> bytes:
    return hashlib.sha256(f"{matrix.dtype} {matrix.shape}".encode() + np.ascontiguousarray(matrix).tobytes()).digest()
