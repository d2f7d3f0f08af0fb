"""The splits of CheXpert (train.csv: 223,414 films; valid.csv: 234 films of 200 patients)."""

from __future__ import annotations

from functools import partial

import numpy as np

from umcl_bench.data.corpus import Corpus, Rows, Strings
from umcl_bench.data.splits.base import Lists, NamedSplit, Naming, PartFacts, bare_ids, place, rows_of
from umcl_bench.data.splits.five import FIVE, draw_each, frontal, of_other_patients, pools
from umcl_bench.data.tables import Table, read_table
from umcl_bench.errors import DataError, UsageError

LIST = "chexpert-5x200.csv"
_PATHS = ("Path", "path", "image path", "image_path", "imgpath", "image")
_VAL = 5_000


def folder_rows(corpus: Corpus, folder: str) -> Rows:
    """The rows of a folder of the release ('train', 'valid', 'test'), in the order of its csv."""
    return np.flatnonzero([str(identity).startswith(f"{folder}/") for identity in corpus.ids])


def _official(corpus: Corpus, lists: Lists) -> Strings:
    parts = {part: folder_rows(corpus, f) for part, f in (("train", "train"), ("val", "valid"), ("test", "test"))}
    return place(len(corpus), **parts)


def _bare(path: str) -> str:
    """'train/patient00001/study1/view1_frontal.jpg' of a path with any folder in front."""
    return path[max(path.find("train/patient"), 0) :]


def _listed(corpus: Corpus, lists: Lists) -> list[int]:
    """The rows of the published 5x200 list. Raises UsageError where it is not there: its draw has no seed."""
    path = lists.find(LIST, "chexpert_5x200.csv")
    if path is None:
        raise UsageError(
            f"{lists.split} was drawn without a seed, so the published list is the only truth: put {LIST} (1,000 rows "
            "with a Path; UniMed-CLIP and GLoRIA's page have it) beside the data. Without it use "
            f"{lists.split.partition('@')[0]}@mgca-seed0, the same rule with a seed"
        )
    table = read_table(path)
    column = next((name for name in _PATHS if name in table), None)
    if column is None:
        raise DataError(f"{path} has no column {' or '.join(_PATHS[:4])}; found: {', '.join(table.columns)}")
    table.need_ids(column)
    return rows_of(corpus, table, column, _bare)


def _seeded(corpus: Corpus, lists: Lists) -> list[int]:
    """MGCA's draw: the same random_state=0 for each of the five findings."""
    rows = frontal(corpus, folder_rows(corpus, "train"))
    return draw_each(pools(corpus, rows, lists.split), 200, lambda: 0, lists.split)


_DRAWS = {"gloria": _listed, "mgca-seed0": _seeded}


def _five(variant: str, corpus: Corpus, lists: Lists) -> Strings:
    """The 1,000 are test, train.csv without their patients is train, valid.csv is val."""
    test = _DRAWS[variant](corpus, lists)
    train = of_other_patients(corpus, folder_rows(corpus, "train"), test)
    return place(len(corpus), train=train, val=folder_rows(corpus, "valid"), test=test)


def _eight(corpus: Corpus, lists: Lists) -> Strings:
    """Candidates and query films are test, train.csv without their patients is train, valid.csv is val."""
    candidates = read_table(
        lists.need("candidate.csv", "ConVIRT's 1,600 candidates (image-retrieval/candidate.csv)"), ["Path"]
    )
    test = [*_paths(corpus, candidates), *_eight_queries(corpus, lists)]
    train = of_other_patients(corpus, folder_rows(corpus, "train"), test)
    return place(len(corpus), train=train, val=folder_rows(corpus, "valid"), test=dict.fromkeys(test))


def _eight_queries(corpus: Corpus, lists: Lists) -> dict[int, str]:
    """The class of each query film, by row."""
    path = lists.need("query.csv", "ConVIRT's 80 query films (image-retrieval/query.csv)")
    table = read_table(path, ["Variable", "Path"])
    return dict(zip(_paths(corpus, table), table["Variable"], strict=True))


def _paths(corpus: Corpus, table: Table) -> list[int]:
    """The rows of the films that a list of ConVIRT names. Raises DataError for one that is not there, or twice."""
    table.need_ids("Path")
    return rows_of(corpus, table, "Path", _bare)


def _query_column(corpus: Corpus, lists: Lists) -> Strings:
    """'query': the class of a query film, '' for a candidate."""
    column = np.full(len(corpus), "", dtype=object)
    for row, name in _eight_queries(corpus, lists).items():
        column[row] = name
    return column


