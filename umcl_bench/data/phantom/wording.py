"""The words of the phantom's reports: names and synonyms, severities, places, changes, and sentence frames.

Plain tables, read by the grammar both ways. No phrase may stand in two of them with two meanings; a test reads them.
"""

from __future__ import annotations

from itertools import product

from umcl_bench.data.vocabulary import NO_FINDING

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
CHANGE_FRAMES = {
    "new": ("Interval development of {np}", "{np} {have} developed since the prior study", "{np} {be} new"),
    "better": (
        "Interval decrease in {np}",
        "{np} {have} improved",
        "{np} {have} decreased",
        "Interval improvement of {np}",
    ),
    "same": ("No interval change in {np}", "{np} {have} not changed", "{np} {be} stable", "Again seen {be} {np}"),
    "worse": (
        "Interval increase in {np}",
        "{np} {have} worsened",
        "{np} {have} increased",
        "Interval worsening of {np}",
    ),
}
"""Sentences that state a finding and what became of it."""

POSITIVE = {
    "terse": ("{np}", "{np} {be} seen", "{np} noted"),
    "plain": (
        "There {be} {np}",
        "{np} {be} seen",
        "{np} {be} present",
        "{np} {be} noted",
        "{np} {be} demonstrated",
        "{np} {be} identified",
        "Findings are consistent with {np}",
        "The film shows {np}",
        "Evidence of {np}",
    ),
    "prose": (
        "The radiograph demonstrates {np}",
        "Note is made of {np}",
        "Appearances are in keeping with {np}",
        "Also noted {be} {np}",
        "There {be} radiographic evidence of {np}",
        "The findings include {np}",
        "Inspection of the film reveals {np}",
    ),
}
HEDGED = {
    "terse": ("Possible {np}", "Probable {np}", "?{np}", "{np} not excluded"),
    "plain": (
        "Possible {np}",
        "Probable {np}",
        "{np} {be} suspected",
        "{np} cannot be excluded",
        "Suspicious for {np}",
        "Questionable {np}",
        "Likely {np}",
    ),
    "prose": (
        "The findings may represent {np}",
        "This could reflect {np}",
        "{np} {be} difficult to exclude",
        "The appearances raise the possibility of {np}",
        "Differential considerations include {np}",
        "{np} {be} likely present",
    ),
}
NEGATIVE = {
    "terse": ("No {names}", "Neg for {names}", "{names} absent"),
    "plain": (
        "No {names}",
        "There {be} no {names}",
        "No evidence of {names}",
        "No {names} {be} identified",
        "No {names} {be} seen",
        "Negative for {names}",
        "{names} {be} not seen",
    ),
    "prose": (
        "There is no radiographic evidence of {names}",
        "The film is negative for {names}",
        "I see no {names}",
        "There are no signs of {names}",
        "No convincing {names} {be} demonstrated",
        "The study shows no {names}",
    ),
}
RESOLVED = (
    "Interval resolution of {np}",
    "The previously seen {np} {have} resolved",
    "Prior {np} {be} no longer seen",
    "{np} {have} cleared",
    "Resolution of the {np}",
)
REMOVED = ("Interval removal of the {np}", "The {np} {have} been removed", "Prior {np} {be} no longer in place")
DEVICE = (
    "{np} in place",
    "{np} {be} in place",
    "{np} {be} present",
    "{np} in satisfactory position",
    "{np} noted",
    "Note is made of {np}",
    "There {be} {np}",
)
WITHOUT_ARTICLE = ("Possible", "Probable", "Questionable", "Likely", "Prior")
"""What a frame begins with that takes no article before its noun phrase."""

LEADS = ("In addition, ", "Furthermore, ", "On this film, ", "On the current examination, ", "Further, ")
"""What a sentence in prose may start with."""

