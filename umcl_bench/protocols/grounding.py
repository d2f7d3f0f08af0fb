"""Phrase grounding: where on a film a phrase is, by the cosines of its patches (BioViL: Boecking et al. 2022).

From the released code (hi-ml-multimodal, vlp/inference_engine.py): the cosines of the phrase with the film's patches
are smoothed on the grid of patches, by scipy's Gaussian of 1.5 patches of 15, and enlarged to the film; what was cut
off of the film does not count. The metrics are not in that code (metrics/localisation.py).

Here the Gaussian is the same share of the film's side, a tenth, whatever the grid. ResNets see films of 64 to 224
pixels on a finer grid than their own 2 x 2 to 7 x 7; BioViL's 15 x 15 comes from 480. Map and boxes are compared at the
model's size, BioViL's at the film's own. Padding does not count either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.masks import BoxMasks
from umcl_bench.errors import UsageError
from umcl_bench.metrics.localisation import Localised, localise
from umcl_bench.metrics.scores import Floats, Scores
from umcl_bench.protocols.base import (
    Evaluation,
    Outcome,
    film_rows,
    groups_of,
    labelled_findings,
    need,
    truth_of,
)
from umcl_bench.spec import Baseline, Grounding, Task
from umcl_bench.spec.protocols.grounding import Interpolation

_BLOCK = 64
"""Films at a time: patches are many times what a film's embedding is."""


def _protocol(task: Task) -> Grounding:
    assert isinstance(task.protocol, Grounding)
    return task.protocol


def findings_of(task: Task, corpus: Corpus) -> tuple[str, ...]:
    """None: a finding's label is not what is scored, its place is."""
    return ()


def check(task: Task, corpus: Corpus) -> Rows:
    """The rows to score: films with a phrase, its boxes as a mask, and the finding that it is about.

    Raises UsageError where there are none.
    """
    findings = labelled_findings(task, _protocol(task).findings, corpus)
    rows = film_rows(task, corpus)
    if corpus.masks is not None:
        spoken = np.array([text is not None for text in corpus.reports[rows]], dtype=bool)
        shown = np.ones(len(rows), dtype=bool) if corpus.has_mask is None else corpus.has_mask[rows]
        rows = rows[spoken & shown & (truth_of(corpus, rows, findings) == 1).any(axis=1)]
    if corpus.masks is None or not len(rows):
        raise UsageError(
            f"task {task.name} needs {task.split} rows with a film, a phrase as their report, a finding, and a mask of "
            f"where the phrase is; {corpus.source} has none. MS-CXR has them."
        )
    return rows


def check_model(task: Task, baseline: Baseline) -> None:
    """A phrase needs a text tower. Raises UsageError."""
    need(task, baseline, "text tower")


def run(task: Task, at: Evaluation) -> Outcome:
    """Contrast, pointing and overlap of each phrase, in the columns of its findings."""
    rows, protocol = check(task, at.corpus), _protocol(task)
    findings = labelled_findings(task, protocol.findings, at.corpus)
    maps, films = cosine_maps(at, rows, protocol.stride)
    size, stretch = at.films.shape[1], protocol.scale == "stretched"
    found = [one for _, one in located(at, protocol, rows, maps, at.masks(rows))]
    facts: dict[str, object] = {
        "map": f"cosines on a grid of {maps.shape[1]} x {maps.shape[2]} patches, sigma {protocol.sigma:g} of the side, "
        f"{protocol.interpolation} to {size} pixels",
        "films": films,
        "marked": f"above {', '.join(map(str, protocol.thresholds))} of the "
        + ("map stretched to -1 to 1" if stretch else "cosine"),
        "phrases whose boxes are cut off": int(np.isnan([one.pointing for one in found]).sum()),
    }
    return Outcome({"": _scores(at.corpus, rows, findings, found)}, facts, unit="phrases")


