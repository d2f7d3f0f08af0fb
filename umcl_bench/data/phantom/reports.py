"""Writes a phantom study's report: findings, negations, hedges and irrelevant sentences, in several styles."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from umcl_bench.data.phantom.studies import Lesion, Study
from umcl_bench.data.vocabulary import NO_PATHOLOGY

SYNONYMS = {
    "Cardiomegaly": ("enlarged cardiac silhouette", "enlargement of the heart", "increased heart size"),
    "Edema": ("vascular congestion", "interstitial fluid overload", "perihilar haze of fluid overload"),
    "Consolidation": ("dense airspace disease", "confluent airspace density", "lobar airspace filling"),
    "Atelectasis": ("volume loss", "subsegmental collapse", "linear collapse"),
    "Pleural Effusion": ("pleural fluid", "blunting of the costophrenic angle", "fluid in the pleural space"),
    "Pneumothorax": ("pleural air", "visible visceral pleural line", "collapsed lung edge"),
    "Pneumonia": ("patchy infiltrates suspicious for infection", "infectious process", "bronchopneumonic foci"),
    "Lung Lesion": ("nodule", "rounded mass", "coin lesion"),
    "Lung Opacity": ("hazy density", "ill-defined increased density", "vague shadowing"),
    "Enlarged Cardiomediastinum": ("widened mediastinum", "mediastinal widening"),
    "Pleural Other": ("pleural thickening", "pleural scarring"),
    "Fracture": ("rib fracture", "cortical break of a rib"),
}
NAMES = {"Lung Opacity": "lung opacity", "Pleural Other": "pleural thickening", "Edema": "pulmonary edema"}
NEGATABLE = ("Pneumothorax", "Pleural Effusion", "Consolidation", "Edema", "Cardiomegaly", "Pneumonia", "Atelectasis")
GRADES = ("mild", "moderate", "severe")
IRRELEVANT = (
    "The osseous structures are unremarkable.",
    "Degenerative changes of the spine.",
    "The patient is slightly rotated.",
    "Lung volumes are low.",
    "Surgical clips in the upper abdomen.",
    "Clinical information: cough and fever.",
    "The aorta is tortuous.",
)
CHANGES = {"new": "new", "better": "decreased", "same": "unchanged", "worse": "increased"}
POSITIVE = (
    "There is {grade}{place}{name}{change}.",
    "{grade}{place}{name} is seen{change}.",
    "{grade}{place}{name}{change}.",
    "Findings consistent with {grade}{place}{name}{change}.",
)
HEDGED = ("Probable {grade}{place}{name}{change}.", "{grade}{place}{name} is likely present{change}.")
NEGATIVE = (
    "No {name}.",
    "There is no {name}.",
    "No evidence of {name}.",
    "No {name} is identified.",
)
NORMAL = (
    "No acute cardiopulmonary process.",
    "Normal chest radiograph.",
    "The lungs are clear. The heart size is normal.",
)


def write_report(study: Study, wording_shift: float) -> str:
    """The report of a study. `wording_shift` is how often a finding goes by a synonym instead of its own name."""
    rng = np.random.default_rng([study.seed, 3])
    style = int(rng.integers(6))
    present = study.findings()
    sentences = [_positive(rng, lesion, wording_shift, style) for lesion in study.lesions]
    if not present - NO_PATHOLOGY:
        sentences.append(NORMAL[rng.integers(len(NORMAL))])
    sentences += _negatives(rng, present, wording_shift, style)
    if rng.random() < 0.4:
        sentences.append(IRRELEVANT[rng.integers(len(IRRELEVANT))])
    if style != 5:  # style 5 keeps to the order of a template, the others do not
        rng.shuffle(sentences)
    body = " ".join(s[0].upper() + s[1:] for s in sentences)
    return {0: f"FINDINGS: {body}", 1: f"Chest radiograph, {study.view} view. {body}"}.get(style, body)


def _name(rng: Generator, finding: str, wording_shift: float) -> str:
    if rng.random() < wording_shift:
        return str(rng.choice(SYNONYMS[finding]))
    return NAMES.get(finding, finding.lower())


def _positive(rng: Generator, lesion: Lesion, wording_shift: float, style: int) -> str:
    if lesion.finding == "Support Devices":
        return f"{_article(lesion.kind)} is in place."
    grade = GRADES[min(2, int(lesion.severity * 3))] + " " if style != 3 and rng.random() < 0.7 else ""
    place = {"both": "bilateral ", "midline": ""}.get(lesion.side, f"{lesion.side} {_zone(lesion)}")
    change = f", {CHANGES[lesion.change]} from the prior study" if lesion.change and style != 4 else ""
    templates = HEDGED if rng.random() < 0.15 else POSITIVE
    template = templates[rng.integers(len(templates))]
    return template.format(grade=grade, place=place, name=_name(rng, lesion.finding, wording_shift), change=change)


def _zone(lesion: Lesion) -> str:
    focal = ("Consolidation", "Pneumonia", "Lung Opacity", "Lung Lesion")
    return f"{lesion.zone} zone " if lesion.finding in focal else ""


def _article(noun: str) -> str:
    return f"{'An' if noun[0] in 'aeiou' else 'A'} {noun}"


def _negatives(rng: Generator, present: frozenset[str], wording_shift: float, style: int) -> list[str]:
    absent = [f for f in NEGATABLE if f not in present]
    rng.shuffle(absent)
    named = [_name(rng, f, wording_shift) for f in absent[: int(rng.integers(0, 4))]]
    if style in (2, 5) and len(named) > 1:
        return [f"No {', '.join(named[:-1])} or {named[-1]}."]
    return [NEGATIVE[rng.integers(len(NEGATIVE))].format(name=name) for name in named]
