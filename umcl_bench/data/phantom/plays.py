"""How the phantom plays the standard datasets: the same fields as theirs, where it has them, and its own splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from umcl_bench.data.corpus import Corpus, Strings
from umcl_bench.data.phantom.corpus import LUNGS, PhantomBoxes, PhantomPixels
from umcl_bench.data.phantom.reports import entity_sentences
from umcl_bench.data.phantom.studies import PhantomSpec, Study, all_studies
from umcl_bench.data.vocabulary import CHEXPERT, MESH, NIH, NO_FINDING, PADCHEST, VINDR
from umcl_bench.errors import unknown_name
from umcl_bench.spec import COMPETITION
from umcl_bench.spec.protocols import EIGHT

Shape = Callable[[Corpus, PhantomSpec], Corpus]


@dataclass(frozen=True)
class Play:
    """What is kept of the phantom, and what is said of it.

    `classes` are the labels that are kept; `masks` the finding whose masks are, or LUNGS, '' for none; `boxes` whether
    those of the classes are. `whole` keeps all there is. `shape` then changes the rows.
    """

    how: str
    classes: tuple[str, ...] = CHEXPERT
    attributes: tuple[str, ...] = ()
    reports: bool = False
    views: bool = False
    masks: str = ""
    boxes: bool = False
    whole: bool = False
    shape: Shape | None = None


def play(corpus: Corpus, dataset: str) -> Corpus:
    """The phantom as `dataset`. Raises UsageError for one that it does not play."""
    if dataset not in PLAYED:
        raise unknown_name("dataset of the phantom", dataset, PLAYED)
    if not isinstance(corpus.pixels, PhantomPixels):
        raise TypeError(f"only a phantom plays datasets, and {corpus.source} is none")
    spec, as_it = corpus.pixels.spec, PLAYED[dataset]
    played = corpus if as_it.whole else _with_fields(corpus, spec, as_it)
    if as_it.shape is None and as_it.whole:
        return corpus
    played = dataclasses.replace(
        played,
        dataset=dataset,
        facts={**corpus.facts, "plays": dataset},
        notes=(*corpus.notes, f"the phantom plays {dataset}: {as_it.how}"),
    )
    return played if as_it.shape is None else as_it.shape(played, spec)


def _with_fields(corpus: Corpus, spec: PhantomSpec, as_it: Play) -> Corpus:
    n = len(corpus)
    masks = PhantomPixels(spec, findings=(as_it.masks,) * n, masks=True) if as_it.masks else None
    return dataclasses.replace(
        corpus,
        classes=as_it.classes,
        stated=corpus.stated[:, [corpus.classes.index(name) for name in as_it.classes]],
        reports=corpus.reports if as_it.reports else np.full(n, None, dtype=object),
        views=corpus.views if as_it.views else _column([""] * n),
        attributes={name: corpus.attributes[name] for name in as_it.attributes},
        masks=masks,
        has_mask=None if masks is None else np.ones(n, dtype=bool),
        boxes=PhantomBoxes(spec, only=as_it.classes) if as_it.boxes else (),
    )


def _column(values: list[Any]) -> Strings:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _positive(corpus: Corpus, finding: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(corpus.stated[:, corpus.classes.index(finding)] == 1)


def _five_by_200(corpus: Corpus, spec: PhantomSpec) -> Corpus:
    """Its test rows: the first 200 of each competition finding that have no other finding but devices and parents."""
    alone = _only_one_of_five(corpus, spec)
    test = corpus.splits == "test"
    kept: list[int] = []
    for finding in COMPETITION:
        kept += np.flatnonzero(test & alone & _positive(corpus, finding))[:200].tolist()
    left_out = np.setdiff1d(np.flatnonzero(test), kept)
    return corpus.without(left_out, "a film of 5x200 has one of the five findings and nothing else")


def _only_one_of_five(corpus: Corpus, spec: PhantomSpec) -> np.ndarray[Any, np.dtype[np.bool_]]:
    own = [{lesion.finding for lesion in study.lesions} - {"Support Devices"} for _, _, study in all_studies(spec)]
    return np.array([len(names) == 1 and names <= set(COMPETITION) for names in own], dtype=bool)


_QUERIES = 10
"""Query films of each class of 8x200; where a class is rare, a quarter of its films."""


def _eight_by_200(corpus: Corpus, spec: PhantomSpec) -> Corpus:
    """Its test rows: the first films of each class that have no other of the eight; the very first are queries."""
    columns = [corpus.classes.index(name) for name in EIGHT]
    alone = (corpus.splits == "test") & ((corpus.stated[:, columns] == 1).sum(axis=1) == 1)
    query, kept = np.full(len(corpus), "", dtype=object), []
    for name in EIGHT:
        rows = np.flatnonzero(alone & _positive(corpus, name))
        queries = min(_QUERIES, len(rows) // 4)
        query[rows[:queries]] = name
        kept += rows[: queries + 200].tolist()
    left_out = np.setdiff1d(np.flatnonzero(corpus.splits == "test"), kept)
    played = corpus.without(left_out, "a film of 8x200 has one of its eight classes")
    return dataclasses.replace(played, attributes={**played.attributes, "query": query})


def _covidx(corpus: Corpus, spec: PhantomSpec) -> Corpus:
    other = np.flatnonzero(~_positive(corpus, NO_FINDING) & ~_positive(corpus, "Pneumonia"))
    return corpus.without(other, "neither normal nor a pneumonia")


def _phrases(corpus: Corpus, spec: PhantomSpec) -> Corpus:
    """One row for each finding that a sentence says is there, with the sentence, and the finding's boxes and mask."""
    found = [
        (row, *phrase)
        for row, (_, _, study) in enumerate(all_studies(spec))
        if corpus.reports[row] is not None
        for phrase in _phrases_of(study, spec.dials.wording_shift, corpus.classes)
    ]
    rows = np.array([row for row, _, _ in found], dtype=np.int64)
    about = tuple(finding for _, finding, _ in found)
    stated = np.full((len(rows), len(corpus.classes)), np.nan, dtype=np.float32)
    stated[range(len(rows)), [corpus.classes.index(finding) for finding in about]] = 1
    return dataclasses.replace(
        corpus,
        ids=_column([f"{corpus.ids[row]}/{finding}" for row, finding, _ in found]),
        patients=corpus.patients[rows],
        splits=corpus.splits[rows],
        views=corpus.views[rows],
        reports=_column([text for _, _, text in found]),
        stated=stated,
        pixels=PhantomPixels(spec, tuple(rows.tolist())),
        prior=np.full(len(rows), -1, dtype=np.int64),
        masks=PhantomPixels(spec, tuple(rows.tolist()), about, masks=True),
        has_mask=np.ones(len(rows), dtype=bool),
        boxes=PhantomBoxes(spec, tuple(rows.tolist()), about),
        attributes={"film": corpus.ids[rows]},
    )


