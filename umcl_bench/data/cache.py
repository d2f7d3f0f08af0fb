"""The image cache: every film of a corpus at one size, as one memory-mapped uint8 file, built once.

Workers read films in parallel and hand the bytes to the one process that writes them in order, so a full disk is an
ordinary error (a write into a sparse map would kill the process), and the file does not depend on the worker count.
Beside it lies a JSON file that lists the films that can't be read, with a digest over both.
"""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Pixels, Rows
from umcl_bench.errors import BenchError, DataError
from umcl_bench.locks import held
from umcl_bench.progress import Reporter
from umcl_bench.spec import METHODS, PAD, Geometry, digest

_BLOCK, _BLOCK_SECONDS = 128, 0.1
"""Films are read in blocks of about a tenth of a second: shorter ones would leave workers waiting for their next."""
_POOL_SECONDS = 3.0
"""Less work than this is done in this process: workers take most of a second to start."""


class Films(NamedTuple):
    """All films as a read-only (n, size, size) memory map, and the rows that can't be read, which are zeros there."""

    pixels: NDArray[np.uint8]
    unreadable: Rows
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    """What to read, and how. `present` says which rows have a film; the others are zeros."""

    pixels: Pixels
    size: int
    geometry: Geometry
    present: NDArray[np.bool_] | None
    skip: bool

    @property
    def key(self) -> str:
        present = "all" if self.present is None else hashlib.sha256(self.present.tobytes()).hexdigest()
        text = f"{METHODS['films']} {self.pixels.fingerprint} {self.size} {digest(self.geometry)} {present}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def path(self, root: Path | None) -> Path:
        return (cache_root() if root is None else root) / f"images-{self.size}px-{self.key}.u8"

    @property
    def rows(self) -> Rows:
        return np.arange(len(self.pixels)) if self.present is None else np.flatnonzero(self.present)

    def read(self, row: int) -> NDArray[np.uint8]:
        return self.pixels.read(row, self.size, self.geometry)


class _Block(NamedTuple):
    """Consecutive films, and what went wrong in which row."""

    films: NDArray[np.uint8]
    failures: dict[int, str]


