"""5x200 in its variants and the probing splits, against slow transcriptions of the rules on invented films."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.splits.helpers import chexpert_like, corpus_of, others_stated, part
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.splits import PartFacts, apply_split, get_split, part_hash
from umcl_bench.data.splits.apply import assign
from umcl_bench.data.splits.chexpert import probe_parts
from umcl_bench.data.splits.five import FIVE, OTHERS
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.errors import DataError, UsageError


def frame(corpus: Corpus) -> pd.DataFrame:
    table = pd.DataFrame(corpus.stated, columns=list(CHEXPERT)).fillna(0)
    table["id"], table["side"] = corpus.ids, corpus.attributes["side"]
    return table[table["id"].str.startswith("train/")]


def alone(table: pd.DataFrame, finding: str) -> pd.DataFrame:
    """The rows whose thirteen labels are a one for `finding` and zeros."""
    wanted = [float(name == finding) for name in OTHERS]
    return table[[row == wanted for row in table[list(OTHERS)].to_numpy().tolist()]]


def test_mgca_draws_as_its_rule_says() -> None:
    corpus = chexpert_like()
    table = frame(corpus)
    table = table[table["side"] == "Frontal"]
    expected = {i for finding in FIVE for i in alone(table, finding).sample(200, random_state=0)["id"]}
    applied = apply_split(corpus, "chexpert-5x200@mgca-seed0")
    assert set(part(applied, "test")) == expected
    assert len(expected) == 1_000
    rows = applied.splits == "test"
    assert (others_stated(applied)[rows] == 1).sum() == 1_000
    assert not (others_stated(applied)[rows] == -1).any()
    assert not set(applied.patients[rows]) & set(applied.patients[applied.splits == "train"])
    assert part(applied, "val") == [i for i in map(str, corpus.ids) if i.startswith("valid/")]


def test_a_film_called_frontal_counts_as_one_whatever_its_projection() -> None:
    """17 films of the real train.csv are called Frontal and have the projection LL or RL."""
    corpus = chexpert_like()
    views = corpus.views.copy()
    corpus.views[:] = "LL"
    try:
        found = part(apply_split(corpus, "chexpert-5x200@mgca-seed0"), "test")
    finally:
        corpus.views[:] = views
    assert found == part(apply_split(corpus, "chexpert-5x200@mgca-seed0"), "test")


@pytest.mark.parametrize("prefix", ["CheXpert-v1.0-small/", "CheXpert-v1.0/", ""])
def test_the_spelling_of_the_hashed_paths_is_found(prefix: str) -> None:
    corpus, split = chexpert_like(), get_split("chexpert-5x200@mgca-seed0")
    sha = part_hash(prefix + i for i in part(apply_split(corpus, split.name), "test"))
    changed = dataclasses.replace(split, expected={"test": PartFacts(1_000, sha=sha)})
    (test,) = [p for p in assign(corpus, changed).parts if p.name == "test"]
    assert test.naming == f"{prefix}ID"


def test_medclip_draws_as_its_rule_says() -> None:
    corpus = chexpert_like()
    table = frame(corpus).replace({-1.0: 0.0})
    state = np.random.RandomState(42)
    drawn = pd.concat([alone(table, finding).sample(400, random_state=state) for finding in FIVE])
    test = drawn.sample(frac=0.5, random_state=state)
    applied = apply_split(corpus, "chexpert-5x200@medclip")
    assert set(part(applied, "test")) == set(test["id"])
    assert any("lateral" in i for i in part(applied, "test"))
    assert len(part(applied, "train")) == 9_000 - 1_000
    tuned = apply_split(corpus, "chexpert-5x200-finetune@medclip")
    assert set(part(tuned, "train")) == set(drawn["id"]) - set(test["id"])
    assert any("not verified" in note for note in tuned.notes)


def test_golden_draws() -> None:
    """Of invented films (pandas 3.0, numpy 2.4): a library that draws otherwise is seen without the real csv."""
    golden = {
        "chexpert-5x200@mgca-seed0": "53b6e1ff879df851",
        "chexpert-5x200@medclip": "7d5fb56864468cdf",
        "chexpert@mgca-seed0": "07afbf48c6905648",
    }
    for name, sha in golden.items():
        which = "val" if name == "chexpert@mgca-seed0" else "test"
        assert part_hash(part(apply_split(chexpert_like(), name), which)) == sha


def test_too_small_a_pool_says_which() -> None:
    small = chexpert_like(1_000)
    with pytest.raises(DataError, match=r"draws 200 films for each of five findings; Atelectasis has \d+"):
        apply_split(small, "chexpert-5x200@mgca-seed0")
    other = corpus_of("chexpert", ["train/patient1/study1/a.jpg"], [[1, 0]], ("Edema", "Fracture"))
    with pytest.raises(DataError, match=r"looks at 13 findings; chexpert does not label Enlarged Cardiomediastinum"):
        apply_split(other, "chexpert-5x200@mgca-seed0")


def write_list(path: Path, ids: list[str], column: str = "Path", prefix: str = "CheXpert-v1.0/") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["", column, "Report Impression"], *([n, prefix + i, "a, b"] for n, i in enumerate(ids))]
        )


@pytest.mark.parametrize("prefix", ["CheXpert-v1.0/", "./data/CheXpert/CheXpert-v1.0-small/", ""])
def test_the_published_list_is_the_truth(tmp_path: Path, prefix: str) -> None:
    corpus = chexpert_like()
    ids = [str(i) for i in corpus.ids[5:1_005]]
    write_list(tmp_path / "chexpert-5x200.csv", ids, prefix=prefix)
    applied = apply_split(corpus, "chexpert-5x200@gloria", [tmp_path])
    assert set(part(applied, "test")) == set(ids)
    assert applied.facts["split"]["parts"]["test"]["sha"] == part_hash(ids)
    assert not set(applied.patients[applied.splits == "test"]) & set(applied.patients[applied.splits == "train"])
    assert any("images with Edema" in note for note in applied.notes)  # invented ones are not 200 a finding


def test_without_the_list_the_seeded_split_is_offered(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"drawn without a seed.*put chexpert-5x200.csv.*chexpert-5x200@mgca-seed0"):
        apply_split(chexpert_like(), "chexpert-5x200@gloria", [tmp_path])
    with pytest.raises(UsageError, match=r"chexpert@mgca-seed0, the same rule with a seed"):
        apply_split(chexpert_like(), "chexpert@gloria")


@pytest.mark.parametrize(
    ("ids", "column", "message"),
    [
        (["train/patient99999/study1/view1_frontal.jpg"], "Path", r"line 2: .*patient99999.* is not in chexpert"),
        (["../../etc/passwd"], "Path", r"line 2: .*passwd' is not in chexpert"),
        (["a"], "Film", r"has no column Path or path or image path or image_path; found: Film, Report Impression"),
        (["a", "a"], "Path", r"line 3: Path 'CheXpert-v1.0/a' is also on line 2"),
    ],
)
def test_a_hostile_list_is_one_clear_error(tmp_path: Path, ids: list[str], column: str, message: str) -> None:
    write_list(tmp_path / "chexpert-5x200.csv", ids, column)
    with pytest.raises(DataError, match=message):
        apply_split(chexpert_like(), "chexpert-5x200@gloria", [tmp_path])


def test_probing_keeps_the_leak_of_the_authors_code() -> None:
    corpus = chexpert_like()
    applied = apply_split(corpus, "chexpert@mgca-seed0")
    test = set(part(apply_split(corpus, "chexpert-5x200@mgca-seed0"), "test"))
    table = frame(corpus)
    left = table[~table["id"].isin(test)]
    drawn = np.random.RandomState(0).choice(len(left), size=5_000, replace=False)
    assert set(part(applied, "val")) == set(left.iloc[drawn]["id"])
    assert set(part(applied, "train")) == set(left.drop(drawn.tolist(), errors="ignore")["id"])
    both = len(set(part(applied, "val")) & set(part(applied, "train")))
    assert both > 1_000
    assert applied.facts["split"]["shared"] == {"train+val": both}
    assert part(applied, "test") == [i for i in map(str, corpus.ids) if i.startswith("valid/")]


def test_probing_without_anything_left_out_has_no_leak() -> None:
    train, val = probe_parts(100, np.array([], dtype=np.int64), "x", size=30)
    assert len(val) == 30
    assert sorted([*train, *val]) == list(range(100))
    with pytest.raises(DataError, match="x draws 5,000 films for val; 100 are left"):
        probe_parts(100, np.array([], dtype=np.int64), "x")


def test_official_parts_are_the_folders() -> None:
    applied = apply_split(chexpert_like(), "chexpert@official")
    assert (len(part(applied, "train")), len(part(applied, "val")), len(part(applied, "test"))) == (9_000, 10, 0)


def test_mimic_follows_the_same_rule_over_all_films() -> None:
    corpus = chexpert_like()
    mimic = corpus_of("mimic-cxr", [str(i) for i in corpus.ids[:9_000]], corpus.stated[:9_000], CHEXPERT)
    with pytest.raises(DataError, match=r"labels of negbio; mimic-cxr was read with those of chexpert"):
        apply_split(dataclasses.replace(mimic, facts={"labeler": "chexpert"}), "mimic-5x200@medclip")
    applied = apply_split(dataclasses.replace(mimic, facts={"labeler": "negbio"}), "mimic-5x200@medclip")
    assert set(part(applied, "test")) == set(part(apply_split(corpus, "chexpert-5x200@medclip"), "test"))
    assert len(part(applied, "train")) == 8_000
