"""Retrieval: where the relevant texts or films are among all candidates, ranked by cosine.

Instance level (CLIP: Radford et al. 2021; on films cxr-clip: You et al. 2023): a film's own report, and a report's own
films. Class level: whatever shares the query's class (5x200: Huang et al. 2021, GLoRIA; 8x200: Zhang et al. 2022,
ConVIRT). All candidates of the split are ranked at once, whatever the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.errors import UsageError
from umcl_bench.metrics.ranking import HITS, PRECISIONS, expected_hit, expected_precision, expected_rank
from umcl_bench.metrics.scores import Floats, Names, Scores
from umcl_bench.models.base import Matrix
from umcl_bench.protocols.base import (
    Evaluation,
    Outcome,
    film_rows,
    groups_of,
    labelled_findings,
    labelled_rows,
    need,
)
from umcl_bench.protocols.top_k import Place, best_places, cuts
from umcl_bench.spec import Baseline, Retrieval, Task

QUERY = "query"
"""The attribute of a corpus that names the class of a film which is a query, '' for a candidate."""

_TIES = "equally similar candidates are in no order: figures are expected values over all orders of these"
_RESAMPLED = "queries, with their patients; the candidates stay"


def _protocol(task: Task) -> Retrieval:
    assert isinstance(task.protocol, Retrieval)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """The classes; () where a film's own text is looked for. Raises UsageError for one that is not labelled."""
    protocol = _protocol(task)
    return () if protocol.relevant == "study" else labelled_findings(task, protocol.findings, corpus)


def check(task: Task, corpus: Corpus) -> Rows:
    """The films to score: those of the split with a text or a label, as the task needs. Raises UsageError for none."""
    protocol = _protocol(task)
    by_class = protocol.relevant == "class"
    rows = labelled_rows(task, findings_of(task, corpus), corpus) if by_class else film_rows(task, corpus)
    marked = _marks(corpus, rows) != ""
    if "image to image" in protocol.directions and (marked.all() or not marked.any()):
        raise UsageError(
            f"task {task.name} needs films that are marked as queries; {corpus.source} marks none. The phantom has "
            "some, and CheXpert with the lists of the split chexpert-8x200@convirt"
        )
    if _needs_reports(protocol):
        rows = rows[[bool(_words(report)) for report in corpus.reports[rows]]]
        if len({_words(report) for report in corpus.reports[rows]}) < 2:
            raise UsageError(
                f"task {task.name} needs {task.split} films ({task.views} views) with different reports, to choose "
                f"from; {corpus.source} has {len(rows)} with a report"
            )
    return rows


def check_model(task: Task, baseline: Baseline) -> None:
    """Raises UsageError for a model without a text tower, unless films look for films."""
    if set(_protocol(task).directions) != {"image to image"}:
        need(task, baseline, "text tower")


def run(task: Task, at: Evaluation) -> Outcome:
    """Hits and ranks of each query, a column of the scores for each direction."""
    rows, protocol = check(task, at.corpus), _protocol(task)
    if protocol.relevant == "study":
        found, texts = _by_study(at, rows, protocol)
    else:
        found, texts = _by_class(at, rows, protocol, findings_of(task, at.corpus))
    facts = {"directions": {name: one.facts for name, one in found.items()}, "texts": texts}
    return Outcome({"": _scores(found)}, {**facts, "ties": _TIES, "resampled": _RESAMPLED}, unit="queries")


class Answers(NamedTuple):
    """What a direction gives: columns (n,) of its n queries, who they are, and what a record says of them."""

    columns: Mapping[str, Floats]
    patient: Names
    id: Names
    groups: Mapping[str, Names]
    facts: Mapping[str, object]


class Side(NamedTuple):
    """Films or texts, as queries or as candidates: unit rows (n, d), whether of each class (n, c), and who they are."""

    z: Matrix
    classes: NDArray[np.bool_]
    patient: Names
    id: Names
    groups: Mapping[str, Names]

    def take(self, which: Rows) -> Side:
        """Some of them."""
        groups = {name: group[which] for name, group in self.groups.items()}
        return Side(self.z[which], self.classes[which], self.patient[which], self.id[which], groups)


class Search(NamedTuple):
    """A direction: what is asked, what is found, and the numbers (n,), (m,) of their texts where only these decide."""

    queries: Side
    candidates: Side
    numbers: tuple[Rows, Rows] | None

    def relevant(self, query: int) -> NDArray[np.bool_]:
        """Which candidates (m,) are relevant to a query: those of its text, or with a class of its own."""
        if self.numbers is not None:
            return np.asarray(self.numbers[1] == self.numbers[0][query])
        return np.asarray((self.candidates.classes & self.queries.classes[query]).any(axis=1))


class Texts(NamedTuple):
    """Different texts in the order of letters, which of them each film has (n,), and the first film of each by id."""

    texts: list[str]
    of_film: Rows
    first: Rows


