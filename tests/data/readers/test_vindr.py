"""VinDr-CXR in both layouts: votes, boxes, official counts, and every kind of bad table as one error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import rows_of
from tests.data.readers.releases import edit, refused, write_all
from umcl_bench.data.corpus import Box, Corpus
from umcl_bench.data.readers import DEFAULTS, ReadOptions, recognise
from umcl_bench.data.readers.vindr import READER, vote

FINDINGS = ("Aortic enlargement", "Cardiomegaly", "ILD", "Pleural effusion", "Rib fracture", "Pneumonia")
TRAIN_COLUMNS = ("image_id", "rad_id", *FINDINGS, "Other diseases", "No finding")
TEST_COLUMNS = ("image_id", *FINDINGS, "Other disease", "No finding")


VOTES = {
    "a1": ("1,1,0,0,0,0,0,0", "1,0,0,0,0,0,0,0", "0,0,0,0,0,0,0,1"),
    "b2": ("0,0,0,0,0,0,0,1", "0,0,0,0,0,0,0,1", "0,0,0,0,0,0,0,1"),
}
"""Two training films, three radiologists each."""

LABELS = "annotations/image_labels_train.csv"
TEST_LABELS = "annotations/image_labels_test.csv"
TRAIN = [[*TRAIN_COLUMNS], *([film, f"R{at}", *v.split(",")] for film, vs in VOTES.items() for at, v in enumerate(vs))]
PHYSIONET = {
    LABELS: TRAIN,
    TEST_LABELS: [[*TEST_COLUMNS], ["c3", *"00010010"], ["d4", *"00000001"]],
    "annotations/annotations_train.csv": rows_of("""
        image_id,rad_id,class_name,x_min,y_min,x_max,y_max
        a1,R0,Cardiomegaly,100,400,300,600
        b2,R1,No finding,,,,
    """),
    "annotations/annotations_test.csv": rows_of("""
        image_id,class_name,x_min,y_min,x_max,y_max
        c3,Pleural effusion,10,10,20,40
    """),
}
CHALLENGE = rows_of("""
    image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max
    a1,Cardiomegaly,3,R8,691,1375,1653,1831
    a1,Cardiomegaly,3,R9,700,1370,1650,1830
    a1,Aortic enlargement,0,R9,1052,715,1299,966
    a1,No finding,14,R10,,,,
    b2,No finding,14,R1,,,,
    b2,No finding,14,R2,,,,
    b2,No finding,14,R3,,,,
