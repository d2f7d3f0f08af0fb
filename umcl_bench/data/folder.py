"""Anyone's own films: a folder with a `metadata.csv` (image, mask, report, labels, patient_id, view, split).

`labels` are finding names separated by ';'; empty is unknown. An optional `source.toml` beside it may say
`name = "..."` and `exhaustive = true` (labelled films name every finding that they have).
"""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from umcl_bench.data.corpus import LATERAL, SPLITS, Corpus, LabelPolicy, Labels, Strings
from umcl_bench.data.images import FilePixels, files_fingerprint, safe_path
from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY, canonical, ordered
from umcl_bench.errors import DataError

TABLE = "metadata.csv"
SETTINGS = "source.toml"
REQUIRED = ("image", "patient_id", "split")
OPTIONAL = ("mask", "report", "labels", "view")
FRONTAL = frozenset({"pa", "ap", "ap supine", "frontal", ""})


class Settings(NamedTuple):
    """What `source.toml` says: the source's name, and whether its labels are exhaustive."""

    name: str
    exhaustive: bool


def read_folder(root: Path, policy: LabelPolicy | None = None) -> Corpus:
    """The corpus in `root`. Raises DataError, naming the file, the row and what to do, where it can't be used.

    `policy` overrides what source.toml says of findings that a labelled film does not name.
    """
    settings = _read_settings(root)
    policy = policy or LabelPolicy(unnamed="negative" if settings.exhaustive else "unknown")
    table = _read_table(root / TABLE)
    _check_rows(root, table)
    names, unknown = _label_names(table["labels"])
    classes = ordered({name for row in names for name in row})
    paths, masks = table["image"].tolist(), table["mask"].tolist()
    fingerprint = files_fingerprint(root, paths)
    return Corpus(
        source=settings.name,
        kind="patients",
        dataset=settings.name,
        classes=classes,
        policy=policy,
        ids=table["image"].to_numpy(dtype=object),
        patients=table["patient_id"].to_numpy(dtype=object),
        splits=table["split"].to_numpy(dtype=object),
        views=table["view"].to_numpy(dtype=object),
        reports=_reports(table["report"]),
        labels=label_matrix(names, classes, policy),
        pixels=FilePixels(root, tuple(paths), fingerprint),
        prior=np.full(len(table), -1, dtype=np.int64),
        masks=FilePixels(root, tuple(masks), files_fingerprint(root, masks), nearest=True) if any(masks) else None,
        has_mask=np.array([bool(m) for m in masks]),
        facts={"label_policy": f"unnamed findings of a labelled film are {policy.unnamed}"},
        notes=_notes(table, names, unknown),
    )


def label_matrix(names: list[tuple[str, ...]], classes: tuple[str, ...], policy: LabelPolicy) -> Labels:
    """Labels as (n, classes) in {1, 0, NaN}: named is 1; 'No Finding' makes the rest 0; else the policy decides.

    Support Devices are no pathology: they may stand beside 'No Finding', as in CheXpert.
    """
    labels = np.full((len(names), len(classes)), np.nan, dtype=np.float32)
    column = {name: index for index, name in enumerate(classes)}
    for row, named in enumerate(names):
        pathology = set(named) - NO_PATHOLOGY
        if named and (policy.unnamed == "negative" or (NO_FINDING in named and not pathology)):
            labels[row] = 0
        if pathology and NO_FINDING in column:
            labels[row, column[NO_FINDING]] = 0  # a film with a finding is not one without
        for name in named:
            labels[row, column[name]] = 1
    return labels


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


def _read_table(path: Path) -> pd.DataFrame:
    table = _read_csv(path)
    missing = [c for c in REQUIRED if c not in table.columns]
    if missing or not {"labels", "report"} & set(table.columns):
        needs = ", ".join(missing) or "labels or report"
        raise DataError(f"{path} lacks the column {needs}; found: {', '.join(table.columns)}")
    if table.empty:
        raise DataError(f"{path} has a header and no rows")
    for column in OPTIONAL:
        if column not in table.columns:
            table[column] = ""
    return table[[*REQUIRED, *OPTIONAL]]


def _read_csv(path: Path) -> pd.DataFrame:
    """The table, every cell stripped text. Strict: pandas would shift or fill rows that are longer or shorter."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            header = [name.strip() for name in next(reader, [])]
            rows = []
            for row in reader:
                if row and len(row) != len(header):
                    raise DataError(f"{path}, line {reader.line_num}: {len(row)} fields; the header has {len(header)}")
                rows += [[cell.strip() for cell in row]] if row else []
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} can't be read as comma-separated values: {error}") from None
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise DataError(f"{path} has the column {twice[0]!r} {header.count(twice[0])} times; rename or remove one")
    return pd.DataFrame(rows, columns=header, dtype=str)


def _check_rows(root: Path, table: pd.DataFrame) -> None:
    columns = (table[name].tolist() for name in ("image", "patient_id", "split", "mask"))
    for row, (image, patient, split, mask) in enumerate(zip(*columns, strict=True), start=1):
        where = f"{root / TABLE}, row {row}"
        if not image or not patient:
            raise DataError(f"{where}: {'image' if not image else 'patient_id'} is empty")
        if split not in SPLITS:
            raise DataError(f"{where}: split is {split!r}; it must be one of {', '.join(SPLITS)}")
        safe_path(root, image, where)
        if mask:
            safe_path(root, mask, where)
    paths = table["image"].map(lambda p: str(PurePosixPath(p)))
    twice = table["image"][paths.duplicated()]
    if len(twice):
        row = int(twice.index[0]) + 1
        raise DataError(f"{root / TABLE}, row {row}: the image {twice.iloc[0]!r} is named in an earlier row too")


def _label_names(column: pd.Series[str]) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """Each row's findings in our vocabulary, and how often each unknown name occurs."""
    unknown: dict[str, int] = {}
    spelling: dict[str, str] = {}  # an unknown name keeps its first spelling
    names: list[tuple[str, ...]] = []
    for cell in column:
        row = []
        for item in (canonical(part) for part in cell.split(";") if part.strip()):
            name = item.name if item.known else spelling.setdefault(item.name.casefold(), item.name)
            if not item.known:
                unknown[name] = unknown.get(name, 0) + 1
            row.append(name)
        names.append(tuple(dict.fromkeys(row)))
    return names, unknown


def _reports(column: pd.Series[str]) -> Strings:
    return np.array([text or None for text in column], dtype=object)


def _notes(table: pd.DataFrame, names: list[tuple[str, ...]], unknown: dict[str, int]) -> tuple[str, ...]:
    notes = []
    if unknown:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
        notes.append(f"findings outside the known vocabulary, kept as they are: {listed}")
    views = set(table["view"].str.casefold()) - FRONTAL - LATERAL
    if views:
        notes.append(f"views that are not known, taken as frontal: {', '.join(sorted(views))}")
    splits = table.groupby("patient_id")["split"].nunique()
    shared = splits.index[splits > 1].tolist()
    if shared:
        notes.append(f"{len(shared)} patients are in more than one split, {shared[0]!r} among them")
    both = [r for r, named in enumerate(names, start=1) if NO_FINDING in named and set(named) - NO_PATHOLOGY]
    if both:
        notes.append(f"{len(both)} rows name {NO_FINDING} beside a finding; first: row {both[0]}")
    return tuple(notes)
