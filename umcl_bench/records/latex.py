"""Tables for a paper: LaTeX with booktabs and nothing else."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable

from umcl_bench.records.leaderboard import LEFT, PROSE, Table, heading, pieces, widths

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
ROOM, GAP, LINES = 72, 2, 38
"""Characters of \\small between the margins of article and between two columns, and lines of a page."""

WAITING = 20
"""Tables that may wait for a place before a page is begun; LaTeX takes 52."""

HEAD = f"% \\usepackage{{booktabs}}\n% a table wider than about {ROOM} characters or longer than a page is in pieces\n"


def to_latex(found: Iterable[Table]) -> str:
    """A table environment each, the caption with all notes; what is too wide or too long for a page is in pieces.

    A preamble needs the package booktabs, and nothing else.
    """
    told = []
    for table in found:
        parts = [page for piece in pieces(table, ROOM, GAP) for page in _pages(piece)]
        told += [_table(piece, first=at == 0) for at, piece in enumerate(parts)]
    breaks = ["\\clearpage\n" if at and at % WAITING == 0 else "" for at in range(len(told))]
    return HEAD + "\n".join(map("".join, zip(breaks, told, strict=True)))


def _pages(table: Table) -> list[Table]:
    """The table in pieces of at most LINES lines."""
    needed, starts, lines = widths(table), [0], 0
    for at, row in enumerate(table.rows):
        taken = max(-(-len(cell) // width) for cell, width in zip(row, needed, strict=True))
        if lines and lines + taken > LINES:
            starts.append(at)
            lines = 0
        lines += taken
    if len(starts) < 2:
        return [table]
    return [
        dataclasses.replace(
            table,
            title=f"{table.title}, rows {start + 1} to {min(end, len(table.rows))}",
            rows=table.rows[start:end],
            bold=frozenset((at - start, k) for at, k in table.bold if start <= at < end),
        )
        for start, end in itertools.pairwise([*starts, len(table.rows)])
    ]


def _table(table: Table, *, first: bool) -> str:
    needed = widths(table)
    align = "".join(map(_align, table.header, needed))
    columns = list(zip(table.header, needed, strict=True))
    rows = [
        [_cell(cell, *columns[k], bold=(at, k) in table.bold) for k, cell in enumerate(row)]
        for at, row in enumerate(table.rows)
    ]
    notes = (table.title, table.caption, *table.footnotes) if first else (table.title, "Notes: at its first piece")
    told = ". ".join(text.rstrip(".") for text in notes)
    return "\n".join(
        [
            r"\begin{table}[tbp]",
            r"\centering\small\setlength{\tabcolsep}{4pt}\setlength{\belowcaptionskip}{5pt}",
            rf"\caption{{{escape(told)}.}}",
            rf"\begin{{tabular}}{{@{{}}{align}@{{}}}}",
            r"\toprule",
            _line([_heading(*column) for column in columns]),
            r"\midrule",
            *map(_line, rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _prose(name: str, width: int) -> bool:
    return name in LEFT and width >= PROSE


def _align(name: str, width: int) -> str:
    """Left, right, or so wide that prose breaks: half an em a character."""
    if _prose(name, width):
        return rf"p{{{width / 2:g}em}}"
    return "l" if name in LEFT else "r"


def _cell(text: str, name: str, width: int, *, bold: bool) -> str:
    if _prose(name, width):
        return rf"\raggedright {escape(text)}"
    return rf"\textbf{{{escape(text)}}}" if bold else escape(text)


def _heading(name: str, width: int) -> str:
    """In lines that are no wider than the column."""
    lines = [_whole(escape(line)) for line in heading(name, width)]
    if len(lines) < 2:
        return lines[0]
    side = "l" if name in LEFT else "r"
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}" + r" \\ ".join(lines) + r"\end{tabular}"


def _line(cells: list[str]) -> str:
    return " & ".join(map(_whole, cells)) + r" \tabularnewline"


def _whole(text: str) -> str:
    """The text as it is: a [ that comes first would be read as an option of the line break before it."""
    return f"{{}}{text}" if text.startswith("[") else text


def escape(text: str) -> str:
    """Plain text that LaTeX prints as it is; what it has no letter for becomes '?'."""
    safe = "".join(_ESCAPES.get(c, c) for c in text)
    return _NO_LETTER.sub("?", safe)
