"""ROCO (Pelka et al. 2018) and ROCOv2 (Rückert et al. 2024): figures of open-access articles with their captions.

All modalities, no labels. Of version 1 only `radiology` is read. Its captions.txt has lines 'ROCO_00016<TAB> text',
and a caption may run over several. The files of version 2 are read as its description says (unverified).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from umcl_bench.data.corpus import Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, no_prior, read_rows
from umcl_bench.data.tables import find_table, header_of, open_text
from umcl_bench.errors import DataError

CAPTIONS = "captions.txt"
LICENCES = "licences.txt"
SPLITS = {"train": "train", "validation": "val", "test": "test"}
V2_SPLITS = {"train": "train", "valid": "val", "test": "test"}
OFFICIAL_V2 = {"train": 59_958, "val": 9_904, "test": 9_927}
"""Films of ROCOv2, as its description says."""

_ENTRY = re.compile(r"(ROCO_\d+)\t(.*)", re.DOTALL)
_FIRST_BYTES = 4_096


class Figures(NamedTuple):
    """Figures of one split: their captions, files, articles and licences."""

    split: str
    captions: dict[str, str]
    folder: str
    articles: dict[str, str]
    licences: dict[str, str]


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    lists = _lists(folder)
    if lists:
        return "ROCO: " + ", ".join(f"{split} ({path.relative_to(folder)})" for split, path in lists.items())
    tables = _tables(folder)
    return "ROCOv2: " + ", ".join(path.name for path in tables.values()) if tables else None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a figure, in the order of the splits train, val, test."""
    lists, tables = _lists(root), _tables(root)
    if not lists and not tables:
        raise DataError(f"{root} holds neither radiology/{CAPTIONS} nor train_captions.csv")
    parts = [_read_list(root, split, path) for split, path in lists.items()]
    parts = parts or [_read_table(split, path) for split, path in tables.items()]
    ids = [name for part in parts for name in part.captions]
    texts = [text for part in parts for text in part.captions.values()]
    twice = len(ids) - len(set(ids))
    if twice:
        raise DataError(f"{root}: {twice} ids are in the captions of two splits; a figure has one")
    articles = [part.articles.get(name, name) for part in parts for name in part.captions]
    policy = options.policy(READER.policy)
    expectations = tuple(Expectation(f"figures of {p.split}", OFFICIAL_V2[p.split], len(p.captions)) for p in parts)
    expectations = () if lists else expectations
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=(),
        policy=policy,
        ids=column(ids),
        patients=column(articles),
        splits=column(part.split for part in parts for _ in part.captions),
        views=column([""] * len(ids)),
        reports=column(text or None for text in texts),
        stated=np.zeros((len(ids), 0), dtype=np.float32),
        pixels=FilePixels(
            root, tuple(f"{p.folder}/{name}.jpg" for p in parts for name in p.captions), known_by="sizes"
        ),
        prior=no_prior(len(ids)),
        attributes={"licence": column(p.licences.get(name, "") for p in parts for name in p.captions)},
        expectations=expectations,
        facts={"label_policy": policy.describe(), "version": "1, radiology" if lists else "2"},
        notes=(*_notes(ids, texts, articles), *counts_note(expectations)),
    )


def _lists(root: Path) -> dict[str, Path]:
    """Version 1's captions by split; a folder radiology/ alone is the test split of a sample."""
    for base in (root / "data", root):
        found = {ours: base / name / "radiology" / CAPTIONS for name, ours in SPLITS.items()}
        found = {split: path for split, path in found.items() if _is_list(path)}
        if found:
            return found
    alone = root / "radiology" / CAPTIONS
    return {"test": alone} if _is_list(alone) else {}


def _is_list(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(_FIRST_BYTES).removeprefix(b"\xef\xbb\xbf").startswith(b"ROCO_")


def _tables(root: Path) -> dict[str, Path]:
    found = {ours: find_table(root, f"{name}_captions.csv") for name, ours in V2_SPLITS.items()}
    return {split: path for split, path in found.items() if path and header_of(path)[:2] == ["ID", "Caption"]}


def _read_list(root: Path, split: str, path: Path) -> Figures:
    articles: dict[str, str] = {}
    licences: dict[str, str] = {}
    table_path = path.with_name(LICENCES)
    if table_path.is_file():
        table = read_rows(table_path, ("ROCO_ID", "PMC_ID", "CC"))
        table.need_ids("ROCO_ID")
        articles = dict(zip(table["ROCO_ID"], (name.partition("_")[0] for name in table["PMC_ID"]), strict=True))
        licences = dict(zip(table["ROCO_ID"], table["CC"], strict=True))
    folder = (path.parent / "images").relative_to(root).as_posix()
    return Figures(split, read_captions(path), folder, articles, licences)


def read_captions(path: Path) -> dict[str, str]:
    """The captions of a captions.txt by id, each on one line. Raises DataError, by its line."""
    captions: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    entry: list[str] = []
    with open_text(path) as file:
        for line, text in enumerate(file, start=1):
            match = _ENTRY.fullmatch(text)
            if match:
                name, entry = match[1], [match[2]]
                if name in captions:
                    raise DataError(f"{path}, line {line}: {name} is also on line {lines[name]}; remove one")
                captions[name], lines[name] = entry, line
            elif captions:
                entry.append(text)
            elif text.strip():
                raise DataError(
                    f"{path}, line {line}: expected ROCO_<number>, a tab and a caption; found {text[:40]!r}"
                )
    if not captions:
        raise DataError(f"{path} has no captions; get it again")
    return {name: " ".join(" ".join(parts).split()) for name, parts in captions.items()}


def _read_table(split: str, path: Path) -> Figures:
    table = read_rows(path, ("ID", "Caption"))
    table.need_ids("ID")
    table.need_file_names("ID")
    folder = path.name.partition("_")[0]
    return Figures(split, dict(zip(table["ID"], table["Caption"], strict=True)), folder, {}, {})


def _notes(ids: list[str], texts: list[str], articles: list[str]) -> tuple[str, ...]:
    notes = ["figures of all modalities, not of radiographs alone"]
    if articles == ids:
        notes.append("no patients or articles are named: every figure counts as its own patient")
    else:
        notes.append("figures of one article count as one patient's")
    if not all(texts):
        notes.append(f"{texts.count('')} figures have an empty caption")
    return tuple(notes)


READER = Reader(
    name="roco",
    title="ROCO: Radiology Objects in COntext",
    paper="Pelka et al. 2018, LABELS at MICCAI; Rückert et al. 2024, Scientific Data 11:688 (version 2)",
    looked_for="a folder with data/{train,validation,test}/radiology/captions.txt, or train_captions.csv of version 2",
    get_it="It is at github.com/razorx89/roco-dataset and zenodo.org (ROCOv2).",
    policy=LabelPolicy(),
    recognise=recognise,
    read=read,
)
