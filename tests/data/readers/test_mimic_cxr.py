"""MIMIC-CXR-JPG's tables: labels and reports by study, one row a film; and damaged ones."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import Broken, Files, rows_of
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers import DEFAULTS, ReadOptions, recognise
from umcl_bench.data.readers.base import Section
from umcl_bench.data.readers.mimic_cxr import METADATA, READER, SPLIT, label_file
from umcl_bench.data.readers.mimic_reports import TEXT_FOLDER
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.errors import DataError

CHEXPERT_FILE, NEGBIO_FILE, SECTIONED = label_file("chexpert"), label_file("negbio"), "mimic_cxr_sectioned.csv"
FILMS = rows_of("""
    dicom_id,study_id,subject_id,split
    aa-1,51,11900001,train
    aa-2,51,11900001,train
    bb-1,52,11900001,validate
    cc-1,53,11900002,test
""")
META = rows_of("""
    dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows
    cc-1,11900002,53,"CHEST (PA, LAT)",LAO,3056
    aa-1,11900001,51,CHEST,PA,3056
    aa-2,11900001,51,CHEST,LATERAL,3056
    bb-1,11900001,52,CHEST,AP,3056
""")
ORDER = sorted(CHEXPERT)
STATES = rows_of(f"""
    subject_id,study_id,{",".join(ORDER)}
    11900002,53,1.0,0.0,,,,,,,,,,-1.0,0.0,
    11900001,51,,,,,,,,,1.0,,,,,
""")
REPORTS = rows_of("""
    study,impression,findings,last_paragraph,comparison
    s51,No acute process.,"Heart is normal, lungs are clear.",,None.
    s52,Mild edema.,,,
    s53,,,"Opacity, which may be atelectasis.",
