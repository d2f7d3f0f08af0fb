"""Writes a good table in other ways, and breaks it in the ways that users' files are broken, for the readers' tests."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from umcl_bench.data.readers import DEFAULTS, Reader
from umcl_bench.errors import DataError

Rows = list[list[str]]
Files = Mapping[str, Rows]

NO_PLACES = ("../secret", "a/../../secret", "/etc/passwd", "a\\b", "a\0b")
"""Cells that may not become a path."""


class Broken(NamedTuple):
    """A damaged table: its bytes, what stands behind its name, and what the error must name."""

    data: bytes
    suffix: str = ""
    line: int = 0
    says: str = ""


def rows_of(text: str) -> Rows:
    """The cells of an indented csv in a test's source."""
    return list(csv.reader(line.strip() for line in text.strip().splitlines()))


def csv_bytes(rows: Rows, *, end: str = "\n", quoting: Literal[0, 1, 2, 3] = csv.QUOTE_MINIMAL) -> bytes:
    """`rows` as a csv."""
    file = io.StringIO()
    csv.writer(file, lineterminator=end, quoting=quoting).writerows(rows)
    return file.getvalue().encode()


def zipped(name: str, data: bytes) -> bytes:
    """An archive of one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def write(root: Path, files: Files) -> Path:
    """A folder with `files`."""
    root.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        (root / name).write_bytes(csv_bytes(rows))
    return root


def harmless(rows: Rows) -> dict[str, Broken]:
    """Other ways to write the same table."""
    plain = csv_bytes(rows)
    return {
        "byte-order mark": Broken(b"\xef\xbb\xbf" + plain),
        "CRLF": Broken(csv_bytes(rows, end="\r\n")),
        "all quoted": Broken(csv_bytes(rows, quoting=csv.QUOTE_ALL)),
        "empty lines": Broken(plain.replace(b"\n", b"\n\n")),
        "spaces around cells": Broken(csv_bytes([[f" {cell} " for cell in row] for row in rows])),
        "one more column": Broken(csv_bytes(_with_column(rows))),
        "gzip": Broken(gzip.compress(plain), ".gz"),
        "zip": Broken(zipped("table.csv", plain), ".zip"),
    }


def _with_column(rows: Rows) -> Rows:
    return [[*row, "one more" if at == 0 else 'a, "b"'] for at, row in enumerate(rows)]


def broken(rows: Rows, needs: str) -> dict[str, Broken]:
    """What no table may be; `needs` is a column that the reader can't do without."""
    plain = csv_bytes(rows)
    lines = plain.splitlines(keepends=True)
    gone = rows[0].index(needs)
    return {
        "a column is missing": Broken(csv_bytes([row[:gone] + row[gone + 1 :] for row in rows]), says=needs),
        "a column is there twice": Broken(csv_bytes([[*row, row[gone]] for row in rows]), says=needs),
        "a field too many": Broken(csv_bytes([*rows[:-1], [*rows[-1], "x"]]), line=len(rows), says="fields"),
        "a field too few": Broken(csv_bytes([*rows[:-1], rows[-1][:-1]]), line=len(rows), says="fields"),
        "an open quote": Broken(plain + b'"x', line=len(rows) + 1),
        "not UTF-8": Broken(b"".join([*lines[:-1], b"\xff\xfe", lines[-1]]), line=len(rows), says="UTF-8"),
        "no rows": Broken(lines[0], says="no rows"),
        "nothing": Broken(b"", says=needs),
        "a gzip cut short": Broken(gzip.compress(plain)[:-12], ".gz", says="cut short"),
        "a zip cut short": Broken(zipped("table.csv", plain)[:-30], ".zip", says="cut short"),
        "two files in a zip": Broken(_two_files(plain), ".zip", says="2 files"),
        "no gzip": Broken(plain, ".gz", says="unpacked"),
    }


def _two_files(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", data)
        archive.writestr("b.csv", data)
    return file.getvalue()


def cell(rows: Rows, column: str, value: str, *, says: str = "", line: int = 2) -> Broken:
    """One cell of the table is another."""
    changed = [list(row) for row in rows]
    changed[line - 1][rows[0].index(column)] = value
    return Broken(csv_bytes(changed), line=line, says=says or column)


def cells(rows: Rows, column: str, values: tuple[str, ...]) -> dict[str, Broken]:
    """Each of `values` in a cell of the column."""
    return {f"{column} is {value!r}": cell(rows, column, value) for value in values}


def twice(rows: Rows, says: str) -> dict[str, Broken]:
    """The last row once more."""
    return {"a row is there twice": Broken(csv_bytes([*rows, rows[-1]]), line=len(rows) + 1, says=says)}


def put(root: Path, files: Files, name: str, one: Broken) -> Path:
    """A folder with `files`, of which `name` is `one`."""
    write(root, {other: rows for other, rows in files.items() if other != name})
    (root / f"{name}{one.suffix}").write_bytes(one.data)
    return root


def check_same(reader: Reader, root: Path, files: Files, name: str, other: Broken) -> None:
    """Asserts that a table written in another way is the same corpus."""
    plain = reader.read(write(root / "plain", files), DEFAULTS)
    read = reader.read(put(root / "other", files, name, other), DEFAULTS)
    assert reader.recognise(root / "other")
    assert read.fingerprint == plain.fingerprint
    assert list(read.ids) == list(plain.ids)


def check_refused(reader: Reader, root: Path, files: Files, name: str, one: Broken) -> str:
    """Asserts that a damaged table is one error that names the file and the line; gives the error."""
    put(root, files, name, one)
    with pytest.raises(DataError) as caught:
        reader.read(root, DEFAULTS)
    message = str(caught.value)
    assert f"{root / name}{one.suffix}" in message
    assert one.says in message
    if one.line:
        assert f"line {one.line}" in message
    assert "\n" not in message
    return message
