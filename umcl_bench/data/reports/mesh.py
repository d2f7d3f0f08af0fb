"""How IU X-Ray's annotation counts as CheXpert's observations: an explicit table, each line with its reason.

The collection's indexers wrote MeSH-like terms with qualifiers for each study ('Opacity/lung/base/left/mild'), from the
report and what they knew of the study. So it is the reading of a whole study and no gold standard for what a sentence
mentions: it holds what matters, not what is denied or doubted, and scars or devices only where the indexer found them
worth a term.
"""

from __future__ import annotations

from typing import NamedTuple

from umcl_bench.data.vocabulary import NO_FINDING

_LUNG = frozenset({"lung", "pulmonary alveoli", "retrocardiac", "diffuse", "bilateral", "interstitial"})
_PLEURA = frozenset({"pleura"})


class Rule(NamedTuple):
    """A term, one of whose qualifiers must be there (none need be where empty), what it counts as, and why."""

    term: str
    qualifiers: frozenset[str]
    observation: str
    reason: str


RULES = (
    Rule("normal", frozenset(), NO_FINDING, "the indexers' word for a study without any term"),
    Rule("Mediastinum", frozenset({"prominent", "enlarged"}), "Enlarged Cardiomediastinum", "the mediastinum is wide"),
    Rule("Cardiomegaly", frozenset(), "Cardiomegaly", "same name; 'borderline' too, which reports call so"),
    Rule("Cardiac Shadow", frozenset({"enlarged", "borderline"}), "Cardiomegaly", "an enlarged cardiac silhouette"),
    Rule("Opacity", frozenset(), "Lung Opacity", "same name"),
    Rule("Density", _LUNG, "Lung Opacity", "increased density of the lung; elsewhere it is none"),
    Rule("Airspace Disease", frozenset(), "Lung Opacity", "CheXpert's first name for it was Airspace Opacity"),
    Rule("Infiltrate", frozenset(), "Lung Opacity", "CheXpert's labeler reads 'infiltrate' so"),
    Rule("Markings", frozenset({"interstitial"}), "Lung Opacity", "CheXpert's labeler reads interstitial markings so"),
    Rule("Lung", frozenset({"interstitial"}), "Lung Opacity", "prominent interstitium, as above"),
    Rule("Lung Diseases, Interstitial", frozenset(), "Lung Opacity", "as above"),
    Rule("Cicatrix", _LUNG, "Lung Opacity", "CheXpert's labeler reads a scar of the lung so"),
    Rule("Nodule", frozenset(), "Lung Lesion", "CheXpert's labeler reads 'nodule' so"),
    Rule("Mass", frozenset({"lung", "thorax"}), "Lung Lesion", "as nodule; elsewhere (breast) it is none"),
    Rule("Pulmonary Edema", frozenset(), "Edema", "same name"),
    Rule("Pulmonary Congestion", frozenset(), "Edema", "CheXpert's labeler has congestion as uncertain edema"),
    Rule("Heart Failure", frozenset(), "Edema", "CheXpert's labeler reads heart failure so"),
    Rule("Consolidation", frozenset(), "Consolidation", "same name"),
    Rule("Pneumonia", frozenset(), "Pneumonia", "same name"),
    Rule("Pulmonary Atelectasis", frozenset(), "Atelectasis", "same name"),
    Rule("Volume Loss", frozenset(), "Atelectasis", "loss of lung volume is atelectasis"),
    Rule("Pneumothorax", frozenset(), "Pneumothorax", "same name"),
    Rule("Hydropneumothorax", frozenset(), "Pneumothorax", "air and fluid"),
    Rule("Hydropneumothorax", frozenset(), "Pleural Effusion", "air and fluid"),
    Rule("Hemopneumothorax", frozenset(), "Pneumothorax", "air and blood"),
    Rule("Hemopneumothorax", frozenset(), "Pleural Effusion", "air and blood"),
    Rule("Hemothorax", frozenset(), "Pleural Effusion", "blood in the pleural space"),
    Rule("Pleural Effusion", frozenset(), "Pleural Effusion", "same name"),
    Rule(
        "Costophrenic Angle", frozenset({"blunted", "obscured"}), "Pleural Effusion", "uncertain in CheXpert's labeler"
    ),
    Rule("Thickening", _PLEURA, "Pleural Other", "pleural thickening"),
    Rule("Cicatrix", _PLEURA, "Pleural Other", "pleural scar"),
    Rule("Calcinosis", _PLEURA, "Pleural Other", "pleural calcification or plaque"),
    Rule("Fractures, Bone", frozenset(), "Fracture", "same name; deformities without the word are none"),
    Rule("Catheters, Indwelling", frozenset(), "Support Devices", "a device"),
    Rule("Tube, Inserted", frozenset(), "Support Devices", "a device"),
    Rule("Implanted Medical Device", frozenset(), "Support Devices", "a device"),
    Rule("Medical Device", frozenset(), "Support Devices", "a device"),
    Rule("Stents", frozenset(), "Support Devices", "a device"),
)
"""Not mapped, being none: 'Surgical Instruments' (clips, wires), 'Spinal Fusion' (a procedure), 'Deformity', ..."""

NOT_INDEXED = "No Indexing"
"""Studies that nobody annotated; they are left out."""


def observations(annotation: str) -> frozenset[str]:
    """The CheXpert observations of a study's `MeSH` cell."""
    found = set()
    for entry in annotation.split(";"):
        term, *qualifiers = (part.strip() for part in entry.split("/"))
        for rule in RULES:
            if rule.term == term and (not rule.qualifiers or rule.qualifiers & set(qualifiers)):
                found.add(rule.observation)
    return frozenset(found)
