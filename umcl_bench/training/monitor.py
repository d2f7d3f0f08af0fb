"""What is seen of a training: the live line, a CSV file that grows with it, and TensorBoard's events."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from umcl_bench.errors import UsageError
from umcl_bench.progress import Tick


class LogRow(NamedTuple):
    """One step of the log: speeds and `waiting`, the share of the time without a batch, are since the row before.

    Alignment and uniformity are of the first process's embeddings (objectives/contrastive.py).
    """

    step: int
    loss: float
    learning_rate: float
    scale: float
    gradient_norm: float
    films_per_second: float
    waiting: float
    alignment: float
    uniformity: float
    false_negative_rate: float
    target_entropy: float
    positives: float


def write_log(path: Path, rows: Sequence[LogRow]) -> None:
    """The whole log as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(LogRow._fields)
        writer.writerows([f"{value:.6g}" for value in row] for row in rows)


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a log, oldest first; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


class Monitor:
    """Keeps the rows, and shows each as it comes. `folder` gets a log.csv that can be followed while it grows.

    `rows` are those of the steps up to `step`; TensorBoard forgets what it saw of later ones.
    """

    def __init__(self, rows: Sequence[LogRow], folder: Path | None, tensorboard: Path | None, step: int = 0) -> None:
        self.rows = list(rows)
        self.path = folder / "log.csv" if folder else None
        self.events: Any = _event_writer(tensorboard, step + 1)
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_log(self.path, self.rows)

    def add(self, row: LogRow, tick: Tick) -> None:
        """Shows and writes one more row."""
        self.rows.append(row)
        if self.path:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow([f"{value:.6g}" for value in row])
        if self.events is not None:
            for name, value in row._asdict().items():
                if name != "step":
                    self.events.add_scalar(f"training/{name}", value, row.step)
        late = f", waiting for data {row.waiting:.0%}" if row.waiting > 0.01 else ""
        tick(
            0,
            f"loss {row.loss:.3f}, {row.films_per_second:.0f} films/s, "
            f"false negatives {row.false_negative_rate:.1%}{late}",
        )

    def add_selection(self, step: int, rule: str, value: float) -> None:
        """Shows what val says of a step's weights."""
        if self.events is not None:
            self.events.add_scalar(f"selection/{rule}", value, step)

    def close(self) -> None:
        """Flushes what was written."""
        if self.events is not None:
            self.events.close()


def check_tensorboard() -> None:
    """Raises UsageError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("--tensorboard needs the package tensorboard: pip install 'umcl-bench[tensorboard]'")


def _event_writer(folder: Path | None, purge_step: int) -> Any:
    if folder is None:
        return None
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=purge_step)
