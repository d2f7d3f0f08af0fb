"""Where on a film its patches are like a finding's prompt: the score's own cosines, place by place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from umcl_bench.data.corpus import Rows
from umcl_bench.errors import UsageError
from umcl_bench.examples.base import RULE, Asked, Shown, compared, drawn, outline_of, rows_of, short
from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.protocols.base import Evaluation
from umcl_bench.protocols.grounding import film_map
from umcl_bench.protocols.zero_shot import pair_probability, prompts_of
from umcl_bench.records.plots.films import Map, MapRow, heat_maps
from umcl_bench.spec import Grounding, ZeroShot

WHOLE = False
Score = Callable[[Floats], Floats]
"""Patches (h, w, d) -> a number for each (h, w)."""

FINDINGS = 5
"""So many findings at most have a row."""

GROUNDING = Grounding()
"""Maps are made as those of grounding tasks are."""


def draw(asked: Asked) -> list[Shown]:
    """One picture: a row a finding, films that have it. Raises BenchError for a model whose patches say nothing."""
    protocol, scores = asked.task.protocol, asked.parts[asked.part]
    assert isinstance(protocol, ZeroShot)
    pair = prompts_of(asked.at.model, protocol, scores.classes)
    difference = pair.positive.astype(np.float64) - pair.negative.astype(np.float64)
    rows: list[MapRow] = []
    remade: dict[str, float] = {}
    stored: dict[str, float] = {}
    for k, ids in positives(scores, asked.count).items():
        finding, films = scores.classes[k], rows_of(asked.at.corpus, ids)
        value = pair_probability(asked.at.embed(films), pair, protocol.temperature)[:, k]
        remade |= {f"p({finding}) of {id_}": float(p) for id_, p in zip(ids, value, strict=True)}
        stored |= values_of(scores, k, ids)
        titles = [f"{short(id_)}\np = {p:.3f}" for id_, p in zip(ids, value, strict=True)]
        maps = maps_of(asked.at, films, finding, titles, partial(_toward, difference[k]))
        rows.append(MapRow(finding, "cosine with present minus cosine with absent", maps, signed=True))
    name = f"{asked.name}-maps"
    heat_maps(rows, asked.title, asked.folder, name)
    return [Shown(name, how("with a finding as present minus that as absent"), compared(remade, stored))]


def _toward(direction: Floats, patches: Floats) -> Floats:
    return np.asarray(patches @ direction)


def positives(scores: Scores, count: int) -> dict[int, list[str]]:
    """Films with a finding, by the number of its class: at most `count` of each, of at most FINDINGS.

    Raises UsageError where no film has any.
    """
    shown = (scores.target == 1) & ~np.isnan(scores.value)
    having = np.flatnonzero(shown.any(axis=0))
    if not len(having):
        raise UsageError("no film that was scored has a finding")
    chosen = [int(k) for k in drawn([f"{k:04d}" for k in having], FINDINGS, 0)]
    return {k: drawn(scores.id[shown[:, k]], count, 1, k) for k in chosen}


def values_of(scores: Scores, k: int, ids: Sequence[str]) -> dict[str, float]:
    """The values of films for class `k`, by what they are of."""
    place = {str(id_): row for row, id_ in enumerate(scores.id)}
    return {f"p({scores.classes[k]}) of {id_}": float(scores.value[place[id_], k]) for id_ in ids}


def maps_of(at: Evaluation, films: Rows, finding: str, titles: Sequence[str], score: Score) -> list[Map]:
    """Films under what `score` says of their patches (h, w, d) -> (h, w)."""
    pixels = at.films[films]
    patches = at.model.embed_patches(pixels, GROUNDING.stride).astype(np.float64)
    size, geometry = at.image.size, at.image.geometry
    return [
        Map(film, film_map(score(of), size, GROUNDING), outline_of(at.corpus, int(row), finding, size, geometry), title)
        for film, of, row, title in zip(pixels, patches, films, titles, strict=True)
    ]


def how(of_what: str) -> str:
    """What a picture of maps shows."""
    return (
        f"Cosines of a film's patches {of_what}, on films that have it, {RULE}; patches are at most "
        f"{GROUNDING.stride} pixels apart where the tower can, smoothed by a Gaussian of {GROUNDING.sigma:.0%} of the "
        "film's side and enlarged, as for grounding. Each row has one scale of colours. Outlined are the source's "
        "boxes of the finding, or else its mask of the film, which may be of another finding"
    )
