"""What a leaderboard of prompt sensitivity says of its order: in how many wordings two models stand the other way."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from umcl_bench.metrics.flips import flip_share, part_figures
from umcl_bench.metrics.scores import Floats
from umcl_bench.records.store import Record

_MOST = 5


def flips(records: Iterable[Record]) -> tuple[str, ...]:
    """A footnote for records of one task on the same films, () where the task has no wordings or there is one model.

    Runs of a model that differ in the seed alone count as one: their figures in a wording are averaged.
    """
    runs: dict[str, list[Floats]] = {}
    for record in records:
        if record.result["task"]["spec"].get("protocol", {}).get("kind") != "prompt-sensitivity":
            return ()
        metric, figure = record.figure(record.result["headline"])
        runs.setdefault(_name(record), []).append(part_figures(record.parts(), figure.parts, metric))
    if len(runs) < 2:
        return ()
    figures = {name: np.mean(several, axis=0) for name, several in runs.items()}
    shares = {pair: flip_share(figures[pair[0]], figures[pair[1]]) for pair in itertools.combinations(figures, 2)}
    worst = sorted(shares, key=lambda pair: (-np.nan_to_num(shares[pair]), pair))[:_MOST]
    named = ", ".join(f"{one} and {other} {shares[one, other]:.0%}" for one, other in worst)
    mean = float(np.mean(list(shares.values())))
    return (
        f"order: in {mean:.0%} of the wordings, on average over {len(shares)} pairs of models, two models are not in "
        f"the order of their means; {'most often ' if len(shares) > _MOST else ''}{named}",
    )


def _name(record: Record) -> str:
    model = record.result["model"]
    words = (model["name"], model.get("variant"), model["recipe"]["size"]["name"])
    return " ".join(word for word in words if word)
