"""True and predicted masks of a few films, by the decoder of the headline, fitted again as the run fitted it."""

from __future__ import annotations

from typing import NamedTuple

from umcl_bench.examples.base import RULE, Asked, Shown, compared, drawn, rows_of, short
from umcl_bench.metrics.overlap import film_dice
from umcl_bench.metrics.scores import Scores
from umcl_bench.protocols.segmentation import count_pixels, films_of_shares, fit_share
from umcl_bench.records.plots.films import Outlined, overlays

WHOLE = True
EMPTY = 1
"""So many of the films have no true mask, where there are any."""


class Remade(NamedTuple):
    """Films with both masks, and each one's Dice as made again and as on record."""

    films: list[Outlined]
    remade: dict[str, float]
    stored: dict[str, float]


def draw(asked: Asked) -> list[Shown]:
    """One picture. Raises BenchError for a tower that can't be tuned."""
    found = remade(asked)
    name = f"{asked.name}-masks"
    overlays(found.films, asked.title, asked.folder, name)
    how = (
        f"Films with a true mask, and {EMPTY} without where there are any, {RULE}: alone, and with the true mask and "
        f"that of the decoder of {asked.part}, which was fitted again for this picture by the run's seed"
    )
    return [Shown(name, how, compared(found.remade, found.stored))]


def remade(asked: Asked) -> Remade:
    """Fits the decoder of the headline's part again, and predicts the masks of the chosen films."""
    scores, at, task = asked.parts[asked.part], asked.at, asked.task
    ids = chosen(scores, asked.count)
    rows = rows_of(at.corpus, ids)
    share, train = next((s, t) for s, t in films_of_shares(task, at.corpus).items() if s.part == asked.part)
    at.reporter.say(f"fitting the decoder of {share.part} again, as the run did, for pictures of its masks")
    predict, _ = fit_share(task, at, share, train)
    films, truth = at.films[rows], at.masks(rows)
    predicted = predict(films)
    dice = film_dice(count_pixels(predicted, truth))[:, 0]
    place = {str(id_): row for row, id_ in enumerate(scores.id)}
    on_record = film_dice(scores.columns)[[place[id_] for id_ in ids], 0]
    each = zip(
        films, truth, predicted, [f"{short(i)}\nDice {d:.3f}" for i, d in zip(ids, dice, strict=True)], strict=True
    )
    return Remade(
        [Outlined(*of) for of in each],
        {f"the Dice of {id_}": float(d) for id_, d in zip(ids, dice, strict=True)},
        {f"the Dice of {id_}": float(d) for id_, d in zip(ids, on_record, strict=True)},
    )


def chosen(scores: Scores, count: int) -> list[str]:
    """Ids of `count` films with a true mask, and of EMPTY without."""
    true = scores.columns["true"][:, 0]
    return drawn(scores.id[true > 0], count, 0) + drawn(scores.id[true == 0], EMPTY, 1)
