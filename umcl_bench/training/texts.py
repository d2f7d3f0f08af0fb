"""The texts that training rows can show: reports or their sentences, and findings as prompts; each with its claims.

They are numbered through: the texts of findings first, the reports behind them. What a row shows is drawn anew in each
batch, as the baseline says: its report (or a sentence of it), the prompt of one of its findings, or a sentence of
another row's report that shares a finding with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tokenizers import Tokenizer

from umcl_bench.data.laterality import names_side
from umcl_bench.data.reports.labeler import label_sentence
from umcl_bench.data.reports.sections import choose, sections
from umcl_bench.data.reports.sentences import split_sentences
from umcl_bench.data.tokens import Tokens, continuing_pieces, encode
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.models.prompts import finding_sentences, state_names
from umcl_bench.spec import Baseline, Recipe

Claims = NDArray[np.float32]
Numbers = NDArray[np.int64]


class Shown(NamedTuple):
    """The texts of a batch's rows: their numbers (b, q), -1 where there is none, and what they claim (b, k).

    With several numbers, a text's embedding is the mean of theirs.
    """

    parts: Numbers
    present: Claims
    absent: Claims

    def take(self, order: Numbers) -> Shown:
        """Some of the rows, or all in another order."""
        return Shown(self.parts[order], self.present[order], self.absent[order])


class Lists(NamedTuple):
    """Lists of numbers of different lengths behind one another: list i is `items[first[i] : first[i + 1]]`."""

    items: Numbers
    first: Numbers

    def lengths(self, lists: Numbers) -> Numbers:
        """How many numbers lists have."""
        out: Numbers = self.first[lists + 1] - self.first[lists]
        return out

    def draw(self, lists: Numbers, rng: Generator) -> Numbers:
        """One number of each of `lists`, -1 of an empty one."""
        lengths = self.lengths(lists)
        at = self.first[lists] + (rng.random(len(lists)) * lengths).astype(np.int64)
        return np.where(lengths > 0, self.items[np.minimum(at, len(self.items) - 1)] if len(self.items) else -1, -1)


def lists_of(lists: Sequence[Sequence[int]]) -> Lists:
    """Lists as one."""
    items = np.array([item for part in lists for item in part], dtype=np.int64)
    return Lists(items, np.cumsum([0, *(len(part) for part in lists)]).astype(np.int64))


@dataclass(frozen=True)
class Texts:
    """All texts. `names` (N) are of findings, `reports` (R) of rows; a text's number is its place, N + its place.

    `of_state` lists the names of each state, `of_row` the reports of each row, `of_finding` the reports that claim a
    finding; `set_of` (n,) is the name of all of a row's present findings together, -1 where it has none. `sided` are
    the reports that name a side, so that no film may be flipped under them. `continues` are the pieces of the
    vocabulary that go on with a word.
    """

    names: Tokens
    name_states: Numbers
    of_state: Lists
    set_of: Numbers
    reports: Tokens
    of_row: Lists
    of_finding: Lists
    report_present: Claims
    report_absent: Claims
    sided: NDArray[np.bool_]
    continues: NDArray[np.bool_]

    def names_side(self, parts: Numbers) -> NDArray[np.bool_]:
        """Which texts, by their numbers (..., q), are reports that name a side."""
        place = parts - len(self.names.lengths)
        sided = self.sided[np.maximum(place, 0)] if len(self.sided) else np.zeros(place.shape, bool)
        out: NDArray[np.bool_] = np.any(sided & (place >= 0), axis=-1)
        return out

    def draw(self, chosen: Numbers, present: Claims, absent: Claims, baseline: Baseline, rng: Generator) -> Shown:
        """What the rows `chosen` show, whose claims are `present` and `absent` (b, k)."""
        prompt, reported = baseline.prompt, self.of_row.lengths(chosen) > 0
        states = draw_states(present, absent, prompt.negative_share, rng)
        labelled = present.any(1) | absent.any(1)
        prompted = labelled & (~reported | (rng.random(len(chosen)) < prompt.share))
        parts, shown_present, shown_absent = self._prompts(chosen, states, present, prompt.several, rng)
        banked = np.full(len(chosen), -1)
        if baseline.label_text == "bank":
            banked = np.where(prompted & ~reported, self._banked(states, rng), -1)
        told = np.where(prompted, banked, self.of_row.draw(chosen, rng))
        parts = np.where(prompted[:, None] & (told < 0)[:, None], parts, -1)
        parts[:, 0] = np.where(told >= 0, told + len(self.names.lengths), parts[:, 0])
        from_report = (told >= 0)[:, None]
        nothing = ((told < 0) & ~prompted)[:, None]
        claims = [
            np.where(nothing, 0, np.where(from_report, _at(of_report, told), of_prompt)).astype(np.float32)
            for of_report, of_prompt in ((self.report_present, shown_present), (self.report_absent, shown_absent))
        ]
        return Shown(parts, claims[0], claims[1])

    def _prompts(
        self, chosen: Numbers, states: Numbers, present: Claims, several: str, rng: Generator
    ) -> tuple[Numbers, Claims, Claims]:
        """The texts (b, q) of the rows' states, and their claims: of an absent finding always the one that is drawn."""
        k = present.shape[1]
        if not k:  # a corpus of reports alone
            return np.full((len(chosen), 1), -1), present, present
        one_hot = (states[:, None] == np.arange(2 * k)).astype(np.float32)
        parts = self.of_state.draw(states, rng)[:, None]
        if several == "one":
            return parts, one_hot[:, :k], one_hot[:, k:]
        affirmed = (states < k) & present.any(1)
        claims = np.where(affirmed[:, None], (present > 0).astype(np.float32), one_hot[:, :k])
        if several == "set":
            return np.where(affirmed, self.set_of[chosen], parts[:, 0])[:, None], claims, one_hot[:, k:]
        width = max(1, int((present > 0).sum(1).max(initial=1)))
        columns = np.argsort(present <= 0, axis=1, kind="stable")[:, :width]
        drawn = self.of_state.draw(columns.ravel(), rng).reshape(columns.shape)
        all_of_them = np.where(np.take_along_axis(present, columns, 1) > 0, drawn, -1)
        alone = np.concatenate([parts, np.full((len(parts), width - 1), -1)], axis=1)
        return np.where(affirmed[:, None], all_of_them, alone), claims, one_hot[:, k:]

    def _banked(self, states: Numbers, rng: Generator) -> Numbers:
        """A report (b,) that claims the finding of each state; -1 for an absent one, or where no report does."""
        findings = len(self.of_finding.first) - 1
        if not findings:
            return np.full(len(states), -1)
        return np.where(states < findings, self.of_finding.draw(np.minimum(states, findings - 1), rng), -1)


