"""Classification by a linear head that is fitted on frozen features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Probe:
    """Logistic regression on frozen features, at shares of the training patients, or on a few films a class.

    A head for each finding minimises C x the sum of the log losses of its labelled films + |w|^2 / 2; the intercept is
    free. `strengths` are the C to choose from: one for all findings, the best on val by `selection`, and the smallest
    of equal ones. `findings` empty means: all that the source labels. `features` are the image tower's pooled ones, or
    its embeddings after the projection. `standardise` puts each feature at mean 0 and variance 1 on the films that are
    fitted on. `shots` are films of each side of a class, instead of `fractions`. Draw d has the seed `first_seed` + d.
    `exclusive` is for classes of which a film has exactly one: the largest of the heads decides.
    """

    findings: tuple[str, ...] = ()
    features: Literal["pooled", "projected"] = "pooled"
    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    shots: tuple[int, ...] = ()
    draws: int = 3
    first_seed: int = 0
    strengths: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
    selection: Literal["val-auroc", "val-accuracy"] = "val-auroc"
    standardise: bool = True
    penalty: Literal["l2"] = "l2"
    solver: Literal["whitened", "scikit-learn"] = "whitened"
    tolerance: float = 1e-8
    max_iterations: int = 1000
    exclusive: bool = False
    kind: Literal["probe"] = "probe"

    def __post_init__(self) -> None:
        if bool(self.fractions) == bool(self.shots):
            raise ValueError("a probe is fitted on fractions of the training patients, or on shots: name one of them")
        if not self.strengths or min(self.strengths) <= 0 or len(set(self.strengths)) < len(self.strengths):
            raise ValueError(f"strengths {self.strengths}: name values of C above 0, each once")
        if self.selection == "val-accuracy" and not self.exclusive:
            raise ValueError("val-accuracy is for exclusive classes, of which the largest head decides")
        if self.draws < 1 or any(k < 1 for k in self.shots):
            raise ValueError("there is at least one draw, and at least one film of each side of a class")
        if not all(0 < fraction <= 1 for fraction in self.fractions):
            raise ValueError(f"fractions {self.fractions} must lie above 0 and be at most 1")
