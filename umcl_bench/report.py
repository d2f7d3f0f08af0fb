"""A folder with a text and pictures of what is on record of some tasks: `umcl-bench report`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import task_title, to_markdown
from umcl_bench.records.plots.kinds import KINDS, MODELS
from umcl_bench.records.seeds import Board, boards, table_of
from umcl_bench.records.select import select
from umcl_bench.records.store import Record
from umcl_bench.registry import get_task, tasks_of_suite
from umcl_bench.report_films import FilmPictures, Films, warning
from umcl_bench.spec import SUITES

HEAD = "# Report of umcl-bench"
_TEXT = "README.md"


class Section(NamedTuple):
    """A task on a source: its table and runs, captions by picture, those with films apart, and what is missing."""

    board: Board
    pictures: Mapping[str, str]
    films: Mapping[str, str]
    missing: Sequence[str]


class Wanted(NamedTuple):
    """What a report is of: a suite or tasks, the records to choose from, names by filter, and what is left out and why.

    `films` draws films, where these are wanted; `command` makes the same report.
    """

    tasks: str
    records: Sequence[Record]
    filters: Mapping[str, Sequence[str]]
    left_out: Sequence[str]
    command: str
    films: FilmPictures | None = None


def tasks_named(given: str, records: Iterable[Record]) -> tuple[str, ...]:
    """The tasks of a suite, or those named with commas between. Raises UsageError for one that does not exist.

    A task that is only on record (a variant, or one whose plugin is not here) may be named, too.
    """
    if given in SUITES:
        return tasks_of_suite(given)
    found = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    if not found:
        raise unknown_name("suite or task", given, SUITES)
    on_record = {record.result["task"]["name"] for record in records}
    for name in found:
        if name not in on_record:
            get_task(name)
    return found


def check_folder(folder: Path, *, force: bool) -> None:
    """Raises UsageError where a report may not be written: only a report is replaced, and only with `force`."""
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"-o {folder}: there is no folder {folder.absolute().parent}")
    if not folder.exists() and not folder.is_symlink():
        return
    text = folder / _TEXT
    is_report = not folder.is_symlink() and text.is_file() and text.read_text(encoding="utf-8").startswith(HEAD)
    if not is_report:
        raise UsageError(f"-o {folder} is there, and is no report; name a new folder")
    if not force:
        raise UsageError(f"-o {folder} is a report; --force replaces it")


def write_report(wanted: Wanted, folder: Path, reporter: Reporter) -> None:
    """Writes a report to a new folder, whole or not at all; one that is there is replaced.

    Raises UsageError for a task that does not exist, and where none of the tasks is on record or has films to show.
    """
    tasks = tasks_named(wanted.tasks, wanted.records)
    chosen = [record for record in wanted.records if record.result["task"]["name"] in tasks]
    if not chosen:
        raise UsageError(f"nothing is on record of {', '.join(tasks)}. `umcl-bench run` makes records")
    chosen = select(chosen, wanted.filters)
    lacking = [name for name in tasks if name not in {record.result["task"]["name"] for record in chosen}]
    if wanted.films is not None:
        wanted.films.check(chosen)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".part", dir=folder.absolute().parent))
    try:
        sections = [
            _section(board, part, f"{at:02d}-{board.result['task']['name']}", wanted.films, reporter)
            for at, board in enumerate(boards(chosen), 1)
        ]
        (part / _TEXT).write_text(_text(wanted, sections, lacking), encoding="utf-8")
        part.chmod(0o755)
        old = part.with_suffix(".old")
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _section(board: Board, folder: Path, stem: str, films: FilmPictures | None, reporter: Reporter) -> Section:
    reporter.say(f"drawing {task_title(board.result)}: {len(board.records)} runs")
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)
    pictures: dict[str, str] = {}
    missing: list[str] = []
    for kind in (MODELS, *KINDS):
        caption = kind.draw(board, folder, f"{safe}-{kind.name}")
        if caption is None:
            missing.append(f"{kind.name}, for {kind.why}")
        else:
            pictures[f"{safe}-{kind.name}"] = caption
    found = Films({}, []) if films is None else films.draw(board, folder, safe)
    return Section(board, pictures, found.captions, [*missing, *found.missing])


def _text(wanted: Wanted, sections: Sequence[Section], lacking: Sequence[str]) -> str:
    runs = sum(len(section.board.records) for section in sections)
    lines = [f"{HEAD}: {wanted.tasks}", ""]
    shown = [section.board.records[0] for section in sections if section.films]
    if shown:
        lines += [warning(shown), ""]
    trained = "no model was trained for it" if shown else "nothing was run for it"
    lines.append(f"{runs} {'run' if runs == 1 else 'runs'} on record. Made by `{wanted.command}`; {trained}.")
    if lacking:
        lines += ["", f"Not on record, and so not here: {', '.join(lacking)}."]
    if wanted.left_out:
        lines += ["", "Left out, for they are no records that this version can trust:", ""]
        lines += [f"- {why}" for why in wanted.left_out]
    for section in sections:
        lines += ["", *_of_section(section)]
    return "\n".join(lines).rstrip() + "\n"


def _of_section(section: Section) -> list[str]:
    board = section.board
    lines = [to_markdown([table_of(board)]).replace("### ", "## ", 1)]
    for name, caption in {**section.pictures, **section.films}.items():
        lines += [f"![{name[3:]}]({name}.svg)", "", f"{caption} ([PNG]({name}.png))", ""]
    if section.missing:
        lines += ["Not drawn:", "", *(f"- {what}" for what in section.missing), ""]
    lines += ["The runs, and what made each:", ""]
    lines += [f"- `{record.id}`: `{record.result['command']}`" for record in board.records]
    return [*lines, ""]
