"""The runs of a sweep as a Slurm job array: a script with a line a run. Nothing is submitted."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from umcl_bench.errors import UsageError
from umcl_bench.launch.attempt import PROGRAM
from umcl_bench.launch.jobs import Job, environment
from umcl_bench.spec import digest

SCRIPT, LOGS = "sweep.sh", "logs"


def write_array(jobs: Sequence[Job], options: Sequence[str], folder: Path | None) -> Path:
    """Writes the script to `folder` (default slurm-DIGEST, here), makes the logs' folder, and returns its path."""
    lines = [shlex.join((sys.executable, *PROGRAM, *job.words)) for job in jobs]
    folder = (folder or Path(f"slurm-{digest(lines)}")).absolute()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output-dir {folder} is a file; name a folder")
    text = _script(lines, _directives(len(lines), options, folder))
    (folder / LOGS).mkdir(parents=True, exist_ok=True)
    path = folder / SCRIPT
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def check_options(options: Sequence[str]) -> None:
    """Raises UsageError for an option that can't be a #SBATCH line, or that the script has itself."""
    for option in options:
        if not option.startswith("--") or not option.isprintable():
            raise UsageError(f"--slurm-option {option!r}: write one long option of sbatch, as in '--gres=gpu:1'")
        if option.startswith("--array"):
            raise UsageError(
                f"--slurm-option {option!r}: the array is the sweep's; --array=0-3 after sbatch takes a part"
            )


def _directives(count: int, options: Sequence[str], folder: Path) -> list[str]:
    log = f"{folder}/{LOGS}/".replace("%", "%%") + "%A_%a.log"
    if not log.isprintable() or set('"\\') & set(log):
        raise UsageError(f"--output-dir {str(folder)!r}: Slurm can't write logs to a path with quotes or backslashes")
    own = ["--job-name=umcl-bench", f"--array=0-{count - 1}", "--requeue", "--open-mode=append", f'--output="{log}"']
    return [f"#SBATCH {option}" for option in (*own, *options)]


def _script(lines: Sequence[str], directives: Sequence[str]) -> str:
    head = ["#!/usr/bin/env bash", *directives, "", f"cd {shlex.quote(os.getcwd())} || exit 1"]
    head += [f"export {name}={shlex.quote(value)}" for name, value in environment().items()]
    cases = [f"{at}) exec {line} ;;" for at, line in enumerate(lines)]
    rest = '*) echo "submit this script with sbatch: it is a job array" >&2; exit 2 ;;'
    return "\n".join([*head, "", 'case "${SLURM_ARRAY_TASK_ID:-}" in', *cases, rest, "esac", ""])