def located(
    at: Evaluation, protocol: Grounding, rows: Rows, maps: Floats, boxes: Iterable[NDArray[np.bool_]]
) -> Iterator[tuple[Floats, Localised]]:
    """Each row's map of patches over its film, and what it says of its phrase, whose boxes are a mask (s, s)."""
    for one, mask, film in zip(maps, boxes, _film_areas(at, rows), strict=True):
        whole = film_map(one, at.films.shape[1], protocol)
        yield whole, localise(whole, mask, film, protocol.thresholds, stretch=protocol.scale == "stretched")


def _scores(corpus: Corpus, rows: Rows, findings: Sequence[str], found: Sequence[Localised]) -> Scores:
    about = truth_of(corpus, rows, findings) == 1
    columns = {
        name: np.where(about, np.array([getattr(one, name) for one in found])[:, None], np.nan)
        for name in Localised._fields
    }
    return Scores(columns, corpus.patients[rows], corpus.ids[rows], tuple(findings), groups_of(corpus, rows))


def cosine_maps(at: Evaluation, rows: Rows, stride: int) -> tuple[Floats, int]:
    """The cosines (len(rows), h, w) of each row's phrase with its film's patches, and how many films there are.

    A film's patches are computed once, however many phrases it has.
    """
    texts = list(dict.fromkeys(map(str, at.corpus.reports[rows])))
    place = {text: number for number, text in enumerate(texts)}
    phrases = at.model.embed_texts(texts).astype(np.float64)
    number = np.array([place[str(text)] for text in at.corpus.reports[rows]])
    first, film_of = _films(at.corpus, rows)
    blocks = []
    with at.reporter.track(f"grounding {len(rows)} phrases", len(first)) as tick:
        for start in range(0, len(first), _BLOCK):
            block = slice(start, start + _BLOCK)
            chosen = np.flatnonzero((film_of >= start) & (film_of < start + _BLOCK))
            patches = at.model.embed_patches(at.films[rows[first[block]]], stride).astype(np.float64)
            maps = np.einsum("nhwd,nd->nhw", patches[film_of[chosen] - start], phrases[number[chosen]])
            blocks.append((chosen, maps))
            tick(len(patches))
    order = np.argsort(np.concatenate([chosen for chosen, _ in blocks]))
    return np.concatenate([maps for _, maps in blocks])[order], len(first)


def _films(corpus: Corpus, rows: Rows) -> tuple[Rows, Rows]:
    """Where in `rows` each film comes first, and which of these films each of `rows` is of."""
    names = corpus.attributes["film"][rows] if "film" in corpus.attributes else corpus.ids[rows]
    _, first, film_of = np.unique(names.astype(str), return_index=True, return_inverse=True)
    return first, film_of


def film_map(found: Floats, size: int, protocol: Grounding) -> Floats:
    """A map (h, w) of patches, smoothed and enlarged to the square (size, size) that the model sees."""
    return enlarge(smooth(found, protocol.sigma), size, protocol.interpolation)


def smooth(found: Floats, sigma: float) -> Floats:
    """A map (h, w) smoothed by scipy's Gaussian, mirrored at its edges; `sigma` is a share of its sides."""
    from scipy.ndimage import gaussian_filter

    smoothed: Floats = gaussian_filter(found, [sigma * side for side in found.shape]) if sigma else found
    return smoothed


def enlarge(found: Floats, size: int, interpolation: Interpolation) -> Floats:
    """A map (h, w) over the square of (size, size) pixels that the model sees."""
    import torch
    from torch.nn.functional import interpolate

    corners = False if interpolation == "bilinear" else None
    whole = interpolate(torch.from_numpy(found)[None, None], (size, size), mode=interpolation, align_corners=corners)
    enlarged: Floats = whole[0, 0].numpy()
    return enlarged


def _film_areas(at: Evaluation, rows: Rows) -> Iterator[NDArray[np.bool_]]:
    """Where each square shows the film, and not padding: all of it where masks do not say how large the film was."""
    masks, size = at.corpus.masks, at.films.shape[1]
    whole = np.ones((size, size), dtype=bool)
    for row in rows.tolist():
        yield masks.film(row, size, at.image.geometry) if isinstance(masks, BoxMasks) else whole
