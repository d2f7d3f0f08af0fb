"""The phantom: procedural chest radiographs with known truth, so that every task runs on a fresh machine.

A phantom is not a patient. Its studies have findings with side, zone and severity, a film, lesion masks and boxes, a
report, and a prior study of the same patient. Each study is drawn from a seed of its own, so any film can be made alone
and the result does not depend on how many workers make it. Sex, age, view, site, marker and exposure are drawn apart
from the findings, so that none of them predicts one: on patients' films they do (age and Cardiomegaly, AP and devices).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from umcl_bench.data.phantom.prevalence import PREVALENCE, SEVERITY_STARTS, draw_findings, draw_severity, draw_side
from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY

VERSION = 3
"""Part of the fingerprint: raise it whenever a film, a label or a report changes."""

OPACITIES = frozenset({"Edema", "Consolidation", "Pneumonia", "Atelectasis", "Lung Lesion", "Lung Opacity"})
"""Children of Lung Opacity in CheXpert's hierarchy, and itself."""

PATTERNS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    ("Cardiomegaly",),
    ("Edema",),
    ("Consolidation",),
    ("Atelectasis",),
    ("Pleural Effusion",),
    ("Pneumonia",),
    ("Pneumothorax",),
)
"""What look-alike studies have; the `similarity` dial draws from these."""

MIDLINE = frozenset({"Cardiomegaly", "Enlarged Cardiomediastinum", "Support Devices"})
FOCAL = frozenset({"Consolidation", "Pneumonia", "Lung Opacity", "Lung Lesion"})
"""Findings with a zone that a report can name. Each zone is as likely as the others, so that none can be guessed."""

ZONES = ("upper", "mid", "lower")
ZONE_Y = {"upper": -0.38, "mid": -0.05, "lower": 0.24}
ONE_ZONE = {"Pleural Effusion": "lower", "Atelectasis": "lower", "Pneumothorax": "upper"}
DEVICES = (
    "pacemaker",
    "central venous catheter",
    "endotracheal tube",
    "nasogastric tube",
    "chest tube",
    "sternotomy wires",
)
"""The kinds of Support Devices; each is as likely as the others, with any findings."""

MARKERS = ("", "L", "R", "PORTABLE", "ERECT")
"""Burnt-in text, '' for none."""

SHORTCUT_MARKER, SHORTCUT_SITE = "PORTABLE", 0
"""What stands for Pneumonia where the `shortcut` dial is turned on."""


class Site(NamedTuple):
    """How a hospital's films look: what it adds to the exposure and to the log of gamma, and its noise."""

    exposure: float
    log_gamma: float
    noise: float


SITES = (Site(-0.02, 0.0, 1.0), Site(0.0, 0.06, 1.2), Site(0.02, -0.06, 0.9), Site(0.12, 0.5, 3.0))
"""Films come from the first three; the last is where the `site_shift` dial takes films of the test split from."""

FAR_SITE = len(SITES) - 1

CHANGES = {"better": 0.25, "same": 0.3, "worse": 0.25, "gone": 0.2}
"""How often a finding of the prior study is each of these at the next (ours)."""


