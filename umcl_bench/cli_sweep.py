"""The options of `umcl-bench run` that make it a sweep, and what it prints. Nothing heavy is imported at the top."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from umcl_bench import cli_options as opt
from umcl_bench.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from umcl_bench.data.sources import Source
    from umcl_bench.launch.jobs import Job, Outcome
    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store
    from umcl_bench.request import Request
    from umcl_bench.sweep import Ahead

Seeds = Annotated[str, typer.Option(help="Several seeds: 3 is three from --seed on; or a list, as in 0,5,7.")]
Launcher = Annotated[
    str, typer.Option(help="Where the runs of a sweep go: local, ray (a cluster), or slurm (writes a job array).")
]
RayAddress = Annotated[str | None, typer.Option(help="A Ray cluster. ($RAY_ADDRESS, or one on this machine)")]
Retries = Annotated[int | None, typer.Option(min=0, help="With ray: tries more for a run whose worker died. (2)")]
SlurmOption = Annotated[list[str] | None, typer.Option(help="An option of sbatch: --gres=gpu:1. May be repeated.")]
OutputDir = Annotated[Path | None, typer.Option(help="With slurm: where the script goes. (./slurm-DIGEST)")]

OWN = (
    "model", "loss", "task", "suite", "seed", "seeds", "plan", "store", "launcher",
    "ray_address", "retries", "slurm_option", "output_dir",
)  # fmt: skip
"""What a sweep's own options are called: a single run of it has none of them, or others."""


@dataclass(frozen=True)
class Launch:
    """How the runs of a sweep are started, as it was typed. Raises UsageError for what does not fit together.

    With `leave_out`, as for a suite, what can't be run is left out and said; else it is a failure.
    """

    launcher: str = "local"
    ray_address: str | None = None
    retries: int | None = None  # 2
    slurm_options: tuple[str, ...] = ()
    output_dir: Path | None = None
    leave_out: bool = False

    @classmethod
    def of(cls, given: dict[str, Any]) -> Launch:
        """What was typed for `run`, by the options' names."""
        plain = {name: given[name] for name in ("launcher", "ray_address", "retries", "output_dir")}
        return cls(**plain, slurm_options=tuple(given["slurm_option"] or ()), leave_out=bool(given["suite"]))

    def __post_init__(self) -> None:
        belongs = {
            "--ray-address": ("ray", self.ray_address),
            "--retries": ("ray", self.retries),
            "--slurm-option": ("slurm", self.slurm_options or None),
            "--output-dir": ("slurm", self.output_dir),
        }
        if self.launcher not in ("local", "ray", "slurm"):
            raise unknown_name("launcher", self.launcher, ("local", "ray", "slurm"))
        for option, (launcher, value) in belongs.items():
            if value is not None and launcher != self.launcher:
                raise UsageError(f"{option} is for --launcher {launcher}; this is --launcher {self.launcher}")
        if self.launcher != "local" and int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ:
            raise UsageError(
                f"--launcher {self.launcher} under torchrun: every process would start the sweep. Start it without "
                "torchrun, or train on all of its processes with --launcher local"
            )


def requests_of(given: dict[str, Any]) -> list[Request]:
    """What was typed for `run`, by the options' names: every combination of models, tasks and seeds."""
    from umcl_bench.sweep import combine, parse_seeds

    models, tasks = opt.model_names(given["model"], given["loss"]), opt.task_names(given["task"], given["suite"])
    return combine(opt.request_of(given), models, tasks, parse_seeds(given["seed"], given["seeds"]))


