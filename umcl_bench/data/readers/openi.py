"""Open-i, the chest radiographs of Indiana University ("IU X-Ray", Demner-Fushman et al. 2016), in three forms.

- `xml`: the official reports (NLMCXR_reports.tgz or ecgen-radiology/), films in NLMCXR_png/.
- `csv`: Kaggle's (raddar): indiana_reports.csv and indiana_projections.csv, films in images/images_normalized/.
- `json`: R2Gen's annotation.json with its own splits and one text a study, films in images/; it has no labels.

The first two have labels, from the major MeSH headings that people gave to the reports, by the table in vocabulary.py.
A report with headings is labelled: without 'normal' among them its No Finding is 0. Neither form has an official split:
all rows are 'test', the use that most papers make of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from umcl_bench.data.corpus import SPLITS, Corpus, Expectation
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy, Labels
from umcl_bench.data.readers.base import Reader, ReadOptions
from umcl_bench.data.readers.common import column, counts_note, json_field, no_prior, read_json, read_rows
from umcl_bench.data.readers.openi_archive import read_reports, sections_of
from umcl_bench.data.reports.sections import Sections, choose
from umcl_bench.data.tables import Table, find_table
from umcl_bench.data.vocabulary import MESH, MESH_NOTHING, NO_FINDING, of_mesh, ordered
from umcl_bench.errors import DataError

ARCHIVE = "NLMCXR_reports.tgz"
UNPACKED = "ecgen-radiology"
REPORTS = "indiana_reports.csv"
PROJECTIONS = "indiana_projections.csv"
ANNOTATION = "annotation.json"
REPORT_COLUMNS = ("uid", "MeSH", "indication", "comparison", "findings", "impression")
KAGGLE_FILMS = "images/images_normalized"
KAGGLE_ENDING = ".dcm.png"
VIEWS = {"Frontal": "frontal", "Lateral": "lateral"}
CLASSES = ordered({name for names in MESH.values() for name in names})
OFFICIAL = {"xml": (3_955, 7_470), "csv": (3_851, 7_466)}
"""Reports and films."""

OFFICIAL_R2GEN = {"train": 2_069, "val": 296, "test": 590}

_FIRST_BYTES = 4_096
_R2GEN = re.compile(rb'"image_path"\s*:\s*\[\s*"CXR\d+_')
_R2GEN_PATH = re.compile(r"CXR\d+_[\w-]+(?:/\d+)?\.png", re.ASCII)

Form = Literal["xml", "csv", "json"]


class Film(NamedTuple):
    """A film: its name, file and view; a study without films has one of which all are ''."""

    name: str
    file: str
    view: str


class Study(NamedTuple):
    """A report with its films; `headings` is None where the form has none."""

    name: str
    parts: Sections
    films: tuple[Film, ...]
    headings: tuple[str, ...] | None
    split: str = "test"


def recognise(folder: Path) -> str | None:
    """What is there of the release, or None."""
    forms = _forms(folder)
    return ", ".join(f"{form} ({path.name})" for form, path in forms.items()) or None


def read(root: Path, options: ReadOptions) -> Corpus:
    """The corpus: one row a film, in the order of the reports' numbers; a report without films is a row of text."""
    forms = _forms(root)
    form = _chosen(root, forms)
    studies = {"xml": _of_archive, "csv": _of_tables, "json": _of_json}[form](root, forms[form])
    rows = [(study, film) for study in studies for film in study.films]
    labelled = form != "json"
    policy = options.policy(READER.policy)
    expectations = _expectations(form, studies, sum(bool(film.name) for _, film in rows))
    files = tuple(film.file for _, film in rows)
    return Corpus(
        source=READER.name,
        kind="patients",
        dataset=READER.name,
        classes=CLASSES if labelled else (),
        policy=policy,
        ids=column(film.name or study.name for study, film in rows),
        patients=column(study.name for study, _ in rows),
        splits=column(study.split for study, _ in rows),
        views=column(film.view for _, film in rows),
        reports=column(choose(study.parts, options.section) for study, _ in rows),
        stated=_stated([study.headings for study, _ in rows]) if labelled else np.zeros((len(rows), 0), np.float32),
        pixels=FilePixels(root, files, known_by="sizes"),
        prior=no_prior(len(rows)),
        has_image=None if all(files) else np.array([bool(file) for file in files]),
        attributes={"study": column(study.name for study, _ in rows)}
        | ({"mesh": column(";".join(study.headings or ()) for study, _ in rows)} if labelled else {}),
        expectations=expectations,
        facts={"label_policy": policy.describe(), "form": form, "section": options.section},
        notes=(*_notes(forms, form, studies, options), *counts_note(expectations)),
    )


