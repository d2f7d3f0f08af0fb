"""`umcl-bench compare`: are the differences between runs on record more than luck with patients?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from umcl_bench import cli_options as opt
from umcl_bench.errors import BenchError, UsageError, unknown_name

FORMATS = ("terminal", "md", "csv", "json")


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Runs' ids (or their beginning), or, with --task, models on record: all their seeds. "
            "ID,ID,... are the seeds of one model.",
            metavar="A B...",
        ),
    ],
    task: Annotated[str, typer.Option(help="The task, where models are named.")] = "",
    metric: Annotated[str, typer.Option(help="A metric of the records; unless said, their headline.")] = "",
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="All pairs, not all against the first.")] = False,
    resamples: Annotated[
        int | None, typer.Option(min=100, help="Resamples; unless said, the record's, at least 100 a comparison.")
    ] = None,
    format: Annotated[str, typer.Option(help="terminal, md, csv or json.")] = "terminal",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
    store: opt.Store = None,
) -> None:
    """Compare runs on the same films: paired differences, 95 % intervals, p values after Holm, and what they allow.

    The first is compared with each of the others. Nothing is run: per-sample scores are on record.
    """
    if output is not None:
        opt.check_output(output)
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if len(runs) < 2:
        raise UsageError("compare needs two or more: umcl-bench compare A B. `umcl-bench leaderboard` lists runs")
    from umcl_bench.progress import Reporter
    from umcl_bench.records import compare_report
    from umcl_bench.records.compare import compare_runs
    from umcl_bench.records.contenders import find_contenders
    from umcl_bench.records.store import Store

    where = Store(store)
    records = where.records(Reporter())
    if not records:
        raise BenchError(f"there are no records in {where.root}; --store names another store")
    found = compare_runs(find_contenders(runs, task, records), metric, all_pairs=all_pairs, resamples=resamples)
    if format == "csv":
        text = compare_report.to_csv(found)
    elif format == "json":
        text = compare_report.to_json(found)
    else:
        text = compare_report.to_text(found, opt.width(output is not None), markdown=format == "md")
    if output is None:
        typer.echo(text, nl=False)
    else:
        opt.write_whole(output, text)
