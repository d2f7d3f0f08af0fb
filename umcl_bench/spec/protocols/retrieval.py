"""Retrieval: images and texts as queries and as candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Direction = Literal["image to text", "text to image", "image to image"]
"""Query and candidates."""

EIGHT = (
    "No Finding",
    "Atelectasis",
    "Cardiomegaly",
    "Edema",
    "Fracture",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
)
"""The classes of CheXpert 8x200 (Zhang et al. 2022, ConVIRT)."""

EIGHT_SENTENCES = (
    ("Pneumothorax", "There is a pneumothorax."),
    ("Pneumothorax", "Air lies in the pleural space."),
    ("Pneumothorax", "A pleural line is visible, with no lung markings beyond it."),
    ("Pneumothorax", "Partial collapse of the lung by a pneumothorax."),
    ("Pneumothorax", "Small pneumothorax at the apex."),
    ("Pneumonia", "There is pneumonia."),
    ("Pneumonia", "Findings are consistent with pneumonia."),
    ("Pneumonia", "Airspace opacity, most likely infectious."),
    ("Pneumonia", "Focal consolidation compatible with pneumonia."),
    ("Pneumonia", "Patchy opacity concerning for pneumonia."),
    ("Fracture", "There is a rib fracture."),
    ("Fracture", "A fracture is seen."),
    ("Fracture", "Displaced fracture of a rib."),
    ("Fracture", "Healing fracture of a posterior rib."),
    ("Fracture", "Acute fracture of the clavicle."),
    ("Cardiomegaly", "There is cardiomegaly."),
    ("Cardiomegaly", "The heart is enlarged."),
    ("Cardiomegaly", "The cardiac silhouette is increased in size."),
    ("Cardiomegaly", "Moderate enlargement of the heart."),
    ("Cardiomegaly", "Heart size is above normal."),
    ("Pleural Effusion", "There is a pleural effusion."),
    ("Pleural Effusion", "Fluid is seen in the pleural space."),
    ("Pleural Effusion", "Blunted costophrenic angle from an effusion."),
    ("Pleural Effusion", "Small pleural effusion."),
    ("Pleural Effusion", "Bilateral pleural effusions."),
    ("Edema", "There is pulmonary edema."),
    ("Edema", "Findings are consistent with interstitial edema."),
    ("Edema", "Perihilar haze of pulmonary edema."),
    ("Edema", "Vascular congestion with mild edema."),
    ("Edema", "Severe alveolar edema."),
    ("Atelectasis", "There is atelectasis."),
    ("Atelectasis", "Linear opacity of atelectasis."),
    ("Atelectasis", "Basal atelectasis with volume loss."),
    ("Atelectasis", "Collapse of a part of the lung."),
    ("Atelectasis", "Discoid atelectasis at the base."),
    ("No Finding", "The chest is unremarkable."),
    ("No Finding", "No acute cardiopulmonary abnormality."),
    ("No Finding", "Both lungs are clear."),
    ("No Finding", "Normal heart, lungs and pleura."),
    ("No Finding", "There is no abnormality."),
)
"""Text queries, five a class as ConVIRT has; the sentences are ours: the authors' are not repeated here."""


@dataclass(frozen=True)
class Retrieval:
    """Candidates ranked by cosine; relevant is the query's own text or film, or whatever shares a class with it.

    With relevant 'study' texts are the reports of the films; identical ones (but for blanks) are one text, whose films
    are all relevant to it, or stay 'apart', each relevant to its own film alone. With relevant 'class' the classes are
    `findings`, and texts are `sentences`, each with its class, or the films' reports, with their films' classes.
    'image to image' takes those films as queries that the dataset marks as such, and leaves them out of the candidates.
    """

    relevant: Literal["study", "class"] = "study"
    directions: tuple[Direction, ...] = ("image to text", "text to image")
    findings: tuple[str, ...] = ()
    sentences: tuple[tuple[str, str], ...] = ()
    identical_texts: Literal["merged", "apart"] = "merged"
    kind: Literal["retrieval"] = "retrieval"

    def __post_init__(self) -> None:
        odd = [name for name in self.directions if name not in get_args(Direction)]
        if odd or not self.directions or len(set(self.directions)) < len(self.directions):
            raise ValueError(f"directions {self.directions}: name some of {', '.join(get_args(Direction))}, each once")
        if self.relevant == "study" and (self.findings or self.sentences or "image to image" in self.directions):
            raise ValueError("with relevant 'study' there are no findings, sentences or image to image")
        stray = sorted({name for name, _ in self.sentences} - set(self.findings))
        if stray:
            raise ValueError(f"sentences of {', '.join(stray)}, which the findings do not name")
