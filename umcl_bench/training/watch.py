"""What a training is watched for: signals, a loss that is not finite, data that come too late, memory."""

from __future__ import annotations

import math
import os
import resource
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import NamedTuple

import torch
from torch import Tensor

from umcl_bench.data.corpus import Corpus, Rows

LATE = 0.1
"""From this share of the time on, waiting for data is said in the log."""


class Signals:
    """Turns SIGTERM and Ctrl-C into a wish to stop after the step, so that a state is written first.

    `seen` is the signal's number, or 0; one that nobody has acted on by the end is raised again, for the handlers of
    before. A second Ctrl-C stops at once. Does nothing outside the main thread, where Python allows no handlers.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self.seen and kind is None:
            signal.raise_signal(self.seen)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.seen = number
        if number == signal.SIGINT:  # not by print, which may be what was interrupted
            os.write(2, b"\nstopping after this step; Ctrl-C again stops at once\n")


class Finite:
    """Looks for the first step whose loss or gradient is not finite; on a GPU not at each, as looking waits for it."""

    def __init__(self, device: torch.device) -> None:
        self.eager = device.type == "cpu"
        self._noted: list[tuple[int, Rows, Tensor]] = []

    def note(self, step: int, rows: Rows, loss: Tensor, gradient_norm: Tensor) -> None:
        """Notes a step's loss and gradient norm, and the corpus rows that they are of."""
        self._noted.append((step, rows, torch.stack([loss, gradient_norm.to(loss)])))

    def first_bad(self) -> tuple[int, Rows, str] | None:
        """The first step noted that is not finite, its rows and what it is; forgets the others."""
        noted, self._noted = self._noted, []
        for step, rows, values in noted:
            loss, norm = values.tolist()
            if not math.isfinite(loss) or not math.isfinite(norm):
                return step, rows, f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient norm is {norm}"
        return None


def name_rows(corpus: Corpus, rows: Rows) -> str:
    """The ids of a batch's rows, for a message: the first dozen, and how many more there are."""
    more = f" and {len(rows) - 12} more" if len(rows) > 12 else ""
    return ", ".join(str(corpus.ids[row]) for row in rows[:12]) + more


class Memory(NamedTuple):
    """The most memory that was used, in bytes: of this process on the host, and on the GPU."""

    host: int
    device: int

    def facts(self) -> dict[str, object]:
        """For a record, in megabytes of a million bytes."""
        found: dict[str, object] = {"peak_memory_mb": round(self.host / 1e6)}
        if self.device:
            found["peak_gpu_memory_mb"] = round(self.device / 1e6)
        return found


def peak_memory(device: torch.device) -> Memory:
    """Since the process began (host), and since the device's counter was last reset."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Memory(used, torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0)
