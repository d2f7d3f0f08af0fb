"""The row-wise split with its leak, the clean one, and BenchX's."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from tests.data.splits.helpers import BENCHX, corpus_of, listed, part, siim_like
from umcl_bench.data.splits import apply_split
from umcl_bench.data.splits.siim import NAMES, draw_png, rows_assign
from umcl_bench.errors import DataError, UsageError

ROWS = [f"{i // 3}" if i < 90 else f"n{i}" for i in range(300)]
"""Thirty films with three rows each, then 210 negatives with one."""

needs_benchx = pytest.mark.skipif(not BENCHX.is_dir(), reason=f"BenchX's lists are not at {BENCHX}")


def oracle(rows: list[str]) -> dict[str, set[str]]:
    """The films of each part by the definition: a table of rows is split, then its films are looked up."""
    table = pd.DataFrame({"ImageId": rows})
    train, rest = train_test_split(table, test_size=0.3, random_state=0)
    test, val = train_test_split(rest, test_size=0.5, random_state=0)
    return {"train": set(train.ImageId), "val": set(val.ImageId), "test": set(test.ImageId)}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=12, max_size=120))
def test_films_are_in_every_part_that_a_row_of_theirs_is_in(films: list[int]) -> None:
    rows = [str(film) for film in films]
    corpus = apply_split(siim_like(rows), "siim@gloria-rows")
    for name, expected in oracle(rows).items():
        found = part(corpus, name)
        assert set(found) == expected
        assert len(found) == len(set(found))


def test_the_leak_is_counted_noted_and_real() -> None:
    before = siim_like(ROWS)
    corpus = apply_split(before, "siim@gloria-rows")
    parts = oracle(ROWS)
    shared = len(parts["train"] & parts["test"])
    assert shared > 0
    assert corpus.facts["split"]["shared"]["train+test"] == shared
    assert len(corpus) == sum(len(films) for films in parts.values()) > len(before)
    (note,) = [note for note in corpus.notes if "leaks" in note]
    assert f"{shared} images are in train and test" in note
    expectation = next(e for e in corpus.expectations if e.what.endswith("train and test: images in both"))
    assert (expectation.expected, expectation.found) == (154, shared)


def test_a_repeated_row_is_the_same_film() -> None:
    before = siim_like(ROWS)
    corpus = apply_split(before, "siim@gloria-rows")
    row_of = {identity: row for row, identity in enumerate(before.ids)}
    for row in range(len(before), len(corpus)):
        own = row_of[corpus.ids[row]]
        assert corpus.splits[row] != corpus.splits[own]
        assert corpus.pixels.read(row, 2)[0, 0] == own % 256
        assert corpus.stated[row] == before.stated[own]
        assert corpus.attributes["rle_rows"][row] == before.attributes["rle_rows"][own]
    with pytest.raises(IndexError):
        corpus.pixels.read(len(corpus), 2)
    assert corpus.pixels.fingerprint != before.pixels.fingerprint


def test_counts_of_the_real_csv_rows() -> None:
    """12,954 rows; 0.3 of them, rounded up, are held out."""
    parts = rows_assign(12_954)
    assert [(parts == name).sum() for name in ("train", "val", "test")] == [9_067, 1_944, 1_943]


def test_rows_that_are_not_all_there_are_an_error() -> None:
    corpus = siim_like(ROWS)
    corpus.attributes["rle_rows"][3] = "9 10 10"
    with pytest.raises(DataError, match=r"rows of train-rle.csv in siim are not 0 to 299, each once"):
        apply_split(corpus, "siim@gloria-rows")
    with pytest.raises(DataError, match=r"does not say which rows are whose"):
        apply_split(corpus_of("siim", ["a"], [[1]], ("Pneumothorax",)), "siim@gloria-rows")


def test_the_split_by_image_is_clean_and_does_not_depend_on_the_order() -> None:
    corpus = apply_split(siim_like(ROWS), "siim@image")
    assert len(corpus) == 240
    assert corpus.facts["split"]["shared"] == {}
    turned = apply_split(siim_like(ROWS[::-1]), "siim@image")
    assert turned.facts["split"]["parts"] == corpus.facts["split"]["parts"]
    real_size = apply_split(
        corpus_of("siim", [f"i{n:05d}" for n in range(12_047)], [[0]] * 12_047, ("Pneumothorax",)), "siim@image"
    )
    assert [e.met for e in real_size.expectations] == [True] * 3


@needs_benchx
def test_the_rule_gives_benchx_published_lists() -> None:
    names = sorted(name for part_ in ("train", "val", "test") for name in listed("SIIM", part_))
    for discard, variant in ((0, "train"), (0.9, "train_10"), (0.99, "train_1")):
        rows = draw_png(names, discard, "siim@benchx")
        assert {names[row] for row in rows["train"]} == set(listed("SIIM", variant))
        for name in ("val", "test"):
            assert {names[row] for row in rows[name]} == set(listed("SIIM", name))


def write_names(folder: Path, name_of: dict[str, str]) -> None:
    for file, word in zip(NAMES, ("train", "test"), strict=True):
        with (folder / file).open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(["new_filename", "ImageId", "has_pneumo"])
            writer.writerows([f"{n}.png", i, n[-2]] for i, n in name_of.items() if word in n)


@needs_benchx
def test_benchx_over_the_users_table_of_names(tmp_path: Path) -> None:
    names = [name for part_ in ("train", "val", "test") for name in listed("SIIM", part_)]
    ids = [f"1.2.{n}" for n in np.random.default_rng(0).permutation(len(names))]
    write_names(tmp_path, dict(zip(ids, names, strict=True)))
    corpus = corpus_of("siim", ids, [[float("_1_" in name[-4:])] for name in names], ("Pneumothorax",))
    split = apply_split(corpus, "siim@benchx-10", [tmp_path]).facts["split"]
    assert split["as_published"] is True
    assert split["parts"]["train"]["published_sha_of"] == "the PNG form's name"


def test_benchx_needs_the_table_of_names(tmp_path: Path) -> None:
    corpus = siim_like(ROWS)
    with pytest.raises(UsageError, match=r"siim@benchx needs the file stage_1_train_images\.csv"):
        apply_split(corpus, "siim@benchx", [tmp_path])
    write_names(tmp_path, {"other": "0_train_1_"})
    with pytest.raises(DataError, match=r"'0' is not in stage_1_train_images.csv or .* \(240 films are not\)"):
        apply_split(corpus, "siim@benchx", [tmp_path])
