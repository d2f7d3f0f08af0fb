"""The run store: one folder a record and one a checkpoint, written whole or not at all, never overwritten."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from umcl_bench.errors import BenchError, unknown_name
from umcl_bench.locks import held
from umcl_bench.metrics.scores import Figure, Parts, Scores, load_parts, save_parts
from umcl_bench.progress import Reporter
from umcl_bench.spec import Intervals

SCHEMA = 1
DEFAULT = "runs"
KEYS: dict[str, type] = {
    "command": str,
    "seed": int,
    "headline": str,
    "warnings": list,
    **dict.fromkeys(("model", "task", "data", "metrics", "intervals", "leaks", "training", "protocol"), dict),
}
"""What tables and `show` read from result.json: without one of these a record is damaged."""


@dataclass(frozen=True)
class Record:
    """One run: what was run, on what, and what came out. `result` is result.json as it is on disk."""

    folder: Path
    result: dict[str, Any]

    @property
    def id(self) -> str:
        """The folder's name: model, size, seed, task, source and a digest."""
        return self.folder.name

    def parts(self) -> dict[str, Scores]:
        """The per-sample scores, by the name of what was scored; '' where that is one thing."""
        return load_parts(self.folder / "scores.parquet")

    def figure(self, key: str) -> tuple[str, Figure]:
        """The metric, and the figure of the parts, that `key` of the record's metrics names."""
        figures = self.result.get("figures", {"": {}})  # records of the first tasks have one
        for plain in figures.values():
            figure = Figure(**{**plain, **({"parts": tuple(plain["parts"])} if plain else {})})
            metric = key.partition(" (")[0]
            if figure.key(metric) == key:
                return metric, figure
        raise BenchError(f"{self.folder}: no figure of its scores is {key}; the record is damaged")

    def intervals(self) -> Intervals:
        """How its intervals were made."""
        return Intervals(**{field.name: self.result["intervals"][field.name] for field in fields(Intervals)})


class Store:
    """A folder with `records/` and `checkpoints/`. Nothing is made before the first write."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root or os.environ.get("UMCL_BENCH_STORE") or DEFAULT)

    def find(self, record_id: str) -> Record | None:
        """The record of that id, or None."""
        folder = self.root / "records" / record_id
        return self._read(folder) if folder.is_dir() else None

    def get(self, beginning: str) -> Record:
        """The one record whose id is, begins with, or ends with `beginning`. Raises UsageError for none or several."""
        ids = [f.name for f in self._folders()]
        hits = [i for i in ids if i == beginning] or [
            i for i in ids if i.startswith(beginning) or i.endswith(beginning)
        ]
        if len(hits) != 1:
            raise unknown_name("single record", beginning, hits or ids)
        return self._read(self.root / "records" / hits[0])

    def records(self, reporter: Reporter) -> list[Record]:
        """All records, in the order of their ids; one that can't be read is warned about and left out."""
        found = []
        for folder in self._folders():
            try:
                found.append(self._read(folder))
            except BenchError as error:
                reporter.warn(f"left out: {error}")
        return found

    def add(self, record_id: str, result: dict[str, Any], parts: Parts) -> Record:
        """Writes a record whole, by renaming a finished folder into place."""
        with self.new_folder("records", record_id) as folder:
            save_parts(parts, folder / "scores.parquet")
            text = json.dumps(clean({"schema": SCHEMA, "id": record_id, **result}), indent=1, allow_nan=False)
            (folder / "result.json").write_text(text + "\n", encoding="utf-8")
        return self._read(self.root / "records" / record_id)

    @contextmanager
    def new_folder(self, kind: str, name: str) -> Iterator[Path]:
        """Yields an empty folder that becomes `kind`/`name` when the block ends well, and goes away when not."""
        parent = self.root / kind
        parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{name}-", suffix=".part", dir=parent))
        try:
            yield part
            part.chmod(0o755)
            part.rename(parent / name)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def lock(self, name: str, reporter: Reporter) -> AbstractContextManager[None]:
        """Holds the lock `name` of this store; says so when another run has it, and waits."""
        return held(self.root / ".locks" / f"{name}.lock", name, reporter)

    def _folders(self) -> list[Path]:
        parent = self.root / "records"
        return (
            sorted(f for f in parent.iterdir() if f.is_dir() and not f.name.startswith(".")) if parent.is_dir() else []
        )

    def _read(self, folder: Path) -> Record:
        path = folder / "result.json"
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BenchError(f"{path} can't be read ({error}); move {folder} away") from None
        schema = result.get("schema") if isinstance(result, dict) else None
        if schema != SCHEMA:
            raise BenchError(f"{path} has schema {schema}; this version reads schema {SCHEMA}")
        missing = [key for key in KEYS if not isinstance(result.get(key), KEYS[key])]
        if missing or not (folder / "scores.parquet").is_file():
            raise BenchError(
                f"{folder} is no whole record: {', '.join(missing) or 'scores.parquet'} missing; move it away"
            )
        return Record(folder, result)


def clean(value: Any) -> Any:
    """JSON data with null for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {str(k): clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
