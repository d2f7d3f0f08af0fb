"""Frozen values, their digests, and how leaves are found."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from umcl_bench import registry
from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.spec import SIZES, TINY, Baseline, Evidence, Objective, Prompt, Recipe, Task, ZeroShot, digest, to_dict


def test_every_leaf_is_named_like_its_file_and_turns_into_json() -> None:
    assert {"umcl", "clip", "random", "untrained"} <= set(registry.list_baselines())
    assert {"zeroshot", "zeroshot-chexpert"} <= set(registry.list_tasks())
    for kind, names, get in (
        ("baselines", registry.list_baselines(), registry.get_baseline),
        ("tasks", registry.list_tasks(), registry.get_task),
    ):
        for name in names:
            assert registry.file_of(kind, name).stem.replace("_", "-") == name
            value = get(name)
            json.dumps(to_dict(value))
            assert value.title


def test_every_choice_of_umcl_says_where_it_comes_from() -> None:
    umcl = registry.get_baseline("umcl")
    said = {e.field for e in umcl.evidence}
    choices = {f"prompt.{f.name}" for f in dataclasses.fields(Prompt)} | {
        "objective.loss",
        "objective.similarity",
        "rows",
    }
    assert choices <= said
    unknown_to_the_paper = {"objective.similarity", "objective.temperature", "prompt.length", "prompt.position"}
    assert all(e.tag == "inferred" for e in umcl.evidence if e.field in unknown_to_the_paper)


def test_the_digest_is_of_what_can_change_a_figure() -> None:
    umcl = registry.get_baseline("umcl")
    recipe = Recipe(umcl, TINY)
    same = Recipe(dataclasses.replace(umcl, title="another title", evidence=()), TINY)
    assert digest(recipe) == digest(same)
    others = [
        dataclasses.replace(recipe, seed=1),
        dataclasses.replace(recipe, repeat=1),
        dataclasses.replace(recipe, size=SIZES["small"]),
        Recipe(dataclasses.replace(umcl, objective=Objective(loss="umcl", similarity="any")), TINY),
        Recipe(dataclasses.replace(umcl, prompt=Prompt(kind="continuous", length=9)), TINY),
    ]
    assert len({digest(r) for r in [recipe, *others]}) == 6


def test_impossible_values_fail_where_they_are_made() -> None:
    for wrong in (
        lambda: Objective(similarity="cosin"),  # type: ignore[arg-type]
        lambda: Objective(temperature=0.0),
        lambda: Prompt(kind="continuous"),
        lambda: Prompt(length=4),
        lambda: Prompt(negative_share=1.5),
        lambda: Baseline(name="My Model"),
        lambda: Baseline(name="x", rows=("image-sound",)),  # type: ignore[arg-type]
        lambda: Baseline(name="x", evidence=(Evidence("objective.colour", "paper", ""),)),
        lambda: Task(name="x", dataset="", protocol=ZeroShot(), headline="f1"),
        lambda: ZeroShot(positive=("no braces",)),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            wrong()


def test_a_misspelt_name_gets_suggestions() -> None:
    with pytest.raises(UsageError, match=r"no model is named 'umlc'. Did you mean 'umcl'.*There are: clip, "):
        registry.get_baseline("umlc")
    with pytest.raises(UsageError, match=r"no task is named 'zeroshot-chexprt'. Did you mean 'zeroshot-chexpert'"):
        registry.get_task("zeroshot-chexprt")


def test_names_with_commas_are_told_apart() -> None:
    said = str(unknown_name("version", "umcl,64", ["umcl, 64", "umcl, 128"]))
    assert said.endswith("There are: 'umcl, 128', 'umcl, 64'.")


LEAF = '''"""Mine."""
from umcl_bench.spec import Baseline, Objective
def target(films, texts, objective):
    from umcl_bench.objectives.targets import same_pair
    return same_pair(films, texts)
BASELINE = Baseline(name="{name}", title="mine", objective=Objective(loss=f"{{__name__}}:target"))
'''


def list_models(plugins: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "umcl_bench", "list", "models"]
    env = {**os.environ, "UMCL_BENCH_PLUGINS": str(plugins)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_one_file_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "my_clip.py").write_text(LEAF.format(name="my-clip"))
    done = list_models(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "my-clip" in done.stdout


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("clip.py", LEAF.format(name="clip"), "two baselines are named 'clip'"),
        ("mine.py", LEAF.format(name="other"), "name and file must agree"),
        ("mine.py", "BASELINE = 3", "must define BASELINE = Baseline(...); found int"),
        ("mine.py", "import no_such_module", "could not be loaded: ModuleNotFoundError"),
        ("mine.py", "x = (", "could not be loaded: SyntaxError"),
    ],
)
def test_a_wrong_plug_in_is_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / file).write_text(text)
    done = list_models(tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert file in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": "tset"}, "split is 'tset'; it must be one of train, val, test"),
        ({"views": "lateral"}, "views is 'lateral'"),
        ({"metrics": "auroc"}, "metrics is the word 'auroc'; write a tuple: ('auroc',)"),
        ({"protocol": ZeroShot(findings="Edema")}, "protocol.findings is the word 'Edema'"),  # type: ignore[arg-type]
    ],
)
def test_a_slip_in_a_task_is_said_where_it_is_written(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Task(**{"name": "mine", "dataset": "nih", "protocol": ZeroShot(), **fields})
