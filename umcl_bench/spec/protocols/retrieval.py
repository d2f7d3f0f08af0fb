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

CONVIRT_SENTENCES = (
    ("Pneumothorax", "An apical pneumothorax is present."),
    ("Pneumothorax", "A basilar pneumothorax is seen."),
    ("Pneumothorax", "A medial pneumothorax is present adjacent to the heart."),
    ("Pneumothorax", "A lateral pleural line suggests pneumothorax."),
    ("Pneumothorax", "Pleural air is present."),
    ("Pneumonia", "A consolidation at the base likely represents pneumonia."),
    ("Pneumonia", "Pneumonia is present."),
    ("Pneumonia", "The presence of air bronchograms suggest pneumonia."),
    ("Pneumonia", "A fluffy opacity suggests pneumonia."),
    ("Pneumonia", "A pulmonary opacity with ill defined borders likely represents pneumonia."),
    ("Fracture", "An angulated fracture is present."),
    ("Fracture", "An oblique radiolucent line suggests a fracture."),
    ("Fracture", "A cortical step off indicates the presence of a fracture."),
    ("Fracture", "A communuted displaced fracture is present."),
    ("Fracture", "A fracture is present."),
    ("Cardiomegaly", "The heart is mildly enlarged."),
    ("Cardiomegaly", "Cardiomegaly is present."),
    ("Cardiomegaly", "The heart shadow is enlarged."),
    ("Cardiomegaly", "The cardiac silhouette is enlarged."),
    ("Cardiomegaly", "Cardiac enlargement is seen."),
    ("Pleural Effusion", "A pleural effusion is present."),
    ("Pleural Effusion", "Blunting of the costophrenic angles represents pleural effusions."),
    ("Pleural Effusion", "Trace pleural fluid is present."),
    ("Pleural Effusion", "The pleural space is partially filled with fluid."),
    ("Pleural Effusion", "Layering pleural effusions are present."),
    ("Edema", "Mild interstitial pulmonary edema is present."),
    ("Edema", "The presence of hazy opacity suggests interstitial pulmonary edema."),
    ("Edema", "Moderate alveolar edema is present."),
    ("Edema", "Mild diffuse opacity likely represents pulmonary edema."),
    ("Edema", "Cardiogenic edema likely is present."),
    ("Atelectasis", "Platelike opacity likely represents atelectasis."),
    ("Atelectasis", "Geometric opacity likely represents atelectasis."),
    ("Atelectasis", "Atelectasis is present."),
    ("Atelectasis", "Basilar opacity and volume loss is likely due to atelectasis."),
    ("Atelectasis", "Patchy atelectasis is seen."),
    ("No Finding", "The lungs are clear."),
    ("No Finding", "No abnormalities are present."),
    ("No Finding", "The chest is normal."),
    ("No Finding", "No clinically significant radiographic abormalities."),
    ("No Finding", "No radiographically visible abnormalities in the chest."),
)
"""Its text queries, five a class, as published (yuhaozhang/convirt, text-retrieval/query.csv), with their spelling."""


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
