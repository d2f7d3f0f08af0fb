"""Anyone's own films: a folder with a `metadata.csv` (image, mask, report, labels, patient_id, view, split).

`labels` are finding names separated by ';', 'Edema?' is an uncertain one; empty is unknown. A row without an image
has its report alone. `sex`, `age` and `site` are kept for subgroups. An optional `source.toml` beside it may say
`name = "..."` and `exhaustive = true` (labelled films name every finding that they have).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from umcl_bench.data.corpus import LATERAL, SPLITS, Corpus, Strings
from umcl_bench.data.images import FilePixels, safe_path
from umcl_bench.data.policies import UNSURE, LabelPolicy, Labels
from umcl_bench.data.readers.base import DEFAULTS, ReadOptions
from umcl_bench.data.tables import Table, read_table
from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY, canonical, ordered
from umcl_bench.errors import DataError

TABLE = "metadata.csv"
SETTINGS = "source.toml"
SPLIT_NAMES = {name: name for name in SPLITS} | {
    "training": "train",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "testing": "test",
}
"""What a split may be called, in any case."""

REQUIRED = ("image", "patient_id", "split")
ATTRIBUTES = ("sex", "age", "site")
COLUMNS = (*REQUIRED, "mask", "report", "labels", "view", *ATTRIBUTES)
NOTHING = frozenset({"nan", "none", "null"})  # how programs write an empty cell; 'NA' may be someone's name
FRONTAL = frozenset({"pa", "ap", "ap supine", "frontal", ""})


class Settings(NamedTuple):
    """What `source.toml` says: the source's name, and whether its labels are exhaustive."""

    name: str
    exhaustive: bool


def read_folder(root: Path, options: ReadOptions = DEFAULTS, *, find_files: bool = True) -> Corpus:
    """The corpus in `root`. Raises DataError, naming the file, the row and what to do, where it can't be used.

    `options` overrides what source.toml says of findings that a labelled film does not name. Without `find_files` a
    file that is not there is no error yet: `data check` lists them all.
    """
    settings = _read_settings(root)
    policy = options.policy(LabelPolicy(unnamed="negative" if settings.exhaustive else "unknown"))
    table = _read_table(root / TABLE)
    _check_rows(root, table, find_files)
    _check_labels(table)
    unread = _unread(table)
    names, unknown = _label_names(table["labels"])
    classes = ordered({name.rstrip("?") for row in names for name in row})
    masks = table["mask"]
    return Corpus(
        source=settings.name,
        kind="patients",
        dataset=settings.name,
        classes=classes,
        policy=policy,
        ids=_ids(table),
        patients=table.array("patient_id"),
        splits=np.array([SPLIT_NAMES[name.casefold()] for name in table["split"]], dtype=object),
        views=table.array("view"),
        reports=np.array([text or None for text in table["report"]], dtype=object),
        stated=stated_labels(names, classes),
        pixels=FilePixels(root, tuple(table["image"])),
        prior=np.full(len(table), -1, dtype=np.int64),
        masks=FilePixels(root, tuple(masks), nearest=True) if any(masks) else None,
        has_mask=np.array([bool(m) for m in masks]),
        has_image=None if all(table["image"]) else np.array([bool(i) for i in table["image"]]),
        attributes={name: table.array(name) for name in ATTRIBUTES if any(table[name])},
        facts={"label_policy": policy.describe(), **({"columns_not_read": unread} if unread else {})},
        notes=_notes(table, unread, names, unknown),
    )


def _ids(table: Table) -> Strings:
    """The image's path; a row of text alone is called by its place."""
    return np.array([image or f"text-{row}" for row, image in enumerate(table["image"], start=1)], dtype=object)


def stated_labels(names: list[tuple[str, ...]], classes: tuple[str, ...]) -> Labels:
    """(n, classes) in {1, -1, NaN}: a named finding is 1, one with a question mark behind it uncertain."""
    stated = np.full((len(names), len(classes)), np.nan, dtype=np.float32)
    column = {name: index for index, name in enumerate(classes)}
    for row, named in enumerate(names):
        for name in named:
            stated[row, column[name.rstrip("?")]] = UNSURE if name.endswith("?") else 1
    return stated


def _read_settings(root: Path) -> Settings:
    path = root / SETTINGS
    data: dict[str, Any] = {}
    if path.is_file():
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path} is not valid TOML: {error}") from None
    known = {"name": str, "exhaustive": bool}
    for key, value in data.items():
        if key not in known or not isinstance(value, known[key]):
            raise DataError(
                f"{path}: {key} = {value!r} is not understood; it may hold name (text), exhaustive (true/false)"
            )
    name = str(data.get("name", root.resolve().name))
    if name in ("phantom", ""):
        raise DataError(f"{root}: a source of films may not be called {name!r}; set another name in {SETTINGS}")
    return Settings(name, bool(data.get("exhaustive", False)))


