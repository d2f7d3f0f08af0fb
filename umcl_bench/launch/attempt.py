"""One run as a process of its own: the same command line, its exit code, and the end of what it said."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

PROGRAM = ("-m", "umcl_bench")
TAIL = 8
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: nothing may be after a fork


class Ended(NamedTuple):
    """How a process ended: its exit code, negative for a signal, and the last lines of its standard error."""

    code: int
    tail: tuple[str, ...]

    @property
    def died(self) -> bool:
        """Whether something outside ended it: a signal, or the code that a shell or a handler makes of one."""
        return self.code < 0 or self.code > 128

    def why(self) -> str:
        """Its error message; where it gave none, how it ended and its last lines."""
        said = [line for line in self.tail if line.startswith("umcl-bench: ")]
        if said and not self.died:
            return said[-1].removeprefix("umcl-bench: ")
        return ": ".join(filter(None, (how(self.code), " / ".join(self.tail))))


def how(code: int) -> str:
    """An exit code in words."""
    number = -code if code < 0 else code - 128
    if (code < 0 or code > 128) and number in set(signal.Signals):
        return f"ended by {signal.Signals(number).name}"
    return f"exit code {code}"


def attempt(
    words: Sequence[str], folder: str, environment: Mapping[str, str | None], program: Sequence[str] = PROGRAM
) -> Ended:
    """Runs this Python with `program` and `words` in `folder`; what it says goes to standard error as it comes.

    `environment` is added to this process's own; a name with None is taken out.
    """
    merged = {**os.environ, **environment}
    command = [sys.executable, *program, *words]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={name: value for name, value in merged.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=_end_with_the_parent if _LIBC else None,
    )
    tail: deque[str] = deque(maxlen=TAIL)
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            print(line, end="", file=sys.stderr, flush=True)
            tail.append(line.strip())
    return Ended(process.returncode, tuple(filter(None, tail)))


def _end_with_the_parent() -> None:
    """A worker that is killed takes its run along: an orphan would hold the GPU and the locks."""
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
