"""Finds the BASELINE and TASK values: built in, in $UMCL_BENCH_PLUGINS, and from installed packages.

A leaf is one file that holds one module-level value; its name is the file's stem with '-' for '_'. Loading a leaf
has no side effect, so listing models and tasks imports no torch.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import pkgutil
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from umcl_bench.errors import BenchError, UsageError, unknown_name
from umcl_bench.spec import ROBUST, SUITES, Baseline, Task, robust
from umcl_bench.variants import with_changes

_V = TypeVar("_V", Baseline, Task)

RELEASED = ("openclip", "hf", "timm", "local")
"""What the name of a released model begins with, before a colon: where its weights come from (models/released)."""


class Leaf(NamedTuple):
    """A model or task, and the file that defines it."""

    value: Any
    file: Path


def list_baselines() -> list[str]:
    """The names of all models, sorted."""
    return sorted(_leaves("baselines"))


def list_tasks() -> list[str]:
    """The names of all tasks, sorted."""
    return sorted(_leaves("tasks"))


def get_baseline(name: str) -> Baseline:
    """The model called `name`, a variant of it ('clip+loss=umcl', umcl_bench/variants.py), or a released one.

    A released model is only named here: its files are looked for when a recipe is made. Raises UsageError, with
    suggestions, where there is none.
    """
    if is_released(name):
        return Baseline(name=name, title="released weights", rows=(), weights="released", released=name)
    plain, *changes = name.split("+")
    return with_changes(_get("model", "baselines", plain, Baseline), changes)


def is_released(name: str) -> bool:
    """Whether `name` is of a released model, as in 'hf:OWNER/NAME'. Raises UsageError for a prefix that is none."""
    prefix, colon, _ = name.partition(":")
    if not colon or "+" in prefix:  # '+loss=module:function' is a variant's
        return False
    if prefix not in RELEASED:
        raise unknown_name("source of released models (what stands before the colon)", prefix, RELEASED)
    return True


def get_task(name: str) -> Task:
    """The task called `name`, or a variant of it ('zeroshot+views=all').

    'robust-' before a task's name is that task on corrupted films. Raises UsageError, with suggestions.
    """
    plain, *changes = name.split("+")
    base = _get("task", "tasks", plain_task(plain), Task)
    try:
        return with_changes(base if base.name == plain else robust(base), changes)
    except ValueError as error:
        raise UsageError(f"{plain}: {error}") from None


def plain_task(name: str) -> str:
    """The task's own name, without a 'robust-' that is none of its file's."""
    return name if name in _leaves("tasks") else name.removeprefix(ROBUST)


def tasks_of_suite(name: str) -> tuple[str, ...]:
    """The names of a suite's tasks, in their order. Raises UsageError, with suggestions, where there is none."""
    if name not in SUITES:
        raise unknown_name("suite", name, SUITES)
    return (*(SUITES[name].tasks or list_tasks()), *SUITES[name].more)


def file_of(kind: str, name: str) -> Path:
    """The file that defines the leaf `name` of 'baselines' or 'tasks'."""
    return _leaves(kind)[name].file


def _get(noun: str, kind: str, name: str, cls: type[_V]) -> _V:
    leaves = _leaves(kind)
    if name not in leaves:
        raise unknown_name(noun, name, leaves)
    value = leaves[name].value
    assert isinstance(value, cls)
    return value


@functools.cache
def _leaves(kind: str) -> dict[str, Leaf]:
    found: dict[str, Leaf] = {}
    for module_name in [*_modules_in_folders(kind), *_modules_of_entry_points(kind)]:
        leaf = _load(kind, module_name)
        if leaf.value.name in found:
            first = found[leaf.value.name].file
            raise BenchError(f"two {kind} are named {leaf.value.name!r}: {first} and {leaf.file}. Rename one of them.")
        found[leaf.value.name] = leaf
    return found


def _modules_in_folders(kind: str) -> list[str]:
    package = importlib.import_module(f"umcl_bench.{kind}")
    seen: dict[str, str] = {}
    for folder in package.__path__:
        for info in pkgutil.iter_modules([folder]):
            if info.name.startswith("_"):
                continue
            if info.name in seen:  # the second would be silently shadowed by the first
                raise BenchError(
                    f"two {kind} are named {info.name.replace('_', '-')!r}: {seen[info.name]}/{info.name}.py and "
                    f"{folder}/{info.name}.py. Rename one of them."
                )
            seen[info.name] = folder
    return [f"umcl_bench.{kind}.{name}" for name in seen]


def _modules_of_entry_points(kind: str) -> list[str]:
    return [point.value for point in importlib.metadata.entry_points(group=f"umcl_bench.{kind}")]


def _load(kind: str, module_name: str) -> Leaf:
    constant, cls = ("BASELINE", Baseline) if kind == "baselines" else ("TASK", Task)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BenchError(
            f"the plug-in {_where(module_name)} could not be loaded: {type(error).__name__}: {error}"
        ) from error
    file = Path(module.__file__ or module_name)
    value = getattr(module, constant, None)
    if not isinstance(value, cls):
        raise BenchError(f"{file} must define {constant} = {cls.__name__}(...); found {type(value).__name__}")
    if value.name != file.stem.replace("_", "-"):
        raise BenchError(f"{file} defines {constant} with the name {value.name!r}; name and file must agree")
    return Leaf(value, file)


def _where(module_name: str) -> str:
    spec = importlib.util.find_spec(module_name)
    return str(spec.origin) if spec and spec.origin else module_name
