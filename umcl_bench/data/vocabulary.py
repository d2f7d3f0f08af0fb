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

VINDR_EXTRA = (
    "Aortic Enlargement",
    "Calcification",
    "Clavicle Fracture",
    "COPD",
    "Enlarged Pulmonary Artery",
    "Interstitial Lung Disease",
    "Lung Cavity",
    "Lung Cyst",
    "Lung Tumor",
    "Mediastinal Shift",
    "Nodule/Mass",
    "Rib Fracture",
    "Other Lesion",
    "Other Disease",
)
"""Findings and diagnoses of VinDr-CXR that are in no vocabulary above (Nguyen et al. 2022)."""

KNOWN = (*CHEXPERT, *NIH_EXTRA, *CASE_DIAGNOSES, *VINDR_EXTRA)

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

NIH = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Effusion": "Pleural Effusion",
    "Infiltration": "Infiltration",
    "Mass": "Mass",
    "Nodule": "Nodule",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Emphysema": "Emphysema",
    "Fibrosis": "Fibrosis",
    "Pleural_Thickening": "Pleural Thickening",
    "Hernia": "Hernia",
}
"""NIH ChestX-ray14's names, in its paper's order, as ours. Mass and Nodule stay apart from Lung Lesion."""

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


VINDR = {
    "Aortic enlargement": "Aortic Enlargement",
    "Atelectasis": "Atelectasis",
    "Calcification": "Calcification",
    "Cardiomegaly": "Cardiomegaly",
    "Clavicle fracture": "Clavicle Fracture",  # a fracture elsewhere is not denied: not CheXpert's Fracture
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Emphysema": "Emphysema",
    "Enlarged PA": "Enlarged Pulmonary Artery",
    "ILD": "Interstitial Lung Disease",
    "Infiltration": "Infiltration",
    "Lung Opacity": "Lung Opacity",
    "Lung cavity": "Lung Cavity",
    "Lung cyst": "Lung Cyst",
    "Mediastinal shift": "Mediastinal Shift",
    "Nodule/Mass": "Nodule/Mass",
    "Pleural effusion": "Pleural Effusion",
    "Pleural thickening": "Pleural Thickening",
    "Pneumothorax": "Pneumothorax",
    "Pulmonary fibrosis": "Fibrosis",
    "Rib fracture": "Rib Fracture",
    "Other lesion": "Other Lesion",
    "COPD": "COPD",
    "Lung tumor": "Lung Tumor",
    "Pneumonia": "Pneumonia",
    "Tuberculosis": "Tuberculosis",
    "Other disease": "Other Disease",
    "Other diseases": "Other Disease",  # the train table's spelling; the test table has the one above
    "No finding": NO_FINDING,
}
"""VinDr-CXR's names: 22 local findings, then diagnoses of the whole film (the last ones unverified)."""

COVIDX = {
    "normal": {NO_FINDING: 1.0, "Pneumonia": 0.0, "COVID-19": 0.0},
    "pneumonia": {NO_FINDING: 0.0, "Pneumonia": 1.0, "COVID-19": 0.0},
    "COVID-19": {NO_FINDING: 0.0, "COVID-19": 1.0},
    "positive": {"COVID-19": 1.0},
    "negative": {"COVID-19": 0.0},
}
"""COVIDx's classes, of which a film has one, as labels. Its 'pneumonia' is one that is not COVID-19: whether a film of
COVID-19 shows pneumonia is not said. The last two are those of COVIDx 9B and CXR-2 to CXR-4, normal films and other
pneumonias being 'negative'."""

_DEVICES = (
    "artificial aortic heart valve",
    "artificial heart valve",
    "artificial mitral heart valve",
    "catheter",
    "central venous catheter",
    "central venous catheter via jugular vein",
    "central venous catheter via subclavian vein",
    "chest drain tube",
    "dual chamber device",
    "electrical device",
    "endotracheal tube",
    "nsg tube",
    "pacemaker",
    "reservoir central venous catheter",
    "single chamber device",
    "tracheostomy tube",
    "ventriculoperitoneal drain tube",
)

PADCHEST = {
    **dict.fromkeys(_DEVICES, "Support Devices"),
    "normal": NO_FINDING,
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "consolidation": "Consolidation",
    "emphysema": "Emphysema",
    "fracture": "Fracture",
    "hiatal hernia": "Hernia",
    "infiltrates": "Infiltration",
    "mass": "Mass",
    "nodule": "Nodule",
    "pleural effusion": "Pleural Effusion",
    "pleural thickening": "Pleural Thickening",
    "pneumonia": "Pneumonia",
    "pneumothorax": "Pneumothorax",
    "pulmonary edema": "Edema",
    "pulmonary fibrosis": "Fibrosis",
    "tuberculosis": "Tuberculosis",
}
"""PadChest's names of known findings (Bustos et al. 2020); its other 150 or so keep their own."""

