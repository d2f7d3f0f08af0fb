"""MS-CXR-T: current films with their prior ones, and pairs of sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.readers import hostile
from tests.data.readers.hostile import Rows, rows_of
from tests.data.readers.releases import refused
from umcl_bench.data.corpus import count_kinds
from umcl_bench.data.readers import DEFAULTS
from umcl_bench.data.readers.ms_cxr_t import FILM_COLUMNS, FINDINGS, IMAGES, READER, SENTENCES

CHANGES: Rows = [
    [*FILM_COLUMNS, *(f"{name}_{what}" for name in FINDINGS for what in ("progression", "label_quality"))],
    ["10000032", "50000002", "bbbb", "50000001", "aaaa", "stable", "0.9", *[""] * 8],
    ["10000032", "50000003", "cccc", "50000002", "bbbb", "", "", "improving", "1.0", "worsening", "0.6", *[""] * 4],
    [*("19000001", "50000009", "p19/p19000001/s50000009/dddd", "50000008", "p19/p19000001/s50000008/eeee"),
     *[""] * 8, "worsening", "1.0"],
]  # fmt: skip
PAIRS = rows_of("""
    sentence_1,sentence_2,category
    "The effusion has grown, on the left.",The left effusion is larger.,paraphrase
    The edema is better.,The edema is worse.,contradiction
""")
FILES = {IMAGES: CHANGES, SENTENCES: PAIRS}
DAMAGED_CHANGES = {
    **hostile.broken(CHANGES, "edema_progression"),
    "a row is there twice": hostile.Broken(
        hostile.csv_bytes([*CHANGES, CHANGES[1]]), line=5, says="the same films as on line 2"
    ),
    **hostile.cells(CHANGES, "edema_progression", ("better", "1", "Stable")),
    **hostile.cells(CHANGES, "subject_id", ("", "nan")),
    **{
        f"{name} is {value!r}": hostile.cell(CHANGES, name, value, says="no film of MIMIC-CXR")
        for name, value in (
            *(("dicom_id", place) for place in hostile.NO_PLACES),
            ("previous_dicom_id", ".."),
            ("subject_id", "1"),
            ("study_id", "x/y"),
            ("study_id", "../50000"),
        )
    },
    "a film of another patient": hostile.cell(
        CHANGES, "dicom_id", "p19/p19000001/s50000002/bbbb", says="is not of subject 10000032"
    ),
    "a film that is its own prior": hostile.Broken(
        hostile.csv_bytes([CHANGES[0], ["10000032", "50000002", "bbbb", "50000002", "bbbb", *CHANGES[1][5:]]]),
        line=2,
        says="the film and its previous one are the same",
    ),
}
DAMAGED_PAIRS = {
    **hostile.broken(PAIRS, "sentence_2"),
    **hostile.cells(PAIRS, "category", ("entailment", "", "Paraphrase")),
    **hostile.cells(PAIRS, "sentence_1", ("", "nan")),
}


def test_current_films_prior_films_and_sentences(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, FILES), DEFAULTS)
    assert READER.recognise(tmp_path) == f"{IMAGES}, {SENTENCES}"
    assert list(corpus.ids) == ["bbbb", "cccc", "dddd", "aaaa", "eeee", "sentences-1", "sentences-2"]
    assert corpus.prior.tolist() == [3, 0, 4, -1, -1, -1, -1]  # bbbb is a current film and cccc's prior one
    assert list(corpus.splits) == ["test"] * 3 + [""] * 2 + ["test"] * 2
    assert list(corpus.patients[:5]) == ["10000032", "10000032", "19000001", "10000032", "19000001"]
    assert corpus.pixels.paths[2] == "files/p19/p19000001/s50000009/dddd.jpg"  # type: ignore[attr-defined]
    assert corpus.pixels.paths[3] == "files/p10/p10000032/s50000001/aaaa.jpg"  # type: ignore[attr-defined]
    assert list(corpus.attributes["edema_progression"]) == ["", "improving", *[""] * 5]
    assert list(corpus.attributes["pleural_effusion_label_quality"])[1] == "0.6"
    assert corpus.reports[5] == "The effusion has grown, on the left."
    assert corpus.attributes["sentence_2"][6] == "The edema is worse."
    assert list(corpus.attributes["category"]) == [""] * 5 + ["paraphrase", "contradiction"]
    assert count_kinds(corpus.kinds()) == {"image": 5, "text": 2}
    assert list(corpus.with_image(corpus.rows("test"))) == [0, 1, 2]
    assert corpus.expectations == (("labels of change", 1_326, 4), ("pairs of sentences", 361, 2))


def test_a_film_with_two_prior_ones_has_two_rows(tmp_path: Path) -> None:
    second = ["10000032", "50000003", "cccc", "50000001", "aaaa", *CHANGES[1][5:]]
    corpus = READER.read(hostile.write(tmp_path, {IMAGES: [*CHANGES, second]}), DEFAULTS)
    assert list(corpus.ids) == ["bbbb", "cccc/bbbb", "dddd", "cccc/aaaa", "aaaa", "eeee"]
    assert corpus.prior.tolist() == [4, 0, 5, 4, -1, -1]
    assert "sentence_2" not in corpus.attributes


def test_either_table_may_be_missing(tmp_path: Path) -> None:
    assert READER.recognise(tmp_path) is None
    refused(READER, tmp_path, "holds neither")
    corpus = READER.read(hostile.write(tmp_path, {SENTENCES: PAIRS}), DEFAULTS)
    assert (len(corpus), corpus.facts["sentence_pairs"]) == (2, 2)
    assert not np.asarray(corpus.has_image).any()
    assert [e.what for e in corpus.expectations] == ["pairs of sentences"]


@pytest.mark.parametrize("way", hostile.harmless(CHANGES))
def test_the_films_table_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, IMAGES, hostile.harmless(CHANGES)[way])


@pytest.mark.parametrize("way", hostile.harmless(PAIRS))
def test_the_sentences_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, SENTENCES, hostile.harmless(PAIRS)[way])


@pytest.mark.parametrize("damage", DAMAGED_CHANGES)
def test_a_damaged_table_of_films(tmp_path: Path, damage: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, IMAGES, DAMAGED_CHANGES[damage])


@pytest.mark.parametrize("damage", DAMAGED_PAIRS)
def test_a_damaged_table_of_sentences(tmp_path: Path, damage: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, SENTENCES, DAMAGED_PAIRS[damage])
