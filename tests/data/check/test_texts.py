"""Tokens are counted as the towers' own tokenizers count them."""

import numpy as np
import pytest

from tests.data.test_leaks import column, corpus_of
from umcl_bench.data.check.texts import check_texts, clip_tokenizer

# Made with open_clip 3.x's SimpleTokenizer().encode (1 July 2025): loading it in a test would take five seconds
GOLDEN = {
    "No acute cardiopulmonary process.": [871, 19734, 6211, 39858, 749, 856, 4078, 269],
    "There is a 1.5cm nodule; it's unchanged (compare 12/3/2019).": [
        997, 533, 320, 272, 269, 276, 3741, 578, 691, 579, 282, 585, 568, 34272, 263, 13771, 272, 273, 270, 274, 270,
        273, 271, 272, 280, 1818,
    ],
    "Na\u00efve caf\u00e9 \u2014 \u00bd \u03c0": [1097, 35689, 563, 15304, 2005, 33613, 139, 478],
    "": [],
}  # fmt: skip


@pytest.mark.parametrize("text", GOLDEN)
def test_clips_tokenizer_without_torch_gives_open_clips_tokens(text: str) -> None:
    assert clip_tokenizer().encode(text).ids == GOLDEN[text]


def test_reports_that_are_cut_are_counted_at_each_limit() -> None:
    texts = [" ".join(["lung"] * n) for n in (75, 76, 94, 95, 126, 127)]
    corpus = corpus_of("mine", list("abcdef"), ["train"] * 6, reports=column(texts))
    found, facts = check_texts(corpus)
    cut = {f.code: f.count for f in found if f.code.startswith("report-cut")}
    assert cut == {"report-cut-clip-77": 5, "report-cut-wordpiece-96": 3, "report-cut-wordpiece-128": 1}
    assert facts["reports"] == "6 (6 different)"
    assert all(f.level == "warning" for f in found if f.code.startswith("report-cut"))


def test_texts_of_several_splits_and_patients_are_said() -> None:
    corpus = corpus_of(
        "mine",
        ["a", "a", "b", "c"],
        ["train", "train", "test", "test"],
        reports=column(["Clear lungs are seen.", "Clear lungs are seen.", "Clear lungs are seen.", None]),
        stated=np.zeros((4, 2), dtype=np.float32),
    )
    by_code = {f.code: f for f in check_texts(corpus)[0]}
    assert by_code["report-shared"].message == "texts that several rows share (3 of 3 rows)"
    assert by_code["report-of-patients"].examples[0].startswith("2 patients")
    assert by_code["report-across-splits"].count == 1


def test_a_corpus_without_reports_is_said_to_have_none() -> None:
    assert check_texts(corpus_of("mine", ["a"], ["train"])) == ([], {"reports": "none"})
