"""Locks between processes that say what they wait for."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from umcl_bench.progress import Reporter


@contextmanager
def held(path: Path, waiting_for: str, reporter: Reporter) -> Iterator[None]:
    """Holds the lock file `path`; where another process has it, says so and waits. Makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        reporter.say(f"waiting for another run: {waiting_for}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def machine_lock(folder: Path) -> Path:
    """The lock of this machine's cores: two trainings that share them take far longer than one after the other."""
    name = "".join(c if c.isalnum() else "-" for c in platform.node())
    return folder / f"cores-of-{name}.lock"
