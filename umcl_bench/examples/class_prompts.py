"""Where on a film its patches are like the prompts of its class."""

from __future__ import annotations

import dataclasses

import numpy as np

from umcl_bench.examples.base import Asked, Shown, compared, rows_of, short
from umcl_bench.examples.zero_shot import Score, how, maps_of, positives, values_of
from umcl_bench.metrics.scores import Floats
from umcl_bench.models.base import Matrix
from umcl_bench.protocols.class_prompts import class_scores, prompts_of_runs, run
from umcl_bench.records.plots.films import MapRow, heat_maps
from umcl_bench.spec import ClassPrompts

WHOLE = True
"""A film's value may depend on all the others, so all are scored again."""


def draw(asked: Asked) -> list[Shown]:
    """One picture: a row a class, its films. Raises BenchError for a model whose patches say nothing."""
    protocol, scores = asked.task.protocol, asked.parts[asked.part]
    assert isinstance(protocol, ClassPrompts)
    texts = prompts_of_runs(protocol, scores.classes)[asked.part]
    prompts = asked.at.model.embed_classes([name.lower() for name in scores.classes], texts).each
    again = run(asked.task, asked.at).parts[asked.part]
    rows: list[MapRow] = []
    remade: dict[str, float] = {}
    stored: dict[str, float] = {}
    for k, ids in positives(scores, asked.count).items():
        now = values_of(again, k, ids)
        remade, stored = remade | now, stored | values_of(scores, k, ids)
        titles = [f"{short(id_)}\np = {p:.3f}" for id_, p in zip(ids, now.values(), strict=True)]
        films = rows_of(asked.at.corpus, ids)
        maps = maps_of(asked.at, films, scores.classes[k], titles, _score(prompts[k], protocol))
        rows.append(MapRow(scores.classes[k], "cosine with the prompts of the class", maps, signed=False))
    name = f"{asked.name}-maps"
    heat_maps(rows, asked.title, asked.folder, name)
    pooled = "the highest" if protocol.pooling == "max" else "the mean"
    return [Shown(name, how(f"with the prompts of a class, {pooled} over these"), compared(remade, stored))]


def _score(prompts: Matrix, protocol: ClassPrompts) -> Score:
    """The cosines of patches (h, w, d) with a class's prompts (p, d), pooled as a film's are."""
    plain = dataclasses.replace(protocol, z_score=False)

    def score(patches: Floats) -> Floats:
        flat = patches.reshape(-1, patches.shape[-1])
        return np.asarray(class_scores(flat, [prompts], plain).reshape(patches.shape[:2]))

    return score
