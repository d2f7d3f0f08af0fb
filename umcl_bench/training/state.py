"""A training's state on disk: what it takes to go on as if nothing had happened.

A folder a step, `step-00000120`, with the tensors (weights, optimiser, best weights) as safetensors and the rest as
JSON, which holds the digest of what the state belongs to and the checksum of the tensors. It is written beside, synced
and renamed; the one before stays until the next is whole. Generators need no state: each is seeded by its step.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from umcl_bench.errors import BenchError
from umcl_bench.progress import Reporter

TENSORS, FACTS = "state.safetensors", "state.json"
KEPT = 2


class State(NamedTuple):
    """Tensors by name, and facts as JSON data, of a training after `step` steps."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save_state(folder: Path, state: State, belongs_to: str) -> Path:
    """Writes the state whole or not at all, and leaves it and the one before. Raises BenchError on a full disk."""
    final = folder / f"step-{state.step:08d}"
    part = folder / f".{final.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        try:
            save_file({name: tensor.cpu().contiguous() for name, tensor in state.tensors.items()}, part / TENSORS)
        except SafetensorError as error:
            raise BenchError(f"the training's state could not be written to {folder}: {error}") from error
        facts = {"digest": belongs_to, "step": state.step, "sha256": _sha256(part / TENSORS), "facts": state.facts}
        (part / FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")
        for name in (TENSORS, FACTS):
            _sync(part / name)
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
        _sync(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for old in _states(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load_state(folder: Path, belongs_to: str, reporter: Reporter) -> State | None:
    """The newest whole state, or None where there is none.

    A damaged one is warned of by name, and the one before is taken. Raises BenchError where all are damaged, and for
    one that belongs to another recipe or corpus.
    """
    found = _states(folder)
    for path in found:
        try:
            return _load(path, belongs_to)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            reporter.warn(f"{path} is damaged ({str(error) or type(error).__name__}); the state before it is used")
    if found:
        raise BenchError(f"every state of the unfinished training {folder} is damaged; remove it to begin anew")
    return None


def _load(path: Path, belongs_to: str) -> State:
    facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
    if facts["digest"] != belongs_to:
        raise BenchError(f"{path} belongs to another recipe or corpus; move it away and run again")
    if _sha256(path / TENSORS) != facts["sha256"]:
        raise ValueError(f"{TENSORS} is not what was written")
    return State(int(facts["step"]), load_file(path / TENSORS), dict(facts["facts"]))


def _states(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted((f for f in folder.glob("step-*") if f.is_dir()), reverse=True) if folder.is_dir() else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
