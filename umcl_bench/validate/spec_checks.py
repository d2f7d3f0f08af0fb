"""Checks of a leaf's value: does it say what it is, and where its choices come from?"""

from __future__ import annotations

import dataclasses
from typing import Any

from umcl_bench.spec import Baseline, Protocol, Robust, Task, flatten, to_dict
from umcl_bench.validate.checks import Seen, check, listed, not_applicable, passed

_SAID_ELSEWHERE = ("name", "dataset", "uses_labels", "released", "protocol.kind")
"""Fields that are what a leaf is, or follow from the others."""


@check("title", "Give it a title: lists and tables show it.")
def title(leaf: Baseline | Task) -> Seen:
    """The leaf has a title."""
    return passed(leaf.title) if leaf.title.strip() else Seen("warning", "it has no title")


@check(
    "evidence",
    "Add Evidence(field, tag, note) for each: 'paper', 'code', 'recalled', 'inferred' where it is a guess, 'ours'.",
)
def evidence(leaf: Baseline | Task) -> Seen:
    """Every choice that is not the default says where it comes from."""
    if isinstance(leaf, Baseline) and leaf.weights == "released":
        return not_applicable("released weights: nothing is chosen here")
    if "+" in leaf.name:
        return not_applicable(f"a variant: the choices of {leaf.name.partition('+')[0]}, and what its name says")
    said = {item.field for item in leaf.evidence}
    chosen = choices(leaf)
    silent = [field for field in chosen if not any(field == s or field.startswith(f"{s}.") for s in said)]
    if silent:
        return Seen(
            "warning", f"{len(silent)} of {len(chosen)} choices do not say where they come from: {listed(silent)}"
        )
    return passed(f"choices that are not the default: {len(chosen)}, and each says where it comes from")


def choices(leaf: Baseline | Task) -> list[str]:
    """The fields that are not as in a leaf that only has a name."""
    plain = Baseline(leaf.name) if isinstance(leaf, Baseline) else Task(leaf.name, "", _plain(leaf.protocol))
    default = _values(plain)
    return [
        field for field, value in _values(leaf).items() if field not in _SAID_ELSEWHERE and value != default.get(field)
    ]


def _plain(protocol: Protocol) -> Protocol:
    """The protocol with its defaults."""
    return Robust(of=type(protocol.of)()) if isinstance(protocol, Robust) else type(protocol)()


def _values(leaf: Any) -> dict[str, Any]:
    """Dotted names of single values, without the fields that only explain."""
    assert dataclasses.is_dataclass(leaf)
    return {
        name: value for name, value in flatten(to_dict(leaf, with_docs=False)).items() if not isinstance(value, dict)
    }
