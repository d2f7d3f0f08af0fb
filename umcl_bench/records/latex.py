"""Tables for a paper: LaTeX with booktabs and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

from umcl_bench.records.leaderboard import Table

_ESCAPES = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "≈": r"$\approx$",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
}
_NO_LETTER = re.compile(r"[^\x00-\x7fÀ-ÏÑ-ÖØ-Ýß-ïñ-öø-ýÿ]")  # what the default font encoding, OT1, lacks
_LEFT = ("model", "size", "marks", "task")
HEAD = "% \\usepackage{booktabs}\n"


def to_latex(found: Iterable[Table]) -> str:
    """A table environment each, the caption with all notes. A preamble needs the package booktabs, and nothing else."""
    return HEAD + "\n".join(map(_table, found))


def _table(table: Table) -> str:
    align = "".join("l" if name in _LEFT else "r" for name in table.header)
    rows = [
        [rf"\textbf{{{escape(cell)}}}" if (at, k) in table.bold else escape(cell) for k, cell in enumerate(row)]
        for at, row in enumerate(table.rows)
    ]
    told = ". ".join(text.rstrip(".") for text in (table.title, table.caption, *table.footnotes))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escape(told)}.}}",
            rf"\begin{{tabular}}{{@{{}}{align}@{{}}}}",
            r"\toprule",
            _line(list(map(escape, table.header))),
            r"\midrule",
            *map(_line, rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _line(cells: list[str]) -> str:
    # a row that begins with [ would be read as an option of the \\ before it
    return " & ".join(f"{{}}{cell}" if cell.startswith("[") else cell for cell in cells) + r" \\"


def escape(text: str) -> str:
    """Plain text that LaTeX prints as it is; what it has no letter for becomes '?'."""
    safe = "".join(_ESCAPES.get(c, c) for c in text)
    return _NO_LETTER.sub("?", safe)
