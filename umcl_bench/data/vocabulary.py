"""Names of findings, and the explicit table between vocabularies. Nothing is mapped that is not in this table."""

from __future__ import annotations

from typing import NamedTuple

NO_FINDING = "No Finding"

CHEXPERT = (
    NO_FINDING,
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The 14 observations in the order of CheXpert's train.csv (Irvin et al. 2019)."""

NO_PATHOLOGY = frozenset({NO_FINDING, "Support Devices"})
"""What may be true of a film without any pathology."""

NIH_EXTRA = ("Infiltration", "Mass", "Nodule", "Emphysema", "Fibrosis", "Pleural Thickening", "Hernia")
"""Findings of NIH ChestX-ray14 that are no CheXpert observation (Wang et al. 2017)."""

CASE_DIAGNOSES = (
    "Bacterial Pneumonia",
    "Viral Pneumonia",
    "Fungal Pneumonia",
    "COVID-19",
    "Tuberculosis",
    "ARDS",
)
"""Diagnoses of a case that public case collections use as labels of its films."""

KNOWN = (*CHEXPERT, *NIH_EXTRA, *CASE_DIAGNOSES)

ALIASES = {
    "Effusion": "Pleural Effusion",  # NIH ChestX-ray14
    "Pleural_Thickening": "Pleural Thickening",  # NIH ChestX-ray14's own spelling
    "Airspace Opacity": "Lung Opacity",  # the CheXpert labeler's first name for it
    "Pulmonary Edema": "Edema",
    "Oedema": "Edema",
    "Enlarged Heart": "Cardiomegaly",
    "No Findings": NO_FINDING,
    "Normal": NO_FINDING,
}
"""Other vocabularies' names for a known finding. Only true synonyms: Nodule and Mass stay apart from Lung Lesion."""

SEXES = {"Male": "M", "Female": "F", "M": "M", "F": "F", "Unknown": "", "": ""}
"""How releases write a person's sex, as the attribute `sex`."""

_LOOKUP = {name.casefold(): name for name in KNOWN} | {k.casefold(): v for k, v in ALIASES.items()}


class Named(NamedTuple):
    """A finding's name in our vocabulary, and whether it is one that we know."""

    name: str
    known: bool


def canonical(name: str) -> Named:
    """The name of a finding in our vocabulary; an unknown name is kept as it is (stripped) and marked unknown."""
    stripped = " ".join(name.split())
    found = _LOOKUP.get(stripped.casefold())
    return Named(found, True) if found else Named(stripped, False)


def ordered(names: set[str]) -> tuple[str, ...]:
    """`names` in the vocabulary's order, the unknown ones last by alphabet."""
    return (*(n for n in KNOWN if n in names), *sorted(names.difference(KNOWN)))
