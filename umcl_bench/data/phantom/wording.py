"""The words of the phantom's reports: names and synonyms, severities, places and changes.

Plain tables, read by the grammar both ways. No phrase may stand in two of them with two meanings; a test reads them.
"""

from __future__ import annotations

from itertools import product

NAMES = {
    "Cardiomegaly": "cardiomegaly",
    "Pleural Effusion": "pleural effusion",
    "Edema": "pulmonary edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Lung Lesion": "lung lesion",
    "Pleural Other": "pleural thickening",
    "Enlarged Cardiomediastinum": "enlarged cardiomediastinum",
    "Fracture": "rib fracture",
    "Lung Opacity": "lung opacity",
    "Support Devices": "support devices",
}
"""Each finding's own name, as reports write it."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        "enlargement of the heart",
        "enlargement of the cardiac silhouette",
        "cardiac enlargement",
        "increase in heart size",
        "prominence of the cardiac silhouette",
        "increase in the cardiothoracic ratio",
        "widening of the heart shadow",
    ),
    "Pleural Effusion": (
        "pleural fluid",
        "fluid in the pleural space",
        "blunting of the costophrenic angle",
        "pleural fluid collection",
        "layering fluid",
        "hydrothorax",
        "costophrenic angle blunting",
    ),
    "Edema": (
        "vascular congestion",
        "interstitial fluid overload",
        "pulmonary venous congestion",
        "excess lung water",
        "pulmonary congestion",
        "perihilar haze of fluid overload",
    ),
    "Consolidation": (
        "dense airspace disease",
        "confluent airspace density",
        "lobar airspace filling",
        "alveolar filling",
        "airspace disease",
        "confluent airspace shadowing",
        "density with air bronchograms",
    ),
    "Pneumonia": (
        "infectious process",
        "infectious infiltrate",
        "bronchopneumonic foci",
        "infective change",
        "pulmonary infection",
        "lower respiratory infection",
    ),
    "Atelectasis": (
        "volume loss",
        "subsegmental collapse",
        "linear collapse",
        "plate-like collapse",
        "loss of lung volume",
        "partial lobar collapse",
        "discoid collapse",
    ),
    "Pneumothorax": (
        "pleural air",
        "air in the pleural space",
        "visible visceral pleural line",
        "collapsed lung edge",
        "free intrapleural air",
        "PTX",
    ),
    "Lung Lesion": (
        "nodule",
        "rounded mass",
        "coin lesion",
        "pulmonary nodule",
        "lung mass",
        "nodular focus",
        "pulmonary mass",
    ),
    "Pleural Other": (
        "pleural scarring",
        "pleural plaque",
        "pleural fibrosis",
        "fibrothorax",
        "thickening of the pleura",
        "pleural calcification",
    ),
    "Enlarged Cardiomediastinum": (
        "widened mediastinum",
        "mediastinal widening",
        "mediastinal enlargement",
        "widening of the mediastinum",
        "broadening of the mediastinal contour",
        "mediastinal prominence",
    ),
    "Fracture": (
        "cortical break of a rib",
        "broken rib",
        "rib deformity with a cortical step",
        "disrupted rib",
        "rib discontinuity",
        "cortical step of a rib",
    ),
    "Lung Opacity": (
        "hazy density",
        "ill-defined increased density",
        "vague shadowing",
        "opacification",
        "hazy shadowing",
        "nonspecific density",
        "parenchymal haze",
    ),
    "Support Devices": ("indwelling devices", "monitoring equipment", "support apparatus", "support hardware"),
}
"""Other names; `wording_shift` is how often one of them stands in for the finding's own."""

