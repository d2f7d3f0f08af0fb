"""Official releases through the command line: several in one folder, named splits, films that can't be read."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Quick, read_table, write_table
from tests.data.test_dicom import write as write_dicom
from umcl_bench import plan
from umcl_bench.data import images, sources
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.errors import DataError
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Record, Store
from umcl_bench.request import Request


def write_rows(path: Path, header: list[str], rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def save(phantom: Corpus, row: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(phantom.pixels.read(row, 48)).save(path, format="JPEG", quality=95)


def as_cells(phantom: Corpus, row: int) -> dict[str, str]:
    return {name: {1: "1.0", 0: ""}[int(v)] for name, v in zip(phantom.classes, phantom.labels[row], strict=True)}


@pytest.fixture
def releases(tmp_path: Path, phantom: Corpus) -> Path:
    """A folder with CheXpert (labels alone) and MIMIC-CXR-JPG (labels and reports), 60 invented studies each."""
    root = tmp_path / "all"
    chexpert, mimic = root / "CheXpert-v1.0-small", root / "mimic-cxr-jpg"
    header = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT]
    for split, rows in (("train", range(60)), ("valid", range(60, 80))):
        table: list[list[object]] = []
        for row in rows:
            name = f"{split}/patient{row:05d}/study1/view1_frontal.jpg"
            save(phantom, row, chexpert / name)
            cells = as_cells(phantom, row)
            table.append([f"{chexpert.name}/{name}", "Male", 50, "Frontal", "AP", *(cells[c] for c in CHEXPERT)])
        write_rows(chexpert / f"{split}.csv", header, table)
    films: list[list[object]] = []
    labels: list[list[object]] = []
    sections: list[list[object]] = []
    order = sorted(CHEXPERT)
    for row in range(80, 140):
        patient, study, film = f"1{row:07d}", f"5{row:07d}", f"{row:08d}-a"
        save(phantom, row, mimic / f"files/p{patient[:2]}/p{patient}/s{study}/{film}.jpg")
        films.append([film, study, patient, ("train", "train", "validate", "test")[row % 4]])
        labels.append([patient, study, *(as_cells(phantom, row)[c] for c in order)])
        sections.append([f"s{study}", "Seen as described.", phantom.reports[row] or "Heart size is normal.", "", ""])
    write_rows(mimic / "mimic-cxr-2.0.0-split.csv", ["dicom_id", "study_id", "subject_id", "split"], films)
    meta = [[film, patient, study, "PA"] for film, study, patient, _ in films]
    write_rows(mimic / "mimic-cxr-2.0.0-metadata.csv", ["dicom_id", "subject_id", "study_id", "ViewPosition"], meta)
    write_rows(mimic / "mimic-cxr-2.0.0-chexpert.csv", ["subject_id", "study_id", *order], labels)
    names = ["study", "impression", "findings", "last_paragraph", "comparison"]
    write_rows(mimic / "mimic_cxr_sectioned.csv", names, sections)
    return root


def only_record(tmp_path: Path) -> Record:
    (record,) = Store(tmp_path / "runs").records(Reporter())
    return record


def run_line(root: Path, *more: str, task: str = "zeroshot") -> list[str]:
    return ["run", "--model", "umcl", "--task", task, "--data", str(root), *more]


def test_two_releases_are_learned_from_together(quick: Quick, releases: Path, tmp_path: Path) -> None:
    code, out, err = quick(*run_line(releases, "--uncertain", "ones"))
    assert code == 0, err
    assert "chexpert" in out
    result = only_record(tmp_path).result
    assert result["data"]["facts"]["datasets"].keys() == {"chexpert", "mimic-cxr"}
    assert result["training"]["row_kinds"] == {"image-label": 60, "image-text-label": 30}
    assert "counts that differ from the official release" in err
    assert "--uncertain ones" in result["command"]
    assert result["leaks"]["patients_in_both"] == 0


def test_one_release_is_chosen_to_learn_from(quick: Quick, releases: Path, tmp_path: Path) -> None:
    code, _, err = quick(*run_line(releases, "--train-on", "mimic-cxr"))
    assert code == 0, err
    result = only_record(tmp_path).result
    assert result["training"]["row_kinds"] == {"image-text-label": 30}
    assert result["data"]["training"]["dataset"] == "mimic-cxr"
    assert result["data"]["training"]["facts"]["section"] == "findings+impression"
    assert result["data"]["facts"]["parts"]["mimic-cxr"]["labeler"] == "chexpert"
    code, _, err = quick(*run_line(releases, "--train-on", "chexpert", "--section", "impression"))
    assert code == 0, err
    code, table, err = quick("leaderboard", "--format", "md")
    assert "| umcl trained on mimic-cxr |" in table
    assert "| umcl --section impression trained on chexpert |" in table
    assert "zeroshot on chexpert+mimic-cxr (patients' films)" in table
    code, _, err = quick(*run_line(releases, "--train-on", "mimic"))
    assert code == 2
    assert "Did you mean 'mimic-cxr'?" in err


def test_the_labeler_of_mimic_is_chosen(quick: Quick, releases: Path, tmp_path: Path) -> None:
    code, _, err = quick(*run_line(releases, "--labeler", "negbio"))
    assert code == 1
    assert "has no mimic-cxr-2.0.0-negbio.csv, the labels that --labeler negbio asks for" in err
    tables = releases / "mimic-cxr-jpg"
    shutil.copy(tables / "mimic-cxr-2.0.0-chexpert.csv", tables / "mimic-cxr-2.0.0-negbio.csv")
    code, _, err = quick(*run_line(releases, "--labeler", "negbio", "--train-on", "mimic-cxr"))
    assert code == 0, err
    result = only_record(tmp_path).result
    assert result["data"]["training"]["facts"]["labeler"] == "negbio"
    assert "--labeler negbio" in result["command"]


def test_a_split_with_laterals_is_scored_with_them(monkeypatch: pytest.MonkeyPatch, rsna: Path, tmp_path: Path) -> None:
    """MedCLIP's draws have laterals, and tasks leave them out: the split decides."""
    assert sources.views_of("chexpert-5x200@medclip") == sources.views_of("mimic-5x200@medclip") == "all"
    for split, views in (("rsna@gloria", "frontal"), ("rsna@benchx", "all")):
        monkeypatch.setattr(plan, "views_of", lambda name: "all" if "benchx" in name else "")
        made = plan.make_plan(Request("umcl", "zeroshot", data=str(rsna), split=split), Store(tmp_path))
        assert made.task.views == views


