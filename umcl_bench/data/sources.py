"""Where corpora come from: the embedded phantom, or a folder with a metadata.csv."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from umcl_bench.data.corpus import Corpus, LabelPolicy
from umcl_bench.errors import UsageError, unknown_name

PHANTOM = "phantom"
PLAYED = ("chexpert",)
"""Datasets that the phantom plays: each is the phantom's own splits with that dataset's fields."""


@dataclass(frozen=True)
class Source:
    """A training corpus and the corpora of tasks. `given` is what the user typed for --data, None for the phantom."""

    given: str | None
    corpus: Corpus
    options: dict[str, str]

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.corpus.source

    def training(self) -> Corpus:
        """The corpus whose train split models learn from."""
        return self.corpus

    def dataset(self, name: str) -> Corpus:
        """The corpus that plays the dataset `name`; '' is whatever the source has.

        A folder with a metadata.csv serves every dataset; the protocol checks that it has the fields. Raises
        UsageError where the phantom does not play `name`.
        """
        if self.corpus.kind == "phantom" and name and name not in PLAYED:
            raise UsageError(f"the phantom does not play the dataset {name!r}; it plays: {', '.join(PLAYED)}")
        return self.corpus


def open_source(
    given: str | None = None, *, dials: dict[str, float] | None = None, unnamed: Literal["", "unknown", "negative"] = ""
) -> Source:
    """The source that --data names: nothing or 'phantom', or a folder. Raises UsageError or DataError."""
    if given == "":
        raise UsageError("--data is empty; name a folder, or leave the option out for the phantom")
    if given is None or (given == PHANTOM and not Path(given).is_dir()):
        if unnamed:
            raise UsageError("--unnamed is about folders; the phantom's labels are exhaustive")
        return _open_phantom(dials or {})
    if dials:
        raise UsageError(f"dials belong to the phantom; {given!r} is a folder of films")
    policy = LabelPolicy(unnamed=unnamed) if unnamed else None
    return Source(given, _open_folder(given, policy), {"unnamed": unnamed} if unnamed else {})


def dial_names() -> tuple[str, ...]:
    """The phantom's dials, in order."""
    from umcl_bench.data.phantom import Dials

    return tuple(f.name for f in dataclasses.fields(Dials))


def _open_phantom(dials: dict[str, Any]) -> Source:
    from umcl_bench.data.phantom import Dials, PhantomSpec, phantom_corpus

    for name in dials:
        if name not in dial_names():
            raise unknown_name("dial", name, dial_names())
    try:
        spec = PhantomSpec(dials=Dials(**dials))
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Source(None, phantom_corpus(spec), {f"dial {k}": repr(v) for k, v in dials.items()})


def _open_folder(given: str, policy: LabelPolicy | None) -> Corpus:
    from umcl_bench.data.folder import TABLE, read_folder

    root = Path(given)
    if not root.is_dir():
        raise UsageError(f"--data {given}: there is no such folder. Leave --data out for the phantom.")
    if not (root / TABLE).is_file():
        found = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
        raise UsageError(
            f"--data {given} is not a source: looked for {TABLE} (columns image, patient_id, split, and labels or "
            f"report) and found {found}"
        )
    return read_folder(root, policy)