KINDS: dict[str, tuple[str, ...]] = {
    "pacemaker": ("pacing device", "cardiac pacing device", "pacer", "pulse generator"),
    "central venous catheter": ("central line", "PICC line", "port catheter", "jugular line"),
    "endotracheal tube": ("ET tube", "ETT", "tracheal tube", "breathing tube"),
    "nasogastric tube": ("NG tube", "enteric tube", "feeding tube", "gastric tube"),
    "chest tube": ("pleural drain", "thoracostomy tube", "intercostal drain", "chest drain"),
    "sternotomy wires": ("sternal wires", "sternal sutures", "midline sternal wires", "sternal cerclage wires"),
}
"""The kinds of Support Devices, each with its other names."""

PLURALS = ("foci", "wires", "sutures", "tubes", "devices")
"""What a name ends in that takes a plural verb."""

COUNTED = (
    "effusion",
    "collection",
    "nodule",
    "mass",
    "lesion",
    "focus",
    "plaque",
    "fracture",
    "rib",
    "pneumothorax",
    "opacity",
    "process",
    "infiltrate",
    "line",
    "tube",
    "catheter",
    "pacemaker",
    "device",
    "drain",
    "pacer",
    "generator",
)
"""What a name ends in that may take an article."""

SIZED = frozenset({"Pleural Effusion", "Pneumothorax", "Lung Lesion"})
"""Findings that are small or large rather than mild or severe."""

GRADE_WORDS = {
    "mild": ("mild", "slight", "minor"),
    "moderate": ("moderate", "moderately severe"),
    "severe": ("severe", "marked", "extensive"),
}
SIZE_WORDS = {
    "mild": ("small", "tiny"),
    "moderate": ("moderate", "moderate-sized", "medium-sized"),
    "severe": ("large", "sizable"),
}
TERSE_GRADES = {"mild": ("mild",), "moderate": ("mod",), "severe": ("severe",)}

_ZONES_BEFORE = {
    "": ("",),
    "upper": ("upper zone", "apical"),
    "mid": ("mid zone", "midlung"),
    "lower": ("lower zone", "basal"),
}
_ZONES_AFTER = {
    "upper": ("in the {} upper zone", "in the {} upper lung", "at the {} apex"),
    "mid": ("in the {} mid zone", "in the {} midlung"),
    "lower": ("in the {} lower zone", "in the {} lower lung", "at the {} base"),
}
PLACES_BEFORE: dict[tuple[str, str], tuple[str, ...]] = {
    (side, zone): tuple(f"{s} {z}".strip() for s, z in product((side, f"{side}-sided") if not zone else (side,), zones))
    for side in ("right", "left")
    for zone, zones in _ZONES_BEFORE.items()
} | {("both", ""): ("bilateral",)}
"""(side, zone) to what stands before the name."""

PLACES_AFTER: dict[tuple[str, str], tuple[str, ...]] = {
    (side, zone): tuple(phrase.format(side) for phrase in phrases)
    for side in ("right", "left")
    for zone, phrases in _ZONES_AFTER.items()
} | {("right", ""): ("on the right",), ("left", ""): ("on the left",), ("both", ""): ("on both sides", "bilaterally")}
"""(side, zone) to what stands behind the name."""

TERSE_PLACES: dict[tuple[str, str], tuple[str, ...]] = {
    (side, zone): tuple(f"{letter} {zone_word}".strip() for zone_word in zones[:1])
    for side, letter in (("right", "R"), ("left", "L"))
    for zone, zones in _ZONES_BEFORE.items()
} | {("both", ""): ("bilat",)}

CHANGES_BEFORE = {
    "new": ("new", "newly apparent"),
    "better": ("improving", "decreasing", "resolving"),
    "same": ("stable", "unchanged", "persistent"),
    "worse": ("worsening", "increasing", "progressive"),
}
CHANGES_AFTER = {
    "new": ("new since the prior study", "not seen previously", "newly developed"),
    "better": (
        "decreased since the prior study",
        "improved from before",
        "with interval improvement",
        "less than before",
    ),
    "same": ("unchanged from the prior study", "similar to before", "without interval change", "as before"),
    "worse": ("increased since the prior study", "worse than before", "with interval progression", "more than before"),
}
