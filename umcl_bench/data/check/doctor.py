"""Checks a folder: recognises what it holds, says what looking at it will take, and looks."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.cache import plan_cache
from umcl_bench.data.check.files import IMAGES, Walked, check_present, check_walk, is_there, paths_of, walk
from umcl_bench.data.check.films import SIDE, check_films, check_sizes, header_sizes, look, seconds_of
from umcl_bench.data.check.masks import check_masks
from umcl_bench.data.check.report import LEVELS, Facts, Finding, Report
from umcl_bench.data.check.rows import check_rows
from umcl_bench.data.check.texts import check_texts
from umcl_bench.data.corpus import Corpus, Rows, count_kinds
from umcl_bench.data.images import FilePixels
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers import DEFAULTS, ReadOptions, list_readers, recognise, seen_in
from umcl_bench.data.readers.folder import TABLE, read_folder
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.progress import Reporter

QUICK_FILMS = 200
MOST_MASKS = 2000
_PLAN_FILMS = 32


class _Case(NamedTuple):
    """A dataset of the folder: how it was recognised, its corpus, its files as paths from the folder, films there."""

    what: str
    root: Path
    corpus: Corpus
    films: list[str] | None
    masks: list[str] | None
    present: NDArray[np.bool_]


def check(
    folder: Path,
    *,
    options: ReadOptions = DEFAULTS,
    quick: bool = False,
    reporter: Reporter | None = None,
    workers: int = 1,
    cache: Path | None = None,
) -> Report:
    """What `folder` holds, lacks, and has wrong. `quick` looks at 200 films and their masks instead of all.

    Raises UsageError where there is no such folder, and nothing else for what is in it: that is a finding. Progress,
    and what it will take, go to `reporter`. Films are decoded into `cache` (where runs keep theirs).
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file; name the folder that holds it")
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    reporter = reporter or Reporter(quiet=True)
    walked = walk(folder)
    cases, findings = _open(folder, walked, options)
    named = {path for case in cases for path in (*(case.films or ()), *(case.masks or ())) if path}
    tables = any(case.what != _BARE for case in cases)
    findings += check_walk(walked, named, tables)
    plan = _plan(cases, walked, quick, workers, reporter)
    facts = []
    for case in cases:
        found, more = _look_at(case, walked, quick, reporter, workers, cache)
        findings += [dataclasses.replace(finding, dataset=case.corpus.dataset) for finding in found]
        facts.append(_facts(case, more))
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return Report(str(folder), quick, plan, tuple(facts), tuple(findings))


def _open(folder: Path, walked: Walked, options: ReadOptions) -> tuple[list[_Case], list[Finding]]:
    """The datasets that can be read, and findings about those that can't, or about there being none."""
    found, findings = _recognised(folder, options)
    cases = []
    for what, root, read in found:
        try:
            cases.append(_case(what, root, read(), walked))
        except BenchError as error:
            findings.append(Finding("error", "table-broken", f"{what}: a table can't be used", 1, (str(error),)))
        except OSError as error:
            text = f"{error.filename}: {error.strerror}"
            findings.append(Finding("error", "table-broken", f"{what}: a file can't be opened", 1, (text,)))
        except Exception as error:  # a table that a reader did not foresee: still a finding, and ours to mend
            text = f"{type(error).__name__}: {error}"
            findings.append(Finding("error", "reader-failed", f"{what}: the reader itself failed", 1, (text,)))
    if not found and not findings:
        findings.append(_nothing(folder))
    images = sorted(path for path in walked.sizes if path.casefold().endswith(IMAGES))
    if not cases and images:
        cases.append(_case(_BARE, folder, _bare(folder, images), walked))
    return cases, findings


def _recognised(
    folder: Path, options: ReadOptions
) -> tuple[list[tuple[str, Path, Callable[[], Corpus]]], list[Finding]]:
    if (folder / TABLE).is_file():
        return [(_OWN, folder, functools.partial(read_folder, folder, options, find_files=False))], []
    try:
        found = recognise(folder)
    except (BenchError, OSError) as error:
        return [], [Finding("error", "not-recognised", "the folder can't be recognised", 1, (str(error),))]
    opened = [(f.reader.title, f.root, functools.partial(f.reader.read, f.root, options)) for f in found]
    return [(f"{title}: {f.what}", root, read) for (title, root, read), f in zip(opened, found, strict=True)], []


def _nothing(folder: Path) -> Finding:
    message = f"no data source: looked for {TABLE} and for the releases of {', '.join(list_readers())}"
    return Finding("error", "nothing-recognised", message, 1, (f"found {seen_in(folder)}",))


_OWN = f"a folder with a {TABLE}"
_BARE = "images without a table"


