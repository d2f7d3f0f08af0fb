"""What the readers of official releases share: columns, tables of labels, and the note on counts that differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from umcl_bench.data.corpus import Expectation, Rows, Strings
from umcl_bench.data.policies import UNSURE, Labels
from umcl_bench.data.tables import Table, read_table
from umcl_bench.errors import DataError

VALUES = {"1.0": 1.0, "1": 1.0, "0.0": 0.0, "0": 0.0, "-1.0": UNSURE, "-1": UNSURE, "": float("nan")}
"""How CheXpert's labeler, and so most releases, write a label."""

_MOST_NAMED = 4


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