def _forms(root: Path) -> dict[Form, Path]:
    """The forms of the reports that `root` holds."""
    found: dict[Form, Path] = {}
    xml = next((path for path in (root / ARCHIVE, root / UNPACKED) if path.exists()), None)
    if xml:
        found["xml"] = xml
    reports = find_table(root, REPORTS)
    if reports and find_table(root, PROJECTIONS):
        found["csv"] = reports
    annotation = root / ANNOTATION
    if annotation.is_file():
        with annotation.open("rb") as file:
            if _R2GEN.search(file.read(_FIRST_BYTES)):
                found["json"] = annotation
    return found


def _chosen(root: Path, forms: Mapping[Form, Path]) -> Form:
    """The official form, unless the films that are there are those of Kaggle."""
    if not forms:
        raise DataError(f"{root} holds none of {ARCHIVE}, {UNPACKED}/, {REPORTS} with {PROJECTIONS}, {ANNOTATION}")
    if "csv" in forms and (root / KAGGLE_FILMS).is_dir():
        return "csv"
    return next(iter(forms))


def _of_archive(root: Path, path: Path) -> list[Study]:
    projections = find_table(root, PROJECTIONS)
    views = _views(projections) if projections else {}
    studies = []
    for report in read_reports(path):
        films = tuple(Film(name, f"NLMCXR_png/{name}.png", views.get(name, "")) for name in report.images)
        studies.append(Study(f"CXR{report.number}", report.parts, films or (Film("", "", ""),), report.headings))
    _need_once(path, studies)
    return studies


def _need_once(path: Path, studies: Sequence[Study]) -> None:
    seen: set[str] = set()
    for study in studies:
        for film in study.films:
            if film.name in seen:
                raise DataError(f"{path}: the film {film.name} belongs to two reports, {study.name} among them")
            seen.update({film.name} - {""})


def _projections(path: Path) -> Table:
    table = read_rows(path, ("uid", "filename", "projection"))
    table.need_file_names("filename")
    table.need_ids("filename")
    return table


def _views(path: Path) -> dict[str, str]:
    """Each film's view by its name, from Kaggle's table."""
    table = _projections(path)
    return dict(zip(map(_name_of, table["filename"]), table.texts("projection", VIEWS), strict=True))


def _name_of(filename: str) -> str:
    """The official name of a film in Kaggle's table: 1_IM-0001-4001.dcm.png is CXR1_IM-0001-4001."""
    return f"CXR{filename.removesuffix(KAGGLE_ENDING)}"


def _of_tables(root: Path, path: Path) -> list[Study]:
    reports = read_rows(path, REPORT_COLUMNS)
    reports.need_ids("uid")
    projections = find_table(root, PROJECTIONS)
    assert projections is not None  # or the form was not found
    films = _films(_projections(projections), set(reports["uid"]), path)
    studies = []
    for row, uid in enumerate(reports["uid"]):
        parts = sections_of({name: " ".join(reports[name][row].split()) for name in REPORT_COLUMNS[2:]})
        headings = tuple(text.strip() for text in reports["MeSH"][row].split(";") if text.strip())
        studies.append(Study(f"CXR{uid}", parts, tuple(films.get(uid, [Film("", "", "")])), headings))
    return studies


def _films(table: Table, known: set[str], reports: Path) -> dict[str, list[Film]]:
    found: dict[str, list[Film]] = {}
    views = table.texts("projection", VIEWS)
    for row, (uid, file, view) in enumerate(zip(table["uid"], table["filename"], views, strict=True)):
        if uid not in known:
            raise DataError(f"{table.where(row)}: uid {uid!r} has no report in {reports.name}")
        found.setdefault(uid, []).append(Film(_name_of(file), f"{KAGGLE_FILMS}/{file}", view))
    return found