def _bare(folder: Path, images: list[str]) -> Corpus:
    """Images that no table is about, as a corpus without anything else: they can still be looked at."""
    ids = np.array(images, dtype=object)
    empty = np.full(len(ids), "", dtype=object)
    return Corpus(
        source=folder.resolve().name,
        kind="patients",
        dataset=folder.resolve().name,
        classes=(),
        policy=LabelPolicy(),
        ids=ids,
        patients=ids,
        splits=empty,
        views=empty,
        reports=np.full(len(ids), None, dtype=object),
        stated=np.zeros((len(ids), 0), dtype=np.float32),
        pixels=FilePixels(folder, tuple(images), known_by="sizes"),
        prior=np.full(len(ids), -1, dtype=np.int64),
    )


def _case(what: str, root: Path, corpus: Corpus, walked: Walked) -> _Case:
    films = paths_of(corpus.pixels, walked.root)
    has = np.ones(len(corpus), dtype=bool) if corpus.has_image is None else corpus.has_image
    if films is not None:
        has = has & np.array([bool(path) and is_there(path, walked) for path in films], dtype=bool)
    return _Case(what, root, corpus, films, paths_of(corpus.masks, walked.root), has)


def _plan(cases: Iterable[_Case], walked: Walked, quick: bool, workers: int, reporter: Reporter) -> dict[str, Any]:
    """Says what looking at the films will take, from decoding 32 of each dataset."""
    films, length, seconds, looked = 0, 0, 0.0, 0
    for case in cases:
        present = int(case.present.sum())
        chosen = min(present, QUICK_FILMS) if quick else present
        timed = plan_cache(case.corpus.pixels, SIDE, workers=workers, present=case.present, sample=_PLAN_FILMS)
        films, looked = films + present, looked + chosen
        seconds += timed.seconds * chosen / max(1, present) + seconds_of(chosen)
        length += sum(walked.sizes.get(path, 0) for path in case.films or ())
    plan = {"files": len(walked.sizes), "films": films, "bytes": length, "films_to_read": looked}
    took = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
    size = f"{films:,} films of {length / 1e6:,.1f} MB"
    reporter.say(f"{len(walked.sizes):,} files, {size}; looking at {looked:,} takes about {took}")
    return plan | {"seconds": round(seconds, 1)}


def _look_at(
    case: _Case, walked: Walked, quick: bool, reporter: Reporter, workers: int, cache: Path | None
) -> tuple[list[Finding], dict[str, Any]]:
    corpus = case.corpus
    findings = check_present(case.films, walked, "film") if case.films else []
    more: dict[str, Any] = {}
    if case.what != _BARE:
        findings += check_rows(corpus, release=case.what != _OWN)
        found, more = check_texts(corpus)
        findings += found
    rows = _some(np.flatnonzero(case.present), QUICK_FILMS if quick else len(corpus))
    if isinstance(corpus.pixels, FilePixels) and len(rows):
        sizes = list(header_sizes(corpus.pixels, rows, reporter))
        found, facts = check_sizes([str(i) for i in corpus.ids[rows]], sizes)
        findings, more = findings + found, more | facts
    try:
        findings += check_films(corpus, look(corpus, case.present, rows, reporter, workers, cache), reporter)
    except BenchError as error:  # a full disk, a cache that can't be written
        findings.append(Finding("error", "films-not-read", "the films could not be looked at", 1, (str(error),)))
    if isinstance(corpus.pixels, FilePixels) and isinstance(corpus.masks, FilePixels):
        there = [row for row, path in enumerate(case.masks or ()) if path and is_there(path, walked)]
        some = _some(np.array(there, dtype=np.int64), QUICK_FILMS if quick else MOST_MASKS)
        found, facts = check_masks(corpus, corpus.pixels, corpus.masks, some, reporter)
        findings += check_present(case.masks or (), walked, "mask")
        findings, more = findings + found, more | facts
    return findings, more


def _some(rows: Rows, most: int) -> Rows:
    """All of `rows`, or `most` of them, drawn with a fixed seed."""
    return rows if len(rows) <= most else np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def _facts(case: _Case, more: dict[str, Any]) -> Facts:
    corpus = case.corpus
    labels = {
        name: {s: int(((corpus.stated[:, at] == 1) & (corpus.splits == s)).sum()) for s in ("train", "val", "test")}
        for at, name in enumerate(corpus.classes)
    }
    return Facts(
        dataset=corpus.dataset,
        recognised=case.what,
        folder=str(case.root),
        rows=len(corpus),
        films=int(case.present.sum()),
        patients=len(set(corpus.patients.tolist())),
        splits=dict(Counter(map(str, corpus.splits)).most_common()),
        views=dict(Counter(map(str, corpus.views)).most_common()),
        kinds=count_kinds(corpus.kinds()),
        findings=labels,
        expectations=[{"what": e.what, "expected": e.expected, "found": e.found} for e in corpus.expectations],
        more=more,
    )
