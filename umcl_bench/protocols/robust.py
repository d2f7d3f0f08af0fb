"""Robustness: another task's protocol on clean films, and on the same films corrupted in several ways and severities.

Only films of the split that is scored are corrupted (data/corruptions.py), so what is fitted or chosen on train and val
is the same for all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.corruptions import CorruptedFilms
from umcl_bench.metrics.scores import Figure, Scores
from umcl_bench.protocols import runner_of
from umcl_bench.protocols.base import Evaluation, Outcome
from umcl_bench.spec import Baseline, Robust, Task

CLEAN = "clean"


def _protocol(task: Task) -> Robust:
    assert isinstance(task.protocol, Robust)
    return task.protocol


def inner(task: Task) -> Task:
    """The task whose films are corrupted."""
    protocol = _protocol(task)
    headline = Figure(protocol.figure).key(task.headline.partition(" (")[0])
    return dataclasses.replace(task, protocol=protocol.of, headline=headline, shown=(), evidence=())


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """Those of the task whose films are corrupted."""
    return runner_of(inner(task)).findings_of(inner(task), corpus)


def check(task: Task, corpus: Corpus) -> Rows:
    """Those of the task whose films are corrupted. Raises UsageError as it does."""
    return runner_of(inner(task)).check(inner(task), corpus)


def check_model(task: Task, baseline: Baseline) -> None:
    """As of the task whose films are corrupted. Raises UsageError as it does."""
    runner_of(inner(task)).check_model(inner(task), baseline)


def run(task: Task, at: Evaluation) -> Outcome:
    """Parts 'clean' and 'noise/1', behind those of the protocol where it has several: '10%/0 noise/1'."""
    protocol, plain, at = _protocol(task), inner(task), dataclasses.replace(at, fits={})
    runner, scored = runner_of(plain), np.flatnonzero(at.corpus.splits == task.split)
    clean = runner.run(plain, at)
    figure = next(figure for figure in clean.figures if figure.label == protocol.figure)
    parts = _named(clean, figure, CLEAN)
    for name in protocol.corruptions:
        for severity in protocol.severities:
            at.reporter.say(f"corruption {name}, severity {severity}")
            films = CorruptedFilms(at.films, scored, name, severity)
            parts |= _named(runner.run(plain, dataclasses.replace(at, films=films)), figure, f"{name}/{severity}")
    about = {"corrupted": f"the films of {task.split} alone, at the model's size"}
    return Outcome(parts, {**clean.facts, **about}, tuple(_figures(protocol, figure)), clean.unit)


def _name(part: str, how: str) -> str:
    return f"{part} {how}".strip()


def _named(outcome: Outcome, figure: Figure, how: str) -> dict[str, Scores]:
    return {_name(part, how): outcome.parts[part] for part in figure.parts}


def _figures(protocol: Robust, figure: Figure) -> Iterator[Figure]:
    """Clean, all corruptions, the lowest tenth of them, and the mean of each corruption and of each severity."""

    def over(label: str, corruptions: Sequence[str], severities: Sequence[int]) -> Figure:
        hows = [f"{name}/{severity}" for name in corruptions for severity in severities]
        return Figure(label, tuple(_name(part, how) for how in hows for part in figure.parts))

    names, severities = protocol.corruptions, protocol.severities
    whole = over("corrupted", names, severities)
    yield Figure(CLEAN, tuple(_name(part, CLEAN) for part in figure.parts))
    yield whole
    yield dataclasses.replace(whole, label="lowest tenth", over="worst-decile")
    yield from (over(name, (name,), severities) for name in names)
    yield from (over(f"severity {severity}", names, (severity,)) for severity in severities)
