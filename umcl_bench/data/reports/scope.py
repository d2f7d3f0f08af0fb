"""Which verdict each mention of a sentence gets: the scope of negations and doubts, clause by clause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

from umcl_bench.data.reports import cues, terms

Verdict = Literal["positive", "uncertain", "negative"]
RANK: dict[Verdict, int] = {"positive": 2, "uncertain": 1, "negative": 0}


class Kind(Enum):
    """What a phrase does in a sentence; `terms` and `cues` say more."""

    MENTION = auto()
    WEAK = auto()  # a mention that is no more than uncertain
    SUBJECT = auto()
    STATE = auto()
    DENY = auto()
    DENY_BEFORE = auto()
    DOUBT = auto()
    DOUBT_BEFORE = auto()
    ASIDE = auto()
    NEUTRAL = auto()
    STOP = auto()
    VERB = auto()
    JOIN = auto()
    OR = auto()


class Event(NamedTuple):
    """A phrase that was found, what it is about (observations, or a state), and the place of its first word."""

    kind: Kind
    about: tuple[str, ...] = ()
    at: int = 0


_TOKEN = re.compile(r"\d+(?:\.\d+)+|[a-z0-9]+|(?<=[a-z]{3})\.(?=\s)|[,;:?/]|(?<=\s)-+(?=\s)|—|–")
_NOT = re.compile(r"\b(ca)?n['’]t\b|n['’]t\b")
_STRONG = ("no", "not", "cannot", "can", "without", "unable", "difficult", "hard")
_MARKS = {";": Kind.STOP, ".": Kind.STOP, "—": Kind.STOP, "–": Kind.STOP, "-": Kind.STOP, "--": Kind.STOP,
          ",": Kind.JOIN, "and": Kind.JOIN, "or": Kind.OR, "/": Kind.OR, "?": Kind.DOUBT_BEFORE}  # fmt: skip
_END = ""


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    """A word's singular, roughly: what counts is that text and tables are treated alike."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")) else word


def words_of(text: str) -> list[str]:
    """The stems and marks of a text, in any case."""
    lowered = _NOT.sub(lambda m: "cannot" if m[1] else " not", text.casefold())
    return [_stem(token) for token in _TOKEN.findall(lowered)]


@cache
def _lexicon() -> dict[str, Any]:
    """All tables as one tree of words; a phrase ends where a node has an Event under ''."""
    root: dict[str, Any] = {}
    for phrase, event in entries():
        node = root
        for word in words_of(phrase):
            node = node.setdefault(word, {})
        known = node.get(_END)
        node[_END] = known._replace(about=(*known.about, *event.about)) if known else event
    return root


def entries() -> Iterator[tuple[str, Event]]:
    """Every phrase of the tables and what it does."""
    for kind, table in ((Kind.MENTION, terms.MENTIONS), (Kind.WEAK, terms.WEAK), (Kind.SUBJECT, terms.SUBJECTS),
                        (Kind.STATE, terms.STATES)):  # fmt: skip
        for about, phrases in table.items():
            yield from ((phrase, Event(kind, (about,))) for phrase in phrases)
    plain: tuple[tuple[Kind, Iterable[str]], ...] = (
        (Kind.NEUTRAL, (*cues.NEUTRAL, *terms.NOT_MENTIONS)), (Kind.DENY, cues.DENY),
        (Kind.DENY_BEFORE, cues.DENY_BEFORE), (Kind.DOUBT_BEFORE, cues.DOUBT_BEFORE), (Kind.ASIDE, cues.ASIDE),
        (Kind.STOP, cues.STOPS), (Kind.VERB, cues.VERBS),
    )  # fmt: skip
    for kind, cued in plain:
        yield from ((phrase, Event(kind)) for phrase in cued)
    for phrase in cues.DOUBT:
        first = phrase.split()[0]
        about = "strong" if first in _STRONG else "versus" if first in ("versus", "vs") else "weak"
        yield phrase, Event(Kind.DOUBT, (about,))
    yield from ((mark, Event(kind)) for mark, kind in _MARKS.items())


