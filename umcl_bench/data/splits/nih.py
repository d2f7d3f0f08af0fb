"""The splits of NIH ChestX-ray14 (112,120 films of 30,805 patients)."""

from __future__ import annotations

from functools import partial

import numpy as np

from umcl_bench.data.corpus import Corpus, Strings
from umcl_bench.data.splits.base import Lists, NamedSplit, PartFacts, place, rows_of

OFFICIAL = ("train_val_list.txt", "test_list.txt")


def _official(corpus: Corpus, lists: Lists) -> Strings:
    """NIH's two lists."""
    rows = [rows_of(corpus, lists.ids(name, "NIH's own list, from the release's folder"), "id") for name in OFFICIAL]
    return place(len(corpus), train=rows[0], test=rows[1])


def _benchx(train_list: str, corpus: Corpus, lists: Lists) -> Strings:
    """BenchX's val.txt and test.txt; train is all else, or the `train_list` that the split is about."""
    what = "BenchX's list (preprocess/datasets/NIH_Chest_Xray/)"
    val, test = (rows_of(corpus, lists.ids(name, what), "id") for name in ("val.txt", "test.txt"))
    if train_list:
        train = rows_of(corpus, lists.ids(train_list, what), "id")
    else:
        train = np.setdiff1d(np.arange(len(corpus)), [*val, *test]).tolist()
    return place(len(corpus), train=train, val=val, test=test)


_BENCHX_RULE = (
    "A random split by patient, whose draw is not known: test.txt and val.txt as published; train is every other film "
    "(78,468, the length of the published train.txt)"
)


def _benchx_split(variant: str, train_list: str, title: str, train: PartFacts) -> NamedSplit:
    return NamedSplit(
        name=f"nih@{variant}",
        dataset="nih",
        title=title,
        unit="patient",
        draw="lists; how they were drawn is not known",
        rule=_BENCHX_RULE + (f"; of it, the films of {train_list}." if train_list else "."),
        source="yangzhou12/BenchX preprocess/datasets/NIH_Chest_Xray/*.txt (MIT), MRM's lists by its script",
        used_by=("BenchX", "MRM"),
        evidence="published",
        expected={
            "train": train,
            "val": PartFacts(11_219, 3_090, sha="65fd487c51e6316d"),
            "test": PartFacts(22_433, 6_187, sha="a20c79828a7825d1"),
        },
        assign=partial(_benchx, train_list),
        needs="val.txt, test.txt" + (f", {train_list}" if train_list else "") + " of BenchX's NIH_Chest_Xray folder",
        limits="not NIH's official split, though papers call both 'NIH' or 'ChestX-ray14'; train_1.txt is not a part "
        "of train_10.txt",
    )


SPLITS = (
    NamedSplit(
        name="nih@official",
        dataset="nih",
        title="NIH's own lists: 86,524 for training and validation, 25,596 for testing, by patient",
        unit="patient",
        draw="lists",
        rule="Films of train_val_list.txt are train, those of test_list.txt test. The release has no validation "
        "part: without '@official' the reader carves one out of train_val_list.txt by patient.",
        source="NIH Clinical Center, train_val_list.txt and test_list.txt of the release",
        used_by=("Wang et al. 2017",),
        evidence="published",
        expected={"train": PartFacts(86_524), "test": PartFacts(25_596)},
        assign=_official,
        needs=f"{OFFICIAL[0]} and {OFFICIAL[1]}, which the release has",
    ),
    _benchx_split(
        "benchx",
        "",
        "78,468 / 11,219 / 22,433, the random split by patient of MRM, used by BenchX",
        PartFacts(78_468, 21_528, sha="7265fa9efe68c5e8"),
    ),
    _benchx_split(
        "benchx-10",
        "train_10.txt",
        "nih@benchx with its 10 % of train",
        PartFacts(7_847, 5_044, sha="18d5d795b06353b9"),
    ),
    _benchx_split(
        "benchx-1", "train_1.txt", "nih@benchx with its 1 % of train", PartFacts(785, 727, sha="3424786816a85a94")
    ),
)
