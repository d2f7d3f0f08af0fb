"""Per-sample scores: what every task returns, and what all figures are computed from, now or later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Names = NDArray[np.object_]
Over = Literal["mean", "sd", "worst-decile"]


@dataclass(frozen=True)
class Scores:
    """Aligned rows of n samples and c classes.

    `columns` are (n, c) arrays by name, NaN where a sample has nothing to say: 'value' and 'target' (in {1, 0, NaN}) of
    a classification, and what else a protocol measures of each sample ('decision', 'rank', 'intersection', ...);
    `patient` and `id` are (n,), `groups` (n,) attributes of the samples (sex, age, view, site), '' where not known.
    """

    columns: Mapping[str, Floats]
    patient: Names
    id: Names
    classes: tuple[str, ...]
    groups: Mapping[str, Names] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, c = len(self.id), len(self.classes)
        wrong = [name for name, column in self.columns.items() if column.shape != (n, c)]
        if wrong or len(self.patient) != n or any(len(group) != n for group in self.groups.values()):
            raise ValueError(f"scores of {n} samples x {c} classes with columns of other lengths ({', '.join(wrong)})")

    @staticmethod
    def of(
        value: Floats, target: Floats, patient: Names, id: Names, classes: tuple[str, ...], **more: Floats
    ) -> Scores:
        """Those of a classification."""
        return Scores({"value": value, "target": target, **more}, patient, id, classes)

    @property
    def value(self) -> Floats:
        """The column 'value' (n, c)."""
        return self.columns["value"]

    @property
    def target(self) -> Floats:
        """The column 'target' (n, c), all NaN where the task has none."""
        empty = np.full((len(self.id), len(self.classes)), np.nan)
        return self.columns.get("target", empty)

    def take(self, rows: NDArray[np.int64]) -> Scores:
        """The scores of some rows, in their order."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        groups = {name: group[rows] for name, group in self.groups.items()}
        return Scores(columns, self.patient[rows], self.id[rows], self.classes, groups)


Parts = Mapping[str, Scores]
"""What a task was scored on, by name: '' alone, or one for each fraction and draw, corruption, wording, ..."""


@dataclass(frozen=True)
class Figure:
    """What a task reports of its parts: each metric's mean over them, or its spread; `label` is '' for the plain one.

    'worst-decile' is the mean of the lowest tenth of the parts, at least one of them. Parts of one figure have the same
    samples.
    """

    label: str = ""
    parts: tuple[str, ...] = ("",)
    over: Over = "mean"

    def key(self, metric: str) -> str:
        """What a record calls a metric of this figure: 'auroc', or 'auroc (10%)'."""
        return f"{metric} ({self.label})" if self.label else metric


PLAIN = (Figure(),)


def over_parts(values: Floats, over: Over) -> Floats:
    """Values (p, ...) of the parts -> (...). The standard deviation of a single part is NaN."""
    if over == "mean":
        return np.asarray(values.mean(axis=0))
    if over == "sd":
        return values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
    lowest = np.sort(values, axis=0)[: max(1, len(values) // 10)].mean(axis=0)  # NaN stands last there
    return np.where(np.isnan(values).any(axis=0), np.nan, lowest)


def save_parts(parts: Parts, path: Path) -> None:
    """Writes a parquet file: part, id, patient, 'group:<name>', and for each class and column '<column>:<class>'."""
    import pandas as pd

    table = pd.concat([_table(name, scores) for name, scores in parts.items()], ignore_index=True)
    numbers = [name for name in table.columns if table[name].dtype == np.float64]
    names = [name for name in table.columns if name not in numbers]
    # two thirds of the size, with nothing lost
    table.to_parquet(path, index=False, compression="zstd", use_dictionary=names, use_byte_stream_split=numbers)


def _table(part: str, scores: Scores) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, object] = {"part": part} if part else {}
    columns |= {"id": scores.id.astype(str), "patient": scores.patient.astype(str)}
    columns |= {f"group:{name}": group.astype(str) for name, group in scores.groups.items()}
    for k, name in enumerate(scores.classes):
        columns |= {f"{column}:{name}": values[:, k] for column, values in scores.columns.items()}
    return pd.DataFrame(columns)


def load_parts(path: Path) -> dict[str, Scores]:
    """What `save_parts` wrote. Raises BenchError where the file is not that."""
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} can't be read as parquet: {error}") from None
    if "part" not in table:
        return {"": _scores(table)}
    return {str(name): _scores(part) for name, part in table.groupby("part", sort=False)}


def _scores(table: pd.DataFrame) -> Scores:
    named = [name.partition(":")[::2] for name in table.columns if ":" in name and not name.startswith("group:")]
    classes = tuple(dict.fromkeys(name for _, name in named))
    columns = {
        column: table[[f"{column}:{name}" for name in classes]].to_numpy(np.float64)
        for column in dict.fromkeys(column for column, _ in named)
    }
    marked = [str(name) for name in table.columns if str(name).startswith("group:")]
    groups = {name.removeprefix("group:"): table[name].to_numpy(dtype=object) for name in marked}
    patient, ids = (table[column].to_numpy(dtype=object) for column in ("patient", "id"))
    return Scores(columns, patient, ids, classes, groups)


def same_samples(several: Sequence[Scores]) -> bool:
    """Whether all are of the same samples, in the same order, with the same targets."""
    first = several[0]
    return all(
        np.array_equal(other.id, first.id) and np.array_equal(other.target, first.target, equal_nan=True)
        for other in several[1:]
    )
