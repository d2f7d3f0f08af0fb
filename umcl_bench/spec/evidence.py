"""Where choices come from."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import flatten, to_dict

Tag = Literal["paper", "code", "summary", "recalled", "inferred", "ours"]


class Evidence(NamedTuple):
    """Where a choice comes from: the field's path, how sure we are, and why."""

    field: str
    tag: Tag
    note: str


def check_evidence(value: Any, evidence: tuple[Evidence, ...]) -> None:
    """Raises ValueError for a field that `value` does not have, or a tag that there is not."""
    known = set(flatten(to_dict(value)))
    for item in evidence:
        _check_choice(f"evidence for {item.field}", item.tag, Tag)
        if item.field not in known:
            raise ValueError(f"evidence for {item.field!r}, which is no field of {value.name}")
