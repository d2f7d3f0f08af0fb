"""The splits of SIIM-ACR Pneumothorax (stage 2's train-rle.csv: 12,954 rows of 12,047 films)."""

from __future__ import annotations

from functools import partial

import numpy as np

from umcl_bench.data.corpus import Corpus, Strings
from umcl_bench.data.splits.base import Lists, NamedSplit, PartFacts, place, sorted_rows
from umcl_bench.data.splits.draws import cut
from umcl_bench.data.splits.rsna import stratified
from umcl_bench.data.tables import read_table
from umcl_bench.errors import DataError

CLASS = "Pneumothorax"
ROWS = "rle_rows"
"""The corpus's column with the rows of train-rle.csv that an image has, in the csv's order: '17 18'."""

NAMES = ("stage_1_train_images.csv", "stage_1_test_images.csv")
_WHAT = "the table of file names that comes with vbookshelf's PNG form of SIIM (columns new_filename, ImageId)"


def rows_assign(count: int, split: str = "siim@gloria-rows") -> Strings:
    """The part of each of `count` rows of train-rle.csv, in the csv's order: GLoRIA's draw over rows, not images."""
    train, rest = cut(range(count), 0.3, 0, split)
    test, val = cut(rest, 0.5, 0, split)
    return place(count, train=train, val=val, test=test)


def _csv_rows(corpus: Corpus, split: str) -> list[list[int]]:
    if ROWS not in corpus.attributes:
        raise DataError(
            f"{split} is drawn over rows of train-rle.csv; {corpus.source} does not say which rows are whose"
        )
    rows = [[int(cell) for cell in str(cells).split()] for cells in corpus.attributes[ROWS]]
    flat = sorted(row for own in rows for row in own)
    if flat != list(range(len(flat))):
        raise DataError(
            f"{split}: the rows of train-rle.csv in {corpus.source} are not 0 to {len(flat) - 1}, each once"
        )
    return rows


def _gloria_rows(corpus: Corpus, lists: Lists) -> Strings:
    rows = _csv_rows(corpus, lists.split)
    parts = rows_assign(sum(map(len, rows)), lists.split)
    found = [{parts[row] for row in own} for own in rows]
    return place(
        len(corpus), **{part: [i for i, own in enumerate(found) if part in own] for part in ("train", "val", "test")}
    )


def _by_image(corpus: Corpus, lists: Lists) -> Strings:
    train, rest = cut(sorted_rows(corpus), 0.3, 0, lists.split)
    test, val = cut(rest, 0.5, 0, lists.split)
    return place(len(corpus), train=train, val=val, test=test)


def _png_names(corpus: Corpus, lists: Lists) -> Strings:
    """Each film's name in the PNG form, without '.png': '424_train_1_' is number 424, positive, of stage 1's train."""
    name_of: dict[str, str] = {}
    for file in NAMES:
        table = read_table(lists.need(file, _WHAT), ("new_filename", "ImageId"))
        table.need_ids("ImageId")
        table.need_ids("new_filename")
        name_of |= dict(zip(table["ImageId"], (n.removesuffix(".png") for n in table["new_filename"]), strict=True))
    missing = [identity for identity in corpus.ids if identity not in name_of]
    if missing:
        raise DataError(f"{lists.split}: {missing[0]!r} is not in {' or '.join(NAMES)} ({len(missing)} films are not)")
    return np.array([name_of[identity] for identity in corpus.ids], dtype=object)


def draw_png(names: list[str], discard: float, split: str) -> dict[str, list[int]]:
    """BenchX's draw over names of the PNG form: the places of `names` in train, val and test."""
    order = sorted(range(len(names)), key=lambda i: f"{names[i]}.png")
    test = [i for i in order if "test" in names[i]]
    positive = [i for i in order if "train_1" in names[i]]
    rows = positive + [i for i in order if "train_0" in names[i]]
    labels = [int("train_1" in name) for name in names]
    train, val = stratified(rows, labels, len(test), split)
    if discard:
        train, _ = stratified(train, labels, discard, split)
    return {"train": train, "val": val, "test": test}


def _benchx(discard: float, corpus: Corpus, lists: Lists) -> Strings:
    names = [str(name) for name in _png_names(corpus, lists)]
    return place(len(corpus), **draw_png(names, discard, lists.split))


