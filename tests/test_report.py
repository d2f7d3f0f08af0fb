"""`report`: what pictures show is what records say, whole or not at all, and nothing is run."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import auc

from tests.conftest import Quick
from tests.records.test_compare import scores_of
from tests.records.test_records import result
from umcl_bench.metrics.classification import auprc, auroc
from umcl_bench.metrics.scores import Figure, Scores
from umcl_bench.progress import Reporter
from umcl_bench.records.plots import boards as of_boards
from umcl_bench.records.plots import classes as of_classes
from umcl_bench.records.seeds import Board, boards
from umcl_bench.records.store import Store
from umcl_bench.report import HEAD
from umcl_bench.spec import Intervals

TASKS = "zeroshot-chexpert,prompt-sensitivity-chexpert"


@pytest.fixture
def runs(quick: Quick, tmp_path: Path) -> Path:
    """Two controls, one of them of two seeds and on two tasks."""
    for model, tasks, seeds in (("random", TASKS, "2"), ("untrained", "zeroshot-chexpert", "1")):
        code, _, error = quick("run", "--model", model, "--task", tasks, "--seeds", seeds, "-q")
        assert code == 0, error
    return tmp_path / "runs"


def board_of(runs: Path, task: str) -> Board:
    records = [r for r in Store(runs).records(Reporter(quiet=True)) if r.result["task"]["name"] == task]
    (found,) = boards(records)
    return found


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_report_has_a_text_and_pictures_and_says_what_is_missing(quick: Quick, runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    code, _, error = quick("report", f"{TASKS},probe-nih", "-o", str(folder), "-q")
    assert code == 0, error
    text = (folder / "README.md").read_text()
    assert text.startswith(HEAD)
    assert "Not on record, and so not here: probe-nih." in text
    assert text.count("on the PHANTOM (synthetic films, no patients)") >= 2
    assert "umcl-bench run --model random --task zeroshot-chexpert" in text
    names = re.findall(r"!\[.*\]\((.*)\.svg\)", text)
    assert len(names) >= 5
    assert written(folder) == {"README.md", *(f"{n}.svg" for n in names), *(f"{n}.png" for n in names)}
    kinds = {name.rpartition("-")[2] for name in names}
    assert {"models", "roc", "pr", "wordings"} <= kinds
    svg = (folder / next(f"{n}.svg" for n in names if n.endswith("zeroshot-chexpert-models"))).read_text()
    shown = board_of(runs, "zeroshot-chexpert")
    for row in shown.rows:
        assert f"<!-- {row.name} (tiny) -->" in svg
        e = row.estimates["macro"]
        assert f"<!-- {e.value:.3f} [{e.low:.3f}, {e.high:.3f}] -->" in svg
    before = sorted(path.name for path in tmp_path.iterdir())
    code, _, error = quick("report", "zeroshot-chexpert", "-o", str(folder), "-q")
    assert code == 2
    assert "--force replaces it" in error
    assert quick("report", "zeroshot-chexpert", "-o", str(folder), "--force", "-q")[0] == 0
    assert "prompt-sensitivity" not in (folder / "README.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_curve_over_shares_has_a_point_a_share(tmp_path: Path) -> None:
    about = result()
    about["model"]["recipe"]["baseline"] = {"name": "umcl"}
    figures = (Figure("1%", ("1%/0", "1%/1")), Figure("1% sd", ("1%/0", "1%/1"), "sd"), Figure("100%", ("100%/0",)))
    about |= {"headline": "auroc (100%)", "intervals": {**dataclasses.asdict(Intervals(resamples=100)), "patients": 60}}
    about["figures"] = {figure.label: dataclasses.asdict(figure) for figure in figures}
    about["metrics"] = {figure.key("auroc"): about["metrics"]["auroc"] for figure in figures}
    parts = {"1%/0": scores_of(0, 0.5), "1%/1": scores_of(1, 0.5), "100%/0": scores_of(0, 2.0)}
    Store(tmp_path / "runs").add("a", about, parts)
    board = board_of(tmp_path / "runs", "zeroshot")
    caption = of_boards.shares(board, tmp_path, "x")
    assert caption is not None
    assert caption.startswith("macro AUROC against the share of the training patients")
    svg = (tmp_path / "x.svg").read_text()
    assert "<!-- 1% -->" in svg
    assert "<!-- 100% -->" in svg
    assert "<!-- 1% sd -->" not in svg


def test_wordings_are_the_records_figures(runs: Path, tmp_path: Path) -> None:
    board = board_of(runs, "prompt-sensitivity-chexpert")
    for row in board.rows:
        figures = of_boards.wording_figures(row, "auroc")
        stored = [record.result["metrics"]["auroc"]["macro"]["value"] for record in row.records]
        assert len(figures) == 60
        np.testing.assert_allclose(figures.mean(), np.mean(stored), atol=1e-12)
    assert of_boards.shares(board, tmp_path, "x") is None
    assert of_boards.severities(board, tmp_path, "x") is None
    assert of_classes.roc_curves(board, tmp_path, "x") is None, "sixty wordings have no one curve"
    assert not list(tmp_path.glob("x.*"))


def test_the_areas_under_the_drawn_curves_are_the_metrics() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 200).astype(float)
    value = np.round(target + rng.standard_normal(200), 1)  # with ties
    np.testing.assert_allclose(auc(*of_classes.roc(target, value)), auroc(value, target)[0], atol=1e-12)
    recall, precision = of_classes.precision_recall(target, value)
    np.testing.assert_allclose(-np.sum(np.diff(recall) * precision[:-1]), auprc(value, target)[0], atol=1e-12)


def test_a_class_with_one_side_or_an_undefined_score_has_no_curve() -> None:
    target = np.array([[1.0, 1, 1, np.nan], [0, 1, 0, 1], [0, 1, 0, 0]])
    value = np.array([[0.3, 0.1, np.nan, np.nan], [0.1, 0.2, 0.5, 0.2], [0.2, 0.1, 0.1, 0.3]])
    ids = np.array(["a", "b", "c"], dtype=object)
    assert of_classes.drawable(Scores.of(value, target, ids, ids, ("both", "one side", "undefined", "some"))) == [0, 3]


def test_wrong_input(quick: Quick, tmp_path: Path) -> None:
    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "-q")[0] == 0
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "README.md").write_text("my notes")
    for words, says in (
        (("zeroshot-chexpret", "-o", str(tmp_path / "r")), "Did you mean 'zeroshot-chexpert'"),
        (("probe-nih", "-o", str(tmp_path / "r")), "nothing is on record of probe-nih"),
        ((",", "-o", str(tmp_path / "r")), "no suite or task is named ','"),
        (("zeroshot-chexpert", "-o", str(kept), "--force"), "is no report; name a new folder"),
        (("zeroshot-chexpert", "-o", str(tmp_path / "no" / "r")), "there is no folder"),
    ):
        code, _, error = quick("report", *words)
        assert (code, says in error) == (2, True), error
    assert (kept / "README.md").read_text() == "my notes"
    assert not (tmp_path / "r").exists()


def test_a_report_that_fails_leaves_what_was_there(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "-q")[0] == 0
    folder = tmp_path / "report"
    assert quick("report", "quick", "-o", str(folder), "-q")[0] == 0
    before = (folder / "README.md").read_bytes()
    monkeypatch.setattr(of_classes, "picture", None)
    assert quick("report", "quick", "-o", str(folder), "--force", "-q")[0] == 1
    assert (folder / "README.md").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith((".part", ".old"))] == []
