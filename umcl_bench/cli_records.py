"""What is made of runs on record alone: `umcl-bench leaderboard` and `umcl-bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from umcl_bench import cli_options as opt
from umcl_bench.errors import BenchError, UsageError, unknown_name

if TYPE_CHECKING:
    from umcl_bench.records.compare import Comparison
    from umcl_bench.records.compare_tasks import Across
    from umcl_bench.records.store import Record

FORMATS = ("terminal", "md", "csv", "json")
BOARDS = ("terminal", "md", "csv", "latex", "html", "json")


def leaderboard(
    suite: Annotated[str, typer.Option(help="Only the tasks of a suite. See `umcl-bench list suites`.")] = "",
    task: Annotated[str, typer.Option(help="Only this task, or several (a,b).")] = "",
    source: Annotated[
        str,
        typer.Option(help="Only these data: phantom, another source, or the fingerprint in a caption."),
    ] = "",
    size: Annotated[str, typer.Option(help="Only models of this size, or several (a,b).")] = "",
    setting: Annotated[str, typer.Option(help="Only controlled, or only paper.")] = "",
    format: Annotated[str, typer.Option(help="terminal, md, csv, latex, html or json.")] = "terminal",
    over_seeds: Annotated[
        bool,
        typer.Option("--over-seeds", help="One row a model: the mean over its seeds, their spread, and its rank."),
    ] = False,
    average: Annotated[
        bool,
        typer.Option("--average", help="A table of models by tasks too, with averages, and their rule."),
    ] = False,
    published: Annotated[
        bool,
        typer.Option("--published", help="Figures of papers too, and ours beside them where the protocol is one."),
    ] = False,
    plots: Annotated[
        bool,
        typer.Option(
            "--plots", help="In html: curves of classes, shares, corruptions, wordings, groups and dials, too."
        ),
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
    store: opt.Store = None,
) -> None:
    """Print the tables of all runs on record: one for each task on each data.

    csv has every figure of every run; html and json have a row for each model, over its seeds. Ranks and means over
    seeds are made from per-sample scores; other tables from the figures on record alone.
    """
    if output is not None:
        opt.check_output(output)
    shown = {"over_seeds": over_seeds, "average": average, "published": published}
    _check_format(format, **shown)
    if plots and format != "html":
        raise UsageError("--plots is for --format html; `umcl-bench report` writes pictures as files")
    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store

    where = Store(store)
    records = where.records(Reporter(), scores=over_seeds or average or published or format in ("html", "json"))
    if not records:
        raise BenchError(
            f"there are no records in {where.root}. Make one: umcl-bench run --model umcl --task zeroshot-chexpert"
        )
    records = _chosen(records, suite, {"task": task, "source": source, "size": size, "setting": setting})
    text = _board(records, format, opt.width(output is not None), suite, plots=plots, **shown)
    if output is None:
        typer.echo(text, nl=False)
    else:
        opt.write_whole(output, text)


def _check_format(format: str, *, over_seeds: bool, average: bool, published: bool) -> None:
    if format not in BOARDS:
        raise unknown_name("format", format, BOARDS)
    if format in ("csv", "json", "html") and over_seeds:
        rows = "a row for each run" if format == "csv" else "a row for each model already"
        raise UsageError(f"--over-seeds is for terminal, md and latex; {format} has {rows}")
    for name, asked in (("average", average), ("published", published)):
        if asked and format in ("csv", "json"):
            raise UsageError(f"--{name} makes tables for people (terminal, md, latex, html); {format} has our figures")


def _chosen(records: list[Record], suite: str, given: dict[str, str]) -> list[Record]:
    from umcl_bench.records.select import select

    wanted = {kind: opt.names(names) for kind, names in given.items()}
    if suite and wanted["task"]:
        raise UsageError("name tasks with --task, or a list of them with --suite: one of the two")
    if suite:
        from umcl_bench.registry import tasks_of_suite

        known = {record.result["task"]["name"] for record in records}
        wanted["task"] = tuple(name for name in tasks_of_suite(suite) if name in known)
        if not wanted["task"]:
            raise BenchError(f"no task of {suite} is on record. Run them: umcl-bench run --model umcl --suite {suite}")
    return select(records, wanted)


def _board(
    records: list[Record],
    format: str,
    width: int | None,
    suite: str,
    *,
    over_seeds: bool,
    average: bool,
    published: bool,
    plots: bool,
) -> str:
    from umcl_bench.progress import Reporter
    from umcl_bench.records import leaderboard as plain
    from umcl_bench.records.board_data import to_json
    from umcl_bench.records.published import published_tables
    from umcl_bench.records.seeds import boards, table_of
    from umcl_bench.records.summary import summaries, without_places
    from umcl_bench.registry import tasks_of_suite

    if format == "csv":
        return plain.to_csv(records)
    placed = over_seeds or average or published or format in ("html", "json")
    found = boards(records) if placed else []
    papers = published_tables(found) if published else []
    if format == "json":
        return to_json(found)
    columns = tasks_of_suite(suite) if suite else ()
    told = []
    if average or suite or (format == "html" and len(found) > 1):
        told = summaries(found if placed else without_places(records), average=average, tasks=columns)
    if format == "html":
        from umcl_bench.records.html import to_html
        from umcl_bench.records.plots.page import pictures

        return to_html(found, told, papers, pictures(found, Reporter()) if plots else None)
    told += [table_of(board) for board in found] if over_seeds else plain.tables(records)
    told += papers
    if format == "latex":
        from umcl_bench.records.latex import to_latex

        return to_latex(told)
    return plain.to_markdown(told) if format == "md" else plain.to_terminal(told, width)


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Models on record, all their seeds; or runs' ids (or their beginning). ID,ID,... are the seeds of one "
            "model.",
            metavar="A B...",
        ),
    ],
    task: Annotated[str, typer.Option(help="The task of models; unless said, all that they share.")] = "",
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
    from umcl_bench.records.compare import compare_runs
    from umcl_bench.records.compare_tasks import compare_tasks, shared_tasks
    from umcl_bench.records.contenders import find_contenders
    from umcl_bench.records.store import Store

    where = Store(store)
    records = where.records(Reporter())
    if not records:
        raise BenchError(f"there are no records in {where.root}; --store names another store")
    shared = () if task else shared_tasks(runs, records)
    if metric and len(shared) > 1:
        raise UsageError(f"--metric is of one task: say on which --task ({', '.join(shared)})")
    found: Comparison | Across
    if len(shared) > 1:
        found = compare_tasks(runs, shared, records, all_pairs=all_pairs, resamples=resamples)
    else:
        contenders = find_contenders(runs, task or "".join(shared), records)
        found = compare_runs(contenders, metric, all_pairs=all_pairs, resamples=resamples)
    text = _told(found, format, opt.width(output is not None))
    if output is None:
        typer.echo(text, nl=False)
    else:
        opt.write_whole(output, text)


def _told(found: Comparison | Across, format: str, width: int | None) -> str:
    from umcl_bench.records import compare_report, compare_tasks
    from umcl_bench.records.compare_tasks import Across

    if isinstance(found, Across):
        if format in ("csv", "json"):
            return compare_tasks.to_csv(found) if format == "csv" else compare_tasks.to_json(found)
        return compare_tasks.to_text(found, width, markdown=format == "md")
    if format in ("csv", "json"):
        return compare_report.to_csv(found) if format == "csv" else compare_report.to_json(found)
    return compare_report.to_text(found, width, markdown=format == "md")
