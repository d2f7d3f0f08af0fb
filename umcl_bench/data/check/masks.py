"""What is wrong with masks: another size than the film's, grey values between, empty, or boxes and no outlines."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from umcl_bench.data.check.films import header_size
from umcl_bench.data.check.report import Finding, listed
from umcl_bench.data.corpus import LATERAL, Corpus, Rows
from umcl_bench.data.images import FORMATS, MAX_PIXELS, FilePixels
from umcl_bench.progress import Reporter

_BOX_EDGES = 8
_MOSTLY = 0.9


class _Seen(NamedTuple):
    id: str
    size: tuple[int, int] | None
    film: tuple[int, int] | None
    values: tuple[int, ...] = ()
    empty: bool = False
    boxes: bool = False


def check_masks(
    corpus: Corpus, films: FilePixels, masks: FilePixels, rows: Rows, reporter: Reporter
) -> tuple[list[Finding], dict[str, Any]]:
    """Findings about the masks of `rows`, read at their own size, and facts about all of them."""
    seen = []
    with reporter.track(f"reading {len(rows)} masks", len(rows)) as tick:
        for row in rows:
            seen.append(_look(str(corpus.ids[row]), masks, films, row))
            tick()
    found = [mask for mask in seen if mask.size is not None]
    drawn = [mask for mask in found if not mask.empty]
    boxes = [mask.id for mask in drawn if mask.boxes]
    greys = [f"{m.id}: {', '.join(map(str, m.values[:5]))}" for m in found if set(m.values) - {0, 255}]
    odd = [f"{m.id}: {_by(m.size)}, film {_by(m.film)}" for m in found if m.film and m.film != m.size]
    findings = [
        *listed("error", "mask-unreadable", "masks that can't be read", [m.id for m in seen if m.size is None]),
        *listed("warning", "mask-size", "masks of another size than their film", odd),
        *listed("warning", "mask-values", "masks with values other than 0 and 255", greys),
        *listed("note", "mask-empty", f"masks that are empty, of {len(found):,}", [m.id for m in found if m.empty]),
    ]
    if boxes and len(boxes) >= _MOSTLY * len(drawn):
        findings += listed("note", "mask-boxes", f"masks that are boxes, not outlines, of {len(drawn):,} drawn", boxes)
    return findings, {"masks": _counts(corpus, masks.paths, len(rows))}


def _counts(corpus: Corpus, masks: Sequence[str], looked: int) -> str:
    has = np.array([bool(path) for path in masks])
    lateral = np.array([str(view).casefold() in LATERAL for view in corpus.views])
    text = f"{has.sum():,} of {len(corpus):,} rows, {looked:,} looked at"
    return text + (f"; {(has & lateral).sum():,} of {lateral.sum():,} lateral films have one" if lateral.any() else "")


def _look(name: str, masks: FilePixels, films: FilePixels, row: int) -> _Seen:
    size = header_size(masks, row)
    if size is None or size[0] * size[1] > MAX_PIXELS:
        return _Seen(name, None, None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(masks.root / masks.paths[row], formats=FORMATS) as image:
                mask = np.asarray(image.convert("L"))
    except (OSError, ValueError, SyntaxError):
        return _Seen(name, None, None)
    values = tuple(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist())
    return _Seen(name, size, header_size(films, row), values, not mask.any(), _is_boxes(mask > 127))


def _is_boxes(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask is a few upright boxes: then few of its rows differ from the row above."""
    down, right = (np.diff(mask, axis=axis).any(axis=1 - axis).sum() for axis in (0, 1))
    return bool(mask.any() and down <= _BOX_EDGES and right <= _BOX_EDGES)


def _by(size: tuple[int, int] | None) -> str:
    return f"{size[0]} x {size[1]}" if size else "?"
