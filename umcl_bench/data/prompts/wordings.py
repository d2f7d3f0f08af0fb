"""Sixty wordings of a finding, each a positive and a negative text: twenty styles times three names (ours).

The styles are paraphrases, forms of negation, ways in which reports write, case, punctuation and spelling mistakes; the
names are the finding's own and two synonyms. Wording i of one finding has the style and the name's rank of wording i of
any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Wording(NamedTuple):
    """How a finding is written: its name, and the templates that it stands in, '{}' being the name."""

    label: str
    name: str
    positive: str
    negative: str


class _Style(NamedTuple):
    positive: str
    negative: str
    change: Callable[[str], str] = str


def _without_a_letter(name: str) -> str:
    """'atelectasis' -> 'atelctasis': the fifth letter of the longest word, or its last but one, is left out."""
    word = max(name.split(), key=len)
    at = min(4, len(word) - 2)
    return name.replace(word, word[:at] + word[at + 1 :], 1)


def _with_letters_swapped(name: str) -> str:
    """'atelectasis' -> 'aetlectasis': the first two different letters behind the longest word's first one."""
    word = max(name.split(), key=len)
    at = next(at for at in range(1, len(word) - 1) if word[at] != word[at + 1])
    return name.replace(word, word[:at] + word[at + 1] + word[at] + word[at + 2 :], 1)


STYLES: Mapping[str, _Style] = {
    "plain": _Style("{}", "no {}"),
    "full stop": _Style("{}.", "no {}."),
    "upper case": _Style("{}", "NO {}", str.upper),
    "title case": _Style("{}", "No {}", str.title),
    "there is": _Style("there is {}", "there is no {}"),
    "is present": _Style("{} is present", "{} is absent"),
    "is seen": _Style("{} is seen", "{} is not seen"),
    "evidence": _Style("evidence of {}", "no evidence of {}"),
    "signs": _Style("signs of {}", "no signs of {}"),
    "consistent": _Style("findings consistent with {}", "findings not consistent with {}"),
    "with": _Style("with {}", "without {}"),
    "presence": _Style("presence of {}", "absence of {}"),
    "positive for": _Style("positive for {}", "negative for {}"),
    "radiograph": _Style("a chest radiograph with {}", "a chest radiograph without {}"),
    "patient": _Style("the patient has {}", "the patient does not have {}"),
    "findings": _Style("FINDINGS: There is {}.", "FINDINGS: There is no {}."),
    "impression": _Style("IMPRESSION: {}.", "IMPRESSION: No {}."),
    "yes or no": _Style("{}: yes", "{}: no"),
    "letter left out": _Style("{}", "no {}", _without_a_letter),
    "letters swapped": _Style("{}", "no {}", _with_letters_swapped),
}

NAMES: Mapping[str, tuple[str, str, str]] = {
    "Enlarged Cardiomediastinum": ("enlarged cardiomediastinum", "widened mediastinum", "mediastinal widening"),
    "Cardiomegaly": ("cardiomegaly", "enlarged heart", "cardiac enlargement"),
    "Lung Opacity": ("lung opacity", "pulmonary opacity", "opacification of the lung"),
    "Lung Lesion": ("lung lesion", "pulmonary lesion", "lung nodule or mass"),
    "Edema": ("edema", "pulmonary edema", "fluid overload in the lungs"),
    "Consolidation": ("consolidation", "airspace consolidation", "consolidated lung"),
    "Pneumonia": ("pneumonia", "infection of the lung", "infectious infiltrate"),
    "Atelectasis": ("atelectasis", "atelectatic change", "partial collapse of the lung"),
    "Pneumothorax": ("pneumothorax", "air in the pleural space", "collapsed lung with pleural air"),
    "Pleural Effusion": ("pleural effusion", "pleural fluid", "fluid in the pleural space"),
    "Pleural Other": ("pleural other", "pleural thickening or scarring", "pleural abnormality"),
    "Fracture": ("fracture", "broken bone", "osseous fracture"),
    "Support Devices": ("support devices", "supporting hardware", "medical equipment"),
}
"""The names of CheXpert's thirteen findings: their own in lower case, and two that radiologists use for the same."""

COUNT = 3 * len(STYLES)
RANKS = ("own name", "second name", "third name")


def wordings(finding: str) -> tuple[Wording, ...]:
    """All sixty of a finding, name after name. Raises KeyError for a finding that has no names here."""
    return tuple(
        Wording(f"{style}, {rank}", made.change(name), made.positive, made.negative)
        for rank, name in zip(RANKS, NAMES[finding], strict=True)
        for style, made in STYLES.items()
    )
