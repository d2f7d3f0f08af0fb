"""What a record's result.json must hold for tables, comparisons and `show` to be made of it."""

from __future__ import annotations

from typing import Any

from umcl_bench.metrics.registry import METRICS

KEYS: dict[str, type] = {
    "id": str,
    "command": str,
    "seed": int,
    "headline": str,
    "warnings": list,
    **dict.fromkeys(("model", "task", "data", "metrics", "intervals", "leaks", "training", "protocol"), dict),
    **dict.fromkeys(("model.name", "model.digest", "model.recipe.setting", "model.recipe.size.name"), str),
    "model.recipe.repeat": int,
    **dict.fromkeys(("task.name", "task.digest"), str),
    "task.spec": dict,
    **dict.fromkeys(("data.source", "data.kind", "data.fingerprint", "data.training_fingerprint"), str),
    "data.facts": dict,
    "data.notes": list,
    "leaks.labels_seen": list,
    **dict.fromkeys(("leaks.patients_in_both", "leaks.identical_films", "intervals.patients"), int),
}
"""The type of what is read of every record, by its place."""

_COUNTS, _NUMBERS = ("n", "positives", "negatives"), ("value", "low", "high", "undefined")


def lacking(result: dict[str, Any]) -> list[str]:
    """The places of `result` that are not there or hold something else; the first level's where that is so there.

    Sums can't find these where a record has none, as one that was written by hand.
    """
    wrong = [key for key, kind in KEYS.items() if "." not in key and not isinstance(result.get(key), kind)]
    wrong = wrong or [key for key, kind in KEYS.items() if not isinstance(_at(result, key), kind)]
    if wrong:
        return wrong
    metrics = result["metrics"]
    wrong = [] if result["headline"] in metrics else [f"metrics.{result['headline']}"]
    for key, estimates in metrics.items():
        named = estimates.items() if isinstance(estimates, dict) else [("macro", None)]
        wrong += [f"metrics.{key}.{name}" for name, estimate in named if not _is_estimate(estimate)]
        wrong += [] if isinstance(estimates, dict) and "macro" in estimates else [f"metrics.{key}.macro"]
    return list(dict.fromkeys(wrong))


def unknown_metrics(result: dict[str, Any]) -> list[str]:
    """The metrics of a record that this version has none of these names for."""
    return [name for name in dict.fromkeys(key.partition(" (")[0] for key in result["metrics"]) if name not in METRICS]


def _at(result: Any, place: str) -> Any:
    for key in place.split("."):
        result = result.get(key) if isinstance(result, dict) else None
    return result


def _is_estimate(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and all(isinstance(found.get(key), int) for key in _COUNTS)
        and all(key in found and isinstance(found[key], int | float | None) for key in _NUMBERS)
    )