def test_what_a_task_needs_and_the_folder_lacks(quick: Quick, releases: Path) -> None:
    code, _, err = quick(*run_line(releases / "mimic-cxr-jpg", task="zeroshot-chexpert"))
    assert code == 2
    assert "holds mimic-cxr; this needs chexpert: looked for" in err
    assert "stanfordmlgroup" in err


def test_films_that_cannot_be_read_stop_the_run_or_are_listed(
    quick: Quick,
    releases: Path,
    tmp_path: Path,
) -> None:
    films = sorted(releases.rglob("train/*/*/*.jpg"))
    films[0].write_bytes(films[0].read_bytes()[:200])
    films[1].unlink()
    code, _, err = quick(*run_line(releases))
    assert code == 1
    assert films[0].name in err
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("result.json"))
    code, out, err = quick(*run_line(releases, "--skip-unreadable"))
    assert code == 0, err
    record = only_record(tmp_path)
    listed = record.result["unreadable"]["training"]
    assert list(listed) == [f"chexpert/train/patient{row:05d}/study1/view1_frontal.jpg" for row in (0, 1)]
    assert "does not exist" in list(listed.values())[1]
    assert record.result["training"]["row_kinds"]["image-label"] == 58
    assert any("2 films of the training corpus can't be read" in w for w in record.result["warnings"])
    assert "U = films that can't be read were left out" in out
    assert "--skip-unreadable" in record.result["command"]
    _, shown, _ = quick("show", record.id)
    assert "2 films that can't be read: chexpert/train/patient00000" in shown
    code, _, err = quick(*run_line(releases), "--again")  # the cache knows of them, and does not hide them
    assert code == 1
    assert films[0].name in err


