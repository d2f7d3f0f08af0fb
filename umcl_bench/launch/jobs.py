"""One run of a sweep, and what became of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from umcl_bench.records.store import Record
from umcl_bench.request import Request, sampling_words, training_words


@dataclass(frozen=True)
class Job:
    """A run to do: the id that its record will have, and the words after `umcl-bench` that make this run alone."""

    request: Request
    id: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The record of a run, or why there is none; `unfit` where model, task and data turned out not to fit together."""

    request: Request
    record: Record | None
    why: str = ""
    unfit: bool = False


def name_of(request: Request) -> str:
    """What a person calls a run of a sweep."""
    options = " ".join(["", *sampling_words(request.sampling), *training_words(request)])
    return f"{request.model}{options} on {request.task}, seed {request.seed}"


def environment() -> dict[str, str]:
    """The settings that a run elsewhere has to share with this process."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith("UMCL_BENCH_")}
