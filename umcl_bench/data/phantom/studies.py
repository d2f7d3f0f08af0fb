"""The phantom: procedural chest radiographs with known truth, so that every task runs on a fresh machine.

A phantom is not a patient. Its studies have findings with side, zone and severity, a film, lesion masks and boxes, a
report, and a prior study of the same patient. Each study is drawn from a seed of its own, so any film can be made alone
and the result does not depend on how many workers make it. Prevalences are ours: high enough for narrow intervals.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from umcl_bench.data.corpus import Box, Corpus
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING, NO_PATHOLOGY
from umcl_bench.spec import PAD, Geometry

VERSION = 2
"""Part of the fingerprint: raise it whenever a film, a label or a report changes."""

PREVALENCE = {
    "Cardiomegaly": 0.24,
    "Edema": 0.18,
    "Consolidation": 0.17,
    "Atelectasis": 0.2,
    "Pleural Effusion": 0.24,
    "Pneumothorax": 0.1,
    "Pneumonia": 0.14,
    "Lung Lesion": 0.07,
    "Lung Opacity": 0.06,  # with no more specific cause; the label also follows from its children
    "Enlarged Cardiomediastinum": 0.06,
    "Pleural Other": 0.04,
    "Fracture": 0.04,
    "Support Devices": 0.28,
}
OPACITIES = frozenset({"Edema", "Consolidation", "Pneumonia", "Atelectasis", "Lung Lesion", "Lung Opacity"})
"""Children of Lung Opacity in CheXpert's hierarchy, and itself."""

RAISED_BY = {
    "Edema": ("Cardiomegaly", 2.0),
    "Pleural Effusion": ("Edema", 1.8),
    "Atelectasis": ("Pleural Effusion", 1.6),
}
"""Co-occurrence: the first is so many times likelier where the second is present."""

PATTERNS: tuple[tuple[str, ...], ...] = ((), (), ("Pleural Effusion",), ("Cardiomegaly", "Edema"), ("Consolidation",))
"""What look-alike studies have; the `similarity` dial draws from these."""

TWO_SIDED = frozenset({"Edema"})
MIDLINE = frozenset({"Cardiomegaly", "Enlarged Cardiomediastinum", "Support Devices"})
ZONES = ("upper", "mid", "lower")
_ZONE_Y = {"upper": -0.38, "mid": -0.05, "lower": 0.24}
DEVICES = (
    "pacemaker",
    "central venous catheter",
    "endotracheal tube",
    "nasogastric tube",
    "chest tube",
    "sternotomy wires",
)
"""The kinds of Support Devices."""

MARKERS = ("", "L", "R", "PORTABLE", "ERECT")
"""Burnt-in text, '' for none."""

SITES = 4


@dataclass(frozen=True)
class Dials:
    """The difficulties that UMCL names, each from 0 (absent) to 1.

    label_only_fraction: share of training patients whose reports are withheld. similarity: share of studies drawn
    from a handful of patterns (false negatives of a batch). wording_shift: how often a report avoids the finding's
    own name. label_noise: share of training labels flipped. shortcut: how well a burnt-in marker predicts Pneumonia
    in training (in val and test it never does). site_shift: how far the test films' exposure moves away.
    """

    label_only_fraction: float = 0.5
    similarity: float = 0.3
    wording_shift: float = 0.3
    label_noise: float = 0.0
    shortcut: float = 0.0
    site_shift: float = 0.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"dial {name} is {value}; it must lie between 0 and 1")


@dataclass(frozen=True)
class PhantomSpec:
    """How many studies each split has, the dials, and the seed."""

    train: int = 4096
    val: int = 512
    test: int = 1024
    seed: int = 0
    dials: Dials = Dials()

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over the version and every field."""
        text = json.dumps([VERSION, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Anatomy:
    """One patient's chest, in units of half the film's width; x grows towards the patient's left, y downwards."""

    lung_x: float
    lung_width: float
    apex: float
    base: float
    mediastinum: float
    heart: float  # half-width: about half of the cardiothoracic ratio
    torso: float
    ribs: float
    rib_phase: float


