"""Shares of the training patients: nested, whole, seeded, and the same whatever the order of the rows."""

import dataclasses
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.splits.helpers import corpus_of
from umcl_bench.data.splits import label_fraction
from umcl_bench.errors import UsageError
from umcl_bench.metrics.scores import Names
from umcl_bench.protocols.fractions import Share, figures_of, percent, shares

PEOPLE = st.lists(st.integers(0, 60), min_size=1, max_size=120)


def named(people: list[int]) -> Names:
    return np.array([f"p{p}" for p in people], dtype=object)


@settings(max_examples=40, deadline=None)
@given(PEOPLE, st.integers(0, 5))
def test_shares_are_nested_and_of_whole_patients(people: list[int], seed: int) -> None:
    patients = named(people)
    found = shares(patients, (0.01, 0.1, 1.0), 3, seed)
    assert list(found) == [*(Share(f, d) for f in (0.01, 0.1) for d in range(3)), Share(1.0, 0)]
    everyone = set(patients)
    for share, rows in found.items():
        chosen = set(patients[rows])
        assert len(chosen) == max(1, int(share.fraction * len(everyone) + 0.5))
        assert rows.tolist() == [i for i, p in enumerate(patients) if p in chosen]
    for draw in range(3):
        assert set(found[Share(0.01, draw)]) <= set(found[Share(0.1, draw)])
    assert found[Share(1.0, 0)].tolist() == list(range(len(people)))


@settings(max_examples=40, deadline=None)
@given(PEOPLE, st.randoms())
def test_the_order_of_the_rows_plays_no_part(people: list[int], random: Random) -> None:
    turned = people.copy()
    random.shuffle(turned)
    one, other = (shares(named(p), (0.1, 0.5), 2, 0) for p in (people, turned))
    for share, rows in one.items():
        assert set(named(people)[rows]) == set(named(turned)[other[share]])


def test_a_draw_is_the_label_fraction_of_its_seed() -> None:
    ids = [f"i{n}" for n in range(300)]
    patients = [f"p{n // 2}" for n in range(300)]
    corpus = corpus_of("own", ids, [[1.0]] * 300, ("Edema",), patients=patients, splits=["train"] * 300)
    for share, rows in shares(corpus.patients, (0.1,), 3, 7).items():
        kept = label_fraction(corpus, 0.1, 7 + share.draw)
        assert np.flatnonzero(kept.splits == "train").tolist() == rows.tolist()
    assert dataclasses.astuple(figures_of({"a": ["x"]})[0]) == ("a", ("x",), "mean")


def test_draws_differ_and_a_wrong_share_is_refused() -> None:
    patients = named(list(range(500)))
    found = [tuple(rows) for rows in shares(patients, (0.1,), 3, 0).values()]
    assert len(set(found)) == 3
    for wrong in (0.0, 1.5, -0.1):
        with pytest.raises(UsageError, match="lies above 0 and is at most 1"):
            shares(patients, (wrong,), 1, 0)


def test_names_and_figures() -> None:
    assert [percent(f) for f in (0.01, 0.1, 1.0, 0.005)] == ["1%", "10%", "100%", "0.5%"]
    assert Share(0.1, 2).part == "10%/2"
    labels = [(figure.label, figure.over) for figure in figures_of({"1%": ["1%/0", "1%/1"], "100%": ["100%/0"]})]
    assert labels == [("1%", "mean"), ("1% sd", "sd"), ("100%", "mean")]
