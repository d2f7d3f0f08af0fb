"""What `validate` is given: a model's or task's name, or a plug-in's file or folder; and checks of a leaf's file."""

from __future__ import annotations

import ast
import contextlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umcl_bench import registry
from umcl_bench.errors import BenchError, UsageError, unknown_name
from umcl_bench.spec import Baseline, Task
from umcl_bench.validate.checks import Check, Seen, check, failed, in_words, listed, passed

CONSTANTS = {"baselines": "BASELINE", "tasks": "TASK"}
HEAVY = ("torch", "timm", "transformers", "pandas", "sklearn", "scipy", "matplotlib")


@dataclass(frozen=True)
class Leaf:
    """A value with its file, where it has one; or the error that came instead of a value."""

    kind: str
    value: Any
    file: Path | None
    error: str = ""

    @property
    def name(self) -> str:
        """Its own name, or its file's."""
        return str(self.value.name) if isinstance(self.value, Baseline | Task) else self.file.stem if self.file else ""


@contextlib.contextmanager
def leaves_of(given: str) -> Iterator[list[Leaf]]:
    """The leaves that a name or a path means; modules of a path are forgotten on leaving.

    Raises UsageError, with suggestions from models and tasks, where there is none.
    """
    path = Path(given)
    try:
        named = list(_named(given))
    except BenchError as error:  # a plug-in that hides all names may be what is to be looked at
        if isinstance(error, UsageError) or not path.exists():
            raise
        named = []
    if named:
        yield named
    elif path.is_file() or path.is_dir():
        with _importable(path) as files:
            yield [_load(kind, file) for kind, file in files]
    elif path.suffix == ".py" or "/" in given.partition("+")[0]:
        raise UsageError(f"{given}: there is no such file or folder")
    else:
        plain = given.partition("+")[0]
        raise unknown_name("model or task", plain, [*registry.list_baselines(), *registry.list_tasks()])


def _named(given: str) -> Iterator[Leaf]:
    if not given:
        raise UsageError("the name is empty; see `umcl-bench list models` and `umcl-bench list tasks`")
    plain = given.partition("+")[0]
    if ":" in plain:
        yield Leaf("model", registry.get_baseline(given), None)
        return
    if plain in registry.list_baselines():
        file = registry.file_of("baselines", plain) if plain == given else None
        yield Leaf("model", registry.get_baseline(given), file)
    own = registry.plain_task(plain)
    if own in registry.list_tasks():
        yield Leaf("task", registry.get_task(given), registry.file_of("tasks", own) if own == given else None)


@contextlib.contextmanager
def _importable(path: Path) -> Iterator[list[tuple[str, Path]]]:
    """Leaves' kinds and files, which can be imported until the end as they would be from $UMCL_BENCH_PLUGINS."""
    files = _files(path.resolve())
    before, added = set(sys.modules), []
    importlib.invalidate_caches()  # the file may be new
    for kind in sorted({kind for kind, _ in files}):
        package = importlib.import_module(f"umcl_bench.{kind}")
        folder = str(next(file.parent for of, file in files if of == kind))
        if folder not in package.__path__:
            package.__path__.append(folder)
            added.append((package, folder))
    try:
        yield files
    finally:
        for package, folder in added:
            package.__path__.remove(folder)
        for kind, file in files:
            name = f"umcl_bench.{kind}.{file.stem}"
            if name not in before:
                sys.modules.pop(name, None)
                vars(sys.modules[f"umcl_bench.{kind}"]).pop(file.stem, None)


