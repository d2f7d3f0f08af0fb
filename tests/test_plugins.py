"""The examples that the README tells a person to copy: as files in $UMCL_BENCH_PLUGINS, and in an installed package."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import write_folder
from tests.test_cli import COMMAND, environment
from umcl_bench.data.corpus import Corpus

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
SHORT = (
    "\nimport dataclasses\nfrom umcl_bench import spec\n"
    "_optim = dataclasses.replace(spec.TINY.optim, batch=32, films_seen=192)\n"
    "spec.SIZES['tiny'] = dataclasses.replace(spec.TINY, optim=_optim)\n"
)
"""A plug-in may shrink the budget, too."""


def example(heading: str) -> str:
    """The first code block under a heading of the README."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return section.split("```python\n", 1)[1].split("```", 1)[0]


def run(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], env=environ, capture_output=True, text=True, check=False)


@pytest.fixture
def by_folder(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "plugins"
    for kind in ("baselines", "tasks"):
        (folder / kind).mkdir(parents=True)
    (folder / "baselines" / "my_clip.py").write_text(example("Add a model") + SHORT)
    (folder / "tasks" / "zeroshot_edema.py").write_text(example("Add a task"))
    return {**environment(tmp_path), "UMCL_BENCH_PLUGINS": str(folder)}


@pytest.fixture
def by_entry_point(tmp_path: Path) -> dict[str, str]:
    """What pip leaves of a package that has entry points: its modules, and a .dist-info beside them."""
    site = tmp_path / "site"
    package, info = site / "their_lab", site / "their_lab-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "my_clip.py").write_text(example("Add a model") + SHORT)
    (package / "zeroshot_edema.py").write_text(example("Add a task"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[umcl_bench.baselines]\nmy-clip = their_lab.my_clip\n"
        "[umcl_bench.tasks]\nzeroshot-edema = their_lab.zeroshot_edema\n"
    )
    return {**environment(tmp_path), "PYTHONPATH": str(site)}


@pytest.mark.parametrize("way", ["by_folder", "by_entry_point"])
def test_the_readmes_model_and_task_run(
    tmp_path: Path, phantom: Corpus, way: str, request: pytest.FixtureRequest
) -> None:
    environ = request.getfixturevalue(way)
    folder = write_folder(tmp_path / "films", phantom)
    for what, name in (("models", "my-clip"), ("tasks", "zeroshot-edema")):
        assert name in run(environ, "list", what).stdout
    words = ["--model", "my-clip", "--task", "zeroshot-edema", "--data", str(folder)]
    done = run(environ, "run", *words)
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "runs" / "records").iterdir()
    result = json.loads((record / "result.json").read_text())
    assert result["model"]["name"] == "my-clip"
    assert result["model"]["recipe"]["code"]  # the digest of the file with the targets
    assert set(result["metrics"]["auroc"]) == {"Edema", "macro"}
    variant = run(environ, "run", *words[:1], "my-clip+temperature=0.1", *words[2:], "--plan")
    assert variant.returncode == 0, variant.stderr
