"""CheXpert's csvs: what they become, other releases' that are none, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import Broken, rows_of
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers import DEFAULTS, ReadOptions
from umcl_bench.data.readers.chexpert import READER
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.errors import DataError

HEADER = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(CHEXPERT)
TRAIN = rows_of(f"""
    {HEADER}
    CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,,,,,1.0
    CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg,Male,87,Frontal,PA,,,-1.0,1.0,,-1.0,0.0,,,,,,1.0,
    CheXpert-v1.0-small/train/patient00002/study2/view2_lateral.jpg,Unknown,0,Lateral,,,,,,,,,,,,,,,
    CheXpert-v1.0-small/train/patient00003/study1/view1_frontal.jpg,Male,41,Frontal,LL,,,,,,1.0,,,,,,,,
""")
VALID = rows_of(f"""
    {HEADER}
    CheXpert-v1.0-small/valid/patient60001/study1/view1_frontal.jpg,Male,40,Frontal,AP,0,0,0,0,0,0,0,0,1,0,0,0,0,0
""")
TEST = rows_of(f"""
    Study,{",".join(CHEXPERT)}
    CheXpert-v1.0/test/patient70001/study1,0,0,0,1,0,0,0,0,1,0,0,0,0,0
    CheXpert-v1.0/test/patient70002/study1,0,0,1,0,0,0,0,0,0,0,0,0,0,0
