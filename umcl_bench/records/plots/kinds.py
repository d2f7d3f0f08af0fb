"""The pictures of a task, as a report and a leaderboard's page draw them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from umcl_bench.records.plots import boards, classes
from umcl_bench.records.plots.style import Place
from umcl_bench.records.seeds import Board


class Kind(NamedTuple):
    """What a picture is called in a file's name and in a heading, what draws it, and why it may not be there."""

    name: str
    title: str
    draw: Callable[[Board, Place, str], str | None]
    why: str = ""


_NO_SIDES = "its headline is not of one classification with both sides of a class"

MODELS = Kind("models", "models", boards.forest)
"""Every model's headline, which a page's tables have a plot of beside it."""

KINDS = (
    Kind("roc", "ROC curves", classes.roc_curves, _NO_SIDES),
    Kind("pr", "precision-recall curves", classes.pr_curves, _NO_SIDES),
    Kind(
        "shares",
        "shares of the training patients, or shots",
        boards.shares,
        "the task has no shares of training patients and no shots",
    ),
    Kind("severities", "corruptions", boards.severities, "films are not corrupted"),
    Kind("wordings", "wordings", boards.wordings, "there is one wording"),
    Kind(
        "groups",
        "groups of patients",
        classes.groups,
        "its headline is of many parts, or no two groups of patients are on record",
    ),
)