def _files(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        if path.suffix != ".py":
            raise UsageError(f"{path} is no Python file; a plug-in is one with BASELINE or TASK")
        return [(_kind_of(path), path)]
    found = [
        (kind, file)
        for kind in CONSTANTS
        for file in sorted((path / kind).glob("*.py"))
        if not file.name.startswith("_")
    ]
    if not found:
        raise UsageError(f"{path} holds no plug-in: looked for baselines/*.py and tasks/*.py")
    return found


def _kind_of(path: Path) -> str:
    """Which constant a file defines; its folder's name, where it can't be read."""
    with contextlib.suppress(SyntaxError, ValueError):
        names = {
            target.id
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        kinds = [kind for kind, constant in CONSTANTS.items() if constant in names]
        if len(kinds) == 1:
            return kinds[0]
        what = "both BASELINE and TASK" if kinds else "neither BASELINE nor TASK"
        raise UsageError(f"{path} defines {what}; a plug-in is one file with one of them")
    return "tasks" if path.parent.name == "tasks" else "baselines"


def _load(kind: str, file: Path) -> Leaf:
    """A file's leaf, as the registry would load it; what is wrong with it instead."""
    noun = "model" if kind == "baselines" else "task"
    constant, cls = CONSTANTS[kind], Baseline if kind == "baselines" else Task
    try:
        module = importlib.import_module(f"umcl_bench.{kind}.{file.stem}")
    except (Exception, SystemExit) as error:
        text = in_words(error) if isinstance(error, Exception) else "it ends the program"
        return Leaf("plug-in", None, file, f"it can't be loaded: {text}")
    if Path(module.__file__ or "").resolve() != file:
        return Leaf(
            "plug-in", None, file, f"{module.__file__} has this name already, and would hide it: rename the file"
        )
    value = getattr(module, constant, None)
    if not isinstance(value, cls):
        found = type(value).__name__
        return Leaf("plug-in", None, file, f"it must define {constant} = {cls.__name__}(...); found {found}")
    return Leaf(noun, value, file)


@check("file", "A plug-in is one file with BASELINE = Baseline(...) or TASK = Task(...); its stem is the name.")
def file_loads(leaf: Leaf) -> Seen:
    """The file can be loaded, agrees with its name, and hides no other leaf."""
    if leaf.error or leaf.file is None:
        return failed(leaf.error)
    if leaf.name != leaf.file.stem.replace("_", "-"):
        return failed(f"it is called {leaf.name!r}, its file {leaf.file.name}; name and file must agree ('-' for '_')")
    kind = "baselines" if leaf.kind == "model" else "tasks"
    listed_names = registry.list_baselines() if leaf.kind == "model" else registry.list_tasks()
    if leaf.name in listed_names and registry.file_of(kind, leaf.name).resolve() != leaf.file.resolve():
        return failed(f"{registry.file_of(kind, leaf.name)} is called {leaf.name!r} too; rename one of them")
    return passed(f"{leaf.file.name} defines {leaf.name}")


@check(
    "imports", "Import umcl_bench.spec alone at the top of the file, and all else inside the functions that need it."
)
def imports(leaf: Leaf) -> Seen:
    """Listing models and tasks loads each leaf, and must stay quick: nothing heavy is imported."""
    assert leaf.file is not None
    loaded = _heavy_modules(leaf.file)
    if loaded:
        return failed(f"loading it imports {listed(loaded)}: `umcl-bench list` would take seconds")
    others = sorted(name for name in _imported(leaf.file) if not name.startswith("umcl_bench.spec"))
    if others:
        return Seen("warning", f"it imports {listed(others)} at its top")
    return passed("it imports umcl_bench.spec alone")


def _imported(file: Path) -> set[str]:
    """Modules that are imported outside of functions."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return names - {"__future__"}


_LIST_HEAVY = """
import importlib.util, sys
import umcl_bench.spec
spec = importlib.util.spec_from_file_location("leaf", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["leaf"] = module
spec.loader.exec_module(module)
print("heavy:", *sorted(set(sys.argv[2:]) & set(sys.modules)))
"""


def _heavy_modules(file: Path) -> list[str]:
    """What loading the file imports of the heavy modules, in a process of its own: here they are loaded already."""
    command = [sys.executable, "-c", _LIST_HEAVY, str(file), *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise BenchError(f"it can't be loaded on its own: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip().splitlines()[-1].removeprefix("heavy:").split()


def check_file(leaf: Leaf) -> tuple[Check, ...]:
    """The checks of a leaf's file; none where it has no file."""
    if leaf.file is None:
        return ()
    first = file_loads(leaf)
    return (first,) if leaf.error else (first, imports(leaf))
