"""Named, versioned, hash-checked splits: which images a paper's 'RSNA' or 'CheXpert 5x200' is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.splits import chexpert, mimic, nih, rsna, siim
from umcl_bench.data.splits.apply import apply_named
from umcl_bench.data.splits.base import EVIDENCE, Lists, NamedSplit, PartFacts, part_hash
from umcl_bench.data.splits.fractions import label_fraction
from umcl_bench.errors import unknown_name

__all__ = [
    "EVIDENCE",
    "Lists",
    "NamedSplit",
    "PartFacts",
    "apply_split",
    "get_split",
    "label_fraction",
    "list_splits",
    "part_hash",
]

_ALL = (*chexpert.SPLITS, *mimic.SPLITS, *nih.SPLITS, *rsna.SPLITS, *siim.SPLITS)
_SPLITS = {split.name: split for split in _ALL}


def list_splits(dataset: str = "") -> list[str]:
    """The names of all splits, or of those of a dataset, sorted."""
    return sorted(name for name, split in _SPLITS.items() if dataset in ("", split.dataset))


def get_split(name: str) -> NamedSplit:
    """The split called `name`. Raises UsageError, with suggestions."""
    if name not in _SPLITS:
        raise unknown_name("split", name, _SPLITS)
    return _SPLITS[name]


def apply_split(corpus: Corpus, name: str, folders: Iterable[Path] = ()) -> Corpus:
    """The corpus with the split `name` in its `splits`.

    `folders` are where the files that some splits need are looked for: in FOLDER/splits/NAME/, FOLDER/splits/, FOLDER.
    Expected counts are added to `expectations`, name, version and hashes to `facts['split']`; a copy that differs from
    the published split, and a split that leaks, are in `notes`. An image that the authors' procedure puts into several
    parts is repeated at the end, once for each. Raises UsageError for a corpus of another dataset or a missing list,
    DataError where the split can't be drawn.
    """
    return apply_named(corpus, get_split(name), folders)
