"""Writes a phantom study's report in one of seven styles, and reads any such report back into what it says.

A report's length is drawn before its contents and apart from them: what the findings leave of it is filled with
negations, statements of what is normal and irrelevant sentences, so that length and style predict no finding. Length
is here the mean of words and characters (a word has CHARACTERS of them), and one for each sentence: none of the three
is exact then, but each is close, and so are a tokenizer's pieces.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace

import numpy as np

from umcl_bench.data.phantom import frames as fr
from umcl_bench.data.phantom import wording as w
from umcl_bench.data.phantom.grammar import Dice, Entity, Voice, deny, read, say
from umcl_bench.data.phantom.prevalence import PREVALENCE, grade_of, hedging
from umcl_bench.data.phantom.studies import FOCAL, MIDLINE, ZONES, Lesion, Study
from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY
from umcl_bench.errors import DataError


@dataclass(frozen=True)
class Style:
    """How a radiologist writes: with which frames, how long (about that many words), and under which headings."""

    name: str
    voice: Voice
    length: tuple[int, int]
    headings: tuple[str, ...] = ()
    numbered: bool = False
    organs: bool = False


STYLES = (
    Style("sectioned", "plain", (36, 60), ("FINDINGS:", "IMPRESSION:")),
    Style("telegraphic", "terse", (26, 44)),
    Style("template", "plain", (34, 60), organs=True),
    Style("prose", "prose", (36, 62)),
    Style("impression", "plain", (30, 50), ("IMPRESSION:",)),
    Style("follow-up", "plain", (34, 58), ("COMPARISON:", "FINDINGS:")),
    Style("list", "plain", (34, 60), numbered=True),
)
"""IU X-ray's reports have a median of 34 words, quartiles 24 and 46; these lie around that."""

ORGANS = ("Lungs", "Pleura", "Heart", "Mediastinum", "Bones", "Devices", "Summary", "Other")
_ORGAN = {
    "Pleural Effusion": "Pleura",
    "Pneumothorax": "Pleura",
    "Pleural Other": "Pleura",
    "Cardiomegaly": "Heart",
    "Enlarged Cardiomediastinum": "Mediastinum",
    "Fracture": "Bones",
    "Support Devices": "Devices",
    NO_FINDING: "Summary",
}
_HEADINGS = re.compile(rf"^(?:\d+\. |(?:{'|'.join((*ORGANS, 'FINDINGS', 'IMPRESSION', 'COMPARISON'))}): )+")
_ENDS = re.compile(r"(?<=[A-Za-z]\.)\s+")

CHARACTERS = 6.8
"""Of a word, with the space after it."""


def length_of(text: str) -> float:
    """A sentence's length: see above."""
    return ((text.count(" ") + 1) + (len(text) + 2) / CHARACTERS) / 2 + 1


_IRRELEVANT = sorted((length_of(text), text) for text in fr.IRRELEVANT)
_LENGTHS = [length for length, _ in _IRRELEVANT]
_CLOSE = 0.6
"""By how much the last sentence may miss what is left."""


@dataclass
class Sentence:
    """A sentence without its full stop, what it says, and the organ (or the section) that it stands under."""

    text: str
    entities: tuple[Entity, ...] = ()
    under: str = "Other"


@dataclass
class Draft:
    """A report in the making, and how much longer it may get."""

    style: Style
    room: float
    sentences: list[Sentence] = field(default_factory=list)

    def cost(self, sentence: Sentence) -> float:
        """The sentence's length, with the number or the heading that it brings."""
        headed = self.style.organs and all(s.under != sentence.under for s in self.sentences)
        return length_of(sentence.text) + self.style.numbered + headed

    def add(self, sentence: Sentence) -> None:
        """Puts the sentence in."""
        self.room -= self.cost(sentence)
        self.sentences.append(sentence)


def report_style(study: Study) -> str:
    """The name of the style that the study's report is written in."""
    return _style(study).name


def write_report(study: Study, wording_shift: float) -> str:
    """The report of a study. `wording_shift` is how often a finding goes by a synonym instead of its own name."""
    return _layout(_style(study), _compose(study, wording_shift))


def report_entities(study: Study, wording_shift: float) -> tuple[Entity, ...]:
    """What the report that `write_report` gives says, sentence by sentence, as it was written."""
    return tuple(entity for _, entities in entity_sentences(study, wording_shift) for entity in entities)


def entity_sentences(study: Study, wording_shift: float) -> list[tuple[str, tuple[Entity, ...]]]:
    """Each sentence of the report, with what it says."""
    return [
        (f"{sentence.text}.", tuple(replace(entity, sentence=at) for entity in sentence.entities))
        for at, sentence in enumerate(_compose(study, wording_shift))
    ]


