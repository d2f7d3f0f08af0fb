"""`show --json`: what is on record as plain data, with what is worked out of the scores."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Quick
from tests.records.test_compare import HOW, scores_of
from tests.records.test_seeds import record
from umcl_bench.metrics.delong import delong, logit_interval
from umcl_bench.metrics.intervals import estimate
from umcl_bench.progress import Reporter
from umcl_bench.records.describe import record_data
from umcl_bench.records.store import Record, Store, clean


@pytest.fixture
def one(tmp_path: Path) -> Record:
    """A run one of whose classes has no positive, in the store where `quick` looks."""
    about, _ = record("umcl", 1, 1.0)
    scores, store = scores_of(1), Store(tmp_path / "runs")
    found = estimate(scores, "auroc", HOW)
    about["metrics"] = {"auroc": {name: clean(dataclasses.asdict(e)) for name, e in found.items()}}
    return store.add("run-of-umcl", about, {"": scores})


def test_each_auroc_has_delongs_interval_and_a_mean_its_undefined_classes(one: Record) -> None:
    scores = one.parts()[""]
    first, last = scores.classes[0], scores.classes[2]
    metrics = record_data(one)["metrics"]["auroc"]
    area = delong(scores.value[:, :1].T, scores.target[:, 0], scores.patient)
    assert metrics[first]["delong"] == logit_interval(area, np.ones(1), one.result["intervals"]["level"])
    low, high = metrics[first]["delong"]
    assert low < metrics[first]["value"] < high
    assert (metrics[first]["positives"], metrics[first]["negatives"]) == (
        (scores.target[:, 0] == 1).sum(),
        (scores.target[:, 0] == 0).sum(),
    )
    assert (metrics[last]["value"], metrics[last]["delong"]) == (None, (None, None))
    assert metrics["macro"]["undefined_classes"] == [last]
    assert "delong" not in metrics["macro"]


def test_the_command_gives_json_of_runs_models_and_tasks(quick: Quick, one: Record) -> None:
    code, out, err = quick("show", "run-of", "--json")
    assert code == 0, err
    assert json.loads(out) == json.loads(json.dumps(record_data(one)))
    assert json.loads(quick("show", "umcl", "--json")[1])["recipe"]["baseline"]["name"] == "umcl"
    task = json.loads(quick("show", "zeroshot-chexpert", "--json")[1])
    assert (task["kind"], task["spec"]["headline"]) == ("task", "auroc")
    assert f"digest  {task['digest']}" in quick("show", "zeroshot-chexpert")[1]
    code, _, err = quick("show", "run-of", "--json", "--by", "sex")
    assert (code, "--by is for people" in err) == (2, True)


def test_scores_that_were_changed_are_no_json(quick: Quick, one: Record) -> None:
    path = one.folder / "scores.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    code, out, err = quick("show", "run-of", "--json")
    assert (code, out) == (1, ""), err
    assert "is not what was written" in err
    assert [r.id for r in Store(one.folder.parents[1]).records(Reporter(quiet=True))] == ["run-of-umcl"]
