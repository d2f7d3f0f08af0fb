"""Sweeps in one process: what is combined, what is said before and after, and what a failure does to the others."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Quick, read_table, write_folder, write_table
from tests.records.test_records import result
from umcl_bench import bench, cli_sweep, registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.sources import Source
from umcl_bench.errors import UsageError
from umcl_bench.launch import local
from umcl_bench.metrics.scores import Scores
from umcl_bench.plan import make_recipe
from umcl_bench.progress import Reporter
from umcl_bench.records.past import Past
from umcl_bench.records.store import Record, Store
from umcl_bench.request import Request
from umcl_bench.spec import digest, to_dict
from umcl_bench.sweep import combine, parse_seeds

TWO = ["run", "--model", "random", "--task", "zeroshot,zeroshot-chexpert"]


@pytest.mark.parametrize(
    ("first", "text", "seeds"),
    [(4, "", (4,)), (0, "3", (0, 1, 2)), (5, "2", (5, 6)), (0, "0,5,7", (0, 5, 7)), (0, "7,", (7,)), (0, "1,1", (1,))],
)
def test_seeds_are_a_number_or_a_list(first: int, text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(first, text) == seeds


@pytest.mark.parametrize(
    ("first", "text"), [(0, "x"), (0, "0"), (0, "-1"), (0, ","), (0, "20230701"), (0, "1,2147483648"), (2, "0,1")]
)
def test_wrong_seeds_name_the_option(first: int, text: str) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        parse_seeds(first, text)


def test_every_combination_once_and_a_model_is_trained_before_its_second_task() -> None:
    found = combine(Request("", ""), ["clip", "umcl", "clip"], ["zeroshot", "zeroshot-chexpert"], (1, 2))
    assert [(r.task, r.model, r.seed) for r in found] == [
        (task, model, seed)
        for task in ("zeroshot", "zeroshot-chexpert")
        for model in ("clip", "umcl")
        for seed in (1, 2)
    ]
    with pytest.raises(UsageError, match="Did you mean 'umcl'"):
        combine(Request("", ""), ["clip", "umlc"], ["zeroshot"], (0,))
    with pytest.raises(UsageError, match="Did you mean 'zeroshot'"):
        combine(Request("", ""), ["clip"], ["zeroshto"], (0,))


def test_a_sweep_prints_a_table_a_task_and_does_again_only_what_is_missing(quick: Quick, tmp_path: Path) -> None:
    code, out, err = quick(*TWO, "--seeds", "2")
    assert code == 0, err
    assert "4 runs: 4 done, 0 on record before, 0 failed" in out
    assert out.index("zeroshot on the PHANTOM") < out.index("zeroshot-chexpert on the PHANTOM")
    assert len(list((tmp_path / "runs/records").iterdir())) == 4
    code, out, err = quick(*TWO, "--seeds", "3")
    assert code == 0, err
    assert "6 runs: 2 done, 4 on record before, 0 failed" in out
    assert len([line for line in out.splitlines() if line.strip().startswith("random")]) == 6


def test_one_run_is_as_it_was(quick: Quick) -> None:
    single = quick("run", "--model", "random", "--task", "zeroshot", "--seeds", "1")
    assert single[0] == 0
    assert "runs:" not in single[1]
    assert "record: " in single[2]


def test_a_plan_says_what_is_there_and_how_long_the_rest_takes(quick: Quick, tmp_path: Path) -> None:
    assert quick("run", "--model", "untrained", "--task", "zeroshot")[0] == 0
    sweep = ["run", "--model", "untrained,random", "--task", "zeroshot,zeroshot-chexpert", "--plan"]
    code, out, err = quick(*sweep)
    assert code == 0, err
    on_record, to_do, before, another, total = out.splitlines()
    assert on_record.split("seed 0")[1].split()[:2] == ["on", "record"]
    assert to_do.split("seed 0")[1].split() == ["to", "do", "no", "such", "run", "here", "yet"]
    assert before.split("seed 0")[1].split() == ["trained", "before", "no", "such", "run", "here", "yet"]
    assert another.startswith("random on zeroshot-chexpert")
    assert total == "4 runs: 1 on record, 2 to do, 1 trained before; 3 of unknown time"
    assert len(list((tmp_path / "runs/records").iterdir())) == 1


def test_a_plan_counts_the_time_of_the_task_and_of_each_training_once(quick: Quick) -> None:
    assert quick("run", "--model", "clip", "--task", "zeroshot,zeroshot-chexpert")[0] == 0
    sweep = ["run", "--model", "clip,siglip", "--task", "zeroshot,zeroshot-chexpert", "--plan"]
    code, out, err = quick(*sweep, "--seeds", "2")
    assert code == 0, err
    lines = [line.split("seed ")[1].split() for line in out.splitlines()[:-1]]
    assert [words[1:3] for words in lines] == [["on", "record"], *[["to", "do"]] * 3] * 2
    assert all(words[3] == "about" for words in lines if words[1] == "to")
    assert "8 runs: 2 on record, 6 to do; 3 models to train; about " in out
    assert "unknown" not in out
    code, out, _ = quick(*sweep, "--batch", "16")  # another size
    assert "4 runs: 4 to do; 2 models to train; 4 of unknown time" in out


def test_a_plan_of_one_run_knows_the_task_and_the_size_and_not_its_name(quick: Quick) -> None:
    one = ["run", "--model", "siglip", "--task", "zeroshot", "--plan"]
    assert "train   6 steps of 32 rows; time: no run of this size here yet" in quick(*one)[1]
    assert quick("run", "--model", "clip", "--task", "zeroshot")[0] == 0
    out = quick(*one)[1]
    assert re.search(r"train   6 steps of 32 rows; about \d+ s, as here before", out)
    assert re.search(r"score   zeroshot; about \d+ s, as here before", out)
    assert "score   zeroshot-chexpert; time: no run" in quick(*one[:4], "zeroshot-chexpert", "--plan")[1]
    assert "steps of 16 rows; time: no run of this size here yet" in quick(*one, "--batch", "16")[1]


@pytest.mark.parametrize("model", ["clip", "gloria"])
def test_sizes_that_are_only_called_the_same_are_not(tmp_path: Path, model: str) -> None:
    """All papers' own sizes are called 'paper'."""
    store, none = Store(tmp_path), np.empty(0, dtype=object)
    nothing = Scores({}, none, none, ())
    recipes = {name: make_recipe(Request(name, "", setting="paper", init="scratch")) for name in ("clip", "gloria")}
    task = registry.get_task("zeroshot")
    for name, recipe in recipes.items():
        about = result(name)
        about["model"]["recipe"] = to_dict(recipe)
        about["task"]["digest"] = digest(task)
        about["data"]["fingerprint"] = "f"
        about["training"] = {"films_per_second": {"clip": 10.0, "gloria": 20.0}[name]}
        took = {"clip": 1.0, "gloria": 2.0}[name]
        about["timings_s"] = {"films": 5.0, "model": 99.0, "scoring": 1.0, "intervals": took}
        store.add(name, about, {"": nothing})
    recipe, past = recipes[model], Past(store)
    assert recipes["clip"].size.name == recipes["gloria"].size.name == "paper"
    assert past.training(recipe) == recipe.size.optim.films_seen / {"clip": 10, "gloria": 20}[model]
    assert past.scoring(recipe, task, "f") == {"clip": 2, "gloria": 3}[model]
    assert past.scoring(recipe, task, "g") is None
    assert past.scoring(recipe, registry.get_task("zeroshot-chexpert"), "f") is None