def _phrases_of(study: Study, wording_shift: float, classes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each finding of the film that a sentence says is there, with the first such sentence."""
    seen: set[str] = set()
    for text, entities in entity_sentences(study, wording_shift):
        for entity in entities:
            if entity.status == "present" and entity.finding in classes and entity.finding not in seen:
                seen.add(entity.finding)
                yield entity.finding, text


_CHANGES = {"better": "improving", "same": "stable", "worse": "worsening", "new": "worsening", "gone": "improving"}
_EIGHT = tuple(name for name in CHEXPERT if name in {*COMPETITION, "Lung Opacity", "Pneumonia", "Pneumothorax"})
"""The findings of MS-CXR, and below those of MS-CXR-T."""

_TEMPORAL = ("Consolidation", "Edema", "Pleural Effusion", "Pneumonia", "Pneumothorax")


def _progressions(corpus: Corpus, spec: PhantomSpec) -> Corpus:
    """Films with a prior film are its test rows; '<finding>_progression' says what became of each finding."""
    columns = {name: [""] * len(corpus) for name in _TEMPORAL}
    for row, (_, _, study) in enumerate(all_studies(spec)):
        for lesion in (*study.lesions, *study.resolved):
            if lesion.finding in columns and lesion.change:
                columns[lesion.finding][row] = _CHANGES[lesion.change]
    told = {f"{name.lower().replace(' ', '_')}_progression": _column(values) for name, values in columns.items()}
    silent = np.flatnonzero(~np.any([column != "" for column in told.values()], axis=0) & (corpus.splits == "test"))
    kept = corpus.without(silent, "no finding of theirs has a change")
    return dataclasses.replace(kept, attributes={**corpus.attributes, **told})


def _of(names: Mapping[str, Any]) -> tuple[str, ...]:
    """The phantom's findings among those that a vocabulary's names mean, in CheXpert's order."""
    values = [value if isinstance(value, tuple) else (value,) for value in names.values()]
    meant = {name for value in values for name in value}
    return tuple(name for name in CHEXPERT if name in meant or name == NO_FINDING)


PLAYED: Mapping[str, Play] = {
    "chexpert": Play("all of the phantom, which is made after it; reports too, as CheXpert Plus has", whole=True),
    "chexpert-5x200": Play(
        "its test films with one competition finding and no other but devices and parents, up to 200 a finding",
        whole=True,
        shape=_five_by_200,
    ),
    "chexpert-8x200": Play(
        "its test films with one of eight classes, up to 200 a class, and up to 10 more as queries; ConVIRT's have "
        "nothing else at all, and experts chose its queries",
        whole=True,
        shape=_eight_by_200,
    ),
    "mimic-cxr": Play("14 labels and reports", reports=True, views=True),
    "mimic-5x200": Play(
        "mimic-cxr's test films with one competition finding and no other but devices and parents, up to 200 a finding",
        reports=True,
        views=True,
        shape=_five_by_200,
    ),
    "nih": Play(
        "those of its labels that the phantom has, and their boxes",
        classes=_of(NIH),
        attributes=("sex", "age"),
        views=True,
        boxes=True,
    ),
    "rsna": Play(
        "Pneumonia with boxes and masks; the masks are the lesions' own, where RSNA's are filled boxes",
        classes=(NO_FINDING, "Pneumonia"),
        masks="Pneumonia",
        boxes=True,
    ),
    "siim": Play("Pneumothorax with masks", classes=("Pneumothorax",), masks="Pneumothorax"),
    "lungs": Play("no labels, and masks of both lungs", classes=(), masks=LUNGS),
    "vindr": Play("those of its findings that the phantom has, and their boxes", classes=_of(VINDR), boxes=True),
    "covidx": Play(
        "normal films and pneumonias; the phantom has no COVID-19",
        classes=(NO_FINDING, "Pneumonia"),
        shape=_covidx,
    ),
    "openi": Play("reports, and those of its labels that the phantom has", classes=_of(MESH), reports=True, views=True),
    "padchest": Play(
        "reports, and those of its labels that the phantom has; in English, where PadChest's are Spanish",
        classes=_of(PADCHEST),
        attributes=("sex", "age"),
        reports=True,
        views=True,
    ),
    "ms-cxr": Play(
        "a row for each finding that a report says is there: the sentence, and the finding's boxes and mask",
        classes=_EIGHT,
        reports=True,
        shape=_phrases,
    ),
    "ms-cxr-t": Play(
        "films with a prior film, and whether each of five findings is improving, stable or worsening",
        classes=(),
        shape=_progressions,
    ),
    "roco": Play("reports as captions, without labels", classes=(), reports=True),
}
"""Dataset by name, and how the phantom plays it. Labels are complete and certain, as the phantom's are."""
