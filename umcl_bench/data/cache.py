"""The image cache: every film of a corpus at one size, as one memory-mapped uint8 file, built once.

Workers read films in parallel and hand the bytes to the one process that writes them in order, so a full disk is an
ordinary error (a write into a sparse map would kill the process), and the file does not depend on the worker count.
"""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Pixels
from umcl_bench.errors import BenchError
from umcl_bench.locks import held
from umcl_bench.progress import Reporter, Tick
from umcl_bench.spec import METHODS

_CHUNK = 64


def cache_root() -> Path:
    """$UMCL_BENCH_CACHE, or umcl-bench in the user's cache folder."""
    if os.environ.get("UMCL_BENCH_CACHE"):
        return Path(os.environ["UMCL_BENCH_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "umcl-bench"


def cached_images(
    pixels: Pixels, size: int, reporter: Reporter, *, workers: int, root: Path | None = None
) -> NDArray[np.uint8]:
    """All films as a read-only (n, size, size) memory map; builds the file, under a lock, where it is not there.

    The file is checked against its digest each time (about a second for each 2 GB); a damaged one is built anew.
    """
    key = hashlib.sha256(f"{METHODS['films']} {pixels.fingerprint} {size} pad".encode()).hexdigest()[:16]
    root = cache_root() if root is None else root
    path = root / f"images-{size}px-{key}.u8"
    shape = (len(pixels), size, size)
    try:
        with held(path.with_suffix(".lock"), "it is reading the same films", reporter):
            if path.exists() and not _sound(path):
                reporter.warn(f"{path} is damaged and is made anew")
            if not _sound(path):
                _build(pixels, size, path, reporter, workers)
    except OSError as error:
        raise BenchError(_explain(error, path, int(np.prod(shape)))) from error
    return np.memmap(path, dtype=np.uint8, mode="r", shape=shape)


def _sound(path: Path) -> bool:
    """Whether the films are there and are those that were written."""
    digest = path.with_suffix(".sha256")
    if not (path.exists() and digest.exists()):
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest.read_text(encoding="ascii")


def _explain(error: OSError, path: Path, need: int) -> str:
    what = f"the image cache {path} could not be written: {error.strerror or error}. Nothing was left behind. "
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        what += f"It needs {need / 1e6:.1f} MB: free some space, or name"
    else:
        what += "Name"
    return f"{what} another folder with UMCL_BENCH_CACHE."


def _build(pixels: Pixels, size: int, path: Path, reporter: Reporter, workers: int) -> None:
    need, free = len(pixels) * size * size, shutil.disk_usage(path.parent).free
    if need > free:
        raise OSError(errno.ENOSPC, f"only {free / 1e6:.1f} MB are free")
    part, digest = path.with_suffix(".part"), path.with_suffix(".sha256")  # the lock is held: nobody else writes these
    total = hashlib.sha256()
    try:
        with part.open("wb") as file, reporter.track(f"reading {len(pixels)} films at {size} px", len(pixels)) as tick:
            for block in _blocks(pixels, size, workers, tick):
                file.write(block)
                total.update(block)
            file.flush()
            os.fsync(file.fileno())
        digest.write_text(total.hexdigest(), encoding="ascii")
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
        if not path.exists():
            digest.unlink(missing_ok=True)


def _blocks(pixels: Pixels, size: int, workers: int, tick: Tick) -> Iterator[bytes]:
    starts = range(0, len(pixels), _CHUNK)
    if workers <= 1 or len(starts) == 1:
        for start in starts:
            yield _read_block(pixels, size, start)
            tick(min(_CHUNK, len(pixels) - start))
        return
    # spawn, not fork: a fork of a process in which torch has threads may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_remember, initargs=(pixels, size)) as pool:
        futures = [pool.submit(_read_remembered, start) for start in starts]
        try:
            for start, future in zip(starts, futures, strict=True):
                yield future.result()
                tick(min(_CHUNK, len(pixels) - start))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


_remembered: tuple[Pixels, int]


def _remember(pixels: Pixels, size: int) -> None:
    global _remembered
    _remembered = (pixels, size)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this worker when the run is killed: else it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read_remembered(start: int) -> bytes:
    return _read_block(*_remembered, start)


def _read_block(pixels: Pixels, size: int, start: int) -> bytes:
    stop = min(start + _CHUNK, len(pixels))
    return b"".join(pixels.read(row, size).tobytes() for row in range(start, stop))
