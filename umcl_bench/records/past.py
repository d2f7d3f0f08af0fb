"""What runs on record took, to say what the next ones will."""

from __future__ import annotations

from typing import Any

from umcl_bench.progress import Reporter
from umcl_bench.records.store import Store
from umcl_bench.spec import Baseline, Recipe, Size, Task, digest

_BEFORE = ("films", "model")
"""What a run does before it scores: films are read once for all runs, and a model is trained once."""


class Past:
    """The runs of a store, the latest first. Only equal sizes are alike: all papers' own are called 'paper'."""

    def __init__(self, store: Store) -> None:
        found = (record.result for record in store.records(Reporter(quiet=True)))
        self.results = sorted(found, key=lambda r: str(r.get("created")), reverse=True)

    def training(self, recipe: Recipe) -> float | None:
        """Seconds by the films a second of the last training of this size, of this model if any; None if never."""
        alike = [r for r in self._of_size(recipe.size) if r["training"].get("films_per_second")]
        alike = [r for r in alike if _is(r, recipe.baseline)] or alike
        return recipe.size.optim.films_seen / float(alike[0]["training"]["films_per_second"]) if alike else None

    def scoring(self, recipe: Recipe, task: Task, fingerprint: str) -> float | None:
        """Seconds for scores, intervals and leak checks of the task on these data, last time; None if never."""
        wanted = (recipe.baseline.weights, digest(task), fingerprint)
        alike = [r for r in self._of_size(recipe.size) if _scored(r) == wanted]
        alike = [r for r in alike if _is(r, recipe.baseline)] or alike
        if not alike:
            return None
        return sum(float(value) for key, value in alike[0].get("timings_s", {}).items() if key not in _BEFORE)

    def _of_size(self, size: Size) -> list[dict[str, Any]]:
        return [r for r in self.results if digest(r["model"]["recipe"]["size"]) == digest(size)]


def _is(result: dict[str, Any], baseline: Baseline) -> bool:
    return bool(result["model"]["name"] == baseline.name)


def _scored(result: dict[str, Any]) -> tuple[str, str, str]:
    model, task, data = result["model"], result["task"], result["data"]
    return model["recipe"]["baseline"]["weights"], task["digest"], data["fingerprint"]
