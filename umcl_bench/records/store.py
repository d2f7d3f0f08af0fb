"""The run store: one folder a record and one a checkpoint, written whole or not at all, never overwritten."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from umcl_bench.errors import BenchError, UsageError, unknown_name
from umcl_bench.locks import held
from umcl_bench.metrics.scores import Figure, Parts, Scores, load_parts, save_parts
from umcl_bench.progress import Reporter
from umcl_bench.records.shape import lacking, unknown_metrics
from umcl_bench.spec import Intervals

SCHEMA = 1
DEFAULT = "runs"
RESULT, SCORES, SUMS = "result.json", "scores.parquet", "SHA256SUMS"
"""A record's files; the last has the digests of the others, as `sha256sum -c SHA256SUMS` reads them."""


@dataclass(frozen=True)
class Record:
    """One run: what was run, on what, and what came out. `result` is result.json as it is on disk.

    `sums` are the SHA-256 digests that were written with it; records of the first versions have none.
    """

    folder: Path
    result: dict[str, Any]
    sums: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The folder's name: model, size, seed, task, source and a digest."""
        return self.folder.name

    def parts(self) -> dict[str, Scores]:
        """The per-sample scores, by the name of what was scored; '' where that is one thing. Raises BenchError."""
        self.check_scores()
        return load_parts(self.folder / SCORES)

    def check_scores(self) -> None:
        """Raises BenchError where the scores are not those that were written: cut off, or changed by hand."""
        path = self.folder / SCORES
        _check_end(path)
        if SCORES in self.sums:
            _check_sum(path, path.read_bytes(), self.sums)

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
        return Intervals(**{of.name: self.result["intervals"][of.name] for of in fields(Intervals)})


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
        if len(hits) > 1:
            raise UsageError(f"{beginning!r} fits {len(hits)} records: {', '.join(sorted(hits))}. Name one of them")
        if not hits:
            raise unknown_name(f"record in {self.root}", beginning, ids)
        return self._read(self.root / "records" / hits[0])

    def records(self, reporter: Reporter, *, scores: bool = False) -> list[Record]:
        """Those of `read`; what is left out is warned about."""
        found, left_out = self.read(reporter, scores=scores)
        for why in left_out:
            reporter.warn(f"left out: {why}")
        return found

    def read(self, reporter: Reporter, *, scores: bool = False) -> tuple[list[Record], list[str]]:
        """All records, in the order of their ids; and why others are left out: damaged, changed, or newer than this.

        With `scores`, those whose per-sample scores were changed, too: every file is read then. That scores were cut
        off is seen without. Of records without sums it is said that they have none.
        """
        found: list[Record] = []
        left_out: list[str] = []
        for folder in self._folders():
            try:
                record = self._read(folder)
                if scores:
                    record.check_scores()
                found.append(record)
            except BenchError as error:
                left_out.append(str(error))
        unknown = [record.id for record in found if not record.sums]
        if unknown:
            reporter.warn(f"whether {unknown[0]} was changed can't be told ({len(unknown)} without {SUMS})")
        return found, left_out

    def add(self, record_id: str, result: dict[str, Any], parts: Parts) -> Record:
        """Writes a record whole, by renaming a finished folder into place."""
        with self.new_folder("records", record_id) as folder:
            save_parts(parts, folder / SCORES)
            text = json.dumps(clean({"schema": SCHEMA, "id": record_id, **result}), indent=1, allow_nan=False)
            (folder / RESULT).write_text(text + "\n", encoding="utf-8")
            sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (RESULT, SCORES)}
            (folder / SUMS).write_text("".join(f"{of}  {name}\n" for name, of in sums.items()), encoding="utf-8")
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
        path, sums = folder / RESULT, _sums(folder)
        try:
            raw = path.read_bytes()
            _check_sum(path, raw, sums)
            result = json.loads(raw)
        except (OSError, ValueError) as error:
            raise BenchError(f"{path} can't be read ({error}); move {folder} away") from None
        schema = result.get("schema") if isinstance(result, dict) else None
        if schema != SCHEMA:
            newer = " (a newer umcl-bench wrote it)" if isinstance(schema, int) and schema > SCHEMA else ""
            raise BenchError(f"{path} has schema {schema}{newer}; this version reads schema {SCHEMA}")
        missing = lacking(result)
        if missing or not (folder / SCORES).is_file():
            told = f"{', '.join(missing)} missing or not of its kind" if missing else f"{SCORES} missing"
            raise BenchError(f"{folder} is no whole record: {told}; move it away")
        if unknown := unknown_metrics(result):
            raise BenchError(
                f"{path} has metrics that this version does not know: {', '.join(unknown)}; move {folder} away"
            )
        if result["id"] != folder.name:
            raise BenchError(f"{folder} holds the record {result['id']}, a copy that would count again; move it away")
        _check_end(folder / SCORES)
        return Record(folder, result, sums)


def _sums(folder: Path) -> dict[str, str]:
    """The digests by file; {} of a record that has none. Raises BenchError where they can't be read."""
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} can't be read ({error}); move {folder} away") from None
    found = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if not {RESULT, SCORES} <= set(found):
        raise BenchError(f"{path} does not name {RESULT} and {SCORES}: it was cut off or changed; move {folder} away")
    return found


def _check_end(path: Path) -> None:
    """Raises BenchError where scores were cut off: a parquet file ends with its magic number."""
    with path.open("rb") as file:
        file.seek(-min(4, path.stat().st_size), os.SEEK_END)
        if file.read() != b"PAR1":
            raise BenchError(f"{path} does not end as a parquet file does: it was cut off; move {path.parent} away")


def _check_sum(path: Path, raw: bytes, sums: Mapping[str, str]) -> None:
    if path.name in sums and hashlib.sha256(raw).hexdigest() != sums[path.name]:
        raise BenchError(
            f"{path} is not what was written: cut off, or changed by hand ({SUMS} says so). Move {path.parent} away, "
            "or run it again"
        )


def clean(value: Any) -> Any:
    """JSON data with null for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {str(k): clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
