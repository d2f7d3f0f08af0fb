"""The one kind of error that a user may see: a message that says what was found and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """The run failed for a reason that the user can act on. Exit code 1."""

    exit_code = 1


class UsageError(BenchError):
    """What was asked for does not exist or does not fit together. Exit code 2."""

    exit_code = 2


class Stopped(BenchError):
    """The user stopped the run. Exit code 130."""

    exit_code = 130


class DataError(BenchError):
    """A source, a file or a row of it is not what it should be. Exit code 1."""


_MOST_NAMES = 40


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a misspelt name: what was asked for, the nearest names, and which there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    told = [repr(n) for n in names] if any("," in n for n in names) else names  # 'continuous, 8' is one name
    listed = ", ".join(told[:_MOST_NAMES]) or "none"
    return UsageError(f"no {kind} is named {name!r}.{hint} There are: {listed}{more}.")


def reason(error: Exception) -> str:
    """What a person is told of an error: its message, what to look at on the disk, or that it is a fault of ours."""
    if isinstance(error, BenchError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}. Check the folder's permissions and the free space."
    return f"this should not happen: {type(error).__name__}: {error}. Add --debug for the traceback."
