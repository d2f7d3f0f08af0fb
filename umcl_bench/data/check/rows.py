"""What the tables alone show: patients, splits, labels, views and ages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from umcl_bench.data.check.report import Finding, listed
from umcl_bench.data.corpus import LATERAL, SPLITS, Corpus
from umcl_bench.data.readers.common import counts_note
from umcl_bench.data.splits import list_splits
from umcl_bench.data.vocabulary import KNOWN, NO_FINDING, NO_PATHOLOGY

_VIEWS = LATERAL | {"pa", "ap", "ap supine", "frontal", ""}
_FEW = 10
_MOST_OF_FIVE = 0.1
_OLDEST = 120


def check_rows(corpus: Corpus, *, release: bool = False) -> list[Finding]:
    """All findings about patients, splits, labels, views and ages; of an official `release`, what its reader says."""
    return [
        *_expected(corpus),
        *(_remarks(corpus) if release else _unread(corpus)),
        *_lacking(corpus, list_splits(corpus.dataset) if release else []),
        *_patients(corpus),
        *_labels(corpus),
        *_classes(corpus),
        *_views_and_ages(corpus),
    ]


def _remarks(corpus: Corpus) -> list[Finding]:
    notes = [note for note in corpus.notes if note not in counts_note(corpus.expectations)]
    return listed("note", "reader-remark", "remarks of the reader, which every run repeats", notes)


def _unread(corpus: Corpus) -> list[Finding]:
    columns = corpus.facts.get("columns_not_read", ())
    return listed("warning", "column-unread", "columns that are not read and look as if they were meant", columns)


def _lacking(corpus: Corpus, named: list[str]) -> list[Finding]:
    """Whether there are films, and rows of the splits that runs need; `named` are splits that may be chosen."""
    films = corpus.has_image is None or corpus.has_image.any()
    where = corpus.dataset + (f" (--split can be {', '.join(named)})" if named else "")
    train, test = ((corpus.splits == split).any() for split in ("train", "test"))
    return [
        *listed("warning", "films-none", "datasets without a film", [] if films else [corpus.dataset]),
        *listed("warning", "test-none", "datasets without a test row", [] if test else [where]),
        *listed("note", "train-none", "datasets without a training row", [] if train else [where]),
    ]


def _expected(corpus: Corpus) -> list[Finding]:
    differ = [f"{e.what}: {e.found:,}, published {e.expected:,}" for e in corpus.expectations if not e.met]
    return listed("warning", "count-differs", "counts that are not the published ones", differ)


def _patients(corpus: Corpus) -> list[Finding]:
    splits: dict[str, set[str]] = {}
    for patient, split in zip(corpus.patients, corpus.splits, strict=True):
        if split:
            splits.setdefault(str(patient), set()).add(split)
    shared = [f"{p} ({', '.join(sorted(where))})" for p, where in splits.items() if len(where) > 1]
    most = Counter(map(str, corpus.patients)).most_common(5)
    share = sum(n for _, n in most) / max(1, len(corpus))
    uneven = [f"{patient}: {n} rows" for patient, n in most] if share > _MOST_OF_FIVE and len(splits) > 50 else []
    return [
        *listed("error", "patient-in-splits", "patients in more than one split", shared),
        *listed("note", "patients-uneven", f"patients who have {share:.0%} of all rows: count patients", uneven),
        *listed("note", "split-none", "rows in no split", corpus.ids[corpus.splits == ""]),
    ]


def _labels(corpus: Corpus) -> list[Finding]:
    stated, classes = corpus.stated, corpus.classes
    strange = ~np.isnan(stated) & ~np.isin(stated, (-1, 0, 1))
    values = [f"{corpus.ids[r]}: {classes[c]} is {stated[r, c]:g}" for r, c in np.argwhere(strange)]
    unlabelled = np.isnan(stated).all(axis=1) if classes else np.ones(len(corpus), dtype=bool)
    none = corpus.ids[unlabelled & ~unlabelled.all()]
    return [
        *listed("error", "label-range", "labels that are not 1, 0, -1 or empty", values),
        *listed("warning", "label-contradicts", f"rows with {NO_FINDING} beside a finding", _contradictions(corpus)),
        *listed("note", "label-unknown", "findings outside the known vocabulary", _with_counts(corpus)),
        *listed("note", "label-none", "rows without any label", none),
        *listed("warning", "labels-none", "datasets without any label", [corpus.dataset] if unlabelled.all() else []),
    ]


def _contradictions(corpus: Corpus) -> list[str]:
    if NO_FINDING not in corpus.classes:
        return []
    pathology = np.array([name not in NO_PATHOLOGY for name in corpus.classes])
    clear = corpus.stated[:, corpus.classes.index(NO_FINDING)] == 1
    return [str(i) for i in corpus.ids[clear & (corpus.stated[:, pathology] == 1).any(axis=1)]]


def _with_counts(corpus: Corpus) -> list[str]:
    counts = (corpus.stated == 1).sum(axis=0)
    return [f"{name} ({n})" for name, n in zip(corpus.classes, counts, strict=True) if name not in KNOWN]


def _classes(corpus: Corpus) -> list[Finding]:
    """What a metric will be undefined or a sign of life for, by the labels after the policy."""
    present = [split for split in SPLITS if (corpus.splits == split).any()]
    one_sided: list[str] = []
    few: list[str] = []
    absent: list[str] = []
    for name, positives, negatives in _sides(corpus, present):
        counts = ", ".join(f"{split} {n}" for split, n in positives.items())
        if any(positives.values()) and not all(positives.values()):
            absent.append(f"{name} ({counts})")
        without = [split for split in present if positives[split] and not negatives[split]]
        if without:
            one_sided.append(f"{name} (in {' and '.join(without)})")
        if "test" in present and positives["test"] and min(positives["test"], negatives["test"]) < _FEW:
            few.append(f"{name} ({positives['test']} positive, {negatives['test']} negative)")
    return [
        *listed("warning", "class-absent", "findings without a positive film in a split", absent),
        *listed("warning", "class-one-sided", "findings that no film of a split is known not to have", one_sided),
        *listed("note", "class-few", f"findings with fewer than {_FEW} films of one side in test", few),
        *listed("note", "class-implied", "findings that occur beside another one only", _implied(corpus)),
    ]


def _sides(corpus: Corpus, splits: list[str]) -> Iterator[tuple[str, dict[str, int], dict[str, int]]]:
    """Each finding's positives and negatives by split."""
    rows = {split: corpus.splits == split for split in splits}
    for at, name in enumerate(corpus.classes):
        column = corpus.labels[:, at]
        yield (
            name,
            {split: int((column[chosen] == 1).sum()) for split, chosen in rows.items()},
            {split: int((column[chosen] == 0).sum()) for split, chosen in rows.items()},
        )


