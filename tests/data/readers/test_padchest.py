"""PadChest, in the columns of its published description (no real file was seen)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.readers import hostile
from tests.data.readers.hostile import Rows
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.readers import DEFAULTS, ReadOptions
from umcl_bench.data.readers.padchest import MAX_CELL, READER
from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY, PADCHEST, PADCHEST_KINDS
from umcl_bench.errors import DataError

NAME = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
HEADER = (
    *("", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM"),
    *("ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric", "Report", "MethodLabel", "Labels"),
    *("Localizations", "LabelsLocalizationsBySentence"),
)


def row(number: int, labels: str, **cells: str) -> list[str]:
    """A row with invented ids."""
    values = {
        **{"ImageID": f"21684_{number}.png", "ImageDir": "14", "StudyDate_DICOM": "20140915", "StudyID": f"s{number}"},
        **{"PatientID": f"p{number % 3}", "PatientBirth": "1930.0", "PatientSex_DICOM": "F", "Projection": "PA"},
        **{"Report": "sin hallazg .", "MethodLabel": "Physician", "Labels": labels, "": str(number)},
    } | cells
    return [values.get(name, "") for name in HEADER]


TABLE: Rows = [
    [*HEADER],
    row(1, "['normal']"),
    row(2, "['pleural effusion', ' Cardiomegaly', 'sternotomy', '', 'unchanged']", Projection="L"),
    row(3, "['infiltrates']", MethodLabel="RNN_model", Projection="AP_horizontal", PatientSex_DICOM="O"),
    row(4, "['exclude', 'pneumonia']", PatientBirth=""),
    row(5, "", Projection="COSTAL", Report="nan"),
    row(6, "['suboptimal study']", MethodLabel="", StudyDate_DICOM="19200101"),
]
FILES = {NAME: TABLE}
DAMAGED = {
    **hostile.broken(TABLE, "PatientID"),
    **hostile.twice(TABLE, "ImageID"),
    **hostile.cells(TABLE, "ImageID", ("", "nan", *hostile.NO_PLACES)),
    **hostile.cells(TABLE, "ImageDir", ("", "..", *hostile.NO_PLACES)),
    **hostile.cells(TABLE, "PatientID", ("", "NaN")),
    **hostile.cells(TABLE, "Labels", ("normal", "['normal'", "{'normal'}", "['normal', 1]", "[open('x')]", "('a',)")),
    "Labels is too long": hostile.cell(TABLE, "Labels", f"['{'a' * MAX_CELL}']"),
    "Labels is too deep": hostile.cell(TABLE, "Labels", "[" * (MAX_CELL - 1)),
}


def named(corpus: Corpus, at: int) -> set[str]:
    return {name for name, value in zip(corpus.classes, corpus.stated[at], strict=True) if value == 1}


def test_what_a_row_becomes(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, FILES), DEFAULTS)
    assert READER.recognise(tmp_path) == NAME
    known = ("No Finding", "Cardiomegaly", "Pneumonia", "Pleural Effusion", "Infiltration")
    assert corpus.classes == (*known, "sternotomy")
    assert [named(corpus, at) for at in range(6)] == [
        {"No Finding"}, {"Pleural Effusion", "Cardiomegaly", "sternotomy"}, {"Infiltration"}, set(), set(), set()
    ]  # fmt: skip
    assert list(corpus.splits) == ["test", "test", "train", "", "", ""]
    assert list(corpus.rows("test")) == [0]  # row 1 is lateral
    assert corpus.pixels.paths[0] == "14/21684_1.png"  # type: ignore[attr-defined]
    assert list(corpus.attributes["age"]) == ["84", "84", "84", "", "84", ""]
    assert list(corpus.attributes["sex"]) == ["F", "F", "", "F", "F", "F"]
    assert corpus.reports[4] is None
    assert corpus.reports[0] == "sin hallazg ."
    assert "films in no split: 1 labelled 'exclude', 1 of another projection, 1 without MethodLabel" in corpus.notes
    assert corpus.expectations == (("films", 160_868, 6), ("patients", 67_625, 3))


def test_what_a_labelled_film_does_not_name_is_absent_unless_asked_otherwise(tmp_path: Path) -> None:
    hostile.write(tmp_path, FILES)
    corpus = READER.read(tmp_path, DEFAULTS)
    at = corpus.classes.index("Cardiomegaly")
    np.testing.assert_array_equal(corpus.labels[:, at], [0, 1, 0, np.nan, np.nan, np.nan])
    unknown = READER.read(tmp_path, ReadOptions(unnamed="unknown"))
    np.testing.assert_array_equal(unknown.labels[:, at], [0, 1, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("way", hostile.harmless(TABLE))
def test_the_table_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, NAME, hostile.harmless(TABLE)[way])


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_table(tmp_path: Path, damage: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, NAME, DAMAGED[damage])


@given(st.text(max_size=30))
def test_any_cell_of_labels_is_labels_or_one_error(tmp_path_factory: pytest.TempPathFactory, cell: str) -> None:
    root = tmp_path_factory.mktemp("padchest")
    cell = cell.replace("\r", " ").encode(errors="replace").decode()
    hostile.write(root, {NAME: [[*HEADER], row(1, cell)]})
    try:
        assert len(READER.read(root, DEFAULTS)) == 1
    except DataError as error:
        if f"{root / NAME}, line" not in str(error):
            raise


@given(st.lists(st.sampled_from(sorted(PADCHEST)), unique=True, min_size=1))
def test_the_names_of_the_table_come_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    root = hostile.write(tmp_path_factory.mktemp("padchest"), {NAME: [[*HEADER], row(1, repr(names))]})
    kinds = {finding for name in names for finding in PADCHEST_KINDS.get(name, ())}
    expected = {PADCHEST[name] for name in names} | kinds
    if expected - NO_PATHOLOGY:  # 'normal' beside a finding says nothing
        expected.discard(NO_FINDING)
    assert named(READER.read(root, DEFAULTS), 0) == expected


def test_a_narrower_name_is_not_taken_for_the_findings_absence(tmp_path: Path) -> None:
    rows = [row(1, "['laminar atelectasis']"), row(2, "['rib fracture']"), row(3, "['hydropneumothorax', 'nodule']")]
    corpus = READER.read(hostile.write(tmp_path, {NAME: [[*HEADER], *rows, row(4, "['fracture']")]}), DEFAULTS)
    assert [named(corpus, at) for at in range(3)] == [
        {"laminar atelectasis", "Atelectasis"},
        {"rib fracture", "Fracture"},
        {"hydropneumothorax", "Pleural Effusion", "Pneumothorax", "Nodule"},
    ]
    assert corpus.labels[:, corpus.classes.index("Fracture")].tolist() == [0, 1, 0, 1]
    assert {name for names in PADCHEST_KINDS.values() for name in names} <= set(PADCHEST.values())


def test_devices_are_devices_and_no_finding_stands_alone(tmp_path: Path) -> None:
    rows = [row(1, "['normal', 'pacemaker']"), row(2, "['normal', 'cardiomegaly']"), row(3, "['normal']")]
    corpus = READER.read(hostile.write(tmp_path, {NAME: [[*HEADER], *rows]}), DEFAULTS)
    assert named(corpus, 0) == {"No Finding", "Support Devices"}
    assert corpus.labels[:, corpus.classes.index("No Finding")].tolist() == [1, 0, 1]


def test_no_patient_of_the_test_is_learned_from(tmp_path: Path) -> None:
    rows = [row(1, "['normal']"), row(4, "['normal']", MethodLabel="RNN_model"), row(2, "[]", MethodLabel="RNN_model")]
    corpus = READER.read(hostile.write(tmp_path, {NAME: [[*HEADER], *rows]}), DEFAULTS)  # 1 and 4 are of one patient
    assert list(corpus.splits) == ["test", "", "train"]
    assert any("1 of a test patient by a network" in note for note in corpus.notes)
