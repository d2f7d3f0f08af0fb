"""What tables over seeds say of wordings that change two models' order, and that a table of runs reads no scores."""

from pathlib import Path

import numpy as np
import pytest

from tests.records.test_seeds import record
from umcl_bench.metrics.scores import Scores
from umcl_bench.progress import Reporter
from umcl_bench.records.flips import flips
from umcl_bench.records.leaderboard import tables
from umcl_bench.records.seeds import tables_over_seeds
from umcl_bench.records.store import Record, Store


def told(value: float, seed: int) -> Scores:
    """Scores whose macro AUROC in two classes of four films is `value`."""
    target = np.array([[0.0, 0.0], [0, 0], [1, 1], [1, 1]])
    right = {1.0: [0, 1, 2, 3], 0.75: [0, 2, 1, 3], 0.25: [1, 3, 0, 2], 0.0: [2, 3, 0, 1]}[value]
    who = np.array([f"p{i}" for i in range(4)], dtype=object)
    return Scores.of(np.array([right, right], dtype=float).T + seed, target, who, who, ("Edema", "Fracture"))


def fill(store: Store, kind: str = "prompt-sensitivity") -> list[Record]:
    """A model that is better in three of four wordings, of two seeds of which one alone would say otherwise."""
    wordings: dict[str, list[list[float]]] = {
        "umcl": [[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.25]],
        "clip": [[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.75]],
    }
    for model, seeds in wordings.items():
        for seed, values in enumerate(seeds):
            about, _ = record(model, seed, 1.0)
            about["task"]["spec"]["protocol"] = {"kind": kind}
            about["figures"] = {"": {"label": "", "parts": list("abcd"), "over": "mean"}}
            store.add(f"{model}-{seed}", about, dict(zip("abcd", (told(v, seed) for v in values), strict=True)))
    return store.records(Reporter())


def test_seeds_are_averaged_before_wordings_are_counted(tmp_path: Path) -> None:
    (said,) = flips(fill(Store(tmp_path)))
    assert said.startswith("order: in 25% of the wordings, on average over 1 pairs of models")
    assert said.endswith("clip tiny and umcl tiny 25%")


def test_other_tasks_and_a_model_alone_have_no_order(tmp_path: Path) -> None:
    assert flips(fill(Store(tmp_path / "other"), "zero-shot")) == ()
    assert flips([r for r in fill(Store(tmp_path)) if r.id.startswith("umcl")]) == ()


def test_the_table_over_seeds_says_it_and_the_table_of_runs_reads_no_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = fill(Store(tmp_path))
    (table,) = tables_over_seeds(records)
    assert any(note.startswith("order: in 25%") for note in table.footnotes)

    def refuse(*_: object) -> None:
        raise AssertionError("scores were read")

    monkeypatch.setattr("umcl_bench.records.store.load_parts", refuse)
    (plain,) = tables(records)
    assert not any(note.startswith("order") for note in plain.footnotes)
