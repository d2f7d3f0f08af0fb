"""The labeler: sentences by hand, properties, and the floors that IU X-Ray's annotation gives."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.reports.sentences_with_labels import cases
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.reports import scope, terms
from umcl_bench.data.reports.labeler import (
    label_matrix,
    label_report,
    label_sentence,
    label_sentences,
)
from umcl_bench.data.vocabulary import CHEXPERT

PHRASES = [(name, phrase) for name, phrases in terms.MENTIONS.items() if name in CHEXPERT for phrase in phrases]
WEAK = [(name, phrase) for name, phrases in terms.WEAK.items() for phrase in phrases]
some_sentences = st.lists(st.sampled_from([sentence for sentence, _ in cases()]), max_size=6)


def test_there_are_enough_cases() -> None:
    assert len({sentence for sentence, _ in cases()}) >= 120


@pytest.mark.parametrize(("sentence", "expected"), cases(), ids=[s for s, _ in cases()])
def test_a_sentence_says(sentence: str, expected: dict[str, str]) -> None:
    assert label_sentence(sentence) == expected


@pytest.mark.parametrize(("name", "phrase"), PHRASES, ids=[p for _, p in PHRASES])
def test_every_phrase_is_a_mention_and_templates_turn_it(name: str, phrase: str) -> None:
    for sentence, verdict in (
        (f"{phrase} is present.", "positive"),
        (f"There is {phrase} on the left.", "positive"),
        (f"No {phrase}.", "negative"),
        (f"There is no evidence of {phrase}.", "negative"),
        (f"{phrase} is not seen.", "negative"),
        (f"{phrase} has resolved.", "negative"),
        (f"Possible {phrase}.", "uncertain"),
        (f"{phrase} cannot be excluded.", "uncertain"),
    ):
        assert label_sentence(sentence).get(name) == verdict, sentence


@pytest.mark.parametrize(("name", "phrase"), WEAK, ids=[p for _, p in WEAK])
def test_a_weak_phrase_is_uncertain_until_it_is_denied(name: str, phrase: str) -> None:
    assert label_sentence(f"{phrase} is present.")[name] == "uncertain"
    assert label_sentence(f"No {phrase}.")[name] == "negative"


def test_no_phrase_does_two_things() -> None:
    kinds: dict[tuple[str, ...], set[scope.Kind]] = {}
    for phrase, event in scope.entries():
        kinds.setdefault(tuple(scope.words_of(phrase)), set()).add(event.kind)
    assert [words for words, found in kinds.items() if len(found) > 1] == []


@given(first=st.sampled_from(PHRASES), second=st.sampled_from(PHRASES), third=st.sampled_from(PHRASES))
def test_a_denied_list_denies_all_of_it(
    first: tuple[str, str], second: tuple[str, str], third: tuple[str, str]
) -> None:
    found = label_sentence(f"No {first[1]}, {second[1]}, or {third[1]}.")
    assert set(found.values()) == {"negative"}
    assert {first[0], second[0], third[0]} <= set(found)


@given(st.text(max_size=300))
def test_any_text_can_be_labelled(text: str) -> None:
    assert set(label_report(text)) <= set(CHEXPERT)
    assert set(label_sentence(text)) <= set(CHEXPERT)


@given(some_sentences, st.integers(0, 2**32))
def test_a_reports_labels_do_not_depend_on_order_case_or_whitespace(sentences: list[str], seed: int) -> None:
    said = label_report(" ".join(sentences))
    random.Random(seed).shuffle(sentences)
    assert label_report(" ".join(sentences)) == said
    assert label_report(" ".join(sentences).upper()) == said
    assert label_report("  \n".join(s.replace(" ", "\t ") for s in sentences)) == said


@given(some_sentences, some_sentences)
def test_two_reports_together_say_what_they_say_together(first: list[str], second: list[str]) -> None:
    both = label_report(" ".join(first + second))
    parts = [label_report(" ".join(first)), label_report(" ".join(second))]
    for name in CHEXPERT[1:]:
        said = {part[name] for part in parts if name in part}
        assert both.get(name) == max(said, key=lambda v: scope.RANK[v], default=None)
    if first and second:
        assert ("No Finding" in both) == all("No Finding" in part for part in parts)


def test_aggregation_is_positive_before_uncertain_before_negative() -> None:
    assert label_sentences(["No edema.", "Possible edema."])["Edema"] == "uncertain"
    assert label_sentences(["No edema.", "Possible edema.", "Edema."])["Edema"] == "positive"


@pytest.mark.parametrize(
    ("report", "clear"),
    [
        ("The lungs are clear. Heart size is normal.", True),
        ("A PICC is in place. No effusion.", True),
        ("Emphysema. No effusion.", False),
        ("Possible pneumonia.", False),
        ("No emphysema.", True),
    ],
)
def test_no_finding_is_the_absence_of_pathology(report: str, clear: bool) -> None:
    assert label_report(report).get("No Finding") == ("positive" if clear else None)


def test_only_findings_and_impression_are_read() -> None:
    report = "INDICATION: Pneumonia?\n\nCOMPARISON: Effusion in May.\n\nFINDINGS: No edema.\n\nIMPRESSION: Atelectasis."
    assert label_report(report) == {"Edema": "negative", "Atelectasis": "positive"}
    assert label_report("INDICATION: Pneumonia.") == {}
    assert label_report("") == {}


def test_a_matrix_is_what_the_policies_take() -> None:
    stated = label_matrix(["No edema. Possible pneumonia.", None, "", "Normal chest."])
    assert stated.shape == (4, 14)
    assert stated.dtype == np.float32
    row = dict(zip(CHEXPERT, stated[0].tolist(), strict=True))
    assert (row["Edema"], row["Pneumonia"]) == (0, -1)
    assert math.isnan(row["Fracture"])
    assert np.isnan(stated[1:3]).all()
    labels = LabelPolicy("unknown", "ones").apply(stated, CHEXPERT)
    assert labels[0, CHEXPERT.index("Pneumonia")] == 1
    assert labels[3, CHEXPERT.index("Edema")] == 0
    assert label_matrix([]).shape == (0, 14)


def test_long_texts_take_linear_time() -> None:
    label_report("no " * 20_000 + "edema. " * 2_000 + "heart " * 20_000)
    label_sentence("edema or mild , and " * 2_000)