def test_a_strict_run_never_finds_what_had_films_left_out(
    quick: Quick,
    releases: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A film that needs a decoder: once that is installed the file, and so the fingerprint, is as before."""
    film = sorted(releases.rglob("train/*/*/*.jpg"))[0]
    honest = images.read_film

    def lacking(path: Path, *given: Any, **named: Any) -> Any:
        if path == film:
            raise DataError(f"{path}: pip install a decoder")
        return honest(path, *given, **named)

    monkeypatch.setattr(images, "read_film", lacking)
    code, _, err = quick(*run_line(releases, "--skip-unreadable"))
    assert code == 0, err
    monkeypatch.setattr(images, "read_film", honest)
    first = only_record(tmp_path)
    code, _, err = quick(*run_line(releases))
    assert code == 0, err
    (strict,) = (r for r in Store(tmp_path / "runs").records(Reporter()) if r.id != first.id)
    assert (len(first.result["unreadable"]["training"]), strict.result["unreadable"]["training"]) == (1, {})
    assert strict.result["training"]["row_kinds"]["image-label"] == 60
    assert strict.result["checkpoint"] != first.result["checkpoint"]
    assert strict.result["data"]["fingerprint"] != first.result["data"]["fingerprint"]


def test_own_films_that_are_missing_can_be_skipped(quick: Quick, folder: Path, tmp_path: Path) -> None:
    (folder / "images/film007.png").unlink()
    code, _, err = quick(*run_line(folder, "--skip-unreadable"))
    assert code == 0, err
    assert list(only_record(tmp_path).result["unreadable"]["training"]) == ["images/film007.png"]


@pytest.fixture
def rsna(tmp_path: Path, phantom: Corpus) -> Path:
    """RSNA Pneumonia with 80 invented films as DICOM, a box for every second."""
    root = tmp_path / "rsna"
    (root / "stage_2_train_images").mkdir(parents=True)
    boxes: list[list[object]] = []
    classes: list[list[object]] = []
    for row in range(80):
        name, ill = f"film-{row:03d}", row % 2
        write_dicom(root / f"stage_2_train_images/{name}.dcm", phantom.pixels.read(row, 64).astype(np.uint16) * 16)
        boxes.append([name, *((300, 400, 200, 250) if ill else ("", "", "", "")), ill])
        classes.append([name, "Lung Opacity" if ill else "Normal"])
    header = ["patientId", "x", "y", "width", "height", "Target"]
    write_rows(root / "stage_2_train_labels.csv", header, boxes)
    write_rows(root / "stage_2_detailed_class_info.csv", ["patientId", "class"], classes)
    return root


def test_a_named_split_is_used_in_training_and_test(quick: Quick, rsna: Path, tmp_path: Path) -> None:
    code, _, err = quick(*run_line(rsna))
    assert code == 2  # the release has no test films
    code, out, err = quick(*run_line(rsna, "--split", "rsna@gloria"))
    assert code == 0, err
    record = only_record(tmp_path)
    split = record.result["data"]["facts"]["split"]
    assert (split["name"], split["as_published"]) == ("rsna@gloria", False)
    assert record.result["training"]["row_kinds"] == {"image-label": 56}
    assert len(record.parts()[""].id) == 12
    assert "S = the split itself leaks" in out
    assert "--split rsna@gloria" in record.result["command"]
    code, out, err = quick("data", "explain", "rsna@gloria", "--data", str(rsna))
    assert code == 0, err
    assert "DIFFERS" in out


def test_a_split_of_a_release_is_not_replaced_by_ones_own(quick: Quick, folder: Path) -> None:
    for data, whose in (
        (["--data", str(folder)], "which has a metadata.csv, has its own"),
        ([], "the phantom has its own"),
    ):
        code, _, err = quick("run", "--model", "random", "--task", "zeroshot", "--split", "rsna@gloria", *data)
        assert code == 2
        assert whose in err


def test_what_is_not_used_or_not_there_is_said(quick: Quick, rsna: Path, folder: Path) -> None:
    code, _, err = quick(*run_line(rsna))
    assert code == 2
    assert "needs test films. rsna has 80 in train. Choose a split: --split rsna@benchx or" in err
    shutil.copytree(folder, rsna.parent / "both" / "mine")
    shutil.copytree(rsna, rsna.parent / "both" / "rsna")
    code, _, err = quick(*run_line(rsna.parent / "both", "--split", "rsna@gloria", "--quiet"))
    assert code == 0
    code, _, err = quick(*run_line(rsna.parent / "both", "--split", "rsna@gloria"))
    assert "not used: mine in" in err
    shutil.copy(folder / "metadata.csv", rsna)
    shutil.copytree(folder / "images", rsna / "images")
    shutil.copytree(folder / "masks", rsna / "masks")
    code, _, err = quick(*run_line(rsna, "--plan"))
    assert code == 0, err
    code, _, err = quick(*run_line(rsna))
    assert "is read by its metadata.csv; not used: rsna" in err


def test_random_embeddings_need_no_training_rows(quick: Quick, folder: Path, tmp_path: Path) -> None:
    write_table(folder, [{**row, "split": "Testing"} for row in read_table(folder)])
    code, out, err = quick("run", "--model", "random", "--task", "zeroshot", "--data", str(folder))
    assert code == 0, err
    assert "60 frontal films" in out
    code, _, err = quick(*run_line(folder))
    assert code == 2
    assert "umcl learns from rows of the kinds" in err


def test_a_split_that_does_not_fit_is_refused(quick: Quick, rsna: Path) -> None:
    code, _, err = quick(*run_line(rsna, "--split", "rsna@glorai"))
    assert code == 2
    assert "Did you mean 'rsna@gloria'" in err
    code, _, err = quick(*run_line(rsna, "--split", "rsna@gloria", task="zeroshot-chexpert"))
    assert code == 2
    assert "--split rsna@gloria: task zeroshot-chexpert is of chexpert" in err
    code, _, err = quick(*run_line(rsna, "--split", "siim@image"))
    assert code == 2
    assert "this needs siim: looked for" in err


def test_a_mix_of_rows_is_in_the_record_and_the_row(quick: Quick, releases: Path, tmp_path: Path) -> None:
    code, _, err = quick(*run_line(releases, "--mix", "image-text-label=1,image-label=1", "--balanced"))
    assert code == 0, err
    result = only_record(tmp_path).result
    assert result["training"]["rows_drawn"] == {"image-label": 96, "image-text-label": 96}
    table = quick("leaderboard", "--format", "md")[1]
    assert "| umcl --mix image-text-label=1.0,image-label=1.0 --balanced |" in table
    for mix, says in (
        ("image-text-label", "write name=number"),
        ("image=1", "needs rows with a film"),
        ("x=1", "row kind"),
    ):
        code, _, err = quick(*run_line(releases, "--mix", mix))
        assert code == 2
        assert says in err


def test_a_plan_says_what_a_run_takes_and_does_nothing(quick: Quick, releases: Path, tmp_path: Path) -> None:
    code, out, err = quick(*run_line(releases, "--plan"))
    assert code == 0, err
    assert "140 films: 0.6 MB" in out
    assert "rows    60 image-label, 30 image-text-label" in out
    assert "6 steps of 32 rows; time: no run of this size here yet" in out
    assert "be read" not in out
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "runs").exists()
    code, _, err = quick(*run_line(releases))
    assert code == 0, err
    assert "on record, nothing to do" in quick(*run_line(releases, "--plan"))[1]
    other = quick(*run_line(releases, "--plan", "--seed", "1"))[1]
    assert "140 films: read before" in other
    assert "as here before" in other
    (record,) = (tmp_path / "runs/records").iterdir()
    shutil.rmtree(record)
    assert "6 steps of 32 rows; done before" in quick(*run_line(releases, "--plan"))[1]


def test_the_doctor_and_the_splits_have_commands(quick: Quick, releases: Path, tmp_path: Path) -> None:
    code, out, _ = quick("data", "check", str(releases), "--json")
    report = json.loads(out)
    assert {facts["dataset"] for facts in report["datasets"]} == {"chexpert", "mimic-cxr"}
    assert code == (1 if report["errors"] else 0)
    code, out, _ = quick("data", "explain", "rsna@gloria")
    assert code == 0
    assert "fdea2323542c4f7d" in out
    code, out, _ = quick("data", "diff", "rsna@gloria", "rsna@benchx", "--json")
    assert code == 0
    json.loads(out)
    code, out, _ = quick("list", "splits")
    assert "siim@gloria-rows" in out
    code, out, _ = quick("data", "label", "No effusion. Possible edema.", "--json")
    assert json.loads(out)["report"] == {"Pleural Effusion": "negative", "Edema": "uncertain"}
    code, _, err = quick("data", "check", str(tmp_path / "nowhere"))
    assert code == 2
    assert "there is no folder" in err
    assert np.all([len(line) <= 100 for line in quick("data", "explain", "siim@gloria-rows")[1].splitlines()])
