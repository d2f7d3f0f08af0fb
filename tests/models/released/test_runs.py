"""A released model in the place of a trained one: from its name to a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Quick
from tests.models.released.writing import to_cache, write_transformers
from umcl_bench import registry
from umcl_bench.errors import UsageError

TASK = ("--task", "zeroshot-chexpert")


def test_a_local_folder_makes_a_record_that_names_its_weights(quick: Quick, tmp_path: Path) -> None:
    write_transformers(tmp_path / "m")
    name = f"local:{tmp_path / 'm'}"
    code, out, err = quick("run", "--model", name, *TASK)
    assert code == 0, err
    assert "local:m#" in out
    (path,) = (tmp_path / "runs" / "records").glob("local-m-*-released-s0-zeroshot-chexpert-phantom-*/result.json")
    result = json.loads(path.read_text())
    assert result["training"]["released"].startswith("transformers#")
    assert result["model"]["recipe"]["baseline"]["released"] == result["training"]["released"]
    assert result["command"] == f"umcl-bench run --model {name} --task zeroshot-chexpert"
    assert any("leaks can't be looked for" in warning for warning in result["warnings"])
    assert result["leaks"]["labels_seen"] == []
    code, _, err = quick("run", "--model", name, *TASK)
    assert "this run is on record" in err
    code, out, _ = quick("run", "--model", f"{name},random", *TASK, "--plan")
    assert "on record" in out


def test_a_repository_makes_a_record_whose_command_names_its_commit(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    write_transformers(tmp_path / "m", "siglip")
    commit = to_cache(tmp_path / "hub", "someone/siglip", tmp_path / "m")
    code, _, err = quick("run", "--model", "hf:someone/siglip", *TASK)
    assert code == 0, err
    (path,) = (tmp_path / "runs" / "records").glob("hf-someone-siglip-*/result.json")
    words = json.loads(path.read_text())["command"].split()
    assert words[:4] == ["umcl-bench", "run", "--model", f"hf:someone/siglip@{commit}"]
    code, _, err = quick(*words[1:])
    assert "this run is on record" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "locl:x", *TASK), "Did you mean 'local'"),
        (("--model", "local:/nowhere", *TASK), "there is no such folder"),
        (("--model", "hf:justaname", *TASK), "write hf:OWNER/NAME"),
        (("--model", "local:EMPTY", *TASK), "the folder is empty"),
        (("--model", "local:HERE", *TASK, "--batch", "64"), "leave out --batch"),
        (("--model", "local:HERE", *TASK, "--loss", "umcl"), "is not trained"),
    ],
)
def test_wrong_names_and_options_are_told_before_any_work(
    quick: Quick, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_transformers(tmp_path / "m")
    (tmp_path / "empty").mkdir()
    given = [a.replace("HERE", str(tmp_path / "m")).replace("EMPTY", str(tmp_path / "empty")) for a in arguments]
    code, _, err = quick("run", *given)
    assert (code, message in err) == (2, True), err
    assert not (tmp_path / "runs").exists()


def test_released_names_are_told_from_others() -> None:
    assert registry.is_released("hf:a/b")
    assert registry.is_released("local:x+y=z")
    assert not registry.is_released("clip+loss=my.module:function")
    with pytest.raises(UsageError, match="no model is named"):
        registry.get_baseline("clp")
