"""What is committed under results/, and printed in the README, is what the committed records say."""

import json
from pathlib import Path

import pytest

from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import tables, to_csv, to_markdown
from umcl_bench.records.seeds import boards, table_of
from umcl_bench.records.store import Store
from umcl_bench.records.summary import summaries
from umcl_bench.registry import tasks_of_suite
from umcl_bench.spec import ABLATIONS

ROOT = Path(__file__).resolve().parents[1]
FOUND = sorted((ROOT / "results/ablations").glob("*/ablation.json"))
STORES = sorted(path.parent for path in (ROOT / "results").glob("*/records"))


@pytest.mark.parametrize("store", STORES, ids=lambda p: p.name)
def test_committed_leaderboards_are_made_from_committed_records(store: Path) -> None:
    records = Store(store).records(Reporter())
    found = boards(records)
    assert (store / "LEADERBOARD.md").read_text(encoding="utf-8") == to_markdown([table_of(board) for board in found])
    if (store / "STANDARD.md").exists():
        tasks = tasks_of_suite("standard")
        of_suite = [board for board in found if board.result["task"]["name"] in tasks]
        told = [*summaries(of_suite, average=True, tasks=tasks), *map(table_of, of_suite)]
        assert (store / "STANDARD.md").read_text(encoding="utf-8") == to_markdown(told)
    assert (store / "RUNS.md").read_text(encoding="utf-8") == to_markdown(tables(records))
    assert (store / "leaderboard.csv").read_text(encoding="utf-8") == to_csv(records)
    for record in records:
        assert not record.result["git"]["changed"]
        assert not str(record.result["data"]["given"] or "").startswith("/")  # no path of anybody's machine


def test_the_readme_prints_the_committed_rows() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [
        line
        for line in (ROOT / "results/phantom/LEADERBOARD.md").read_text(encoding="utf-8").splitlines()
        if "|" in line
    ]
    assert "\n".join(rows) in readme
    assert len(rows) > 8


@pytest.mark.parametrize("found", FOUND, ids=lambda p: p.parent.name)
def test_committed_ablations_are_made_from_committed_records(found: Path) -> None:
    told = json.loads(found.read_text(encoding="utf-8"))
    store = Store(ROOT / "results/ablations")
    assert len(told["rows"]) >= 3
    for row in told["rows"]:
        records = [store.get(name) for name in row["records"].split()]
        assert len(records) == row["seeds"] == 3
        key = row["metric"]
        values = [record.result["metrics"][key]["macro"]["value"] for record in records]
        assert row["value"] == pytest.approx(sum(values) / 3, abs=1e-12)
    page = (found.parent / "README.md").read_text(encoding="utf-8")
    assert all(sentence in page for sentence in told["sentences"])


def test_all_ablations_are_committed() -> None:
    assert {path.parent.name for path in FOUND} >= set(ABLATIONS)
