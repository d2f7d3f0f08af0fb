"""Real radiographs, where they are present beside the project: read as their READMEs count them, and run to a row."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REAL_DATA
from umcl_bench import spec
from umcl_bench.bench import run
from umcl_bench.data.corpus import count_kinds
from umcl_bench.data.readers.folder import read_folder
from umcl_bench.errors import UsageError
from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import tables, to_markdown
from umcl_bench.records.store import Store
from umcl_bench.request import Request

pytestmark = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real radiographs are not beside this checkout")

# films, patients, films with text, films with a mask, and positives of some findings in (train, val, test)
COUNTS = {
    "covid-cxr": (350, 146, 189, 141, {"Pneumonia": (188, 48, 84), "COVID-19": (151, 39, 63), "No Finding": (0, 1, 1)}),
    "kermany-cxr": (2892, 1863, 0, 0, {"Pneumonia": (1154, 290, 481), "No Finding": (580, 145, 242)}),
    "nih-cxr14-mini": (665, 453, 0, 225, {"Pleural Effusion": (36, 9, 15), "Edema": (38, 10, 16), "Hernia": (3, 0, 0)}),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_source_has_the_counts_of_its_readme(name: str) -> None:
    corpus = read_folder(REAL_DATA / name)
    films, patients, texts, masks, findings = COUNTS[name]
    assert (len(corpus), len(set(corpus.patients))) == (films, patients)
    assert sum(n for kind, n in count_kinds(corpus.kinds()).items() if "text" in kind) == texts
    assert (0 if corpus.has_mask is None else int(corpus.has_mask.sum())) == masks
    for finding, expected in findings.items():
        column = corpus.labels[:, corpus.classes.index(finding)]
        assert tuple(int((column[corpus.splits == s] == 1).sum()) for s in ("train", "val", "test")) == expected


def test_every_film_and_mask_can_be_read() -> None:
    for name in COUNTS:
        corpus = read_folder(REAL_DATA / name)
        for row in range(0, len(corpus), 25):
            film = corpus.pixels.read(row, 64)
            assert film.shape == (64, 64)
            assert film.std() > 5
        if corpus.masks is not None and corpus.has_mask is not None:
            mask = corpus.masks.read(int(np.flatnonzero(corpus.has_mask)[0]), 64)
            assert set(np.unique(mask)) <= {0, 255}


LINES = [
    ("umcl", "zeroshot", "kermany-cxr", 723),
    ("umcl", "zeroshot-chexpert", "nih-cxr14-mini", 130),
    ("clip", "zeroshot", "covid-cxr", 81),
]


@pytest.mark.usefixtures("short_budget")
def test_each_line_of_real_data_ends_in_a_record_and_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With six training steps: what is tested is that all of it runs, not how good it is."""
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(tmp_path / "cache"))
    store, reporter = Store(tmp_path / "runs"), Reporter(quiet=True)
    for model, task, name, films in LINES:
        record = run(Request(model, task, data=str(REAL_DATA / name)), store, reporter)
        assert record.result["data"]["source"] == name
        assert record.result["leaks"]["patients_in_both"] == 0
        assert len(record.parts()[""].id) == films
        few = name != "kermany-cxr"  # too few patients with some finding for an interval of the mean
        assert any(w.startswith("no interval for the macro") for w in record.result["warnings"]) == few
    board = to_markdown(tables(store.records(reporter)))
    assert board.count("(patients' films)") == 3
    assert "PHANTOM" not in board


@pytest.mark.parametrize(
    ("model", "task", "name", "message"),
    [
        ("clip", "zeroshot", "kermany-cxr", "clip learns from rows of the kinds"),
        ("umcl", "zeroshot-chexpert", "kermany-cxr", "kermany-cxr lacks Atelectasis"),
    ],
)
def test_what_a_source_lacks_is_said_before_any_work(
    tmp_path: Path, model: str, task: str, name: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(Request(model, task, data=str(REAL_DATA / name)), Store(tmp_path), Reporter(quiet=True))
    assert list(tmp_path.iterdir()) == []


def test_the_budget_is_the_same_for_every_source() -> None:
    assert spec.TINY.optim.steps * spec.TINY.optim.batch == spec.TINY.optim.films_seen == 40_960
