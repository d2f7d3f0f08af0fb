"""Label fractions: nested, seeded, by patient, and the same whatever the order of the rows."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.splits.helpers import corpus_of, part
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.splits import label_fraction
from umcl_bench.data.splits.fractions import patient_order
from umcl_bench.errors import UsageError

FRACTIONS = st.floats(0.001, 1.0)
SEEDS = st.integers(0, 50)
PEOPLE = st.lists(st.integers(0, 60), min_size=1, max_size=120)


def corpus_with(people: list[int], splits: list[str] | None = None) -> Corpus:
    ids = [f"i{n}" for n in range(len(people))]
    return corpus_of(
        "own", ids, [[1.0]] * len(ids), ("Edema",), patients=[f"p{p}" for p in people], splits=splits or ()
    )


def train_patients(corpus: Corpus) -> set[str]:
    return {str(p) for p in corpus.patients[corpus.splits == "train"]}


@settings(max_examples=60, deadline=None)
@given(PEOPLE, FRACTIONS, FRACTIONS, SEEDS)
def test_a_smaller_share_lies_in_a_larger_one(people: list[int], a: float, b: float, seed: int) -> None:
    corpus = corpus_with(people)
    small, large = (label_fraction(corpus, share, seed) for share in sorted((a, b)))
    assert set(part(small, "train")) <= set(part(large, "train"))
    assert part(label_fraction(corpus, 1, seed), "train") == part(corpus, "train")


@settings(max_examples=60, deadline=None)
@given(PEOPLE, FRACTIONS, SEEDS)
def test_whole_patients_are_kept_and_counted(people: list[int], share: float, seed: int) -> None:
    corpus = corpus_with(people)
    kept = label_fraction(corpus, share, seed)
    chosen, everyone = train_patients(kept), train_patients(corpus)
    assert len(chosen) == max(1, int(share * len(everyone) + 0.5))
    assert not chosen & {str(p) for p in kept.patients[kept.splits == ""]}
    assert kept.facts["label_fraction"]["patients"] == len(chosen)


@settings(max_examples=60, deadline=None)
@given(PEOPLE, FRACTIONS, SEEDS, st.randoms())
def test_the_order_of_the_rows_plays_no_part(people: list[int], share: float, seed: int, random: Random) -> None:
    turned = people.copy()
    random.shuffle(turned)
    assert train_patients(label_fraction(corpus_with(people), share, seed)) == train_patients(
        label_fraction(corpus_with(turned), share, seed)
    )


@given(st.sets(st.text(min_size=1, max_size=4), min_size=2, max_size=30), st.sets(st.text(max_size=4)), SEEDS)
def test_who_comes_first_depends_on_nobody_else(some: set[str], more: set[str], seed: int) -> None:
    alone = patient_order(some, seed)
    assert [p for p in patient_order(some | more, seed) if p in some] == alone


def test_only_train_shrinks() -> None:
    corpus = corpus_with(list(range(300)), ["train"] * 200 + ["val"] * 50 + ["test"] * 50)
    kept = label_fraction(corpus, 0.1, 3)
    assert [len(part(kept, p)) for p in ("train", "val", "test")] == [20, 50, 50]
    assert np.array_equal(kept.labels, corpus.labels)
    assert kept.fingerprint != corpus.fingerprint
    assert train_patients(kept) != train_patients(label_fraction(corpus, 0.1, 4))
    assert kept.notes[-1] == "train is 0.1 of itself by patient (seed 3): 20 of 200 patients, 20 of 200 rows"


def test_golden_order() -> None:
    """sha256 of 'SEED/PATIENT', computed here: the same in every process and version."""
    assert patient_order({"a", "b", "c", "d"}, 0) == ["c", "b", "d", "a"]


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none_is_an_error(share: float) -> None:
    with pytest.raises(UsageError, match="a label fraction lies above 0 and is at most 1"):
        label_fraction(corpus_with([1, 2]), share, 0)


def test_no_train_split_is_an_error() -> None:
    with pytest.raises(UsageError, match="own has no train split to take a share of"):
        label_fraction(corpus_with([1], ["test"]), 0.1, 0)
