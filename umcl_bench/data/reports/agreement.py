"""How far the labeler's verdicts and an annotation agree, finding by finding."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from umcl_bench.data.reports.labeler import label_sentence, label_sentences
from umcl_bench.data.reports.scope import Verdict
from umcl_bench.data.reports.sentences import split_sentences
from umcl_bench.data.vocabulary import CHEXPERT

Reading = Literal["as positive", "as negative"]
READINGS: tuple[Reading, ...] = ("as positive", "as negative")
"""How a verdict 'uncertain' counts."""


class Study(NamedTuple):
    """A report's text, what an annotation says that the study has, and what the labeler says."""

    uid: str
    text: str
    annotated: frozenset[str]
    verdicts: Mapping[str, Verdict]


def study(uid: str, text: str, annotated: frozenset[str]) -> Study:
    """Labels a text without headings."""
    return Study(uid, text, annotated, label_sentences(split_sentences(text)))


class Agreement(NamedTuple):
    """Counts of one finding over n studies; the figures are NaN where they are undefined."""

    finding: str
    uncertain: Reading
    n: int
    tp: int
    fp: int
    fn: int

    @property
    def annotated(self) -> int:
        """Studies with the finding, by the annotation."""
        return self.tp + self.fn

    @property
    def labelled(self) -> int:
        """Studies with the finding, by the labeler."""
        return self.tp + self.fp

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _ratio(self.tp, self.labelled)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return _ratio(self.tp, self.annotated)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond what the two rates alone give."""
        observed = (self.n - self.fp - self.fn) * self.n
        chance = self.annotated * self.labelled + (self.n - self.annotated) * (self.n - self.labelled)
        return _ratio(observed - chance, self.n**2 - chance)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def agreement(studies: Sequence[Study], uncertain: Reading) -> list[Agreement]:
    """One row per finding, in CheXpert's order."""
    counts = ("positive", "uncertain") if uncertain == "as positive" else ("positive",)
    rows = []
    for finding in CHEXPERT:
        seen = Counter((finding in s.annotated, s.verdicts.get(finding) in counts) for s in studies)
        rows.append(Agreement(finding, uncertain, len(studies), seen[True, True], seen[False, True], seen[True, False]))
    return rows


class Disagreement(NamedTuple):
    """A study and finding on which the two differ; `sentence` counts from 1, 0 where no sentence names the finding."""

    surprise: float
    uid: str
    finding: str
    annotated: bool
    verdict: str
    sentence: int


def disagreements(studies: Sequence[Study], *, limit: int, each: int) -> list[Disagreement]:
    """Those that a person should look at first: the most surprising, `each` of a finding at most, `limit` in all.

    The surprise is -log2 of how often studies with this verdict have this annotation (Laplace's rule), so it is high
    where the two agree otherwise, and low where a verdict says little, as 'uncertain' does.
    """
    rows = []
    for finding in CHEXPERT:
        told = Counter((finding in s.annotated, s.verdicts.get(finding, "not named")) for s in studies)
        totals = Counter(s.verdicts.get(finding, "not named") for s in studies)
        mine = []
        for s in studies:
            has, verdict = finding in s.annotated, s.verdicts.get(finding, "not named")
            if has != (verdict in ("positive", "uncertain")):
                surprise = -math.log2((told[has, verdict] + 1) / (totals[verdict] + 2))
                mine.append(Disagreement(round(surprise, 2), s.uid, finding, has, verdict, _place(s, finding)))
        rows += sorted(mine, key=_order)[:each]
    return sorted(rows, key=_order)[:limit]


def _order(row: Disagreement) -> tuple[float, str, str]:
    return -row.surprise, row.finding, row.uid.zfill(8)


def _place(s: Study, finding: str) -> int:
    verdict = s.verdicts.get(finding)
    sentences = split_sentences(s.text) if verdict else []
    return next((at for at, text in enumerate(sentences, 1) if label_sentence(text).get(finding) == verdict), 0)
