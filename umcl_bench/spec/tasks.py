"""What a task is, and how its intervals are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.spec.evidence import Evidence, check_evidence
from umcl_bench.values import check_name as _check_name
from umcl_bench.values import doc

COMPETITION = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The five findings of the CheXpert competition, in its order (Irvin et al. 2019)."""


@dataclass(frozen=True)
class ZeroShot:
    """Positive against negative prompt (CheXzero: Tiu et al. 2022): p = e^pos / (e^pos + e^neg).

    `findings` empty means: all that the source labels. `temperature` divides the cosines; CheXzero uses raw ones.
    """

    findings: tuple[str, ...] = ()
    positive: tuple[str, ...] = ("{}",)
    negative: tuple[str, ...] = ("no {}",)
    pooling: Literal["mean-embedding"] = "mean-embedding"
    temperature: float = 1.0
    kind: Literal["zero-shot"] = "zero-shot"

    def __post_init__(self) -> None:
        for template in (*self.positive, *self.negative):
            if template.count("{}") != 1:
                raise ValueError(f"prompt template {template!r} must hold '{{}}' once, where the finding's name goes")


Protocol = ZeroShot


@dataclass(frozen=True)
class Task:
    """A dataset, a split, a protocol with every choice named, and the metrics with the one that leads."""

    name: str
    dataset: str
    protocol: Protocol
    title: str = doc("")
    paper: str = doc("")
    split: Literal["train", "val", "test"] = "test"
    views: Literal["frontal", "all"] = "frontal"
    metrics: tuple[str, ...] = ("auroc",)
    headline: str = "auroc"
    evidence: tuple[Evidence, ...] = doc(())

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.headline not in self.metrics:
            raise ValueError(f"headline {self.headline!r} is not among the metrics {', '.join(self.metrics)}")
        check_evidence(self, self.evidence)


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
