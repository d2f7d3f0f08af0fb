"""NIH's own lists, and the random split that is often called by the same name."""

from pathlib import Path

import pytest

from tests.data.splits.helpers import BENCHX, corpus_of, listed, needs_real, part, real
from umcl_bench.data.splits import apply_split, part_hash
from umcl_bench.errors import UsageError

LISTS = [BENCHX / "NIH_Chest_Xray"]


@needs_real
@pytest.mark.skipif(not BENCHX.is_dir(), reason=f"BenchX's lists are not at {BENCHX}")
@pytest.mark.parametrize("name", ["nih@benchx", "nih@benchx-10", "nih@benchx-1"])
def test_benchx_lists_over_the_real_csv(name: str) -> None:
    corpus = apply_split(real("nih"), name, LISTS)
    assert corpus.facts["split"]["as_published"] is True
    assert set(part(corpus, "test")) == set(listed("NIH_Chest_Xray", "test"))
    people = [set(corpus.patients[corpus.splits == p]) for p in ("train", "val", "test")]
    assert len(people[0]) + len(people[1]) + len(people[2]) == len(people[0].union(*people))


def test_the_official_lists(tmp_path: Path) -> None:
    ids = [f"0000000{i}_000.png" for i in range(6)]
    (tmp_path / "train_val_list.txt").write_text("\n".join(ids[:4]))
    (tmp_path / "test_list.txt").write_text("\n".join(ids[4:]) + "\n")
    corpus = corpus_of("nih", ids, [[0]] * 6, ("Edema",))
    applied = apply_split(corpus, "nih@official", [tmp_path])
    assert applied.splits.tolist() == ["train"] * 4 + ["test"] * 2
    assert applied.facts["split"]["parts"]["test"]["sha"] == part_hash(ids[4:])
    assert [e.found for e in applied.expectations] == [4, 2]
    with pytest.raises(UsageError, match=r"nih@official needs the file train_val_list\.txt: NIH's own list"):
        apply_split(corpus, "nih@official")