""")
FILES: Files = {SPLIT: FILMS, METADATA: META, CHEXPERT_FILE: STATES, SECTIONED: REPORTS}
WAYS = {name: hostile.harmless(FILES[name]) for name in FILES}
DAMAGE: dict[str, dict[str, Broken]] = {
    SPLIT: {
        **hostile.broken(FILMS, "study_id"),
        **hostile.twice(FILMS, "also on line 5"),
        **hostile.cells(FILMS, "dicom_id", ("", "nan", *hostile.NO_PLACES)),
        **hostile.cells(FILMS, "study_id", ("", "nan", "s51", "-1", "5.0", "..", "٣")),
        **hostile.cells(FILMS, "subject_id", ("", "../x")),
        **hostile.cells(FILMS, "split", ("", "val", "2")),
        "a study of two patients": hostile.cell(FILMS, "subject_id", "7", line=3, says="study_id 51 is of subject_id"),
    },
    METADATA: {**hostile.broken(META, "ViewPosition"), **hostile.twice(META, "also on line 5")},
    CHEXPERT_FILE: {
        **hostile.broken(STATES, "Edema"),
        **hostile.twice(STATES, "study_id"),
        **hostile.cells(STATES, "Edema", ("2", "yes", "nan")),
        "another patient's study": hostile.cell(STATES, "subject_id", "7", says="study_id 53 is of subject_id 7"),
    },
    SECTIONED: {
        **hostile.broken(REPORTS, "findings"),
        **hostile.twice(REPORTS, "study"),
        **hostile.cells(REPORTS, "study", ("", "x51")),
    },
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return hostile.write(tmp_path / "mimic" / "jpg", FILES)


def test_a_film_has_the_labels_and_the_report_of_its_study(root: Path) -> None:
    assert READER.recognise(root) == f"{SPLIT}, {METADATA}, {CHEXPERT_FILE}"
    corpus = READER.read(root, DEFAULTS)
    assert corpus.classes == CHEXPERT
    assert list(corpus.ids) == ["aa-1", "aa-2", "bb-1", "cc-1"]
    assert list(corpus.splits) == ["train", "train", "val", "test"]
    assert list(corpus.views) == ["PA", "L", "AP", "LAO"]
    assert list(corpus.patients) == ["11900001"] * 3 + ["11900002"]
    assert list(corpus.attributes["study"]) == ["51", "51", "52", "53"]
    normal = [1.0 if name == "No Finding" else np.nan for name in CHEXPERT]
    np.testing.assert_array_equal(corpus.stated[:3], [normal, normal, [np.nan] * 14])
    third = {"Atelectasis": 1, "Cardiomegaly": 0, "Pneumonia": -1, "Pneumothorax": 0}
    np.testing.assert_array_equal(corpus.stated[3], [third.get(name, np.nan) for name in CHEXPERT])
    assert corpus.pixels.paths[0] == "files/p11/p11900001/s51/aa-1.jpg"  # type: ignore[attr-defined]
    assert corpus.facts["labeler"] == "chexpert"
    assert corpus.policy == LabelPolicy("negative", "ignore")
    assert "1 studies are not in mimic-cxr-2.0.0-chexpert.csv: they have no labels" in corpus.notes
    assert "1 films have views that count as frontal: LAO" in corpus.notes


def test_films_whose_view_is_blank_are_told(tmp_path: Path) -> None:
    at = META[0].index("ViewPosition")
    blank = [META[0], *([*cells[:at], "", *cells[at + 1 :]] for cells in META[1:3]), *META[3:]]
    corpus = READER.read(hostile.write(tmp_path, {**FILES, METADATA: blank}), DEFAULTS)
    assert list(corpus.views) == ["", "L", "AP", ""]
    assert f"2 films have no view in {METADATA} and count as frontal" in corpus.notes


@pytest.mark.parametrize(
    ("section", "texts"),
    [
        (
            "findings+impression",
            [
                "Heart is normal, lungs are clear.\nNo acute process.",
                "Mild edema.",
                "Opacity, which may be atelectasis.",
            ],
        ),
        ("impression", ["No acute process.", "Mild edema.", None]),
        ("findings", ["Heart is normal, lungs are clear.", None, None]),
        ("longest", ["Heart is normal, lungs are clear.", "Mild edema.", None]),
        (
            "report",
            [
                "Heart is normal, lungs are clear.\nNo acute process.",
                "Mild edema.",
                "Opacity, which may be atelectasis.",
            ],
        ),
    ],
)
def test_the_chosen_section_is_the_text(root: Path, section: Section, texts: list[str | None]) -> None:
    corpus = READER.read(root, ReadOptions(section=section))
    assert list(corpus.reports) == [texts[0], texts[0], texts[1], texts[2]]
    assert corpus.facts["section"] == section
    lacking = texts.count(None)
    note = f"{lacking} of 3 studies have no text in the section {section!r}"
    assert (note in corpus.notes) == bool(lacking)


@pytest.mark.parametrize("place", ["", "..", "../mimic-cxr", "../mimic-cxr-reports"])
def test_the_table_of_reports_may_lie_beside_the_release(tmp_path: Path, place: str) -> None:
    root = hostile.write(tmp_path / "mimic" / "jpg", {SPLIT: FILMS})
    hostile.write((root / place).resolve(), {SECTIONED: REPORTS})
    corpus = READER.read(root, DEFAULTS)
    assert corpus.reports[2] == "Mild edema."
    assert corpus.facts["reports"] == SECTIONED


@pytest.mark.parametrize("place", ["", TEXT_FOLDER, f"../{TEXT_FOLDER}"])
def test_without_the_table_reports_are_read_from_text_files(tmp_path: Path, place: str) -> None:
    root = hostile.write(tmp_path / "mimic" / "jpg", {SPLIT: FILMS})
    folder = root / place / "files/p11/p11900001"
    folder.mkdir(parents=True)
    (folder / "s51.txt").write_text("FINAL REPORT\n FINDINGS:  Clear lungs.\n\n IMPRESSION:  Normal.\n")
    corpus = READER.read(root, ReadOptions(section="impression"))
    assert list(corpus.reports) == ["Normal.", "Normal.", None, None]
    assert corpus.facts["reports"] == ".txt files"
    assert f"1 reports were read from .txt files; {SECTIONED} would be faster" in corpus.notes


@pytest.mark.parametrize(("data", "says"), [(b"\xff\xfe", "not UTF-8"), (b"x" * 1_000_001, "longer than 1,000,000")])
def test_a_text_file_that_is_no_report_is_one_error(tmp_path: Path, data: bytes, says: str) -> None:
    root = hostile.write(tmp_path / "jpg", {SPLIT: FILMS})
    path = root / "files/p11/p11900001/s51.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"s51\.txt.*{says}"):
        READER.read(root, DEFAULTS)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path / "a" / "b", {SPLIT: FILMS}), DEFAULTS)
    assert corpus.notes[:3] == (
        f"{METADATA} is not there: no film's view is known",
        f"{CHEXPERT_FILE} and {NEGBIO_FILE} not there: no labels",
        f"neither {SECTIONED} nor a report's .txt file is there: no reports",
    )
    assert set(corpus.views) == {""}
    assert np.isnan(corpus.stated).all()
    assert set(corpus.kinds()) == {"image"}


def test_films_without_metadata_are_counted(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path / "jpg", {SPLIT: FILMS, METADATA: META[:3]}), DEFAULTS)
    assert corpus.notes[0] == f"2 films are not in {METADATA}: their view is not known"
    assert list(corpus.views) == ["PA", "", "", "LAO"]


def test_negbio_is_taken_where_it_is_alone(tmp_path: Path) -> None:
    changed = [STATES[0], [*STATES[1][:2], "0.0", *STATES[1][3:]], STATES[2]]
    alone = READER.read(hostile.write(tmp_path / "one", {SPLIT: FILMS, NEGBIO_FILE: changed}), DEFAULTS)
    assert alone.facts["labeler"] == "negbio"
    assert alone.stated[3, CHEXPERT.index("Atelectasis")] == 0
    both = hostile.write(tmp_path / "both", {SPLIT: FILMS, NEGBIO_FILE: changed, CHEXPERT_FILE: STATES})
    assert READER.read(both, DEFAULTS).stated[3, CHEXPERT.index("Atelectasis")] == 1


def test_official_counts_stand_beside_the_found_ones(root: Path) -> None:
    found = {e.what: (e.expected, e.found) for e in READER.read(root, DEFAULTS).expectations}
    assert found["films"] == (377_110, 4)
    assert found["films of train"] == (368_960, 2)
    assert found[f"studies of {CHEXPERT_FILE}"] == (227_827, 2)


@pytest.mark.parametrize(("name", "way"), [(name, way) for name, ways in WAYS.items() for way in ways])
def test_another_way_to_write_it_is_the_same_corpus(tmp_path: Path, name: str, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, name, WAYS[name][way])


@pytest.mark.parametrize(("name", "how"), [(name, how) for name, hows in DAMAGE.items() for how in hows])
def test_damage_is_one_error(tmp_path: Path, name: str, how: str) -> None:
    hostile.check_refused(READER, tmp_path / "jpg", FILES, name, DAMAGE[name][how])


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the stub with MIMIC's headers is not beside this checkout")
def test_the_stub_is_read() -> None:
    stub = REAL_DATA / "official_formats" / "stubs" / "mimic-cxr"
    assert [found.reader.name for found in recognise(stub)] == ["mimic-cxr"]
    corpus = READER.read(stub, DEFAULTS)
    assert [int((corpus.splits == s).sum()) for s in ("train", "val", "test")] == [2, 2, 2]
    assert list(corpus.rows("test")) == [4]  # its other film is lateral
    assert all(corpus.reports)
