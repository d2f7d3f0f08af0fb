"""`compare` without a task: the same models on every task that all of them have on record, as one family of tests."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from umcl_bench.errors import UsageError
from umcl_bench.metrics.comparison import PER_COMPARISON, holm
from umcl_bench.records import compare_report as report
from umcl_bench.records.compare import Comparison, Pair, compare_runs
from umcl_bench.records.contenders import Contender, find_contenders, of_model
from umcl_bench.records.leaderboard import Table, task_title, title_of
from umcl_bench.records.store import Record


@dataclass(frozen=True)
class Across:
    """A comparison for each task; the p values of their figures are corrected over the pairs of all tasks.

    `left_out` says which tasks can't be compared, and why.
    """

    comparisons: tuple[Comparison, ...]
    left_out: tuple[str, ...] = ()


def shared_tasks(names: Sequence[str], records: Sequence[Record]) -> tuple[str, ...]:
    """The tasks that all of these models have on record; () where one of the names is not a model's on record.

    Raises UsageError where all are models', and share none.
    """
    if len(set(names)) < len(names):
        return ()  # find_contenders says what is wrong
    tasks = {name: sorted({r.result["task"]["name"] for r in of_model(name, records)}) for name in names}
    shared = set.intersection(*map(set, tasks.values()))
    if not shared and all(tasks.values()):
        told = "; ".join(f"{name}: {', '.join(of)}" for name, of in tasks.items())
        raise UsageError(f"no task is on record for all of them ({told}). Run what is missing")
    return tuple(sorted(shared))


def compare_tasks(
    names: Sequence[str],
    tasks: Sequence[str],
    records: Sequence[Record],
    *,
    all_pairs: bool = False,
    resamples: int | None = None,
) -> Across:
    """The models on each of the tasks, by its headline. Raises UsageError where they can be compared on none."""
    chosen: list[list[Contender]] = []
    left_out: list[str] = []
    for task in tasks:
        try:
            chosen.append(find_contenders(names, task, records))
        except UsageError as error:
            left_out.append(f"{task}: {error}")
    pairs = len(names) * (len(names) - 1) // 2 if all_pairs else len(names) - 1
    found = []
    for contenders in chosen:
        recorded = contenders[0].records[0].intervals().resamples
        needed = resamples or max(recorded, PER_COMPARISON * pairs * len(chosen))
        try:
            found.append(compare_runs(contenders, all_pairs=all_pairs, resamples=needed))
        except UsageError as error:
            left_out.append(f"{contenders[0].records[0].result['task']['name']}: {error}")
    if not found:
        raise UsageError(f"{' and '.join(names)} can be compared on no task:\n" + "\n".join(left_out))
    return Across(tuple(_one_family(found)), tuple(left_out))


def _one_family(found: Sequence[Comparison]) -> list[Comparison]:
    p = {(at, n): pair.macro.p for at, of in enumerate(found) for n, pair in enumerate(of.pairs)}
    corrected = holm({f"{at} {n}": value for (at, n), value in p.items()})
    tests = sum(of.tests for of in found)

    def pair_of(pair: Pair, value: float) -> Pair:
        return dataclasses.replace(pair, holm={**pair.holm, "macro": value})

    return [
        dataclasses.replace(
            of, tests=tests, pairs=tuple(pair_of(pair, corrected[f"{at} {n}"]) for n, pair in enumerate(of.pairs))
        )
        for at, of in enumerate(found)
    ]


def verdicts(found: Across) -> list[str]:
    """Of each pair, on each source of data: on how many tasks one is better, and on how many it is not told."""
    told = []
    for source, comparisons in _by_source(found).items():
        for at in range(len(comparisons[0].pairs)):
            pairs = [(of, of.pairs[at]) for of in comparisons]
            tasks: dict[str, list[str]] = {"better": [], "worse": [], "": []}
            for of, pair in pairs:
                tasks[report.says(pair, of)].append(of.result["task"]["name"])
            first, second = pairs[0][1].first.label, pairs[0][1].second.label
            told.append(
                f"On {source}, {first} is better than {second} on {_counted(tasks['better'])} of {len(pairs)} tasks, "
                f"worse on {_counted(tasks['worse'])}, and the figures do not tell on {_counted(tasks[''])}."
            )
    return told


def _counted(tasks: Sequence[str]) -> str:
    return f"{len(tasks)} ({', '.join(tasks)})" if tasks else "0"


def _by_source(found: Across) -> dict[str, list[Comparison]]:
    by: dict[str, list[Comparison]] = {}
    for of in found.comparisons:
        by.setdefault(task_title(of.result).partition(" on ")[2], []).append(of)
    return by


def tables(found: Across) -> list[Table]:
    """One for each source of data: a row for each task and pair."""
    header = ("task", "figure", "says", *report.MODELS)
    told = []
    for source, comparisons in _by_source(found).items():
        rows = [
            (of.result["task"]["name"], title_of(of.key), report.says(pair, of) or "undecided", *report.model_row(pair))
            for of in comparisons
            for pair in of.pairs
        ]
        legend = tuple(dict.fromkeys(line for of in comparisons for line in report.legend(of)))
        told.append(Table(f"every task that all have on record, on {source}", "", header, tuple(rows), legend))
    return told


def remarks(found: Across) -> list[str]:
    """How the figures were made, and what they do not say, a sentence each."""
    first = found.comparisons[0]
    names = ", ".join(contender.label for contender in first.contenders)
    told = [
        "better by: above 0 where the model is better than the one it is against, of figures where lower is better, "
        "too; each interval is for itself",
        f"intervals and p: paired bootstrap of each task's patients, {first.how.resamples:,} resamples or more (seed "
        f"{first.how.seed}), the same for all models; two-sided",
        f"p (Holm): corrected for all {first.tests} comparisons here ({names}, on each task); better or worse: p below "
        f"{1 - first.how.level:.2g}, and every seed agrees",
        "tasks are of the same models, and many of the same films: that a model is ahead on several does not confirm "
        "that it is on one",
        "--task TASK has a task's classes, and its films, patients and fingerprints",
    ]
    told += dict.fromkeys(text for of in found.comparisons for text in report.of_seeds(of.contenders))
    return [*told, *(f"left out: {text}" for text in found.left_out)]


def to_text(found: Across, width: int | None = None, *, markdown: bool = False) -> str:
    """The verdicts, tables and remarks, for a terminal or as Markdown."""
    return report.page(verdicts(found), tables(found), remarks(found), width, markdown=markdown)


def to_csv(found: Across) -> str:
    """A row for each task, pair and class."""
    return report.rows_to_csv([row for of in found.comparisons for row in report.rows(of)])


def to_json(found: Across) -> str:
    """Verdicts, remarks, and the rows."""
    rows = [row for of in found.comparisons for row in report.rows(of)]
    about = {"verdicts": verdicts(found), "remarks": remarks(found), "rows": rows}
    return json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
