"""`umcl-bench ablate`: which runs an ablation is, what is refused, and that it goes on, from records, whole or not."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Quick, read_table, write_table
from umcl_bench import ablate, cli_ablate
from umcl_bench.ablate import Ask, find_ablation, look, only, parse_dials, requests_of
from umcl_bench.errors import UsageError
from umcl_bench.plan import make_recipe
from umcl_bench.records.ablation import Cell
from umcl_bench.records.store import Store
from umcl_bench.registry import get_baseline, get_task
from umcl_bench.request import Request
from umcl_bench.spec import ABLATIONS, LOSSES, Ablation, Prompt
from umcl_bench.variants import with_changes

LONGEST = 220
"""Bytes of a record's name, so that with what is added while it is written it is a name that file systems take."""


def ask(ablation: Ablation, **options: object) -> Ask:
    return Ask(ablation, Request(ablation.model, "zeroshot-chexpert"), **options)  # type: ignore[arg-type]


def rows_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "ablation.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_arm_can_be_made_and_every_claim_names_arms(name: str) -> None:
    ablation = ABLATIONS[name]
    labels = [arm.label for arm in ablation.arms]
    assert len(set(labels)) == len(labels)
    named = {arm.against for arm in ablation.arms} - {""}
    for claim in ablation.claims:
        named |= {claim.better, claim.than, *(claim.over or ())}
        assert claim.by in {measure.name for measure in ablation.measures}
    assert named <= set(labels)
    assert len({claim.text for claim in ablation.claims}) == len(ablation.claims)
    requests = requests_of(ask(ablation, seeds=(0, 1), dial=ablation.dial, values=(0.0, 0.5)))
    assert len(requests) == len(labels) * len(ablation.measures) * 2 * 2
    for request in requests.values():
        make_recipe(request)
        task = get_task(request.task)
        name_of_record = f"{request.model}-tiny-s0-{task.name}-phantom-{'0' * 16}"
        assert len(name_of_record.encode()) <= LONGEST, name_of_record


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_trains_few_enough_models_for_a_coffee(name: str) -> None:
    """At 40 s a training, 15 minutes are 22 of them."""
    requests = requests_of(ask(ABLATIONS[name])).values()
    assert len({(r.model, r.batch, str(r.sampling)) for r in requests}) <= 12


def test_each_arm_is_another_model_task_or_training() -> None:
    for found in ABLATIONS.values():
        requests = requests_of(ask(found))
        score = [str(request) for (cell, _), request in requests.items() if cell.measure == "score"]
        assert len(set(score)) == len(score), found.name


def test_the_ladder_and_the_losses_are_those_of_the_documents() -> None:
    ladder = {cell.arm: r.model for (cell, _), r in requests_of(ask(ABLATIONS["ladder"])).items()}
    assert ladder == {
        "A0": "clip",
        "A1": "umcl+loss=infonce+prompt=hand",
        "A2": "umcl+loss=infonce",
        "A3": "umcl+prompt=hand",
        "A4": "umcl",
    }
    assert {arm.label for arm in ABLATIONS["loss"].arms} == set(LOSSES) - {"none"}
    batches = {r.batch for r in requests_of(ask(ABLATIONS["batch"])).values()}
    assert batches == {32, 64, 128, 256}


def test_only_the_templates_of_what_is_scored_change_and_sensitivity_is_of_the_model() -> None:
    requests = requests_of(ask(ABLATIONS["prompts"]))
    alone, one = (requests[Cell("score", None, arm), 0] for arm in ("name alone", "one sentence"))
    assert alone.model == one.model == "umcl+prompt=hand"
    assert (alone.task, one.task) == (
        "zeroshot-chexpert",
        "zeroshot-chexpert+negative=there is no {}+positive=there is {}",
    )
    sensitive = [requests[Cell("sensitivity", None, arm), 0] for arm in ("name alone", "one sentence", "ensemble")]
    assert sensitive[0] == sensitive[1] == sensitive[2]


