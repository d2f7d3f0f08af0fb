"""Contrast groups: studies of one patient that differ in one attribute only, for tests of grounding and of prompts."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping

import numpy as np

from umcl_bench.data.phantom.prevalence import PREVALENCE, SEVERITY_STARTS
from umcl_bench.data.phantom.studies import (
    DEVICES,
    FAR_SITE,
    FOCAL,
    MARKERS,
    ONE_ZONE,
    ZONE_Y,
    ZONES,
    Lesion,
    Patient,
    PhantomSpec,
    Study,
    draw_anatomy,
    draw_lesion,
    draw_study,
)
from umcl_bench.errors import unknown_name

_SIDED = (*sorted(FOCAL), "Pleural Effusion", "Atelectasis", "Pneumothorax", "Pleural Other", "Fracture")
_GRADED = tuple(name for name in PREVALENCE if name not in ("Support Devices", "Fracture"))


def contrast_group(spec: PhantomSpec, number: int, vary: str) -> tuple[Study, ...]:
    """The studies of group `number`, equal but for what `vary` names: one of VARIED.

    All have the same patient, position, exposure and seed, and one finding, which depends on `number`. Raises
    UsageError for another name.
    """
    if vary not in VARIED:
        raise unknown_name("attribute of a contrast group", vary, VARIED)
    rng = np.random.default_rng([spec.seed, 5, number])
    findings, change = VARIED[vary]
    anatomy = draw_anatomy(rng)
    patient = Patient(f"contrast-{number:05d}", anatomy, "M" if number % 2 else "F", 20 + number % 70)
    lesion = draw_lesion(rng, findings[number % len(findings)], anatomy)
    if lesion.side == "both" and lesion.finding in _SIDED:
        lesion = dataclasses.replace(lesion, side="left", x=anatomy.lung_x)
    return tuple(change(draw_study(rng, patient, 0, (lesion,))))


def _of_lesion(change: Callable[[Study, Lesion], list[Lesion | None]]) -> Callable[[Study], list[Study]]:
    def studies(study: Study) -> list[Study]:
        changed = change(study, study.lesions[0])
        return [dataclasses.replace(study, lesions=(lesion,) if lesion else ()) for lesion in changed]

    return studies


def _of_study(field: str, values: tuple[str | float, ...]) -> Callable[[Study], list[Study]]:
    def studies(study: Study) -> list[Study]:
        return [dataclasses.replace(study, **{field: value}) for value in values]  # type: ignore[arg-type]

    return studies


def _sides(study: Study, lesion: Lesion) -> list[Lesion | None]:
    return [dataclasses.replace(lesion, side=s, x=sign * abs(lesion.x)) for s, sign in (("right", -1), ("left", 1))]


def _zones(study: Study, lesion: Lesion) -> list[Lesion | None]:
    away = lesion.y - ZONE_Y[lesion.zone]
    return [dataclasses.replace(lesion, zone=zone, y=ZONE_Y[zone] + away) for zone in ZONES]


def _severities(study: Study, lesion: Lesion) -> list[Lesion | None]:
    middles = [(low + high) / 2 for low, high in itertools.pairwise(SEVERITY_STARTS)]
    return [dataclasses.replace(lesion, severity=middle) for middle in middles]


def _findings(study: Study, lesion: Lesion) -> list[Lesion | None]:
    """Each of the findings that can be on that side, as far as they can be in that zone."""
    same = [name for name in _SIDED if ONE_ZONE.get(name, lesion.zone) == lesion.zone]
    return [dataclasses.replace(lesion, finding=name) for name in same]


def _devices(study: Study, lesion: Lesion) -> list[Lesion | None]:
    return [dataclasses.replace(lesion, kind=kind) for kind in DEVICES]


def _presence(study: Study, lesion: Lesion) -> list[Lesion | None]:
    return [None, lesion]


VARIED: Mapping[str, tuple[tuple[str, ...], Callable[[Study], list[Study]]]] = {
    "presence": (tuple(PREVALENCE), _of_lesion(_presence)),
    "finding": (tuple(sorted(FOCAL)), _of_lesion(_findings)),
    "side": (_SIDED, _of_lesion(_sides)),
    "zone": (tuple(sorted(FOCAL)), _of_lesion(_zones)),
    "severity": (_GRADED, _of_lesion(_severities)),
    "device": (("Support Devices",), _of_lesion(_devices)),
    "view": (tuple(PREVALENCE), _of_study("view", ("AP", "PA"))),
    "sex": (tuple(PREVALENCE), _of_study("sex", ("F", "M"))),
    "age": (tuple(PREVALENCE), _of_study("age", (25, 50, 75))),
    "marker": (tuple(PREVALENCE), _of_study("marker", MARKERS)),
    "site": (tuple(PREVALENCE), _of_study("site", tuple(range(FAR_SITE + 1)))),
    "exposure": (tuple(PREVALENCE), _of_study("exposure", (-0.1, 0.0, 0.1))),
}
"""What can vary: the findings that a group's study may have, and the studies made of it.

'site' is the site's number alone: how its films look is in exposure, gamma and noise, which stay. No group varies two.
"""
