"""Where on a film its patches are like a phrase, with the phrase's boxes."""

from __future__ import annotations

import textwrap

import numpy as np

from umcl_bench.errors import UsageError
from umcl_bench.examples.base import RULE, Asked, Shown, compared, drawn, rows_of
from umcl_bench.protocols.grounding import cosine_maps, located
from umcl_bench.records.plots.films import Map, MapRow, heat_maps
from umcl_bench.spec import Grounding

WHOLE = False
FINDINGS = 5


def draw(asked: Asked) -> list[Shown]:
    """One picture: a row a finding, phrases about it. Raises BenchError for a model whose patches say nothing."""
    protocol, scores, at = asked.task.protocol, asked.parts[asked.part], asked.at
    assert isinstance(protocol, Grounding)
    known = ~np.isnan(scores.columns["cnr"])
    if not known.any():
        raise UsageError("no phrase that was scored has a contrast")
    rows: list[MapRow] = []
    remade: dict[str, float] = {}
    stored: dict[str, float] = {}
    for k in [int(k) for k in drawn([f"{k:04d}" for k in np.flatnonzero(known.any(axis=0))], FINDINGS, 0)]:
        ids = drawn(scores.id[known[:, k]], asked.count, 1, k)
        place = {str(id_): row for row, id_ in enumerate(scores.id)}
        stored |= {f"the contrast of {id_}": float(scores.columns["cnr"][place[id_], k]) for id_ in ids}
        films, masks, size = rows_of(at.corpus, ids), at.corpus.masks, at.image.size
        assert masks is not None
        boxes = [masks.read(int(row), size, at.image.geometry) > 127 for row in films]
        maps, _ = cosine_maps(at, films, protocol.stride)
        found = list(located(at, protocol, films, maps, boxes))
        remade |= {f"the contrast of {id_}": one.cnr for id_, (_, one) in zip(ids, found, strict=True)}
        titles = [
            "\n".join(textwrap.wrap(str(at.corpus.reports[row]), 34, max_lines=3, placeholder=" …"))
            + f"\ncontrast {one.cnr:.2f}"
            for row, (_, one) in zip(films, found, strict=True)
        ]
        each = zip(at.films[films], found, boxes, titles, strict=True)
        shown = [Map(film, whole, box, title) for film, (whole, _), box, title in each]
        rows.append(MapRow(scores.classes[k], "cosine with the phrase", shown, signed=False))
    name = f"{asked.name}-maps"
    heat_maps(rows, asked.title, asked.folder, name)
    how = (
        f"Cosines of a film's patches with a phrase, {RULE}, as the task makes and scores them; outlined: the phrase's "
        "boxes. Each row has one scale of colours"
    )
    return [Shown(name, how, compared(remade, stored))]