def _events(words: list[str]) -> Iterator[Event]:
    """The phrases in a sentence, from the left, each the longest at its place."""
    root, at = _lexicon(), 0
    while at < len(words):
        node = root.get(words[at])
        if node is None:
            at += 1
            continue
        event, end = _longest(node, words, at + 1)
        if event is None:
            at += 1
            continue
        if event.kind is Kind.JOIN and _restarts(words, end):
            event = Event(Kind.STOP, (words[at],))
        if words[at] == "no" and end == at + 1 and words[end : end + 1] in ([], ["."], [","], [";"]):
            event = Event(Kind.DENY_BEFORE)  # 'effusion: no'
        if not (words[at] == "with" and _goes_on(words[end:])):  # 'no density with bronchograms or effusion'
            yield event._replace(at=at)
        at = end


def _longest(node: dict[str, Any], words: list[str], at: int) -> tuple[Event | None, int]:
    found, end = node.get(_END), at
    while at < len(words):
        if words[at] in node:
            node = node[words[at]]
            if _END in node:
                found, end = node[_END], at + 1
        elif words[at] not in _FILLERS:
            break
        at += 1
    return found, end


_FILLERS = frozenset(map(_stem, cues.FILLERS))
_RESTARTS = frozenset(map(_stem, cues.RESTARTS))


def _restarts(words: list[str], at: int) -> bool:
    """Whether a new statement begins at `at`, behind a comma or 'and'."""
    if at < len(words) and words[at] == "and":
        at += 1
    return at < len(words) and words[at] in _RESTARTS and not _goes_on(words[at:])


def _goes_on(words: list[str]) -> bool:
    """Whether a list is still open: an 'or' comes before the clause's end."""
    ends = ("or", "nor", ";", ".", "but", "no", "not")
    return next((word in ("or", "nor") for word in words if word in ends), False)