_INFILTRATES = (
    *("alveolar pattern", "ground glass pattern", "interstitial pattern", "miliary opacities"),
    *("reticular interstitial pattern", "reticulonodular interstitial pattern"),
)
PADCHEST_KINDS = {
    **dict.fromkeys(_INFILTRATES, ("Infiltration",)),
    "air bronchogram": ("Consolidation", "Infiltration"),
    "apical pleural thickening": ("Pleural Thickening",),
    "atelectasis basal": ("Atelectasis",),
    "atypical pneumonia": ("Pneumonia",),
    "calcified pleural thickening": ("Pleural Thickening",),
    "callus rib fracture": ("Fracture",),
    "clavicle fracture": ("Fracture",),
    "consolidation": ("Infiltration",),
    "empyema": ("Pleural Effusion",),
    "hemothorax": ("Pleural Effusion",),
    "humeral fracture": ("Fracture",),
    "hydropneumothorax": ("Pleural Effusion", "Pneumothorax"),
    "laminar atelectasis": ("Atelectasis",),
    "lobar atelectasis": ("Atelectasis",),
    "loculated fissural effusion": ("Pleural Effusion",),
    "loculated pleural effusion": ("Pleural Effusion",),
    "multiple nodules": ("Nodule",),
    "pulmonary mass": ("Mass",),
    "rib fracture": ("Fracture",),
    "round atelectasis": ("Atelectasis",),
    "segmental atelectasis": ("Atelectasis",),
    "total atelectasis": ("Atelectasis",),
    "vertebral fracture": ("Fracture",),
}
"""The known findings that a narrower name of PadChest's tree is a kind of: a film names the narrowest that it has, so
that without this a film of 'laminar atelectasis' would count as one without Atelectasis (tree: public code)."""

MESH = {
    "normal": (NO_FINDING,),
    "Airspace Disease": ("Lung Opacity",),
    "Bullous Emphysema": ("Emphysema",),
    "Cardiac Shadow/enlarged": ("Cardiomegaly",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Catheters, Indwelling": ("Support Devices",),
    "Consolidation": ("Consolidation",),
    "Emphysema": ("Emphysema",),
    "Fractures, Bone": ("Fracture",),
    "Hemopneumothorax": ("Pleural Effusion", "Pneumothorax"),
    "Hernia, Diaphragmatic": ("Hernia",),
    "Hernia, Hiatal": ("Hernia",),
    "Hydropneumothorax": ("Pleural Effusion", "Pneumothorax"),
    "Implanted Medical Device": ("Support Devices",),
    "Infiltrate": ("Infiltration",),
    "Mass/lung": ("Mass",),
    "Mediastinum/enlarged": ("Enlarged Cardiomediastinum",),
    "Mediastinum/prominent": ("Enlarged Cardiomediastinum",),
    "Medical Device": ("Support Devices",),
    "Nodule/lung": ("Nodule",),
    "Opacity/lung": ("Lung Opacity",),
    "Opacity/pulmonary alveoli": ("Lung Opacity",),
    "Pleural Effusion": ("Pleural Effusion",),
    "Pneumonia": ("Pneumonia",),
    "Pneumothorax": ("Pneumothorax",),
    "Pulmonary Atelectasis": ("Atelectasis",),
    "Pulmonary Edema": ("Edema",),
    "Pulmonary Emphysema": ("Emphysema",),
    "Pulmonary Fibrosis": ("Fibrosis",),
    "Stents": ("Support Devices",),
    "Thickening/pleura": ("Pleural Thickening",),
    "Tube, Inserted": ("Support Devices",),
    "Tuberculosis": ("Tuberculosis",),
}
"""Major headings of Open-i's reports as findings, by the heading or the heading and its first qualifier (ours).

Only the same observations, as labels of a dataset. The wider reading of CheXpert's labeler (a nodule is a Lung Lesion,
a scar a Lung Opacity), by which our labeler is measured, is reports/mesh.py; a test holds this table inside that one.
"""

MESH_NOTHING = frozenset({"No Indexing", "Technical Quality of Image Unsatisfactory"})
"""Major headings of Open-i that say nothing about the patient."""


def of_mesh(heading: str) -> tuple[str, ...]:
    """The findings that a major heading of Open-i names: 'Opacity/lung/base/left' is a Lung Opacity."""
    parts = heading.split("/")
    return MESH.get("/".join(parts[:2]), MESH.get(parts[0], ()))
