"""What the doctor says: findings and facts, as a table for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
SHOWN = 1000


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found: `count` times, with up to a thousand examples in JSON, three in the table.

    An 'error' makes a run fail or its figures wrong; a 'warning' should be looked at; a 'note' is worth knowing.
    `code` is stable; `message` says what is counted. `dataset` is '' for what is about the whole folder.
    """

    level: Level
    code: str
    message: str
    count: int
    examples: tuple[str, ...] = ()
    dataset: str = ""


def listed(level: Level, code: str, message: str, items: Iterable[object]) -> list[Finding]:
    """A finding over `items`, or none where there are none."""
    found = [str(item).encode("utf-8", "backslashreplace").decode() for item in items]  # a file may have any name
    return [Finding(level, code, message, len(found), tuple(found[:SHOWN]))] if found else []


@dataclass(frozen=True)
class Facts:
    """What one dataset of the folder is: counts by name, and each official count beside the found one."""

    dataset: str
    recognised: str
    folder: str
    rows: int
    films: int
    patients: int
    splits: dict[str, int]
    views: dict[str, int]
    kinds: dict[str, int]
    findings: dict[str, dict[str, int]]
    expectations: list[dict[str, Any]]
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """All that the doctor found in a folder. `plan` is what it said first: films, bytes, seconds, films to read."""

    folder: str
    quick: bool
    plan: dict[str, Any]
    datasets: tuple[Facts, ...]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 where there is an error; warnings and notes alone give 0."""
        return int(any(finding.level == "error" for finding in self.findings))

    def to_json(self) -> dict[str, Any]:
        """Plain values; the keys are stable."""
        counts = {f"{level}s": sum(f.level == level for f in self.findings) for level in LEVELS}
        return {
            "folder": self.folder,
            "quick": self.quick,
            "exit_code": self.exit_code,
            **counts,
            "plan": self.plan,
            "datasets": [vars(facts) for facts in self.datasets],
            "findings": [
                dataclasses.asdict(finding) | {"examples": list(finding.examples)} for finding in self.findings
            ],
        }

    def to_text(self, width: int = 120) -> str:
        """Tables for people, in ASCII."""
        from rich import box
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        out = io.StringIO()
        console = Console(file=out, width=width, color_system=None, legacy_windows=False, emoji=False)
        for facts in self.datasets:
            console.print(escape(_heading(facts)), highlight=False)
            console.print(_counts_table(facts))
        table = Table(box=box.ASCII2, title=f"{self.folder}: what was found", title_justify="left")
        for name, right in (("level", False), ("count", True), ("what", False), ("for example", False)):
            table.add_column(name, justify="right" if right else "left", overflow="fold")
        for finding in self.findings:
            what = f"{finding.dataset}: {finding.message}" if finding.dataset else finding.message
            examples = "; ".join(finding.examples[:3]) + (" ..." if finding.count > 3 else "")
            table.add_row(finding.level, f"{finding.count:,}", escape(what), escape(examples))
        console.print(table if self.findings else "nothing to report")
        console.print(self._verdict(), highlight=False)
        return _ascii(out.getvalue())

    def _verdict(self) -> str:
        counts = ", ".join(f"{level}s: {sum(f.level == level for f in self.findings)}" for level in LEVELS)
        looked = " A sample of the films was looked at: leave --quick out for all." if self.quick else ""
        return f"{counts}.{looked}"


def _heading(facts: Facts) -> str:
    return (
        f"{facts.dataset} ({facts.recognised}): {facts.rows:,} rows, {facts.films:,} films, {facts.patients:,} patients"
    )


def _counts_table(facts: Facts) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.ASCII2, show_header=False)
    for name in ("splits", "views", "kinds"):
        counts: dict[str, int] = getattr(facts, name)
        table.add_row(name, escape(", ".join(f"{key or '(none)'} {n:,}" for key, n in counts.items())))
    for name, value in facts.more.items():
        table.add_row(escape(name), escape(str(value)))
    for row in facts.expectations:
        verdict = "as published" if row["expected"] == row["found"] else f"published: {row['expected']:,}"
        table.add_row(escape(row["what"]), f"{row['found']:,} ({verdict})")
    return table


def _ascii(text: str) -> str:
    """`text` with what a plain terminal can't show as its escape; no control character reaches a terminal."""
    plain = "".join(c if c == "\n" or c.isprintable() else repr(c)[1:-1] for c in text)
    return plain.encode("ascii", "backslashreplace").decode("ascii")
