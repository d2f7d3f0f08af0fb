"""What a record warns of: figures that mean little, leaks, and data that were left out."""

from __future__ import annotations

from typing import Any

import numpy as np


def warnings_of(metrics: dict[str, Any], headline: str, training: dict[str, Any]) -> list[str]:
    """What a reader of the figures has to know, a sentence each."""
    found = []
    estimates = {name: e for name, e in metrics[headline].items() if name != "macro"}
    undefined = [name for name, e in estimates.items() if np.isnan(e["value"])]
    if undefined:
        found.append(
            f"{headline} is undefined for {len(undefined)} of {len(estimates)} findings: {', '.join(undefined)}"
        )
    few = [
        f"{k} ({e['positives']}+, {e['negatives']}-)"
        for k, e in estimates.items()
        if k not in undefined and e["positives"] + e["negatives"] and min(e["positives"], e["negatives"]) < 10
    ]
    if few:
        found.append(
            f"fewer than 10 positive or negative films: {', '.join(few)}; the figure is no more than a sign of life"
        )
    macro = metrics[headline]["macro"]
    if np.isnan(macro["value"]) and not estimates:
        found.append(f"{headline} is undefined: no sample has what it is of")
    if np.isnan(macro["low"]) and not np.isnan(macro["value"]):
        share = f"{macro['undefined']:.0%}"
        why = "a finding has one side only, or all samples are of one patient"
        found.append(f"no interval for the macro {headline}: in {share} of the resamples it is undefined ({why})")
    if training.get("released"):
        found.append("released weights: what they were trained on is not on record, so leaks can't be looked for")
    if training.get("reports_truncated"):
        cut = training["reports_truncated"]
        found.append(f"{cut} training reports were longer than the text tower's limit and lost their end")
    return found


def left_out(training: dict[str, str], task: dict[str, str]) -> dict[str, dict[str, str]]:
    """The films that can't be read, each once: a task's corpus is often part of the training corpus.

    In a training corpus of several datasets an id has its dataset in front.
    """
    known = {name.partition("/")[2] for name in training} | set(training)
    return {"training": training, "task": {name: why for name, why in task.items() if name not in known}}


def unreadable_warnings(found: dict[str, dict[str, str]]) -> list[str]:
    """How many films were left out because they can't be read; which ones is in the record."""
    return [
        f"{len(films)} films of the {where} corpus can't be read and were left out (--skip-unreadable); the first: "
        f"{next(iter(films))}"
        for where, films in found.items()
        if films
    ]