def _implied(corpus: Corpus) -> list[str]:
    positive = (corpus.stated == 1).astype(np.int64)
    together, counts = positive.T @ positive, positive.sum(axis=0)
    found = []
    for at, name in enumerate(corpus.classes):
        others = [c for i, c in enumerate(corpus.classes) if i != at and together[at, i] == counts[at]]
        if counts[at] >= 3 and others:
            found.append(f"{name} ({counts[at]}) beside {' and '.join(others)}")
    return found


def _views_and_ages(corpus: Corpus) -> list[Finding]:
    views = Counter(str(view) for view in corpus.views)
    unknown = [f"{view} ({n})" for view, n in sorted(views.items()) if view.casefold() not in _VIEWS]
    lateral = [i for i, view in zip(corpus.ids, corpus.views, strict=True) if str(view).casefold() in LATERAL]
    ages = corpus.attributes.get("age", ())
    strange = [f"{i}: {age!r}" for i, age in zip(corpus.ids, ages, strict=False) if age and not _possible(str(age))]
    unsaid = corpus.ids[corpus.views == ""] if any(views.keys() - {""}) else []
    return [
        *listed("warning", "view-unknown", "views that are not known, taken as frontal", unknown),
        *listed("note", "view-empty", "rows without a view, taken as frontal", unsaid),
        *listed("note", "view-lateral", "lateral films, which tasks on frontal films leave out", lateral),
        *listed("warning", "age-impossible", f"ages that are no number from 0 to {_OLDEST}", strange),
    ]


def _possible(age: str) -> bool:
    """'58', '58.0', DICOM's '058Y', '003M' (also days and weeks)."""
    match = re.fullmatch(r"(\d{1,4})(?:\.\d+)?([YMWD]?)", age.strip(), re.ASCII | re.IGNORECASE)
    return match is not None and (match[2].upper() in ("M", "W", "D") or int(match[1]) <= _OLDEST)