class _Sentence:
    """Reads a sentence's events from the left and keeps what is said of each observation."""

    def __init__(self) -> None:
        self.mentions: list[tuple[tuple[str, ...], Verdict]] = []
        self.said: list[tuple[str, Verdict]] = []  # of subjects: 'the heart is enlarged'
        self.stop()

    def stop(self) -> None:
        """A new clause: nothing that was said before reaches into it."""
        self.scope: Kind | None = None
        self.group = len(self.mentions)  # the first mention that a cue looking back reaches
        self.spoken = False  # a verb came after the last mention or subject
        self.either = False  # an 'or' came after the last mention
        self.subjects: list[tuple[str, ...]] = []
        self.held: tuple[Verdict, int] | None = None  # a state that waits for its subject, and the place it reaches to

    def mention(self, event: Event) -> None:
        """An observation's own name."""
        if self.scope is Kind.ASIDE:
            return
        if self.spoken:
            self.group, self.spoken = len(self.mentions), False
        verdict: Verdict = "negative" if self.scope is Kind.DENY else "positive"
        if verdict == "positive" and (self.scope is Kind.DOUBT or event.kind is Kind.WEAK):
            verdict = "uncertain"
        if self.either and verdict == "positive" and self.mentions[-1][1] == "positive":
            self._turn("uncertain", len(self.mentions) - 1)
            verdict = "uncertain"
        self.mentions.append((event.about, verdict))
        self.either, self.held, self.subjects = False, None, []

    def subject(self, event: Event) -> None:
        """What a state may be said of."""
        if self.scope is Kind.ASIDE:
            return
        if self.spoken:
            self.subjects, self.spoken = [], False
        if self.held and event.at <= self.held[1]:
            self._say(event.about, self.held[0])
            self.held = (self.held[0], event.at + 5)
        else:
            self.subjects.append(event.about)

    def state(self, event: Event) -> None:
        """Enlarged, normal, borderline: said of the subjects before it, or else of one just behind it."""
        verdict: Verdict = event.about[0]  # type: ignore[assignment]
        if self.scope is Kind.ASIDE or (self.scope is Kind.DENY and verdict == "negative"):
            return
        if self.scope is Kind.DENY:
            verdict = "negative"
        elif self.scope is Kind.DOUBT:
            verdict = "uncertain"
        if self.subjects:
            self._say([about for subject in self.subjects for about in subject], verdict)
            self.subjects = []
            self.scope = (
                None if self.scope is Kind.DENY else self.scope
            )  # 'not enlarged and ...': the denial is used up
            return
        self.held = (verdict, event.at + 4)
        if event.about == ("uncertain",) and self.scope is None:
            self.scope = Kind.DOUBT  # 'borderline cardiomegaly'

    def look_back(self, event: Event) -> None:
        """A cue about what stands before it; where there is nothing, about what follows."""
        deny = event.kind is Kind.DENY_BEFORE
        reach = range(self.group, len(self.mentions))
        if not reach or any(subject != ("",) for subject in self.subjects):
            if self.scope is not Kind.ASIDE:
                self.scope = Kind.DENY if deny else Kind.DOUBT
            return
        open_ones = [at for at in reach if self.mentions[at][1] != "negative"]
        for at in open_ones or ([] if deny else [reach[-1]]):
            self._turn("negative" if deny else "uncertain", at)
        self.group = len(self.mentions)

    def doubt(self, event: Event) -> None:
        """A doubt about what follows; inside a negation only one that is worded as a negation itself."""
        if self.scope is Kind.ASIDE or (self.scope is Kind.DENY and event.about != ("strong",)):
            return
        if event.about == ("versus",) and len(self.mentions) > self.group and self.mentions[-1][1] == "positive":
            self._turn("uncertain", len(self.mentions) - 1)
        self.scope = Kind.DOUBT

    def _say(self, subjects: Iterable[str], verdict: Verdict) -> None:
        for about in subjects:
            weak = verdict == "positive" and about in terms.WEAK  # a blunted angle, prominent vessels
            self.said.append((about, "uncertain" if weak else verdict))

    def _turn(self, verdict: Verdict, at: int) -> None:
        self.mentions[at] = (self.mentions[at][0], verdict)

    def take(self, event: Event) -> None:
        """Reads one event."""
        kind = event.kind
        if kind in (Kind.MENTION, Kind.WEAK):
            self.mention(event)
        elif kind is Kind.SUBJECT:
            self.subject(event)
        elif kind is Kind.STATE:
            self.state(event)
        elif kind is Kind.STOP and (self.scope or event.about != ("and",)):
            self.stop()
        elif kind in (Kind.DENY_BEFORE, Kind.DOUBT_BEFORE):
            self.look_back(event)
        elif kind is Kind.DOUBT:
            self.doubt(event)
        elif kind is Kind.ASIDE or (kind is Kind.DENY and self.scope is not Kind.ASIDE):
            self.scope, self.either = kind, False
        elif kind is Kind.VERB:
            self.spoken, self.either, self.held = True, False, None
        elif kind is Kind.OR:
            self.either = len(self.mentions) > self.group
        elif kind is Kind.JOIN and self.spoken and self.scope and len(self.mentions) > self.group:
            self.stop()  # 'no effusion is seen and ...'


def verdicts(sentence: str) -> dict[str, Verdict]:
    """What a sentence says of each observation of `terms` that it names; the most positive where it says two things."""
    reader = _Sentence()
    for event in _events(words_of(sentence)):
        reader.take(event)
    out: dict[str, Verdict] = {}
    for about, verdict in [*((a, v) for names, v in reader.mentions for a in names), *reader.said]:
        if about and (about not in out or RANK[verdict] > RANK[out[about]]):
            out[about] = verdict
    return out