def searches(task: Task, at: Evaluation) -> dict[str, Search]:
    """What `run` ranks, by direction. Raises UsageError as `check` does."""
    rows, protocol = check(task, at.corpus), _protocol(task)
    if protocol.relevant == "class":
        sides, _ = _class_sides(at, rows, protocol, findings_of(task, at.corpus))
        return {name: Search(*pair, None) for name, pair in sides.items()}
    films, reports, texts, _ = _study_sides(at, rows, protocol)
    own = np.arange(len(reports.z))
    both = {
        "image to text": Search(films, reports, (texts.of_film, own)),
        "text to image": Search(reports, films, (own, texts.of_film)),
    }
    return {name: both[name] for name in protocol.directions}


def _study_sides(at: Evaluation, rows: Rows, protocol: Retrieval) -> tuple[Side, Side, Texts, str]:
    """Films, reports, which report is whose, and how to say what the reports are."""
    texts = different_texts(at.corpus, rows)
    words = at.model.embed_texts(texts.texts)
    films = _films(at, rows, np.zeros((len(rows), 0), dtype=bool))
    if protocol.identical_texts == "apart":
        words, texts = words[texts.of_film], Texts(texts.texts, np.arange(len(rows)), np.arange(len(rows)))
    owners = rows[texts.first]
    reports = Side(
        words,
        np.zeros((len(owners), 0), dtype=bool),
        at.corpus.patients[owners],
        _named("report", at.corpus.ids[owners]),
        _unknown(films.groups, len(owners)),
    )
    how = "identical ones are one text, of the patient of its first film by id"
    how = how if protocol.identical_texts == "merged" else "identical ones stay apart, and tie"
    return films, reports, texts, f"the reports of {len(rows):,} films, {len(texts.texts):,} different ones; {how}"


def _by_study(at: Evaluation, rows: Rows, protocol: Retrieval) -> tuple[dict[str, Answers], str]:
    films, reports, texts, how = _study_sides(at, rows, protocol)
    pairs = np.stack([np.arange(len(rows)), texts.of_film], axis=1)
    there, back = best_places(_numbers(films.z), _numbers(reports.z), pairs, at.device)
    own = np.ones(len(rows), dtype=np.int64), np.bincount(texts.of_film, minlength=len(reports.z))
    every = {
        "image to text": (films, reports, there, own[0]),
        "text to image": (reports, films, back, own[1]),
    }
    return {name: _places_of(*every[name]) for name in protocol.directions}, how


def _places_of(queries: Side, candidates: Side, place: Place, relevant: Rows) -> Answers:
    n = len(candidates.z)
    columns = {f"hit@{k}": expected_hit(*place, k) for k in HITS} | {"rank": expected_rank(*place)}
    chance = {f"r@{k}": _mean(expected_hit(0, n, relevant, k)) for k in HITS}
    chance |= {"mean-rank": _mean(expected_rank(0, n, relevant))}
    return _answers(queries, candidates, columns, chance)


def _by_class(
    at: Evaluation, rows: Rows, protocol: Retrieval, findings: tuple[str, ...]
) -> tuple[dict[str, Answers], str]:
    sides, how = _class_sides(at, rows, protocol, findings)
    return {direction: _cuts_of(*pair, at.device) for direction, pair in sides.items()}, how


def _class_sides(
    at: Evaluation, rows: Rows, protocol: Retrieval, findings: tuple[str, ...]
) -> tuple[dict[str, tuple[Side, Side]], str]:
    """Queries that have a class, and candidates, of each direction; and what the texts are."""
    corpus, marks = at.corpus, _marks(at.corpus, rows)
    shown = rows[marks == ""]
    stated = corpus.stated[shown][:, [corpus.classes.index(name) for name in findings]]
    films = _films(at, shown, stated == 1)  # an uncertain finding is none, whatever the policy: as published
    found: dict[str, tuple[Side, Side]] = {}
    texts, how = (films, "none") if protocol.directions == ("image to image",) else _texts(at, shown, films, protocol)
    for direction in protocol.directions:
        if direction == "image to image":
            asked = rows[marks != ""]
            queries = _films(at, asked, marks[marks != ""][:, None] == np.array(findings, dtype=object))
            found[direction] = (queries, films)
        else:
            found[direction] = (films, texts) if direction == "image to text" else (texts, films)
    return {name: (q.take(np.flatnonzero(q.classes.any(axis=1))), of) for name, (q, of) in found.items()}, how


def _texts(at: Evaluation, rows: Rows, films: Side, protocol: Retrieval) -> tuple[Side, str]:
    """The sentences, each a query of nobody but itself, or the films' reports, with all that is known of the films."""
    if protocol.sentences:
        classes = np.array([[name == f for f in protocol.findings] for name, _ in protocol.sentences])
        words = [text for _, text in protocol.sentences]
        ids = _named("sentence", words)
        z = at.model.embed_texts(words)
        return Side(z, classes, ids, ids, _unknown(films.groups, len(words))), f"{len(words)} sentences of the task"
    texts = different_texts(at.corpus, rows)
    z = at.model.embed_texts(texts.texts)[texts.of_film]
    how = f"the reports of {len(rows):,} films, {len(texts.texts):,} different ones; identical ones stay apart, and tie"
    return films._replace(z=z, id=_named("report", films.id)), how


