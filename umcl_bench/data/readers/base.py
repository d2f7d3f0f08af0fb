"""What a reader of a dataset's official release is, and what it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.policies import LabelPolicy, Uncertain, Unnamed

Section = Literal["findings+impression", "impression", "findings", "longest", "report"]
SECTIONS: tuple[str, ...] = get_args(Section)


@dataclass(frozen=True)
class ReadOptions:
    """What a user may choose when a source is read; it is in the corpus's facts and so in every record.

    `unnamed`, `uncertain`: '' is the dataset's own default (`Reader.policy`). `section` is the part of a report that
    is its text: 'longest' is the longer of findings and impression (cxr-clip), 'report' all of it; where a chosen
    section is missing the row has no text. `votes`: how several readers of one film become a label. `labeler`:
    whose labels of MIMIC-CXR, '' being CheXpert's where they are there.
    """

    unnamed: Unnamed | Literal[""] = ""
    uncertain: Uncertain | Literal[""] = ""
    section: Section = "findings+impression"
    votes: Literal["majority", "any"] = "majority"
    labeler: Literal["", "chexpert", "negbio"] = ""

    def policy(self, default: LabelPolicy) -> LabelPolicy:
        """`default` with what was chosen."""
        return LabelPolicy(self.unnamed or default.unnamed, self.uncertain or default.uncertain)


DEFAULTS = ReadOptions()


@dataclass(frozen=True)
class Reader:
    """Reads one dataset's official release. One file each: `READER = Reader(...)`.

    `recognise` says in a few words what it sees in a folder ('v1.0-small: train.csv, valid.csv'), or None where the
    folder is no such release; it opens no more than headers. `read` gives the corpus, with expected counts beside the
    found ones; it does not open or stat images. Both take the release's own folder. `looked_for` and `get_it` end the
    error for a dataset that is needed and not there.
    """

    name: str
    title: str
    paper: str
    looked_for: str
    get_it: str
    policy: LabelPolicy
    recognise: Callable[[Path], str | None]
    read: Callable[[Path, ReadOptions], Corpus]
