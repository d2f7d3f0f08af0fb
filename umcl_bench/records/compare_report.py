"""How `compare` tells what it found: tables and sentences for people, rows for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from umcl_bench.metrics.comparison import PER_COMPARISON, p_over_seeds
from umcl_bench.records.compare import Comparison, Pair, signed, verdict
from umcl_bench.records.contenders import Contender
from umcl_bench.records.leaderboard import (
    DASH,
    MARKS,
    Table,
    caption_of,
    interval,
    marks,
    number,
    sign_of,
    task_title,
    title_of,
    to_markdown,
    to_terminal,
)
from umcl_bench.records.store import clean

MODELS = ("model", "against", "better by [95 % CI]", "p (Holm)", "p", "model's", "against's", "sd over seeds")


def to_text(found: Comparison, width: int | None = None, *, markdown: bool = False) -> str:
    """The verdicts, tables and remarks, for a terminal or as Markdown."""
    told, notes = verdicts(found), remarks(found)
    found_tables = [_models(found), *(_classes(pair) for pair in found.pairs if _has_classes(pair))]
    return page(told, found_tables, notes, width, markdown=markdown)


def page(
    told: Sequence[str], found: list[Table], notes: Sequence[str], width: int | None = None, *, markdown: bool
) -> str:
    """Sentences, tables and remarks, for a terminal or as Markdown."""
    if markdown:
        listed, noted = ("\n".join(f"- {text}" for text in texts) for texts in (told, notes))
        return f"{listed}\n\n{to_markdown(found)}\n{noted}\n"
    said, noted = "\n".join(told), "\n".join(notes)
    return f"{to_terminal(found, width)}{said}\n\n{noted}\n"


def verdicts(found: Comparison) -> list[str]:
    """What the figures allow to say of each pair; of the phantom, that it is the phantom."""
    where = "On the phantom, " if found.result["data"]["kind"] == "phantom" else ""
    return [f"{where}{verdict(pair, found)}." for pair in found.pairs]


def _models(found: Comparison) -> Table:
    result, title = found.result, title_of(found.key)
    names = [name for name in found.pairs[0].differences if name != "macro"]
    rows = tuple(model_row(pair) for pair in found.pairs)
    return Table(f"{task_title(result)}: {title}", caption_of(result, names), MODELS, rows, legend(found))


def model_row(pair: Pair) -> tuple[str, ...]:
    """The cells of a pair, under MODELS."""
    better, *figures = _figures(pair, "macro")
    tested = (p_cell(pair.holm["macro"]), p_cell(pair.macro.p))
    return (pair.first.label, pair.second.label, better, *tested, *figures, p_cell(pair.spread()))


def says(pair: Pair, found: Comparison) -> str:
    """'better' or 'worse', of the first of a pair, where p after the correction allows it and every seed agrees."""
    value, p = pair.macro.estimate.value, pair.holm["macro"]
    if math.isnan(p) or p >= 1 - found.how.level or any(value * d <= 0 for d in pair.macro.each):
        return ""
    return "better" if value > 0 else "worse"


def _has_classes(pair: Pair) -> bool:
    """Whether the classes say more than their mean."""
    return len(pair.differences) > 2 or bool(pair.delong_holm)


def _classes(pair: Pair) -> Table:
    names = [name for name in pair.differences if name != "macro"]
    analytic = ("DeLong p (Holm)", "DeLong p") if pair.delong_holm else ()
    figures_of = ("model's", "against's", "sd over seeds", "counts")
    header = ("class", "better by [95 % CI]", "p (Holm)", "p", *analytic, *figures_of)
    rows = []
    for name in names:
        better, *figures = _figures(pair, name)
        d = pair.differences[name]
        e = d.estimate
        tested = [p_cell(pair.holm[name]), p_cell(d.p)]
        tested += [p_cell(pair.delong_holm[name]), p_cell(d.delong.p)] if d.delong else []
        counts = f"{e.positives:,}+ {e.negatives:,}-" if e.positives + e.negatives else f"{e.n:,}"
        rows.append((name, better, *tested, *figures, p_cell(pair.spread(name)), counts))
    counts_of = "positives and negatives" if "+" in rows[0][-1] else "samples"
    caption = f"each class, on the same films; counts: {counts_of}"
    return Table(f"{pair.first.label} against {pair.second.label}, by class", caption, header, tuple(rows), ())


def _figures(pair: Pair, name: str) -> tuple[str, str, str]:
    """The difference with its interval, and the two figures."""
    d = pair.differences[name]
    return interval(signed(d, 1)), number(clean(d.first)), number(clean(d.second))


def p_cell(value: float) -> str:
    """Three decimals, '<0.001', or a dash."""
    return DASH if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def legend(found: Comparison) -> tuple[str, ...]:
    """The marks of the models, and what these mean."""
    held = [(c.label, "".join(dict.fromkeys(m for r in c.records for m in marks(r)))) for c in found.contenders]
    used = {mark for _, letters in held for mark in letters}
    listed = ", ".join(f"{label} {letters}" for label, letters in held if letters)
    return (*([f"marks: {listed}"] if listed else []), *(f"{m} = {text}" for m, text in MARKS.items() if m in used))


def remarks(found: Comparison) -> list[str]:
    """How the figures were made, and what they do not say, a sentence each."""
    how, result = found.how, found.result
    worse = "" if sign_of(found.key) > 0 else f" (of {title_of(found.key)}, lower is better)"
    family = "all pairs" if found.all_pairs else f"the models against {found.contenders[0].label}"
    told = [
        f"better by: above 0 where the model is better than the one it is against{worse}; each interval is for itself",
        f"intervals and p: paired bootstrap, {how.resamples:,} resamples of {result['intervals']['patients']:,} "
        f"patients (seed {how.seed}), each with all {result.get('unit', 'films')}, the same for all models; two-sided "
        "p = 2 (resamples on the rarer side of 0 + 1) / (resamples + 1)",
        f"p (Holm): corrected for {_several(found.tests, 'comparison')} ({family}); of classes, for "
        f"{_several(found.class_tests, 'test')}, each class of each comparison, which are a family of their own",
    ]
    if any(pair.delong_holm for pair in found.pairs):
        told.append(
            "DeLong p: the analytic test of paired AUROCs, with Obuchowski's variance, which lets films of one patient "
            "depend on each other"
        )
    for tests, what in ((found.tests, "comparisons"), (found.class_tests, "tests of classes")):
        if 2 * tests / (how.resamples + 1) >= 1 - how.level:
            told.append(
                f"with {how.resamples:,} resamples no p can be below 0.05 after Holm for {tests:,} {what}: "
                f"--resamples {PER_COMPARISON * tests}"
            )
    return [*told, *of_seeds(found.contenders), *_other_differences(found.contenders)]


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def of_seeds(contenders: Sequence[Contender]) -> list[str]:
    """What several seeds, or one, are to the figures, and which are left out."""
    told = []
    count = len(contenders[0].records)
    if count > 1:
        seeds = ", ".join(map(str, contenders[0].seeds))
        told.append(
            f"figures are means over seeds {seeds}, paired. Interval and p are for these trained models on other "
            "patients; the sd over seeds says how far the difference moves from one training to another, and is in "
            "neither"
        )
    elif any(r.result["training"].get("steps") for c in contenders for r in c.records):
        told.append(
            "one training each: interval and p are for these trained models on other patients, and do not say how far "
            "the difference would move with another seed"
        )
    for c in contenders:
        if c.alone:
            told.append(f"left out: {c.label}, {_several(len(c.alone), 'seed')} that others lack "
                        f"({', '.join(map(str, c.alone))})")  # fmt: skip
        if c.again:
            told.append(f"left out: {c.label}, seeds that were run again ({', '.join(c.again)}); the first counts")
    return told


def _other_differences(contenders: Sequence[Contender]) -> list[str]:
    """What else than the model is not the same of those that are trained, and does not forbid a comparison."""
    about = {c.label: _setting(c) for c in contenders if c.records[0].result["training"].get("steps")}
    names = next(iter(about.values()), {})
    return [
        f"not the same: {name} ({'; '.join(f'{label}: {of[name]}' for label, of in about.items())})"
        for name in names
        if len({of[name] for of in about.values()}) > 1
    ]


def _setting(contender: Contender) -> dict[str, str]:
    result = contender.records[0].result
    recipe = result["model"]["recipe"]
    return {
        "seed": ", ".join(map(str, contender.seeds)),
        "size": str(recipe["size"]["name"]),
        "setting": str(recipe["setting"]),
        "training data": str(result["data"]["training_fingerprint"]),
        "version of the training": str(result.get("methods", {}).get("training", "not on record")),
    }


def rows(found: Comparison) -> list[dict[str, Any]]:
    """A row for each pair and class, 'macro' among them, for programs; None is undefined."""
    data = found.result["data"]
    told = []
    for pair in found.pairs:
        for name, d in pair.differences.items():
            e, delong = d.estimate, d.delong
            row = {
                "kind": data["kind"], "source": data["source"], "task": found.result["task"]["name"],
                "metric": found.key, "class": name, "first": pair.first.label, "second": pair.second.label,
                "first_value": d.first, "second_value": d.second, "better_by": e.value, "low": e.low, "high": e.high,
                "p": d.p, "p_holm": pair.holm[name],
                "tests": found.tests if name == "macro" else found.class_tests,
                "delong_low": delong and delong.low, "delong_high": delong and delong.high,
                "delong_p": delong and delong.p, "delong_p_holm": pair.delong_holm.get(name),
                "seeds": len(d.each), "sd_over_seeds": pair.spread(name), "p_over_seeds": p_over_seeds(d.each),
                "n": e.n, "positives": e.positives,
                "negatives": e.negatives, "undefined": e.undefined, "resamples": found.how.resamples,
                "data_fingerprint": data["fingerprint"],
                "first_records": " ".join(r.id for r in pair.first.records),
                "second_records": " ".join(r.id for r in pair.second.records),
            }  # fmt: skip
            told.append(clean(row))
    return told


def to_csv(found: Comparison) -> str:
    """The rows as CSV; empty cells are undefined."""
    return rows_to_csv(rows(found))


def rows_to_csv(lines: Sequence[dict[str, Any]]) -> str:
    """CSV of rows with equal fields."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def to_json(found: Comparison) -> str:
    """Verdicts, remarks, how the intervals were made, and the rows."""
    about = {
        "verdicts": verdicts(found),
        "remarks": remarks(found),
        "intervals": dataclasses.asdict(found.how),
        "rows": rows(found),
    }
    return json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
