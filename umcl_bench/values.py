"""Frozen values as plain data: objects, lists and numbers that can be written, compared and digested."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import field
from typing import Any, get_args


def doc(default: Any) -> Any:
    """A dataclass field that explains and does not change a figure: it is shown, but is not in the digest."""
    return field(default=default, metadata={"doc": True})


def to_dict(value: Any, *, with_docs: bool = True) -> Any:
    """`value` as plain JSON data: dataclasses become objects, tuples become lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if with_docs or not f.metadata.get("doc")]
        return {f.name: to_dict(getattr(value, f.name), with_docs=with_docs) for f in fields}
    if isinstance(value, (tuple, list)):
        return [to_dict(v, with_docs=with_docs) for v in value]
    if isinstance(value, dict):
        return {str(k): to_dict(v, with_docs=with_docs) for k, v in value.items()}
    return value


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of `value`'s data, without the fields that only explain."""
    text = json.dumps(to_dict(value, with_docs=False), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_name(name: str) -> None:
    """Raises ValueError for a name that could not be a file's stem with hyphens."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"name {name!r}: use lower-case letters, digits and single hyphens, as in 'my-clip'")


def check_choice(what: str, value: str, choices: object) -> None:
    """Raises ValueError where `value` is none of a Literal's `choices`."""
    allowed = get_args(choices)
    if value not in allowed:
        raise ValueError(f"{what} is {value!r}; it must be one of {', '.join(allowed)}")


def check_range(what: str, value: float, low: float, high: float) -> None:
    """Raises ValueError where `value` is outside `low` to `high`."""
    if not low <= value <= high:
        raise ValueError(f"{what} is {value}; it must lie between {low} and {high}")


def flatten(data: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level of dotted names, in order; the nested objects themselves are kept too."""
    out: dict[str, Any] = {}
    for key, value in data.items():
        out[f"{prefix}{key}"] = value
        if isinstance(value, dict):
            out.update(flatten(value, f"{prefix}{key}."))
    return out
