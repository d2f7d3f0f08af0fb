"""The grammar of the phantom's sentences, both ways: what is to be said as a sentence, and a sentence as what it says.

A mention is a noun phrase, [change] [severity] [place] name [place], set into a frame such as "There is {np}". Reading
is exact for every sentence that `say`, `deny` and the tables can make, and is refused for any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

from numpy.random import Generator

from umcl_bench.data.phantom import frames as fr
from umcl_bench.data.phantom import wording as w
from umcl_bench.errors import DataError

Status = Literal["present", "absent", "uncertain"]
Voice = Literal["terse", "plain", "prose"]
Option = TypeVar("Option")
DEVICES = "Support Devices"


@dataclass(frozen=True)
class Entity:
    """What a sentence of a report says of a finding; '' where it does not say.

    `severity` is 'mild', 'moderate' or 'severe' for whatever word stood for it; `change` is 'new', 'better', 'same',
    'worse' or 'resolved'; `kind` is the kind of a device; `sentence` counts the report's sentences from 0.
    """

    finding: str
    status: Status
    side: str = ""
    zone: str = ""
    severity: str = ""
    change: str = ""
    kind: str = ""
    sentence: int = 0


class Dice:
    """Draws from a Generator, fetched in blocks: a report needs some hundred of them."""

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def draw(self) -> float:
        """A number from 0 to 1."""
        if not self._left:
            self._left = self._rng.random(128).tolist()
        return self._left.pop()

    def pick(self, options: Sequence[Option]) -> Option:
        """One of the options."""
        return options[int(self.draw() * len(options))]

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.draw() * (high + 1 - low))


def name_of(dice: Dice, finding: str, kind: str, wording_shift: float) -> str:
    """The finding's or device's own name, or, as often as `wording_shift` says, one of its synonyms."""
    own, others = (kind, w.KINDS[kind]) if kind else (w.NAMES[finding], w.SYNONYMS[finding])
    return dice.pick(others) if dice.draw() < wording_shift else own


def say(dice: Dice, entity: Entity, voice: Voice, wording_shift: float, *, short: bool = False) -> str:
    """A sentence, without its full stop, that says the entity and nothing else; `short`: in as few words as may be."""
    name = name_of(dice, entity.finding, entity.kind, wording_shift)
    frames, tail, before = _frames(dice, entity, voice, short)
    phrase = _noun_phrase(dice, entity, name, before, terse=voice == "terse" or short)
    frame = frames[0] if short else dice.pick(frames)
    if not short and voice != "terse" and not frame.startswith(fr.WITHOUT_ARTICLE) and "the {np}" not in frame:
        phrase = _with_article(dice, phrase, name, entity)
    return _capital(_fill(frame, "np", phrase, name) + tail)


def _frames(dice: Dice, entity: Entity, voice: Voice, short: bool) -> tuple[Sequence[str], str, str]:
    """The frames to choose from, what follows the frame, and the word for the change that stands before the name."""
    if entity.change == "resolved":
        return (fr.REMOVED if entity.kind else fr.RESOLVED), "", ""
    frames: Sequence[str] = (fr.HEDGED if entity.status == "uncertain" else fr.POSITIVE)["terse" if short else voice]
    if entity.kind:
        frames = fr.POSITIVE["terse"] if short else fr.DEVICE
    if not entity.change:
        return frames, "", ""
    form = 0.0 if short else dice.draw()
    if form < 0.35:
        return frames, "", dice.pick(w.CHANGES_BEFORE[entity.change])
    if form < 0.7 and entity.status == "present" and voice != "terse":
        return fr.CHANGE_FRAMES[entity.change], "", ""
    return frames, ", " + dice.pick(w.CHANGES_AFTER[entity.change]), ""


def _noun_phrase(dice: Dice, entity: Entity, name: str, change: str, *, terse: bool) -> str:
    words = [change] if change else []
    if entity.severity:
        sized = w.SIZE_WORDS if entity.finding in w.SIZED else w.GRADE_WORDS
        table = w.TERSE_GRADES if terse and entity.finding not in w.SIZED else sized
        words.append(dice.pick(table[entity.severity]))
    place = (entity.side, entity.zone)
    if not entity.side:
        return " ".join([*words, name])
    if terse:
        return " ".join([*words, dice.pick(w.TERSE_PLACES[place]), name])
    if dice.draw() < 0.6:
        return " ".join([*words, dice.pick(w.PLACES_BEFORE[place]), name])
    return " ".join([*words, name, dice.pick(w.PLACES_AFTER[place])])


def _with_article(dice: Dice, phrase: str, name: str, entity: Entity) -> str:
    if entity.side == "both" or not name.endswith(w.COUNTED) or dice.draw() < 0.3:
        return phrase
    return f"{'an' if phrase[0].lower() in 'aeiou' else 'a'} {phrase}"


def deny(dice: Dice, findings: Sequence[str], voice: Voice, wording_shift: float) -> str:
    """A sentence, without its full stop, that says of one or more findings that they are not there."""
    names = [name_of(dice, finding, "", wording_shift) for finding in findings]
    frame = dice.pick(fr.NEGATIVE[voice])
    link = "and" if frame.startswith("{names}") else "or"
    *most, last = names
    text = f"{', '.join(most)}{',' if len(most) > 1 else ''} {link} {last}" if most else last
    verb_of = names[0] if frame.startswith("There") else "devices" if most and link == "and" else last
    return _capital(_fill(frame, "names", text, verb_of))


def _plural(name: str) -> bool:
    return name.endswith(w.PLURALS)


def _fill(frame: str, slot: str, text: str, name: str) -> str:
    be, have = ("are", "have") if _plural(name) else ("is", "has")
    return frame.replace("{be}", be).replace("{have}", have).replace("{" + slot + "}", text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ------------------------------------------------------------------------------------------------ reading


def _inverse(*tables: Mapping[Option, Sequence[str]]) -> dict[str, Option]:
    return {phrase.lower(): key for table in tables for key, phrases in table.items() for phrase in phrases}


_GRADES = _inverse(w.GRADE_WORDS, w.SIZE_WORDS, w.TERSE_GRADES)
_BEFORE = _inverse(w.PLACES_BEFORE, w.TERSE_PLACES)
_AFTER = _inverse(w.PLACES_AFTER)
_CHANGED_BEFORE = _inverse(w.CHANGES_BEFORE)
_CHANGED_AFTER = _inverse(w.CHANGES_AFTER)
_FINDINGS = _inverse({name: (w.NAMES[name], *w.SYNONYMS[name]) for name in w.NAMES})
_DEVICES = _inverse({kind: (kind, *w.KINDS[kind]) for kind in w.KINDS})
_NORMAL = {text.lower(): meaning for text, meaning in fr.NORMAL.items()}
_IRRELEVANT = frozenset(
    text.lower().format(view=view) for text in (*fr.IRRELEVANT, *fr.OPENINGS) for view in ("ap", "pa")
)


def _any(phrases: Iterable[str]) -> str:
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))


_PHRASE = re.compile(
    rf"(?:an? )?(?:(?P<change>{_any(_CHANGED_BEFORE)}) )?(?:(?P<grade>{_any(_GRADES)}) )?"
    rf"(?:(?P<before>{_any(_BEFORE)}) )?(?P<name>{_any([*_FINDINGS, *_DEVICES])})(?: (?P<after>{_any(_AFTER)}))?"
)
_TAIL = re.compile(rf"(.+), ({_any(_CHANGED_AFTER)})")
_LEAD = re.compile(rf"^(?:{_any(lead.lower() for lead in fr.LEADS)})")
_LINKS = re.compile(r", (?:or |and )?| or | and ")


def _patterns(frames: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    made = []
    for frame in dict.fromkeys(frames):
        text = re.escape(frame.lower())
        for slot, pattern in (("np", "(.+)"), ("names", "(.+)"), ("be", "(?:is|are)"), ("have", "(?:has|have)")):
            text = text.replace(re.escape("{" + slot + "}"), pattern)
        made.append(re.compile(text))
    return tuple(made)


_PRESENT = _patterns([*(f for frames in fr.POSITIVE.values() for f in frames), *fr.DEVICE])
_UNCERTAIN = _patterns(f for frames in fr.HEDGED.values() for f in frames)
_ABSENT = _patterns(f for frames in fr.NEGATIVE.values() for f in frames)
_GONE = _patterns([*fr.RESOLVED, *fr.REMOVED])
_READINGS: list[tuple[Status, str, tuple[re.Pattern[str], ...]]] = [
    ("present", "", _PRESENT),
    ("uncertain", "", _UNCERTAIN),
    ("absent", "resolved", _GONE),
    *(("present", change, _patterns(frames)) for change, frames in fr.CHANGE_FRAMES.items()),
]


@lru_cache(maxsize=65536)
def read(sentence: str) -> tuple[Entity, ...]:
    """What a sentence (without number, heading or full stop) says. Raises DataError where it is not of this grammar."""
    text = sentence.lower()
    if text in _IRRELEVANT:
        return ()
    if text in _NORMAL:
        finding, status = _NORMAL[text]
        return (Entity(finding, "present" if status == "present" else "absent"),)
    text = _LEAD.sub("", text)
    found = {*_mentions(text), *_denials(text)}
    if len(found) != 1:
        raise DataError(f"{sentence!r} can be read in {len(found)} ways; it should be one sentence of this phantom's")
    return found.pop()


def _mentions(text: str) -> Iterable[tuple[Entity, ...]]:
    tail = _TAIL.fullmatch(text)
    if tail:
        text = tail[1]
    for status, change, patterns in _READINGS[:2] if tail else _READINGS:
        for pattern in patterns:
            match = pattern.fullmatch(text)
            entity = _phrase(match[1], status, _CHANGED_AFTER[tail[2]] if tail else change) if match else None
            if entity is not None:
                yield (entity,)


def _phrase(text: str, status: Status, change: str) -> Entity | None:
    match = _PHRASE.fullmatch(text)
    if match is None or (match["change"] and change) or (match["before"] and match["after"]):
        return None
    side, zone = _BEFORE[match["before"]] if match["before"] else _AFTER.get(match["after"] or "", ("", ""))
    kind = _DEVICES.get(match["name"], "")
    finding = DEVICES if kind else _FINDINGS[match["name"]]
    changed = _CHANGED_BEFORE[match["change"]] if match["change"] else change
    return Entity(finding, status, side, zone, _GRADES.get(match["grade"] or "", ""), changed, kind)


def _denials(text: str) -> Iterable[tuple[Entity, ...]]:
    for pattern in _ABSENT:
        match = pattern.fullmatch(text)
        if match:
            names = _LINKS.split(match[1])
            if all(name in _FINDINGS for name in names):
                yield tuple(Entity(_FINDINGS[name], "absent") for name in names)
