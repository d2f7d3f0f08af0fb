"""Plug-ins by their path, names, and what is neither; through the command line."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.errors import BenchError
from umcl_bench.validate import leaves
from umcl_bench.validate.run import OF_MODELS

MODEL = '''"""Mine."""

from umcl_bench.spec import Baseline, Objective


def targets(films, texts, objective):
    from umcl_bench.objectives.targets import same_pair, shared_claims

    return same_pair(films, texts) + 0.5 * (shared_claims(films, texts) > 0)


BASELINE = Baseline(name="my-clip", title="mine", objective=Objective(loss=f"{__name__}:targets"), uses_labels=True)
'''
TASK = '''"""Mine."""
from umcl_bench.spec import Task, ZeroShot
TASK = Task(name="my-task", title="mine", dataset="rsna", protocol=ZeroShot(findings=("Pneumonia",)))
'''


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    for kind, name, text in (("baselines", "my_clip.py", MODEL), ("tasks", "my_task.py", TASK)):
        (tmp_path / "plugins" / kind).mkdir(parents=True)
        (tmp_path / "plugins" / kind / name).write_text(text)
    return tmp_path / "plugins"


def test_a_folder_of_plug_ins_passes(quick: Quick, plugins: Path) -> None:
    code, out, err = quick("validate", str(plugins), "--json")
    assert (code, err) == (0, ""), out
    found = json.loads(out)
    assert (found["passed"], found["data"]) == (True, "phantom")
    model, mine = found["leaves"]
    assert (model["name"], model["kind"], mine["name"], mine["kind"]) == ("my-clip", "model", "my-task", "task")
    assert len(model["checks"]) == 4 + len(OF_MODELS)
    states = {check["name"]: check["state"] for check in model["checks"]}
    assert states.pop("evidence") == "warning"
    assert set(states.values()) == {"pass"}
    assert "my-clip" not in registry.list_baselines()  # it was only looked at
    assert quick("list", "models")[0] == 0


def test_one_file_and_a_name_as_a_table(quick: Quick, plugins: Path) -> None:
    code, out, err = quick("validate", str(plugins / "tasks" / "my_task.py"), "-q")
    assert (code, err) == (0, "")
    assert "task my-task" in out
    assert "PHANTOM (synthetic films, no patients)" in out
    code, out, err = quick("validate", "random")
    assert code == 0
    assert "validating random" in err
    assert "PHANTOM" in out


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("baselines/clip.py", MODEL.replace("my-clip", "clip"), "has this name already"),
        ("baselines/other.py", MODEL, "it is called 'my-clip', its file other.py; name and file must agree"),
        ("baselines/mine.py", "BASELINE = 3", "it must define BASELINE = Baseline(...); found int"),
        (
            "baselines/mine.py",
            "import no_such_module\nBASELINE = 3",
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("baselines/mine.py", "x = (", "SyntaxError"),
        ("tasks/mine.py", "raise SystemExit\nTASK = 1", "it ends the program"),
        ("tasks/my_task.py", f"import pandas\n{TASK}", "loading it imports pandas"),
    ],
)
def test_files_that_are_wrong(quick: Quick, tmp_path: Path, file: str, text: str, message: str) -> None:
    path = tmp_path / "p" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with leaves.leaves_of(str(tmp_path / "p")) as (leaf,):
        found = [check for check in leaves.check_file(leaf) if check.state == "fail"]
    assert message in found[0].seen
    assert found[0].advice
    if leaf.error:  # the rest is not looked at
        code, out, _ = quick("validate", str(path), "--json")
        assert code == 1
        assert message in json.loads(out)["leaves"][0]["checks"][0]["seen"]


def test_what_else_a_file_imports_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "my_task.py"
    path.write_text(f"import math\n{TASK}")
    with leaves.leaves_of(str(path)) as (leaf,):
        _, found = leaves.check_file(leaf)
    assert found.state == "warning"
    assert found.seen == "it imports math at its top"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("umlc", "no model or task is named 'umlc'. Did you mean 'umcl'"),
        ("zeroshot-chexprt", "no model or task is named 'zeroshot-chexprt'. Did you mean 'zeroshot-chexpert'"),
        ("clp+loss=umcl", "no model or task is named 'clp'. Did you mean 'clip'"),
        ("clip+los=umcl", "no field is named 'los'. Did you mean 'loss'"),
        ("zeroshot+splt=val", "no field is named 'splt'. Did you mean 'split'"),
        ("opnclip:x", "Did you mean 'openclip'"),
        ("local:nowhere", "there is no such folder or file"),
        ("nowhere/mine.py", "nowhere/mine.py: there is no such file or folder"),
        ("", "the name is empty"),
    ],
)
def test_what_is_not_there(quick: Quick, what: str, message: str) -> None:
    code, out, err = quick("validate", what)
    assert (code, out) == (2, "")
    assert message in err


def test_folders_and_files_that_hold_no_plug_in(quick: Quick, plugins: Path, tmp_path: Path) -> None:
    shutil.rmtree(plugins / "tasks")
    (plugins / "baselines" / "my_clip.py").rename(plugins / "baselines" / "_my_clip.py")
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "a.py").write_text("X = 1")
    for path, message in (
        (plugins, "holds no plug-in"),
        (tmp_path / "a.txt", "no Python file"),
        (tmp_path / "a.py", "neither"),
    ):
        code, _, err = quick("validate", str(path))
        assert code == 2
        assert message in err


def test_a_path_is_looked_at_though_another_plug_in_hides_all_names(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[str]:
        raise BenchError("the plug-in /else/bad.py could not be loaded")

    monkeypatch.setattr(registry, "list_baselines", broken)
    with leaves.leaves_of(str(plugins)) as (model, _):
        found = leaves.file_loads(model)
    assert (model.name, found.state) == ("my-clip", "fail")
    assert "/else/bad.py" in found.seen
    with pytest.raises(BenchError, match="could not be loaded"), leaves.leaves_of("clip"):
        pass
