"""Hashes, places, and the files that a user puts beside the data."""

import hashlib
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.splits.helpers import rsna_like
from umcl_bench.data.splits import EVIDENCE, Lists, get_split, list_splits, part_hash
from umcl_bench.data.splits.base import class_column, parts_of, place, rows_of
from umcl_bench.errors import DataError, UsageError


@given(st.lists(st.text("abc/.-0123", min_size=1), unique=True), st.randoms())
def test_a_hash_does_not_depend_on_the_order(ids: list[str], random: Random) -> None:
    shuffled = ids.copy()
    random.shuffle(shuffled)
    assert part_hash(ids) == part_hash(shuffled)
    assert part_hash(ids) == hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]


def test_a_row_may_be_in_two_parts() -> None:
    column = place(4, test=[1, 2], train=[0, 1])
    assert column.tolist() == ["train", "train+test", "test", ""]
    assert parts_of("train+test") == ("train", "test")
    assert parts_of("") == ()


def test_every_split_says_what_it_is() -> None:
    names = list_splits()
    assert len(names) == len(set(names)) > 20
    for name in names:
        split = get_split(name)
        assert split.name.partition("@")[0].startswith(split.dataset.partition("-")[0])
        assert all((split.title, split.rule, split.source, split.draw))
        assert split.version >= 1
        assert split.evidence in EVIDENCE
        assert set(split.expected) <= {"train", "val", "test"}
    assert list_splits("rsna") == [name for name in names if name.startswith("rsna@")]


def test_a_misspelt_split_is_one_clear_error() -> None:
    with pytest.raises(UsageError, match=r"no split is named 'rsna@glorai'. Did you mean 'rsna@gloria'"):
        get_split("rsna@glorai")


def test_the_nearest_place_wins(tmp_path: Path) -> None:
    lists = Lists("rsna@x", (tmp_path,))
    for place_ in (tmp_path, tmp_path / "splits", tmp_path / "splits" / "rsna@x"):
        place_.mkdir(parents=True, exist_ok=True)
        (place_ / "a.txt").write_text("p1\n")
        assert lists.find("a.txt") == place_ / "a.txt"
    assert lists.find("b.txt") is None
    with pytest.raises(
        UsageError, match=r"rsna@x needs the file b\.txt: a list of films\. It was looked for in .*splits"
    ):
        lists.need("b.txt", "a list of films")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p0001\np0001\n", r"line 2: id 'p0001' is also on line 1"),
        ("p0001\np0002,1\n", r"line 2: 2 fields; the header has 1"),
        ("p0001\nnan\n", r"line 2: id is 'nan'"),
        ("p0001\nother\n", r"line 2: 'other' is not in rsna; the list belongs to another release"),
    ],
)
def test_a_hostile_list_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        rows_of(rsna_like(), Lists("rsna@x", (tmp_path,)).ids("a.txt", "a list"), "id")


def test_a_list_with_bom_and_crlf_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("﻿p0003\r\np0001\r\n".encode())
    assert rows_of(rsna_like(), Lists("rsna@x", (tmp_path,)).ids("a.txt", "a list"), "id") == [3, 1]


def test_stratifying_needs_a_yes_or_no_for_each_row() -> None:
    corpus = rsna_like(8)
    with pytest.raises(DataError, match="rsna@x stratifies by Edema, which rsna does not label"):
        class_column(corpus, "Edema", "rsna@x")
    corpus.stated[5] = np.nan
    with pytest.raises(DataError, match=r"row 6 \(p0005\) has no yes or no"):
        class_column(corpus, "Pneumonia", "rsna@x")
