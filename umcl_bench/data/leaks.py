"""What a model may have seen of its test: patients, films, labels, whole datasets. Part of every record.

A figure is only as good as its test set is unseen, and nobody checks by hand. What is counted here is about the rows
that were trained on, by the model or by the task's own heads, and those that are scored, no others.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.duplicates import each_film, hash_films, near_duplicates
from umcl_bench.data.films import FilmStack

_SHOWN = 10
NOTHING: Rows = np.zeros(0, dtype=np.int64)


class Overlap(NamedTuple):
    """Two datasets with films in common, where that is said, and whether we have seen it in the data ourselves."""

    one: str
    other: str
    what: str
    source: str
    verified: bool


OVERLAPS = (
    Overlap("ms-cxr", "mimic-cxr", "MS-CXR's films are MIMIC-CXR's, of its train split too", "Boecking 2022", False),
    Overlap("ms-cxr-t", "mimic-cxr", "MS-CXR-T's films are MIMIC-CXR's", "Bannur 2023", False),
    Overlap("ms-cxr", "ms-cxr-t", "both annotate films of MIMIC-CXR", "Boecking 2022, Bannur 2023", False),
    Overlap("rsna", "nih", "all films of RSNA Pneumonia are NIH ChestX-ray14's", "Shih 2019; RSNA's map to NIH", True),
    Overlap("siim", "nih", "SIIM-ACR's films are said to be NIH ChestX-ray14's", "Kaggle's description", False),
    Overlap("siim", "rsna", "both are said to be drawn from NIH ChestX-ray14", "Kaggle's description", False),
    Overlap("covidx", "rsna", "COVIDx's films without COVID-19 are RSNA Pneumonia's", "Wang 2020", False),
    Overlap("covidx", "nih", "COVIDx holds films of RSNA Pneumonia, which are NIH's", "Wang 2020, Shih 2019", False),
)
"""Known overlaps between datasets, by their names here. `verified` is True where files that we hold show it."""

_PATIENTS_OF = {"ms-cxr": "mimic-cxr", "ms-cxr-t": "mimic-cxr"}
"""Whose patient ids a dataset uses. Other datasets' ids can't be compared, even where the films are the same."""


class Copy(NamedTuple):
    """A scored film that repeats a training film, by their ids."""

    train: str
    test: str
    correlation: float


@dataclass(frozen=True)
class Leaks:
    """What training and test share: counts, with the first ten of each. `to_dict` is what a record holds.

    `identical_films` are scored films with the very pixels, at the model's size, of a training film;
    `near_duplicate_films` are further ones that repeat one changed, and None where that is not looked for: films of
    the phantom, all drawn one by one from the same few shapes. Blank films count as neither. `labels_seen` are the
    findings scored whose labels were learned from. `leaky_split` is what is wrong with the split itself, '' if nothing.
    """

    patients_in_both: int = 0
    identical_films: int = 0
    labels_seen: tuple[str, ...] = ()
    near_duplicate_films: int | None = 0
    patients: tuple[str, ...] = ()
    near_duplicates: tuple[Copy, ...] = ()
    known_overlaps: tuple[Overlap, ...] = ()
    leaky_split: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain["near_duplicates"] = [copy._asdict() for copy in self.near_duplicates]
        plain["known_overlaps"] = [overlap._asdict() for overlap in self.known_overlaps]
        return plain | {"labels_seen": list(self.labels_seen), "patients": list(self.patients)}

    def warnings(self) -> list[str]:
        """One line for each kind of leak that makes the figure too good; labels that were seen have their own mark."""
        films, alike = self.identical_films, self.near_duplicate_films
        lines = [f"{self.patients_in_both} patients are in training and test"] if self.patients_in_both else []
        lines += [f"{films} films of the test have the pixels of a training film"] if films else []
        lines += [f"{alike} films of the test are near-duplicates of a training film"] if alike else []
        lines += [f"{overlap.what} ({overlap.source})" for overlap in self.known_overlaps]
        lines += [f"the split itself: {self.leaky_split}"] if self.leaky_split else []
        return [f"leak: {line}" for line in lines]


def leak_checks(
    training: Corpus,
    train_rows: Rows,
    train_films: FilmStack,
    task_corpus: Corpus,
    test_rows: Rows,
    test_films: FilmStack,
    findings: Sequence[str],
    uses_labels: bool,
    fitted: Rows = NOTHING,
) -> Leaks:
    """What a model that learned from `train_rows` of `training` may know of `test_rows` of `task_corpus`.

    `fitted` are rows of `task_corpus` that the task itself is fitted or chosen on: they count as trained on.

    The films are whole caches: (n, s, s) for all rows of their corpus. `findings` are those that are scored. Near-
    duplicates are sought at the films' own size, from 48 px on. About a second for 4,000 films against 1,000.
    """
    own = np.setdiff1d(fitted, train_rows) if training is task_corpus else fitted
    trained = [(training, train_rows, train_films), *([(task_corpus, own, test_films)] if len(own) else [])]
    known = set().union(*(_patients(corpus, rows) for corpus, rows, _ in trained))
    shared, scored = sorted(known & _patients(task_corpus, test_rows)), task_corpus.with_image(test_rows)
    identical, sought = np.zeros(len(scored), dtype=bool), True
    copies: list[Copy] = []
    for corpus, rows, films in trained:
        identical |= _identical(films, corpus.with_image(rows), test_films, scored)
    for corpus, rows, films in trained:
        sought &= "phantom" not in (corpus.kind, task_corpus.kind) and films.shape[1:] == test_films.shape[1:]
        left = scored[~identical & ~np.isin(task_corpus.ids[scored].astype(str), [copy.test for copy in copies])]
        copies += _copies(corpus, corpus.with_image(rows), films, task_corpus, left, test_films) if sought else []
    seen = [f for f in findings if _labelled(training, train_rows, f)] if uses_labels else []
    return Leaks(
        patients_in_both=len(shared),
        identical_films=int(identical.sum()),
        labels_seen=tuple(seen),
        near_duplicate_films=len(copies) if sought else None,
        patients=tuple(shared[:_SHOWN]),
        near_duplicates=tuple(copies[:_SHOWN]),
        known_overlaps=known_overlaps(datasets_of(training), datasets_of(task_corpus)),
        leaky_split=str(task_corpus.facts.get("split", {}).get("leaks", "")),
    )


def datasets_of(corpus: Corpus) -> tuple[str, ...]:
    """The names of the datasets that a corpus is, or is joined of."""
    return tuple(corpus.facts.get("datasets", ())) or (corpus.dataset,)


def known_overlaps(training: Sequence[str], test: Sequence[str]) -> tuple[Overlap, ...]:
    """The entries of OVERLAPS between a dataset that was trained on and another that is the test."""
    pairs = {frozenset((a, b)) for a in training for b in test}
    return tuple(overlap for overlap in OVERLAPS if frozenset((overlap.one, overlap.other)) in pairs)


def _patients(corpus: Corpus, rows: Rows) -> set[str]:
    """Patients as 'dataset/patient', so that only ids of one dataset are compared."""
    joined = "datasets" in corpus.facts  # then they are written so
    dataset = "phantom" if corpus.kind == "phantom" else corpus.dataset  # the same studies, whatever it plays
    named = (str(p) if joined else f"{dataset}/{p}" for p in corpus.patients[rows])
    parted = (name.partition("/") for name in named)
    return {f"{_PATIENTS_OF.get(dataset, dataset)}/{patient}" for dataset, _, patient in parted}


def _identical(train_films: FilmStack, train: Rows, test_films: FilmStack, test: Rows) -> NDArray[np.bool_]:
    """Which scored films have, at the model's size, the very pixels of a training film."""
    seen = {_digest(film) for film in each_film(train_films, train) if np.ptp(film)}
    return np.array([_digest(film) in seen for film in each_film(test_films, test)], dtype=bool)


def _copies(
    training: Corpus,
    train: Rows,
    train_films: FilmStack,
    task_corpus: Corpus,
    test: Rows,
    test_films: FilmStack,
) -> list[Copy]:
    pairs = near_duplicates(hash_films(train_films, train), hash_films(test_films, test))
    return [
        Copy(str(training.ids[train[p.row_a]]), str(task_corpus.ids[test[p.row_b]]), round(p.correlation, 3))
        for p in pairs
    ]


def _labelled(corpus: Corpus, rows: Rows, finding: str) -> bool:
    if finding not in corpus.classes:
        return False
    return not np.isnan(corpus.labels[rows, corpus.classes.index(finding)]).all()


def _digest(film: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(film.tobytes(), digest_size=16).digest()
