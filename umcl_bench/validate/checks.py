"""What a check is: a function of what it looks at, which says what it saw; an error in it is a failure."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from umcl_bench.errors import BenchError, Stopped

State = Literal["pass", "warning", "fail", "not applicable"]
T = TypeVar("T")


class Check(NamedTuple):
    """What was looked at, how it came out, what was seen, and what to do where that is not good."""

    name: str
    state: State
    seen: str
    advice: str = ""


class Seen(NamedTuple):
    """What a check's function says."""

    state: State
    text: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """All checks of one leaf: a 'model', a 'task' or a file that could not be loaded ('plug-in').

    `on` says what they were made on.
    """

    kind: str
    name: str
    file: str
    on: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed; warnings do not count."""
        return all(check.state != "fail" for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the keys are stable."""
        checks = [check._asdict() for check in self.checks]
        said = {"kind": self.kind, "name": self.name, "file": self.file, "on": self.on}
        return {**said, "passed": self.passed, "checks": checks}


def check(name: str, advice: str) -> Callable[[Callable[[T], Seen]], Callable[[T], Check]]:
    """Makes a check of a function: it gets its name, and the advice that stands beside a failure or a warning."""

    def wrap(look: Callable[[T], Seen]) -> Callable[[T], Check]:
        @functools.wraps(look)
        def made(subject: T) -> Check:
            try:
                state, text = look(subject)
            except Stopped:
                raise
            except Exception as error:  # a user's code raises what it likes
                state, text = "fail", in_words(error)
            return Check(name, state, text, advice if state in ("fail", "warning") else "")

        return made

    return wrap


def in_words(error: Exception) -> str:
    """An error in one line; whose it is, where it is not ours."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"


def passed(text: str) -> Seen:
    """The check passed."""
    return Seen("pass", text)


def failed(text: str) -> Seen:
    """The check failed."""
    return Seen("fail", text)


def judged(good: bool, text: str) -> Seen:
    """Passed where it is good, else failed."""
    return Seen("pass" if good else "fail", text)


def not_applicable(why: str) -> Seen:
    """There is nothing to check, and why."""
    return Seen("not applicable", why)


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names with commas: the first few, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def shown(file: Path | None) -> str:
    """A file's name for people, '' for none."""
    return "" if file is None else str(file)
