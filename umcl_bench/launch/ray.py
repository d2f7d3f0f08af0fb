"""The runs of a sweep on a Ray cluster: each is a Ray task that starts the same command line in a process."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from umcl_bench.errors import BenchError, UsageError
from umcl_bench.launch.attempt import PROGRAM, Ended, attempt
from umcl_bench.launch.jobs import Job, Outcome, environment, name_of
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Record, Store

_PATIENCE = 60.0
"""Seconds until a record that another machine wrote must be seen here: shared folders are cached."""


@dataclass(frozen=True)
class Cluster:
    """Where runs go: an address ('' starts a cluster on this machine), and how often a run that died is tried again."""

    address: str = ""
    retries: int = 2
    program: Sequence[str] = PROGRAM


def check_installed() -> None:
    """Raises BenchError, saying how to get it, where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise BenchError("--launcher ray needs Ray, which is not installed: pip install 'umcl-bench[ray]'")


def outcomes(jobs: Sequence[Job], cluster: Cluster, store: Store, reporter: Reporter) -> Iterator[Outcome]:
    """Starts all jobs and yields what became of each as it ends. Raises BenchError where no cluster answers."""
    for job, ended in _ends(jobs, cluster, reporter):
        record = _appears(store, job.id) if ended.code == 0 else None
        why = ended.why()
        if ended.code == 0 and record is None:
            why = (
                f"it ended well, but {job.id} is not in {store.root}: do all machines share this folder and this code?"
            )
        unfit = ended.code == UsageError.exit_code
        yield Outcome(job.request, record, "" if record else why, unfit=unfit)


def _ends(jobs: Sequence[Job], cluster: Cluster, reporter: Reporter) -> Iterator[tuple[Job, Ended]]:
    """Each job with how it ended, a job that died only after its last try."""
    with _connected(cluster.address) as ray:
        share = _share(ray.nodes(), on_cpu=all(job.request.device == "cpu" for job in jobs))
        gpu = "a GPU and " if "num_gpus" in share else ""
        reporter.say(f"runs on Ray: {len(jobs)}, each with {gpu}{share['num_cpus']:g} cores")
        settings: dict[str, str | None] = {**environment()}
        if "num_gpus" not in share:  # a whole machine: torch knows its cores better than Ray, which counts threads
            settings["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS")
        remote = ray.remote(attempt).options(max_retries=0, **share)  # tries are counted here, for all kinds of death

        def submit(job: Job) -> Any:
            return remote.remote(job.words, os.getcwd(), settings, cluster.program)

        running = {submit(job): (job, 1) for job in jobs}
        while running:
            (reference,), _ = ray.wait(list(running), num_returns=1)
            job, tries = running.pop(reference)
            ended = _result(ray, reference)
            if ended.died and tries <= cluster.retries:
                reporter.warn(f"{name_of(job.request)}: {ended.why()}; trying again ({tries} of {cluster.retries})")
                running[submit(job)] = (job, tries + 1)
            else:
                yield job, ended


def _result(ray: Any, reference: Any) -> Ended:
    """How the process ended; a worker or node that is lost counts as killed."""
    try:
        ended: Ended = ray.get(reference)
        return ended
    except ray.exceptions.RayTaskError as error:  # the process could not be started at all
        return Ended(1, (f"umcl-bench: {error.cause}",))
    except ray.exceptions.RayError as error:
        return Ended(-9, (f"{type(error).__name__}: {str(error).strip().splitlines()[0]}",))


def _share(nodes: Sequence[Mapping[str, Any]], *, on_cpu: bool) -> dict[str, float]:
    """What a run takes: a GPU with its part of the machine's cores where there are any, else a machine's cores."""
    there = [node["Resources"] for node in nodes if node["Alive"]]
    with_gpus = [found for found in there if found.get("GPU", 0) >= 1]
    if with_gpus and not on_cpu:
        return {"num_gpus": 1, "num_cpus": min(max(1, found.get("CPU", 1) // found["GPU"]) for found in with_gpus)}
    return {"num_cpus": min(found["CPU"] for found in there if found.get("CPU", 0) >= 1)}


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to the cluster at `address`, or to one that lives on this machine for as long as the block."""
    check_installed()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # unset, Ray warns where a task has no GPU
    import ray

    _reach(address)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    own = {} if address else {"include_dashboard": False, "object_store_memory": 100 * 2**20}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _no_answer(address or "this machine", error) from None
    signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own aborts, and leaves its cluster behind
    try:
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises BenchError where nothing listens at HOST:PORT: Ray itself would end this process without a word."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            raise _no_answer(address, error) from None


def _no_answer(address: str, error: Exception) -> BenchError:
    return BenchError(
        f"no Ray cluster answers at {address}: {error}. Start one with `ray start --head`; "
        "one that has a token needs RAY_AUTH_MODE=token here, too"
    )


def _appears(store: Store, record_id: str) -> Record | None:
    end = time.monotonic() + _PATIENCE
    while (found := store.find(record_id)) is None and time.monotonic() < end:
        time.sleep(1)
    return found
