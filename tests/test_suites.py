"""Suites: lists of tasks by one name; what a model or the data can't do is left out, and said."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Quick, read_table, write_table
from umcl_bench import bench, registry
from umcl_bench.errors import UsageError
from umcl_bench.launch import local
from umcl_bench.records.store import Record
from umcl_bench.request import Request
from umcl_bench.spec import SUITES, Suite

PAIR = Suite("pair", "two tasks", ("zeroshot", "zeroshot-chexpert"))


@pytest.fixture(autouse=True)
def pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUITES, "pair", PAIR)


@pytest.mark.parametrize("name", ["quick", "standard", "own", "full"])
def test_every_task_of_a_suite_exists_and_is_there_once(name: str) -> None:
    tasks = registry.tasks_of_suite(name)
    assert len(set(tasks)) == len(tasks)
    assert [registry.get_task(task).name for task in tasks] == list(tasks)


def test_standard_has_every_protocol_and_full_every_task() -> None:
    kinds = {registry.get_task(task).protocol.kind for task in registry.list_tasks()}
    assert kinds <= {registry.get_task(task).protocol.kind for task in registry.tasks_of_suite("standard")}
    assert set(registry.list_tasks()) <= set(registry.tasks_of_suite("full"))
    with pytest.raises(UsageError, match=r"no suite is named 'quik'. Did you mean 'quick'"):
        registry.tasks_of_suite("quik")


def test_suites_are_listed(quick: Quick) -> None:
    code, out, err = quick("list", "suites")
    assert code == 0, err
    assert "pair      two tasks (zeroshot, zeroshot-chexpert)\n" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name tasks with --task, or a list of them with --suite"),
        (["--task", "zeroshot", "--suite", "pair"], "one of the two"),
        (["--suite", "pairs"], "Did you mean 'pair'"),
    ],
)
def test_one_of_task_and_suite(quick: Quick, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = quick("run", "--model", "random", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_suite_is_a_sweep_of_its_tasks_and_no_record_speaks_of_it(quick: Quick, tmp_path: Path) -> None:
    code, out, err = quick("run", "--model", "random", "--suite", "pair")
    assert code == 0, err
    assert "2 runs: 2 done, 0 on record before, 0 failed\n" in out
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs/records").glob("*/result.json")]
    assert {r["command"] for r in records} == {f"umcl-bench run --model random --task {task}" for task in PAIR.tasks}
    assert "2 on record" in quick("run", "--model", "random", "--suite", "pair", "--plan")[1]


@pytest.fixture
def without_edema(folder: Path) -> Path:
    """Films whose labels zeroshot can take, and zeroshot-chexpert can't."""
    for row in (rows := read_table(folder)):
        row["labels"] = ";".join(name for name in row["labels"].split(";") if name in ("Effusion", "Cardiomegaly"))
    write_table(folder, rows)
    return folder


def test_what_the_data_lack_is_left_out_of_a_suite_and_a_failure_of_a_list(quick: Quick, without_edema: Path) -> None:
    run = ["run", "--model", "random", "--data", str(without_edema)]
    for plan in (["--plan"], []):
        code, out, err = quick(*run, "--suite", "pair", *plan)
        assert code == 0, err
    assert "2 runs: 1 done, 0 on record before, 0 failed, 1 left out" in out
    last = err.splitlines()[-1]
    assert last.startswith("umcl-bench: left out: random on zeroshot-chexpert, seed 0: task zeroshot-chexpert needs ")
    code, out, err = quick(*run, "--task", "zeroshot,zeroshot-chexpert")
    assert code == 1
    assert "0 done, 1 on record before, 1 failed\n" in out
    assert "left out" not in err.splitlines()[-1]


def test_a_suite_of_which_nothing_can_be_run_fails(quick: Quick, without_edema: Path) -> None:
    run = ["run", "--model", "random", "--data", str(without_edema), "--suite", "pair"]
    SUITES["pair"] = Suite("pair", "two", ("zeroshot-chexpert", "zeroshot-chexpert+views=all"))
    code, _, err = quick(*run)
    assert code == 1
    assert err.count("umcl-bench: random on zeroshot-chexpert") == 2
    assert quick(*run, "--plan")[0] == 1


def test_the_jobs_of_a_suite_name_their_task_and_keep_its_options(quick: Quick, tmp_path: Path) -> None:
    slurm = ["--launcher", "slurm", "--output-dir", str(tmp_path / "array")]
    code, _, err = quick("run", "--model", "random", "--suite", "pair", "--limit", "20", *slurm)
    assert code == 0, err
    lines = [line for line in (tmp_path / "array/sweep.sh").read_text().splitlines() if " exec " in line]
    assert [line.split("--task ")[1].split()[0] for line in lines] == list(PAIR.tasks)
    assert all("--limit 20" in line and "--suite" not in line for line in lines)


def test_what_turns_out_not_to_fit_is_left_out_too(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a released model without a text tower: it is asked only when it is loaded."""
    whole = bench.run

    def run(request: Request, *others: Any) -> Record:
        if request.task == "zeroshot":
            raise UsageError("this one embeds no text")
        return whole(request, *others)

    monkeypatch.setattr(local, "run", run)
    code, out, err = quick("run", "--model", "random", "--suite", "pair")
    assert code == 0, err
    assert "1 done, 0 on record before, 0 failed, 1 left out" in out
    assert err.splitlines()[-1] == "umcl-bench: left out: random on zeroshot, seed 0: this one embeds no text"
    assert quick("run", "--model", "random", "--task", ",".join(PAIR.tasks))[0] == 1
