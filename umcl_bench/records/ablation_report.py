"""How an ablation tells what it found: a sentence a claim, tables, remarks, and rows for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from umcl_bench.metrics.comparison import p_over_seeds
from umcl_bench.metrics.intervals import Estimate
from umcl_bench.records.ablation import Cell, Effect, Ruling, Study, Value, judge, spread
from umcl_bench.records.compare import p_text, seeds_text
from umcl_bench.records.compare_report import p_cell
from umcl_bench.records.leaderboard import (
    DASH,
    Table,
    caption_of,
    interval,
    model_name,
    task_title,
    title_of,
    to_markdown,
    to_terminal,
)
from umcl_bench.records.store import Record, clean
from umcl_bench.spec import Measure

RULE = (
    "supported: p after Holm is below 0.05 in the claim's favour, and every seed agrees; not supported: the same "
    "against it; undecided: all else, which is no sign of no difference"
)


def sentences(found: Study) -> list[str]:
    """One a claim at each value of the dial; where an ablation claims nothing, one a version."""
    where = "On the phantom, " if _any(found).result["data"]["kind"] == "phantom" else ""
    if found.runs.ablation.claims:
        return [_claim(ruling, found, where) for ruling in found.rulings]
    return [f"{where}{_plain(cell, effect, found)}." for cell, effect in found.tests.items()]


def _claim(ruling: Ruling, found: Study, where: str) -> str:
    claim, effect = ruling.claim, ruling.effect
    alone = " (one training each)" if ruling.verdict != "undecided" and len(effect.each) < 2 else ""
    verdict = f"{ruling.verdict}{alone}"
    by = _but_for_the_headline(claim.by, found)
    if ruling.trend:
        low = min(cell.value for _, cell in effect.terms if cell.value is not None)
        high = max(cell.value for _, cell in effect.terms if cell.value is not None)
        told = f"the gain of {claim.better} over {claim.than} changes by {_by(effect, found)}"
        return (
            f"{verdict}: {where}{claim.text}, and the more the higher {found.runs.dial} is{by}: from {low:g} to "
            f"{high:g} {told}."
        )
    at = _at(effect.terms[0][1].value, found)
    if claim.over:
        told = f"{claim.better} over {claim.than} gains more than {claim.over[0]} over {claim.over[1]} by"
        return f"{verdict}: {where}{claim.text}{at}{by}: {told} {_by(effect, found)}."
    figures = [_figure(found, Cell(claim.by, effect.terms[0][1].value, arm)) for arm in (claim.better, claim.than)]
    return f"{verdict}: {where}{claim.text}{at}{by}: {' against '.join(figures)}, {_which(effect, found)}."


def _plain(cell: Cell, effect: Effect, found: Study) -> str:
    against = next(arm for arm in found.runs.ablation.arms if arm.label == cell.arm)
    names = [cell.arm, found.runs.ablation.against(against)]
    at = _at(cell.value, found)
    if judge(effect, 1 - found.how.level) == "undecided":
        return f"the figures do not tell {names[0]} from {names[1]}{at}: a difference of {_by(effect, found)}"
    shown = effect if effect.estimate.value > 0 else effect.flipped()
    better, worse = names if effect.estimate.value > 0 else names[::-1]
    return f"{better} is better than {worse}{at} by {_by(shown, found)}"


def _which(effect: Effect, found: Study) -> str:
    """'better by 0.1 [0.0, 0.2], ...', or, of what is below 0, worse by."""
    worse = effect.estimate.value < 0
    return f"worse by {_by(effect.flipped(), found)}" if worse else f"better by {_by(effect, found)}"


def _by(effect: Effect, found: Study) -> str:
    after = f" after Holm for {found.count} tests" if found.count > 1 else ""
    told = f"{interval(_numbers(effect.estimate))}, {DASH if np.isnan(effect.p) else p_text(effect.holm)}{after}"
    if len(effect.each) < 2:
        return told
    sign = 1 if effect.estimate.value > 0 else -1
    same = sum(sign * d > 0 for d in effect.each)
    return f"{told}; so in {same} of {len(effect.each)} seeds ({seeds_text(effect.each)})"


def _figure(found: Study, cell: Cell) -> str:
    value = found.figures[cell].value
    return DASH if np.isnan(value) else f"{value:.3f}"


def _at(value: Value, found: Study) -> str:
    return "" if value is None else f" ({found.runs.dial} {value:g})"


def _but_for_the_headline(measure: str, found: Study) -> str:
    title = next(m.title for m in found.runs.ablation.measures if m.name == measure)
    return f" by {title}" if title else ""


def _numbers(e: Estimate) -> dict[str, float | None]:
    return {name: None if np.isnan(v) else v for name, v in (("value", e.value), ("low", e.low), ("high", e.high))}


def tables(found: Study) -> list[Table]:
    """One for each measure and value of the dial, a row an arm; arms without figures have a row of dashes."""
    return [
        _table(measure, value, found)
        for measure in found.runs.ablation.measures
        for value in found.runs.values
        if any(cell[:2] == (measure.name, value) for cell in found.runs.records)
    ]


def _table(measure: Measure, value: Value, found: Study) -> Table:
    runs = found.runs
    result = next(of[0] for cell, of in runs.records.items() if cell[:2] == (measure.name, value)).result
    names = [name for name in result["metrics"][result["headline"]] if name != "macro"]
    axis = (runs.ablation.axis,) if runs.ablation.axis else ()
    title = measure_title(measure, found)
    header = ("model", "against", f"{title} [95 % CI]", "better by [95 % CI]", "p (Holm)", "p", "sd over seeds")
    rows = []
    for arm in runs.ablation.arms:
        cell = Cell(measure.name, value, arm.label)
        effect, figure = found.tests.get(cell), found.figures.get(cell)
        facts = [_fact(found, cell, name) for name in (*axis, "false_negative_rate")]
        tested = (DASH,) * 4
        if effect is not None:
            of = (p_cell(effect.holm), p_cell(effect.p), p_cell(spread(effect.each)))
            tested = (interval(_numbers(effect.estimate)), *of)
        shown = DASH if figure is None else interval(_numbers(figure))
        rows.append((arm.label, runs.ablation.against(arm) or DASH, shown, *tested, *facts))
    return Table(
        f"{runs.ablation.title}{_at(value, found)}: {title}, {task_title(result)}",
        f"seed{'s' if len(runs.seeds) > 1 else ''} {', '.join(map(str, runs.seeds))}; {caption_of(result, names)}",
        (*header, *axis, "false negatives"),
        tuple(rows),
        (),
    )


def measure_title(measure: Measure, found: Study) -> str:
    """What a column of a measure is called."""
    return measure.title or title_of(found.key(measure))


def _fact(found: Study, cell: Cell, name: str) -> str:
    value = found.fact(cell, name) if cell in found.runs.records else float("nan")
    if np.isnan(value):
        return DASH
    return f"{value:.0%}" if value <= 1 else f"{value:g}"


def remarks(found: Study) -> list[str]:
    """How the figures were made, and what they do not say, a sentence each."""
    runs, how = found.runs, found.how
    told = [
        RULE,
        "better by: above 0 where the model is better than the one it is against, on the same films; of what is better "
        "when lower, too",
        f"intervals and p: paired bootstrap of patients, {how.resamples:,} resamples (seed {how.seed}), two-sided; "
        "each interval is for itself",
        f"p (Holm): corrected for all {found.count} tests of this ablation: the models by each measure"
        f"{', at each value of the dial' if runs.dial else ''}, and the claims",
    ]
    if runs.dial:
        told.append("films of two values of a dial are other films: changes between these are of unpaired resamples")
    if len(runs.seeds) > 1:
        told.append(
            f"figures are means over {len(runs.seeds)} seeds, paired. Interval and p are for these trained models on "
            "other patients; how far a difference moves between trainings is the sd over seeds, and in neither"
        )
        told.append(
            f"{len(runs.seeds)} seeds of equal models agree by chance in 1 of {2 ** (len(runs.seeds) - 1)} tests: "
            "where the sd over seeds is larger than the interval, a verdict is no surer than that. The p over seeds "
            "(paired t test, not corrected) asks whether other trainings would say the same"
        )
    else:
        told.append(
            "one training each: interval and p are for these trained models on other patients, and do not say how far "
            "a difference would move with another seed. --seeds 3 says it"
        )
    told.append(
        "false negatives: of all pairs of a film with another row's text, the share that has a finding in common and "
        "is pushed apart, over the training (its log)"
    )
    return [*told, *runs.ablation.notes, *(f"left out: {text}" for text in runs.left_out)]


def legend(found: Study) -> list[tuple[str, str, str]]:
    """Each arm that has a record: its label, its model, and the command of its first run."""
    shown: dict[str, Record] = {}
    for cell, records in found.runs.records.items():
        shown.setdefault(cell.arm, records[0])
    return [(arm, model_name(record), record.result["command"]) for arm, record in shown.items()]


def to_text(found: Study, width: int | None = None) -> str:
    """Tables, sentences and remarks for a terminal."""
    said, noted = "\n".join(sentences(found)), "\n".join(remarks(found))
    return f"{to_terminal(tables(found), width)}{said}\n\n{noted}\n"


def to_page(found: Study, command: str, picture: str) -> str:
    """The same as Markdown, with the picture and the commands behind it all."""
    rows = [("model", "what it is", "its first run"), ("---",) * 3]
    rows += [(arm, f"`{model}`", f"`{words}`") for arm, model, words in legend(found)]
    listed = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    told, noted = (_bullets(texts) for texts in (sentences(found), remarks(found)))
    head = f"# Ablation {found.runs.ablation.name}: {found.runs.ablation.title}\n\n    {command}\n\n"
    return f"{head}{told}\n\n![{picture}]({picture})\n\n{to_markdown(tables(found))}\n{noted}\n\n{listed}\n"


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def rows_of(found: Study) -> list[dict[str, Any]]:
    """A row a cell, for programs; None is undefined."""
    runs, data = found.runs, _any(found).result["data"]
    told = []
    for cell, records in runs.records.items():
        measure = next(m for m in runs.ablation.measures if m.name == cell.measure)
        e, effect = found.figures[cell], found.tests.get(cell)
        arm = next(arm for arm in runs.ablation.arms if arm.label == cell.arm)
        of = effect.estimate if effect else None
        row = {
            "ablation": runs.ablation.name, "kind": data["kind"], "source": data["source"],
            "task": records[0].result["task"]["name"], "measure": cell.measure, "metric": found.key(measure),
            "dial": runs.dial, "dial_value": cell.value, "arm": cell.arm, "model": model_name(records[0]),
            "value": e.value, "low": e.low, "high": e.high, "against": runs.ablation.against(arm),
            "better_by": of and of.value, "better_low": of and of.low, "better_high": of and of.high,
            "p": effect and effect.p, "p_holm": effect and effect.holm, "tests": found.count,
            "seeds": len(records), "sd_over_seeds": effect and spread(effect.each),
            "p_over_seeds": effect and p_over_seeds(effect.each),
            "false_negative_rate": found.fact(cell, "false_negative_rate"),
            "rows_a_step": found.fact(cell, "rows a step"),
            "label_only_share": found.fact(cell, "share of label-only rows"),
            "data_fingerprint": records[0].result["data"]["fingerprint"],
            "records": " ".join(record.id for record in records),
        }  # fmt: skip
        told.append(clean(row))
    return told


def to_csv(found: Study) -> str:
    """The rows as CSV; empty cells are undefined, or of an arm that is compared with none."""
    out, lines = io.StringIO(), rows_of(found)
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def to_json(found: Study, command: str) -> str:
    """Command, rulings, remarks and rows."""
    rulings = [
        {
            "claim": r.claim.text, "verdict": r.verdict, "trend": r.trend, "better": r.claim.better,
            "than": r.claim.than, "by": r.claim.by,
            "dial_values": sorted({c.value for _, c in r.effect.terms if c.value is not None}),
            "better_by": r.effect.estimate.value, "low": r.effect.estimate.low, "high": r.effect.estimate.high,
            "p": r.effect.p, "p_holm": r.effect.holm, "each_seed": list(r.effect.each),
            "p_over_seeds": p_over_seeds(r.effect.each),
        }
        for r in found.rulings
    ]  # fmt: skip
    about = {
        "ablation": found.runs.ablation.name,
        "command": command,
        "sentences": sentences(found),
        "claims": rulings,
        "remarks": remarks(found),
        "rows": rows_of(found),
    }
    return json.dumps(clean(about), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _any(found: Study) -> Record:
    return next(iter(found.runs.records.values()))[0]