def draw_states(present: Claims, absent: Claims, negative_share: float, rng: Generator) -> Numbers:
    """One state (n,) for each row of claims (n, k).

    It is uniform over the row's present findings or, for `negative_share` of the rows, over its absent ones; where a
    row has only one sort, it is of that sort. A row with no claim gets an arbitrary state.
    """
    denied = rng.random(len(present)) < negative_share
    denied = np.where(absent.any(1) & present.any(1), denied, absent.any(1))
    pool = np.concatenate([present * ~denied[:, None], absent * denied[:, None]], axis=1)
    if not pool.shape[1]:  # a corpus of reports alone
        return np.zeros(len(pool), dtype=np.int64)
    states: Numbers = np.argmax(pool * (rng.random(pool.shape) + 1e-9), axis=1)
    return states


def _at(table: Claims, places: Numbers) -> Claims:
    """Rows (b, k) of `table`, any or zeros where the place is -1."""
    return table[np.maximum(places, 0)] if len(table) else np.zeros((len(places), table.shape[1]), np.float32)


class _Reports(NamedTuple):
    texts: list[str]
    of_row: list[list[int]]
    present: Claims
    absent: Claims


def collect(
    tokenizer: Tokenizer,
    reports: Sequence[str],
    present: Claims,
    absent: Claims,
    classes: tuple[str, ...],
    recipe: Recipe,
) -> Texts:
    """The texts of rows with `reports` ('' where there is none) and claims (n, k) of `classes`."""
    baseline, room = recipe.baseline, recipe.size.text.max_tokens
    told = (
        _sentences(reports, present, classes, baseline)
        if baseline.text_view == "sentence"
        else _whole(reports, present)
    )
    names, of_state = _names(classes, baseline)
    set_of = np.full(len(reports), -1)
    states = [state for state, entries in enumerate(of_state) for _ in entries]
    if baseline.prompt.several == "set":
        for row in np.flatnonzero(present.any(1)):
            text = ", ".join(classes[c] for c in np.flatnonzero(present[row] > 0))
            if text not in names:
                names[text] = len(names)
                states.append(-1)
            set_of[row] = names[text]
    of_finding = [np.flatnonzero(column > 0).tolist() for column in told.present.T]
    return Texts(
        names=encode(tokenizer, [name.lower() for name in names], room - baseline.prompt.length),
        name_states=np.array(states, dtype=np.int64),
        of_state=lists_of(of_state),
        set_of=set_of,
        reports=encode(tokenizer, told.texts, room),
        of_row=lists_of(told.of_row),
        of_finding=lists_of(of_finding),
        report_present=told.present,
        report_absent=told.absent,
        sided=np.array([names_side(text) for text in told.texts], dtype=bool),
        continues=continuing_pieces(tokenizer),
    )


