"""The whole of `umcl-bench ablate prompts`, on a small phantom with short trainings."""

import json
from pathlib import Path

import pytest

from tests.conftest import Quick
from tests.test_ablate import rows_in
from umcl_bench import bench
from umcl_bench.records import ablation
from umcl_bench.spec import ABLATIONS, Intervals


def test_prompts_end_in_a_page_with_scores_and_sensitivity(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "INTERVALS", Intervals(resamples=100))
    monkeypatch.setattr(ablation, "PER_COMPARISON", 5)
    folder = tmp_path / "prompts"
    code, out, err = quick("ablate", "prompts", "-q", "-o", str(folder))
    assert code == 0, err
    rows = rows_in(folder)
    assert [row["measure"] for row in rows] == ["score"] * 12 + ["sensitivity"] * 12
    assert len({row["records"] for row in rows}) == 22  # three arms are one model, whose sensitivity is one run
    sensitive = {row["arm"]: row for row in rows if row["measure"] == "sensitivity"}
    assert {sensitive[arm]["p_holm"] for arm in ("one sentence", "ensemble")} == {sensitive["name alone"]["p_holm"]}
    assert rows[0]["tests"] == "20"  # eleven of scores, nine of sensitivity
    data = json.loads((folder / "ablation.json").read_text())
    assert len(data["claims"]) == len(ABLATIONS["prompts"].claims)
    page = (folder / "README.md").read_text()
    assert all(sentence in page and sentence in out for sentence in data["sentences"])
    assert "sd over 60 wordings" in page
