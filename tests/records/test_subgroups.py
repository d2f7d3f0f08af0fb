"""`show RUN --by`: a record's headline in subgroups, from the record alone."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Quick
from tests.records.test_records import estimate, result
from umcl_bench.errors import UsageError
from umcl_bench.metrics.scores import PLAIN, Scores
from umcl_bench.metrics.subgroups import subgroups
from umcl_bench.records.store import Record, Store
from umcl_bench.records.subgroups import describe_subgroups
from umcl_bench.spec import Intervals

HOW = Intervals(resamples=50)


def scores_of(**groups: list[str]) -> Scores:
    rng = np.random.default_rng(0)
    ids = np.array([f"film{i}" for i in range(120)], dtype=object)
    target = (rng.random((120, 2)) < 0.5).astype(float)
    named = {name: np.array(of, dtype=object) for name, of in groups.items()}
    columns = {"value": rng.random((120, 2)) + 0.2 * target, "target": target, "rank": rng.random((120, 2))}
    return Scores(columns, ids, ids, ("Edema", "Fracture"), named)


def record(where: Path, scores: Scores, headline: str = "auroc", **more: Any) -> Record:
    whole = {
        **result(), "headline": headline, "metrics": {headline: {"macro": estimate(0.5)}},
        "intervals": {**dataclasses.asdict(HOW), "patients": 120}, **more,
    }  # fmt: skip
    return Store(where).add("umcl-run", whole, {"": scores})


SEX, AGE = ["F", "M"] * 60, [*["30"] * 58, *["50"] * 55, *["90"] * 5, "", ""]


def test_every_group_is_told_with_interval_and_counts_and_the_gap(tmp_path: Path) -> None:
    scores = scores_of(sex=SEX, age=AGE)
    told = describe_subgroups(record(tmp_path, scores), ["sex", "age", "sex", "view"]).split("\n\n")
    assert len(told) == 3
    sex, age, view = told
    expected = subgroups({"": scores}, "auroc", PLAIN[0], "sex", HOW)
    first, *lines = sex.splitlines()
    assert first == (
        "by sex: macro AUROC over the 2 classes with 10 positives and 10 negatives in every group: Edema, Fracture"
    )
    for line, name in zip(lines, ("F", "M"), strict=False):
        macro = expected.groups[name]["macro"]
        assert (
            line.split()
            == (
                f"{name} {macro.value:.3f} [{macro.low:.3f}, {macro.high:.3f}] 60 films, "
                f"{macro.positives}+ {macro.negatives}-"
            ).split()
        )
    assert expected.gap is not None
    assert lines[2].split()[:2] == ["gap", f"{expected.gap.estimate.value:.3f}"]
    said = f"{expected.gap.best} is best, {expected.gap.worst} worst; p = {expected.gap.p:.3f} of all 2 being equal"
    assert lines[2].endswith(said)
    edema = expected.groups["M"]["Edema"]
    assert f"{edema.value:.3f} {edema.positives}+ {edema.negatives}-" in next(x for x in lines if "Edema" in x)
    assert "  80+    – [–, –]" in age
    assert "left out of the comparison, with too few for any class: 80+" in age
    assert "of 2 films it is not known" in age
    assert view == "by view: the record does not know it; it has sex, age"


def test_other_metrics_and_units(tmp_path: Path) -> None:
    """Without labels there are no positives to tell; one figure over all classes has no rows for them."""
    ranks = record(tmp_path / "a", scores_of(sex=SEX), headline="mean-rank", unit="queries")
    told = describe_subgroups(ranks, ["sex"])
    assert "macro mean rank over the 2 classes with 10 samples in every group: Edema, Fracture" in told
    assert "60 queries\n" in told
    assert "+" not in told
    scores = scores_of(sex=SEX)
    right = np.eye(2)[np.arange(120) % 2]
    of_argmax = Scores({"decision": right, "target": right}, scores.id, scores.id, scores.classes, scores.groups)
    told = describe_subgroups(record(tmp_path / "b", of_argmax, headline="argmax-accuracy"), ["sex"])
    assert told.splitlines()[0] == "by sex: accuracy (argmax)"
    assert "Edema" not in told
    assert "60 films\n" in told


def test_groups_of_too_few_are_told_of_and_not_compared(tmp_path: Path) -> None:
    told = describe_subgroups(record(tmp_path, scores_of(site=[str(i) for i in range(120)])), ["site"])
    assert "over no class: none has 10 positives and 10 negatives in every group" in told
    assert "gap" not in told


def test_wrong_names_and_records_without_groups_say_so(tmp_path: Path) -> None:
    with_sex = record(tmp_path / "a", scores_of(sex=SEX, scanner=["A"] * 120))
    with pytest.raises(UsageError, match=r"no subgroup is named 'sx'\. Did you mean 'sex'\?.*age, scanner, sex, site"):
        describe_subgroups(with_sex, ["sx"])
    assert describe_subgroups(with_sex, ["scanner"]).startswith("by scanner: macro AUROC")
    with pytest.raises(UsageError, match=r"umcl-run does not say.*umcl-bench run --model umcl --task zeroshot --again"):
        describe_subgroups(record(tmp_path / "b", scores_of()), ["sex"])


def test_from_the_command_line_with_nothing_but_the_record(quick: Quick, tmp_path: Path) -> None:
    code, _, error = quick("run", "--model", "random", "--task", "zeroshot-chexpert")
    assert code == 0, error
    shutil.rmtree(tmp_path / "cache")
    code, plain, _ = quick("show", "random-")
    code_by, told, error = quick("show", "random-", "--by", "view, sex,age,site")
    assert (code, code_by, error) == (0, 0, "")
    assert told.startswith(plain)
    parts = told.removeprefix(plain).strip().split("\n\n")
    assert [part.partition(":")[0] for part in parts] == ["by view", "by sex", "by age", "by site"]
    assert [line.split()[0] for line in parts[1].splitlines()[1:3]] == ["F", "M"]
    code, out, error = quick("show", "random-", "--by", "view,sux")
    assert (code, out) == (2, "")
    assert "no subgroup is named 'sux'. Did you mean 'sex'?" in error
    for name in ("umcl", "zeroshot-chexpert"):
        code, out, error = quick("show", name, "--by", "sex")
        assert (code, out) == (2, "")
        assert f"--by breaks down a run on record; {name} is none" in error
