"""VinDr-CXR (Nguyen et al. 2022): PhysioNet's release, and Kaggle's of the challenge of 2020.

Each training film was read by three radiologists; `ReadOptions.votes` makes one label of them. The release has no
patient ids: every film counts as its own patient, and films of one person can't be kept together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Box, Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import UNSURE, LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, no_prior, read_rows
from umcl_bench.data.tables import Table, find_table, header_of
from umcl_bench.data.vocabulary import VINDR, ordered
from umcl_bench.errors import DataError

KAGGLE = "train.csv"
SPLITS = ("train", "test")
CORNERS = ("x_min", "y_min", "x_max", "y_max")
KAGGLE_COLUMNS = ("image_id", "class_name", "class_id", "rad_id", *CORNERS)
KAGGLE_NAMES = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "ILD", "Infiltration"),
    *("Lung Opacity", "Nodule/Mass", "Other lesion", "Pleural effusion", "Pleural thickening", "Pneumothorax"),
    *("Pulmonary fibrosis", "No finding"),
)
"""The challenge's classes, by class_id."""

VOTE = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "": float("nan")}
OFFICIAL_FILMS = {"train": 15_000, "test": 3_000}
OFFICIAL_ROWS = 67_914
MAX_SIDE = 30_000
_EDGE = 1.0
"""So many pixels may a box reach over the film's edge (rounding)."""

Sizes = Mapping[str, tuple[float, float]]


