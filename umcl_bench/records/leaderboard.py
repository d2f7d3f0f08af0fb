"""Leaderboards, made from records alone: one table for each task on each data; terminal, Markdown and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from umcl_bench.metrics.registry import METRICS
from umcl_bench.records.store import Record
from umcl_bench.spec import METHODS

MADE_BY = ("films", "labels", "scoring", "metrics")
"""The methods (spec.METHODS) by which the records of one table are made; how models are trained may differ."""

DASH = "–"
MARKS = {
    "L": "labels of these findings were seen in training: not blind to them",
    "P": "patients are in both training and test",
    "D": "identical films are in both training and test",
    "N": "near-duplicates of training films are in the test",
    "O": "the test's dataset shares films with one that was trained on",
    "S": "the split itself leaks: `umcl-bench data explain SPLIT`",
    "U": "films that can't be read were left out",
    "!": "the record has warnings: `umcl-bench show RUN`",
}
CSV_COLUMNS = (
    "kind", "source", "task", "model", "size", "seed", "metric", "class", "value", "low", "high",
    "n", "positives", "negatives", "undefined", "patients", "marks", "data_fingerprint", "record",
)  # fmt: skip
NAMES = ("model", "size", "against", "class")
"""Columns that name a row, where a table begins with them."""

LEFT = (*NAMES, "marks", "task", "protocol", "metric", "paper", "seen", "notes")
"""Columns of words; the others are of figures."""

PROSE = 36
"""Longer words than so many characters may break over lines."""

_MOST_CLASSES = 5


@dataclass(frozen=True)
class Table:
    """Rows that may be compared: the same task on the same corpus. `caption` says what these are.

    `bold` are the cells (row, column) of the best.
    """

    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...]
    bold: frozenset[tuple[int, int]] = frozenset()


class Column(NamedTuple):
    """A column beside the headline: its title, and the key and class of its figures."""

    title: str
    key: str
    name: str


def tables(records: Iterable[Record]) -> list[Table]:
    """One table for each (source, corpus, task, version), a row a run; the phantom's first, then sources by name."""
    return [_table(group) for group in groups_of(records)]


def groups_of(records: Iterable[Record]) -> list[list[Record]]:
    """The records of each table, the best first."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        data, task = record.result["data"], record.result["task"]
        made = versions_of(record.result)
        where = (data["kind"] != "phantom", data["source"], task["name"], data["fingerprint"], task["digest"], made)
        groups.setdefault(tuple(map(str, where)), []).append(record)
    return [sorted(groups[key], key=_rank) for key in sorted(groups)]


def versions_of(result: dict[str, Any]) -> dict[str, Any]:
    """The version of each of MADE_BY, as far as a record has it."""
    methods = result.get("methods", {})
    return {name: methods[name] for name in MADE_BY if name in methods}


def _table(records: list[Record]) -> Table:
    first = records[0].result
    columns = columns_of(first)
    label = f"{title_of(first['headline'])} [95 % CI]"
    return Table(
        title=task_title(first),
        caption=caption_of(first, classes_of(first)),
        header=("model", "size", "seed", label, *(column.title for column in columns), "marks"),
        rows=tuple(_row(record, columns) for record in records),
        footnotes=legend(records),
    )


def classes_of(result: dict[str, Any]) -> list[str]:
    """The classes of the headline."""
    return [name for name in result["metrics"][result["headline"]] if name != "macro"]


def legend(records: Iterable[Record]) -> tuple[str, ...]:
    """What the marks of these records mean."""
    used = {mark for record in records for mark in marks(record)}
    return tuple(f"{mark} = {text}" for mark, text in MARKS.items() if mark in used)


def columns_of(result: dict[str, Any]) -> list[Column]:
    """What a table shows beside the headline: what the task says, or the classes where they are few."""
    names = classes_of(result)
    keys = [key for key in result["task"]["spec"].get("shown") or [] if key in result["metrics"]]
    if keys:
        return [Column(title_of(key), key, "macro") for key in keys]
    return [Column(name, result["headline"], name) for name in names] if len(names) <= _MOST_CLASSES else []


def title_of(key: str) -> str:
    """'macro AUROC (10%)' for 'auroc (10%)'; a figure over all classes at once is not called macro."""
    name, _, label = key.partition(" (")
    metric = METRICS.get(name)
    title = name if metric is None else metric.title if metric.joint else f"macro {metric.title}"
    return f"{title} ({label}" if label else title


def sign_of(key: str) -> int:
    """1 where higher is better, else -1."""
    metric = METRICS.get(key.partition(" (")[0])
    return 1 if metric is None or metric.higher_is_better else -1


def _rank(record: Record) -> tuple[bool, float, str]:
    value = headline(record)["value"]
    return (value is None, -sign_of(record.result["headline"]) * (value or 0.0), record.id)


def headline(record: Record) -> dict[str, Any]:
    """The macro estimate of the record's headline metric."""
    estimate: dict[str, Any] = record.result["metrics"][record.result["headline"]]["macro"]
    return estimate


