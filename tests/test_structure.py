"""The shape of the project: layers, packaging, leaves, lazy imports, and sizes."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    ("errors", "values", "progress"),
    ("spec",),
    ("locks", "variants"),
    ("registry", "data"),
    ("metrics",),
    ("models", "objectives"),
    ("training",),
    ("protocols",),
    ("records",),
    ("request",),
    ("plan",),
    ("fit",),
    ("evaluation",),
    ("bench", "examples"),
    ("launch", "validate", "repeat", "report", "report_films"),
    ("sweep",),
    ("ablate",),
    ("cli_options",),
    ("cli_ablate", "cli_data", "cli_models", "cli_records", "cli_report", "cli_sweep", "cli_train", "cli_validate"),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SOURCES = sorted(
    [*(ROOT / "umcl_bench").rglob("*.py"), *(ROOT / "baselines").glob("*.py"), *(ROOT / "tasks").glob("*.py")]
)
LIBRARY = [p for p in SOURCES if p.is_relative_to(ROOT / "umcl_bench") and p != ROOT / "umcl_bench/__init__.py"]
LEAVES = [p for p in SOURCES if p.parent.name in ("baselines", "tasks") and p.name != "__init__.py"]


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "umcl_bench"}
    return names


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    here = path.relative_to(ROOT / "umcl_bench").parts[0].removesuffix(".py")
    for name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] == "umcl_bench" and len(parts) > 1:
            assert RANK[parts[1]] <= RANK[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", LEAVES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_leaf_imports_only_the_spec_at_its_top(path: Path) -> None:
    top = ast.Module([n for n in ast.parse(path.read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)], [])
    assert {name for name in imported(top) if not name.startswith("umcl_bench.spec")} == set()


def test_packages_are_the_folders_on_disk() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    inner = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "umcl_bench").glob("*/**/__init__.py")}
    mapped = {"umcl_bench.baselines": "baselines", "umcl_bench.tasks": "tasks"}
    assert set(settings["packages"]) == {"umcl_bench", *inner, *mapped}
    assert settings["package-dir"] == mapped


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_short_and_devices_are_passed_in(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert ".cuda()" not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["export", "--help"],
        ["validate", "--help"],
        ["ablate", "--help"],
        ["compare", "--help"],
        ["leaderboard", "--help"],
        ["repeat", "--help"],
        ["report", "--help"],
        ["data", "check", "--help"],
        ["data", "explain", "rsna@gloria"],
        ["list", "models"],
        ["list", "tasks"],
        ["list", "data"],
        ["list", "splits"],
        ["list", "suites"],
        ["show", "umcl"],
        ["show", "zeroshot+views=all"],
    ],
)
def test_help_and_listings_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['umcl-bench', *sys.argv[1:]]\n"
        "from umcl_bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'timm', 'transformers', 'pandas', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_has_every_module_and_no_generic_name(tmp_path: Path) -> None:
    """Built without isolation, from the setuptools of the test extra."""
    import shutil
    import zipfile

    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(copy),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in n}
    expected = {str(p.relative_to(ROOT)) for p in (ROOT / "umcl_bench").rglob("*.py")} | {"umcl_bench/py.typed"}
    expected |= {str(p.relative_to(ROOT)) for ext in ("csv", "j2") for p in (ROOT / "umcl_bench").rglob(f"*.{ext}")}
    expected |= {
        f"umcl_bench/{p.relative_to(ROOT)}" for kind in ("baselines", "tasks") for p in (ROOT / kind).glob("*.py")
    }
    assert names == expected
