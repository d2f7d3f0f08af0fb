"""A training's state on disk: what it takes to go on as if nothing had happened.

A folder a step, `step-00000120`, with the tensors (weights, optimiser, best weights) as safetensors, the rest and the
digest of what the state belongs to as JSON, and the checksums of both as `sha256sum -c` reads them. It is written
beside, synced and renamed; the one before stays until the next is whole. Generators need no state: each is seeded by
its step.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from umcl_bench.errors import BenchError
from umcl_bench.progress import Reporter

TENSORS, FACTS, SUMS = "state.safetensors", "state.json", "SHA256SUMS"
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
    try:
        for left in folder.glob(".step-*.part"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir(parents=True)
        _write(part, state, belongs_to)
        shutil.rmtree(final, ignore_errors=True)  # a damaged one: nobody goes on from a step and comes to it again
        part.rename(final)
        _sync(folder)
    except (OSError, SafetensorError) as error:
        raise BenchError(
            f"the training's state of step {state.step} could not be written to {folder} ({error}); the one before is "
            "kept. Make room, or name another --store, and the same command goes on"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for old in _states(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def _write(part: Path, state: State, belongs_to: str) -> None:
    save_file({name: tensor.cpu().contiguous() for name, tensor in state.tensors.items()}, part / TENSORS)
    facts = {"digest": belongs_to, "step": state.step, "facts": state.facts}
    (part / FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")
    (part / SUMS).write_text(_sums(part), encoding="utf-8")
    for path in (*(part / name for name in (TENSORS, FACTS, SUMS)), part):
        _sync(path)


def load_state(
    folder: Path, belongs_to: str, reporter: Reporter, check: Callable[[State], None] = lambda state: None
) -> State | None:
    """The newest whole state, or None where there is none.

    A damaged one, or one that `check` raises an error of Python's own for, is warned of by name, and the one before is
    taken. Raises BenchError where all are damaged, and for one that belongs to another recipe or corpus.
    """
    found = _states(folder)
    for path in found:
        try:
            state = _load(path, belongs_to)
            check(state)
            return state
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            what = str(error) if isinstance(error, (OSError, ValueError, SafetensorError)) else repr(error)
            reporter.warn(f"the training's state {path} is damaged ({what}); the one before it would do")
    if found:
        raise BenchError(f"every state of the unfinished training {folder} is damaged; remove it to begin anew")
    return None


def check_tensors(tensors: Mapping[str, Tensor], needed: Mapping[str, Tensor]) -> None:
    """Raises ValueError where the tensors are not those of `needed`, by names, shapes and types."""
    if missing := [name for name in needed if name not in tensors]:
        raise ValueError(f"it lacks {missing[0]}")
    for name, tensor in tensors.items():
        if name not in needed:
            raise ValueError(f"{name} is none of this model's")
        if tensor.shape != needed[name].shape or tensor.dtype != needed[name].dtype:
            was, wanted = (f"{t.dtype} {tuple(t.shape)}".removeprefix("torch.") for t in (tensor, needed[name]))
            raise ValueError(f"{name} is {was}, not {wanted}")


def surroundings(device: torch.device, precision: torch.dtype, processes: int) -> dict[str, object]:
    """What a training's last bits depend on beside its recipe and corpus, by the names that a person knows."""
    gpu = device.type == "cuda"
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if gpu else f"cpu {torch.backends.cpu.get_cpu_capability()}",
        "precision": str(precision).removeprefix("torch."),
        "processes": processes,
        "threads": torch.get_num_threads(),
    }


def _load(path: Path, belongs_to: str) -> State:
    if (path / SUMS).read_text(encoding="utf-8") != _sums(path):
        raise ValueError("it is not what was written")
    facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
    if facts["digest"] != belongs_to:
        raise BenchError(f"the state {path} belongs to another recipe or corpus; move it away and run again")
    if path.name != f"step-{facts['step']:08d}":
        raise ValueError(f"it is of step {facts['step']}")
    return State(facts["step"], load_file(path / TENSORS), dict(facts["facts"]))


def _states(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted((f for f in folder.glob("step-*") if f.is_dir()), reverse=True) if folder.is_dir() else []


def _sums(folder: Path) -> str:
    return "".join(f"{_sha256(folder / name)}  {name}\n" for name in (TENSORS, FACTS))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
