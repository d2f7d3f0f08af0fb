"""The job array: run by bash as Slurm would, with values that a shell could take for its own."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Quick, write_folder
from umcl_bench.data.corpus import Corpus
from umcl_bench.errors import UsageError
from umcl_bench.launch import slurm
from umcl_bench.launch.jobs import Job
from umcl_bench.request import Request

HOSTILE = """films of $(touch stolen) `touch stolen` "a" 'b' ; touch stolen & \\ * %A"""


def bash(script: Path, task: int | None, **options: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("UMCL_BENCH", "SLURM"))}
    env |= {} if task is None else {"SLURM_ARRAY_TASK_ID": str(task)}
    return subprocess.run(["bash", str(script)], env=env | options, capture_output=True, text=True, check=False)


def test_a_line_of_the_array_does_its_run(
    quick: Quick, tmp_path: Path, phantom: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_folder(tmp_path / "here" / HOSTILE, phantom)
    sweep = ["run", "--model", "random", "--task", "zeroshot", "--seeds", "3,8", "--data", HOSTILE, "--workers", "1"]
    code, out, err = quick(
        *sweep, "--launcher", "slurm", "--slurm-option=--gres=gpu:1", "--slurm-option=--time=1:00:00"
    )
    assert code == 0, err
    (script,) = (tmp_path / "here").glob("slurm-*/sweep.sh")
    assert out == f"sbatch {script}\n"
    assert not (tmp_path / "runs").exists()
    lines = script.read_text().splitlines()
    assert lines[1:7] == [
        "#SBATCH --job-name=umcl-bench",
        "#SBATCH --array=0-1",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        f'#SBATCH --output="{script.parent}/logs/%A_%a.log"',
        "#SBATCH --gres=gpu:1",
    ]
    assert (script.parent / "logs").is_dir()
    done = bash(script, 1)
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "runs/records").iterdir()
    assert record.name.startswith("random-tiny-s8-zeroshot-")
    assert not list(tmp_path.rglob("stolen"))
    result = json.loads((record / "result.json").read_text())
    assert (result["seed"], result["data"]["given"]) == (8, HOSTILE)
    assert bash(script, None).returncode == 2


def test_every_word_arrives_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that prints its arguments stands for ours."""
    monkeypatch.setattr(slurm, "PROGRAM", ("-c", "import os, sys; print(repr((os.getcwd(), sys.argv[1:])))"))
    monkeypatch.setenv("UMCL_BENCH_PLUGINS", HOSTILE)
    words = ("run", "--data", HOSTILE, "", "two\nlines", "-n", "ümläut")
    script = slurm.write_array([Job(Request("a", "b"), "id", words)], ["--comment=$(touch stolen)"], tmp_path / "out")
    monkeypatch.chdir("/")
    done = bash(script, 0)
    assert done.returncode == 0, done.stderr
    assert done.stdout == repr((str(Path(__file__).resolve().parents[2]), list(words))) + "\n"
    assert f"UMCL_BENCH_PLUGINS={HOSTILE}" in bash_environment(script)
    assert not list(tmp_path.rglob("stolen"))


def bash_environment(script: Path) -> str:
    """What the script exports: the script with `env` for its runs."""
    exports = script.with_name("exports.sh")
    exports.write_text(script.read_text().partition("case ")[0] + "env\n")
    return bash(exports, 0).stdout


@pytest.mark.parametrize("option", ["-p gpu", "gres=gpu:1", "--x\ntouch stolen", "", "--array=0-9", "--array 1"])
def test_an_option_that_is_none_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match="--slurm-option"):
        slurm.check_options(["--gres=gpu:1", option])


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\\b"])
def test_logs_need_a_path_that_slurm_can_write_to(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--output-dir"):
        slurm.write_array([Job(Request("a", "b"), "id", ())], [], tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        slurm.write_array([Job(Request("a", "b"), "id", ())], [], tmp_path / "file")


def test_a_device_that_the_nodes_have_need_not_be_here(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    sweep = ["run", "--model", "random", "--task", "zeroshot", "--seeds", "2", "--device", "cuda"]
    assert quick(*sweep)[0] == 2
    code, out, err = quick(*sweep, "--launcher", "slurm", "--output-dir", str(tmp_path / "array"))
    assert code == 0, err
    assert "--device cuda" in (tmp_path / "array/sweep.sh").read_text()
    assert out == f"sbatch {tmp_path}/array/sweep.sh\n"


def test_a_run_of_the_array_has_the_options_that_were_typed_and_no_others(quick: Quick, tmp_path: Path) -> None:
    typed = shlex.split("--dial similarity=0.5 --dial wording_shift=0.1 --mix image-text=1 --balanced --again")
    sweep = ["-q", *typed, "--seed", "4", "--seeds", "2", "--task", "zeroshot", "--model", "umcl,random"]
    array = ["--launcher", "slurm", "--output-dir", str(tmp_path / "array"), "--store", str(tmp_path / "st")]
    code, _, err = quick("run", *sweep, *array)
    assert code == 0, err
    lines = [line for line in (tmp_path / "array/sweep.sh").read_text().splitlines() if ") exec " in line]
    found = [shlex.split(line.removesuffix(" ;;")) for line in lines]
    own = [("umcl", "4"), ("umcl", "5"), ("random", "4"), ("random", "5")]
    alone = [["run", "--model", model, "--task", "zeroshot", "--seed", seed] for model, seed in own]
    rest = [*typed, "--quiet", "--store", str(tmp_path / "st")]
    assert [words[words.index("run") :] for words in found] == [[*words, *rest] for words in alone]
