"""`umcl-bench ablate`: which of a model's parts make a difference, as runs, tables, a picture and sentences."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from umcl_bench import cli_options as opt
from umcl_bench import cli_sweep
from umcl_bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from umcl_bench.ablate import Ask, Group
    from umcl_bench.launch.jobs import Outcome
    from umcl_bench.progress import Reporter
    from umcl_bench.records.ablation import Study
    from umcl_bench.records.store import Store
    from umcl_bench.sweep import Ahead

PAGE, ROWS, DATA = "README.md", "ablation.csv", "ablation.json"

What = Annotated[
    str, typer.Argument(help="prompts, loss, data, ladder or batch; or a model, with --vary.", metavar="WHAT")
]
Vary = Annotated[
    list[str] | None, typer.Option(help="Of a model, a field and its values: length=4,8,16. May be repeated.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--arm", help="Only this version beside the reference, as the table calls it: 'continuous, 8'. May be repeated."
    ),
]
Dial = Annotated[
    list[str] | None,
    typer.Option(help="A dial of the phantom: similarity=0.9; one may have several values, as in 0,0.5,0.9."),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The folder for what is found. [./ablation-WHAT]")]


def ablate(
    what: What,
    vary: Vary = None,
    arm: Only = None,
    model: Annotated[str, typer.Option(help="With loss, data or batch: another model than umcl.")] = "",
    task: Annotated[str, typer.Option(help="The task that scores the models.")] = "zeroshot-chexpert",
    data: opt.Data = None,
    size: opt.Size = "tiny",
    seed: opt.Seed = 0,
    seeds: cli_sweep.Seeds = "",
    dial: Dial = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be run and what it takes; do nothing.")] = False,
    store: opt.Store = None,
    output: Output = None,
    device: opt.Device = "auto",
    workers: opt.Workers = 0,
    launcher: cli_sweep.Launcher = "local",
    ray_address: cli_sweep.RayAddress = None,
    retries: cli_sweep.Retries = None,
    slurm_option: cli_sweep.SlurmOption = None,
    output_dir: cli_sweep.OutputDir = None,
    quiet: opt.Quiet = False,
) -> None:
    """Run the versions of a model that an ablation compares, and say what the differences are, and which claims hold.

    What is on record is not run again. The folder gets a page, tables (CSV, JSON) and a picture (PNG, SVG).
    """
    from umcl_bench.ablate import Ask, find_ablation, look, only, parse_dials, requests_of, runs_of
    from umcl_bench.progress import Reporter
    from umcl_bench.records.ablation import study
    from umcl_bench.records.store import Store
    from umcl_bench.request import Request
    from umcl_bench.sweep import parse_seeds

    _check_alone()
    launch = cli_sweep.Launch(launcher, ray_address, retries, tuple(slurm_option or ()), output_dir)
    ablation = only(find_ablation(what, vary or [], model), arm or [])
    fixed, name, values = parse_dials(dial or [])
    folder = output or Path(f"ablation-{_safe(what)}")
    check_folder(folder)
    common = Request(ablation.model, task, data=data, size=size, dials=fixed, device=device, workers=workers)
    ask = Ask(ablation, common, parse_seeds(seed, seeds), name, values)
    where, reporter = Store(store), Reporter(quiet=quiet)
    requests = requests_of(ask)
    groups = look(requests, where, elsewhere=launcher != "local")
    if plan:
        typer.echo(_ahead(groups, ask))
        return
    with opt.stoppable():
        outcomes = _start(groups, launch, where, reporter, ask)
        if outcomes is None:
            return
        found = study(runs_of(ask, requests, groups, outcomes))
        command = shlex.join(["umcl-bench", *_words(ask, what, vary or [], arm or [], model)])
        write_folder(folder, found, command)
    from umcl_bench.records.ablation_report import to_text

    typer.echo(to_text(found, opt.width()), nl=False)
    reporter.say(f"all of it is in {folder}")


def _check_alone() -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ:
        raise UsageError("ablate under torchrun: every process would write what is found. Start it without torchrun")


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def _words(ask: Ask, what: str, vary: list[str], arms: list[str], model: str) -> list[str]:
    """The words of the command that finds the same in an empty store."""
    request = ask.request
    words = ["ablate", what, *(w for field in vary for w in ("--vary", field))]
    words += [w for label in arms for w in ("--arm", label)]
    words += ["--model", model] if model else []
    words += ["--task", request.task] if request.task != "zeroshot-chexpert" else []
    words += ["--data", request.data] if request.data else []
    words += ["--size", request.size] if request.size != "tiny" else []
    words += _seed_words(ask.seeds)
    dials = {name: f"{value:g}" for name, value in request.dials.items()}
    if ask.dial:
        dials[ask.dial] = ",".join(f"{value:g}" for value in ask.values if value is not None)
    words += [w for name, value in dials.items() for w in ("--dial", f"{name}={value}")]
    return words + (["--device", request.device] if request.device != "auto" else [])


def _seed_words(seeds: tuple[int, ...]) -> list[str]:
    if len(seeds) == 1:
        return ["--seed", str(seeds[0])] if seeds[0] else []
    return ["--seeds", str(len(seeds)) if seeds == tuple(range(len(seeds))) else ",".join(map(str, seeds))]


def _ahead(groups: list[Group], ask: Ask) -> str:
    """What is there of all runs; on the phantom with a line for each value of the dial."""
    from umcl_bench.sweep import describe

    told = []
    for group in groups:
        value = group.ahead[0].request.dials.get(ask.dial)
        told += [f"{ask.dial} {value:g}"] if value is not None else []
        told.append(describe(group.ahead))
    training = sum(a.trains for group in groups for a in group.ahead)
    if training and ask.request.size == "tiny" and any(a.seconds is None for g in groups for a in g.ahead if a.trains):
        models = f"{training} model{'s' if training > 1 else ''}"
        told.append(f"size tiny trains in about 40 s on two cores: {models}, {max(1, round(training * 2 / 3))} min")
    return "\n".join(told)


def _start(
    groups: list[Group], launch: cli_sweep.Launch, store: Store, reporter: Reporter, ask: Ask
) -> list[Outcome] | None:
    """Does what is not on record; None where that is left to a job array, which must be submitted first."""
    from umcl_bench.request import command

    def words(a: Ahead) -> list[str]:
        own = shlex.split(command(a.request))[1:]
        return own + (["--workers", str(a.request.workers)] if a.request.workers else [])

    reporter.say(_ahead(groups, ask))
    jobs = [cli_sweep.jobs_of(group.ahead, store, words) for group in groups]
    if launch.launcher == "slurm":
        if any(jobs):
            cli_sweep.write_jobs([job for of in jobs for job in of], launch, reporter)
            return None
        return []
    if launch.launcher == "ray":
        from umcl_bench.launch import ray

        ray.check_installed()
        every = [job for of in jobs for job in of]
        return list(cli_sweep.outcomes_of(every, launch, store, groups[0].source, reporter)) if every else []
    outcomes: list[Outcome] = []
    for group, of in zip(groups, jobs, strict=True):
        outcomes += cli_sweep.outcomes_of(of, launch, store, group.source, reporter) if of else []
    return outcomes


def check_folder(folder: Path) -> None:
    """Raises UsageError where `folder` can't be made, or is there and no outcome of an ablation, which is replaced."""
    above = folder.absolute().parent
    if not above.is_dir():
        raise UsageError(f"--output {folder}: there is no folder {above}")
    if not os.access(above, os.W_OK):
        raise UsageError(f"--output {folder}: nothing may be written in {above}; name another folder with -o")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"--output {folder} is a file or a link; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DATA).is_file():
        raise UsageError(f"--output {folder} holds other things; name a new folder, or one that an ablation has made")


def write_folder(folder: Path, found: Study, command: str) -> None:
    """Writes page, rows, data and picture as `folder`, whole or not at all; an ablation's that is there is replaced."""
    from umcl_bench.records import ablation_report as report
    from umcl_bench.records.plots import ablation as picture

    folder = folder.absolute()
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".part", dir=folder.parent))
    try:
        (part / PAGE).write_text(report.to_page(found, command, f"{picture.NAME}.png"), encoding="utf-8")
        (part / ROWS).write_text(report.to_csv(found), encoding="utf-8")
        (part / DATA).write_text(report.to_json(found, command), encoding="utf-8")
        picture.draw(found, part)
        part.chmod(0o755)
        if folder.exists():
            before = part.with_suffix(".before")
            folder.rename(before)
            part.rename(folder)
            shutil.rmtree(before)
        else:
            part.rename(folder)
    except OSError as error:
        raise BenchError(
            f"{folder} could not be written: {error.strerror or error}. The runs are on record: make room, and the "
            "same command writes it"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
