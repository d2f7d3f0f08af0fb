"""The sentences of the phantom's reports: frames for what is there, what is not, and whole sentences about the rest.

{np} stands for a noun phrase, {names} for a list of findings, {be} and {have} for the verb in its number.
"""

from __future__ import annotations

from itertools import product

from umcl_bench.data.vocabulary import NO_FINDING

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