def _read_table(path: Path) -> Table:
    table = read_table(path, REQUIRED)
    if not {"labels", "report"} & set(table.columns):
        raise DataError(f"{path} lacks the column labels or report; found: {', '.join(table.columns)}")
    if not len(table):
        raise DataError(f"{path} has a header and no rows")
    for name in ("patient_id", "labels", "report"):
        for row, cell in enumerate(table.columns.get(name, ()), start=1):
            if cell.casefold() in NOTHING:
                what = "every row needs one" if name == "patient_id" else "leave it empty where nothing is known"
                raise DataError(f"{path}, row {row}: {name} is {cell!r}; {what}")
    empty = [""] * len(table)
    return Table(path, {**dict.fromkeys(COLUMNS, empty), **table.columns}, table.lines)


def _check_rows(root: Path, table: Table, find_files: bool) -> None:
    columns = (table[name] for name in ("image", "patient_id", "split", "mask", "report"))
    seen: set[str] = set()
    for row, (image, patient, split, mask, report) in enumerate(zip(*columns, strict=True), start=1):
        where = f"{root / TABLE}, row {row}"
        if not patient or not (image or report):
            raise DataError(f"{where}: {'image and report are' if patient else 'patient_id is'} empty")
        if split.casefold() not in SPLIT_NAMES:
            raise DataError(f"{where}: split is {split!r}; it must be one of {', '.join(SPLITS)}")
        for path in filter(None, (image, mask) if find_files else ()):
            safe_path(root, path, where)
        if image and (plain := str(PurePosixPath(image))) in seen:
            raise DataError(f"{where}: the image {image!r} is named in an earlier row too")
        elif image:
            seen.add(plain)


def _check_labels(table: Table) -> None:
    """Raises DataError where labels are numbers, or known findings with something else than ';' between them."""
    for row, cell in enumerate(table["labels"], start=1):
        for label in filter(None, (part.strip(" ?") for part in cell.split(";"))):
            parts = [part.strip(" ?") for part in re.split(r"[,|]", label)]
            several = len(parts) > 1 and not canonical(label).known and all(canonical(p).known for p in parts)
            if several or re.fullmatch(r"[-+.\d]+", label):
                what = "findings are separated by ';'" if several else "the column holds the names of findings"
                raise DataError(f"{table.path}, row {row}: labels has {label!r}; {what}, as in 'Edema;Cardiomegaly?'")


def _label_names(column: list[str]) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """Each row's findings in our vocabulary, and how often each unknown name occurs."""
    unknown: dict[str, int] = {}
    spelling: dict[str, str] = {}  # an unknown name keeps its first spelling
    names: list[tuple[str, ...]] = []
    for cell in column:
        row = []
        for part in (part.strip() for part in cell.split(";") if part.strip(" ?")):
            item = canonical(part.rstrip("? "))
            name = item.name if item.known else spelling.setdefault(item.name.casefold(), item.name)
            if not item.known:
                unknown[name] = unknown.get(name, 0) + 1
            row.append(name + "?" * part.endswith("?"))
        names.append(tuple(dict.fromkeys(row)))
    return names, unknown


def _unread(table: Table) -> list[str]:
    """Columns that are not read and look as if they were meant to be."""
    absent = [name for name in COLUMNS if not any(table[name])]
    found = []
    for name in [name for name in table.columns if name not in COLUMNS]:
        near = difflib.get_close_matches(name.casefold(), absent, n=1, cutoff=0.75)
        if near:
            found.append(f"{name!r} (is it {near[0]!r}?)")
        elif canonical(name).known:
            found.append(f"{name!r} (findings are named in the column 'labels')")
    return found


def _notes(table: Table, unread: list[str], names: list[tuple[str, ...]], unknown: dict[str, int]) -> tuple[str, ...]:
    notes = [f"columns that are not read: {', '.join(unread)}"] if unread else []
    if unknown:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
        notes.append(f"findings outside the known vocabulary, kept as they are: {listed}")
    views = {view.casefold() for view in table["view"]} - FRONTAL - LATERAL
    if views:
        notes.append(f"views that are not known, taken as frontal: {', '.join(sorted(views))}")
    splits: dict[str, set[str]] = {}
    for patient, split in zip(table["patient_id"], table["split"], strict=True):
        splits.setdefault(patient, set()).add(SPLIT_NAMES[split.casefold()])
    shared = [patient for patient, where in splits.items() if len(where) > 1]
    if shared:
        notes.append(f"{len(shared)} patients are in more than one split, {shared[0]!r} among them")
    both = [r for r, named in enumerate(names, start=1) if NO_FINDING in named and set(named) - NO_PATHOLOGY]
    if both:
        notes.append(f"{len(both)} rows name {NO_FINDING} beside a finding; first: row {both[0]}")
    return tuple(notes)
