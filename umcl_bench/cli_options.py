"""Options that several commands share, and how what was typed is checked. Nothing heavy is imported at the top."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from umcl_bench.errors import Stopped, UsageError, unknown_name

if TYPE_CHECKING:
    from umcl_bench.data.readers import ReadOptions
    from umcl_bench.spec import Sampling

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="A folder with official releases, or with a metadata.csv; leave it out for the phantom (synthetic films).",
    ),
]
Dials = Annotated[
    list[str] | None, typer.Option("--dial", help="A dial of the phantom, as in similarity=0.9. May be repeated.")
]
Unnamed = Annotated[
    str, typer.Option(help="How findings count that a labelled film does not name: unknown or negative.")
]
Uncertain = Annotated[
    str, typer.Option(help="What an uncertain label counts as: ones, zeros, ignore, gloria (by finding) or soft (0.7).")
]
Section = Annotated[
    str, typer.Option(help="The text of a report: findings+impression, impression, findings, longest or report (all).")
]
Votes = Annotated[str, typer.Option(help="Several readers of one film: majority or any.")]
Labeler = Annotated[str, typer.Option(help="Whose labels of MIMIC-CXR: chexpert or negbio. [chexpert's, if there]")]
TrainOn = Annotated[
    str, typer.Option(help="Datasets of --data to learn from, as in chexpert,mimic-cxr. [all that --data holds]")
]
SkipUnreadable = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave films out that can't be read; the record counts and lists them."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; results and warnings only.")]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs.")]


def parse_dials(given: list[str] | None) -> dict[str, float]:
    """'name=number' items as a dictionary."""
    return _numbers(given or [], "--dial", "similarity=0.9")


def parse_sampling(mix: str, balanced: bool) -> Sampling | None:
    """'image-text=1,image-label=3' and --balanced as a value; None where neither was given."""
    from umcl_bench.spec import Sampling

    if not mix and not balanced:
        return None
    weights = _numbers(mix.split(",") if mix else [], "--mix", "image-text=1,image-label=3")
    try:
        return Sampling(ratio=tuple(weights.items()), balanced=balanced)  # type: ignore[arg-type]  # it checks the names
    except ValueError as error:
        raise UsageError(f"--mix {mix!r}: {error}") from None


def _numbers(items: Iterable[str], option: str, example: str) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for item in items:
        name, _, value = (part.strip() for part in item.partition("="))
        if name in numbers:
            raise UsageError(f"{option}: {name} is given twice; once is enough")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise UsageError(f"{option} {item!r}: write name=number, as in {example}") from None
    return numbers


def read_options(unnamed: str, uncertain: str, section: str, votes: str, labeler: str) -> ReadOptions:
    """The choices of how a source is read. Raises UsageError for a name that there is not."""
    from umcl_bench.data.policies import UNCERTAIN
    from umcl_bench.data.readers import ReadOptions
    from umcl_bench.data.readers.base import SECTIONS

    allowed: dict[str, tuple[str, tuple[str, ...]]] = {
        "policy for unnamed findings": (unnamed, ("", "unknown", "negative")),
        "policy for uncertain findings": (uncertain, ("", *UNCERTAIN)),
        "section of a report": (section, SECTIONS),
        "rule for votes": (votes, ("majority", "any")),
        "labeler": (labeler, ("", "chexpert", "negbio")),
    }
    for what, (given, choices) in allowed.items():
        if given not in choices:
            raise unknown_name(what, given, filter(None, choices))
    return ReadOptions(unnamed, uncertain, section, votes, labeler)  # type: ignore[arg-type]


def names(given: str) -> tuple[str, ...]:
    """'a, b' as ('a', 'b'). Raises UsageError where there are commas and no name."""
    found = tuple(name.strip() for name in given.split(",") if name.strip())
    if given and not found:
        raise UsageError(f"{given!r} holds no name; write names with commas between them")
    return found


def check_output(path: Path) -> None:
    """Raises UsageError where no file can be written at `path`."""
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--output {path} is a folder; name a file in it")
    if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/null would be replaced by a file
        raise UsageError(f"--output {path} is a link or a device; name a plain file")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"--output {path}: nothing may be written in {path.parent}")


def write_whole(path: Path, text: str) -> None:
    """Writes a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def width(to_file: bool = False) -> int | None:
    """The terminal's own width; 140 columns where the output is no terminal."""
    return None if sys.stdout.isatty() and not to_file else 140


@contextmanager
def stoppable() -> Iterator[None]:
    """Turns Ctrl-C into the error that says what is left."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(
            "stopped; nothing half-written is left. The same command goes on from what is finished."
        ) from None
