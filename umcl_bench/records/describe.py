"""What `umcl-bench show` prints: every named choice of a model or task with its source, or a record's whole story."""

from __future__ import annotations

from typing import Any

import numpy as np

from umcl_bench.metrics.delong import delong, logit_interval
from umcl_bench.records.leaderboard import interval, marks, number
from umcl_bench.records.store import Record
from umcl_bench.spec import Baseline, Recipe, Setting, Size, Task, digest, flatten, to_dict

_TAGS = {
    "paper": "in the paper", "code": "in the authors' code", "summary": "in a third party's summary",
    "recalled": "recalled, not verified", "inferred": "INFERRED", "ours": "our choice",
}  # fmt: skip


def model_data(baseline: Baseline, size: Size, file: str, setting: Setting = "controlled") -> dict[str, Any]:
    """As plain data, with the digest that records have."""
    recipe = Recipe(baseline, size, setting=setting)
    return {"kind": "model", "file": file, "digest": digest(recipe), "recipe": to_dict(recipe)}


def task_data(task: Task, file: str) -> dict[str, Any]:
    """As plain data, with the digest that records have."""
    return {"kind": "task", "file": file, "digest": digest(task), "spec": to_dict(task)}


def describe_model(baseline: Baseline, size: Size, file: str, setting: Setting = "controlled") -> str:
    """The model's choices at a size: value, and where it comes from."""
    recipe = Recipe(baseline, size, setting=setting)
    head = [f"model {baseline.name}: {baseline.title}", f"paper   {baseline.paper or '–'}", f"file    {file}"]
    start = "scratch" if size.pretrained else "random weights"
    head.append(f"digest  {digest(recipe)} (setting {setting}, size {size.name}, seed 0, from {start})")
    head.append(f"labels  {'reach its training' if baseline.uses_labels else 'do not reach its training'}")
    shared = [f"  size.{key} = {_value(v)}" for key, v in _leaves(to_dict(size)).items()]
    whose = "its own in the paper setting" if setting == "paper" else f"the same for every model at size {size.name}"
    return "\n".join([*head, "", *_choices(baseline), "", f"{whose}:", *shared])


def describe_task(task: Task, file: str) -> str:
    """The task's choices: value, and where it comes from."""
    head = [
        f"task {task.name}: {task.title}",
        f"paper   {task.paper or '–'}",
        f"file    {file}",
        f"digest  {digest(task)}",
    ]
    return "\n".join([*head, "", *_choices(task)])


def describe_record(record: Record) -> str:
    """What was run, on what, what came out, and the command that repeats it. Raises BenchError for changed scores."""
    record.check_scores()
    r = record.result
    data, leaks, model, task = r["data"], r["leaks"], r["model"], r["task"]
    git = (
        f"commit {r['git']['commit']}{' with changes' if r['git']['changed'] else ''}"
        if r["git"]
        else "no git commit known"
    )
    facts = {
        "repeat with": r["command"],
        "made": f"{r['created']} on {_join(r['machine'])}",
        "code": f"{git}; {_join(r['versions'])}",
        "model": f"{model['name']}, digest {model['digest']}, seed {r['seed']}, setting {model['recipe']['setting']}",
        "training": _join(r["training"]),
        "task": f"{task['name']}, digest {task['digest']}; {_join(r['protocol'])}",
        "data": f"{data['source']} ({data['kind']}), fingerprint {data['fingerprint']}, "
        f"trained on {data.get('training', {}).get('dataset', '')} {data['training_fingerprint']}",
        "data facts": _join(data["facts"]),
        "intervals": _join(r["intervals"]),
        "leak checks": _leak_checks(leaks),
        "left out": _unreadable(r.get("unreadable", {})),
        "marks": marks(record) or "none",
        "seconds": _join(r["timings_s"]),
        "checked": "as it was written, by SHA256SUMS"
        if record.sums
        else "not: an older record without SHA256SUMS, which can't tell whether it was changed",
    }
    lines = [f"run {record.id}", *(f"{name:<13} {text}" for name, text in facts.items())]
    lines += [f"{'warning':<13} {text}" for text in r["warnings"]] + [f"{'note':<13} {text}" for text in data["notes"]]
    lines.append("")
    return "\n".join([*lines, *_figures(record)])


def record_data(record: Record) -> dict[str, Any]:
    """The record as plain data: each AUROC with DeLong's interval too, and each mean with its undefined classes.

    Raises BenchError for changed scores.
    """
    record.check_scores()
    metrics: dict[str, Any] = {}
    for key, estimates in record.result["metrics"].items():
        more: dict[str, Any] = {name: {"delong": ends} for name, ends in _analytic(record, key).items()}
        if "macro" in estimates:
            more["macro"] = {"undefined_classes": _lacking(estimates)}
        metrics[key] = {name: {**estimate, **more.get(name, {})} for name, estimate in estimates.items()}
    return {"id": record.id, **record.result, "metrics": metrics}


