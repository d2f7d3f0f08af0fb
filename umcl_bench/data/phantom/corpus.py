"""The phantom as a corpus: its studies, reports and labels as columns; films, masks and boxes drawn when asked for."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Box, Corpus
from umcl_bench.data.images import frame
from umcl_bench.data.phantom.reports import report_style, write_report
from umcl_bench.data.phantom.studies import VERSION, PhantomSpec, Study, all_studies
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.spec import PAD, Geometry

LUNGS = "lungs"
"""What masks are of that show no finding."""


@dataclass(frozen=True)
class Chosen:
    """Rows of a phantom, all of them where `rows` is None; `findings`: for each the one that it is about, or ''."""

    spec: PhantomSpec
    rows: tuple[int, ...] | None = None
    findings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The spec's, with the rows and findings that were chosen."""
        if self.rows is None and not self.findings:
            return self.spec.fingerprint
        return _digest(self.spec.fingerprint, repr(self.rows), *self.findings)

    def __len__(self) -> int:
        return len(all_studies(self.spec)) if self.rows is None else len(self.rows)

    def study(self, row: int) -> Study:
        """The study of a row."""
        return all_studies(self.spec)[row if self.rows is None else self.rows[row]][2]

    def finding(self, row: int) -> str:
        """What a row is about, '' for all findings."""
        return self.findings[row] if self.findings else ""


@dataclass(frozen=True)
class PhantomPixels(Chosen):
    """The films, or the lesion masks, of a phantom; drawn when asked for."""

    masks: bool = False

    @property
    def fingerprint(self) -> str:
        """That of the rows, marked where these are the masks."""
        return super().fingerprint + ("-masks" if self.masks else "")

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Film or mask `row` as (size, size): drawn at the size that the geometry asks for, then framed by it."""
        from umcl_bench.data.phantom.render import draw_film, draw_finding_mask, draw_lung_mask, draw_mask

        study, finding, side = self.study(row), self.finding(row), geometry.resize or size
        if not self.masks:
            return frame(draw_film(study, side), size, geometry)
        if finding == LUNGS:
            mask = draw_lung_mask(study, side)
        else:
            mask = draw_finding_mask(study, finding, side) if finding else draw_mask(study, side)
        return frame(mask, size, geometry, nearest=True)


@dataclass(frozen=True)
class PhantomBoxes(Chosen, Sequence[tuple[Box, ...]]):
    """Each row's boxes, found on the lesions' true masks when asked for: 8 s for a whole phantom, if all were."""

    only: tuple[str, ...] = CHEXPERT

    @property
    def fingerprint(self) -> str:
        """That of the rows, with the findings that have boxes."""
        return _digest(super().fingerprint, *self.only)

    @overload
    def __getitem__(self, row: int) -> tuple[Box, ...]: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[tuple[Box, ...], ...]: ...
    def __getitem__(self, row: int | slice) -> tuple[Box, ...] | tuple[tuple[Box, ...], ...]:
        if isinstance(row, slice):
            return tuple(self[at] for at in range(len(self))[row])
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        about = self.finding(row)
        boxes = _boxes_of(self.study(row))
        return tuple(box for box in boxes if box.finding in self.only and about in ("", box.finding))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@lru_cache(maxsize=16384)
def _boxes_of(study: Study) -> tuple[Box, ...]:
    from umcl_bench.data.phantom.render import lesion_boxes

    return lesion_boxes(study)


def phantom_corpus(spec: PhantomSpec) -> Corpus:
    """The phantom as one joined corpus: reports and labels in train, labels only for a share of its patients."""
    rows = all_studies(spec)
    studies = [study for _, _, study in rows]
    splits = np.array([split for split, _, _ in rows], dtype=object)
    labels = np.array([[f in s.findings() for f in CHEXPERT] for s in studies], dtype=np.float32)
    rng = np.random.default_rng([spec.seed, 99])
    flipped = (rng.random(labels.shape) < spec.dials.label_noise) & (splits == "train")[:, None]
    ids = [f"{s.patient}-{s.number}" for s in studies]
    row_of = {name: row for row, name in enumerate(ids)}
    reports = [
        None if split == "train" and _label_only(spec, number) else write_report(study, spec.dials.wording_shift)
        for split, number, study in rows
    ]
    return Corpus(
        source="phantom",
        kind="phantom",
        dataset="phantom",
        classes=CHEXPERT,
        policy=LabelPolicy(unnamed="stated"),
        ids=np.array(ids, dtype=object),
        patients=np.array([s.patient for s in studies], dtype=object),
        splits=splits,
        views=np.array([s.view for s in studies], dtype=object),
        reports=np.array(reports, dtype=object),
        stated=np.where(flipped, 1 - labels, labels),
        pixels=PhantomPixels(spec),
        prior=np.array([row_of[f"{s.patient}-{s.number - 1}"] if s.number else -1 for s in studies], dtype=np.int64),
        masks=PhantomPixels(spec, masks=True),
        has_mask=np.ones(len(studies), dtype=bool),
        boxes=PhantomBoxes(spec),
        attributes={
            "sex": np.array([s.sex for s in studies], dtype=object),
            "age": np.array([str(s.age) for s in studies], dtype=object),
            "site": np.array([str(s.site) for s in studies], dtype=object),
            "style": np.array([report_style(s) for s in studies], dtype=object),
        },
        facts={"phantom_version": VERSION, **dataclasses.asdict(spec)},
        notes=("phantom: synthetic films of no patient; figures say nothing about real radiographs",),
    )


def _label_only(spec: PhantomSpec, patient: int) -> bool:
    draw = np.random.default_rng([spec.seed, 7, patient]).random()
    return bool(draw < spec.dials.label_only_fraction)
