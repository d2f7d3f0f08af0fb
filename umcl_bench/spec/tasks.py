"""What a task is, and how its intervals are made."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

from umcl_bench.spec.evidence import Evidence, check_evidence
from umcl_bench.spec.protocols import CORRUPTIONS, MOVING, Grounding, PromptSensitivity, Protocol, Robust, Segmentation
from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_name as _check_name
from umcl_bench.values import doc


@dataclass(frozen=True)
class Task:
    """A dataset, a split, a protocol with every choice named, and the metrics with the one that leads.

    `headline` is a metric, with the figure's label where the protocol has several: 'auroc', 'auroc (10%)'. `shown` are
    further ones that a table has a column for; none: the classes, where there are few.
    """

    name: str
    dataset: str
    protocol: Protocol
    title: str = doc("")
    paper: str = doc("")
    split: Literal["train", "val", "test"] = "test"
    views: Literal["frontal", "all"] = "frontal"
    metrics: tuple[str, ...] = ("auroc",)
    headline: str = "auroc"
    shown: tuple[str, ...] = doc(())
    evidence: tuple[Evidence, ...] = doc(())

    def __post_init__(self) -> None:
        _check_name(self.name.partition("+")[0])
        _check_choice("split", self.split, Literal["train", "val", "test"])
        _check_choice("views", self.views, Literal["frontal", "all"])
        for where, of in (("", self), ("protocol.", self.protocol)):
            for field in fields(of):
                if str(field.type).startswith("tuple") and isinstance(value := getattr(of, field.name), str):
                    raise ValueError(f"{where}{field.name} is the word {value!r}; write a tuple: ({value!r},)")
        for named in (self.headline, *self.shown):
            if named.partition(" (")[0] not in self.metrics:
                raise ValueError(f"{named!r} is not among the metrics {', '.join(self.metrics)}")
        check_evidence(self, self.evidence)


ROBUST = "robust-"
"""What the name of a task on corrupted films begins with."""


def robust(task: Task) -> Task:
    """The task on corrupted films, all else as it is: what it was led by is led by the mean over all corruptions.

    Where masks or boxes are scored, nothing is turned or cropped. Raises ValueError for a task of many parts.
    """
    if isinstance(task.protocol, Robust | PromptSensitivity):
        raise ValueError(f"{task.name} is many tasks already: corrupt the films of one of them")
    metric, _, label = task.headline.removesuffix(")").partition(" (")
    fixed = isinstance(task.protocol, Segmentation | Grounding)
    names = tuple(name for name in CORRUPTIONS if not (fixed and name in MOVING))
    kept = [item for item in task.evidence if item.field not in ("headline", "metrics")]
    moved = [item._replace(field=item.field.replace("protocol.", "protocol.of.", 1)) for item in kept]
    ours = Evidence("protocol.corruptions", "ours", "what happens to films, at three severities (data/corruptions.py)")
    return replace(
        task,
        name=f"{ROBUST}{task.name}",
        title=f"{task.title}, on corrupted films",
        protocol=Robust(of=task.protocol, corruptions=names, figure=label),
        headline=f"{metric} (corrupted)",
        shown=tuple(
            f"{metric} ({label})" for label in ("clean", "lowest tenth", "severity 1", "severity 2", "severity 3")
        ),
        evidence=(*moved, ours),
    )


@dataclass(frozen=True)
class Intervals:
    """How intervals are made: the patient-cluster percentile bootstrap (metrics/intervals.py).

    A figure that is undefined in more than `1 - min_defined` of the resamples has no interval: with one positive
    patient 37 % are without it, and the others would give a narrow interval around one patient's luck.
    """

    level: float = 0.95
    resamples: int = 1000
    min_defined: float = 0.8
    seed: int = 20230711