def test_the_sentences_that_are_scored_are_those_that_were_learned() -> None:
    from umcl_bench.models.prompts import finding_sentences

    arm = next(arm for arm in ABLATIONS["prompts"].arms if arm.label == "report style")
    task = with_changes(get_task("zeroshot-chexpert"), arm.task)
    for absent, templates in ((False, task.protocol.positive), (True, task.protocol.negative)):  # type: ignore[union-attr]
        learned = {text.lower() for text in finding_sentences("Edema", absent=absent)}
        assert {template.format("edema").lower() for template in templates} == learned


def test_another_model_where_an_ablation_is_open() -> None:
    models = {r.model for r in requests_of(ask(find_ablation("loss", (), "clip"))).values()}
    assert {"clip", "clip+loss=umcl"} <= models
    with pytest.raises(UsageError, match="ladder is about umcl"):
        find_ablation("ladder", (), "clip")
    with pytest.raises(UsageError, match="not trained"):
        find_ablation("loss", (), "random")


def test_a_models_fields_are_varied_one_at_a_time() -> None:
    found = find_ablation("umcl", ("length=4,8", "position=end"))
    assert [(arm.label, arm.changes) for arm in found.arms] == [
        ("umcl", ()),
        ("length=4", ("length=4",)),
        ("position=end", ("position=end",)),
    ]  # a length of 8 is the model itself
    assert [found.against(arm) for arm in found.arms] == ["", "umcl", "umcl"]
    of_variant = find_ablation("umcl+loss=infonce", ("length=4",))
    assert [r.model for r in requests_of(ask(of_variant)).values()] == [
        "umcl+loss=infonce",
        "umcl+loss=infonce+length=4",
    ]