def cache_root() -> Path:
    """$UMCL_BENCH_CACHE, or umcl-bench in the user's cache folder."""
    if os.environ.get("UMCL_BENCH_CACHE"):
        return Path(os.environ["UMCL_BENCH_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "umcl-bench"


def cached_images(
    pixels: Pixels,
    size: int,
    reporter: Reporter,
    *,
    workers: int,
    geometry: Geometry = PAD,
    present: NDArray[np.bool_] | None = None,
    skip_unreadable: bool = False,
    root: Path | None = None,
) -> Films:
    """All films; builds the file, under a lock, where it is not there. Rows that are not `present` are zeros.

    A film that can't be read is a DataError, or with `skip_unreadable` a row of zeros that is listed. The file
    is checked against its digest each time (about a second for each 2 GB); a damaged one is built anew.
    """
    job = _Job(pixels, size, geometry, present, skip_unreadable)
    path = job.path(root)
    shape = (len(pixels), size, size)
    try:
        with held(path.with_suffix(".lock"), "it is reading the same films", reporter):
            failures = _usable(path, job, reporter)
            if failures is None:
                failures = _build(job, path, reporter, workers)
    except OSError as error:
        raise BenchError(_explain(error, path, int(np.prod(shape)))) from error
    films = np.memmap(path, dtype=np.uint8, mode="r", shape=shape)
    return Films(films, np.array(list(failures), dtype=np.int64), tuple(failures.values()))


def _usable(path: Path, job: _Job, reporter: Reporter) -> dict[int, str] | None:
    """The failures of the file that is there; None where it must be built. Raises what an unreadable film raises."""
    if not path.exists():
        return None
    failures = _sound(path)
    if failures is None:
        reporter.warn(f"{path} is damaged and is made anew")
    elif failures and _any_is_readable(job, failures):
        return None
    return failures


def _any_is_readable(job: _Job, failures: dict[int, str]) -> bool:
    """Whether a film that could not be read can be now (a decoder was installed, say). Raises unless it is skipped."""
    for row in failures:
        try:
            job.read(row)
        except DataError:
            if not job.skip:
                raise
        else:
            return True
    return False


def _sound(path: Path) -> dict[int, str] | None:
    """The failures, if the films are there and are those that were written; else None."""
    try:
        kept = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        failures = {int(row): str(reason) for row, reason in kept["unreadable"].items()}
        with path.open("rb") as file:
            found = _digest(hashlib.file_digest(file, "sha256").hexdigest(), failures)
        return failures if found == kept["sha256"] else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _digest(films: str, failures: dict[int, str]) -> str:
    return hashlib.sha256(f"{films} {json.dumps(failures)}".encode()).hexdigest()


def _explain(error: OSError, path: Path, need: int) -> str:
    what = f"the image cache {path} could not be written: {error.strerror or error}. Nothing was left behind. "
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        what += f"It needs {need / 1e6:.1f} MB: free some space, or name"
    else:
        what += "Name"
    return f"{what} another folder with UMCL_BENCH_CACHE."


def _build(job: _Job, path: Path, reporter: Reporter, workers: int) -> dict[int, str]:
    n = len(job.pixels)
    need, free = n * job.size**2, shutil.disk_usage(path.parent).free
    if need > free:
        raise OSError(errno.ENOSPC, f"only {free / 1e6:.1f} MB are free")
    part, side = path.with_suffix(".part"), path.with_suffix(".json")  # the lock is held: nobody else writes these
    total = hashlib.sha256()
    failures: dict[int, str] = {}
    try:
        track = reporter.track(f"reading {n} films at {job.size} px", n)
        with part.open("wb") as file, track as tick, closing(_blocks(job, workers)) as blocks:
            for block in blocks:
                file.write(block.films.data)
                total.update(block.films.data)
                failures |= block.failures
                tick(len(block.films))
            file.flush()
            os.fsync(file.fileno())
        _write_side(side, {"sha256": _digest(total.hexdigest(), failures), "unreadable": failures})
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
        if not path.exists():
            side.unlink(missing_ok=True)
    return failures


def _write_side(path: Path, content: dict[str, object]) -> None:
    part = path.with_suffix(".json.part")
    try:
        part.write_text(json.dumps(content), encoding="utf-8")
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _blocks(job: _Job, workers: int) -> Generator[_Block, None, None]:
    """Every block in order, by workers where that is worth their start."""
    each = _pace(job, 4).seconds
    size = min(_BLOCK, max(1, int(_BLOCK_SECONDS / each)))
    blocks = [range(start, min(start + size, len(job.pixels))) for start in range(0, len(job.pixels), size)]
    if workers > 1 and len(blocks) > 1 and each * len(job.rows) > _POOL_SECONDS:
        yield from _from_workers(job, blocks, workers)
    else:
        yield from (_read_block(job, block) for block in blocks)


def _from_workers(job: _Job, blocks: list[range], workers: int) -> Generator[_Block, None, None]:
    # spawn, not fork: a fork of a process in which torch has threads may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_remember, initargs=(job,)) as pool:
        try:
            futures = [pool.submit(_read_remembered, block) for block in blocks]
            for future in futures:
                yield future.result()
        except BrokenProcessPool:
            raise BenchError(
                "a process that reads films was killed, most often for lack of memory: use fewer workers"
            ) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


_remembered: _Job


def _remember(job: _Job) -> None:
    global _remembered
    _remembered = job
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this worker when the run is killed: else it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read_remembered(rows: range) -> _Block:
    return _read_block(_remembered, rows)


def _read_block(job: _Job, rows: range) -> _Block:
    films = np.zeros((len(rows), job.size, job.size), dtype=np.uint8)
    failures: dict[int, str] = {}
    for place, row in enumerate(rows):
        if job.present is not None and not job.present[row]:
            continue
        try:
            films[place] = job.read(row)
        except DataError as error:
            if not job.skip:
                raise
            failures[row] = str(error)
    return _Block(films, failures)


class CachePlan(NamedTuple):
    """What building the cache will take, before it is built."""

    films: int
    bytes: int
    seconds: float
    free: int
    unreadable: float = 0.0  # the share of the sample that can't be read

    def describe(self) -> str:
        """One line for people."""
        if not self.bytes:
            return f"{self.films:,} films: read before"
        took = f"{self.seconds / 60:.0f} min" if self.seconds >= 90 else f"{self.seconds:.0f} s"
        warned = f"; {self.unreadable:.0%} of a sample can't be read" if self.unreadable else ""
        return (
            f"{self.films:,} films: {self.bytes / 1e6:,.1f} MB of {self.free / 1e6:,.0f} MB free, about {took}{warned}"
        )


def plan_cache(
    pixels: Pixels,
    size: int,
    *,
    workers: int = 1,
    geometry: Geometry = PAD,
    present: NDArray[np.bool_] | None = None,
    sample: int = 16,
    root: Path | None = None,
) -> CachePlan:
    """Reads `sample` films, evenly over all, at most some seconds long, and says what all of them will take.

    Nothing is read, and `bytes` is 0, where the cache is there.
    """
    job = _Job(pixels, size, geometry, present, skip=True)
    n = len(job.rows)
    folder = next(p for p in ((root or cache_root()).absolute() / "x").parents if p.exists())
    if job.path(root).exists():
        return CachePlan(n, 0, 0.0, shutil.disk_usage(folder).free)
    pace = _pace(job, sample)
    return CachePlan(
        n, len(pixels) * size**2, pace.seconds * n / workers, shutil.disk_usage(folder).free, pace.unreadable
    )


class _Pace(NamedTuple):
    seconds: float
    unreadable: float


def _pace(job: _Job, sample: int) -> _Pace:
    """Seconds a film, from `sample` evenly over all, or those of three seconds, and the share that can't be read.

    The first is read once more before: it may import a decoder.
    """
    rows = job.rows[np.linspace(0, len(job.rows) - 1, sample).astype(int)].tolist() if len(job.rows) else []
    began, done, failed = time.perf_counter(), 0, 0
    for row in rows[:1] + rows:
        try:
            job.read(row)
        except DataError:
            failed += done > 0
        if done == 0:
            began = time.perf_counter()
        done += 1
        if time.perf_counter() - began > 3.0:
            break
    tried = max(1, done - 1)
    return _Pace(max(1e-6, time.perf_counter() - began) / tried, failed / tried)
