"""The phantom as a corpus: its studies, reports and labels as columns, its films and masks as pixels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Box, Corpus
from umcl_bench.data.phantom.reports import report_style, write_report
from umcl_bench.data.phantom.studies import VERSION, PhantomSpec, Study, all_studies
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.vocabulary import CHEXPERT
from umcl_bench.spec import PAD, Geometry


@dataclass(frozen=True)
class PhantomPixels:
    """The films, or the lesion masks, of a phantom; drawn when asked for."""

    spec: PhantomSpec
    masks: bool = False

    @property
    def fingerprint(self) -> str:
        """The spec's, marked where these are the masks."""
        return self.spec.fingerprint + ("-masks" if self.masks else "")

    def __len__(self) -> int:
        return self.spec.train + self.spec.val + self.spec.test

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        """Film or mask `row` as (size, size)."""
        from umcl_bench.data.phantom.render import draw_film, draw_mask

        study = all_studies(self.spec)[row][2]
        return draw_mask(study, size) if self.masks else draw_film(study, size)


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
        boxes=tuple(_boxes(study) for study in studies),
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


def _boxes(study: Study) -> tuple[Box, ...]:
    boxes = []
    for lesion in study.lesions:
        if lesion.finding in ("Consolidation", "Pneumonia", "Lung Opacity", "Lung Lesion"):
            corners = (
                lesion.x - lesion.radius,
                lesion.y - lesion.radius,
                lesion.x + lesion.radius,
                lesion.y + lesion.radius,
            )
            dx, dy = study.shift
            x0, y0, x1, y1 = (
                float(np.clip((c + d + 1) / 2, 0, 1)) for c, d in zip(corners, (dx, dy, dx, dy), strict=True)
            )
            boxes.append(Box(lesion.finding, x0, y0, x1, y1))
    return tuple(boxes)
