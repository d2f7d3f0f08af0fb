"""Where corpora come from: the embedded phantom, official releases that are recognised, or a folder with a table."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from umcl_bench.data.corpus import Corpus, join
from umcl_bench.data.readers import DEFAULTS, ReadOptions, get_reader, list_readers, recognise, seen_in
from umcl_bench.errors import UsageError, unknown_name

PHANTOM = "phantom"


@dataclass(frozen=True)
class Source:
    """What --data names: one or more datasets, read when they are asked for.

    `given` is what the user typed, None for the phantom; `roots` are the datasets' own folders; `options` are his
    choices, as --options of the command line; `notes` what a person should be told of the folder. `own` is a folder
    with a metadata.csv: it serves every dataset whose fields it has, with its own splits.
    """

    given: str | None
    openers: Mapping[str, Callable[[], Corpus]]
    roots: Mapping[str, Path] = field(default_factory=dict)
    own: bool = False
    options: dict[str, str] = field(default_factory=dict)
    train_on: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    _read: dict[str, Corpus] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.corpus.source if self.own else "+".join(self.openers)

    @property
    def corpus(self) -> Corpus:
        """All datasets of the source as one corpus."""
        return self._joined(tuple(self.openers))

    def training(self) -> Corpus:
        """The corpus whose train split models learn from: the datasets of --train-on, or all of the source."""
        return self._joined(self.train_on or tuple(self.openers))

    def dataset(self, name: str) -> Corpus:
        """The corpus of a dataset, or of a subset of it ('chexpert-5x200'); '' is whatever the source has.

        Raises UsageError, saying what was looked for and where to get it, where the source lacks it.
        """
        if not name or self.own:
            return self.corpus
        if self.given is None:
            return self._play(name)
        base = _dataset_of(name)
        if "@" not in name and base != name:
            raise UsageError(f"{name} was drawn in several ways: say which with --split {' or '.join(_variants(name))}")
        if base not in self.openers:
            raise _lacks(base, self)
        return self._one(base)

    def with_split(self, name: str) -> Source:
        """The same source with the named split 'DATASET@VARIANT' on its dataset, in training and in tests alike.

        The phantom and a folder with a metadata.csv have no official splits: they play or serve the dataset as it is.
        """
        from umcl_bench.data.splits import apply_split, get_split

        dataset = get_split(name).dataset
        if self.own or self.given is None:
            return self
        if dataset not in self.openers:
            raise _lacks(dataset, self)
        opener, folders = self.openers[dataset], self.folders(dataset)
        changed = {dataset: lambda: apply_split(opener(), name, folders)}
        return dataclasses.replace(self, openers={**self.openers, **changed}, _read={})

    def folders(self, dataset: str) -> tuple[Path, ...]:
        """Where files that belong to a dataset may lie: its own folder, and the one that was given."""
        given = (Path(self.given),) if self.given else ()
        return tuple(dict.fromkeys((*(self.roots[d] for d in (dataset,) if d in self.roots), *given)))

    def _play(self, name: str) -> Corpus:
        from umcl_bench.data.phantom.plays import PLAYED, play

        name = name.partition("@")[0]
        if name not in PLAYED:
            raise unknown_name("dataset of the phantom", name, PLAYED)
        key = f"phantom as {name}"
        if key not in self._read:
            self._read[key] = play(self._one(PHANTOM), name)
        return self._read[key]

    def _joined(self, names: tuple[str, ...]) -> Corpus:
        key = "+".join(names)
        if key not in self._read:
            self._read[key] = join([self._one(name) for name in names])
        return self._read[key]

    def _one(self, name: str) -> Corpus:
        if name not in self._read:
            self._read[name] = self.openers[name]()
        return self._read[name]


def views_of(split: str) -> Literal["", "all"]:
    """'all' for a named split whose draw has lateral films: a task on it scores them too."""
    from umcl_bench.data.splits import get_split

    return get_split(split).views


def same_dataset(a: str, b: str) -> bool:
    """Whether two names, each of a dataset, a subset or a named split, are about the same dataset."""
    return _dataset_of(a) == _dataset_of(b)


def _dataset_of(name: str) -> str:
    """The dataset of 'chexpert', 'chexpert@gloria', 'chexpert-5x200' or 'chexpert-5x200@gloria'."""
    from umcl_bench.data.splits import get_split

    if "@" in name:
        return get_split(name).dataset
    variants = _variants(name)
    return get_split(variants[0]).dataset if variants and name not in list_readers() else name


def _variants(name: str) -> list[str]:
    from umcl_bench.data.splits import list_splits

    return [split for split in list_splits() if split.partition("@")[0] == name]


def _lacks(dataset: str, source: Source) -> UsageError:
    has = f"--data {source.given} holds {', '.join(source.openers)}"
    if dataset not in list_readers():
        return unknown_name("dataset", dataset, [*source.openers, *list_readers()])
    reader = get_reader(dataset)
    return UsageError(f"{has}; this needs {dataset}: looked for {reader.looked_for}. {reader.get_it}")


def open_source(
    given: str | None = None,
    *,
    dials: dict[str, float] | None = None,
    options: ReadOptions = DEFAULTS,
    train_on: Sequence[str] = (),
    skip_unreadable: bool = False,
) -> Source:
    """The source that --data names: nothing or 'phantom', or a folder. Raises UsageError or DataError.

    With `skip_unreadable`, a film that a metadata.csv names and that is not there is no error yet.
    """
    if given == "":
        raise UsageError("--data is empty; name a folder, or leave the option out for the phantom")
    chosen = chosen_options(options)
    if given is None or (given == PHANTOM and not Path(given).is_dir()):
        if chosen or train_on:
            raise UsageError(f"--{next(iter(chosen), 'train-on')} is about folders; the phantom's labels are complete")
        return _open_phantom(dials or {})
    if dials:
        raise UsageError(f"dials belong to the phantom; {given!r} is a folder of films")
    source = _open_folder(given, options, chosen, find_files=not skip_unreadable)
    for name in train_on:
        if name not in source.openers:
            raise unknown_name(f"dataset of {given}", name, source.openers)
    return dataclasses.replace(source, train_on=tuple(train_on))


def chosen_options(options: ReadOptions) -> dict[str, str]:
    """The choices that are not the default, by the option's name."""
    plain = dataclasses.asdict(DEFAULTS)
    return {name: value for name, value in dataclasses.asdict(options).items() if value != plain[name]}


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
    named = {f"dial {k}": repr(v) for k, v in dials.items()}
    return Source(None, {PHANTOM: lambda: phantom_corpus(spec)}, options=named)


