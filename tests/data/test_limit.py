"""A quick look at some patients of each split: which, how many, and what a run says of it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Quick
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.limit import limited
from umcl_bench.validate.views import reordered

LOOK = ["run", "--model", "random", "--task", "zeroshot", "--limit", "20"]


@pytest.mark.parametrize("films", [1, 7, 20])
def test_whole_patients_until_there_are_as_many_films(phantom: Corpus, films: int) -> None:
    found = limited(phantom, films)
    for split in ("train", "val", "test"):
        before, after = phantom.rows(split, "all"), found.rows(split, "all")
        kept = set(found.patients[after])
        assert [row for row in before if phantom.patients[row] in kept] == after.tolist()
        most = max(np.unique(phantom.patients[before].astype(str), return_counts=True)[1])
        assert films <= len(after) < films + most
    assert found.facts["limit"] == films
    assert found.fingerprint != phantom.fingerprint
    assert f"limited to {films} films of each split" in found.notes[-1]


def test_more_films_hold_the_fewer_and_the_order_of_rows_does_not_matter(phantom: Corpus) -> None:
    few, more = (set(limited(phantom, films).rows("test", "all")) for films in (5, 15))
    assert few < more
    order = np.random.default_rng(0).permutation(len(phantom))
    shuffled = limited(reordered(phantom, order), 5)
    assert {shuffled.ids[row] for row in shuffled.rows("test", "all")} == {phantom.ids[row] for row in few}
    first = phantom.rows("test", "all")[: len(few)]
    assert few != set(first)  # not the first by order


def test_rows_without_a_film_do_not_count(phantom: Corpus) -> None:
    has = np.random.default_rng(1).random(len(phantom)) < 0.5
    found = limited(dataclasses.replace(phantom, has_image=has), 20)
    assert 20 <= has[found.rows("test", "all")].sum() < 25


def test_a_limit_beyond_all_films_is_none(phantom: Corpus) -> None:
    assert limited(phantom, len(phantom)) is phantom


def test_a_limited_run_is_another_with_a_table_of_its_own(quick: Quick, tmp_path: Path) -> None:
    assert quick(*LOOK[:-2])[0] == 0
    code, out, err = quick(*LOOK)
    assert code == 0, err
    assert "LIMITED to 20 films of each split" in out
    assert "limited to 20 films of each split" in err
    results = [json.loads(path.read_text()) for path in sorted((tmp_path / "runs/records").glob("*/result.json"))]
    look, whole = sorted(results, key=lambda r: int(r["films"]))
    assert 20 <= look["films"] < 25 < whole["films"]
    assert look["command"] == "umcl-bench run --model random --task zeroshot --limit 20"
    assert look["data"]["facts"]["limit"] == 20
    _, board, _ = quick("leaderboard", "--format", "md")
    assert board.count("### zeroshot on the PHANTOM") == 2
    assert board.count("LIMITED") == 1


def test_training_is_untouched(quick: Quick, tmp_path: Path) -> None:
    assert quick("run", "--model", "untrained", "--task", "zeroshot")[0] == 0
    code, _, err = quick("run", "--model", "untrained", *LOOK[3:])
    assert code == 0, err
    assert "trained before" in err
    data = [json.loads(path.read_text())["data"] for path in (tmp_path / "runs/records").glob("*/result.json")]
    assert len({d["training_fingerprint"] for d in data}) == 1
    assert len({d["fingerprint"] for d in data}) == 2


@pytest.mark.parametrize("films", ["0", "-3", "x"])
def test_wrong_limits_name_the_option(quick: Quick, films: str) -> None:
    code, _, err = quick(*LOOK[:-1], films)
    assert code == 2
    assert "--limit" in err