""")
FILES = {"train.csv": TRAIN, "valid.csv": VALID, "groundtruth.csv": TEST}
WAYS = hostile.harmless(TRAIN)
DAMAGE: dict[str, Broken] = {
    **hostile.broken(TRAIN, "Cardiomegaly"),
    **hostile.twice(TRAIN, "Path"),
    **hostile.cells(TRAIN, "Path", ("", "nan", *hostile.NO_PLACES)),
    **hostile.cells(TRAIN, "Path", ("CheXpert-v1.0/train/../patient1/study1/view1_frontal.jpg", TRAIN[1][0][:-4])),
    **hostile.cells(TRAIN, "Path", (VALID[1][0],)),
    "one film under both prefixes": hostile.cell(TRAIN, "Path", TRAIN[1][0].replace("-small", ""), line=3),
    **hostile.cells(TRAIN, "Edema", ("2", "yes", "0.5", "nan")),
    **hostile.cells(TRAIN, "Age", ("-3", "1e9", "old", "nan")),
    **hostile.cells(TRAIN, "Sex", ("woman",)),
    **hostile.cells(TRAIN, "Frontal/Lateral", ("", "Oblique")),
    **hostile.cells(TRAIN, "AP/PA", ("XX",)),
}
TEST_DAMAGE = {
    **hostile.broken(TEST, "Study"),
    **hostile.twice(TEST, "Study"),
    **hostile.cells(TEST, "Study", ("", "../x", TEST[1][0] + "/view1_frontal.jpg")),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return hostile.write(tmp_path / "CheXpert-v1.0-small", FILES)


def test_the_three_tables_become_one_corpus(root: Path) -> None:
    assert READER.recognise(root) == "train.csv, valid.csv, groundtruth.csv"
    corpus = READER.read(root, DEFAULTS)
    assert corpus.classes == CHEXPERT
    assert list(corpus.ids) == [
        "train/patient00001/study1/view1_frontal.jpg",
        "train/patient00002/study1/view1_frontal.jpg",
        "train/patient00002/study2/view2_lateral.jpg",
        "train/patient00003/study1/view1_frontal.jpg",
        "valid/patient60001/study1/view1_frontal.jpg",
        "test/patient70001/study1/view1_frontal.jpg",
        "test/patient70002/study1/view1_frontal.jpg",
    ]
    assert list(corpus.splits) == ["train"] * 4 + ["val", "test", "test"]
    assert list(corpus.views) == ["AP", "PA", "L", "Frontal", "AP", "frontal", "frontal"]
    assert corpus.rows("train").tolist() == [0, 1, 3]  # not the lateral; what is called Frontal, and LL, is frontal
    assert list(corpus.patients[:4]) == ["patient00001", "patient00002", "patient00002", "patient00003"]
    assert list(corpus.attributes["study"][1:3]) == ["patient00002/study1", "patient00002/study2"]
    assert list(corpus.attributes["sex"]) == ["F", "M", "", "M", "M", "", ""]
    assert list(corpus.attributes["age"][:3]) == ["68", "87", "0"]
    assert list(corpus.attributes["side"][2:4]) == ["Lateral", "Frontal"]


def test_labels_are_stated_as_the_csv_says_and_the_policy_is_named(root: Path) -> None:
    corpus = READER.read(root, DEFAULTS)
    expected = dict.fromkeys(CHEXPERT, np.nan)
    expected |= {"Cardiomegaly": -1, "Lung Opacity": 1, "Edema": -1, "Consolidation": 0, "Fracture": 1}
    np.testing.assert_array_equal(corpus.stated[1], [expected[name] for name in CHEXPERT])
    assert np.isnan(corpus.stated[2]).all()
    assert corpus.policy == LabelPolicy("negative", "ignore")
    assert np.isnan(corpus.labels[1, CHEXPERT.index("Edema")])
    assert corpus.labels[1, CHEXPERT.index("Pneumonia")] == 0
    ones = READER.read(root, ReadOptions(uncertain="ones"))
    assert ones.labels[1, CHEXPERT.index("Edema")] == 1
    assert "ones" in ones.facts["label_policy"]
    assert ones.fingerprint != corpus.fingerprint


def test_official_counts_stand_beside_the_found_ones(root: Path) -> None:
    corpus = READER.read(root, DEFAULTS)
    found = {e.what: (e.expected, e.found) for e in corpus.expectations}
    assert found["rows of train.csv"] == (223_414, 4)
    assert found["frontal films of train.csv"] == (191_027, 3)
    assert found["uncertain Edema of train.csv"] == (12_984, 1)
    assert found["patients of valid.csv"] == (200, 1)
    assert found["studies of groundtruth.csv"] == (500, 2)
    assert any("rows of train.csv: 4 (official: 223,414)" in note for note in corpus.notes)
    assert any("view1_frontal.jpg" in note for note in corpus.notes)


def test_a_part_of_the_release_is_read_and_what_lacks_is_said(tmp_path: Path) -> None:
    root = hostile.write(tmp_path, {"valid.csv": VALID})
    corpus = READER.read(root, DEFAULTS)
    assert set(corpus.splits) == {"val"}
    assert corpus.notes[0] == "not there: train.csv: no train films; groundtruth.csv (or test.csv): no test films"


def test_a_table_of_test_films_goes_before_the_one_of_studies(tmp_path: Path) -> None:
    films = [VALID[0], [VALID[1][0].replace("valid", "test"), *VALID[1][1:]]]
    corpus = READER.read(hostile.write(tmp_path, {**FILES, "test.csv": films}), DEFAULTS)
    assert corpus.ids[corpus.splits == "test"].tolist() == ["test/patient60001/study1/view1_frontal.jpg"]


def test_both_releases_read_alike(tmp_path: Path) -> None:
    large = [[cell.replace("-small", "") for cell in row] for row in TRAIN]
    one = READER.read(hostile.write(tmp_path / "large", {"train.csv": large}), DEFAULTS)
    other = READER.read(hostile.write(tmp_path / "small", {"train.csv": TRAIN}), DEFAULTS)
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("train.csv", "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"),  # VinDr-CXR of Kaggle
        ("train.csv", "image,mask,report,labels,patient_id,view,split"),
        ("test.csv", "ID,Caption"),
        ("chexpert-5x200-val-meta.csv", ",imgpath,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(CHEXPERT)),  # MedCLIP
        ("train.csv", ""),
    ],
)
def test_other_releases_are_not_mistaken_for_it(tmp_path: Path, name: str, header: str) -> None:
    (tmp_path / name).write_text(header + "\n")
    assert READER.recognise(tmp_path) is None
    assert READER.recognise(tmp_path / "nowhere") is None


def test_a_folder_without_tables_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no train\.csv"):
        READER.read(tmp_path, DEFAULTS)


@pytest.mark.parametrize("way", WAYS)
def test_another_way_to_write_it_is_the_same_corpus(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, "train.csv", WAYS[way])


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_one_error(tmp_path: Path, how: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, "train.csv", DAMAGE[how])


@pytest.mark.parametrize("how", TEST_DAMAGE)
def test_damage_of_the_test_table_is_one_error(tmp_path: Path, how: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, "groundtruth.csv", TEST_DAMAGE[how])


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the stubs with the real headers are not beside this checkout")
def test_the_real_headers_are_read() -> None:
    formats = REAL_DATA / "official_formats"
    stub = READER.read(formats / "stubs" / "chexpert", DEFAULTS)
    assert [int((stub.splits == s).sum()) for s in ("train", "val", "test")] == [7, 6, 6]
    sample = READER.read(formats / "chexlocalize_sample", DEFAULTS)
    assert list(sample.patients) == ["patient64541", "patient64542"]
    assert sample.stated.sum() == 4