@dataclass(frozen=True)
class Dials:
    """The difficulties that UMCL names, each from 0 (absent) to 1.

    label_only_fraction: share of training patients whose reports are withheld. similarity: share of studies drawn
    from a handful of patterns (false negatives of a batch). wording_shift: how often a report avoids the finding's
    own name. label_noise: share of training labels flipped. shortcut: share of training films whose burnt-in marker
    and site tell whether there is Pneumonia (in val and test they never do). site_shift: share of the test films that
    come from a site of which no training film is, and which exposes differently.
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
    severity: float  # 0 (nothing) to 1
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
    view: str  # 'AP' or 'PA'
    marker: str  # one of MARKERS
    seed: int
    sex: str  # 'F' or 'M'
    age: int  # in years
    site: int  # the place in SITES
    resolved: tuple[Lesion, ...] = ()  # what the prior study had and this one has not

    def findings(self) -> frozenset[str]:
        """The names that are true of the study, parents included; 'No Finding' where there is no pathology."""
        names = {lesion.finding for lesion in self.lesions}
        if names & OPACITIES:
            names.add("Lung Opacity")
        if "Cardiomegaly" in names:
            names.add("Enlarged Cardiomediastinum")
        return frozenset(names) if names - NO_PATHOLOGY else frozenset(names | {NO_FINDING})


class Patient(NamedTuple):
    """What the studies of one patient have in common."""

    name: str
    anatomy: Anatomy
    sex: str
    age: int


_SPLIT_CODE = {"train": 0, "val": 1, "test": 2}


def draw_patient(spec: PhantomSpec, split: str, number: int) -> tuple[Study, ...]:
    """The one or two studies of a patient, the earlier first; depends on nothing but the arguments."""
    rng = np.random.default_rng([spec.seed, _SPLIT_CODE[split], number])
    patient = Patient(
        name=f"{split}-{number:05d}",
        anatomy=draw_anatomy(rng),
        sex="M" if rng.random() < 63_340 / 112_120 else "F",  # NIH ChestX-ray14's share of films
        age=int(np.clip(rng.normal(47, 17), 18, 95)),  # NIH ChestX-ray14's mean and deviation
    )
    dials = spec.dials if split == "train" else dataclasses.replace(spec.dials, shortcut=0.0)
    far = dials.site_shift if split == "test" else 0.0
    lesions = _first_lesions(rng, dials, patient.anatomy)
    studies = [draw_study(rng, patient, 0, lesions, dials.shortcut, far)]
    if rng.random() < 0.35:
        lesions, resolved = _later_lesions(rng, lesions, patient.anatomy)
        later = draw_study(rng, patient, 1, lesions, dials.shortcut, far)
        studies.append(dataclasses.replace(later, resolved=resolved))
    return tuple(studies)


def draw_anatomy(rng: Generator) -> Anatomy:
    """A patient's chest."""
    return Anatomy(
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


def draw_study(
    rng: Generator, patient: Patient, number: int, lesions: tuple[Lesion, ...], shortcut: float = 0.0, far: float = 0.0
) -> Study:
    """A study with these lesions: position, exposure, view, site and marker, drawn apart from them but for `shortcut`.

    `shortcut` is how often marker and site tell of Pneumonia, `far` how often the site is the far one.
    """
    tied = rng.random() < shortcut
    pneumonia = any(lesion.finding == "Pneumonia" for lesion in lesions)
    marker, near = MARKERS[rng.integers(len(MARKERS))], int(rng.integers(FAR_SITE))
    if tied:
        marker, near = (SHORTCUT_MARKER, SHORTCUT_SITE) if pneumonia else ("", 1 + near % 2)
    at = FAR_SITE if rng.random() < far else near
    site = SITES[at]
    return Study(
        patient=patient.name,
        number=number,
        anatomy=patient.anatomy,
        lesions=lesions,
        exposure=rng.normal(0, 0.05) + site.exposure,
        gamma=float(np.exp(rng.normal(0, 0.12) + site.log_gamma)),
        noise=rng.uniform(0.012, 0.035) * site.noise,
        shift=(rng.normal(0, 0.025), rng.normal(0, 0.025)),
        tilt=rng.normal(0, 0.03),
        view="AP" if rng.random() < 44_810 / 112_120 else "PA",  # NIH ChestX-ray14's share of films
        marker=marker,
        seed=int(rng.integers(2**31)),
        sex=patient.sex,
        age=patient.age,
        site=at,
    )


def _first_lesions(rng: Generator, dials: Dials, anatomy: Anatomy) -> tuple[Lesion, ...]:
    alike = rng.random() < dials.similarity
    names = PATTERNS[rng.integers(len(PATTERNS))] if alike else draw_findings(rng)
    return tuple(draw_lesion(rng, name, anatomy) for name in names)


def _later_lesions(
    rng: Generator, before: tuple[Lesion, ...], anatomy: Anatomy
) -> tuple[tuple[Lesion, ...], tuple[Lesion, ...]]:
    """The lesions at the next study, each with its change, and those that are gone."""
    after: list[Lesion] = []
    gone: list[Lesion] = []
    for lesion in before:
        later = _later(rng, lesion)
        (gone if later.change == "gone" else after).append(later)
    for name in draw_findings(rng):
        if rng.random() < 0.25 and name not in {lesion.finding for lesion in before}:
            after.append(dataclasses.replace(draw_lesion(rng, name, anatomy), change="new"))
    order = list(PREVALENCE)
    return tuple(sorted(after, key=lambda lesion: order.index(lesion.finding))), tuple(gone)


def _later(rng: Generator, lesion: Lesion) -> Lesion:
    """The lesion with a change and its new severity; one that could not be seen to get better or worse does not."""
    step = rng.uniform(0.12, 0.25)
    possible = dict(CHANGES)
    if lesion.kind or lesion.severity - step < SEVERITY_STARTS[0]:
        del possible["better"]
    if lesion.kind or lesion.severity + step > 1.0:
        del possible["worse"]
    weights = np.array(list(possible.values()))
    change = list(possible)[rng.choice(len(weights), p=weights / weights.sum())]
    severity = lesion.severity + {"better": -step, "worse": step}.get(change, 0.0)
    return dataclasses.replace(lesion, severity=severity, change=change)


def draw_lesion(rng: Generator, finding: str, anatomy: Anatomy) -> Lesion:
    """A finding with its side, zone, severity and place."""
    side = "both" if finding == "Edema" else "midline" if finding in MIDLINE else draw_side(rng, finding)
    zone = ZONES[rng.integers(3)]
    zone = ONE_ZONE.get(finding, zone)
    sign = {"right": -1.0, "left": 1.0}.get(side, 0.0)
    return Lesion(
        finding=finding,
        side=side,
        zone=zone,
        severity=draw_severity(rng, finding),
        x=sign * (anatomy.lung_x + rng.uniform(-0.1, 0.1)),
        y=ZONE_Y[zone] + rng.uniform(-0.08, 0.08),
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