@dataclass(frozen=True)
class Lesion:
    """A finding as it is on the film. `side` is the patient's: 'right', 'left', 'both' or 'midline'."""

    finding: str
    side: str
    zone: str
    severity: float  # 0 (barely visible) to 1
    x: float
    y: float
    radius: float
    seed: int
    change: str = ""  # against the prior study: 'new', 'better', 'same', 'worse'
    kind: str = ""  # one of DEVICES for Support Devices


@dataclass(frozen=True)
class Study:
    """All that a film and a report are made from."""

    patient: str
    number: int
    anatomy: Anatomy
    lesions: tuple[Lesion, ...]
    exposure: float
    gamma: float
    noise: float
    shift: tuple[float, float]
    tilt: float
    view: str
    marker: str  # one of MARKERS
    seed: int
    sex: str  # 'F' or 'M'
    age: int  # in years
    site: int  # 0 to SITES - 1

    def findings(self) -> frozenset[str]:
        """The names that are true of the study, parents included; 'No Finding' where there is no pathology."""
        names = {lesion.finding for lesion in self.lesions}
        if names & OPACITIES:
            names.add("Lung Opacity")
        if "Cardiomegaly" in names:
            names.add("Enlarged Cardiomediastinum")
        return frozenset(names) if names - NO_PATHOLOGY else frozenset(names | {NO_FINDING})


_SPLIT_CODE = {"train": 0, "val": 1, "test": 2}


def draw_patient(spec: PhantomSpec, split: str, number: int) -> tuple[Study, ...]:
    """The one or two studies of a patient, the earlier first; depends on nothing but the arguments."""
    rng = np.random.default_rng([spec.seed, _SPLIT_CODE[split], number])
    name = f"{split}-{number:05d}"
    anatomy = Anatomy(
        lung_x=rng.uniform(0.4, 0.46),
        lung_width=rng.uniform(0.29, 0.35),
        apex=rng.uniform(-0.8, -0.68),
        base=rng.uniform(0.4, 0.54),
        mediastinum=rng.uniform(0.11, 0.15),
        heart=rng.uniform(0.30, 0.37),
        torso=rng.uniform(0.84, 0.95),
        ribs=rng.uniform(3.4, 4.4),
        rib_phase=rng.uniform(0, 1),
    )
    person = ("F", "M")[rng.integers(2)], int(rng.integers(20, 90))
    studies: list[Study] = []
    lesions: tuple[Lesion, ...] = ()
    for index in range(1 + int(rng.random() < 0.35)):
        lesions = _first_lesions(rng, spec.dials, anatomy) if index == 0 else _later_lesions(rng, lesions, anatomy)
        studies.append(_draw_study(rng, spec, split, name, index, anatomy, person, lesions))
    return tuple(studies)


def _draw_study(
    rng: Generator,
    spec: PhantomSpec,
    split: str,
    name: str,
    index: int,
    anatomy: Anatomy,
    person: tuple[str, int],
    lesions: tuple[Lesion, ...],
) -> Study:
    dials = spec.dials
    moved = dials.site_shift if split == "test" else 0.0
    pneumonia = any(lesion.finding == "Pneumonia" for lesion in lesions)
    tied = split == "train" and rng.random() < dials.shortcut
    return Study(
        patient=name,
        number=index,
        anatomy=anatomy,
        lesions=lesions,
        exposure=rng.normal(0, 0.05) + 0.12 * moved,
        gamma=float(np.exp(rng.normal(0, 0.12) + 0.5 * moved)),
        noise=rng.uniform(0.012, 0.035) * (1 + 2 * moved),
        shift=(rng.normal(0, 0.025), rng.normal(0, 0.025)),
        tilt=rng.normal(0, 0.03),
        view="AP" if rng.random() < 0.4 else "PA",
        marker=MARKERS[3 * pneumonia] if tied else MARKERS[rng.integers(len(MARKERS))],
        seed=int(rng.integers(2**31)),
        sex=person[0],
        age=person[1],
        site=int(rng.integers(SITES)),
    )


