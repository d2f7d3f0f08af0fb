"""The same corpus told otherwise: what a score must not depend on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Corpus, Pixels, Rows
from umcl_bench.spec import PAD, Geometry


def reversed_classes(corpus: Corpus) -> Corpus:
    """With its columns of labels in reverse order."""
    return dataclasses.replace(corpus, classes=corpus.classes[::-1], stated=corpus.stated[:, ::-1])


def reordered(corpus: Corpus, order: Rows) -> Corpus:
    """With its rows in another order; masks and boxes, which no model sees, are left out."""
    place = np.argsort(order)
    prior = corpus.prior[order]
    return dataclasses.replace(
        corpus,
        ids=corpus.ids[order],
        patients=corpus.patients[order],
        splits=corpus.splits[order],
        views=corpus.views[order],
        reports=corpus.reports[order],
        stated=corpus.stated[order],
        pixels=_Reordered(corpus.pixels, tuple(order.tolist())),
        prior=np.where(prior < 0, -1, place[prior]),
        masks=None,
        has_mask=None,
        has_image=None if corpus.has_image is None else corpus.has_image[order],
        boxes=(),
        attributes={name: column[order] for name, column in corpus.attributes.items()},
    )


@dataclass(frozen=True)
class _Reordered:
    pixels: Pixels
    order: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        return f"{self.pixels.fingerprint} reordered"

    def __len__(self) -> int:
        return len(self.order)

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        return self.pixels.read(self.order[row], size, geometry)