def probe_parts(n: int, left_out: Rows, split: str, size: int = _VAL) -> tuple[Rows, Rows]:
    """Places in train.csv (n rows) of GLoRIA's and MGCA's train and val, with the leak that their code has.

    What is left without the 5x200 keeps its row labels; val are `size` random places of it, but train is what is left
    when the *labels* of these numbers are dropped: other rows, so that most of val stays in train.
    """
    left = np.setdiff1d(np.arange(n), left_out)
    if len(left) < size:
        raise DataError(f"{split} draws {size:,} films for val; {len(left):,} are left: no complete release")
    drawn = np.random.RandomState(0).choice(len(left), size=size, replace=False)
    return np.setdiff1d(left, drawn), left[drawn]


def _probe(variant: str, corpus: Corpus, lists: Lists) -> Strings:
    rows = folder_rows(corpus, "train")
    place_of = {row: at for at, row in enumerate(rows)}
    left_out = np.array([place_of[row] for row in _DRAWS[variant](corpus, lists)], dtype=np.int64)
    train, val = probe_parts(len(rows), left_out, lists.split)
    return place(len(corpus), train=rows[train], val=rows[val], test=folder_rows(corpus, "valid"))


def medclip_draw(corpus: Corpus, rows: Rows, split: str) -> tuple[list[int], list[int]]:
    """MedCLIP's test films and fine-tuning films: one stream of seed 42, 400 a finding, then a half of all 2,000."""
    state = np.random.RandomState(42)  # the authors' np.random.seed(42)
    drawn = draw_each(pools(corpus, rows, split, uncertain_is_no=True), 400, lambda: state, split)
    import pandas as pd

    test = [int(row) for row in pd.Series(drawn).sample(frac=0.5, random_state=state)]
    chosen = set(test)
    return test, [row for row in drawn if row not in chosen]


def _medclip(finetune: bool, corpus: Corpus, lists: Lists) -> Strings:
    rows = folder_rows(corpus, "train")
    test, rest = medclip_draw(corpus, rows, lists.split)
    return place(len(corpus), train=rest if finetune else np.setdiff1d(rows, test), test=test)


def _with(prefix: str) -> Naming:
    return lambda corpus, lists: np.array([prefix + str(identity) for identity in corpus.ids], dtype=object)


_NAMINGS: dict[str, Naming] = {
    "CheXpert-v1.0-small/ID": _with("CheXpert-v1.0-small/"),
    "CheXpert-v1.0/ID": _with("CheXpert-v1.0/"),
    "ID": bare_ids,
}
_EACH = dict.fromkeys(FIVE, 200)
_RULE = (
    "Films of train.csv that are frontal, whose finding is 1 and whose other twelve (all but No Finding) are 0 or "
    "blank, so that an uncertain one shuts a film out; 200 a finding"
)
_REST = (
    " Train is train.csv without the patients of these films, as cxr-clip does it (the authors leave out the films "
    "only), val is valid.csv."
)
_MEDCLIP_RULE = (
    "In the order of train.csv, laterals too, uncertain taken as 0: films whose finding is 1 and whose other twelve "
    "are 0 or blank; with one stream of np.random.seed(42): sample(400) a finding, then sample(frac=0.5) of the 2,000, "
    "which is test and has about 200 a finding. "
)
_MEDCLIP = "RyanWangZf/MedCLIP, an early script that forks still have; the list was never published"
_POOLS = "pools of 2,171 / 2,106 / 1,327 / 3,364 / 4,975 films, of these 455 / 567 / 293 / 284 / 1,405 lateral"
_PROBE_LEAK = (
    "val is drawn by place and taken out of train by row label, so that nearly all of val stays in train (about 4,880 "
    "of 5,000 where the 5x200 are placed at random); test is clean"
)

