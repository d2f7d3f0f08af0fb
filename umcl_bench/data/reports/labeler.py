"""A rule-based, negation- and uncertainty-aware labeler for the 14 CheXpert observations.

In the way of NegBio and CheXpert's labeler (Peng et al. 2018; Irvin et al. 2019): phrases name an observation, and
cues of their clause make the mention negative or uncertain. Where those parse a sentence's grammar, here a list of
cues does the work whose reach ends at 'but', 'with', ';', a comma that begins a new statement and the like. `terms`
holds the phrases, `cues` the cues, `scope` the reach. Choices that others make differently:

- As in CheXpert's labeler: 'no new X' and 'X or Y' (not denied) are uncertain, and so are vascular congestion (Edema)
  and a blunted costophrenic angle (Pleural Effusion); 'likely' and 'consistent with' are positive; clear lungs and
  intact ribs name no observation; clips and wires are no Support Devices; a heart at the upper limit of normal is
  normal.
- `No Finding`, as there: positive where no pathology is positive or uncertain, Support Devices apart; pathology that
  is no CheXpert observation (emphysema, scoliosis, granuloma, ...) counts. Else it is blank, never negative.
- Unlike it: 'heart size is unchanged' says nothing (there: uncertain), heart failure is Edema alone (there:
  Cardiomegaly uncertain, too), the cardiomediastinal silhouette is the heart's as well as the mediastinum's, and
  'history of X' and 'evaluate for X' say nothing of the film.
- No hierarchy is applied: Consolidation does not make Lung Opacity, nor Cardiomegaly Enlarged Cardiomediastinum.

Blind spots: misspelt words; a negation that reaches over sentences ('Effusion? None.'); 'X was seen before but has
resolved' (the 'but' cuts); a list that begins anew without a word that shows it ('no effusion, rib fracture'); 'no
increase in X or Y', whose Y counts as there; a relative clause that denies ('an opacity which is not seen on the
lateral view' is negative); devices whose name was removed with the patient's; findings that only their consequence
names; what an impression takes back from the findings; fractures and devices outside the chest; anything but English.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from umcl_bench.data.corpus import Strings
from umcl_bench.data.policies import UNSURE, Labels
from umcl_bench.data.reports.scope import RANK, Verdict, verdicts
from umcl_bench.data.reports.sections import choose, sections
from umcl_bench.data.reports.sentences import split_sentences
from umcl_bench.data.reports.terms import ACUTE
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING

VALUES: dict[Verdict, float] = {"positive": 1.0, "negative": 0.0, "uncertain": UNSURE}
_APART = frozenset({"Support Devices", ACUTE})


@lru_cache(maxsize=1 << 15)
def _verdicts(sentence: str) -> tuple[tuple[str, Verdict], ...]:
    return tuple(verdicts(sentence).items())  # reports repeat their sentences


def _without_finding(found: dict[str, Verdict]) -> bool:
    return not any(verdict != "negative" for name, verdict in found.items() if name not in _APART)


def label_sentence(text: str) -> dict[str, Verdict]:
    """What a sentence says of the 14 observations; one that it does not name is absent.

    'No Finding' is positive where the sentence says so in its own words ('normal chest', 'no acute cardiopulmonary
    abnormality') and names no pathology that is positive or uncertain.
    """
    found = dict(_verdicts(" ".join(text.split())))
    out: dict[str, Verdict] = {name: found[name] for name in CHEXPERT if name in found}
    if found.get(ACUTE) == "negative" and _without_finding(found):
        return {NO_FINDING: "positive", **out}
    return out


def label_sentences(sentences: Sequence[str]) -> dict[str, Verdict]:
    """What several sentences say together: positive before uncertain before negative, as in CheXpert's labeler.

    'No Finding' is positive where no pathology is positive or uncertain, else absent; no sentences say nothing.
    """
    found: dict[str, Verdict] = {}
    for sentence in sentences:
        for name, verdict in _verdicts(sentence):
            if name not in found or RANK[verdict] > RANK[found[name]]:
                found[name] = verdict
    if sentences and _without_finding(found):
        found[NO_FINDING] = "positive"
    return {name: found[name] for name in CHEXPERT if name in found}


def label_report(text: str) -> dict[str, Verdict]:
    """What a report says of the 14 observations in its findings and impression (`sections.choose`).

    A report without headings is read whole; indication, history, comparison and technique are not read.
    """
    said = choose(sections(text), "findings+impression")
    return label_sentences(split_sentences(said)) if said else {}


def vector(labels: dict[str, Verdict]) -> tuple[float, ...]:
    """Labels as 14 numbers in CheXpert's order: 1, 0, -1 (uncertain), NaN (not named)."""
    return tuple(VALUES[labels[name]] if name in labels else float("nan") for name in CHEXPERT)


def label_matrix(reports: Sequence[str | None] | Strings) -> Labels:
    """Stated labels (n, 14) of reports, in CheXpert's order and {1, 0, -1, NaN}; NaN throughout where there is none."""
    rows = [vector(label_report(report) if report else {}) for report in reports]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(CHEXPERT))
