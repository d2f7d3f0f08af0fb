"""Weights of released models: read as data, never run, and loaded whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from umcl_bench.errors import BenchError

State = dict[str, Tensor]

COUNTERS = r"(.*\.)?(position_ids|num_batches_tracked|relative_position_index|attn_mask)"
"""Buffers that hold no weight: a batch norm's counter, places numbered from 0, a causal mask."""

_INERT = re.compile(
    r"(omegaconf|pytorch_lightning|lightning|typing|pathlib|numpy\.core\.multiarray|numpy\._core\.multiarray)\..*"
    r"|numpy\.(dtype|ndarray)|argparse\.Namespace|collections\.defaultdict"
    r"|builtins\.(bool|bytes|dict|float|int|list|object|set|str|tuple)"
)
_SHOWN = 12


class Fit(NamedTuple):
    """How many weights of a file were loaded, and the names of those that were left out by design."""

    loaded: int
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = ", ".join(self.left_out[:_SHOWN]) + (", ..." if len(self.left_out) > _SHOWN else "")
        return f"{self.loaded} loaded, {len(self.left_out)} left out by design{f': {names}' if names else ''}"


class _Inert:
    """What stands for a setting that a trainer pickled beside the weights: it keeps nothing and does nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


def read_state(path: Path, *, mapped: bool = False) -> State:
    """The tensors in a file by name; what a trainer wrapped around them is taken off.

    A pickle is read with torch's weights_only unpickler, which calls nothing; the settings of OmegaConf and Lightning
    become inert. `mapped` leaves the bytes on the disk until they are used. Raises BenchError for all else.
    """
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise BenchError(f"{path} can't be read as safetensors: {error}") from None
    found = _unpickle(path, mapped)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found or not all(isinstance(v, Tensor) for v in found.values()):
        raise BenchError(f"{path} holds no weights by name (a state_dict)")
    state = {str(name): value for name, value in found.items()}
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return state


def _unpickle(path: Path, mapped: bool) -> Any:
    zipped = zipfile.is_zipfile(path)  # torch writes zip files since 1.6
    try:
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipped else []
        inert = [name for name in unknown if _INERT.fullmatch(name)]
        if len(inert) < len(unknown):
            names = ", ".join(sorted(set(unknown) - set(inert))[:_SHOWN])
            raise BenchError(
                f"{path} is a pickle that calls {names}: loading it would run its code, so it is refused. "
                "Where you trust it, convert it to safetensors in an environment of its own."
            )
        with torch.serialization.safe_globals([(_Inert, name) for name in inert]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=(mapped and zipped) or None)
    except BenchError:
        raise
    except Exception as error:  # torch, zipfile and pickle raise what they like
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise BenchError(f"{path} can't be read as weights: {first}") from None


def load_strict(module: nn.Module, state: State, what: str, unused: Iterable[str] = ()) -> Fit:
    """Loads `state` into `module`; returns how many weights, and which were left out.

    Raises BenchError with the names that are missing, surplus or of another shape.
    `unused` are patterns of names that the released file has and that no embedding depends on.
    """
    wanted = module.state_dict()
    given = tuple(state)
    state = _without(state, [*unused, COUNTERS], keep=wanted)
    missing = [name for name in wanted if name not in state and not re.fullmatch(COUNTERS, name)]
    shapes = [
        f"{name} {tuple(value.shape)}, not {tuple(wanted[name].shape)}"
        for name, value in state.items()
        if name in wanted and value.shape != wanted[name].shape
    ]
    refuse(what, missing, [name for name in state if name not in wanted], shapes)
    module.load_state_dict(state, strict=False)
    return Fit(len(state), tuple(name for name in given if name not in state))


def load_transformers(
    cls: Any, config: Any, state: State, what: str, unused: Iterable[str] = (), **options: Any
) -> tuple[Any, Fit]:
    """A model of transformers with these weights, whose older names it knows; strict as `load_strict`. And its Fit."""
    kept = _without(state, [*unused, COUNTERS], keep=())
    with quiet_transformers():
        model, info = cls.from_pretrained(
            None, config=config, state_dict=kept, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    shapes = [f"{name} {tuple(found)}, not {tuple(wanted)}" for name, found, wanted in sorted(info["mismatched_keys"])]
    refuse(what, sorted(info["missing_keys"]), sorted(info["unexpected_keys"]), [*shapes, *info["error_msgs"]])
    return model.float(), Fit(len(kept), tuple(name for name in state if name not in kept))


def refuse(what: str, missing: list[str], surplus: list[str], shapes: list[str]) -> None:
    """Raises BenchError where a list has an item; the first dozen of each are named, and all are counted."""
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''})"
        for kind, names in (("missing", missing), ("surplus", surplus), ("of another shape", shapes))
        if names
    ]
    if parts:
        raise BenchError(f"{what}: the weights do not fit the model, {'; '.join(parts)}")


def part_of(state: State, prefix: str) -> State:
    """The weights whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _without(state: State, patterns: Iterable[str], keep: Iterable[str]) -> State:
    known, dropped = set(keep), re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return {name: value for name, value in state.items() if name in known or not dropped.fullmatch(name)}


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keeps transformers from reporting and drawing bars; its settings are as before on leaving."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def digest_files(files: Iterable[Path], settings: str = "") -> str:
    """Sixteen hexadecimal digits of the SHA-256 over the files' bytes, in the order of their names, and `settings`."""
    total = hashlib.sha256(settings.encode())
    for path in sorted(files, key=lambda p: p.name):
        status = path.stat()
        total.update(_digest_file(path.resolve(), status.st_size, status.st_mtime_ns).encode())
    return total.hexdigest()[:16]


@functools.lru_cache(maxsize=256)
def _digest_file(path: Path, size: int, changed: int) -> str:
    """`size` and `changed` are for the cache: a file that changes is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