SPLITS = (
    NamedSplit(
        name="chexpert@official",
        dataset="chexpert",
        title="train.csv, valid.csv, and the 500 test studies where they are there",
        unit="patient",
        draw="the release's own files",
        rule="train.csv is train, valid.csv val, the test studies (published in 2022) test.",
        source="Stanford ML Group, CheXpert v1.0",
        used_by=("Irvin et al. 2019", "CheXzero"),
        evidence="published",
        expected={"train": PartFacts(223_414, 64_540), "val": PartFacts(234, 200)},
        assign=_official,
    ),
    NamedSplit(
        name="chexpert@gloria",
        dataset="chexpert",
        title="linear probing: train.csv without the 5x200, 5,000 of it val, valid.csv as test",
        unit="image",
        draw="numpy choice without a seed; seed 0 here",
        rule="train.csv in its order without the films of chexpert-5x200@gloria; 5,000 at random are val, the rest is "
        "train (but see the leak); valid.csv is test. Laterals are left out afterwards. The authors' draw has no seed: "
        "val is drawn here with MGCA's seed 0.",
        source="marshuang80/gloria gloria/datasets/preprocess_datasets.py and image_dataset.py",
        used_by=("GLoRIA",),
        evidence="unverified",
        expected={"val": PartFacts(_VAL), "test": PartFacts(234, 200)},
        assign=partial(_probe, "gloria"),
        needs=LIST,
        leaks=_PROBE_LEAK,
    ),
    NamedSplit(
        name="chexpert@mgca-seed0",
        dataset="chexpert",
        title="chexpert@gloria with MGCA's seed: 5,000 of train.csv as val, valid.csv as test",
        unit="image",
        draw="numpy legacy choice, seed 0",
        rule="train.csv in its order without the films of chexpert-5x200@mgca-seed0; np.random.seed(0), "
        "choice(5000, replace=False) is val, the rest is train (but see the leak); valid.csv is test. Laterals are "
        "left out afterwards.",
        source="HKU-MedAI/MGCA mgca/preprocess/chexpert.py and datasets/classification_dataset.py",
        used_by=("MGCA",),
        evidence="code",
        expected={"val": PartFacts(_VAL), "test": PartFacts(234, 200)},
        assign=partial(_probe, "mgca-seed0"),
        leaks=_PROBE_LEAK,
    ),
    NamedSplit(
        name="chexpert-5x200@gloria",
        dataset="chexpert",
        title="200 films for each of five findings, GLoRIA's published list",
        unit="image",
        draw="pandas sample(200) without a seed: the list is the only truth",
        rule=_RULE + ", drawn without a seed and published as a list." + _REST,
        source="marshuang80/gloria gloria/datasets/preprocess_datasets.py; the list: mbzuai-oryx/UniMed-CLIP "
        "local_data/chexpert-5x200.csv; cxr-clip's counts",
        used_by=("GLoRIA", "cxr-clip", "UniMed-CLIP"),
        evidence="published",
        expected={
            "train": PartFacts(216_478, 63_574),
            "val": PartFacts(234, 200),
            "test": PartFacts(1_000, 966, _EACH),
        },
        assign=partial(_five, "gloria"),
        needs=LIST,
        limits="the list's own hash is recorded, there is none to compare with",
    ),
    NamedSplit(
        name="chexpert-5x200@mgca-seed0",
        dataset="chexpert",
        title="200 films for each of five findings, GLoRIA's rule with MGCA's seed 0",
        unit="image",
        draw="pandas sample(200, random_state=0), each finding anew",
        rule=_RULE + ", in the order of train.csv, sample(200, random_state=0) for each finding." + _REST,
        source="HKU-MedAI/MGCA mgca/preprocess/chexpert.py",
        used_by=("MGCA",),
        evidence="computed",
        expected={"val": PartFacts(234, 200), "test": PartFacts(1_000, 969, _EACH, "37786d6d0086d99a")},
        assign=partial(_five, "mgca-seed0"),
        limits="the folder in front of the hashed paths is not recorded: three spellings are tried",
        namings=_NAMINGS,
    ),
    NamedSplit(
        name="chexpert-8x200@convirt",
        dataset="chexpert",
        title="ConVIRT's retrieval set: 200 candidates for each of eight classes, and 10 query films",
        unit="image",
        draw="the authors' published lists",
        rule="candidate.csv and query.csv are test; 'query' is the class of a query film, as query.csv has it, and "
        "empty for a candidate. Train is train.csv without the patients of these films (ours: ConVIRT is trained "
        "elsewhere), val is valid.csv.",
        source="yuhaozhang/convirt image-retrieval/candidate.csv and query.csv",
        used_by=("ConVIRT", "EGMA"),
        evidence="published",
        expected={"val": PartFacts(234, 200)},
        assign=_eight,
        needs="candidate.csv and query.csv, from image-retrieval/",
        limits="the candidates' labels are those of train.csv, by machine",
        columns={"query": _query_column},
    ),
    NamedSplit(
        name="chexpert-5x200@medclip",
        dataset="chexpert",
        title="'5x200' of MedCLIP: 1,000 films, about 200 a finding, laterals among them",
        unit="image",
        draw="pandas sample(400) five times, then sample(frac=0.5), one numpy stream of seed 42",
        rule=_MEDCLIP_RULE + "Train is the rest of train.csv, other films of the same patients too.",
        source=_MEDCLIP,
        used_by=("MedCLIP",),
        evidence="unverified",
        expected={"test": PartFacts(1_000), "train": PartFacts(222_414)},
        assign=partial(_medclip, False),
        views="all",
        leaks="train has other films, of the same study too, of the patients in test",
        limits=_POOLS,
    ),
    NamedSplit(
        name="chexpert-5x200-finetune@medclip",
        dataset="chexpert",
        title="the other half of MedCLIP's draw as train, for probing on its '5x200'",
        unit="image",
        draw="as chexpert-5x200@medclip",
        rule=_MEDCLIP_RULE + "Train is the other 1,000.",
        source=_MEDCLIP,
        used_by=("MedCLIP",),
        evidence="unverified",
        expected={"test": PartFacts(1_000), "train": PartFacts(1_000)},
        assign=partial(_medclip, True),
        views="all",
        leaks="a film of a study may be in train and another of it in test",
        limits=_POOLS,
    ),
)
