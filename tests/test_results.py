"""What is committed under results/, and printed in the README, is what the committed records say."""

from pathlib import Path

import pytest

from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import tables, to_csv, to_markdown
from umcl_bench.records.seeds import tables_over_seeds
from umcl_bench.records.store import Store

ROOT = Path(__file__).resolve().parents[1]
STORES = sorted(path.parent for path in (ROOT / "results").glob("*/records"))


@pytest.mark.parametrize("store", STORES, ids=lambda p: p.name)
def test_committed_leaderboards_are_made_from_committed_records(store: Path) -> None:
    records = Store(store).records(Reporter())
    assert (store / "LEADERBOARD.md").read_text(encoding="utf-8") == to_markdown(tables_over_seeds(records))
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