def parse_report(text: str) -> tuple[Entity, ...]:
    """What a phantom's report says, from its text alone: the grammar inverted.

    Raises DataError where a sentence is none of this grammar.
    """
    found: list[Entity] = []
    for at, sentence in enumerate(_ENDS.split(text.strip())):
        if not sentence.endswith("."):
            raise DataError(
                f"the report ends within the sentence {sentence!r}; a phantom's report ends with a full stop"
            )
        found += (replace(e, sentence=at) for e in read(_HEADINGS.sub("", sentence)[:-1]))
    return tuple(found)


def _style(study: Study) -> Style:
    return STYLES[study.seed % len(STYLES)]


def _compose(study: Study, shift: float) -> list[Sentence]:
    """The report's sentences in their order."""
    dice = Dice(np.random.default_rng([study.seed, 11]))
    style = _style(study)
    draft = Draft(style, dice.between(*style.length) - len(style.headings))
    opening = _opening(dice, study, style)
    if opening is not None:
        draft.add(opening)
    said = _said(dice, study, style)
    needed = [_sentence(dice, entity, style, shift) for entity in said]
    if sum(map(draft.cost, needed)) > draft.room:
        needed = [_sentence(dice, entity, style, shift, short=True) for entity in said]
    for sentence in needed:
        draft.add(sentence)
    _summarise(dice, study, draft, said, shift)
    _fill(dice, study, draft, {entity.finding for entity in said}, shift)
    return _ordered(dice, draft, opening)


def _opening(dice: Dice, study: Study, style: Style) -> Sentence | None:
    if style.name == "follow-up":
        return Sentence(dice.pick(fr.COMPARED if study.number else fr.NOT_COMPARED), under="opening")
    if style.name in ("telegraphic", "prose") or (style.name == "sectioned" and dice.draw() < 0.5):
        return Sentence(dice.pick(fr.TECHNIQUE).format(view=study.view), under="opening")
    return None


def _said(dice: Dice, study: Study, style: Style) -> list[Entity]:
    """What the report must say: every lesion, what has resolved, and now and then a doubt about what is not there."""
    said = [_of_lesion(dice, lesion, style) for lesion in study.lesions]
    for lesion in study.resolved:
        compared = style.name == "follow-up" or dice.draw() < 0.75
        if compared and lesion.finding not in study.findings():  # an opacity may be gone, and another one there
            side = lesion.side if lesion.side in ("right", "left") and dice.draw() < 0.7 else ""
            said.append(Entity(lesion.finding, "absent", side, change="resolved", kind=lesion.kind))
    doubt = _doubt(dice, study)
    return said if doubt is None else [*said, doubt]


def _of_lesion(dice: Dice, lesion: Lesion, style: Style) -> Entity:
    told = lesion.side != "midline" and dice.draw() < (0.4 if lesion.finding == "Edema" else 0.9)
    zoned = told and lesion.finding in FOCAL and dice.draw() < 0.75
    graded = not lesion.kind and lesion.finding != "Fracture" and dice.draw() < 0.7
    compared = style.name == "follow-up" or dice.draw() < 0.75
    return Entity(
        lesion.finding,
        "uncertain" if dice.draw() < hedging(lesion.finding) else "present",
        lesion.side if told else "",
        lesion.zone if zoned else "",
        grade_of(lesion.severity) if graded else "",
        lesion.change if compared else "",
        lesion.kind,
    )


def _doubt(dice: Dice, study: Study) -> Entity | None:
    """An uncertain mention of a finding that is absent, as often as such a mention is of one that is present."""
    present = study.findings() | {lesion.finding for lesion in study.resolved}
    doubted = [
        finding
        for finding, share in PREVALENCE.items()
        if dice.draw() < hedging(finding) * share / (1 - share) and finding not in present
    ]
    if not doubted:
        return None
    finding = dice.pick(doubted)
    sided = finding not in MIDLINE and finding != "Edema" and dice.draw() < 0.9
    zoned = sided and finding in FOCAL and dice.draw() < 0.75
    side, zone = dice.pick(("right", "left")), dice.pick(ZONES)
    return Entity(finding, "uncertain", side if sided else "", zone if zoned else "")


def _sentence(dice: Dice, entity: Entity, style: Style, shift: float, *, short: bool = False) -> Sentence:
    text = say(dice, entity, style.voice, shift, short=short)
    if style.voice == "prose" and not short and dice.draw() < 0.2:
        text = dice.pick(fr.LEADS) + (text if text[1].isupper() else text[0].lower() + text[1:])
    return Sentence(text, (entity,), _ORGAN.get(entity.finding, "Lungs"))


