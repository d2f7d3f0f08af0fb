"""Suites: lists of tasks that are run together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """Tasks by name, in the order in which they run; none: every task that is registered, and `more`."""

    name: str
    title: str
    tasks: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            "quick",
            "a first look, in minutes: zero-shot by pairs and by classes, linear probe, retrieval",
            ("zeroshot-chexpert", "zeroshot-chexpert-5x200", "probe-chexpert", "retrieval-mimic"),
        ),
        Suite(
            "standard",
            "every family of tasks, by its usual datasets",
            (
                "zeroshot-chexpert",
                "zeroshot-chexpert-5x200",
                "zeroshot-rsna",
                "prompt-sensitivity-chexpert",
                "probe-chexpert",
                "probe-nih",
                "fewshot-chexpert",
                "finetune-chexpert",
                "retrieval-mimic",
                "retrieval-chexpert-5x200",
                "segment-siim",
                "grounding-ms-cxr",
                "robust-zeroshot-chexpert",
            ),
        ),
        Suite(
            "own",
            "your own films: whatever they have labels, reports or masks for",
            ("zeroshot", "probe", "fewshot", "finetune", "retrieval", "segment"),
        ),
        Suite("full", "every task", more=("robust-zeroshot-chexpert", "robust-probe-chexpert")),
    )
}
