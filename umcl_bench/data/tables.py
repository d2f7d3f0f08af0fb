"""Reading tables strictly: csv and text lists, plain, gzipped or zipped. Every cell is stripped text.

pandas would fill rows that are too short, shift those that are too long and turn an id into a number; here such a row
is one error that names the file and the line.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import DataError

_CHUNK = 1 << 20
_V = TypeVar("_V")

MAX_BYTES = 2_000_000_000
"""A packed table may not unpack to more."""

_FILE_NAME = re.compile(r"(?!\.)[\w .+=@()-]+", re.ASCII)
_NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a"})


@dataclass(frozen=True)
class Table:
    """Columns of text of one length, and the line of the file that each row stands on (its last)."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, name: str) -> list[str]:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def array(self, name: str) -> NDArray[np.object_]:
        """A column as an object array (n,)."""
        out = np.empty(len(self), dtype=object)
        out[:] = self.columns[name]
        return out

    def where(self, row: int) -> str:
        """'FILE, line N' of a row."""
        return f"{self.path}, line {self.lines[row]}"

    def need_ids(self, name: str, *, unique: bool = True) -> None:
        """Raises DataError where an id of the column is empty (or 'nan'), or is there twice."""
        distinct = set(self.columns[name])
        if _NOTHING.isdisjoint(map(str.casefold, distinct)) and (len(distinct) == len(self) or not unique):
            return
        first: dict[str, int] = {}
        for row, value in enumerate(self.columns[name]):
            if value.casefold() in _NOTHING:
                raise DataError(f"{self.where(row)}: {name} is {value!r}; every row needs one")
            if unique and first.setdefault(value, row) != row:
                raise DataError(
                    f"{self.where(row)}: {name} {value!r} is also on line {self.lines[first[value]]}; remove one"
                )

    def need_file_names(self, name: str) -> None:
        """Raises DataError where a cell of the column is no plain name of a file: empty, or with a way to elsewhere."""
        for row, value in enumerate(self.columns[name]):
            if _FILE_NAME.fullmatch(value) is None or value.casefold() in _NOTHING:
                raise DataError(f"{self.where(row)}: {name} is {value!r}, which can't be the name of a file")

    def need_paths(self, name: str) -> None:
        """Raises DataError where a cell of the column is no path that stays below its folder ('' is allowed)."""
        for row, value in enumerate(self.columns[name]):
            if value.startswith("/") or "\\" in value or "\0" in value or ".." in value.split("/"):
                raise DataError(f"{self.where(row)}: {name} is {value!r}, which leaves the release's folder")

    def numbers(self, name: str, *, low: float, high: float) -> NDArray[np.float64]:
        """A column as floats (n,), NaN where the cell is empty. Raises DataError for anything else, by its line."""
        out = np.full(len(self), np.nan)
        for row, cell in enumerate(self.columns[name]):
            if not cell:
                continue
            try:
                out[row] = float(cell.replace("_", "?"))  # Python reads 1_0 as 10
            except ValueError:
                raise DataError(f"{self.where(row)}: {name} is {cell!r}, which is no number") from None
            if not low <= out[row] <= high:
                raise DataError(f"{self.where(row)}: {name} is {cell}; it must lie between {low:g} and {high:g}")
        return out

    def choices(self, name: str, values: Mapping[str, float]) -> NDArray[np.float32]:
        """A column as floats (n,) by an explicit table of what its cells may be. Raises DataError for others."""
        return np.array(self._looked_up(name, values), dtype=np.float32)

    def texts(self, name: str, values: Mapping[str, str]) -> list[str]:
        """A column as other texts, by an explicit table of what its cells may be. Raises DataError for others."""
        return self._looked_up(name, values)

    def _looked_up(self, name: str, values: Mapping[str, _V]) -> list[_V]:
        try:
            return [values[cell] for cell in self.columns[name]]
        except KeyError:
            row, cell = next((r, c) for r, c in enumerate(self.columns[name]) if c not in values)
            allowed = ", ".join(repr(v) for v in values)
            raise DataError(f"{self.where(row)}: {name} is {cell!r}; it may be one of {allowed}") from None


def read_table(
    path: Path, needs: Sequence[str] = (), *, delimiter: str = ",", header: Sequence[str] | None = None
) -> Table:
    """The table at `path` (also .gz, or the only member of a .zip), with the columns that `needs` names.

    A byte-order mark, CRLF, quoted commas, spaces around cells and empty lines are understood; columns without a name
    are dropped, and may be missing at a row's end. `header` names those of a file that has none. Raises DataError.
    """
    with open_text(path) as file:
        reader = csv.reader(file, strict=True, skipinitialspace=True, delimiter=delimiter)
        try:
            names = list(header) if header is not None else [name.strip() for name in next(reader, [])]
            _check_names(path, names, needs)
            cells, lines = _rows(reader, path, names)
        except csv.Error as error:
            why = "; a quote may lack its end" if "field larger" in str(error) else ""
            raise DataError(f"{path}, line {reader.line_num}: no comma-separated values: {error}{why}") from None
    columns = {name: list(map(str.strip, cells[at :: len(names)])) for at, name in enumerate(names) if name}
    return Table(path, columns, lines)