def _summarise(dice: Dice, study: Study, draft: Draft, said: list[Entity], shift: float) -> None:
    """The impression of a sectioned report, or that there is nothing."""
    pathology = [e for e in said if e.finding not in NO_PATHOLOGY and e.status != "absent"]
    sectioned = draft.style.name == "sectioned"
    if not study.findings() - NO_PATHOLOGY and not pathology and dice.draw() < 0.9:
        text = dice.pick(_NOTHING)
        draft.add(Sentence(text, read(text), "impression" if sectioned else "Summary"))
    elif sectioned and pathology:
        main = replace(pathology[int(dice.draw() * len(pathology))], change="", severity="", zone="")
        if main.side == "both":
            main = replace(main, side="")
        sentence = replace(_sentence(dice, main, draft.style, shift, short=True), under="impression")
        if draft.cost(sentence) < draft.room:
            draft.add(sentence)


_NOTHING = tuple(text for text, (finding, _) in fr.NORMAL.items() if finding == NO_FINDING)
_NORMALS = {
    finding: tuple(text for text, (other, _) in fr.NORMAL.items() if other == finding)
    for finding in dict.fromkeys(finding for finding, _ in fr.NORMAL.values())
    if finding != NO_FINDING
}


def _fill(dice: Dice, study: Study, draft: Draft, said: set[str], shift: float) -> None:
    """Fills the draft to its number of words: negations and normal statements first, then irrelevant sentences."""
    present = study.findings()
    absent = [finding for finding in w.NAMES if finding not in present and finding not in said]
    while draft.room > _LENGTHS[-1]:
        form = dice.draw()
        if form < 0.65 and absent:
            sentence = _denial(dice, draft.style, absent, shift, plainly=form < 0.45)
        else:
            sentence = Sentence(dice.pick(fr.IRRELEVANT))
        if draft.cost(sentence) <= draft.room and all(s.text != sentence.text for s in draft.sentences):
            draft.add(sentence)
            absent = [f for f in absent if f not in {e.finding for e in sentence.entities}]
    while (left := draft.room - draft.cost(Sentence("")) + length_of("")) >= _LENGTHS[0]:
        end = bisect_right(_LENGTHS, left + _CLOSE / 2)
        start = bisect_left(_LENGTHS, min(left - _CLOSE / 2, _LENGTHS[end - 1] - _CLOSE))
        draft.add(Sentence(dice.pick(_IRRELEVANT[start:end])[1]))


def _denial(dice: Dice, style: Style, absent: list[str], shift: float, *, plainly: bool) -> Sentence:
    """What is not there, or, where not `plainly`, that something is normal."""
    finding = dice.pick(absent)
    if not plainly and finding in _NORMALS:
        text = dice.pick(_NORMALS[finding])
        return Sentence(text, read(text), _ORGAN.get(finding, "Lungs"))
    same = [f for f in absent if not style.organs or _ORGAN.get(f) == _ORGAN.get(finding)]
    others = [dice.pick(same) for _ in range(dice.between(0, 2))]
    names = list(dict.fromkeys([finding, *others]))
    text = deny(dice, names, style.voice, shift)
    return Sentence(text, tuple(Entity(f, "absent") for f in names), _ORGAN.get(finding, "Lungs"))


def _ordered(dice: Dice, draft: Draft, opening: Sentence | None) -> list[Sentence]:
    """The opening first, the impression last, between them the organs in order or everything shuffled."""
    rank = {"opening": -2.0, "impression": 2.0}
    if draft.style.organs:
        places = {organ: at - len(ORGANS) for at, organ in enumerate(ORGANS)}
        return sorted(draft.sentences, key=lambda s: places.get(s.under, -99))
    return sorted(draft.sentences, key=lambda s: rank.get(s.under, 0.0) + (dice.draw() if s.under not in rank else 0))


def _layout(style: Style, sentences: list[Sentence]) -> str:
    """The text with its headings and numbers."""
    lines = []
    before = ""
    for at, sentence in enumerate(sentences):
        heading = ""
        if style.numbered:
            heading = f"{at + 1}. "
        elif style.organs and sentence.under != before:
            heading = f"{sentence.under}: "
        elif at == 0 and style.headings:
            heading = f"{style.headings[0]} "
        elif len(style.headings) == 2 and _second_section(style, before, sentence.under):
            heading = f"{style.headings[1]} "
        lines.append(f"{heading}{sentence.text}.")
        before = sentence.under
    return " ".join(lines)


def _second_section(style: Style, before: str, under: str) -> bool:
    if style.name == "sectioned":
        return under == "impression" != before
    return before == "opening"