def _facts(images: int, positives: int, sha: str) -> PartFacts:
    return PartFacts(images, positives={CLASS: positives}, sha=sha)


_NEGATIVES = (
    "GLoRIA and MGCA train segmentation on all positives and as many negatives, drawn anew; not part of the split"
)
_BENCHX_RULE = (
    "Films of stage 1's test are test; of stage 1's train, the sorted PNG names of the positives, then of the "
    "negatives; train_test_split(test_size=1372, random_state=42, stratify=label) gives train and val"
)


def _benchx_split(variant: str, discard: float, title: str, train: PartFacts) -> NamedSplit:
    cutting = f"; of train, train_test_split(test_size={discard}) with the same seed, stratified" if discard else ""
    return NamedSplit(
        name=f"siim@{variant}",
        dataset="siim",
        title=title,
        unit="image",
        draw="scikit-learn train_test_split, seed 42, stratified by label",
        rule=_BENCHX_RULE + cutting + ".",
        source="yangzhou12/BenchX preprocess/datasets/SIIM/preprocess_siim.py and its lists (MIT)",
        used_by=("BenchX",),
        evidence="published",
        expected={
            "train": train,
            "val": _facts(1_372, 306, "fc84db3618572f89"),
            "test": _facts(1_372, 290, "9bff64fdde4c91f4"),
        },
        assign=partial(_benchx, discard),
        needs=f"{NAMES[0]} and {NAMES[1]} ({_WHAT})",
        limits="the published lists hold PNG names: these are what is hashed; how names and ImageIds go together is "
        "read from the user's tables",
        namings={"the PNG form's name": _png_names},
    )


SPLITS = (
    NamedSplit(
        name="siim@gloria-rows",
        dataset="siim",
        title="70 / 15 / 15 over rows of train-rle.csv: films with several rows fall into several parts",
        unit="csv row",
        draw="scikit-learn train_test_split, test_size=0.3, then 0.5; seed 0, not stratified",
        rule="The rows of train-rle.csv in the csv's order, one a lesion; train_test_split(test_size=0.3, "
        "random_state=0); the 30 % halved by test_size=0.5 with the same seed: first half test, second half val. "
        "A film is in every part that one of its rows is in; such films are repeated here, once for each part.",
        source="marshuang80/gloria gloria/datasets/preprocess_datasets.py; HKU-MedAI/MGCA mgca/preprocess/siim.py",
        used_by=("GLoRIA", "MGCA", "cxr-clip"),
        evidence="computed",
        expected={"test": PartFacts(positives={CLASS: 476})},
        assign=_gloria_rows,
        shared={("train", "test"): 154, ("train", "val"): 161, ("val", "test"): 62},
        leaks="154 films are in train and test, 161 in train and val, 62 in val and test; 183 of the 476 positive test "
        "films are also in train or val",
        limits="a film's mask is the union of all its rows here; the authors' is of the rows in the part. "
        + _NEGATIVES,
    ),
    NamedSplit(
        name="siim@image",
        dataset="siim",
        title="70 / 15 / 15 by film: siim@gloria-rows without its leak",
        unit="image",
        draw="scikit-learn train_test_split, test_size=0.3, then 0.5; seed 0, not stratified",
        rule="ImageIds sorted; train_test_split(test_size=0.3, random_state=0); the 30 % halved by test_size=0.5 with "
        "the same seed: first half test, second half val.",
        source="ours",
        used_by=(),
        evidence="ours",
        expected={"train": PartFacts(8_432), "val": PartFacts(1_808), "test": PartFacts(1_807)},
        assign=_by_image,
        limits="the release does not say which films are of one patient. " + _NEGATIVES,
    ),
    _benchx_split(
        "benchx", 0, "9,303 / 1,372 / 1,372 by film, stratified, BenchX", _facts(9_303, 2_073, "7c0aba17339a1d6d")
    ),
    _benchx_split("benchx-10", 0.9, "siim@benchx with its 10 % of train", _facts(930, 207, "792637a20139d0b9")),
    _benchx_split("benchx-1", 0.99, "siim@benchx with its 1 % of train", _facts(93, 21, "b3140305ec7f59da")),
)
