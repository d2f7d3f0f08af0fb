"""What people and programs are told of a split, and what they are refused."""

import json
from pathlib import Path

import pytest

from tests.conftest import write_folder
from tests.data.splits.helpers import chexpert_like, needs_real, real, rsna_like, siim_like
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.readers.folder import read_folder
from umcl_bench.data.splits import apply_split, get_split, list_splits
from umcl_bench.data.splits.explain import WIDTH, diff, diff_json, explain, explain_json
from umcl_bench.errors import UsageError


@pytest.mark.parametrize("name", list_splits())
def test_every_split_explains_itself_in_a_terminal(name: str) -> None:
    text = explain(name)
    assert max(map(len, text.splitlines())) <= WIDTH
    split = get_split(name)
    for words in (split.name, split.evidence, *split.used_by, *split.expected):
        assert words in " ".join(text.split())
    told = explain_json(name)
    assert json.loads(json.dumps(told)) == told
    assert told["parts"].keys() == set(split.expected)


@pytest.mark.parametrize("other", list_splits())
def test_every_pair_can_be_told_apart(other: str) -> None:
    text = diff("rsna@gloria", other)
    assert max(map(len, text.splitlines())) <= WIDTH
    told = diff_json("rsna@gloria", other)
    assert json.loads(json.dumps(told)) == told
    assert set(told["same"]) | set(told["differs"]) >= {"dataset", "unit", "draw", "rule"}
    assert ("dataset" in told["differs"]) == (not other.startswith("rsna@"))


@needs_real
def test_the_real_csv_matches() -> None:
    text = explain("rsna@gloria", real("rsna"))
    assert text.count("MATCH") == 4
    assert "DIFFERS" not in text
    assert "found      18,678    18,678    4,162       fdea2323542c4f7d  MATCH" in text


def test_another_copy_differs_and_says_in_what() -> None:
    text = explain("rsna@gloria", rsna_like())
    assert "MATCH" not in text
    assert "train: images 140, not 18,678" in " ".join(text.split())
    assert "Figures are not comparable." in text
    assert max(map(len, text.splitlines())) <= WIDTH
    told = explain_json("rsna@gloria", rsna_like())
    assert told["as_published"] is False
    assert told["parts"]["train"]["found"]["images"] == 140
    assert told["parts"]["train"]["found"]["sha_matches"] is False
    assert json.loads(json.dumps(told)) == told


def test_a_leak_is_told_with_what_was_found() -> None:
    rows = [str(i // 3) for i in range(120)]
    told = explain_json("siim@gloria-rows", siim_like(rows))
    assert told["shared_images"]["train+test"] > 0
    assert f"{told['shared_images']['train+test']} images are in train and test" in explain(
        "siim@gloria-rows", siim_like(rows)
    )


def test_overlaps_add_up() -> None:
    corpus = rsna_like(400)
    told = diff_json("rsna@gloria", "rsna@benchx", corpus)
    images = {(row["a"], row["b"]): row["images"] for row in told["overlap"]}
    assert len(images) == 9
    for part in ("train", "val", "test"):
        assert sum(n for (a, _), n in images.items() if a == part) == told["parts"][part][0]["images"]
        assert sum(n for (_, b), n in images.items() if b == part) == told["parts"][part][1]["images"]
    text = diff("rsna@gloria", "rsna@benchx", corpus)
    assert f"{images['train', 'test']:,} ({images['train', 'test']:,})" in text
    assert max(map(len, text.splitlines())) <= WIDTH
    same = diff_json("rsna@gloria", "rsna@gloria", corpus)
    assert same["differs"] == {}
    assert [row["images"] for row in same["overlap"] if row["a"] != row["b"]] == [0] * 6


def test_overlap_counts_patients_too() -> None:
    told = diff_json("chexpert@official", "chexpert-5x200@medclip", chexpert_like())
    (row,) = [r for r in told["overlap"] if (r["a"], r["b"]) == ("train", "test")]
    assert row["images"] == 1_000
    assert row["patients"] < 1_000


def test_the_phantom_and_own_folders_have_their_own_splits(phantom: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rsna@gloria is a split of the official release of rsna; the phantom has"):
        apply_split(phantom, "rsna@gloria")
    with pytest.raises(UsageError, match="the phantom has its own splits"):
        explain("chexpert@official", phantom)
    own = read_folder(write_folder(tmp_path / "films", phantom, 12))
    with pytest.raises(UsageError, match=r"chexpert@official is a split .* of chexpert; films is films, which has its"):
        apply_split(own, "chexpert@official")
    with pytest.raises(UsageError, match="siim@image is a split of the official release of siim; rsna is rsna"):
        diff("rsna@gloria", "siim@image", rsna_like())
