"""Splits a report's text into sentences, each with all that it negates."""

from __future__ import annotations

import re

_TITLES = frozenset({"dr", "drs", "mr", "mrs", "ms", "prof", "st"})
_ABBREVIATIONS = _TITLES | frozenset(
    {"vs", "approx", "cf", "resp", "e.g", "i.e", "a.m", "p.m", "a.k.a", "s.p", "dept", "ext", "incl", "m.d", "r.n"}
)
_BEFORE_NAMES = _TITLES | {"by", ""}
_NUMBER = re.compile(r"\(?(\d{1,2})[.)]")
_SPACE = re.compile(r"\s+")
_BREAK = re.compile(
    r"\n+"  # a blank line
    r"|(?P<stop>(?<![.!?])[.!?]+[\"')\]*]*)(?:\s|$)"  # an end of sentence behind which there is space
    r"|(?P<glued>(?<=[a-z]{2})[.!?])(?=[A-Z][a-z])"  # one behind which the space was forgotten: 'apex.There are'
    r"|\s(?=(?P<item>\(?\d{1,2}[.)])\s[^\W\d])"  # before '2. Effusion', where it follows item 1
)


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`, in order, with single spaces; every character other than whitespace is kept.

    A newline alone is a space, a blank line ends a sentence. Nothing is split at 'Dr.', initials, 'a.m.', 'e.g.',
    decimals and de-identification marks ('___', 'XXXX'). A list's numbers stay with their items.
    """
    text = _SPACE.sub(lambda m: "\n" if m[0].count("\n") > 1 else " ", text)
    out: list[str] = []
    start, item = 0, _number(text)
    for match in _BREAK.finditer(text):
        if match["item"]:
            if item is None or _number(match["item"]) != item + 1:
                continue
        elif (match["stop"] or match["glued"]) and _goes_on(text[max(start, match.end() - 40) : match.end()]):
            continue
        _add(out, text[start : match.end()])
        start = match.end()
        item = following if (following := _number(text[start : start + 8])) is not None else item
    _add(out, text[start:])
    return out


def _number(text: str) -> int | None:
    """The list number that `text` begins with."""
    match = _NUMBER.match(text.lstrip())
    return int(match[1]) if match else None


def _goes_on(head: str) -> bool:
    """Whether the full stop at the end of `head` ends no sentence: an abbreviation, an initial, a list's number."""
    words = head.split()
    if not words or not words[-1].endswith("."):
        return False
    last = words[-1].strip("(\"'[*").rstrip(".")
    if len(words) == 1 and last.strip(")").isdigit() and len(last) <= 2:
        return True
    before = words[-2].strip("(\"'").rstrip(".").casefold() if len(words) > 1 else ""
    initial = re.fullmatch(r"(?:[A-Z]\.)*[A-Z]", last) is not None and (before in _BEFORE_NAMES or len(before) == 1)
    return initial or last.casefold() in _ABBREVIATIONS


def _add(out: list[str], piece: str) -> None:
    sentence = " ".join(piece.split())
    if not sentence:
        return
    if out and not any(c.isalnum() or c == "_" for c in sentence):
        out[-1] += f" {sentence}"  # stray punctuation is no sentence
    else:
        out.append(sentence)
