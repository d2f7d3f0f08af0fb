"""The splits of the RSNA Pneumonia challenge (stage 2, 26,684 films) that papers call 'RSNA'.

They are all drawn over patientIds, which name films and not persons: the films are NIH ChestX-ray14's, and a person of
it may have several. How many persons are in two parts was counted by torchxrayvision's match of the films (those with
mse < 10: 26,586 of 26,684).
"""

from __future__ import annotations

from functools import partial

from umcl_bench.data.corpus import Corpus, Strings
from umcl_bench.data.splits.base import Lists, NamedSplit, PartFacts, class_column, place, sorted_rows
from umcl_bench.data.splits.draws import cut

CLASS = "Pneumonia"
MRM_TRAIN = 25_184
_HOLD_OUT = 2 * 5_337


def _facts(images: int, positives: int, sha: str) -> PartFacts:
    return PartFacts(images, positives={CLASS: positives}, sha=sha)


def _persons(films: int, of: int, part: str = "test") -> str:
    return (
        f"patientId names a film, not a person: {films:,} of the {of:,} {part} films are of persons of NIH "
        "ChestX-ray14 who have films in train too"
    )


def _thirds(size: float | int, corpus: Corpus, lists: Lists) -> Strings:
    """A hold-out, halved: the first half that comes back is the test part."""
    train, rest = cut(sorted_rows(corpus), size, 0, lists.split)
    test, val = cut(rest, 0.5, 0, lists.split)
    return place(len(corpus), train=train, val=val, test=test)


def _mrm(corpus: Corpus, lists: Lists) -> Strings:
    rows = sorted_rows(corpus)
    return place(len(corpus), train=rows[:MRM_TRAIN], val=rows[MRM_TRAIN:])


def stratified(rows: list[int], labels: list[int], size: float | int, split: str) -> tuple[list[int], list[int]]:
    """BenchX's draw: seed 42, stratified by the label; `labels` are by row of the corpus."""
    return cut(rows, size, 42, split, [labels[row] for row in rows])


def _benchx(discard: float, corpus: Corpus, lists: Lists) -> Strings:
    labels = class_column(corpus, CLASS, lists.split)
    train, rest = stratified(sorted_rows(corpus), labels, 0.3, lists.split)
    val, test = stratified(rest, labels, 0.5, lists.split)
    if discard:
        train, _ = stratified(train, labels, discard, lists.split)
    return place(len(corpus), train=train, val=val, test=test)


_BENCHX_RULE = (
    "patientIds sorted; train_test_split(test_size=0.3, random_state=42, stratify=Target); the 30 % halved by "
    "test_size=0.5 with the same seed, stratified: first half val, second half test"
)
_VAL = _facts(4_003, 902, "c7f941c6106c73f9")
_TEST = _facts(4_003, 902, "a31992b6120e160b")


def _benchx_split(variant: str, discard: float, title: str, train: PartFacts, persons: int) -> NamedSplit:
    cutting = f"; of train, train_test_split(test_size={discard}) with the same seed, stratified" if discard else ""
    return NamedSplit(
        name=f"rsna@{variant}",
        dataset="rsna",
        title=title,
        unit="image",
        draw="scikit-learn train_test_split, seed 42, stratified by Target",
        rule=_BENCHX_RULE + cutting + ".",
        source="yangzhou12/BenchX preprocess/datasets/RSNA/preprocess_rsna.py and its lists (MIT)",
        used_by=("BenchX",),
        evidence="published",
        expected={"train": train, "val": _VAL, "test": _TEST},
        assign=partial(_benchx, discard),
        leaks=_persons(persons, 4_003),
    )


SPLITS = (
    NamedSplit(
        name="rsna@gloria",
        dataset="rsna",
        title="70 / 15 / 15 by patientId, the classification split of GLoRIA and MGCA",
        unit="image",
        draw="scikit-learn train_test_split, test_size=0.3, then 0.5; seed 0, not stratified",
        rule="One row a patientId, sorted; train_test_split(test_size=0.3, random_state=0); the 30 % halved by "
        "test_size=0.5 with the same seed: the first half that it returns is test, the second val.",
        source="marshuang80/gloria gloria/datasets/preprocess_datasets.py; HKU-MedAI/MGCA mgca/preprocess/rsna.py",
        used_by=("GLoRIA", "MGCA (classification)", "cxr-clip"),
        evidence="computed",
        expected={
            "train": _facts(18_678, 4_162, "fdea2323542c4f7d"),
            "val": _facts(4_003, 928, "6279287fa3e3d1e3"),
            "test": _facts(4_003, 922, "00eda73bce215e4b"),
        },
        assign=partial(_thirds, 0.3),
        leaks=_persons(2_738, 4_003),
    ),
    NamedSplit(
        name="rsna@mgca-seg",
        dataset="rsna",
        title="16,010 / 5,337 / 5,337 by patientId, MGCA's split for detection and segmentation",
        unit="image",
        draw="scikit-learn train_test_split, test_size=10674, then 0.5; seed 0, not stratified",
        rule="One row a patientId, sorted; train_test_split(test_size=2*5337, random_state=0); the held-out part "
        "halved by test_size=0.5 with the same seed: the first half that it returns is test, the second val.",
        source="HKU-MedAI/MGCA mgca/preprocess/rsna.py, prepare_detection_data",
        used_by=("MGCA (detection, segmentation)",),
        evidence="computed",
        expected={
            "train": _facts(16_010, 3_579, "3941bdb6a942688b"),
            "val": _facts(5_337, 1_182, "93e72ac638814123"),
            "test": _facts(5_337, 1_251, "e75061d168ffcae0"),
        },
        assign=partial(_thirds, _HOLD_OUT),
        leaks=_persons(3_570, 5_337),
    ),
    NamedSplit(
        name="rsna@mrm",
        dataset="rsna",
        title="25,184 train / 1,500 val of the 26,684 training films; MRM's 3,000 test films are the challenge's own",
        unit="image",
        draw="none: the sorted order of the ids",
        rule="patientIds sorted; the first 25,184 are train, the last 1,500 val. MRM's test part is the 3,000 films of "
        "stage_2_test_images, which are not in stage_2_train_labels.csv.",
        source="RL4M/MRM-pytorch DatasetsSplits/RSNA_Pneumonia: val_list.txt and train_list.txt are these slices "
        "(their line counts and their first and last ids agree)",
        used_by=("MRM", "ECAMP"),
        evidence="unverified",
        expected={
            "train": _facts(25_184, 5_789, "78f2a989323ab6b1"),
            "val": _facts(1_500, 223, "617c98b3844cf32c"),
        },
        assign=_mrm,
        leaks=_persons(1_052, 1_500, "val"),
        limits="sorted ids are no random order: 23 % of train and 15 % of val are positive. No test part: labels of "
        "stage_2_test_images are in MRM's test_list.txt, not in the challenge's files, so that no figure made with it "
        "here is comparable with MRM's or ECAMP's",
    ),
    _benchx_split(
        "benchx", 0, "70 / 15 / 15 by patientId, stratified, BenchX", _facts(18_678, 4_208, "2a0ba3e7c1647b7d"), 2_715
    ),
    _benchx_split(
        "benchx-10", 0.9, "rsna@benchx with its 10 % of train", _facts(1_867, 421, "822dec46818da67a"), 1_047
    ),
    _benchx_split("benchx-1", 0.99, "rsna@benchx with its 1 % of train", _facts(186, 42, "70b19fa87f0f0632"), 198),
)
