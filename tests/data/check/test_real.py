"""The doctor on the real folders: it finds the defects that their READMEs list, as far as files show them, and no more.

What files can't show: wrong labels (NLP errors, diagnoses of a case and not of the film), film frames, arrows and
photographed screens, who was joined with whom, and how a classifier could cheat.
"""

from pathlib import Path

import pytest

from tests.conftest import REAL_DATA
from umcl_bench.data.check import Report, check

pytestmark = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real radiographs are not beside this checkout")

# Code: (level, count), all that is found; counts that a README states are marked
FOUND: dict[str, dict[str, tuple[str, int]]] = {
    "covid-cxr": {
        "class-absent": ("warning", 12),
        "class-one-sided": ("warning", 16),  # README: labels are not exhaustive
        "report-shared": ("warning", 31),  # README: several images share one text
        "report-cut-wordpiece-96": ("warning", 53),
        "report-cut-wordpiece-128": ("warning", 29),
        "report-cut-clip-77": ("warning", 91),
        "file-unnamed": ("note", 28),  # masks_opacity/, which extra.csv names
        "patients-uneven": ("note", 5),  # README: 92 of 243 films of Hannover are of five patients
        "label-unknown": ("note", 11),
        "label-none": ("note", 5),  # README: 5
        "class-few": ("note", 12),  # README: No Finding is rare
        "class-implied": ("note", 11),
        "view-lateral": ("note", 31),  # README: L 31
        "report-names-label": ("note", 72),  # README: some name the diagnosis
        "report-debris": ("note", 48),  # README: debris (". .")
        "film-square": ("note", 74),  # README: square crops among Hannover's
        "film-flat": ("note", 22),  # README: Hannover's PA films look flat
    },
    "nih-cxr14-mini": {
        "class-absent": ("warning", 3),  # README: Mass 0 in val, Fibrosis 0 in val, Hernia 0 in val and test
        "class-few": ("note", 8),  # README: rare labels
        "class-implied": ("note", 13),  # README: no label other than Pneumonia occurs without it
        "film-all-square": ("note", 665),
        "mask-empty": ("note", 139),
        "mask-boxes": ("note", 86),  # README: masks are boxes
    },
    "kermany-cxr": {
        "class-implied": ("note", 2),
        "film-all-square": ("note", 200),  # README: the aspect ratio is lost
    },
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    cache = tmp_path_factory.mktemp("cache")
    return {name: check(REAL_DATA / name, quick=name == "kermany-cxr", cache=cache) for name in FOUND}


@pytest.mark.parametrize("name", FOUND)
def test_all_that_is_found_in_a_real_folder(name: str, reports: dict[str, Report]) -> None:
    report = reports[name]
    assert {f.code: (f.level, f.count) for f in report.findings} == FOUND[name]
    assert report.exit_code == 0


def test_the_readmes_counts_are_found(reports: dict[str, Report]) -> None:
    covid, nih, kermany = (reports[name].datasets[0] for name in FOUND)
    assert covid.views == {"AP": 157, "PA": 121, "L": 31, "Frontal": 23, "AP Supine": 18}
    assert covid.more["reports"] == "189 (152 different)"
    assert covid.more["masks"] == "141 of 350 rows, 141 looked at; 0 of 31 lateral films have one"
    assert covid.findings["No Finding"] == {"train": 0, "val": 1, "test": 1}
    assert (nih.patients, nih.more["masks"]) == (453, "225 of 665 rows, 225 looked at")
    assert (kermany.patients, kermany.more["sizes"]) == (1863, "224 x 224: 200")
    assert kermany.more["reports"] == "none"


def test_what_is_found_is_what_the_readme_means(reports: dict[str, Report]) -> None:
    found = {f.code: f for f in reports["covid-cxr"].findings}
    assert all("hannover" in example for example in found["film-flat"].examples)
    assert sum("beside Pneumonia" in e for e in found["class-implied"].examples) >= 3
    assert found["patients-uneven"].examples[0] == "h9fc85fab: 22 rows"
    nih = {f.code: f for f in reports["nih-cxr14-mini"].findings}
    assert all(example.endswith("beside Pneumonia") for example in nih["class-implied"].examples)


@pytest.mark.parametrize(
    ("folder", "datasets", "missing"),
    [("rsna", ["rsna"], 26_684), ("stubs/siim", ["siim"], 4), ("roco_sample", ["roco"], 300)],
)
def test_official_tables_without_films_are_recognised_and_the_films_are_missed(
    folder: str, datasets: list[str], missing: int, tmp_path: Path
) -> None:
    report = check(REAL_DATA / "official_formats" / folder, cache=tmp_path)
    assert [facts.dataset for facts in report.datasets] == datasets
    assert {f.code: f.count for f in report.findings}["film-missing"] == missing
    assert report.exit_code == 1
    published = [row["expected"] == row["found"] for row in report.datasets[0].expectations]
    assert all(published) == (folder != "stubs/siim")
