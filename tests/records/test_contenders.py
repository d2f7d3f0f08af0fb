"""`compare`: which runs are meant, and which can't be compared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.test_compare import Change, add, compared, fill, moved, scores_of
from umcl_bench.errors import UsageError
from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.progress import Reporter
from umcl_bench.records.compare_report import remarks
from umcl_bench.records.contenders import find_contenders
from umcl_bench.records.store import Store
from umcl_bench.spec import METHODS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return fill(Store(tmp_path / "s"))


def test_models_are_all_their_seeds_and_runs_are_themselves(store: Store) -> None:
    records = store.records(Reporter())
    models = find_contenders(["umcl", "clip"], "zeroshot", records)
    assert [(c.label, c.seeds, c.alone) for c in models] == [("umcl", (0, 1, 2), ()), ("clip", (0, 1, 2), ())]
    assert find_contenders(["umcl-s0,umcl-s2,umcl-s1", "clip-s0,clip-s1,clip-s2"], "", records) == models
    runs = find_contenders(["umcl-s0", "umcl-s2", "siglip-s1"], "", records)
    assert [c.label for c in runs] == ["umcl tiny seed 0", "umcl tiny seed 2", "siglip tiny seed 1"]
    assert [c.seeds for c in runs] == [(0,), (2,), (1,)]  # one run each: as asked for


def test_seeds_that_others_lack_are_left_out_and_said(store: Store) -> None:
    found = compared(store, "umcl", "random", "clip", task="zeroshot")
    assert [(c.seeds, c.alone) for c in found.contenders] == [((1, 2), (0,)), ((1, 2), ()), ((1, 2), (0,))]
    told = "\n".join(remarks(found))
    assert "left out: umcl, 1 seed that others lack (0)" in told
    assert "means over seeds 1, 2, paired" in told


def test_of_a_run_that_was_made_again_the_first_counts_and_this_versions_before_older_ones(store: Store) -> None:
    add(store, "umcl", 1, scores_of(50), "umcl-again", lambda r: r["model"]["recipe"].update(repeat=1))
    add(store, "umcl", 0, scores_of(51), "an-older-one", lambda r: r["methods"].update(metrics=-1))
    (umcl, _) = find_contenders(["umcl", "clip"], "zeroshot", store.records(Reporter()))
    assert [r.id for r in umcl.records] == ["umcl-s0", "umcl-s1", "umcl-s2"]
    told = remarks(compared(store, "umcl", "clip", task="zeroshot"))
    assert "left out: umcl, seeds that were run again (umcl-again); the first counts" in told


@pytest.mark.parametrize(
    ("names", "task", "said"),
    [
        (["umcl", "clip"], "", r"umcl is a model: say on which --task \(zeroshot\)"),
        (["umcl", "umcl"], "zeroshot", "umcl is named twice"),
        (["umcl", "clip"], "retrieval", "no task that umcl has on record is named 'retrieval'. There are: zeroshot"),
        (["umcl-s0", "clip-s0"], "retrieval", "umcl-s0 is of zeroshot, and --task is retrieval"),
        (["umlc", "clip"], "zeroshot", "no model or run on record is named 'umlc'. Did you mean 'umcl'"),
        (["umcl-s", "clip"], "zeroshot", "'umcl-s' fits 3 runs: umcl-s0, umcl-s1, umcl-s2. Name one"),
        (["umcl", "umcl-s0"], "zeroshot", "umcl-s0 has runs that another name has too"),
        (["umcl-s0,clip-s1", "clip"], "zeroshot", "runs with a comma between are those of one model"),
        (["umcl-s0,umcl-s0", "clip"], "zeroshot", "runs with a comma between are those of one model"),
        (["umcl-s0", "random"], "zeroshot", r"no seed is on record for all.*umcl-s0: seed 0; random: seeds 1, 2"),
        (["", "clip"], "zeroshot", "no model or run on record is named ''"),
    ],
)
def test_names_that_fit_nothing_or_too_much(store: Store, names: list[str], task: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_contenders(names, task, store.records(Reporter()))


def test_two_kinds_of_runs_are_told_apart(store: Store) -> None:
    add(store, "umcl", 0, name="umcl-small", change=lambda r: r["model"]["recipe"].update(size={"name": "small"}))
    with pytest.raises(UsageError) as said:
        compared(store, "umcl", "clip", task="zeroshot")
    assert "umcl has 2 kinds of runs" in str(said.value)
    assert "umcl small on phantom, seed 0: umcl-small" in str(said.value)
    assert "umcl tiny on phantom, seeds 0, 1, 2: umcl-s0,umcl-s1,umcl-s2" in str(said.value)
    found = compared(store, "umcl-small", "umcl-s0")
    assert [c.label for c in found.contenders] == ["umcl small", "umcl tiny"]
    assert any("not the same: size (umcl small: small; umcl tiny: tiny)" in text for text in remarks(found))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["data"].update(fingerprint="f2"), "data fingerprint: f1 against f2"),
        (lambda r: r["data"].update(kind="patients", source="ours"), r"data: phantom \(the phantom\) against ours"),
        (lambda r: r["data"]["facts"].update(split={"name": "gloria"}), "split: {} against {'name': 'gloria'}"),
        (lambda r: r["data"].update(policy={"uncertain": "ones"}), "label policy: {} against {'uncertain': 'ones'}"),
        (lambda r: r["task"].update(digest="t2"), "task digest: t against t2"),
        (lambda r: r["task"]["spec"].update(views="all"), "task, views: frontal against all"),
        (lambda r: r["task"]["spec"]["protocol"].update(kind="x"), "task, protocol.kind: zero-shot against x"),
        (lambda r: r["task"].update(name="other"), "task: zeroshot against other"),
        (lambda r: r["methods"].update(metrics=-1), f"version of the metrics: {METHODS['metrics']} against -1"),
        (lambda r: r["methods"].update(labels=-1), "version of the labels"),
        (lambda r: r.pop("methods"), "version of the films: 2 against not on record"),
        (lambda r: r.update(figures={"": {"label": "", "parts": ["", "x"], "over": "mean"}}), r"auroc, parts: \('',\)"),
    ],
)
def test_what_differs_is_refused_in_words(store: Store, change: Change, said: str) -> None:
    add(store, "mgca", 0, scores_of(0), "mgca-odd", change)
    with pytest.raises(UsageError, match=said) as error:
        compared(store, "umcl-s0", "mgca-odd")
    assert error.value.exit_code == 2
    assert "can't be compared; they differ in" in str(error.value)


def test_what_explains_and_how_a_model_was_trained_may_differ_and_is_said(store: Store) -> None:
    def change(r: dict[str, Any]) -> None:
        r["task"]["spec"]["title"] = "Other words"
        r["methods"]["training"] = -1
        r["data"]["training_fingerprint"] = "f9"

    add(store, "mgca", 0, scores_of(0), "mgca-odd", change)
    told = "\n".join(remarks(compared(store, "umcl-s0", "mgca-odd")))
    assert "not the same: training data (umcl: f1; mgca: f9)" in told
    assert "not the same: version of the training" in told
    assert "title" not in told


def without_one_label(scores: Scores) -> Floats:
    target = scores.target.copy()
    target[2, 1] = np.nan
    return target


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.take(np.arange(149)), "samples: 150 against 149; 1 are in one alone, as film149"),
        (lambda s: s.take(np.arange(150)[::-1]), "the order of the samples"),
        (lambda s: moved(s, patient=np.roll(s.patient, 1)), "patients: .* samples are of another, as film0"),
        (lambda s: moved(s, classes=("Edema", "Fracture", "Mass")), "classes: Edema, Fracture, Nodule against"),
        (
            lambda s: moved(s, columns={**s.columns, "target": without_one_label(s)}),
            "labels: 1 differ, as that of Fracture of film2",
        ),
    ],
)  # fmt: skip
def test_other_samples_are_refused_in_words(store: Store, change: Callable[[Scores], Scores], said: str) -> None:
    add(store, "mgca", 0, change(scores_of(0)), "mgca-odd")
    with pytest.raises(UsageError, match=said):
        compared(store, "umcl-s0", "mgca-odd")