NORMAL: dict[str, tuple[str, str]] = {
    text: (finding, status)
    for finding, status, texts in (
        (
            NO_FINDING,
            "present",
            (
                "No acute cardiopulmonary process",
                "Normal chest radiograph",
                "No acute cardiopulmonary abnormality",
                "Unremarkable examination of the chest",
                "No active disease in the chest",
                "Normal study",
                "No acute disease",
            ),
        ),
        (
            "Cardiomegaly",
            "absent",
            (
                "The heart size is normal",
                "The heart is not enlarged",
                "Normal heart size",
                "The cardiac silhouette is normal in size",
            ),
        ),
        (
            "Enlarged Cardiomediastinum",
            "absent",
            ("The mediastinal contours are normal", "The mediastinum is not widened", "Normal mediastinal contour"),
        ),
        (
            "Lung Opacity",
            "absent",
            ("The lungs are clear", "Clear lungs", "Both lungs are clear", "The lung fields are clear"),
        ),
        ("Pleural Effusion", "absent", ("The costophrenic angles are sharp", "Sharp costophrenic angles")),
        ("Fracture", "absent", ("The ribs are intact", "Intact ribs", "The bony thorax is without a break")),
        ("Edema", "absent", ("The pulmonary vascularity is normal", "Normal pulmonary vascularity")),
        ("Pleural Other", "absent", ("The pleural surfaces are smooth", "Smooth pleural surfaces")),
        ("Support Devices", "absent", ("No lines or tubes are in place", "There are no indwelling lines")),
    )
    for text in texts
}
"""Sentences that state what is normal: the finding that they are about, and its status."""


def _expand(*parts: tuple[str, ...]) -> list[str]:
    texts = [" ".join(filter(None, words)) for words in product(*parts)]
    return [text[0].upper() + text[1:] for text in texts]


IRRELEVANT: tuple[str, ...] = (
    *_expand(
        ("Minor", "Some", "Age-related", ""), ("degenerative changes",), ("of the spine", "of the thoracic spine", "")
    ),
    *_expand(("The patient is", "The chest is"), ("slightly", "somewhat", ""), ("rotated",), ("to one side", "")),
    *_expand(("Lung volumes are",), ("low", "rather low", "adequate", "within the expected range")),
    *_expand(("The aorta is",), ("tortuous", "unfolded", "calcified", "mildly ectatic")),
    *_expand(("Surgical clips", "Clips"), ("in the", "project over the"), ("upper abdomen", "neck", "axilla")),
    *_expand(
        ("Clinical correlation", "Follow-up", "Comparison with older films"), ("is", "may be"), ("advised", "helpful")
    ),
    *_expand(("The upper abdomen", "The visualised bowel gas", "The trachea"), ("is", "appears"), ("unremarkable",)),
    *_expand(("The soft tissues",), ("are", "appear"), ("unremarkable", "symmetric")),
    *_expand(
        ("The study is", "Evaluation is"),
        ("limited", "slightly limited"),
        ("by technique", "by motion", "by body habitus"),
    ),
    *_expand(
        ("Findings were", "The result was"),
        ("discussed with", "communicated to"),
        ("the referring team", "the ward", "the clinician"),
    ),
    *_expand(
        ("Clinical information:", "Indication:"),
        ("cough", "cough and fever", "shortness of breath", "chest pain", "dyspnea on exertion"),
    ),
    "Scoliosis",
    "Osteopenia",
    "Elderly patient",
    "Old granuloma",
    "Motion artefact",
    "Skin folds",
    "The trachea is midline",
    "Old calcified granuloma",
    "Calcified hilar lymph nodes",
    "The diaphragm is smooth",
    "Both breasts are symmetric",
    "ECG leads overlie the chest",
    "A skin fold projects over the apex",
    "Recommend a lateral film when the patient can stand",
    "Nipple shadows should not be mistaken for anything else",
    "Please note that the lateral view was not obtained today",
)
"""Sentences that say nothing of any finding."""

TECHNIQUE = (
    "Chest radiograph, {view} view",
    "{view} chest radiograph",
    "A single {view} view of the chest",
    "CXR {view}",
)
COMPARED = ("Prior chest radiograph", "The previous film", "An earlier examination")
NOT_COMPARED = ("None available", "No earlier examination", "No previous film")
OPENINGS = (*TECHNIQUE, *COMPARED, *NOT_COMPARED)
"""Sentences that a report may begin with; they say nothing of any finding either."""
