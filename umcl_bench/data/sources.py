"""Where corpora come from: the embedded phantom, official releases that are recognised, or a folder with a table."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umcl_bench.data.corpus import Corpus, join
from umcl_bench.data.readers import DEFAULTS, ReadOptions, get_reader, list_readers, recognise
from umcl_bench.errors import UsageError, unknown_name

PHANTOM = "phantom"


@dataclass(frozen=True)
class Source:
    """What --data names: one or more datasets, read when they are asked for.

    `given` is what the user typed, None for the phantom; `options` are his choices, as --options of the command line.
    `own` is a folder with a metadata.csv: it serves every dataset whose fields it has, with its own splits.
    """

    given: str | None
    openers: Mapping[str, Callable[[], Corpus]]
    own: bool = False
    options: dict[str, str] = field(default_factory=dict)
    train_on: tuple[str, ...] = ()
    _read: dict[str, Corpus] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "+".join(self.openers) if not self.own else self.dataset("").source

    @property
    def corpus(self) -> Corpus:
        """All datasets of the source as one corpus."""
        return self._joined(tuple(self.openers))

    def training(self) -> Corpus:
        """The corpus whose train split models learn from: the datasets of --train-on, or all of the source."""
        return self._joined(self.train_on or tuple(self.openers))

    def dataset(self, name: str) -> Corpus:
        """The corpus of the dataset 'name' or 'name@split'; '' is whatever the source has.

        Raises UsageError, saying what was looked for and where to get it, where the source lacks it.
        """
        if not name or self.own:
            return self.corpus
        base = name.partition("@")[0]
        if self.given is None:
            return self._played(name)
        if base not in self.openers:
            raise _lacks(base, self)
        return self._one(base)

    def _played(self, name: str) -> Corpus:
        if name != "chexpert":
            raise UsageError(f"the phantom does not play the dataset {name!r}; it plays: chexpert")
        return self._one(PHANTOM)

    def _joined(self, names: tuple[str, ...]) -> Corpus:
        key = "+".join(names)
        if key not in self._read:
            self._read[key] = join([self._one(name) for name in names])
        return self._read[key]

    def _one(self, name: str) -> Corpus:
        if name not in self._read:
            self._read[name] = self.openers[name]()
        return self._read[name]


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
) -> Source:
    """The source that --data names: nothing or 'phantom', or a folder. Raises UsageError or DataError."""
    if given == "":
        raise UsageError("--data is empty; name a folder, or leave the option out for the phantom")
    chosen = chosen_options(options)
    if given is None or (given == PHANTOM and not Path(given).is_dir()):
        if chosen or train_on:
            raise UsageError(f"--{next(iter(chosen), 'train-on')} is about folders; the phantom's labels are complete")
        return _open_phantom(dials or {})
    if dials:
        raise UsageError(f"dials belong to the phantom; {given!r} is a folder of films")
    source = _open_folder(given, options, chosen)
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


def _open_folder(given: str, options: ReadOptions, chosen: dict[str, str]) -> Source:
    from umcl_bench.data.readers.folder import TABLE, read_folder

    root = Path(given)
    if not root.is_dir():
        raise UsageError(f"--data {given}: there is no such folder. Leave --data out for the phantom.")
    if (root / TABLE).is_file():
        return Source(given, {root.resolve().name: lambda: read_folder(root, options)}, own=True, options=chosen)
    found = recognise(root)
    if not found:
        seen = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
        raise UsageError(
            f"--data {given} is not a source: looked for {TABLE} (columns image, patient_id, split, and labels or "
            f"report) and for the official releases of {', '.join(list_readers())}; found {seen}"
        )
    openers = {f.reader.name: functools.partial(f.reader.read, f.root, options) for f in found}
    return Source(given, openers, options=chosen)
