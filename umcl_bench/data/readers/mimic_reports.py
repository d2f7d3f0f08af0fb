"""The reports of MIMIC-CXR: by section from MIT-LCP's table, or from the .txt files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from umcl_bench.data.readers.base import Section
from umcl_bench.data.readers.common import read_rows
from umcl_bench.data.reports.sections import Sections, choose, sections
from umcl_bench.data.tables import Table, find_table
from umcl_bench.errors import DataError

TABLES = ("mimic_cxr_sectioned.csv", "mimic_cxr_sections.csv")
TEXT_FOLDER = "mimic-cxr-reports"
"""Where the archive of .txt files is unpacked to, beside or in the release."""

MOST_BYTES = 1_000_000
"""A report that is longer is none."""

_MOST_FOLDERS = 200
_STUDY = re.compile(r"s?(\d+)", re.ASCII)


class Reports(NamedTuple):
    """The text of each study that has one, where it is from, and what to tell of it."""

    texts: dict[str, str]
    source: str
    notes: tuple[str, ...]


def read_reports(root: Path, places: Mapping[str, str], section: Section) -> Reports:
    """The chosen section of each study's report; `places` is the study's folder below the root, by its id."""
    path = _find(root)
    parts = _of_table(path) if path else _of_files(root, places)
    texts = {study: text for study in places if study in parts and (text := choose(parts[study], section))}
    source = path.name if path else ".txt files" if parts else ""
    if not parts:
        return Reports({}, source, (f"neither {TABLES[0]} nor a report's .txt file is there: no reports",))
    notes = [] if path else [f"{len(parts)} reports were read from .txt files; {TABLES[0]} would be faster"]
    without = len(places) - len(texts)
    if without:
        notes.append(f"{without} of {len(places)} studies have no text in the section {section!r}")
    return Reports(texts, source, tuple(notes))


def _find(root: Path) -> Path | None:
    above = root.resolve().parent
    beside = sorted(above.iterdir())[:_MOST_FOLDERS] if os.access(above, os.R_OK) else []
    open_ones = [folder for folder in (root, above, *beside) if os.access(folder, os.X_OK) and folder.is_dir()]
    return next((path for folder in open_ones if (path := find_table(folder, *TABLES))), None)


def _of_table(path: Path) -> dict[str, Sections]:
    """The sections of each study. The table has no whole report: 'report' is the sections one behind the other."""
    table = read_rows(path, ("study", "findings", "impression"))
    table.need_ids("study")
    found = {}
    last = table.columns.get("last_paragraph", [""] * len(table))
    cells = zip(table["study"], table["findings"], table["impression"], last, strict=True)
    for row, (name, findings, impression, paragraph) in enumerate(cells):
        whole = "\n".join(filter(None, (findings, impression, paragraph)))
        parts = (text or None for text in (whole, findings, impression, paragraph))
        found[_study(table, row, name)] = _sections(*parts)
    return found


def _sections(whole: str | None, findings: str | None, impression: str | None, last: str | None) -> Sections:
    return Sections(whole, findings=findings, impression=impression, last_paragraph=last, headed=True)


def _study(table: Table, row: int, name: str) -> str:
    match = _STUDY.fullmatch(name)
    if match is None:
        raise DataError(f"{table.where(row)}: study is {name!r}; it must be like s50414267")
    return match[1]


def _of_files(root: Path, places: Mapping[str, str]) -> dict[str, Sections]:
    bases = [root, root / TEXT_FOLDER, root.resolve().parent / TEXT_FOLDER]
    bases = [base for base in bases if (base / "files").is_dir()]
    found = {}
    for study, place in places.items():
        for base in bases:
            text = _read_text(base / f"{place}.txt")
            if text is not None:
                found[study] = sections(text)
                break
    return found


def _read_text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > MOST_BYTES:
        raise DataError(f"{path} is longer than {MOST_BYTES:,} bytes; it is no report")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