def _of_json(root: Path, path: Path) -> list[Study]:
    data = read_json(path)
    if not isinstance(data, dict):
        raise DataError(f"{path} must be an object of splits; found {type(data).__name__}")
    studies: list[Study] = []
    for key in data:
        for at, record in enumerate(json_field(data, key, list, str(path)), start=1):
            studies.append(_of_record(record, key, f"{path}, {key!r}, record {at}"))
    names = [study.name for study in studies]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice:
        raise DataError(f"{path}: the study {twice!r} is there twice; remove one")
    if not studies:
        raise DataError(f"{path} holds no studies; get it again")
    return studies


def _of_record(record: Any, key: str, where: str) -> Study:
    """A study of R2Gen; in some copies the key of the test split is blank, and the record names it."""
    name, report = (json_field(record, field, str, where) for field in ("id", "report"))
    split = str(record.get("split") or key.strip())
    if split not in SPLITS:
        raise DataError(f"{where}: the split is {split!r}; it must be one of {', '.join(SPLITS)}")
    paths = json_field(record, "image_path", list, where)
    for path in paths:
        if not isinstance(path, str) or _R2GEN_PATH.fullmatch(path) is None:
            raise DataError(f"{where}: image_path is {str(path)[:60]!r}; expected one like 'CXR1_IM-0001/0.png'")
    text = " ".join(report.split()) or None
    films = tuple(Film(path, f"images/{path}", "") for path in dict.fromkeys(paths))
    parts = Sections(text, unheaded=text)
    return Study(name, parts, films or (Film("", "", ""),), None, split)


def _stated(headings: Sequence[tuple[str, ...] | None]) -> Labels:
    """(n, CLASSES): 1 for what a heading names, 0 for No Finding where the headings are not 'normal'."""
    stated = np.full((len(headings), len(CLASSES)), np.nan, dtype=np.float32)
    place = {name: at for at, name in enumerate(CLASSES)}
    for row, texts in enumerate(headings):
        if set(texts or ()) - MESH_NOTHING:
            stated[row, place[NO_FINDING]] = 0
        for name in (name for text in texts or () for name in of_mesh(text)):
            stated[row, place[name]] = 1
    return stated


def _expectations(form: Form, studies: Sequence[Study], films: int) -> tuple[Expectation, ...]:
    if form == "json":
        found = [study.split for study in studies]
        return tuple(Expectation(f"studies of {s}", n, found.count(s)) for s, n in OFFICIAL_R2GEN.items())
    reports, official = OFFICIAL[form]
    return Expectation("reports", reports, len(studies)), Expectation("films", official, films)


def _notes(forms: Mapping[Form, Path], form: Form, studies: Sequence[Study], options: ReadOptions) -> tuple[str, ...]:
    notes = [] if form == "json" else ["no official split: all rows are 'test'"]
    notes.append("no patient ids: every report counts as its own patient")
    others = [f"{name} ({path.name})" for name, path in forms.items() if name != form]
    if others:
        notes.append(f"read from {form}; not read: {', '.join(others)}")
    blind = [film for study in studies for film in study.films if film.name and not film.view]
    if blind:
        notes.append(f"{len(blind)} films have no view and count as frontal")
    bare = sum(not study.films[0].name for study in studies)
    if bare:
        notes.append(f"{bare} reports have no film and are rows of text")
    if form == "json" and options.section not in ("findings+impression", "report"):
        notes.append(f"the texts of R2Gen have no sections: none is its {options.section}")
    return tuple(notes)


READER = Reader(
    name="openi",
    title="Open-i chest radiographs of Indiana University (IU X-Ray)",
    paper="Demner-Fushman et al. 2016, JAMIA 23(2):304-310",
    looked_for=f"a folder with {ARCHIVE} or {UNPACKED}/, or {REPORTS} and {PROJECTIONS}, or R2Gen's {ANNOTATION}",
    get_it="It is at openi.nlm.nih.gov/faq and kaggle.com/datasets/raddar/chest-xrays-indiana-university.",
    policy=LabelPolicy(unnamed="negative"),
    recognise=recognise,
    read=read,
)
