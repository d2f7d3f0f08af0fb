"""Telling people and programs what a split is, and what differs between two."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from umcl_bench.data.corpus import SPLITS, Corpus
from umcl_bench.data.splits import get_split
from umcl_bench.data.splits.apply import Assigned, Part, assign
from umcl_bench.data.splits.base import EVIDENCE, NamedSplit, PartFacts

WIDTH = 100
_INDENT = 12
_COMPARED = ("dataset", "unit", "draw", "rule", "evidence", "used_by", "needs", "leaks", "limits")


def explain_json(name: str, corpus: Corpus | None = None, folders: Iterable[Path] = ()) -> dict[str, Any]:
    """All that is known of the split `name`; with a corpus of its dataset, what that gives beside it, as JSON values.

    Raises UsageError for an unknown name or another dataset, DataError where the split can't be drawn.
    """
    split = get_split(name)
    found = None if corpus is None else assign(corpus, split, folders)
    return _plain(split) | {"parts": _parts_json(split, found)} | ({} if found is None else _found_json(found))


def explain(name: str, corpus: Corpus | None = None, folders: Iterable[Path] = ()) -> str:
    """What `explain_json` says, as text of at most 100 columns for a terminal."""
    split = get_split(name)
    found = None if corpus is None else assign(corpus, split, folders)
    lines = [f"{split.name}  (version {split.version})", *_field("", split.title), ""]
    for label, text in (
        ("rule", split.rule),
        ("draws", f"over the unit '{split.unit}': {split.draw}"),
        ("source", split.source),
        ("used by", ", ".join(split.used_by) or "nobody that we know of"),
        ("evidence", f"{split.evidence}: {EVIDENCE[split.evidence]}"),
        ("needs", split.needs),
        ("leaks", split.leaks or "nothing that we know of"),
        ("note", split.limits),
    ):
        lines += _field(label, text) if text else []
    lines += ["", *_table(split, found)]
    if found is not None:
        lines += ["", *_verdict(found)]
    return "\n".join(lines)


def _field(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=label.ljust(_INDENT),
        subsequent_indent=" " * _INDENT,
        break_on_hyphens=False,
    )


def _plain(split: NamedSplit) -> dict[str, Any]:
    names = ("name", "version", "dataset", "title", "unit", "draw", "rule", "source", "evidence", "needs", "leaks")
    return {name: getattr(split, name) for name in (*names, "limits")} | {"used_by": list(split.used_by)}


def _expected_json(facts: PartFacts | None) -> dict[str, Any]:
    facts = facts or PartFacts()
    return {
        "images": facts.images,
        "patients": facts.patients,
        "positives": dict(facts.positives),
        "sha": facts.sha or None,
    }


def _found_part(part: Part) -> dict[str, Any]:
    return {
        "images": part.images,
        "patients": part.patients,
        "positives": part.positives,
        "sha": part.sha,
        "sha_matches": part.sha_matches,
        "sha_naming": part.naming or None,
    }


def _parts_json(split: NamedSplit, found: Assigned | None) -> dict[str, Any]:
    by_name = {part.name: part for part in found.parts} if found else {}
    return {
        name: {"expected": _expected_json(split.expected.get(name))}
        | ({"found": _found_part(by_name[name])} if name in by_name else {})
        for name in SPLITS
        if name in split.expected or name in by_name
    }


def _found_json(found: Assigned) -> dict[str, Any]:
    shared = {"+".join(pair): n for pair, n in found.shared.items()}
    return {"as_published": found.as_published, "differences": found.differences, "shared_images": shared}


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _positives(values: dict[str, int]) -> str:
    """'4,162' for one class, '5 x 200' where all have as many, else each."""
    counts = list(values.values())
    if len(counts) > 1 and len(set(counts)) == 1:
        return f"{len(counts)} x {counts[0]:,}"
    return " ".join(f"{n:,}" for n in counts) or "?"


def _row(cells: Iterable[str]) -> str:
    widths = (6, 10, 9, 9, 11, 17)
    return "  " + " ".join(c.ljust(w) for c, w in zip(cells, (*widths, 0), strict=True)).rstrip()


def _table(split: NamedSplit, found: Assigned | None) -> list[str]:
    """One line a part for what is expected, and one below it for what was found."""
    lines = [_row(("part", "", "images", "patients", "positive", "hash", ""))]
    by_name = {part.name: part for part in found.parts} if found else {}
    for name in SPLITS:
        if name not in split.expected and name not in by_name:
            continue
        facts = split.expected.get(name, PartFacts())
        counts = (_count(facts.images), _count(facts.patients), _positives(dict(facts.positives)))
        lines.append(_row((name, "expected", *counts, facts.sha or "?", "")))
        if name in by_name:
            part = by_name[name]
            counts = (_count(part.images), _count(part.patients), _positives(part.positives))
            lines.append(_row(("", "found", *counts, part.sha, _mark(part, split.name))))
    return lines


def _mark(part: Part, split: str) -> str:
    """What there was to compare, and whether it agrees."""
    expectations = part.expectations(split)
    if not expectations and part.sha_matches is None:
        return "nothing to compare with"
    if part.sha_matches is False or not all(e.met for e in expectations):
        return "DIFFERS"
    spelt = f" (hash of {part.naming})" if part.naming not in ("", "id", "ID") else ""
    return f"MATCH{spelt}" if part.sha_matches else "MATCH (counts; no hash is known)"


def _verdict(found: Assigned) -> list[str]:
    shared = [f"{n:,} images are in {' and '.join(pair)}" for pair, n in found.shared.items() if n]
    lines = _field("in common", "; ".join(shared)) if shared else []
    if found.differences:
        return lines + _field("DIFFERS", "; ".join(found.differences) + ". Figures are not comparable.")
    if found.as_published is None:
        return lines + _field("UNKNOWN", "there is no published count or hash to compare this with")
    return lines + _field("MATCH", "all known counts and hashes are met")


def diff_json(a: str, b: str, corpus: Corpus | None = None, folders: Iterable[Path] = ()) -> dict[str, Any]:
    """What differs between the splits `a` and `b`: 'differs' maps a property to both values, 'parts' the counts.

    With a corpus, 'overlap' has, for each part of `a` and part of `b`, the images and patients in both. Raises
    UsageError where the corpus is of another dataset than one of them.
    """
    first, second, folders = get_split(a), get_split(b), tuple(folders)
    pairs = {name: (_value(first, name), _value(second, name)) for name in _COMPARED}
    found = None if corpus is None else [assign(corpus, split, folders) for split in (first, second)]
    parts = {
        name: [_counts(split, name, found[i] if found else None) for i, split in enumerate((first, second))]
        for name in SPLITS
    }
    out = {
        "a": a,
        "b": b,
        "same": [name for name, (x, y) in pairs.items() if x == y],
        "differs": {name: list(pair) for name, pair in pairs.items() if pair[0] != pair[1]},
        "parts": {name: pair for name, pair in parts.items() if any(pair)},
    }
    return out if corpus is None or found is None else out | {"overlap": _overlap(corpus, found[0], found[1])}


def _value(split: NamedSplit, name: str) -> Any:
    value = getattr(split, name)
    return list(value) if isinstance(value, tuple) else value


def _counts(split: NamedSplit, name: str, found: Assigned | None) -> dict[str, Any] | None:
    """Found counts where there is a corpus, else the expected ones."""
    if found is not None:
        return next((_found_part(part) for part in found.parts if part.name == name), None)
    return _expected_json(split.expected[name]) if name in split.expected else None


def _overlap(corpus: Corpus, a: Assigned, b: Assigned) -> list[dict[str, Any]]:
    rows = []
    for first in a.parts:
        for second in b.parts:
            images = np.intersect1d(first.rows, second.rows)
            people = [{str(p) for p in corpus.patients[part.rows]} for part in (first, second)]
            rows.append(
                {"a": first.name, "b": second.name, "images": len(images), "patients": len(people[0] & people[1])}
            )
    return rows


def diff(a: str, b: str, corpus: Corpus | None = None, folders: Iterable[Path] = ()) -> str:
    """What `diff_json` says, as text of at most 100 columns for a terminal."""
    told = diff_json(a, b, corpus, folders)
    lines = [f"A = {a}", f"B = {b}", ""]
    for name, pair in told["differs"].items():
        lines.append(name.replace("_", " "))
        for letter, value in zip("AB", pair, strict=True):
            text = ", ".join(value) if isinstance(value, list) else value
            lines += _field(f"  {letter}", text or "-")
    lines += _field("same", ", ".join(name.replace("_", " ") for name in told["same"]) or "nothing")
    lines += ["", _row(("part", "split", "images", "patients", "positive", "hash", ""))]
    for name, pair in told["parts"].items():
        lines += [_part_line(name if letter == "A" else "", letter, p) for letter, p in zip("AB", pair, strict=True)]
    if "overlap" in told:
        lines += ["", *_matrix(told["overlap"])]
    return "\n".join(lines)


def _part_line(name: str, letter: str, part: dict[str, Any] | None) -> str:
    if part is None:
        return _row((name, letter, "none", "", "", "", ""))
    counts = (_count(part["images"]), _count(part["patients"]), _positives(part["positives"]))
    return _row((name, letter, *counts, part["sha"] or "?", ""))


def _matrix(overlap: list[dict[str, Any]]) -> list[str]:
    """Images (and patients) that a part of A, down, and a part of B, across, have in common."""
    columns = list(dict.fromkeys(row["b"] for row in overlap))
    cells = {(row["a"], row["b"]): f"{row['images']:,} ({row['patients']:,})" for row in overlap}
    lines = ["images (patients) in both", "  " + "".join(["A".ljust(10), *(f"B {name}".rjust(20) for name in columns)])]
    for name in dict.fromkeys(row["a"] for row in overlap):
        lines.append("  " + "".join([name.ljust(10), *(cells[name, other].rjust(20) for other in columns)]))
    return lines