def _cuts_of(queries: Side, candidates: Side, device: str) -> Answers:
    """NaN for queries whose classes no candidate has."""
    n = len(candidates.z)
    answerable = np.any(queries.classes & candidates.classes.any(axis=0), axis=1)
    found = cuts(
        _numbers(queries.z),
        _numbers(candidates.z),
        queries.classes,
        candidates.classes,
        sorted({*HITS, *PRECISIONS}),
        device,
    )
    relevant = _relevant(queries.classes, candidates.classes)
    columns: dict[str, Floats] = {}
    chance: dict[str, float | None] = {}
    for k in HITS:
        sure = found[k].relevant_above > 0 if k in found else np.ones(len(relevant), dtype=bool)
        open_ = expected_hit(found[k].above, found[k].tied, found[k].relevant_tied, k) if k in found else np.nan
        columns[f"hit@{k}"] = np.where(answerable, np.where(sure, 1, np.nan_to_num(open_)), np.nan)
        chance[f"r@{k}"] = _mean(expected_hit(0, n, relevant, k))
    for k in PRECISIONS:
        share = expected_precision(*found[k], k) if k in found else np.nan
        columns[f"precision@{k}"] = np.where(answerable, share, np.nan)
        chance[f"p@{k}"] = _mean(np.where(answerable & (k <= n), relevant / n, np.nan))
    return _answers(queries, candidates, columns, chance)


def _relevant(queries: NDArray[np.bool_], candidates: NDArray[np.bool_]) -> Rows:
    """How many candidates (m, c) share a class with each query (n, c)."""
    kinds, kind_of = np.unique(queries, axis=0, return_inverse=True)
    counts = np.array([(candidates & kind).any(axis=1).sum() for kind in kinds], dtype=np.int64)
    return counts[kind_of.ravel()]


def _answers(
    queries: Side, candidates: Side, columns: Mapping[str, Floats], chance: Mapping[str, float | None]
) -> Answers:
    """With NaN wherever an embedding is not a number: of the query, or of any candidate."""
    undefined = np.isnan(queries.z).any(axis=1) | np.isnan(candidates.z).any()
    kept = {name: np.where(undefined, np.nan, column) for name, column in columns.items()}
    facts = {"queries": len(queries.z), "candidates": len(candidates.z), "chance": chance}
    return Answers(kept, queries.patient, queries.id, queries.groups, facts)


def _scores(found: Mapping[str, Answers]) -> Scores:
    """All queries behind one another: each fills the column of its direction, and is NaN in the others."""
    answers, directions = list(found.values()), tuple(found)
    columns = {}
    for name in answers[0].columns:
        blocks = []
        for k, one in enumerate(answers):
            blocks.append(np.full((len(one.id), len(directions)), np.nan))
            blocks[-1][:, k] = one.columns[name]
        columns[name] = np.concatenate(blocks)
    groups = {name: np.concatenate([one.groups[name] for one in answers]) for name in answers[0].groups}
    patient, ids = (np.concatenate([getattr(one, name) for one in answers]) for name in ("patient", "id"))
    return Scores(columns, patient, ids, directions, groups)


def _films(at: Evaluation, rows: Rows, classes: NDArray[np.bool_]) -> Side:
    corpus = at.corpus
    return Side(at.embed(rows), classes, corpus.patients[rows], corpus.ids[rows], groups_of(corpus, rows))


def different_texts(corpus: Corpus, rows: Rows) -> Texts:
    """The reports of rows that all have one, blanks apart; in no order of the rows."""
    words = [_words(report) for report in corpus.reports[rows]]
    texts = sorted(set(words))
    number = {text: k for k, text in enumerate(texts)}
    of_film = np.array([number[text] for text in words], dtype=np.int64)
    by_id = np.array(sorted(range(len(rows)), key=lambda i: str(corpus.ids[rows[i]])), dtype=np.int64)
    _, first = np.unique(of_film[by_id], return_index=True)
    return Texts(texts, of_film, by_id[first])


def _words(report: str | None) -> str:
    """A report with single blanks between its words; '' for none."""
    return " ".join(report.split()) if report else ""


def _marks(corpus: Corpus, rows: Rows) -> Names:
    """The class of a film that is a query, '' for the others."""
    return corpus.attributes[QUERY][rows] if QUERY in corpus.attributes else np.full(len(rows), "", dtype=object)


def _needs_reports(protocol: Retrieval) -> bool:
    return not protocol.sentences and set(protocol.directions) != {"image to image"}


def _named(what: str, names: Sequence[object] | Names) -> Names:
    return np.array([f"{what}: {name}" for name in names], dtype=object)


def _unknown(groups: Mapping[str, Names], n: int) -> dict[str, Names]:
    return {name: np.full(n, "", dtype=object) for name in groups}


def _numbers(z: Matrix) -> Matrix:
    """With 0 for NaN; what comes of these rows is undefined, and left out by `_answers`."""
    return np.nan_to_num(z) if np.isnan(z).any() else z


def _mean(values: Floats) -> float | None:
    """None where all are NaN."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else None