def marks(record: Record) -> str:
    """The letters of MARKS that hold for a record."""
    leaks = record.result["leaks"]
    held = {
        "L": leaks["labels_seen"],
        "P": leaks["patients_in_both"],
        "D": leaks["identical_films"],
        "N": leaks.get("near_duplicate_films"),  # records of the first version have none of these
        "O": leaks.get("known_overlaps"),
        "S": leaks.get("leaky_split"),
        "U": any(record.result.get("unreadable", {}).values()),
        "!": record.result["warnings"],
    }
    return "".join(mark for mark in MARKS if held[mark])


def task_title(result: dict[str, Any]) -> str:
    """The task, and on whose films; the phantom is called that."""
    source = result["data"]["source"]
    where = (
        "the PHANTOM (synthetic films, no patients)"
        if result["data"]["kind"] == "phantom"
        else f"{source} (patients' films)"
    )
    split = result["data"]["facts"].get("split", {}).get("name", "")
    return f"{result['task']['name']} on {where}{', split ' if split else ''}{split}"


def caption_of(result: dict[str, Any], names: list[str]) -> str:
    """What a table's figures are of: films, patients, split, findings that are defined, and the data's choices."""
    data, spec, estimates = result["data"], result["task"]["spec"], result["metrics"][result["headline"]]
    defined = sum(
        estimates[name]["value"] is not None for name in names
    )  # by the labels alone: the same for all models
    patients = f"{result['intervals']['patients']:,} patients"
    views = "" if spec["views"] == "all" else f"{spec['views']} "
    unit = result.get("unit", "films")
    positives = [estimates[name]["positives"] for name in names if estimates[name]["value"] is not None]
    parts = [
        f"{result.get('films', estimates['macro']['n']):,} {views}{unit} of {patients}, split {spec['split']}",
        *([f"{defined} of {len(names)} findings defined{_range(positives)}"] if any(positives) else []),
        f"data {data['fingerprint']}",
        f"task {result['task']['digest']}",
    ]
    if versions := versions_of(result):
        others = [f"{name} {version}" for name, version in versions.items() if version != METHODS[name]]
        parts += [f"made by ANOTHER VERSION ({', '.join(others)})"] if others else []
    if "dials" in data["facts"]:
        parts += [f"{name} {value!r}" for name, value in data["facts"]["dials"].items() if value]
    if "limit" in data["facts"]:
        parts.append(f"LIMITED to {data['facts']['limit']:,} films of each split")
    if "label_policy" in data["facts"]:
        parts.append(data["facts"]["label_policy"])
    return "; ".join(parts)


def _range(positives: list[int]) -> str:
    """How many positives the findings have, the rarest and the commonest."""
    low, high = min(positives), max(positives)
    return f", with {f'{low:,} to ' if low < high else ''}{high:,} positives"


def _row(record: Record, shown: list[Column]) -> tuple[str, ...]:
    result = record.result
    estimates = result["metrics"][result["headline"]]
    recipe = result["model"]["recipe"]
    seed = str(result["seed"]) + (f" (run {recipe['repeat'] + 1})" if recipe["repeat"] else "")
    return (
        model_name(record),
        recipe["size"]["name"],
        seed,
        interval(estimates["macro"]),
        *(number(result["metrics"][column.key][column.name]["value"]) for column in shown),
        marks(record),
    )


def model_name(record: Record) -> str:
    """The model, and what a row must say of its training."""
    model = record.result["model"]
    return " ".join(filter(None, (model["name"], model.get("variant"))))


def number(value: float | None) -> str:
    """Three decimals; a dash for what is undefined."""
    return DASH if value is None else f"{value:.3f}"


def interval(estimate: dict[str, Any]) -> str:
    """Value [low, high]."""
    return f"{number(estimate['value'])} [{number(estimate['low'])}, {number(estimate['high'])}]"


