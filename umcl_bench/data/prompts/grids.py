"""The published sets of prompts of a class: all joins of the phrases in its slots.

The phrases are those of GLoRIA (marshuang80/gloria, gloria/constants.py, seen), which MedCLIP repeats and to which it
adds RSNA and COVID (RyanWangZf/MedCLIP, medclip/constants.py, seen). A spelling is a version of a set:

- 'as-published' with the errors that it has: "apperance", "presistent", "uppper";
- 'cxr-clip' as kakaobrain/cxr-clip has them (cxrclip/prompt/constants.py, seen): all mended but "uppper";
- 'corrected' (ours): all three are mended, and RSNA's prompts name pneumonia, which "round bacterial" does not.

Effusion's slots are joined in the order severity, location, subtype, and one of its subtypes stands there twice: 54
prompts, of which 36 differ. Kept in every spelling, as the repeated ones count in a mean and in a draw.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping

from umcl_bench.data.vocabulary import NO_FINDING

Slots = tuple[tuple[str, ...], ...]
Prompts = dict[str, tuple[str, ...]]

_LUNG = (
    "at the mid lung zone", "at the upper lung zone", "at the right lung zone", "at the left lung zone",
    "at the lung bases", "at the right lung base", "at the left lung base", "at the bilateral lung bases",
    "at the left lower lobe", "at the right lower lobe",
)  # fmt: skip

_CHEXPERT: Mapping[str, Slots] = {
    "Atelectasis": (
        ("", "mild", "minimal"),
        (
            "subsegmental atelectasis", "linear atelectasis", "trace atelectasis", "bibasilar atelectasis",
            "retrocardiac atelectasis", "bandlike atelectasis", "residual atelectasis",
        ),
        _LUNG,
    ),
    "Cardiomegaly": (
        ("",),
        (
            "cardiac silhouette size is upper limits of normal",
            "cardiomegaly which is unchanged",
            "mildly prominent cardiac silhouette",
            "portable view of the chest demonstrates stable cardiomegaly",
            "portable view of the chest demonstrates mild cardiomegaly",
            "persistent severe cardiomegaly",
            "heart size is borderline enlarged",
            "cardiomegaly unchanged",
            "heart size is at the upper limits of normal",
            "redemonstration of cardiomegaly",
            "ap erect chest radiograph demonstrates the heart size is the upper limits of normal",
            "cardiac silhouette size is mildly enlarged",
            "mildly enlarged cardiac silhouette, likely left ventricular enlargement. "
            "other chambers are less prominent",
            "heart size remains at mildly enlarged",
            "persistent cardiomegaly with prominent upper lobe vessels",
        ),
        ("",),
    ),
    "Consolidation": (
        ("", "increased", "improved", "apperance of"),
        (
            "bilateral consolidation", "reticular consolidation", "retrocardiac consolidation",
            "patchy consolidation", "airspace consolidation", "partial consolidation",
        ),
        (
            "at the lower lung zone", "at the upper lung zone", "at the left lower lobe", "at the right lower lobe",
            "at the left upper lobe", "at the right uppper lobe", "at the right lung base", "at the left lung base",
        ),
    ),
    "Edema": (
        ("", "mild", "improvement in", "presistent", "moderate", "decreased"),
        ("pulmonary edema", "trace interstitial edema", "pulmonary interstitial edema"),
        ("",),
    ),
    "Pleural Effusion": (
        ("", "small", "stable", "large", "decreased", "increased"),
        ("left", "right", "tiny"),
        ("bilateral pleural effusion", "subpulmonic pleural effusion", "bilateral pleural effusion"),
    ),
}  # fmt: skip

_NORMAL: Slots = (
    (
        "no acute cardiopulmonary abnormality", "no acute cardiopulmonary process", "normal chest radiograph",
        "the lungs are clear", "heart size is normal and the lungs are clear", "no focal airspace disease",
        "no acute findings", "no evidence of acute disease", "the cardiomediastinal silhouette is normal",
        "no active disease in the chest", "normal heart and lungs", "unremarkable chest radiograph",
    ),
)  # fmt: skip
"""Sentences of a film without a finding (ours): MedCLIP draws its own from a table that is not public."""

_RSNA: Mapping[str, Slots] = {
    NO_FINDING: _NORMAL,
    "Pneumonia": (
        ("round", "early", "focal", "multifocal", "small", ""),
        ("bacterial", "viral", "mycoplasma", ""),
        (*_LUNG, "at the left middle lobe", "at the right middle lobe", ""),
    ),
}

_COVID: Mapping[str, Slots] = {
    NO_FINDING: _NORMAL,
    "COVID-19": (
        ("patchy", "confluent"),
        ("ground glass",),
        ("opacity", "consolidation"),
        ("in peripheral", "in mid", "in lower"),
    ),
}

_SETS: Mapping[str, Mapping[str, Slots]] = {"chexpert": _CHEXPERT, "rsna": _RSNA, "covid": _COVID}
_MENDED: Mapping[str, Mapping[str, str]] = {
    "as-published": {},
    "cxr-clip": {"apperance": "appearance", "presistent": "persistent"},
    "corrected": {
        **{"apperance": "appearance", "presistent": "persistent", "uppper": "upper"},
        **{"bacterial": "bacterial pneumonia", "viral": "viral pneumonia", "mycoplasma": "mycoplasma pneumonia"},
    },
}


def class_prompts(name: str, spelling: str = "as-published", *, stripped: bool = False) -> Prompts:
    """All prompts of each class of a set, in the published order; `stripped` takes off the spaces of empty slots."""
    found = {}
    for finding, slots in _SETS[name].items():
        joined = [" ".join(phrases) for phrases in itertools.product(*_mended(slots, spelling))]
        found[finding] = tuple(" ".join(text.split()) if stripped else text for text in joined)
    return found


def drawn(prompts: Prompts, count: int, stream: random.Random) -> Prompts:
    """`count` prompts of each class without replacement, class after class; all of a class that has no more; 0: all.

    Takes from the stream what `random.sample` of Python's module takes when it was seeded alike (GLoRIA, MedCLIP).
    """
    return {
        finding: tuple(stream.sample(texts, count)) if 0 < count <= len(texts) else texts
        for finding, texts in prompts.items()
    }


def _mended(slots: Slots, spelling: str) -> list[list[str]]:
    mended = _MENDED[spelling]
    out = [[" ".join(mended.get(word, word) for word in phrase.split(" ")) for phrase in slot] for slot in slots]
    if spelling == "corrected" and "viral" in (phrase for slot in slots for phrase in slot):
        out[1] = [phrase or "pneumonia" for phrase in out[1]]
    return out
