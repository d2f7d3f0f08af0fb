"""The four 'RSNA' splits, against the real csv and BenchX's published lists."""

import csv
import gzip
import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.data.splits.helpers import BENCHX, OFFICIAL, listed, needs_real, part, real, rsna_like
from umcl_bench.data.readers import DEFAULTS, get_reader
from umcl_bench.data.splits import apply_split, get_split, list_splits, part_hash
from umcl_bench.errors import DataError

GLORIA = {
    "train": (18_678, 4_162, "fdea2323542c4f7d"),
    "test": (4_003, 922, "00eda73bce215e4b"),
    "val": (4_003, 928, "6279287fa3e3d1e3"),
}
"""protocols.md 3.4: images, positives and hash of each part, computed there from the public csv."""


@needs_real
@pytest.mark.parametrize("name", list_splits("rsna"))
def test_the_real_csv_gives_every_count_and_hash(name: str) -> None:
    corpus = apply_split(real("rsna"), name)
    assert corpus.facts["split"]["as_published"] is True
    mine = [e for e in corpus.expectations if e.what.startswith(name)]
    assert len(mine) == 2 * len(get_split(name).expected)
    assert all(e.met for e in mine)
    assert not [note for note in corpus.notes if "differs" in note]


@needs_real
def test_gloria_has_the_hashes_of_the_reference() -> None:
    corpus = apply_split(real("rsna"), "rsna@gloria")
    positive = corpus.stated[:, corpus.classes.index("Pneumonia")] == 1
    for name, expected in GLORIA.items():
        rows = corpus.splits == name
        assert (rows.sum(), (rows & positive).sum(), part_hash(corpus.ids[rows])) == expected


@needs_real
@pytest.mark.parametrize("name", list_splits("rsna"))
def test_how_many_films_are_of_persons_in_train_too(name: str) -> None:
    """By torchxrayvision's match of RSNA's films with NIH's, whose names begin with the person."""
    with gzip.open(OFFICIAL / "rsna" / "rsna_to_nih.csv.gz", "rt") as file:
        matched = [row for row in csv.DictReader(file) if float(row["mse"]) < 10]
    person = {row["patientId"]: row["nih_image"].partition("_")[0] for row in matched}
    corpus = apply_split(real("rsna"), name)
    trained = {person[i] for i in part(corpus, "train") if i in person}
    held_out = "val" if name == "rsna@mrm" else "test"
    films = part(corpus, held_out)
    count = sum(person.get(i) in trained for i in films)
    assert f"{count:,} of the {len(films):,} {held_out} films are of persons" in get_split(name).leaks


@needs_real
def test_the_order_of_the_csv_plays_no_part(tmp_path: Path) -> None:
    with zipfile.ZipFile(OFFICIAL / "rsna" / "stage_2_train_labels.csv.zip") as archive:
        header, *rows = list(csv.reader(io.TextIOWrapper(archive.open(archive.namelist()[0]), "utf-8")))
    random.Random(1).shuffle(rows)
    with (tmp_path / "stage_2_train_labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    corpus = get_reader("rsna").read(tmp_path, DEFAULTS)
    assert apply_split(corpus, "rsna@gloria").facts["split"]["as_published"] is True
    order = np.random.default_rng(0).permutation(2_000)
    whole, turned = rsna_like(2_000), rsna_like(2_000)
    for column in (turned.ids, turned.patients, turned.stated):
        column[:] = column[order]
    for name in ("rsna@gloria", "rsna@benchx"):
        one, other = (apply_split(c, name).facts["split"]["parts"] for c in (whole, turned))
        assert one == other


@needs_real
@pytest.mark.skipif(not BENCHX.is_dir(), reason=f"BenchX's lists are not at {BENCHX}")
def test_the_rule_gives_benchx_published_lists() -> None:
    corpus = apply_split(real("rsna"), "rsna@benchx")
    for name in ("train", "val", "test"):
        assert set(part(corpus, name)) == set(listed("RSNA", name))
    for variant in ("1", "10"):
        fraction = apply_split(real("rsna"), f"rsna@benchx-{variant}")
        assert set(part(fraction, "train")) == set(listed("RSNA", f"train_{variant}"))


def test_golden_draws() -> None:
    """Of 200 invented films (scikit-learn 1.9.1): a library that draws otherwise is seen without the real csv, too."""
    golden = {
        "rsna@gloria": ("ede2df97d3dcc759", "d5c38b9e1c4d9d64", "364a1b5019297a74"),
        "rsna@benchx": ("0e4b90aecb78871b", "48436172e912ddcb", "a6e74d773a7087f9"),
    }
    for name, hashes in golden.items():
        corpus = apply_split(rsna_like(), name)
        assert tuple(part_hash(part(corpus, p)) for p in ("train", "val", "test")) == hashes


def test_mrm_is_a_cut_of_the_sorted_ids() -> None:
    corpus = apply_split(rsna_like(25_190), "rsna@mrm")
    assert sorted(part(corpus, "val")) == sorted(map(str, corpus.ids))[25_184:]
    assert not part(corpus, "test")


def test_a_copy_that_is_not_complete_is_told() -> None:
    corpus = apply_split(rsna_like(), "rsna@gloria")
    (note,) = [note for note in corpus.notes if "differs" in note]
    assert "rsna@gloria train: images 140, not 18,678" in note
    assert "hash" in note
    assert "not comparable with those of GLoRIA, MGCA (classification), cxr-clip" in note
    assert corpus.facts["split"]["as_published"] is False


def test_too_few_rows_are_one_clear_error() -> None:
    with pytest.raises(DataError, match=r"rsna@mgca-seg can't be drawn from 200 rows .* the release has more"):
        apply_split(rsna_like(), "rsna@mgca-seg")
