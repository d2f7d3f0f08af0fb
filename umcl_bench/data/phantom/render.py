"""Draws a phantom study as a film and its findings as masks and boxes.

A ray's attenuation is summed over body, lungs, bones and findings; what comes through (Beer-Lambert), with scattered
radiation and quantum noise on top, blackens the film by a response curve of the site's own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.corpus import Box
from umcl_bench.data.phantom.anatomy import Pose, axis, build_chest
from umcl_bench.data.phantom.banks import Field, unit
from umcl_bench.data.phantom.devices import monitor_wires
from umcl_bench.data.phantom.findings import FOCAL, effect
from umcl_bench.data.phantom.markers import burn_in, collimate
from umcl_bench.data.phantom.studies import Lesion, Study
from umcl_bench.data.phantom.tissues import attenuation


class Response(NamedTuple):
    """How a site makes grey of exposure: contrast, the logarithm that is middle grey, and local equalisation."""

    contrast: float
    middle: float
    equalised: float


RESPONSES = (
    Response(0.76, -2.0, 0.0),
    Response(0.9, -1.95, 0.2),
    Response(0.66, -2.1, 0.0),
    Response(0.95, -2.05, 0.4),
)
"""By site."""


def draw_film(study: Study, size: int) -> NDArray[np.uint8]:
    """The film as (size, size) grey values."""
    chest = build_chest(study, size)
    total = attenuation(study, chest)
    if chest.pose.wires:
        total += monitor_wires(chest)
    for lesion in study.lesions:
        total += effect(lesion, study.anatomy, chest).change
    grey = _expose(study, chest.pose, tilt(total, study.tilt))
    burn_in(grey, study, chest.pose)
    collimate(grey, study, chest.pose)
    return (unit(grey) * 255 + 0.5).astype(np.uint8)


def tilt(picture: Field, angle: float) -> Field:
    """The picture turned clockwise by a small angle in radians, linearly interpolated."""
    size = len(picture)
    at = axis(size) * np.float32(size / 2)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    middle, most = np.float32(size / 2 - 0.5), np.float32(size - 1.001)
    x = np.minimum(np.maximum(c * at + (s * at + middle)[:, None], 0), most)
    y = np.minimum(np.maximum((c * at + middle)[:, None] - s * at, 0), most)
    left, top = x.astype(np.int32), y.astype(np.int32)
    x -= left
    y -= top
    index = top * size + left
    flat = picture.ravel()
    upper = flat.take(index)
    upper += (flat.take(index + 1) - upper) * x
    lower = flat.take(index + size)
    lower += (flat.take(index + (size + 1)) - lower) * x
    upper += (lower - upper) * y
    return upper


def _expose(study: Study, pose: Pose, total: Field) -> Field:
    """Grey values, 1 for white, from attenuation."""
    response = RESPONSES[study.site]
    light = np.exp(-total)
    veil = _scatter(light)
    light += np.float32(0.16) * veil
    noise = np.random.default_rng([study.seed, 2]).standard_normal(total.shape, dtype=np.float32)
    z = np.log(light)
    grain = 0.54 * study.noise * (len(total) / 96) ** 0.4  # smaller pixels catch fewer quanta
    z += noise * (np.float32(grain) / np.sqrt(np.sqrt(light)))
    if response.equalised:
        z -= np.float32(response.equalised) * (np.log(veil) + np.float32(1.6))
    z -= np.float32(response.middle)
    z *= np.float32(response.contrast * pose.contrast)
    z -= np.float32(6 * study.exposure)
    z += np.float32(0.35) * np.square(np.maximum(z, 0))  # the film's shoulder: air is black
    grey: Field = np.exp(np.float32(-study.gamma) * np.log(1 + np.exp(z)))
    return grey


def _scatter(light: Field) -> Field:
    """Where scattered radiation goes: a wide blur, by way of a grid of 12."""
    gather, spread = _blur(len(light))
    veil: Field = spread @ (gather @ light @ gather.T) @ spread.T
    return veil


@lru_cache(maxsize=8)
def _blur(size: int) -> tuple[Field, Field]:
    """(12, size) means over parts of the film, smoothed; (size, 12) linear interpolation between the parts."""
    spread = np.array([np.interp((axis(size) + 1) * 6 - 0.5, np.arange(12), row) for row in np.eye(12)]).T
    parts = spread.T / spread.sum(axis=0)[:, None]
    near = np.pad(np.eye(12), ((1, 1), (0, 0)), mode="edge")
    smooth = (near[:-2] + 2 * near[1:-1] + near[2:]) / 4
    return (smooth @ smooth @ parts).astype(np.float32), spread.astype(np.float32)


def draw_mask(study: Study, size: int) -> NDArray[np.uint8]:
    """255 where a focal finding is, else 0."""
    return _mask(study, tuple(s for s in study.lesions if s.finding in FOCAL), size)


def draw_finding_mask(study: Study, finding: str, size: int) -> NDArray[np.uint8]:
    """255 where the named finding is, else 0; of an enlarged heart or mediastinum, its whole outline."""
    return _mask(study, tuple(s for s in study.lesions if s.finding == finding), size)


def draw_lung_mask(study: Study, size: int) -> NDArray[np.uint8]:
    """255 where a lung is beside the mediastinum and above the diaphragm, whatever covers it, else 0."""
    return np.where(tilt(build_chest(study, size).lungs, study.tilt) > 0.5, 255, 0).astype(np.uint8)


def _mask(study: Study, lesions: tuple[Lesion, ...], size: int) -> NDArray[np.uint8]:
    mask = np.zeros((size, size), dtype=bool)
    chest = build_chest(study, size) if lesions else None
    for lesion in lesions:
        assert chest is not None
        mask |= tilt(effect(lesion, study.anatomy, chest).region, study.tilt) > 0.5
    return np.where(mask, 255, 0).astype(np.uint8)


def lesion_boxes(study: Study, size: int = 96) -> tuple[Box, ...]:
    """The boxes around every finding's true mask at that size; a finding of both lungs has one on each side."""
    if not study.lesions:
        return ()
    chest = build_chest(study, size)
    boxes: list[Box] = []
    for lesion in study.lesions:
        region = effect(lesion, study.anatomy, chest).region
        parts = [region * chest.half(-1.0), region * chest.half(1.0)] if lesion.side == "both" else [region]
        boxes += [box for part in parts for box in _box(lesion.finding, tilt(part, study.tilt) > 0.5)]
    return tuple(boxes)


def _box(finding: str, mask: NDArray[np.bool_]) -> list[Box]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    edges = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / len(mask)
    return [Box(finding, *(float(edge) for edge in edges))]
