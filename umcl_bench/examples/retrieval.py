"""What is nearest to a few queries: the texts or films themselves, hits and misses marked."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from umcl_bench.errors import DataError
from umcl_bench.examples.base import RULE, Asked, Shown, compared, drawn, short
from umcl_bench.metrics.ranking import HITS, expected_hit, expected_rank
from umcl_bench.protocols.base import Evaluation
from umcl_bench.protocols.retrieval import Search, Side, findings_of, searches
from umcl_bench.protocols.top_k import exact_cosines
from umcl_bench.records.plots.films import Answer, Found, Item, gallery

WHOLE = True
NEAREST = 5
HOW = (
    f"queries, {RULE}, with the {NEAREST} of all candidates that are nearest to each, and their cosines. A relevant "
    "one is a HIT in a whole frame, another a miss in a dotted one; in a search by class, films and texts have their "
    "classes below. Equal cosines stand in the order of ids, and ranks are expected ones"
)


class Ranked(NamedTuple):
    """A query by its id, its answer, and its scores as made again and as on record, by their column."""

    id: str
    answer: Answer
    remade: dict[str, float]
    stored: dict[str, float]


def draw(asked: Asked) -> list[Shown]:
    """A gallery for each direction: queries drawn by the rule, and the five candidates nearest to each."""
    shown = []
    for direction, found in ranked(asked).items():
        if not found:
            continue
        name = f"{asked.name}-{direction.replace(' ', '-')}"
        gallery([one.answer for one in found], f"{asked.title}: {direction}", asked.folder, name)
        remade = {f"{column} of {one.id}": value for one in found for column, value in one.remade.items()}
        stored = {f"{column} of {one.id}": value for one in found for column, value in one.stored.items()}
        shown.append(Shown(name, f"{direction}, {HOW}", compared(remade, stored)))
    return shown


def ranked(asked: Asked) -> dict[str, list[Ranked]]:
    """The chosen queries of each direction. Raises DataError for one that the data do not have any more."""
    scores, found = asked.parts[asked.part], {}
    row_of = {str(id_): row for row, id_ in enumerate(asked.at.corpus.ids)}
    for number, (direction, search) in enumerate(searches(asked.task, asked.at).items()):
        column = scores.classes.index(direction)
        columns = {name: values[:, column] for name, values in scores.columns.items()}
        columns = {name: columns[name] for name in (*(f"hit@{k}" for k in HITS), "rank") if name in columns}
        known = np.flatnonzero(~np.isnan(columns[f"hit@{HITS[0]}"]))
        place = {str(scores.id[row]): row for row in known.tolist()}
        found[direction] = [
            _rank(asked, search, row_of, id_, {name: float(of[place[id_]]) for name, of in columns.items()})
            for id_ in drawn(place, asked.count, number)
        ]
    return found


def _rank(asked: Asked, search: Search, row_of: dict[str, int], id_: str, stored: dict[str, float]) -> Ranked:
    queries, candidates, corpus = search.queries, search.candidates, asked.at.corpus
    at_query = np.flatnonzero(queries.id.astype(str) == id_)
    if not len(at_query):
        raise DataError(f"{corpus.source} has no query {id_} any more, which the record scored")
    query = int(at_query[0])
    cosines = exact_cosines(queries.z[query : query + 1], candidates.z)[0]
    relevant = search.relevant(query)
    best = cosines[relevant].max()
    place = int((cosines > best).sum()), int((cosines == best).sum()), int((relevant & (cosines == best)).sum())
    remade = {f"hit@{k}": float(expected_hit(*place, k)) for k in HITS} | {"rank": float(expected_rank(*place))}
    nearest = np.lexsort((candidates.id.astype(str), -cosines))[:NEAREST].tolist()
    item = partial(_item, asked.at, row_of, findings_of(asked.task, corpus))
    answer = Answer(
        item(queries, query),
        [Found(item(candidates, c), float(cosines[c]), bool(relevant[c])) for c in nearest],
        f"first hit: {remade['rank']:g} of {len(cosines):,}",
    )
    return Ranked(id_, answer, {name: remade[name] for name in stored}, stored)


def _item(at: Evaluation, row_of: dict[str, int], findings: tuple[str, ...], side: Side, number: int) -> Item:
    """A film, a film's report, or a sentence, by the id that the protocol has for it; and its classes."""
    id_ = str(side.id[number])
    kind, _, name = id_.partition(": ")
    classes = ", ".join(findings[k] for k in np.flatnonzero(side.classes[number]))
    if kind == "sentence":
        return Item(kind, classes, text=name)
    if kind == "report":
        text = " ".join(str(at.corpus.reports[row_of[name]]).split())
        return Item(f"report of {short(name)}", classes, text=text)
    return Item(short(id_), classes, at.films[row_of[id_]])