""")
KAGGLE = {"train.csv": CHALLENGE}
NO_NAMES = ("", "nan", *hostile.NO_PLACES)
DAMAGED_CHALLENGE = {
    **hostile.broken(CHALLENGE, "class_id"),
    **hostile.twice(CHALLENGE, "the same row"),
    **hostile.cells(CHALLENGE, "image_id", NO_NAMES),
    **hostile.cells(CHALLENGE, "class_name", ("Heart", "Pleural effusion", "")),
    **hostile.cells(CHALLENGE, "class_id", ("4", "-1", "15", "3.5", "\u0663", "")),
    **hostile.cells(CHALLENGE, "rad_id", ("", "NaN")),
}
DAMAGED_LABELS = {
    **hostile.broken(TRAIN, "image_id"),
    **hostile.twice(TRAIN, "the same film and radiologist"),
    **hostile.cells(TRAIN, "image_id", NO_NAMES),
    **hostile.cells(TRAIN, "ILD", ("2", "-1", "yes", "0.5")),
    **hostile.cells(TRAIN, "rad_id", ("", "nan")),
}
SAME_LABELS = {name: way for name, way in hostile.harmless(TRAIN).items() if name != "one more column"}


def physionet(root: Path) -> Path:
    return write_all(root, PHYSIONET)


def kaggle(root: Path) -> Path:
    return write_all(root, KAGGLE)


def label(corpus: Corpus, film: str, finding: str) -> float:
    return float(corpus.stated[list(corpus.ids).index(film), corpus.classes.index(finding)])


def test_votes_of_three_radiologists(tmp_path: Path) -> None:
    root = physionet(tmp_path)
    corpus = READER.read(root, DEFAULTS)
    assert list(corpus.ids) == ["a1", "b2", "c3", "d4"]
    assert list(corpus.splits) == ["train", "train", "test", "test"]
    assert corpus.pixels.paths[2] == "test/c3.dicom"  # type: ignore[attr-defined]
    assert [label(corpus, "a1", n) for n in ("Aortic Enlargement", "Cardiomegaly", "No Finding")] == [1, 0, 0]
    any_of = READER.read(root, ReadOptions(votes="any"))
    assert [label(any_of, "a1", n) for n in ("Aortic Enlargement", "Cardiomegaly", "No Finding")] == [1, 1, 1]
    assert label(corpus, "c3", "Pleural Effusion") == label(corpus, "c3", "Other Disease") == 1
    assert np.isnan(label(corpus, "c3", "Lung Tumor"))  # the stub's tables have no such column
    assert (any_of.facts["votes"], corpus.facts["votes"]) == ("any", "majority")
    assert corpus.fingerprint != any_of.fingerprint
    assert (set(corpus.patients), corpus.facts["release"]) == (set(corpus.ids), "PhysioNet")


def test_the_challenge_has_one_row_a_box(tmp_path: Path) -> None:
    corpus = READER.read(kaggle(tmp_path), DEFAULTS)
    assert list(corpus.ids) == ["a1", "b2"]
    assert [label(corpus, "a1", n) for n in ("Cardiomegaly", "Aortic Enlargement", "No Finding")] == [1, 0, 0]
    assert label(corpus, "b2", "No Finding") == 1
    assert not np.isnan(corpus.stated).any()
    assert len(corpus.classes) == 15
    assert [(e.what, e.expected, e.found) for e in corpus.expectations] == [
        ("rows of train.csv", 67_914, 7),
        ("films of train", 15_000, 2),
    ]
    assert "rows of train.csv: 7 (official: 67,914)" in corpus.notes[-1]


def test_boxes_need_the_films_sizes(tmp_path: Path) -> None:
    root = kaggle(tmp_path)
    assert READER.read(root, DEFAULTS).boxes == ()
    assert "boxes of train are not read" in READER.read(root, DEFAULTS).notes[1]
    (root / "train_meta.csv").write_text("image_id,dim0,dim1\na1,2000,2500\nb2,2000,2000\n")
    boxes = READER.read(root, DEFAULTS).boxes
    assert boxes[1] == ()
    assert boxes[0][2] == Box("Aortic Enlargement", 1052 / 2500, 715 / 2000, 1299 / 2500, 966 / 2000)
    edit(root / "train_meta.csv", "2500", "1500")
    refused(READER, root, "train.csv, line 2", "leaves the film of 1500 x 2000")
    edit(root / "train_meta.csv", "a1", "zz")
    refused(READER, root, "train.csv, line 2", "size of film 'a1'")


def test_boxes_of_physionet(tmp_path: Path) -> None:
    root = physionet(tmp_path)
    for split, films in (("train", ("a1", "b2")), ("test", ("c3", "d4"))):
        rows = [f"{film},1000,500\n" for film in films]
        (root / f"{split}_meta.csv").write_text("".join(["image_id,dim0,dim1\n", *rows]))
    assert READER.read(root, DEFAULTS).boxes == (
        (Box("Cardiomegaly", 0.2, 0.4, 0.6, 0.6),),
        (),
        (Box("Pleural Effusion", 0.02, 0.01, 0.04, 0.04),),
        (),
    )
    edit(root / "annotations/annotations_train.csv", "Cardiomegaly", "Cardio")
    refused(READER, root, "annotations_train.csv, line 2", "'Cardio'")


def test_it_is_told_apart_from_releases_with_the_same_file_names(tmp_path: Path) -> None:
    write_all(tmp_path / "chexpert", {"train.csv": [["Path", "Sex", "Age"], ["a", "b", "1"]]})
    assert READER.recognise(tmp_path / "chexpert") is None
    write_all(tmp_path / "pcxr", {LABELS: [["image_id", "rad_ID", "Bronchitis"]]})
    assert READER.recognise(tmp_path / "pcxr") is None
    assert READER.recognise(tmp_path) is None
    assert READER.recognise(kaggle(tmp_path / "k")) == "Kaggle: train.csv"
    assert READER.recognise(physionet(tmp_path / "p")) == "PhysioNet: image_labels_train.csv, image_labels_test.csv"
    names = {found.reader.name for found in recognise(tmp_path / "p")}
    assert names == {"vindr"}


@pytest.mark.skipif(not (REAL_DATA / "official_formats").is_dir(), reason="the official formats are not here")
def test_the_stub_with_the_real_header() -> None:
    root = REAL_DATA / "official_formats/stubs/vindr"
    corpus = READER.read(root, DEFAULTS)
    assert len(corpus) == 2
    assert label(corpus, "0" * 31 + "2", "Cardiomegaly") == -1  # one of two radiologists: a tie is uncertain
    assert label(corpus, "0" * 31 + "1", "No Finding") == 1


@pytest.mark.parametrize("way", hostile.harmless(CHALLENGE))
def test_the_challenges_table_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, KAGGLE, "train.csv", hostile.harmless(CHALLENGE)[way])


@pytest.mark.parametrize("way", SAME_LABELS)
def test_physionets_table_written_in_another_way(tmp_path: Path, way: str) -> None:
    for name in ("plain", "other"):
        (tmp_path / name / "annotations").mkdir(parents=True)
    hostile.check_same(READER, tmp_path, PHYSIONET, LABELS, SAME_LABELS[way])


@pytest.mark.parametrize("damage", DAMAGED_CHALLENGE)
def test_a_damaged_table_of_the_challenge(tmp_path: Path, damage: str) -> None:
    hostile.check_refused(READER, tmp_path, KAGGLE, "train.csv", DAMAGED_CHALLENGE[damage])


@pytest.mark.parametrize("damage", DAMAGED_LABELS)
def test_a_damaged_table_of_physionet(tmp_path: Path, damage: str) -> None:
    (tmp_path / "annotations").mkdir()
    hostile.check_refused(READER, tmp_path, PHYSIONET, LABELS, DAMAGED_LABELS[damage])


def test_a_column_that_is_no_finding_and_a_film_in_two_splits(tmp_path: Path) -> None:
    root = physionet(tmp_path)
    edit(root / LABELS, "ILD", "Bronchitis")
    refused(READER, root, "image_labels_train.csv has the column 'Bronchitis', which is no finding")
    edit(root / LABELS, "Bronchitis", "ILD")
    edit(root / LABELS, "a1,R0", "c3,R0")
    refused(READER, root, "the film 'c3' is in the tables of train and test")


@given(st.lists(st.lists(st.booleans(), max_size=4), min_size=1, max_size=5))
def test_votes_are_what_their_definition_says(films: list[list[bool]]) -> None:
    yes, readers = (np.array([[float(f(votes))] for votes in films]) for f in (sum, len))
    for votes, majority, any_of in zip(films, vote(yes, readers, "majority"), vote(yes, readers, "any"), strict=True):
        if not votes:
            assert np.isnan([majority, any_of]).all()
            continue
        assert any_of == any(votes)
        no = len(votes) - sum(votes)
        assert majority == (-1 if sum(votes) == no else sum(votes) > no)
