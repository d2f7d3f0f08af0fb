"""Corpora as readers make them, built by hand."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import REAL_DATA
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers import DEFAULTS, get_reader
from umcl_bench.data.splits.five import FIVE, OTHERS
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.spec import PAD, Geometry

OFFICIAL = REAL_DATA / "official_formats"
BENCHX = OFFICIAL / "benchx_splits"
needs_real = pytest.mark.skipif(not OFFICIAL.is_dir(), reason=f"the official files are not at {OFFICIAL}")


@dataclass(frozen=True)
class Grey:
    """Film `row` has the grey value `row`."""

    count: int

    @property
    def fingerprint(self) -> str:
        return f"grey {self.count}"

    def __len__(self) -> int:
        return self.count

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        if not 0 <= row < self.count:
            raise IndexError(row)
        return np.full((size, size), row % 256, dtype=np.uint8)


def texts(values: Sequence[str | None]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def corpus_of(
    dataset: str,
    ids: Sequence[str],
    stated: Sequence[Sequence[float]] | NDArray[np.float32],
    classes: tuple[str, ...],
    *,
    patients: Sequence[str] = (),
    splits: Sequence[str] = (),
    views: Sequence[str] = (),
    **attributes: Sequence[str],
) -> Corpus:
    """A corpus of a dataset; every film its own patient, in 'train', without a view, unless told otherwise."""
    n = len(ids)
    return Corpus(
        source=dataset,
        kind="patients",
        dataset=dataset,
        classes=classes,
        policy=LabelPolicy(),
        ids=texts(ids),
        patients=texts(patients or ids),
        splits=texts(splits or ["train"] * n),
        views=texts(views or [""] * n),
        reports=texts([None] * n),
        stated=np.array(stated, dtype=np.float32).reshape(n, len(classes)),
        pixels=Grey(n),
        prior=np.full(n, -1, dtype=np.int64),
        attributes={name: texts(column) for name, column in attributes.items()},
    )


def rsna_like(n: int = 200) -> Corpus:
    return corpus_of("rsna", [f"p{i:04d}" for i in range(n)], [[float(i % 4 == 0)] for i in range(n)], ("Pneumonia",))


def siim_like(rows: Sequence[str]) -> Corpus:
    """The corpus of a train-rle.csv whose rows are of these films, in this order; a film with 'n' is negative."""
    films: dict[str, list[int]] = {}
    for row, film in enumerate(rows):
        films.setdefault(film, []).append(row)
    stated = [[float("n" not in film)] for film in films]
    column = [" ".join(map(str, own)) for own in films.values()]
    return corpus_of("siim", list(films), stated, ("Pneumothorax",), rle_rows=column)


@functools.cache
def chexpert_like(n: int = 9_000, seed: int = 0) -> Corpus:
    """Films of train.csv in an order that is not sorted, two or so a patient, then ten of valid.csv.

    Most have one finding of the five alone; some an uncertain label beside it, some are lateral, some have No Finding.
    """
    rng = np.random.default_rng(seed)
    stated = np.full((n, len(CHEXPERT)), np.nan, dtype=np.float32)
    stated[rng.random(stated.shape) < 0.2] = 0
    five = np.array([CHEXPERT.index(name) for name in FIVE])
    stated[np.arange(n), five[rng.integers(0, 5, n)]] = 1
    for value, share in ((-1, 0.3), (1, 0.2)):
        some = np.flatnonzero(rng.random(n) < share)
        stated[some, rng.integers(0, len(CHEXPERT), len(some))] = value
    lateral = rng.random(n) < 0.25
    patient = rng.permutation(np.arange(n) // 2)
    ids = [
        f"train/patient{p:05d}/study1/view{i}_{'lateral' if side else 'frontal'}.jpg"
        for i, (p, side) in enumerate(zip(patient, lateral, strict=True))
    ] + [f"valid/patient{90_000 + i}/study1/view1_frontal.jpg" for i in range(10)]
    return corpus_of(
        "chexpert",
        ids,
        np.concatenate([stated, np.zeros((10, len(CHEXPERT)), dtype=np.float32)]),
        CHEXPERT,
        patients=[path.split("/")[1] for path in ids],
        splits=["train"] * n + ["val"] * 10,
        views=["L" if side else "AP" for side in lateral] + ["AP"] * 10,
        side=["Lateral" if side else "Frontal" for side in lateral] + ["Frontal"] * 10,
    )


def others_stated(corpus: Corpus) -> NDArray[np.float32]:
    """The stated labels of the thirteen findings that a 5x200 looks at."""
    return corpus.stated[:, [corpus.classes.index(name) for name in OTHERS]]


@functools.cache
def real(dataset: str) -> Corpus:
    """The corpus of the official csv of a dataset."""
    return get_reader(dataset).read(OFFICIAL / dataset, DEFAULTS)


def listed(dataset: str, name: str) -> list[str]:
    """The ids of a list of BenchX."""
    return Path(BENCHX / dataset / f"{name}.txt").read_text(encoding="utf-8").split()


def part(corpus: Corpus, split: str) -> list[str]:
    """The ids of a part."""
    return [str(name) for name in corpus.ids[corpus.splits == split]]
