"""`umcl-bench validate`: is a model, a task or a plug-in of one's own what the benchmark takes it for?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from umcl_bench import cli_options as opt


def validate(
    what: Annotated[
        str,
        typer.Argument(help="A model or task (see `umcl-bench list`), or a plug-in's file or folder.", metavar="WHAT"),
    ],
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Check a model, a task or a plug-in on a small phantom, in half a minute. Exit code 1 where a check fails.

    A model: gradients, unit rows, batches and order, prompts, normalisation, label order, leaks. A task: the scores of
    models that know all, nothing, and the same of all films.
    """
    from umcl_bench.progress import Reporter
    from umcl_bench.validate.report import to_json, to_text
    from umcl_bench.validate.run import validate as validate_leaves

    with opt.stoppable():
        verdicts = validate_leaves(what, Reporter(quiet=quiet or as_json), seed)
    if as_json:
        typer.echo(json.dumps(to_json(verdicts), indent=2, ensure_ascii=False))
    else:
        typer.echo(to_text(verdicts, opt.width()), nl=False)
    raise typer.Exit(int(not all(verdict.passed for verdict in verdicts)))