def _check_names(path: Path, names: list[str], needs: Sequence[str]) -> None:
    named = [name for name in names if name]
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise DataError(f"{path} has the column {twice[0]!r} {named.count(twice[0])} times; rename or remove one")
    missing = [name for name in needs if name not in named]
    if missing:
        found = ", ".join(named) or "nothing"
        raise DataError(f"{path} lacks the column {', '.join(missing)}; found: {found}{_hint(named, missing)}")


def _hint(named: list[str], missing: Sequence[str]) -> str:
    """What to do where the columns are there, in other words or between other marks."""
    for mark, what in ((";", "semicolons"), ("\t", "tabs"), ("|", "'|'")):
        if any(set(missing) <= {part.strip() for part in name.split(mark)} for name in named):
            return f". Its columns are separated by {what}: save it with commas"
    if len(named) == 1 and named[0].startswith("sep="):
        return ". Its first line is for Excel alone: remove it"
    plain = {re.sub(r"[\W_]", "", name).casefold(): name for name in named}
    meant = {name: plain.get(re.sub(r"[\W_]", "", name).casefold()) for name in missing}
    renames = [f"{found!r} to {name!r}" for name, found in meant.items() if found]
    return f". Rename {', '.join(renames)}" if renames else ""


def _rows(reader: Iterator[list[str]], path: Path, names: list[str]) -> tuple[list[str], list[int]]:
    """All cells, row by row, and each row's line."""
    cells: list[str] = []  # flat: the garbage collector would walk a list of rows again and again
    lines = []
    width = len(names)
    unnamed = next((i for i, name in enumerate(reversed(names)) if name), 0)  # nameless columns at the end
    for row in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        if width - unnamed <= len(row) < width:
            row = row + [""] * (width - len(row))
        if row and len(row) != width:
            raise DataError(f"{path}, line {line}: {len(row)} fields; the header has {width}")
        if any(row):
            cells += row
            lines.append(line)
    return cells, lines


def header_of(path: Path) -> list[str]:
    """The names in a table's first line; [] where there is none or the file can't be read as text."""
    try:
        with open_text(path) as file:
            return [name.strip() for name in next(csv.reader([file.readline(65_536)]), [])]
    except (DataError, OSError, csv.Error):
        return []


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """`path` as UTF-8 text, unpacked where it is .gz or .zip. Raises DataError for what is cut short or not text."""
    try:
        with _open_bytes(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, line {_line_of_error(path)}: not UTF-8 ({error.reason}); save it as UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} can't be unpacked ({error}); it may be cut short: get it again") from None
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not a table") from None
    except OSError as error:  # an archive that points before its own beginning, too
        raise DataError(f"{path} can't be read ({error.strerror or error}); it may be damaged: get it again") from None


def _line_of_error(path: Path) -> int:
    """The first line that is not UTF-8."""
    with _open_bytes(path) as raw:
        return next(number for number, line in enumerate(raw, start=1) if not _is_text(line))


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Limited(io.RawIOBase):
    """An unpacked stream that ends in an error where it goes on beyond MAX_BYTES, whatever its header says."""

    def __init__(self, raw: Any, path: Path) -> None:
        self.raw, self.path, self.left = raw, path, MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self.raw.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise DataError(f"{self.path} unpacks to more than {MAX_BYTES:,} bytes; refused")
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _open_bytes(path: Path) -> Iterator[Any]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX")]
            if len(members) != 1:
                raise DataError(f"{path} holds {len(members)} files; a zipped table holds one")
            with archive.open(members[0]) as file:
                yield io.BufferedReader(_Limited(file, path), _CHUNK)
    elif path.suffix == ".gz":
        with gzip.open(path) as file:
            yield io.BufferedReader(_Limited(file, path), _CHUNK)
    else:
        with path.open("rb") as file:
            yield file


def find_table(folder: Path, *names: str) -> Path | None:
    """The first of `names` in `folder`, plain, .gz or .zip; None where there is none."""
    for name in names:
        for suffix in ("", ".gz", ".zip"):
            path = folder / f"{name}{suffix}"
            if os.path.isfile(path):  # Path.is_file raises where the folder may not be entered
                return path
    return None
