"""What was checked, as tables for people and as JSON."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from umcl_bench.validate.checks import Verdict

STATES = ("pass", "warning", "fail", "not applicable")


def to_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Plain values; the keys are stable."""
    return {
        "data": "phantom",
        "passed": all(verdict.passed for verdict in verdicts),
        "leaves": [verdict.to_json() for verdict in verdicts],
    }


def to_text(verdicts: Sequence[Verdict], width: int | None) -> str:
    """A table for each leaf; `width` in columns, None for the terminal's."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, emoji=False)
    for verdict in verdicts:
        name = f"{verdict.kind} {verdict.name}" + (f" ({verdict.file})" if verdict.file else "")
        table = Table(title=Text(name), title_justify="left", box=box.SIMPLE_HEAD)
        for column in ("check", "result", "what was seen", "what to do"):
            table.add_column(column, overflow="fold", no_wrap=column == "result")
        for check in verdict.checks:
            result = {"fail": "FAIL", "not applicable": "-"}.get(check.state, check.state)
            table.add_row(*(Text(cell) for cell in (check.name, result, check.seen, check.advice)))
        console.print(table)
        console.print(Text(_summary(verdict)))
    return out.getvalue()


def _summary(verdict: Verdict) -> str:
    counts = {state: sum(check.state == state for check in verdict.checks) for state in STATES}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return f"{verdict.name}: {said}. {verdict.on}\n"