def _open_folder(given: str, options: ReadOptions, chosen: dict[str, str], *, find_files: bool) -> Source:
    from umcl_bench.data.readers.folder import TABLE, read_folder

    root = Path(given)
    if root.is_file():
        raise UsageError(f"--data {given} is a file; name the folder that holds it")
    if not root.is_dir():
        raise UsageError(f"--data {given}: there is no such folder. Leave --data out for the phantom.")
    if (root / TABLE).is_file():
        void = [option for option in ("section", "votes", "labeler") if option in chosen]
        if void:
            raise UsageError(f"--{void[0]} is about official releases; {given} has a {TABLE}: leave it out")
        name = root.resolve().name
        openers = {name: functools.partial(read_folder, root, options, find_files=find_files)}
        also = ", ".join(f"{f.reader.name} ({f.root})" for f in recognise(root))
        notes = (f"{given} is read by its {TABLE}; not used: {also}",) if also else ()
        return Source(given, openers, {name: root}, own=True, options=chosen, notes=notes)
    found = recognise(root)
    if not found:
        raise UsageError(
            f"--data {given} is not a source: looked for {TABLE} (columns image, patient_id, split, and labels or "
            f"report) and for the official releases of {', '.join(list_readers())}; found {seen_in(root)}"
        )
    openers = {f.reader.name: functools.partial(f.reader.read, f.root, options) for f in found}
    return Source(given, openers, {f.reader.name: f.root for f in found}, options=chosen, notes=_own_below(root, TABLE))


def _own_below(root: Path, table: str) -> tuple[str, ...]:
    """A note of folders with a metadata.csv beside releases: these are no part of the source."""
    own = sorted(path.parent.name for path in root.glob(f"*/{table}"))
    return (f"not used: {', '.join(own)} in {root}, with a {table}; name one with --data to use it",) if own else ()