class Films(NamedTuple):
    """Films of one split with their votes: `yes` and `readers` count them by film and class."""

    split: str
    ids: list[str]
    yes: NDArray[np.float64]
    readers: NDArray[np.float64]


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    tables = [path for split in SPLITS if (path := _labels_path(folder, split))]
    if any({"image_id", "Aortic enlargement"} <= set(header_of(path)) for path in tables):
        return "PhysioNet: " + ", ".join(path.name for path in tables)
    path = find_table(folder, KAGGLE)
    return f"Kaggle: {path.name}" if path and set(KAGGLE_COLUMNS) <= set(header_of(path)) else None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, in the order of the tables."""
    physionet = any(_labels_path(root, split) for split in SPLITS)
    classes = ordered(set(VINDR.values()) if physionet else {VINDR[name] for name in KAGGLE_NAMES})
    parts, expectations = _physionet(root, classes) if physionet else _kaggle(root, classes)
    ids = [name for part in parts for name in part.ids]
    splits = [part.split for part in parts for _ in part.ids]
    both = sorted(set.intersection(*(set(part.ids) for part in parts))) if len(parts) > 1 else []
    if both:
        raise DataError(f"{root}: the film {both[0]!r} is in the tables of train and test; a film has one split")
    boxes, notes = _all_boxes(root, parts, physionet=physionet)
    policy = options.policy(READER.policy)
    films = [f"{split}/{name}.dicom" for split, name in zip(splits, ids, strict=True)]
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=classes,
        policy=policy,
        ids=column(ids),
        patients=column(ids),
        splits=column(splits),
        views=column(["PA"] * len(ids)),
        reports=column([None] * len(ids)),
        stated=np.concatenate([vote(part.yes, part.readers, options.votes) for part in parts]),
        pixels=FilePixels(root, tuple(films), known_by="sizes"),
        prior=no_prior(len(ids)),
        boxes=boxes,
        expectations=expectations,
        facts={
            "label_policy": policy.describe(),
            "release": "PhysioNet" if physionet else "Kaggle",
            "votes": options.votes,
        },
        notes=("no patient ids: every film counts as its own patient", *notes, *counts_note(expectations)),
    )


def vote(yes: NDArray[np.float64], readers: NDArray[np.float64], rule: Literal["majority", "any"]) -> Labels:
    """Labels in {1, 0, -1, NaN} from the radiologists that said yes, of those who were asked; a tie is uncertain."""
    labels = (yes > 0 if rule == "any" else 2 * yes > readers).astype(np.float32)
    if rule == "majority":
        labels[2 * yes == readers] = UNSURE
    labels[readers == 0] = np.nan
    return labels


def _labels_path(root: Path, split: str) -> Path | None:
    return find_table(root / "annotations", f"image_labels_{split}.csv")


def _physionet(root: Path, classes: Sequence[str]) -> tuple[list[Films], tuple[Expectation, ...]]:
    paths = {split: path for split in SPLITS if (path := _labels_path(root, split))}
    parts = [_voted(read_rows(path, ("image_id",)), split, classes) for split, path in paths.items()]
    counts = (Expectation(f"films of {p.split}", OFFICIAL_FILMS[p.split], len(p.ids)) for p in parts)
    return parts, tuple(counts)


def _voted(table: Table, split: str, classes: Sequence[str]) -> Films:
    """The votes of a table with one column a finding, and one row a film and radiologist (or a film)."""
    table.need_file_names("image_id")
    readers = table["rad_id"] if "rad_id" in table else [""] * len(table)
    if "rad_id" in table:
        table.need_ids("rad_id", unique=False)
    _need_once(table, zip(table["image_id"], readers, strict=True), "film and radiologist")
    unknown = [name for name in table.columns if name not in VINDR and name not in ("image_id", "rad_id")]
    if unknown:
        raise DataError(f"{table.path} has the column {unknown[0]!r}, which is no finding of VinDr-CXR; remove it")
    ids, of_row = _films(table)
    yes, asked = (np.zeros((len(ids), len(classes))) for _ in range(2))
    for name in (name for name in table.columns if name in VINDR):
        votes = table.choices(name, VOTE)
        at = classes.index(VINDR[name])
        np.add.at(yes[:, at], of_row, np.nan_to_num(votes))
        np.add.at(asked[:, at], of_row, ~np.isnan(votes))
    return Films(split, ids, yes, asked)


def _kaggle(root: Path, classes: Sequence[str]) -> tuple[list[Films], tuple[Expectation, ...]]:
    """The votes of the challenge's table: one row a box. A radiologist says no to what he has no row of."""
    table = _kaggle_table(root)
    ids, of_row = _films(table)
    column_of = np.array([classes.index(VINDR[name]) for name in table["class_name"]])
    reader = np.unique(np.array(table["rad_id"]), return_inverse=True)[1]
    said = np.unique(np.stack([of_row, column_of, reader], axis=1), axis=0)
    asked = np.unique(said[:, [0, 2]], axis=0)
    yes = np.zeros((len(ids), len(classes)))
    np.add.at(yes, (said[:, 0], said[:, 1]), 1)
    readers = np.broadcast_to(np.bincount(asked[:, 0], minlength=len(ids))[:, None], yes.shape).astype(float)
    counts = (
        Expectation(f"rows of {KAGGLE}", OFFICIAL_ROWS, len(table)),
        Expectation("films of train", OFFICIAL_FILMS["train"], len(ids)),
    )
    return [Films("train", ids, yes, readers)], counts


def _kaggle_table(root: Path) -> Table:
    table = read_rows(find_table(root, KAGGLE) or root / KAGGLE, KAGGLE_COLUMNS)
    table.need_file_names("image_id")
    table.need_ids("rad_id", unique=False)
    for row, (name, number) in enumerate(zip(table["class_name"], table["class_id"], strict=True)):
        if not number.isascii() or not number.isdecimal() or int(number) >= len(KAGGLE_NAMES):
            raise DataError(f"{table.where(row)}: class_id is {number!r}; it must lie between 0 and 14")
        if KAGGLE_NAMES[int(number)] != name:
            raise DataError(
                f"{table.where(row)}: class_name is {name!r}, but class_id {number} is {KAGGLE_NAMES[int(number)]!r}"
            )
    _need_once(table, zip(*(table[name] for name in KAGGLE_COLUMNS), strict=True), "row")
    return table


