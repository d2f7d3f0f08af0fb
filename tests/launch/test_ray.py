"""Sweeps on a Ray cluster of this machine. Ray runs in processes of its own: it warns, and keeps threads and files."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_folder
from tests.launch.processes import alive, wait_for
from umcl_bench.data.corpus import Corpus
from umcl_bench.errors import BenchError
from umcl_bench.launch import ray

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'umcl-bench[ray]'"
)


def test_without_ray_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"pip install 'umcl-bench\[ray\]'"):
        ray.check_installed()


def node(cpus: float, gpus: float = 0, alive: bool = True) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": cpus, **({"GPU": gpus} if gpus else {})}}


@pytest.mark.parametrize(
    ("nodes", "on_cpu", "share"),
    [
        ([node(2)], False, {"num_cpus": 2}),
        ([node(16), node(8), node(4, alive=False), node(0)], False, {"num_cpus": 8}),
        ([node(64, 8), node(8)], False, {"num_gpus": 1, "num_cpus": 8}),
        ([node(64, 8), node(12, 4), node(1, 2)], False, {"num_gpus": 1, "num_cpus": 1}),
        ([node(64, 8), node(8)], True, {"num_cpus": 8}),
    ],
)
def test_a_run_gets_a_gpu_or_a_machine(nodes: list[dict[str, Any]], on_cpu: bool, share: dict[str, float]) -> None:
    assert ray._share(nodes, on_cpu=on_cpu) == share


SWEEP = """
import sys
from umcl_bench.launch import ray
from umcl_bench.launch.jobs import Job
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Store
from umcl_bench.request import Request
ray._PATIENCE = 0
jobs = [Job(Request(what, "task"), what, (what,)) for what in sys.argv[2:]]
for outcome in ray.outcomes(jobs, ray.Cluster(retries=2, program=(sys.argv[1],)), Store("store"), Reporter()):
    print(outcome.request.model, outcome.why)
"""
RUN = """
import os, signal, sys
what = sys.argv[1]
with open("threads", "w") as file:
    file.write(repr(os.environ.get("OMP_NUM_THREADS")))
with open(what + ".tries", "a+") as file:
    file.write("x")
    file.seek(0)
    first = file.read() == "x"
if what == "killed-once" and first or what == "killed-always":
    os.kill(os.getpid(), signal.SIGKILL)
if what == "worker-lost" and first:
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
if what == "wrong":
    sys.exit("umcl-bench: no such film")
"""


@needs_ray
def test_a_worker_that_dies_is_tried_again_and_a_run_that_fails_is_not(tmp_path: Path) -> None:
    """A small program stands for the run: it is killed, kills its worker, or fails. None of them makes a record."""
    (tmp_path / "run.py").write_text(RUN)
    command = [sys.executable, "-c", SWEEP, str(tmp_path / "run.py")]
    kinds = ["killed-once", "killed-always", "worker-lost", "wrong"]
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([*command, *kinds], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tries = {kind: len((tmp_path / f"{kind}.tries").read_text()) for kind in kinds}
    assert tries == {"killed-once": 2, "killed-always": 3, "worker-lost": 2, "wrong": 1}
    assert (tmp_path / "threads").read_text() == "None"  # torch's own choice, as without Ray
    why = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert why["wrong"] == "no such film"
    assert why["killed-always"] == "ended by SIGKILL"
    assert why["killed-once"] == why["worker-lost"].replace("worker-lost", "killed-once")
    assert "it ended well, but killed-once is not in store" in why["killed-once"]
    assert "killed-once on task, seed 0: ended by SIGKILL; trying again (1 of 2)" in done.stderr


LONG = """
import os, time
with open("pids.part", "w") as file:
    file.write(f"{os.getpid()} {os.getppid()}")
os.rename("pids.part", "pids")
time.sleep(100)
"""


@needs_ray
def test_a_sweep_that_is_ended_takes_its_cluster_and_runs_along(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(LONG)
    handled = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))" + SWEEP
    sweep = subprocess.Popen([sys.executable, "-c", handled, str(tmp_path / "run.py"), "long"], cwd=tmp_path)
    try:
        wait_for((tmp_path / "pids").exists)
        sweep.send_signal(signal.SIGTERM)
        assert sweep.wait(timeout=30) == 1  # Ray's own code for it
    finally:
        sweep.kill()
    run, worker = map(int, (tmp_path / "pids").read_text().split())
    wait_for(lambda: not alive(run) and not alive(worker))


BREAKS = """from umcl_bench import bench
from umcl_bench.errors import BenchError
from umcl_bench.spec import Baseline
whole = bench._Run.record
def record(self):
    if self.plan.recipe.seed == 1:
        raise BenchError("the film scanner is on fire")
    return whole(self)
bench._Run.record = record
BASELINE = Baseline(name="breaks", title="random, seed 1 breaks", weights="random-embeddings",
                    rows=("image-text-label", "image-text", "image-label", "image"))
"""


@needs_ray
def test_a_sweep_on_a_local_cluster_fills_the_store_and_reports_what_failed(tmp_path: Path, phantom: Corpus) -> None:
    folder = write_folder(tmp_path / "my films", phantom)
    (tmp_path / "plugins" / "baselines").mkdir(parents=True)
    (tmp_path / "plugins" / "baselines" / "breaks.py").write_text(BREAKS)
    env = os.environ | {
        f"UMCL_BENCH_{k}": v for k, v in (("CACHE", "cache"), ("STORE", "runs"), ("PLUGINS", "plugins"))
    }
    sweep = [sys.executable, "-m", "umcl_bench", "run", "--model", "breaks", "--task", "zeroshot", "--seeds", "2"]
    sweep += ["--data", folder.name, "--launcher", "ray"]
    done = subprocess.run(sweep, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "2 runs: 1 done, 0 on record before, 1 failed" in done.stdout
    assert "umcl-bench: breaks on zeroshot, seed 1: the film scanner is on fire" in done.stderr
    (path,) = (tmp_path / "runs/records").glob("*/result.json")
    assert json.loads(path.read_text())["seed"] == 0


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "auto"])
def test_a_cluster_that_does_not_answer_is_one_message(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Where nothing listens, Ray must not be asked: it would end the process. 'auto' is Ray's own to look for."""
    monkeypatch.setattr(ray, "check_installed", lambda: None)
    monkeypatch.setitem(sys.modules, "ray", FakeRay())
    with pytest.raises(BenchError, match=f"no Ray cluster answers at {address}: "), ray._connected(address):
        pass


class FakeRay(types.ModuleType):
    def __init__(self) -> None:
        super().__init__("ray")

    def init(self, **options: object) -> None:
        raise ConnectionError(f"could not find any running Ray instance: {options}")
