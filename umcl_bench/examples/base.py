"""What pictures of films are made from, and how examples are chosen and compared with what is on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.data.masks import BoxMasks
from umcl_bench.errors import DataError
from umcl_bench.metrics.scores import Parts
from umcl_bench.protocols.base import Evaluation
from umcl_bench.spec import PAD, Geometry, Task

TOLERANCE = 1e-6
SEED = 0
RULE = f"drawn by a generator of seed {SEED}, whatever was scored"


@dataclass(frozen=True)
class Asked:
    """A run on record to show films of: its scores by part, the part of the headline, and where pictures go.

    `count` films are shown of each class or direction. Pictures are called `name` and what they are.
    """

    task: Task
    at: Evaluation
    parts: Parts
    part: str
    count: int
    title: str
    folder: Path
    name: str


class Shown(NamedTuple):
    """A picture that was drawn: its file's name without an ending, what it shows, and how scores compare."""

    name: str
    how: str
    check: str


def drawn(ids: Iterable[object], count: int, *stream: int) -> list[str]:
    """At most `count` of these, drawn without replacement from their sorted order; in sorted order."""
    known = sorted(set(map(str, ids)))
    rng = np.random.default_rng([SEED, *stream])
    return sorted(rng.choice(known, min(count, len(known)), replace=False).tolist()) if known else []


def rows_of(corpus: Corpus, ids: Sequence[str]) -> Rows:
    """The rows of ids. Raises DataError for one that the corpus does not have."""
    place = {str(id_): row for row, id_ in enumerate(corpus.ids)}
    missing = [name for name in ids if name not in place]
    if missing:
        raise DataError(f"{corpus.source} has no film {missing[0]} any more, which the record scored")
    return np.array([place[name] for name in ids], dtype=np.int64)


def short(name: str) -> str:
    """An id that fits above a film."""
    name = name.rpartition("/")[2] or name
    return name if len(name) <= 22 else f"{name[:8]}…{name[-13:]}"


def compared(remade: Mapping[str, float], stored: Mapping[str, float]) -> str:
    """What a caption says of scores that were made again, against those on record, by what they are of."""
    apart = {what: abs(remade[what] - stored[what]) for what in stored}
    far = {what: by for what, by in apart.items() if not by <= TOLERANCE}  # NaN is far, too
    if not far:
        return f"All {len(stored)} scores of what is shown were made again, and are those on record"
    most = max(far, key=lambda what: far[what] if far[what] == far[what] else np.inf)
    return (
        f"MADE AGAIN, {len(far)} of {len(stored)} scores of what is shown ARE NOT THOSE ON RECORD: {most} was "
        f"{stored[most]:.6f} and is {remade[most]:.6f}"
    )


def outline_of(corpus: Corpus, row: int, finding: str, size: int, geometry: Geometry) -> NDArray[np.bool_] | None:
    """Where the source says that a finding is, as (size, size): its boxes, or else the film's mask; None for neither.

    Boxes are fractions of a film, whose shape a corpus does not know: they are drawn on square films alone.
    """
    boxes = tuple(box for box in corpus.boxes[row] if box.finding == finding) if len(corpus.boxes) else ()
    if boxes and _is_square(corpus, row):
        return BoxMasks((boxes,), 1024, 1024).read(0, size, geometry) > 127
    if corpus.masks is None or (corpus.has_mask is not None and not corpus.has_mask[row]):
        return None
    return np.asarray(corpus.masks.read(row, size, geometry) > 127)


def _is_square(corpus: Corpus, row: int) -> bool:
    """Whether a film that is stretched to a square is the same as one that is padded to it."""
    return bool(np.array_equal(corpus.pixels.read(row, 64, PAD), corpus.pixels.read(row, 64, Geometry(fit="stretch"))))