def _lacking(estimates: dict[str, Any]) -> list[str]:
    """The classes without a figure, which are not in the mean."""
    return [name for name, e in estimates.items() if name != "macro" and e["value"] is None]


def _figures(record: Record) -> list[str]:
    """Every figure with its interval and counts; beside the bootstrap's interval of a class's AUROC the analytic."""
    metrics, lines = record.result["metrics"], []
    width = max(map(len, metrics), default=0)
    for metric, estimates in metrics.items():
        analytic = _analytic(record, metric)
        for name, e in estimates.items():
            undefined = f", undefined in {e['undefined']:.0%} of resamples" if e["undefined"] else ""
            beside = f", DeLong [{', '.join(map(number, analytic[name]))}]" if name in analytic else ""
            lines.append(f"  {metric:<{width}} {name:<28} {interval(e)}  {_counts(name, estimates)}{beside}{undefined}")
    return lines + ([_DELONG] if any("DeLong" in line for line in lines) else [])


_DELONG = (
    "  DeLong: the analytic interval of an AUROC, symmetric about its logit, with Obuchowski's variance, which lets "
    "films of one patient depend on each other"
)


def _counts(name: str, estimates: dict[str, Any]) -> str:
    """The positives and negatives of a class, or its samples; those of the mean, and the classes that are in it."""
    e = estimates[name]
    counts = f"{e['positives']}+ {e['negatives']}-" if e["positives"] + e["negatives"] else ""
    classes = [key for key in estimates if key != "macro"]
    if name != "macro" or len(classes) < 2:
        return counts or f"n {e['n']}"
    lacking = _lacking(estimates)
    said = f"n {e['n']}, over {len(classes) - len(lacking)} of {len(classes)} classes"
    return f"{said}; undefined: {', '.join(lacking)}" if lacking else said


def _analytic(record: Record, key: str) -> dict[str, tuple[float | None, float | None]]:
    """The analytic interval of each class, where the figure is an AUROC or a mean of several parts' AUROCs."""
    metric, figure = record.figure(key)
    if metric != "auroc" or figure.over != "mean":
        return {}
    parts, level = record.parts(), record.result["intervals"]["level"]
    chosen = [parts[name] for name in figure.parts]
    found: dict[str, tuple[float | None, float | None]] = {}
    for k, name in enumerate(chosen[0].classes):
        areas = delong(np.stack([scores.value[:, k] for scores in chosen]), chosen[0].target[:, k], chosen[0].patient)
        low, high = logit_interval(areas, np.full(len(chosen), 1 / len(chosen)), level)
        found[name] = (None, None) if np.isnan(low) else (low, high)
    return found


def describe_training(facts: dict[str, Any]) -> str:
    """The facts of a training, a line each."""
    return "\n".join(
        f"{name.replace('_', ' '):<20}{_join(v) if isinstance(v, dict) else v}" for name, v in facts.items()
    )


def _leak_checks(leaks: dict[str, Any]) -> str:
    alike = leaks.get("near_duplicate_films")
    parts = [
        f"{leaks['patients_in_both']} patients and {leaks['identical_films']} identical films in training and test",
        f"{'not looked for' if alike is None else alike} near-duplicates",
        f"labels seen in training: {', '.join(leaks['labels_seen']) or 'none of these findings'}",
    ]
    parts += [f"known overlap: {overlap['what']}" for overlap in leaks.get("known_overlaps", [])]
    parts += [f"leaky split: {leaks['leaky_split']}"] if leaks.get("leaky_split") else []
    return "; ".join(parts)


def _unreadable(found: dict[str, dict[str, str]]) -> str:
    films = {**found.get("training", {}), **found.get("task", {})}
    listed = "; ".join(f"{name}: {why}" for name, why in list(films.items())[:10])
    return f"{len(films)} films that can't be read{': ' if listed else ''}{listed}" if films else "nothing"


def _choices(value: Baseline | Task) -> list[str]:
    evidence = {item.field: item for item in value.evidence}
    docs = {"title", "paper", "evidence", "name", "published"}
    lines = []
    for key, v in _leaves(to_dict(value)).items():
        if key.partition(".")[0] not in docs:
            item = evidence.get(key)
            why = f"   [{_TAGS[item.tag]}: {item.note}]" if item else ""
            lines.append(f"  {key} = {_value(v)}{why}")
    return lines


def _leaves(data: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in flatten(data).items() if not isinstance(v, dict)}


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(v) for v in value) or "–"
    if isinstance(value, dict):
        return " ".join(f"{k} {_value(v)}" for k, v in value.items() if v != [])
    return repr(value) if isinstance(value, str) else str(value)


def _join(data: dict[str, Any]) -> str:
    return ", ".join(
        f"{k.replace('_', ' ')} {_join(v) if isinstance(v, dict) else v}" for k, v in data.items() if v is not None
    )
