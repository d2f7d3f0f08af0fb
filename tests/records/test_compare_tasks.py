"""`compare` without a task: every task that all models have, one family, and what can't be compared is said."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Quick
from tests.records.test_compare import add, scores_of
from umcl_bench.errors import UsageError
from umcl_bench.metrics.comparison import PER_COMPARISON, holm
from umcl_bench.progress import Reporter
from umcl_bench.records.compare_tasks import Across, compare_tasks, shared_tasks, to_csv, to_json, to_text, verdicts
from umcl_bench.records.store import Store


def on(task: str, **other: Any) -> Any:
    def change(result: dict[str, Any]) -> None:
        result["task"]["name"] = task
        result["data"] |= other

    return change


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Of umcl and clip: better on 'near', worse on 'far', the same on 'even'; clip alone has 'own'."""
    found = Store(tmp_path / "s")
    strengths = {"near": (2.0, 0.5), "far": (0.5, 2.0), "even": (1.0, 1.0)}
    for task, (one, other) in strengths.items():
        add(found, "umcl", 0, scores_of(1, one), f"umcl-{task}", on(task))
        add(found, "clip", 0, scores_of(1 if task == "even" else 2, other), f"clip-{task}", on(task))
    add(found, "clip", 0, scores_of(3, 1.0), "clip-own", on("own"))
    return found


def compared(store: Store, **options: Any) -> Across:
    records = store.records(Reporter())
    return compare_tasks(["umcl", "clip"], shared_tasks(["umcl", "clip"], records), records, **options)


def test_tasks_are_those_that_all_have(store: Store) -> None:
    records = store.records(Reporter())
    assert shared_tasks(["umcl", "clip"], records) == ("even", "far", "near")
    assert shared_tasks(["clip"], records) == ("even", "far", "near", "own")
    assert shared_tasks(["umcl", "clip-near"], records) == ()  # a run, not a model
    with pytest.raises(UsageError, match=r"no task is on record for all of them \(umcl: near; clip: far\)"):
        shared_tasks(["umcl", "clip"], [r for r in records if r.id in ("umcl-near", "clip-far")])


def test_all_tasks_are_one_family_with_resamples_for_it(store: Store) -> None:
    found = compared(store)
    assert {of.tests for of in found.comparisons} == {3}
    assert {of.how.resamples for of in found.comparisons} == {3 * PER_COMPARISON}
    raw = {of.result["task"]["name"]: of.pairs[0].macro.p for of in found.comparisons}
    assert {of.result["task"]["name"]: of.pairs[0].holm["macro"] for of in found.comparisons} == holm(raw)


def test_the_sentence_counts_and_names_tasks(store: Store) -> None:
    assert verdicts(compared(store)) == [
        "On the PHANTOM (synthetic films, no patients), umcl is better than clip on 1 (near) of 3 tasks, worse on 1 "
        "(far), and the figures do not tell on 1 (even)."
    ]


def test_what_cant_be_compared_is_left_out_by_name(store: Store) -> None:
    add(store, "umcl", 0, scores_of(1, 1.0), "umcl-other", on("other"))
    add(store, "clip", 0, scores_of(1, 1.0), "clip-other", on("other", fingerprint="elsewhere"))
    (line,) = compared(store).left_out
    assert line.startswith("other: ")
    assert "data fingerprint" in line
    assert line in to_text(compared(store))


def test_nothing_that_can_be_compared_is_an_error_that_says_why(store: Store) -> None:
    records = [r for r in store.records(Reporter()) if r.result["task"]["name"] == "near"]
    records[0].result["data"]["fingerprint"] = "elsewhere"
    with pytest.raises(UsageError, match="can be compared on no task"):
        compare_tasks(["umcl", "clip"], ("near",), records)


def test_sources_stand_apart(store: Store) -> None:
    for model in ("umcl", "clip"):
        add(store, model, 0, scores_of(len(model)), f"{model}-real", on("real", kind="patients", source="kermany-cxr"))
    told = verdicts(compared(store))
    assert [line.partition(",")[0] for line in told] == [
        "On the PHANTOM (synthetic films", "On kermany-cxr (patients' films)"
    ]  # fmt: skip
    assert "of 1 tasks" in told[1]


def test_every_format_says_the_same(store: Store) -> None:
    found = compared(store)
    lines = [row for row in csv.DictReader(io.StringIO(to_csv(found))) if row["class"] == "macro"]
    rows = [row for row in json.loads(to_json(found))["rows"] if row["class"] == "macro"]
    assert [row["task"] for row in rows] == [row["task"] for row in lines] == ["even", "far", "near"]
    for row, line in zip(rows, lines, strict=True):
        assert float(line["better_by"]) == row["better_by"]
        assert f"{row['better_by']:.3f} [" in to_text(found)
        assert f"{row['better_by']:.3f} [" in to_text(found, markdown=True)


def test_the_command_line(quick: Quick, store: Store) -> None:
    of = ["--store", str(store.root)]
    formats = {"terminal": "3 tasks", "md": "| near |", "csv": "near,auroc", "json": '"task": "near"'}
    for format, said in formats.items():
        code, out, err = quick("compare", "umcl", "clip", "--format", format, *of)
        assert (code, said in out) == (0, True), err
    code, _, err = quick("compare", "umcl", "clip", "--metric", "auprc", *of)
    assert (code, "say on which --task (even, far, near)" in err) == (2, True)
    code, _, err = quick("compare", "umcl", "clpi", *of)
    assert (code, "Did you mean 'clip'" in err) == (2, True)
