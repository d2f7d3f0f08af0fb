"""Variants of a model: 'clip+loss=umcl' is clip with another loss, 'umcl+length=16' umcl with longer prompts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.spec import Baseline

_PARTS = ("objective", "prompt", "heads", "sampling")
_SHORT = {"prompt": "prompt.kind"}
_FIXED = ("terms", "objective.terms", "ratio", "sampling.ratio", "weights", "released", "uses_labels")
"""What no word can say, and what follows from other choices."""


def with_changes(baseline: Baseline, changes: Sequence[str]) -> Baseline:
    """The model with fields changed, each as 'field=value', and its name saying so, in the fields' order.

    A field of objective, prompt, heads or sampling may be named without that; one that has the value already changes
    nothing. Raises UsageError for a field that there is not, a value that it can't take, or a field that is changed
    twice.
    """
    done: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or not text:
            raise UsageError(f"{baseline.name}+{change}: write +field=value, as in +loss=umcl")
        path = _path(baseline, name)
        if path in done:
            raise UsageError(f"{baseline.name}: {name} is changed twice")
        done[path] = _parse(path, text, _now(baseline, path))
    done = {path: value for path, value in done.items() if value != _now(baseline, path)}
    return _changed(baseline, done) if done else baseline


def _now(baseline: Baseline, path: str) -> Any:
    part, _, field = path.rpartition(".")
    return getattr(getattr(baseline, part) if part else baseline, field)


def _changed(baseline: Baseline, done: dict[str, Any]) -> Baseline:
    parts: dict[str, Any] = {}
    for path, value in done.items():
        part, _, field = path.rpartition(".")
        parts.setdefault(part, {})[field] = value
    own = parts.pop("", {})
    _complete(parts)
    label = "+".join([baseline.name, *(f"{_short(path)}={_text(value)}" for path, value in sorted(done.items()))])
    try:
        for part, fields in parts.items():
            own[part] = dataclasses.replace(getattr(baseline, part), **fields)
        kept = tuple(item for item in baseline.evidence if not _concerns(item.field, done))
        changed = dataclasses.replace(baseline, name=label, evidence=kept, **own)
        return dataclasses.replace(changed, uses_labels=baseline.uses_labels or changed.learns_from_labels)
    except ValueError as error:
        raise UsageError(f"{label}: {error}") from None


def _short(path: str) -> str:
    return "prompt" if path == "prompt.kind" else path.rpartition(".")[2]


def _text(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _concerns(field: str, done: Iterable[str]) -> bool:
    """Whether where a field comes from is no longer true: it was changed, or what it belongs to was."""
    return field in done or ("prompt.kind" in done and field.startswith("prompt."))


def _complete(parts: dict[str, dict[str, Any]]) -> None:
    """A prompt's kind brings its length: hand-written ones have none, continuous ones 8 vectors."""
    prompt = parts.get("prompt", {})
    if prompt.get("kind") == "hand":
        parts["prompt"] = {"length": 0, "context": "unified", "init": "", "stage": "joint", **prompt}
    elif prompt.get("kind") == "continuous":
        parts["prompt"] = {"length": 8, "wording": "name", **prompt}


def _path(baseline: Baseline, name: str) -> str:
    known = {field.name: field.name for field in dataclasses.fields(baseline) if not field.metadata.get("doc")}
    for part in _PARTS:
        fields = [field.name for field in dataclasses.fields(getattr(baseline, part))]
        known |= {f"{part}.{field}": f"{part}.{field}" for field in fields}
        known |= {field: f"{part}.{field}" for field in fields if field not in known}
    known |= _SHORT
    for fixed in ("name", *(part for part in _PARTS if part not in _SHORT), *_FIXED):
        known.pop(fixed, None)
    if name not in known:
        raise unknown_name("field", name, [field for field in known if "." not in field])
    return known[name]


def _parse(path: str, text: str, before: Any) -> Any:
    """`text` as a value of the same type as `before`; lists have '/' between their items."""
    try:
        if isinstance(before, bool):
            return {"true": True, "false": False}[text]
        if isinstance(before, int):
            return int(text)
        if isinstance(before, float):
            return float(text)
        if isinstance(before, tuple):
            items = text.split("/")
            return tuple(type(before[0])(item) for item in items) if before else tuple(items)
        if isinstance(before, str):
            return text
    except (KeyError, ValueError):
        kind = "true or false" if isinstance(before, bool) else "a number"
        raise UsageError(f"+{path}={text}: write {kind}; it is {before!r} now") from None
    raise UsageError(f"+{path}={text}: this field takes no single value")
