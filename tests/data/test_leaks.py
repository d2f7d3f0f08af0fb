"""Leak checks on corpora with planted leaks: each is counted, named, and counted as nothing else."""

import dataclasses
import json
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.data.test_duplicates import textures
from umcl_bench.data.corpus import Corpus, join
from umcl_bench.data.images import FilePixels
from umcl_bench.data.leaks import OVERLAPS, Leaks, known_overlaps, leak_checks
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers import list_readers

Films = NDArray[np.uint8]


def column(values: list[Any]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def corpus_of(dataset: str, patients: list[str], splits: list[str], **changes: Any) -> Corpus:
    from pathlib import Path

    n = len(patients)
    plain = Corpus(
        source=dataset,
        kind="patients",
        dataset=dataset,
        classes=("Edema", "Mass"),
        policy=LabelPolicy(unnamed="stated"),
        ids=column([f"film{i}" for i in range(n)]),
        patients=column(patients),
        splits=column(splits),
        views=column([""] * n),
        reports=column([None] * n),
        stated=np.tile(np.array([1, np.nan], dtype=np.float32), (n, 1)),
        pixels=FilePixels(Path(), tuple(f"{i}.png" for i in range(n))),
        prior=np.full(n, -1),
    )
    return dataclasses.replace(plain, **changes)


def checks(corpus: Corpus, films: Films, *, uses_labels: bool = True) -> Leaks:
    train, test = corpus.rows("train"), corpus.rows("test")
    return leak_checks(corpus, train, films, corpus, test, films, ("Edema", "Mass", "Hernia"), uses_labels)


PATIENTS = ["a", "a", "b", "c", "d", "e"]
SPLITS = ["train", "train", "train", "test", "test", "test"]


def test_a_clean_split_leaks_nothing_but_its_labels() -> None:
    films = textures(6, 0)
    found = checks(corpus_of("mine", PATIENTS, SPLITS), films)
    assert found == Leaks(labels_seen=("Edema",))
    assert found.warnings() == []
    assert checks(corpus_of("mine", PATIENTS, SPLITS), films, uses_labels=False) == Leaks()


def test_each_planted_leak_is_counted_and_named() -> None:
    films = textures(6, 0)
    films[4] = films[1]
    films[5] = np.clip(films[2] * 0.8 + 7, 0, 255)
    corpus = corpus_of("mine", ["a", "a", "b", "b", "d", "e"], SPLITS, facts={"split": {"leaks": "it leaks by row"}})
    found = checks(corpus, films)
    assert (found.patients_in_both, found.patients) == (1, ("mine/b",))
    assert found.identical_films == 1
    assert found.near_duplicate_films == 1
    assert [(c.train, c.test) for c in found.near_duplicates] == [("film2", "film5")]
    assert found.near_duplicates[0].correlation == pytest.approx(1, abs=0.01)
    assert found.leaky_split == "it leaks by row"
    assert [line.split(":")[0] for line in found.warnings()] == ["leak"] * 4
    plain = json.loads(json.dumps(found.to_dict()))
    assert (plain["patients_in_both"], plain["identical_films"], plain["labels_seen"]) == (1, 1, ["Edema"])
    assert plain["near_duplicates"] == [
        {"train": "film2", "test": "film5", "correlation": plain["near_duplicates"][0]["correlation"]}
    ]


def test_blank_films_and_rows_without_a_film_are_no_leak() -> None:
    films = textures(6, 0)
    films[[0, 3]] = 0
    films[[1, 4]] = 90
    corpus = corpus_of("mine", PATIENTS, SPLITS)
    assert checks(corpus, films, uses_labels=False) == Leaks()
    films[2] = films[5]
    has_image = np.array([True, True, False, True, True, True])
    assert checks(dataclasses.replace(corpus, has_image=has_image), films).identical_films == 0


def test_patients_are_compared_within_a_dataset_only() -> None:
    one, two = corpus_of("one", PATIENTS, SPLITS), corpus_of("two", PATIENTS, SPLITS)
    both, films = join([one, two]), textures(12, 0)
    train, test = both.rows("train"), two.rows("test")
    assert leak_checks(both, train, films, two, test, textures(6, 1), (), False).patients_in_both == 0
    shared = dataclasses.replace(two, splits=column(["test"] * 6))
    found = leak_checks(both, train, films, shared, shared.rows("test"), textures(6, 1), (), False)
    assert found.patients == ("two/a", "two/b")
    assert leak_checks(one, one.rows("train"), films[:6], shared, np.arange(6), textures(6, 1), (), False) == Leaks()


def test_a_dataset_on_anothers_films_is_a_known_overlap_and_shares_its_patients() -> None:
    mimic, phrases = corpus_of("mimic-cxr", PATIENTS, SPLITS), corpus_of("ms-cxr", ["b", "x"], ["test", "test"])
    films = textures(8, 0)
    found = leak_checks(mimic, mimic.rows("train"), films[:6], phrases, np.arange(2), films[6:], (), False)
    assert found.patients == ("mimic-cxr/b",)
    assert [overlap.one for overlap in found.known_overlaps] == ["ms-cxr"]
    assert "MIMIC-CXR" in found.warnings()[1]
    joined = join([mimic, corpus_of("nih", ["p"], ["train"])])
    assert [o.other for o in known_overlaps(("mimic-cxr", "nih"), ("rsna", "siim"))] == ["nih", "nih"]
    again = leak_checks(joined, np.arange(3), films[:7], phrases, np.arange(2), films[6:], (), False)
    assert again.known_overlaps == found.known_overlaps
    assert known_overlaps(("nih",), ("nih",)) == ()


def test_the_table_names_datasets_that_can_be_read() -> None:
    assert {name for overlap in OVERLAPS for name in (overlap.one, overlap.other)} <= set(list_readers())


def test_the_phantoms_films_are_not_searched_for_near_duplicates() -> None:
    films = textures(6, 0)
    films[5] = np.clip(films[2] * 0.8 + 7, 0, 255)
    corpus = corpus_of("phantom", PATIENTS, SPLITS, kind="phantom")
    assert checks(corpus, films).near_duplicate_films is None


def test_four_thousand_films_against_a_thousand_take_about_a_second() -> None:
    films = textures(1280, 4)
    patients = [str(i) for i in range(1280)]
    corpus = corpus_of("mine", patients, ["train"] * 1024 + ["test"] * 256)
    start = time.process_time()
    assert checks(corpus, films).near_duplicate_films == 0
    assert time.process_time() - start < 1.5  # a quarter of each, with slack: 0.16 s was measured


def test_what_a_task_is_fitted_on_counts_as_trained_on() -> None:
    """A probe's train and val, whatever the model learned from: nothing, another dataset, or the same rows."""
    films = textures(6, 0)
    films[4] = films[1]
    films[5] = np.clip(films[2] * 0.8 + 7, 0, 255)
    mine = corpus_of("mine", ["a", "a", "b", "b", "d", "e"], ["train", "val", "val", "test", "test", "test"])
    fitted, test = np.concatenate([mine.rows("train"), mine.rows("val")]), mine.rows("test")
    other, theirs = corpus_of("other", ["b"] * 3, ["train"] * 3), textures(3, 5)
    none = np.zeros(0, dtype=np.int64)
    for training, rows, seen in ((mine, none, films), (other, np.arange(3), theirs), (mine, fitted, films)):
        found = leak_checks(training, rows, seen, mine, test, films, (), False, fitted=fitted)
        assert (found.patients, found.identical_films, found.near_duplicate_films) == (("mine/b",), 1, 1)
        assert [(c.train, c.test) for c in found.near_duplicates] == [("film2", "film5")]
    assert leak_checks(other, np.arange(3), theirs, mine, test, films, (), False) == Leaks()
