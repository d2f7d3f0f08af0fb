"""`umcl-bench report` and `repeat`: pictures and a text of what is on record, and a run made again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from umcl_bench import cli_options as opt
from umcl_bench import cli_sweep
from umcl_bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from umcl_bench.records.store import Record
    from umcl_bench.request import Request


def report(
    context: typer.Context,
    tasks: Annotated[str, typer.Argument(help="A suite, or a task's name, or several (a,b).", metavar="SUITE|TASK")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for text and pictures.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the report that is there.")] = False,
    films: Annotated[
        int | None,
        typer.Option(min=1, max=8, help="Pictures of so many films of each class or direction, too. (none)"),
    ] = None,
    source: Annotated[
        str, typer.Option(help="Only these data: phantom, another source, or the fingerprint in a caption.")
    ] = "",
    size: Annotated[str, typer.Option(help="Only models of this size, or several (a,b).")] = "",
    setting: Annotated[str, typer.Option(help="Only controlled, or only paper.")] = "",
    seed: Annotated[str, typer.Option(help="Only runs of this seed, or several (0,1).")] = "",
    data: Annotated[
        str | None, typer.Option(help="With --films: where the data are by now. (where records say)")
    ] = None,
    device: Annotated[str, typer.Option(help="With --films: auto, cpu or cuda. (as the records' commands say)")] = "",
    store: opt.Store = None,
    quiet: opt.Quiet = False,
) -> None:
    """Write a report of what is on record: tables, pictures (SVG and PNG), what is missing, and the commands.

    All is of the stored per-sample scores, and nothing is run. With --films the models of the records look at some
    films again: what retrieval finds, where prompts light up, the masks of segmentation.
    """
    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store
    from umcl_bench.report import Wanted, check_folder, write_report
    from umcl_bench.report_films import FilmPictures

    check_folder(output, force=force)
    if films is None and (data is not None or device):
        raise UsageError("--data and --device are for --films: name how many films, or leave them out")
    where, reporter = Store(store), Reporter(quiet=quiet)
    given = {"source": source, "size": size, "setting": setting, "seed": seed}
    typed = {**given, "films": films, "data": data, "device": device, "store": store}
    words = [word for name, value in typed.items() if value for word in (f"--{name}", str(value))]
    with opt.stoppable():
        records, left_out = where.read(reporter, scores=True)
        for why in left_out:
            reporter.warn(f"left out: {why}")
        wanted = Wanted(
            tasks,
            records,
            {name: opt.names(value) for name, value in given.items()},
            left_out,
            shlex.join(["umcl-bench", "report", tasks, "-o", str(output), *words]),
            None
            if films is None
            else FilmPictures(films, where, lambda record: request_of(context, record), reporter, data, device),
        )
        write_report(wanted, output, reporter)
    reporter.say(f"report: {output / 'README.md'}")


def repeat(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run's id, or the beginning or end of it.")],
    scores: Annotated[
        bool, typer.Option("--scores", help="Train nothing: score the record's checkpoint again. Seconds, not minutes.")
    ] = False,
    data: Annotated[str | None, typer.Option(help="Where the data are by now. (where the record says)")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A store for the new run, which stays; unless said, it goes away.")
    ] = None,
    store: opt.Store = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda. (as the record's command says)")] = "",
    workers: opt.Workers = 0,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Make a run on record again, and say whether its figures are the same; where not, what has changed.

    Exits with 0 where all figures are the same within 1e-6, with 1 where one is not.
    """
    import dataclasses

    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store
    from umcl_bench.repeat import repeat as make_again
    from umcl_bench.repeat import to_json, to_text

    where, reporter = Store(store), Reporter(quiet=quiet)
    record = where.get(run)
    request = request_of(context, record)
    if data is not None and request.data is None:
        raise UsageError(f"{record.id} is of the phantom, which is everywhere: leave --data out")
    request = dataclasses.replace(
        request, data=data or request.data, device=device or request.device, workers=workers, again=False
    )
    with opt.stoppable():
        found = make_again(record, request, where, reporter, only_scores=scores, keep=keep)
    typer.echo(to_json(found) if json else to_text(found), nl=False)
    raise typer.Exit(0 if found.same else 1)


def request_of(context: typer.Context, record: Record) -> Request:
    """What the record's command asks for. Raises BenchError where this version does not know such a command."""
    words = shlex.split(record.result["command"])
    commands = context.find_root().command
    assert isinstance(commands, TyperGroup)
    try:
        if words[:2] != ["umcl-bench", "run"]:
            raise UsageError("that is no umcl-bench run")
        (request,) = cli_sweep.requests_of(commands.commands["run"].make_context("run", words[2:]).params)
    except Exception as error:
        told = getattr(error, "format_message", None)  # click's own, which typer has under another name by version
        if told is None and not isinstance(error, BenchError):
            raise
        why = told() if told else error
        raise BenchError(f"{record.id} says that it was made by {record.result['command']}: {why}") from None
    return request