def run(
    requests: Sequence[Request], words: Sequence[str], launch: Launch, store: Store, reporter: Reporter, *, plan: bool
) -> None:
    """Looks at all runs, says what is there of them, starts the rest, and prints tables of all and how many failed.

    `words` are the options that all runs share. Exits with code 1 where a run failed or can't be run; where these are
    left out, where nothing is left.
    """
    from umcl_bench import sweep
    from umcl_bench.launch import ray, slurm
    from umcl_bench.plan import source_of

    slurm.check_options(launch.slurm_options)
    if launch.launcher == "ray":
        ray.check_installed()
    source = source_of(requests[0])
    ahead = sweep.look_ahead(requests, store, source, elsewhere=launch.launcher != "local")
    judge = all if launch.leave_out else any
    if plan:
        typer.echo(sweep.describe(ahead))
        raise typer.Exit(judge(a.why for a in ahead))
    jobs = jobs_of(ahead, store, lambda a: own_words(a.request, words))
    reporter.say(sweep.describe(ahead))
    outcomes: list[Outcome] = []
    if launch.launcher == "slurm":
        write_jobs(jobs, launch, reporter)
    else:
        outcomes += outcomes_of(jobs, launch, store, source, reporter) if jobs else []
        _print_tables(ahead, outcomes, reporter)
        typer.echo(sweep.summary(ahead, outcomes, leave_out=launch.leave_out))
    impossible = [(a.request, a.why) for a in ahead if a.why]
    impossible += [(o.request, o.why) for o in outcomes if o.unfit]
    failed = [(o.request, o.why) for o in outcomes if o.why and not o.unfit]
    if launch.leave_out and len(impossible) < len(ahead):
        _list(impossible, "left out: ")
        impossible = []
    _list([*impossible, *failed])
    raise typer.Exit(bool(impossible or failed))


def own_words(request: Request, words: Sequence[str]) -> tuple[str, ...]:
    """The words of one run of a sweep, of which all share `words`."""
    return ("run", "--model", request.model, "--task", request.task, "--seed", str(request.seed), *words)


def jobs_of(ahead: Sequence[Ahead], store: Store, words: Callable[[Ahead], Sequence[str]]) -> list[Job]:
    """The runs that are neither on record nor impossible, each with the words that make it."""
    from umcl_bench.launch.jobs import Job

    where = ("--store", str(store.root.absolute()))
    return [Job(a.request, a.id, (*words(a), *where)) for a in ahead if a.record is None and not a.why]


def outcomes_of(
    jobs: Sequence[Job], launch: Launch, store: Store, source: Source, reporter: Reporter
) -> Iterator[Outcome]:
    """What becomes of each job, said as it ends."""
    from umcl_bench.launch import local, ray
    from umcl_bench.launch.jobs import name_of

    if launch.launcher == "ray":
        cluster = ray.Cluster(
            launch.ray_address or os.environ.get("RAY_ADDRESS", ""), 2 if launch.retries is None else launch.retries
        )
        found = ray.outcomes(jobs, cluster, store, reporter)
    else:
        found = local.outcomes(jobs, store, source, reporter)
    for count, outcome in enumerate(found, 1):
        became = f"failed: {outcome.why}" if outcome.why else "done"
        reporter.say(f"{count} of {len(jobs)}: {name_of(outcome.request)}: {became}")
        yield outcome


def write_jobs(jobs: Sequence[Job], launch: Launch, reporter: Reporter) -> None:
    """Writes a job array of them, and says how to submit it."""
    from umcl_bench.launch.slurm import write_array

    if not jobs:
        reporter.say("nothing to submit")
        return
    script = write_array(jobs, launch.slurm_options, launch.output_dir)
    reporter.say(f"a job array of {len(jobs)} runs is in {script}; nothing is submitted. Submit it with")
    typer.echo(shlex.join(["sbatch", str(script)]))


def _print_tables(ahead: Sequence[Ahead], outcomes: Sequence[Outcome], reporter: Reporter) -> None:
    from umcl_bench.records.leaderboard import tables, to_terminal

    records = [r for r in (*(a.record for a in ahead), *(o.record for o in outcomes)) if r is not None]
    typer.echo(to_terminal(tables(records), opt.width()), nl=False)
    for record in records:
        for text in record.result["warnings"]:
            reporter.warn(f"{record.id}: {text}")


def _list(found: Sequence[tuple[Request, str]], what: str = "") -> None:
    """Prints runs with the reason why each is none."""
    from umcl_bench.launch.jobs import name_of

    for request, why in found:
        print(f"umcl-bench: {what}{name_of(request)}: {why}", file=sys.stderr)


def words_given(context: typer.Context) -> list[str]:
    """The options that were typed, but for the sweep's own, as words of a command line."""
    words: list[str] = []
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in OWN or source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[option.name or ""]
        if isinstance(value, bool):
            words.append(option.opts[0] if value else option.secondary_opts[0])
        else:
            for item in value if isinstance(value, list | tuple) else (value,):
                words += [option.opts[0], str(item)]
    return words
