"""The `umcl-bench data` commands: look at sources, check them, and explain the splits that papers use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from umcl_bench import cli_options as opt
from umcl_bench.errors import UsageError

if TYPE_CHECKING:
    from umcl_bench.data.corpus import Corpus

app = typer.Typer(help="Look at data sources, check them, and explain named splits.", no_args_is_help=True)


@app.command()
def preview(
    data: opt.Data = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.")] = Path("preview.png"),
    count: Annotated[int, typer.Option(min=1, max=64, help="How many films of each source.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Which films.")] = 0,
    beside: Annotated[str | None, typer.Option(help="Another source to draw beside it ('phantom' is one).")] = None,
    dial: opt.Dials = None,
) -> None:
    """Draw a contact sheet of a source: films, findings, reports and mask outlines."""
    from umcl_bench.data.preview import contact_sheet
    from umcl_bench.data.sources import open_source

    opt.check_output(output)
    if output.suffix.casefold() != ".png":
        raise UsageError(f"--output {output}: the sheet is a PNG; give its name the end .png")
    corpora = [open_source(data, dials=opt.parse_dials(dial)).corpus]
    corpora += [open_source(beside).corpus] if beside else []
    for note in (note for corpus in corpora for note in corpus.notes):
        typer.echo(f"note: {note}", err=True)
    drawn = contact_sheet(corpora, output, count, seed)
    typer.echo(f"{drawn} films of {' and '.join(c.source for c in corpora)} in {output}")


@app.command()
def check(
    folder: Annotated[str, typer.Argument(help="A folder with official releases, a metadata.csv, or films alone.")],
    quick: Annotated[bool, typer.Option("--quick", help="Open a sample of the films only.")] = False,
    as_json: opt.Json = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
    unnamed: opt.Unnamed = "",
    uncertain: opt.Uncertain = "",
    section: opt.Section = "findings+impression",
    votes: opt.Votes = "majority",
    labeler: opt.Labeler = "",
    workers: Annotated[int, typer.Option(min=0, help="Processes that read films. (one a core)")] = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Look a folder over: what it is, what it lacks, and what is wrong. Exit code 1 where something is wrong."""
    import os

    from umcl_bench.data.check import check as look_over
    from umcl_bench.progress import Reporter

    if not folder:
        raise UsageError("the folder's name is empty; '.' is the one that you are in")
    if output is not None:
        opt.check_output(output)
    options = opt.read_options(unnamed, uncertain, section, votes, labeler)
    report = look_over(
        Path(folder),
        options=options,
        quick=quick,
        reporter=Reporter(quiet=quiet),
        workers=workers or os.cpu_count() or 1,
    )
    text = json.dumps(report.to_json(), indent=2, ensure_ascii=False) if as_json else report.to_text()
    if output is None:
        typer.echo(text)
    else:
        opt.write_whole(output, text + "\n")
    raise typer.Exit(report.exit_code)


@app.command()
def explain(
    split: Annotated[str, typer.Argument(help="A split's name, as in rsna@gloria: see `umcl-bench list splits`.")],
    data: opt.Data = None,
    as_json: opt.Json = False,
) -> None:
    """Say what a named split is, who used it, its counts and hashes; with --data, what your copy gives."""
    from umcl_bench.data.splits.explain import explain as explain_text
    from umcl_bench.data.splits.explain import explain_json

    corpus, folders = _release(data, split)
    if as_json:
        _print_json(explain_json(split, corpus, folders))
    else:
        typer.echo(explain_text(split, corpus, folders))


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="A split's name.")],
    b: Annotated[str, typer.Argument(help="Another's.")],
    data: opt.Data = None,
    as_json: opt.Json = False,
) -> None:
    """Say what differs between two splits; with --data, which images and patients they share."""
    from umcl_bench.data.splits.explain import diff as diff_text
    from umcl_bench.data.splits.explain import diff_json

    corpus, folders = _release(data, a, b)
    if as_json:
        _print_json(diff_json(a, b, corpus, folders))
    else:
        typer.echo(diff_text(a, b, corpus, folders))


@app.command()
def label(
    text: Annotated[str, typer.Argument(help="A report or a sentence; '-' reads standard input.")],
    as_json: opt.Json = False,
) -> None:
    """Label a report by the rules: which of CheXpert's 14 observations it affirms, denies or leaves open."""
    import sys

    from umcl_bench.data.reports.labeler import label_report, label_sentence
    from umcl_bench.data.reports.sentences import split_sentences

    whole = sys.stdin.read() if text == "-" else text
    if not whole.strip():
        raise UsageError("there is no text to label")
    sentences = [(sentence, label_sentence(sentence)) for sentence in split_sentences(whole)]
    report = label_report(whole)
    if as_json:
        _print_json({"report": report, "sentences": [{"text": s, "labels": found} for s, found in sentences]})
        return
    for sentence, found in sentences:
        typer.echo(f"{sentence}\n    {_verdicts(found)}")
    heard = any(found for _, found in sentences)
    typer.echo(f"report: {_verdicts(report) if heard else 'no sentence names an observation'}")


def _verdicts(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {verdict}" for name, verdict in found.items()) or "nothing mentioned"


def _release(data: str | None, *splits: str) -> tuple[Corpus | None, tuple[Path, ...]]:
    """The corpus in --data of the dataset that the splits are of, and where their lists may lie."""
    from umcl_bench.data.sources import open_source
    from umcl_bench.data.splits import get_split

    found = [get_split(name) for name in splits]
    if data is None:
        return None, ()
    if len({split.dataset for split in found}) > 1:
        raise UsageError(f"{' and '.join(splits)} are of different datasets; leave --data out to compare their rules")
    source = open_source(data)
    return source.dataset(found[0].dataset), source.folders(found[0].dataset)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