def to_markdown(found: list[Table]) -> str:
    """All tables as Markdown."""
    parts = []
    for table in found:
        rows = [
            tuple(f"**{cell}**" if (at, k) in table.bold else cell for k, cell in enumerate(row))
            for at, row in enumerate(table.rows)
        ]
        lines = [table.header, tuple("---" for _ in table.header), *rows]
        body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        notes = "".join(f"\n\n{note}" for note in table.footnotes)
        parts.append(f"### {table.title}\n\n{table.caption}\n\n{body}{notes}\n")
    return "\n".join(parts)


def to_csv(records: Iterable[Record]) -> str:
    """Every estimate of every record, a row each; empty cells are undefined."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for record in records:
        r = record.result
        head = (
            r["data"]["kind"],
            r["data"]["source"],
            r["task"]["name"],
            r["model"]["name"],
            r["model"]["recipe"]["size"]["name"],
            r["seed"],
        )
        tail = (r["intervals"]["patients"], marks(record), r["data"]["fingerprint"], record.id)
        for metric, estimates in r["metrics"].items():
            for name, e in estimates.items():
                middle = (e["value"], e["low"], e["high"], e["n"], e["positives"], e["negatives"], e["undefined"])
                writer.writerow((*head, metric, name, *("" if v is None else v for v in middle), *tail))
    return out.getvalue()


def to_terminal(found: list[Table], width: int | None = None) -> str:
    """All tables for a terminal, in colour where it is one; what is wider than it comes in pieces."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(width=width)
    with console.capture() as capture:
        for table in found:
            for piece in pieces(table, console.width - 1, 3):  # a table has an edge, and 3 between columns
                console.print(Text(piece.title, "bold"))
                rich = RichTable(box=box.SIMPLE_HEAD)
                for name, least in zip(piece.header, widths(piece), strict=True):
                    justify: Literal["left", "right"] = "left" if name in LEFT else "right"
                    head = Text("\n".join(heading(name, least)))
                    rich.add_column(head, justify=justify, overflow="fold", width=least)
                for at, row in enumerate(piece.rows):
                    cells = enumerate(row)
                    rich.add_row(*(Text(cell, "bold" if (at, k) in piece.bold else "") for k, cell in cells))
                console.print(rich)
            for line in (table.caption, *table.footnotes):
                console.print(Text(line), style="dim")
            console.print()
    return capture.get()


def widths(table: Table) -> list[int]:
    """The characters that each column needs: no cell is broken but prose, and no word of a heading."""
    found = []
    for name, *cells in zip(table.header, *table.rows, strict=True):
        longest = max(map(len, cells), default=0)
        words = heading(name, 1)
        found.append(max(min(longest, PROSE) if name in LEFT else longest, *map(len, words)))
    return found


def heading(name: str, width: int) -> list[str]:
    """A heading in lines of at most `width` characters; longer words, and '[95 % CI]', stay whole."""
    whole = name.replace("[95 % CI]", "[95\xa0%\xa0CI]")
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\xa0", " ") for line in lines] or [""]


def pieces(table: Table, room: int, gap: int) -> list[Table]:
    """The table in pieces that are at most `room` characters wide, with `gap` for each column.

    Each begins with the columns that name a row (NAMES), and with its number where two rows have one name. One column
    more is in each, however wide it is.
    """
    if sum(widths(table)) + gap * len(table.header) <= room:
        return [table]
    names = next((k for k, name in enumerate(table.header) if name not in NAMES), len(table.header)) or 1
    if len({row[:names] for row in table.rows}) < len(table.rows):
        table, names = _numbered(table), names + 1
    needed, start = [width + gap for width in widths(table)], list(range(names))
    chosen: list[list[int]] = []
    for k in range(names, len(table.header)):
        if chosen and sum(needed[at] for at in (*start, *chosen[-1], k)) <= room:
            chosen[-1].append(k)
        else:
            chosen.append([k])
    return [
        _columns(table, start + of, f" ({at} of {len(chosen)})" if len(chosen) > 1 else "")
        for at, of in enumerate(chosen, 1)
    ]


def _numbered(table: Table) -> Table:
    rows = tuple((str(at), *row) for at, row in enumerate(table.rows, 1))
    bold = frozenset((at, k + 1) for at, k in table.bold)
    return dataclasses.replace(table, header=("row", *table.header), rows=rows, bold=bold)


def _columns(table: Table, kept: Sequence[int], which: str) -> Table:
    return dataclasses.replace(
        table,
        title=table.title + which,
        header=tuple(table.header[k] for k in kept),
        rows=tuple(tuple(row[k] for k in kept) for row in table.rows),
        bold=frozenset((at, kept.index(k)) for at, k in table.bold if k in kept),
    )
