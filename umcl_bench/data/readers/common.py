"""What the readers of official releases share: columns, tables of labels, and the note on counts that differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from umcl_bench.data.corpus import Expectation, Rows, Strings
from umcl_bench.data.policies import UNSURE, Labels
from umcl_bench.data.tables import Table, read_table
from umcl_bench.errors import DataError

VALUES = {"1.0": 1.0, "1": 1.0, "0.0": 0.0, "0": 0.0, "-1.0": UNSURE, "-1": UNSURE, "": float("nan")}
"""How CheXpert's labeler, and so most releases, write a label."""

MAX_JSON = 200_000_000
"""A file of annotations may not have more bytes."""

_MOST_NAMED = 4
_JSON_NAMES: dict[type, str] = {str: "a text", list: "a list", dict: "an object", int: "a whole number"}
_T = TypeVar("_T", str, list[Any], dict[str, Any], int)


def column(values: Iterable[str | None]) -> Strings:
    """Texts as an object array (n,)."""
    items = list(values)
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out


def no_prior(count: int) -> Rows:
    """The `prior` column of a corpus without earlier studies."""
    return np.full(count, -1, dtype=np.int64)


def read_rows(path: Path, needs: Sequence[str] = (), *, header: Sequence[str] | None = None) -> Table:
    """The table at `path`. Raises DataError where it has no rows, too."""
    table = read_table(path, needs, header=header)
    if not len(table):
        raise DataError(f"{path} has no rows{'' if header else ' below its header'}; get it again")
    return table


def label_columns(table: Table, names: Mapping[str, str], classes: Sequence[str]) -> Labels:
    """Stated labels (n, classes) of a table with one column a finding; `names` is its column of each class."""
    stated = np.full((len(table), len(classes)), np.nan, dtype=np.float32)
    for at, name in enumerate(classes):
        if names[name] in table:
            stated[:, at] = table.choices(names[name], VALUES)
    return stated


def counts_note(expectations: Sequence[Expectation]) -> tuple[str, ...]:
    """One note that names the counts which are not the official release's; none where all agree."""
    unmet = [e for e in expectations if not e.met]
    if not unmet:
        return ()
    named = [f"{e.what}: {e.found:,} (official: {e.expected:,})" for e in unmet[:_MOST_NAMED]]
    more = [f"{len(unmet) - _MOST_NAMED} more"] if len(unmet) > _MOST_NAMED else []
    return ("counts that differ from the official release: " + "; ".join(named + more),)


def read_json(path: Path) -> Any:
    """The JSON at `path`. Raises DataError where it is none, or too large."""
    if path.stat().st_size > MAX_JSON:
        raise DataError(f"{path} has more than {MAX_JSON:,} bytes; refused")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no valid JSON ({error}); it may be cut short: get it again") from None


def json_field(record: Any, name: str, kind: type[_T], where: str) -> _T:
    """The field `name` of a JSON object. Raises DataError where it is missing or of another type."""
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        found = "it is missing" if value is None else f"found {str(value)[:40]!r}"
        raise DataError(f"{where}: {name} must be {_JSON_NAMES[kind]}; {found}")
    return value
