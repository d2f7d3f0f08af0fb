"""The sentence splitter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umcl_bench.data.reports.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No effusion. Heart is normal.", ["No effusion.", "Heart is normal."]),
        ("No evidence of\npneumothorax.", ["No evidence of pneumothorax."]),
        ("No effusion\n\nClear lungs", ["No effusion", "Clear lungs"]),
        ("Seen by Dr. Smith. Clear.", ["Seen by Dr. Smith.", "Clear."]),
        ("Read by Dr. J. R. Smith. Clear.", ["Read by Dr. J. R. Smith.", "Clear."]),
        ("At 3 a.m. there was none. Clear.", ["At 3 a.m. there was none.", "Clear."]),
        ("A 3.5 cm nodule. No mass.", ["A 3.5 cm nodule.", "No mass."]),
        ("Opacity, e.g. pneumonia vs. edema.", ["Opacity, e.g. pneumonia vs. edema."]),
        ("1. Edema. 2. No effusion.", ["1. Edema.", "2. No effusion."]),
        ("1. Edema 2. No effusion 3) Clear", ["1. Edema", "2. No effusion", "3) Clear"]),
        ("(1) Edema.\n(2) Clear.", ["(1) Edema.", "(2) Clear."]),
        ("Lesion in segment 3. Clear.", ["Lesion in segment 3.", "Clear."]),
        ("Discussed with Dr. ___. The ___ XXXX. End.", ["Discussed with Dr. ___.", "The ___ XXXX.", "End."]),
        ("XXXX-year-old at XXXX. Chest x-XXXX.", ["XXXX-year-old at XXXX.", "Chest x-XXXX."]),
        ("In the left apex.There is a mass.", ["In the left apex.", "There is a mass."]),
        ("the heart is big . no edema .", ["the heart is big .", "no edema ."]),
        ("Pneumonia? No! Clear...", ["Pneumonia?", "No!", "Clear..."]),
        ("Clear. . .", ["Clear. . ."]),
        ("No vitamin D. Clear.", ["No vitamin D.", "Clear."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


anything = st.text(max_size=200) | st.text(alphabet="aB1. \n?!)(_\"'", max_size=200)


@given(anything)
def test_every_character_is_kept_in_order(text: str) -> None:
    assert "".join("".join(s.split()) for s in split_sentences(text)) == "".join(text.split())


@given(anything)
def test_sentences_are_clean(text: str) -> None:
    for sentence in split_sentences(text):
        assert sentence == " ".join(sentence.split())
        assert sentence


@given(st.lists(st.sampled_from(["No edema.", "Is it big?", "A 3.5 cm mass!", "Seen by Dr. Who."]), max_size=8))
def test_sentences_are_found_again(sentences: list[str]) -> None:
    assert split_sentences(" ".join(sentences)) == sentences
    assert split_sentences("\r\n\r\n".join(sentences)) == sentences


@pytest.mark.parametrize("text", [" " * 200_000, "." * 200_000 + "x", "Dr. " * 50_000, "1. " * 50_000, " 1.a" * 50_000])
def test_hostile_texts_take_linear_time(text: str) -> None:
    split_sentences(text)
