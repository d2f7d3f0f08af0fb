"""`umcl-bench export`: a trained model in a format that other programs open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from umcl_bench import cli_options as opt
from umcl_bench.errors import BenchError, UsageError, unknown_name

if TYPE_CHECKING:
    from umcl_bench.records.store import Store


def export(
    run: Annotated[
        str, typer.Argument(help="A run's id (or the beginning of it), a checkpoint's name, or its folder.")
    ],
    to: Annotated[str, typer.Option("--to", help="openclip or safetensors.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the model.")],
    store: opt.Store = None,
) -> None:
    """Write a trained model as a folder of open_clip, or as safetensors with its tokenizer and recipe."""
    from umcl_bench.records.store import Store

    where = Store(store)
    folder = _checkpoint(run, where)
    from umcl_bench.models.export import Format
    from umcl_bench.models.export import export as write

    if to not in get_args(Format):
        raise unknown_name("format", to, get_args(Format))
    with opt.stoppable():
        notes = write(folder, to, output)  # type: ignore[arg-type]  # it was checked
    typer.echo(f"exported  {folder.name}\nto        {output}")
    for note in notes:
        typer.echo(f"note      {note}")


def _checkpoint(name: str, store: Store) -> Path:
    """The folder of the checkpoint that `name` leads to. Raises UsageError where there is none."""
    from umcl_bench.progress import Reporter

    if not name:
        raise UsageError("the run's name is empty; see `umcl-bench leaderboard` for the runs that there are")
    if (Path(name) / "checkpoint.json").is_file():
        return Path(name)
    parent = store.root / "checkpoints"
    names = [f.name for f in sorted(parent.iterdir()) if not f.name.startswith(".")] if parent.is_dir() else []
    found = [n for n in names if n == name] or [n for n in names if n.startswith(name)]
    if len(found) == 1:
        return parent / found[0]
    ids = [record.id for record in store.records(Reporter(quiet=True))]
    if not ids and not names:
        raise UsageError(f"{store.root} holds no run and no checkpoint to export; --store names another store")
    runs = [i for i in ids if i == name] or [i for i in ids if i.startswith(name) or i.endswith(name)]
    if len(runs) > 1 or (found and not runs):
        several = runs or found
        kind = "runs" if runs else "checkpoints"
        raise UsageError(f"{name!r} fits {len(several)} {kind} in {store.root}: {', '.join(several)}. Name one of them")
    if not runs:
        raise unknown_name(f"run or checkpoint of {store.root}", name, [*ids, *names])
    record = store.get(runs[0])
    checkpoint = str(record.result.get("checkpoint") or "")
    if not checkpoint:
        raise UsageError(f"{record.id} is of {record.result['model']['name']}, which has no checkpoint of its own")
    if Path(checkpoint).name != checkpoint or checkpoint == "..":
        raise BenchError(f"{record.id} says that its checkpoint is {checkpoint!r}, which is no name of a folder")
    if not (parent / checkpoint).is_dir():
        raise UsageError(
            f"the checkpoint of {record.id} is gone: {parent / checkpoint}. Make it: {record.result['command']}"
        )
    return parent / checkpoint
