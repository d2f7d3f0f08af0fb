"""The command line. Nothing heavy is imported at the top: help and listings load no torch."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from umcl_bench import cli_ablate, cli_data, cli_models, cli_records, cli_report, cli_sweep, cli_train, cli_validate
from umcl_bench import cli_options as opt
from umcl_bench.errors import BenchError, Stopped, UsageError, reason, unknown_name

if TYPE_CHECKING:
    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store
    from umcl_bench.request import Request

app = typer.Typer(
    name="umcl-bench",
    help="Benchmarks CLIP-style medical image-text models: one trainer, the same data, figures with intervals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_data.app, name="data")
app.command("train")(cli_train.train)
app.command("export")(cli_models.export)
app.command("validate")(cli_validate.validate)
app.command("ablate")(cli_ablate.ablate)
app.command("leaderboard")(cli_records.leaderboard)
app.command("compare")(cli_records.compare)
app.command("repeat")(cli_report.repeat)
app.command("report")(cli_report.report)

EvalBatch = Annotated[int, typer.Option(min=1, help="Films a step when scoring; changes memory, not figures.")]


@app.callback()
def _main(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    pass


@app.command()
def run(
    context: typer.Context,
    model: opt.Model,
    task: opt.Task = "",
    suite: opt.Suite = "",
    loss: opt.Loss = "",
    data: opt.Data = None,
    size: opt.Size = "tiny",
    setting: opt.Setting = "controlled",
    image_tower: opt.ImageTower = "",
    init: opt.Init = "",
    seed: opt.Seed = 0,
    seeds: cli_sweep.Seeds = "",
    dial: opt.Dials = None,
    unnamed: opt.Unnamed = "",
    uncertain: opt.Uncertain = "",
    section: opt.Section = "findings+impression",
    votes: opt.Votes = "majority",
    labeler: opt.Labeler = "",
    train_on: opt.TrainOn = "",
    split: Annotated[str, typer.Option(help="A named split, as in rsna@gloria: see `umcl-bench list splits`.")] = "",
    limit: opt.Limit = None,
    skip_unreadable: opt.SkipUnreadable = False,
    mix: opt.Mix = "",
    balanced: opt.Balanced = False,
    batch: opt.Batch = "",
    micro_batch: opt.MicroBatch = "",
    precision: opt.PrecisionOption = "auto",
    compile: opt.Compile = False,
    select: opt.Select = "last",
    eval_every: opt.EvalEvery = 0,
    save_every: opt.SaveEvery = 0,
    recompute: opt.Recompute = False,
    shard: opt.Shard = False,
    tensorboard: opt.Tensorboard = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done and what it takes; do nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Run anew what is on record; both records stay.")] = False,
    store: opt.Store = None,
    device: opt.Device = "auto",
    workers: opt.Workers = 0,
    eval_batch: EvalBatch = 64,
    launcher: cli_sweep.Launcher = "local",
    ray_address: cli_sweep.RayAddress = None,
    retries: cli_sweep.Retries = None,
    slurm_option: cli_sweep.SlurmOption = None,
    output_dir: cli_sweep.OutputDir = None,
    quiet: opt.Quiet = False,
) -> None:
    """Train a model, run a task, and print its leaderboard row. A run that is on record does no work.

    Several models, tasks or seeds are a sweep: every combination is a run, and one that fails does not stop the others.
    What can't be run of a --suite is left out, and listed at the end.
    """
    _start(context)


def _start(context: typer.Context) -> None:
    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store

    given = context.params
    launch, requests = cli_sweep.Launch.of(given), cli_sweep.requests_of(given)
    store, reporter = Store(given["store"]), Reporter(quiet=given["quiet"])
    with opt.stoppable():
        if len(requests) == 1 and launch == cli_sweep.Launch():
            _run(requests[0], store, reporter, plan=given["plan"])
        else:
            cli_sweep.run(requests, cli_sweep.words_given(context), launch, store, reporter, plan=given["plan"])


def _run(request: Request, store: Store, reporter: Reporter, *, plan: bool) -> None:
    from umcl_bench.bench import run as run_bench
    from umcl_bench.plan import describe_plan
    from umcl_bench.records.leaderboard import tables, to_terminal

    if plan:
        typer.echo(describe_plan(request, store))
        return
    record = run_bench(request, store, reporter)
    typer.echo(to_terminal(tables([record]), opt.width()), nl=False)
    for text in record.result["warnings"]:
        reporter.warn(text)
    reporter.say(f"record: {record.folder}")


@app.command("list")
def list_(what: Annotated[str, typer.Argument(help="models, tasks, suites, data or splits")]) -> None:
    """List models, tasks, suites of tasks, data sources or named splits."""
    from umcl_bench.registry import get_baseline, get_task, list_baselines, list_tasks
    from umcl_bench.spec import ROBUST, SUITES
    from umcl_bench.spec.protocols import CORRUPTIONS

    if what == "models":
        _print_pairs([(name, get_baseline(name).title) for name in list_baselines()])
    elif what == "tasks":
        _print_pairs([(name, get_task(name).title) for name in list_tasks()])
        corruptions = ", ".join(CORRUPTIONS)
        _print_pairs([(f"{ROBUST}TASK", f"any of these on corrupted films ({corruptions})")])
    elif what == "suites":
        _print_pairs([(s.name, f"{s.title} ({', '.join(s.tasks) or 'all'})") for s in SUITES.values()])
    elif what == "data":
        _print_pairs(_sources())
    elif what == "splits":
        from umcl_bench.data.splits import get_split, list_splits

        _print_pairs([(name, get_split(name).title) for name in list_splits()])
    else:
        raise unknown_name("list", what, ("models", "tasks", "suites", "data", "splits"))


def _sources() -> list[tuple[str, str]]:
    from umcl_bench.data.readers import get_reader, list_readers

    return [
        ("phantom", "the default: synthetic chest radiographs with known truth; plays every dataset below"),
        ("FOLDER", "a folder with a metadata.csv: image, patient_id, split, and labels or report (mask, view)"),
        *((name, get_reader(name).title) for name in list_readers()),
    ]


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(help="A model or task (or a variant: clip+loss=umcl), or a run's id (or the beginning of it)."),
    ],
    size: opt.Size = "tiny",
    setting: opt.Setting = "controlled",
    by: Annotated[
        str, typer.Option(help="Of a run, its headline in subgroups too: sex, age, view, site, or several: sex,age.")
    ] = "",
    json: opt.Json = False,
    store: opt.Store = None,
) -> None:
    """Show every named choice of a model or task, or all that is on record of a run."""
    from umcl_bench.records import describe
    from umcl_bench.records.store import Store
    from umcl_bench.registry import file_of, get_baseline, get_task, is_released, list_baselines, list_tasks, plain_task
    from umcl_bench.spec import SIZES, Setting

    if size not in SIZES:
        raise unknown_name("size", size, SIZES)
    plain = name.partition("+")[0]
    if is_released(name):
        raise UsageError(f"{name} is released, without choices of ours; `umcl-bench validate {name}` says what it is")
    if setting not in get_args(Setting):
        raise unknown_name("setting", setting, get_args(Setting))
    if by and (plain in list_baselines() or plain_task(plain) in list_tasks()):
        raise UsageError(f"--by breaks down a run on record; {name} is none. `umcl-bench leaderboard` lists runs")
    if by and json:
        raise UsageError("--by is for people; the JSON of a run has its figures. Leave one of them out")
    if plain in list_baselines():
        baseline = get_baseline(name)
        shown = SIZES[size] if setting == "controlled" else baseline.published
        if shown is None:
            raise UsageError(f"there is no --setting paper for {name}: its paper names no towers and settings")
        file = str(file_of("baselines", plain))
        tell = describe.model_data if json else describe.describe_model
        _say(tell(baseline, shown, file, setting))  # type: ignore[arg-type]
    elif plain_task(plain) in list_tasks():
        tell_task = describe.task_data if json else describe.describe_task
        _say(tell_task(get_task(name), str(file_of("tasks", plain_task(plain)))))
    else:
        from umcl_bench.progress import Reporter

        where = Store(store)
        ids = [record.id for record in where.records(Reporter())]
        if not any(i.startswith(name) or i.endswith(name) for i in ids):
            raise unknown_name("model, task or run", name, [*list_baselines(), *list_tasks(), *ids])
        record = where.get(name)
        if json:
            _say(describe.record_data(record))
            return
        told = [describe.describe_record(record)]
        if by:
            from umcl_bench.records.subgroups import describe_subgroups

            told.append(describe_subgroups(record, [word.strip() for word in by.split(",")]))
        _say("\n\n".join(told))


def _say(told: str | dict[str, Any]) -> None:
    """Text as it is; data as JSON."""
    import json

    typer.echo(told if isinstance(told, str) else json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False))


def _print_pairs(pairs: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        typer.echo(f"{name:<{width}}  {text}")


def main() -> None:
    """The console script: every error is one message, with its exit code; tracebacks only with --debug."""
    debug = "--debug" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--debug"]  # anywhere on the line
    if int(os.environ.get("RANK", "0")) > 0:  # of the processes that torchrun starts, the first speaks
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is half-written is removed
    try:
        app(arguments)
    except Exception as error:
        if debug:
            raise
        if _is_said_by_another(error):
            raise SystemExit(getattr(error, "exit_code", 1)) from None
        _fail(reason(error), error.exit_code if isinstance(error, BenchError) else 1)


def _is_said_by_another(error: Exception) -> bool:
    """Whether the first of torchrun's processes, or of those on this machine, has the same to say."""
    rank, local = (int(os.environ.get(name, "0")) for name in ("RANK", "LOCAL_RANK"))
    return rank > 0 if isinstance(error, Stopped) else local > 0 and isinstance(error, UsageError)


def _fail(text: str, code: int) -> None:
    print(f"umcl-bench: {text}", file=sys.stderr)
    raise SystemExit(code)