@pytest.mark.parametrize(
    ("what", "vary", "message"),
    [
        ("prompt", (), "Did you mean 'prompts'"),
        ("umcl", (), "--vary FIELD=a,b,c"),
        ("umcl", ("lenght=4",), "Did you mean"),
        ("umcl", ("length",), "write FIELD=a,b,c"),
        ("umcl", ("=4",), "write FIELD=a,b,c"),
        ("umcl", ("length=8",), "is so already"),
        ("loss", ("length=4",), "leave one out"),
        ("random", ("views=2",), "not trained"),
    ],
)
def test_what_is_no_ablation_is_said(what: str, vary: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_ablation(what, vary)


def test_some_versions_alone_come_with_what_they_are_compared_with() -> None:
    kept = only(ABLATIONS["batch"], ["umcl, 128"])
    assert [arm.label for arm in kept.arms] == ["infonce, 32", "infonce, 128", "umcl, 128"]
    assert only(ABLATIONS["loss"], []) == ABLATIONS["loss"]
    assert len(requests_of(ask(only(ABLATIONS["prompts"], ["ensemble"])))) == 4  # two versions, by two measures
    with pytest.raises(UsageError, match=r"ablation loss is named 'umlc'.* Did you mean 'umcl'"):
        only(ABLATIONS["loss"], ["umlc"])
    with pytest.raises(UsageError, match="infonce is the reference"):
        only(ABLATIONS["loss"], ["infonce"])


def test_one_dial_takes_several_values() -> None:
    assert parse_dials([]) == ({}, "", (None,))
    assert parse_dials(["similarity=0.9,0, 0.5", "label_noise=0.1"]) == (
        {"label_noise": 0.1},
        "similarity",
        (0.0, 0.5, 0.9),
    )
    for wrong in (["similarity"], ["similarity=a"], ["a=1", "a=2"], ["a=1,2", "b=1,2"], ["a=1,2", "a=3"]):
        with pytest.raises(UsageError, match="--dial"):
            parse_dials(wrong)


def test_controls_change_no_other_recipe() -> None:
    """A new field would be another id, and another training, of every model that is on record."""
    assert list(Prompt.__dataclass_fields__) == [
        "kind", "length", "position", "context", "init", "stage", "second_share", "several", "wording", "share",
        "negative_share", "learning_rate_factor",
    ]  # fmt: skip
    assert get_baseline("umcl+stage=shuffled").prompt.stage == "shuffled"
    with pytest.raises(UsageError, match="a single vector has no other order"):
        get_baseline("umcl+length=1+stage=shuffled")


def test_an_ablation_is_written_whole_and_goes_on_from_what_is_on_record(quick: Quick, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    line = ("ablate", "umcl", "--vary", "prompt=hand", "--seeds", "2", "-o", str(folder))
    code, out, _ = quick(*line, "--plan")
    assert code == 0
    assert "4 runs: 4 to do; 4 models to train" in out
    assert not folder.exists()
    assert not (tmp_path / "runs").exists()
    code, out, err = quick(*line)
    assert code == 0, err
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "ablation.csv", "ablation.json", "ablation.png", "ablation.svg",
    ]  # fmt: skip
    data = json.loads((folder / "ablation.json").read_text())
    assert data["command"] == "umcl-bench ablate umcl --vary prompt=hand --seeds 2"
    assert data["sentences"][0] in out
    rows = rows_in(folder)
    assert [row["model"] for row in rows] == ["umcl", "umcl+prompt=hand"]
    assert [len(row["records"].split()) for row in rows] == [2, 2]
    logs = sorted((tmp_path / "runs" / "checkpoints").glob("umcl-tiny-*/log.csv"))
    rates = [float(row["false_negative_rate"]) for log in logs for row in csv.DictReader(log.read_text().splitlines())]
    assert len(logs) == 2
    assert float(rows[0]["false_negative_rate"]) == pytest.approx(sum(rates) / len(rates))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(tmp_path / "runs" / "checkpoints")  # all is made from records alone
    code, again, err = quick(*line)
    assert (code, again) == (0, out), err
    assert "4 on record" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert os.listdir(tmp_path / "runs")
    assert not list(tmp_path.glob(".found*"))


def test_a_dial_makes_a_table_and_a_point_of_the_curve_each(quick: Quick, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    line = ("ablate", "clip", "--vary", "loss=umcl", "--dial", "similarity=0,0.9", "-q", "-o", str(folder))
    code, out, err = quick(*line)
    assert code == 0, err
    assert "(similarity 0)" in out
    assert "(similarity 0.9)" in out
    rows = rows_in(folder)
    assert [(row["arm"], row["dial_value"]) for row in rows] == [
        ("clip", "0.0"), ("loss=umcl", "0.0"), ("clip", "0.9"), ("loss=umcl", "0.9"),
    ]  # fmt: skip
    assert len({row["data_fingerprint"] for row in rows}) == 2
    assert all(row["p_holm"] == "" or float(row["p_holm"]) >= float(row["p"]) for row in rows)


def test_mixes_batches_and_templates_are_run(quick: Quick, tmp_path: Path) -> None:
    code, out, err = quick("ablate", "data", "-q", "-o", str(tmp_path / "data"))
    assert code == 0, err
    rows = rows_in(tmp_path / "data")
    assert [float(row["label_only_share"]) for row in rows] == pytest.approx([0, 0.125, 0.25, 0.5, 0.75], abs=0.02)
    assert "a quarter of label-only rows is better than pairs alone" in out


def test_what_cannot_be_run_is_left_out_and_said(quick: Quick, tmp_path: Path, folder: Path) -> None:
    """A source of one's own, of which all films have a report or none has."""
    line = ("ablate", "data", "--data", str(folder), "--task", "zeroshot", "-q", "-o", str(tmp_path / "data"))
    rows = read_table(folder)
    write_table(folder, [{**row, "report": row["report"] or "No acute disease."} for row in rows])
    code, _, err = quick(*line)
    assert code == 2
    assert "nothing to compare with pairs only" in err
    assert "1/8 label-only (score): the mix names image-label, and no training row is of this kind" in err
    write_table(folder, [{**row, "report": ""} for row in rows])
    code, _, err = quick(*line)
    assert code == 2
    assert "the mix names image-text-label" in err
    assert not (tmp_path / "data").exists()


def test_a_folder_of_other_things_is_not_touched(quick: Quick, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("all of it")
    code, _, err = quick("ablate", "ladder", "-o", str(folder))
    assert code == 2
    assert "holds other things" in err
    code, _, err = quick("ablate", "ladder", "-o", str(tmp_path / "no" / "where"))
    assert code == 2
    assert "there is no folder" in err
    assert os.listdir(folder) == ["thesis.txt"]


def test_a_place_where_nothing_may_be_written_is_said_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(UsageError, match="nothing may be written in"):
        cli_ablate.check_folder(tmp_path / "found")


def test_a_dial_out_of_its_range_is_said_before_any_source_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablate, "look_ahead", lambda *_, **__: pytest.fail("looked at a source"))
    for wrong in (9.0, float("nan")):
        requests = requests_of(ask(ABLATIONS["ladder"], dial="similarity", values=(0.0, wrong)))
        with pytest.raises(UsageError, match=r"similarity is .*must lie between 0 and 1"):
            look(requests, Store(tmp_path), elsewhere=False)


def test_under_torchrun_it_does_not_start(quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    code, _, err = quick("ablate", "ladder", "-o", str(tmp_path / "found"))
    assert code == 2
    assert "without torchrun" in err


def test_a_picture_that_fails_leaves_what_was_there(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from umcl_bench.records.plots import ablation as picture

    folder = tmp_path / "found"
    line = ("ablate", "umcl", "--vary", "length=4", "-q", "-o", str(folder))
    assert quick(*line)[0] == 0
    before = (folder / "README.md").read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(picture, "draw", fails)
    code, _, err = quick(*line)
    assert code == 1
    assert "could not be written: No space left on device. The runs are on record: make room" in err
    assert (folder / "README.md").read_bytes() == before
    assert not list(tmp_path.glob(".found*"))


def test_a_run_that_fails_is_told_and_nothing_is_written(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from umcl_bench.bench import run as real
    from umcl_bench.launch import local

    def fails(request: Request, *rest: object) -> object:
        if request.model == "umcl+length=4":
            raise OSError(28, "No space left on device")
        return real(request, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(local, "run", fails)
    line = ("ablate", "umcl", "--vary", "length=4", "-o", str(tmp_path / "found"))
    code, _, err = quick(*line)
    assert code == 1
    assert "1 of the runs failed, as umcl-bench run --model umcl+length=4" in err
    assert "the free space. The same command goes on" in err
    assert not (tmp_path / "found").exists()
    monkeypatch.setattr(local, "run", real)
    code, _, err = quick(*line)
    assert code == 0
    assert "1 on record" in err


def test_the_runs_go_to_a_job_array_each_with_its_own_options(quick: Quick, tmp_path: Path) -> None:
    folder = tmp_path / "slurm"
    line = ("ablate", "batch", "--launcher", "slurm", "--output-dir", str(folder), "--dial", "similarity=0,0.9")
    code, _, err = quick(*line, "-o", str(tmp_path / "found"))
    assert code == 0, err
    lines = [text for text in (folder / "sweep.sh").read_text().splitlines() if ") exec " in text]
    assert len(lines) == 16
    assert sum("--batch 32" in text for text in lines) == 4
    assert sum("--dial similarity=0.9" in text for text in lines) == 8
    assert all("--store" in text for text in lines)
    assert not (tmp_path / "found").exists()


def test_the_command_that_is_kept_finds_the_same() -> None:
    found = Ask(
        ABLATIONS["loss"], Request("clip", "zeroshot", size="small", dials={"label_noise": 0.1}), (0, 2), "similarity",
        (0.0, 0.9),
    )  # fmt: skip
    assert cli_ablate._words(found, "loss", [], ["umcl"], "clip") == [
        "ablate", "loss", "--arm", "umcl", "--model", "clip", "--task", "zeroshot", "--size", "small", "--seeds", "0,2",
        "--dial", "label_noise=0.1", "--dial", "similarity=0,0.9",
    ]  # fmt: skip
