"""One row a model: the mean over its seeds, its interval, and their spread."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.test_records import result
from umcl_bench.metrics.intervals import estimate, estimate_mean
from umcl_bench.metrics.scores import Scores
from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import DASH, to_markdown
from umcl_bench.records.seeds import tables_over_seeds
from umcl_bench.records.store import Store
from umcl_bench.spec import METHODS, Intervals

HOW = Intervals(resamples=200)


def scores_of(seed: int, strength: float = 1.0, n: int = 120) -> Scores:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (n, 2)).astype(float)
    patient = np.array([f"p{i}" for i in rng.integers(0, 60, n)], dtype=object)
    value = strength * target + np.random.default_rng(seed).standard_normal((n, 2))
    return Scores.of(value, target, patient, np.array([str(i) for i in range(n)], dtype=object), ("Edema", "Fracture"))


def test_the_mean_of_one_is_its_estimate() -> None:
    assert estimate_mean([scores_of(1)], "auroc", HOW) == estimate(scores_of(1), "auroc", HOW)


def test_the_mean_is_the_mean_and_its_interval_that_of_the_resampled_means() -> None:
    """Slowly: the same patients in every resample, an AUROC by scikit-learn of each model, their mean."""
    from sklearn.metrics import roc_auc_score

    from umcl_bench.metrics.intervals import patient_weights

    several = [scores_of(seed) for seed in (1, 2, 3)]
    found = estimate_mean(several, "auroc", HOW)
    rng = np.random.default_rng(HOW.seed)
    weights = np.concatenate([patient_weights(several[0].patient, 100, rng) for _ in range(2)])
    means = [
        np.mean([roc_auc_score(s.target[:, k], s.value[:, k], sample_weight=w) for s in several for k in range(2)])
        for w in weights
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    assert (found["macro"].low, found["macro"].high) == pytest.approx((low, high), abs=1e-12)
    points = [estimate(s, "auroc", HOW)["macro"].value for s in several]
    assert found["macro"].value == pytest.approx(np.mean(points))


def test_scores_of_other_samples_have_no_mean() -> None:
    with pytest.raises(ValueError, match="not of the same samples"):
        estimate_mean([scores_of(1), scores_of(1, n=119)], "auroc", HOW)


def record(model: str, seed: int, strength: float, **recipe: Any) -> tuple[dict[str, Any], dict[str, Scores]]:
    scores = scores_of(seed, strength)
    found = estimate(scores, "auroc", HOW)
    about = {**result(model), "seed": seed, "intervals": {**dataclasses.asdict(HOW), "patients": 60}}
    about["model"]["recipe"] |= {"seed": seed, "baseline": {"evidence": [["name", "ours", str(seed)]]}, **recipe}
    about["metrics"] = {"auroc": {name: dataclasses.asdict(e) for name, e in found.items()}}
    return about, {"": scores}


def test_seeds_share_a_row_and_nothing_else_does(tmp_path: Path) -> None:
    store = Store(tmp_path)
    runs = [("umcl", seed, 1.5) for seed in (0, 1, 2)] + [("clip", 0, 0.5)]
    for model, seed, strength in runs:
        store.add(f"{model}-{seed}", *record(model, seed, strength))
    store.add("umcl-longer", *record("umcl", 0, 2.0, precision="float32"))
    records = store.records(Reporter())
    (table,) = tables_over_seeds(records)
    assert table.header[:5] == (
        "model",
        "size",
        "seeds",
        "macro auroc [95 % CI]".replace("auroc", "AUROC"),
        "sd over seeds",
    )
    assert [(row[0], row[2]) for row in table.rows] == [("umcl", "0"), ("umcl", "0, 1, 2"), ("clip", "0")]
    assert table.rows[0][4] == table.rows[2][4] == DASH
    each = [r.result["metrics"]["auroc"]["macro"]["value"] for r in records if r.id in ("umcl-0", "umcl-1", "umcl-2")]
    assert table.rows[1][4] == f"{np.std(each, ddof=1):.3f}"
    assert table.rows[1][3].startswith(f"{np.mean(each):.3f} [")
    assert "| umcl | tiny | 0, 1, 2 |" in to_markdown([table])


def test_of_a_seed_that_was_run_again_the_first_counts_whatever_it_scored(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name, created, seed in (("a", "2026-01-02", 5), ("b", "2026-01-01", 6), ("c", "2026-01-03", 7)):
        about, parts = record("umcl", seed, 1.5)
        about["seed"] = about["model"]["recipe"]["seed"] = 0
        store.add(name, {**about, "created": created}, parts)
    records = store.records(Reporter())
    (table,) = tables_over_seeds(records)
    (first,) = (r for r in records if r.id == "b")
    assert [row[2] for row in table.rows] == ["0"]
    assert table.footnotes[0] == "left out: seeds that were run again (a, c); the first counts"
    assert table.rows[0][3].startswith(f"{first.result['metrics']['auroc']['macro']['value']:.3f} [")
    values = [r.result["metrics"]["auroc"]["macro"]["value"] for r in records]
    assert max(values) != first.result["metrics"]["auroc"]["macro"]["value"]  # or it proves nothing


def test_where_samples_are_not_the_same_after_all_the_table_says_why_there_are_no_ranks(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for model, n in (("umcl", 120), ("clip", 110)):
        about, _ = record(model, 0, 1.5)
        store.add(model, about, {"": scores_of(0, 1.5, n)})
    (table,) = tables_over_seeds(store.records(Reporter()))
    assert "rank [95 % CI]" not in table.header
    assert table.footnotes[0].startswith("not ranked: the per-sample scores")


def test_runs_by_other_versions_of_the_code_are_no_seeds_of_one_model(tmp_path: Path) -> None:
    """Of scoring: another table, which says so. Of training: another row."""
    store = Store(tmp_path)
    for seed, changed in ((0, {}), (1, {"training": 0}), (2, {"metrics": 0})):
        about, parts = record("umcl", seed, 1.5)
        store.add(f"umcl-{seed}", {**about, "methods": {**METHODS, **changed}}, parts)
    found = tables_over_seeds(store.records(Reporter()))
    assert sorted(sorted(row[2] for row in table.rows) for table in found) == [["0", "1"], ["2"]]
    assert sorted("made by ANOTHER VERSION (metrics 0)" in table.caption for table in found) == [False, True]
