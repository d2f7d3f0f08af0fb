"""Per-sample scores: what every task returns, and what all figures are computed from, now or later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import BenchError


@dataclass(frozen=True)
class Scores:
    """Aligned rows: `value` and `target` (n, c), target in {1, 0, NaN}; `patient` and `id` (n,); `classes` (c,)."""

    value: NDArray[np.float64]
    target: NDArray[np.float64]
    patient: NDArray[np.object_]
    id: NDArray[np.object_]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        n, c = self.value.shape
        if self.target.shape != (n, c) or len(self.patient) != n or len(self.id) != n or len(self.classes) != c:
            raise ValueError(f"scores of {n} samples x {c} classes with columns of other lengths")

    def take(self, rows: NDArray[np.int64]) -> Scores:
        """The scores of some rows, in their order."""
        return Scores(self.value[rows], self.target[rows], self.patient[rows], self.id[rows], self.classes)

    def save(self, path: Path) -> None:
        """Writes a parquet file: id, patient, and for each class 'value:<class>' and 'target:<class>'."""
        import pandas as pd

        columns: dict[str, object] = {"id": self.id.astype(str), "patient": self.patient.astype(str)}
        for k, name in enumerate(self.classes):
            columns[f"value:{name}"], columns[f"target:{name}"] = self.value[:, k], self.target[:, k]
        pd.DataFrame(columns).to_parquet(path, index=False)

    @staticmethod
    def load(path: Path) -> Scores:
        """What `save` wrote. Raises BenchError where the file is not that."""
        import pandas as pd

        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise BenchError(f"{path} can't be read as parquet: {error}") from None
        classes = tuple(c.removeprefix("value:") for c in table.columns if c.startswith("value:"))
        value, target = (table[[f"{what}:{c}" for c in classes]].to_numpy(np.float64) for what in ("value", "target"))
        patient, ids = (table[column].to_numpy(dtype=object) for column in ("patient", "id"))
        return Scores(value, target, patient, ids, classes)