def test_a_run_that_fails_does_not_stop_the_others(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bench.run

    def run(request: Request, store: Store, reporter: Reporter, source: Source | None = None) -> Record:
        if request.seed == 1:
            raise RuntimeError("the film scanner is on fire")
        return whole(request, store, reporter, source)

    monkeypatch.setattr(local, "run", run)
    code, out, err = quick("run", "--model", "random", "--task", "zeroshot", "--seeds", "3")
    assert code == 1
    assert "3 runs: 2 done, 0 on record before, 1 failed" in out
    last = err.splitlines()[-1]
    assert last.startswith("umcl-bench: random on zeroshot, seed 1: ")
    assert "RuntimeError: the film scanner is on fire" in last


def test_a_combination_that_cannot_work_is_said_before_any_work_and_the_rest_is_done(
    quick: Quick, folder: Path, tmp_path: Path
) -> None:
    write_table(folder, [{**row, "report": ""} for row in read_table(folder)])
    sweep = ["run", "--model", "clip,random", "--task", "zeroshot", "--data", str(folder)]
    code, out, _ = quick(*sweep, "--plan")
    assert code == 1
    assert "clip learns from rows of the kinds" in out
    assert not (tmp_path / "runs").exists()
    code, out, err = quick(*sweep)
    assert code == 1
    assert "2 runs: 1 done, 0 on record before, 1 failed" in out
    assert "clip on zeroshot, seed 0: clip learns from rows of the kinds" in err


def test_what_fails_for_all_is_said_once(quick: Quick) -> None:
    code, out, err = quick(*TWO, "--device", "tpu")
    assert (code, out) == (2, "")
    assert err.count("tpu") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--launcher", "slrum"], "Did you mean 'slurm'"),
        (["--ray-address", "auto"], "--ray-address is for --launcher ray; this is --launcher local"),
        (["--slurm-option", "--gres=gpu:1", "--launcher", "ray"], "--slurm-option is for --launcher slurm"),
        (["--retries", "1"], "--retries is for --launcher ray"),
        (["--model", "random,umlc"], "Did you mean 'umcl'"),
        (["--model", ","], "holds no name"),
    ],
)
def test_wrong_usage_is_one_message(quick: Quick, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = quick(*TWO, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("launcher", ["ray", "slurm"])
def test_under_torchrun_a_sweep_stays_in_its_processes(monkeypatch: pytest.MonkeyPatch, launcher: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    cli_sweep.Launch("local")
    with pytest.raises(UsageError, match="under torchrun"):
        cli_sweep.Launch(launcher)
    monkeypatch.setenv("WORLD_SIZE", "1")
    cli_sweep.Launch(launcher)


COUNTED = """import os, time
from umcl_bench import bench
from umcl_bench.spec import Baseline
whole = bench._Run.record
def record(self):
    with open(os.environ["WORK_LOG"], "a") as file:
        file.write(self.plan.id + "\\n")
    time.sleep(1)
    return whole(self)
bench._Run.record = record
BASELINE = Baseline(name="counted", title="random, counted", weights="random-embeddings",
                    rows=("image-text-label", "image-text", "image-label", "image"))
"""


def test_two_sweeps_at_once_share_the_store_and_do_each_run_once(tmp_path: Path, phantom: Corpus) -> None:
    """A plug-in counts how often work begins, and makes it last until the other has come to the same run."""
    folder = write_folder(tmp_path / "films", phantom)
    leaf = tmp_path / "plugins" / "baselines" / "counted.py"
    leaf.parent.mkdir(parents=True)
    leaf.write_text(COUNTED)
    places: dict[str, Any] = {"CACHE": "cache", "STORE": "runs", "PLUGINS": "plugins"}
    env = os.environ | {f"UMCL_BENCH_{k}": str(tmp_path / v) for k, v in places.items()}
    command = [sys.executable, "-m", "umcl_bench", "run", "--model", "counted", "--task", "zeroshot", "--seeds", "2"]
    both = [
        subprocess.Popen(
            [*command, "--data", str(folder)],
            env=env | {"WORK_LOG": str(tmp_path / "work.txt")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    work = (tmp_path / "work.txt").read_text().split()
    assert len(work) == 2
    assert set(work) == {f.name for f in (tmp_path / "runs/records").iterdir()}
    assert "waiting for another run" in said[0][1] + said[1][1]
