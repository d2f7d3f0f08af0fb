"""Settings, sizes, towers and losses by the command line: what is planned, what is refused, and what is on record."""

import dataclasses
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.conftest import Quick
from umcl_bench import plan, registry, spec
from umcl_bench.cli_options import model_names
from umcl_bench.errors import UsageError
from umcl_bench.plan import make_recipe
from umcl_bench.request import Request, command

TASK = ("--task", "zeroshot-chexpert")


@pytest.fixture(autouse=True)
def no_towers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without pretrained towers."""
    monkeypatch.delenv("UMCL_BENCH_TOWERS", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def published(monkeypatch: pytest.MonkeyPatch) -> spec.Size:
    """A size that clip's paper is made to name."""
    size = dataclasses.replace(spec.TINY, name="paper", dim=24)
    clip = dataclasses.replace(registry.get_baseline("clip"), published=size)
    monkeypatch.setattr(plan, "get_baseline", lambda name: clip)
    return size


@pytest.mark.parametrize("more", [(), ("--plan",)])
def test_base_without_towers_ends_before_any_work(quick: Quick, tmp_path: Path, more: tuple[str, ...]) -> None:
    code, out, err = quick("run", "--size", "base", "--model", "clip", *TASK, *more)
    assert (code, out) == (2, "")
    for part in ("timm/resnet50.tv_in1k", "emilyalsentzer/Bio_ClinicalBERT", "UMCL_BENCH_TOWERS", "--init scratch"):
        assert part in err
    assert not any((tmp_path / name).exists() for name in ("cache", "runs"))


def test_base_from_random_weights_needs_no_towers(quick: Quick) -> None:
    code, out, err = quick("run", "--size", "base", "--model", "clip", *TASK, "--init", "scratch", "--plan")
    assert code == 0, err
    assert "run clip-base-s0" in out
    assert "20,000 steps of 128 rows" in out
    assert "towers  from random weights" in out


def test_a_control_without_towers_needs_none() -> None:
    recipe = make_recipe(Request("random", "zeroshot-chexpert", size="base"))
    assert (recipe.init, recipe.towers) == ("scratch", "")


def test_image_towers_of_base_are_told_apart() -> None:
    chosen = {
        tower: make_recipe(Request("clip", "", size="base", image_tower=tower, init="scratch")).size
        for tower in ("", *spec.IMAGE_TOWERS)
    }
    assert chosen["resnet50"] == chosen[""] == spec.BASE
    assert [size.name for size in chosen.values()] == ["base", "base", "base-swin-t", "base-vit-b-16"]
    assert len({size.image.weights for size in chosen.values()}) == 3


def test_the_papers_own_setting_is_another_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    size = published(monkeypatch)
    recipes = [make_recipe(Request("clip", "", setting=setting)) for setting in ("controlled", "paper")]
    assert [recipe.setting for recipe in recipes] == ["controlled", "paper"]
    assert recipes[1].size == size
    assert spec.digest(recipes[0]) != spec.digest(recipes[1])
    assert spec.digest(recipes[0].baseline) == spec.digest(dataclasses.replace(recipes[0].baseline, published=None))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--setting", "paper", "--model", "umcl"), "no --setting paper for umcl.*arXiv 2307.05920"),
        (("--setting", "paper", "--model", "random"), "no --setting paper for random.*it is of no paper"),
        (("--setting", "paper", "--size", "base"), "leave --size and --image-tower out"),
        (("--setting", "papre"), "Did you mean 'paper'"),
        (("--init", "scrach"), "Did you mean 'scratch'"),
        (("--init", "pretrained"), "size tiny has no pretrained towers"),
        (("--image-tower", "swin-t"), "size tiny has a tower of its own"),
        (("--image-tower", "swin", "--size", "base"), "Did you mean 'swin-t'"),
        (("--size", "bse"), "Did you mean 'base'"),
        (("--loss", "umlc"), "no loss is named 'umlc'. Did you mean 'umcl'"),
        (("--loss", "umcl", "--model", "random"), "random is not trained"),
        (("--loss", "umcl", "--model", "clip+loss=unicl"), "loss is changed twice"),
        (("--loss", "umcl", "--model", "clpi"), "Did you mean 'clip'"),
        (("--loss", "none"), "its one term is 'labels'"),
        (("--loss", "umcl", "--model", "label-bce"), "label-bce has no text tower, and so no contrastive loss"),
    ],
)
def test_what_does_not_exist_or_fit_is_said(quick: Quick, arguments: tuple[str, ...], said: str) -> None:
    model = () if "--model" in arguments else ("--model", "clip")
    code, _, err = quick("run", *model, *TASK, *arguments, "--plan")
    assert code == 2
    with pytest.raises(UsageError, match=said):
        raise UsageError(err)


def test_a_loss_makes_variants_that_name_it() -> None:
    assert model_names("clip,umcl", "unicl") == ("clip+loss=unicl", "umcl+loss=unicl")
    assert model_names("clip, clip", "") == ("clip",)
    assert model_names("clip", "mine.losses:soft") == ("clip+loss=mine.losses:soft",)


def test_all_is_every_registered_model_that_makes_sense() -> None:
    trained = {name for name in registry.list_baselines() if registry.get_baseline(name).weights == "trained"}
    assert model_names("all", "") == tuple(registry.list_baselines())
    assert set(model_names("all", "", only_trained=True)) == trained
    assert set(model_names("all", "umcl")) == {f"{name}+loss=umcl" for name in trained - {"label-bce"}}


def test_a_sweep_with_a_loss_plans_the_variants(quick: Quick) -> None:
    code, out, err = quick("run", "--model", "clip,umcl", "--loss", "unicl", *TASK, "--plan")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()[:2]] == ["clip+loss=unicl", "umcl+loss=unicl"]


def test_the_command_on_record_says_setting_tower_start_and_variant() -> None:
    request = Request("clip+loss=umcl", "t", size="base", image_tower="swin-t", init="scratch")
    assert command(request) == (
        "umcl-bench run --model clip+loss=umcl --task t --size base --image-tower swin-t --init scratch"
    )
    assert command(Request("clip", "t", setting="paper")) == "umcl-bench run --model clip --task t --setting paper"


def test_several_models_are_trained_one_after_another(quick: Quick, tmp_path: Path) -> None:
    code, out, err = quick("train", "--model", "clip,umcl", "--loss", "unicl", "-q")
    assert code == 0, err
    names = sorted(folder.name.rpartition("-s0-")[0] for folder in (tmp_path / "runs" / "checkpoints").iterdir())
    assert names == ["clip-loss-unicl-tiny", "umcl-loss-unicl-tiny"]
    assert [line.split()[0] for line in out.splitlines()].count("checkpoint") == 2