def _need_once(table: Table, keys: Iterable[tuple[str, ...]], what: str) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(keys):
        if seen.setdefault(key, row) != row:
            raise DataError(f"{table.where(row)}: the same {what} as on line {table.lines[seen[key]]}; remove one")


def _films(table: Table) -> tuple[list[str], NDArray[np.int64]]:
    """The table's films in the order of their first rows, and the film of each row."""
    place = {name: at for at, name in enumerate(dict.fromkeys(table["image_id"]))}
    return list(place), np.array([place[name] for name in table["image_id"]], dtype=np.int64)


def _all_boxes(
    root: Path, parts: Sequence[Films], *, physionet: bool
) -> tuple[tuple[tuple[Box, ...], ...], tuple[str, ...]]:
    """Every radiologist's boxes of each film, where a table says how large the films are."""
    found: dict[str, list[Box]] = {}
    missing = []
    for split in (part.split for part in parts):
        sizes = find_table(root, f"{split}_meta.csv")
        table = _annotations(root, split, physionet=physionet)
        if sizes and table:
            _add_boxes(found, table, _sizes(sizes))
        else:
            missing.append(split)
    if missing:
        why = " and ".join(missing)
        return (), (
            f"boxes of {why} are not read: they need the films' sizes, in a SPLIT_meta.csv (image_id,dim0,dim1)",
        )
    return tuple(tuple(found.get(name, ())) for part in parts for name in part.ids), ()


def _annotations(root: Path, split: str, *, physionet: bool) -> Table | None:
    folder, name = (root / "annotations", f"annotations_{split}.csv") if physionet else (root, KAGGLE)
    path = find_table(folder, name)
    return read_rows(path, ("image_id", "class_name", *CORNERS)) if path else None


def _sizes(path: Path) -> Sizes:
    """(width, height) of each film: dim0 is the height, dim1 the width (unverified)."""
    table = read_rows(path, ("image_id", "dim0", "dim1"))
    table.need_ids("image_id")
    heights, widths = (table.numbers(name, low=1, high=MAX_SIDE) for name in ("dim0", "dim1"))
    return dict(zip(table["image_id"], zip(widths.tolist(), heights.tolist(), strict=True), strict=True))


def _add_boxes(found: dict[str, list[Box]], table: Table, sizes: Sizes) -> None:
    corners = np.stack([table.numbers(name, low=-_EDGE, high=MAX_SIDE) for name in CORNERS], axis=1)
    for row, (film, name) in enumerate(zip(table["image_id"], table["class_name"], strict=True)):
        if name not in VINDR:
            raise DataError(f"{table.where(row)}: class_name is {name!r}, which is no finding of VinDr-CXR")
        if np.isnan(corners[row]).all():
            continue
        if film not in sizes:
            raise DataError(f"{table.where(row)}: the size of film {film!r} is not in the table of sizes")
        width, height = sizes[film]
        x0, y0, x1, y1 = corners[row].tolist()
        if not (x0 < x1 <= width + _EDGE and y0 < y1 <= height + _EDGE):
            raise DataError(
                f"{table.where(row)}: the box ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) is empty, not complete, or "
                f"leaves the film of {width:g} x {height:g} pixels"
            )
        ends = np.clip([x0 / width, y0 / height, x1 / width, y1 / height], 0, 1)
        found.setdefault(film, []).append(Box(VINDR[name], *ends.tolist()))


READER = Reader(
    name="vindr",
    title="VinDr-CXR",
    paper="Nguyen et al. 2022, Scientific Data 9:429",
    looked_for="a folder with annotations/image_labels_{train,test}.csv (PhysioNet) or the challenge's train.csv",
    get_it="It is at physionet.org/content/vindr-cxr and kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection.",
    policy=LabelPolicy(),
    recognise=recognise,
    read=read,
)