def _names(classes: tuple[str, ...], baseline: Baseline) -> tuple[dict[str, int], list[list[int]]]:
    """The texts of all states with their numbers, and which each state has."""
    names: dict[str, int] = {}
    of_state = []
    for state, name in enumerate(state_names(classes)):
        finding, absent = classes[state % len(classes)], state >= len(classes)
        texts = finding_sentences(finding, absent=absent) if baseline.prompt.wording == "sentence" else [name]
        of_state.append([names.setdefault(text, len(names)) for text in texts])
    return names, of_state


def _whole(reports: Sequence[str], present: Claims) -> _Reports:
    """Each report as it is: it says what is present in its study; that it says all that is absent is not counted on."""
    rows = [row for row, text in enumerate(reports) if text]
    of_row: list[list[int]] = [[] for _ in reports]
    for number, row in enumerate(rows):
        of_row[row] = [number]
    return _Reports([reports[row] for row in rows], of_row, present[rows], np.zeros_like(present[rows]))


def _sentences(reports: Sequence[str], present: Claims, classes: tuple[str, ...], baseline: Baseline) -> _Reports:
    """The sentences of each report's findings and impression that name an observation, each once a report.

    A report without such a sentence keeps them all. The papers draw from all sentences, of which on the phantom a third
    say nothing of the film; with these, no model of sentences learns within the budget (docs/decisions/0005).

    Where labels are learned from, a sentence claims what the labeler reads in it; else its study's present findings,
    which only the log's statistics see. For the targets of MedCLIP a sentence without a finding that is present or
    uncertain is 'No Finding' (its released code, where it has no label at all).
    """
    texts: list[str] = []
    of_row: list[list[int]] = []
    whose: list[int] = []
    for row, report in enumerate(reports):
        said = (choose(sections(report), "findings+impression") or report) if report else ""
        found = list(dict.fromkeys(s for s in split_sentences(said) if any(c.isalpha() for c in s)))
        found = [sentence for sentence in found if label_sentence(sentence)] or found
        of_row.append(list(range(len(texts), len(texts) + len(found))))
        texts += found
        whose += [row] * len(found)
    if not baseline.uses_labels:
        claimed = present[whose] if whose else present[:0]
        return _Reports(texts, of_row, claimed, np.zeros_like(claimed))
    claims = np.zeros((2, len(texts), present.shape[1]), dtype=np.float32)
    denying = np.ones(len(texts), dtype=bool)
    for number, text in enumerate(texts):
        for name, verdict in label_sentence(text).items():
            denying[number] &= verdict == "negative"
            if name in classes and verdict != "uncertain":
                claims[int(verdict == "negative"), number, classes.index(name)] = 1
    if NO_FINDING in classes:
        column = classes.index(NO_FINDING)
        claims[1, :, column] = 0
        if baseline.objective.loss == "soft":
            claims[0, denying, column] = 1
    return _Reports(texts, of_row, claims[0], claims[1])
