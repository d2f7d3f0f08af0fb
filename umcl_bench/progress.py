"""Progress for people: a live bar in a terminal, a line every few seconds elsewhere, nothing with --quiet."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Tick(Protocol):
    """Says that `amount` more units are done, with an optional short note."""

    def __call__(self, amount: int = 1, note: str = "") -> None:
        """Counts `amount` units as done."""


class Reporter:
    """Where a run says what it is doing. All of it goes to standard error: standard output is for results."""

    def __init__(self, *, quiet: bool = False, live: bool | None = None, every: float = 5.0) -> None:
        self.follows = int(os.environ.get("RANK", "0")) > 0  # of the processes of one training, the first speaks
        self.quiet = quiet or self.follows
        self.live = (sys.stderr.isatty() if live is None else live) and not self.quiet
        self.every = every

    def say(self, text: str) -> None:
        """Prints one line, unless quiet."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Prints a warning, also when quiet: what changes the meaning of a figure is never hidden."""
        if not self.follows:
            print(f"warning: {text}", file=sys.stderr, flush=True)

    @contextmanager
    def track(self, what: str, total: int) -> Iterator[Tick]:
        """Yields a `Tick` for `total` units of work called `what`."""
        with self._bar(what, total) if self.live else self._lines(what, total) as tick:
            yield tick

    @contextmanager
    def _bar(self, what: str, total: int) -> Iterator[Tick]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total, note="")

            def tick(amount: int = 1, note: str = "") -> None:
                bar.update(task, advance=amount)
                if note:
                    bar.update(task, note=note)

            yield tick

    @contextmanager
    def _lines(self, what: str, total: int) -> Iterator[Tick]:
        start = last = time.monotonic()
        done, said = 0, ""

        def tick(amount: int = 1, note: str = "") -> None:
            nonlocal done, last, said
            done += amount
            said = note or said
            now = time.monotonic()
            if now - last >= self.every and 0 < done < total:
                last = now
                left = (now - start) / done * (total - done)
                self.say(f"{what}: {done}/{total}, {left:.0f} s left {said}".rstrip())

        yield tick
        self.say(f"{what}: {done}/{total} in {time.monotonic() - start:.1f} s")