def _first_lesions(rng: Generator, dials: Dials, anatomy: Anatomy) -> tuple[Lesion, ...]:
    if rng.random() < dials.similarity:
        names = list(PATTERNS[rng.integers(len(PATTERNS))])
    elif rng.random() < 0.2:
        names = ["Support Devices"] if rng.random() < PREVALENCE["Support Devices"] else []
    else:
        names = _independent_findings(rng)
    return tuple(_draw_lesion(rng, name, anatomy) for name in PREVALENCE if name in names)


def _independent_findings(rng: Generator) -> list[str]:
    names: list[str] = []  # in the table's order: the order of a set differs from process to process
    for name, prevalence in PREVALENCE.items():
        cause, factor = RAISED_BY.get(name, ("", 1.0))
        if rng.random() < prevalence * (factor if cause in names else 1.0):
            names.append(name)
    return names


def _later_lesions(rng: Generator, before: tuple[Lesion, ...], anatomy: Anatomy) -> tuple[Lesion, ...]:
    after: list[Lesion] = []
    for lesion in before:
        change = ("better", "same", "worse", "gone")[rng.choice(4, p=(0.25, 0.3, 0.25, 0.2))]
        step = {"better": -0.3, "same": 0.0, "worse": 0.3, "gone": 0.0}[change]
        if change != "gone":
            severity = float(np.clip(lesion.severity + step, 0.25, 1.0))
            after.append(dataclasses.replace(lesion, severity=severity, change=change))
    for name in _independent_findings(rng):
        if rng.random() < 0.25 and name not in {lesion.finding for lesion in before}:
            after.append(dataclasses.replace(_draw_lesion(rng, name, anatomy), change="new"))
    order = list(PREVALENCE)
    return tuple(sorted(after, key=lambda lesion: order.index(lesion.finding)))


def _draw_lesion(rng: Generator, finding: str, anatomy: Anatomy) -> Lesion:
    side = "both" if finding in TWO_SIDED else ("right", "left")[rng.integers(2)]
    if finding in ("Pleural Effusion", "Atelectasis") and rng.random() < 0.3:
        side = "both"
    if finding in MIDLINE:
        side = "midline"
    zone = ZONES[rng.integers(3)]
    if finding in ("Pleural Effusion", "Atelectasis"):
        zone = "lower"
    if finding == "Pneumothorax":
        zone = "upper"
    sign = {"right": -1.0, "left": 1.0}.get(side, 0.0)
    return Lesion(
        finding=finding,
        side=side,
        zone=zone,
        severity=rng.uniform(0.3, 1.0),
        x=sign * (anatomy.lung_x + rng.uniform(-0.1, 0.1)),
        y=_ZONE_Y[zone] + rng.uniform(-0.08, 0.08),
        radius=rng.uniform(0.06, 0.1) if finding == "Lung Lesion" else rng.uniform(0.14, 0.2),
        seed=int(rng.integers(2**31)),
        kind=DEVICES[rng.integers(len(DEVICES))] if finding == "Support Devices" else "",
    )


@lru_cache(maxsize=4)
def all_studies(spec: PhantomSpec) -> tuple[tuple[str, int, Study], ...]:
    """Every study with its split and its patient's number, in the corpus's order."""
    return tuple(row for split in _SPLIT_CODE for row in _studies_of(spec, split))


def _studies_of(spec: PhantomSpec, split: str) -> Iterator[tuple[str, int, Study]]:
    left: int = getattr(spec, split)
    number = 0
    while left > 0:
        for study in draw_patient(spec, split, number)[:left]:
            yield split, number, study
            left -= 1
        number += 1


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
    from umcl_bench.data.phantom.reports import write_report

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
