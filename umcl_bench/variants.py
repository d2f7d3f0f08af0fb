"""Variants by name: 'clip+loss=umcl' is clip with another loss, 'zeroshot+views=all' a task on all views."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.spec import Baseline, Task

V = TypeVar("V", Baseline, Task)


class _Rules(NamedTuple):
    """What can be changed: the parts whose fields are, short names, and what no word can say or follows from others."""

    parts: tuple[str, ...]
    short: Mapping[str, str]
    fixed: frozenset[str]
    example: str


_MODELS = _Rules(
    ("objective", "prompt", "heads", "sampling"),
    {"prompt": "prompt.kind"},
    frozenset({"name", "objective.terms", "sampling.ratio", "weights", "released", "uses_labels"}),
    "+loss=umcl",
)
_TASKS = _Rules(
    ("protocol", "protocol.fitting", "protocol.of", "protocol.of.fitting"),
    {},
    frozenset({"name", "dataset", "metrics", "headline", "protocol.kind", "protocol.of.kind"}),
    "+views=all",
)


def with_changes(value: V, changes: Sequence[str]) -> V:
    """The model or task with fields changed, each as 'field=value', and its name saying so, in the fields' order.

    A field of a part (a model's objective, prompt, heads or sampling; a task's protocol) may be named without that; one
    that has the value already changes nothing. Raises UsageError for a field that there is not, a value that it can't
    take, or a field that is changed twice.
    """
    rules = _TASKS if isinstance(value, Task) else _MODELS
    done: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or not text:
            raise UsageError(f"{value.name}+{change}: write +field=value, as in {rules.example}")
        path = _path(value, name, rules)
        if path in done:
            raise UsageError(f"{value.name}: {name} is changed twice")
        done[path] = _parse(path, text, _now(value, path), _hint(value, path))
    done = {path: new for path, new in done.items() if new != _now(value, path)}
    return _changed(value, done) if done else value


def _now(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = getattr(value, name, None)
    return value


def _hint(value: Any, path: str) -> Any:
    part, _, field = path.rpartition(".")
    return get_type_hints(type(_now(value, part)))[field]


def _changed(value: V, done: Mapping[str, Any]) -> V:
    label = "+".join([value.name, *(f"{_short(path)}={_text(new)}" for path, new in sorted(done.items()))])
    kept = tuple(item for item in value.evidence if not _concerns(item.field, done))
    try:
        changed: V = _replaced(value, {**_completion(value, done), **done, "name": label, "evidence": kept})
        if isinstance(changed, Baseline):
            changed = dataclasses.replace(changed, uses_labels=value.uses_labels or changed.learns_from_labels)
        return changed
    except ValueError as error:
        raise UsageError(f"{label}: {error}") from None


def _replaced(value: Any, fields: Mapping[str, Any]) -> Any:
    """`value` with fields replaced, those of its parts by dotted names."""
    own = {path: new for path, new in fields.items() if "." not in path}
    parts: dict[str, dict[str, Any]] = {}
    for path, new in fields.items():
        part, dot, rest = path.partition(".")
        if dot:
            parts.setdefault(part, {})[rest] = new
    return dataclasses.replace(value, **own, **{p: _replaced(getattr(value, p), new) for p, new in parts.items()})


def _short(path: str) -> str:
    return "prompt" if path == "prompt.kind" else path.rpartition(".")[2]


def _text(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _concerns(field: str, done: Iterable[str]) -> bool:
    """Whether where a field comes from is no longer true: it was changed, or what it belongs to was."""
    return field in done or ("prompt.kind" in done and field.startswith("prompt."))


def _completion(value: Baseline | Task, done: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from a change: a prompt's kind brings its length; the last of other shares or shots leads a task.

    Hand-written prompts have no length, continuous ones 8 vectors.
    """
    if isinstance(value, Task):
        follows: dict[str, Any] = {}
        for path, new in done.items():
            follows |= _led_by(value, path, new)
        return follows
    if done.get("prompt.kind") == "hand":
        return {"prompt.length": 0, "prompt.context": "unified", "prompt.init": "", "prompt.stage": "joint"}
    if done.get("prompt.kind") == "continuous":
        return {"prompt.length": 8, "prompt.wording": "name"}
    return {}


def _led_by(task: Task, path: str, new: Any) -> dict[str, Any]:
    """What a task is led by, and shows, with other shares, shots or severities."""
    if path.endswith((".fractions", ".shots")):
        last = f"{100 * new[-1]:.6g}%" if path.endswith(".fractions") else f"{new[-1]} shot{'s'[: new[-1] > 1]}"
        metric = task.headline.partition(" (")[0]
        inner = path.startswith("protocol.of.")
        return {"protocol.figure": last} if inner else {"headline": f"{metric} ({last})", "shown": ()}
    if path.endswith(".severities"):
        there = tuple(f"(severity {number})" for number in new)
        return {"shown": tuple(key for key in task.shown if "(severity " not in key or key.endswith(there))}
    return {}


def _fields(value: Any, part: str) -> Iterator[str]:
    """The dotted names of a part's fields that are single values or lists of them."""
    inside = _now(value, part)
    for field in dataclasses.fields(inside) if dataclasses.is_dataclass(inside) else ():
        if not field.metadata.get("doc") and not dataclasses.is_dataclass(getattr(inside, field.name)):
            yield f"{part}.{field.name}" if part else field.name


def _path(value: Any, name: str, rules: _Rules) -> str:
    known: dict[str, str] = {}
    for path in (path for part in ("", *rules.parts) for path in _fields(value, part) if path not in rules.fixed):
        known.setdefault(path, path)
        known.setdefault(path.rpartition(".")[2], path)
    known |= rules.short
    if name not in known:
        raise unknown_name("field", name, [field for field in known if "." not in field])
    return known[name]


def _parse(path: str, text: str, before: Any, hint: Any) -> Any:
    """`text` as a value of the same type as `before`; lists have '/' between their items."""
    try:
        if isinstance(before, bool):
            return {"true": True, "false": False}[text]
        if isinstance(before, int):
            return int(text)
        if isinstance(before, float):
            return float(text)
        if isinstance(before, tuple):
            return tuple(_item(path, item, before, hint) for item in text.split("/"))
        if isinstance(before, str):
            return _chosen(path, text, hint)
    except (KeyError, ValueError):
        kind = "true or false" if isinstance(before, bool) else "a number"
        raise UsageError(f"+{path}={text}: write {kind}; it is {before!r} now") from None
    raise UsageError(f"+{path}={text}: this field takes no words")


def _item(path: str, text: str, before: tuple[Any, ...], hint: Any) -> Any:
    """One of a list's items; the type of an empty list's is in its declaration."""
    inside = (get_args(hint) or (str,))[0]
    kind = type(before[0]) if before else inside
    if kind in (int, float):
        return kind(text)
    if kind is str or get_origin(kind) is Literal:
        return _chosen(path, text, inside)
    raise UsageError(f"+{path}={text}: this field takes no words")


def _chosen(path: str, text: str, hint: Any) -> str:
    """A word, which must be one of a Literal's where the field is one."""
    if get_origin(hint) is Literal and text not in get_args(hint):
        raise unknown_name(f"choice of {path}", text, [word for word in get_args(hint) if word])
    return text
