"""What each finding adds to (or takes from) a chest's attenuation, and where.

A finding's region is its true mask: it is made of the same numbers that change the film.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from umcl_bench.data.phantom.anatomy import Chest
from umcl_bench.data.phantom.banks import Field, look, textures, unit
from umcl_bench.data.phantom.curves import Pen
from umcl_bench.data.phantom.devices import draw_device
from umcl_bench.data.phantom.effects import Effect
from umcl_bench.data.phantom.skeleton import APEX_U, rib_line, wall
from umcl_bench.data.phantom.studies import Anatomy, Lesion

FOCAL = ("Consolidation", "Pneumonia", "Lung Opacity", "Lung Lesion", "Atelectasis", "Pleural Effusion", "Pneumothorax")
"""What a lesion mask shows."""


class Spot(NamedTuple):
    """Where a focal finding's middle is, and the lung that it is in (1 inside, less behind the heart)."""

    x: float
    y: float
    lung: Field
    inside: Field


def effect(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """The change of attenuation and the region of a finding, both in the patient's upright frame."""
    return _EFFECTS[lesion.finding](lesion, anatomy, chest)


def _signs(lesion: Lesion) -> tuple[float, ...]:
    return {"right": (-1.0,), "left": (1.0,)}.get(lesion.side, (-1.0, 1.0))


def _half_thorax(chest: Chest, sign: float) -> Field:
    return chest.thorax * chest.half(sign)


def _spot(lesion: Lesion, anatomy: Anatomy, chest: Chest, radius: float) -> Spot:
    """The lesion's place in this breath and this heart: between the mediastinum, the wall and the diaphragm."""
    sign = _signs(lesion)[0]
    v = min(max((lesion.y - anatomy.apex) / (anatomy.base - anatomy.apex), 0.15), 0.95)
    y = float(chest.at(v))
    rows = chest.y[:, 0]
    inner = float(np.interp(y, rows, (chest.right if sign < 0 else chest.left)[:, 0])) + sign * chest.middle
    outer = float(np.interp(y, rows, chest.wall[:, 0]))
    low, high = inner + 0.45 * radius, outer - 0.4 * radius
    x = sign * (min(max(abs(lesion.x), low), high) if low < high else (inner + outer) / 2)
    y = min(y, float(np.interp(x, chest.x[0], chest.dome[0])) - 0.5 * radius)
    inside = _half_thorax(chest, sign)
    return Spot(x, y, inside * (1 - 0.6 * chest.centre), inside)


def _texture(lesion: Lesion, chest: Chest) -> Field:
    along = chest.x[0] * 0.5
    offset = (lesion.seed >> 8) % 997 / 997
    return look(textures(), lesion.seed % 12, chest.y[:, 0] * 0.5 + offset, along - offset, wrap=True)


def _bump(chest: Chest, x: float, y: float, rx: float, ry: float) -> Field:
    return np.exp(-(((chest.x - x) / rx) ** 2)) * np.exp(-(((chest.y - y) / ry) ** 2))


def _consolidation(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """Dense, with a ragged edge; cut off by a fissure in half of the cases, with air bronchograms in a third."""
    radius = lesion.radius * (1.15 + 0.5 * lesion.severity)
    spot = _spot(lesion, anatomy, chest, radius)
    r = np.sqrt(((chest.x - spot.x) / (1.15 * radius)) ** 2 + ((chest.y - spot.y) / radius) ** 2)
    patch = unit((1.0 - r + 0.2 * _texture(lesion, chest)) * 1.9 + 0.5)
    if lesion.seed % 2:
        fissure = spot.y + 0.45 * radius - 0.12 * (chest.side - abs(spot.x))
        above = chest.y - fissure if lesion.zone == "lower" else fissure - chest.y
        patch = patch * unit((above + 0.9 * radius * (lesion.zone == "lower")) * 14 + 0.5)
    density = 1.4 + 0.8 * lesion.severity
    bronchi = 2.2 if lesion.seed % 3 == 0 else 0.8
    return Effect(patch * spot.lung * (density - bronchi * np.minimum(chest.tree, 0.35)), patch * spot.inside)


def _pneumonia(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """Patchy: several foci of different size that run together."""
    spread = 0.1 * (0.7 + 0.6 * lesion.severity)
    spot = _spot(lesion, anatomy, chest, 1.5 * spread)
    rng = np.random.default_rng(lesion.seed)
    total: Field = np.float32(0) * chest.texture
    for dx, dy, size in rng.normal(0, 1, (6, 3)).tolist():
        radius = 0.055 * (0.8 + 0.5 * lesion.severity) * (1 + 0.25 * math.tanh(size))
        total = total + _bump(chest, spot.x + spread * dx, spot.y + spread * dy, radius, radius)
    patch = unit(total * (1 + 0.3 * _texture(lesion, chest)))
    return Effect((0.9 + 0.7 * lesion.severity) * patch * spot.lung, unit(2.5 * patch - 0.4) * spot.inside)


def _opacity(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """A hazy increase in density without edges."""
    radius = 1.15 * lesion.radius * (0.75 + 0.5 * lesion.severity)
    spot = _spot(lesion, anatomy, chest, radius)
    haze = _bump(chest, spot.x, spot.y, 1.1 * radius, radius)
    return Effect((0.5 + 0.55 * lesion.severity) * haze * spot.lung, unit(2.5 * haze - 0.4) * spot.inside)


def _lesion(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """A nodule or mass: a ball, so brightest in the middle but with an edge."""
    radius = lesion.radius * (0.65 + 0.6 * lesion.severity)
    spot = _spot(lesion, anatomy, chest, 2.2 * radius)
    r = ((chest.x - spot.x) ** 2 + (chest.y - spot.y) ** 2) / radius**2
    lobed = r * (1 + 0.12 * _texture(lesion, chest))
    ball = np.sqrt(unit(1.05 - lobed))
    return Effect((1.0 + 0.6 * lesion.severity) * ball * spot.lung, unit(1.5 - lobed) * spot.inside)


def _edema(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """Haze around the hila, wide upper vessels, septal lines at the bases and cuffed bronchi."""
    s, hilum = lesion.severity, float(chest.at(0.45))
    wings = np.exp(-(((chest.side - 0.36 * chest.width) / (0.2 + 0.16 * s)) ** 2))
    wings = wings * np.exp(-(((chest.y - hilum) / (0.22 + 0.22 * s)) ** 2))
    rough = 1 + 0.35 * _texture(lesion, chest)
    upper = np.exp(-(((chest.v - 0.2) / 0.22) ** 2))
    change = chest.lungs * ((0.12 + 0.75 * s) * wings * rough + chest.tree * (0.1 + 0.3 * s + 0.8 * s * upper))
    pen, rng = Pen(chest), np.random.default_rng(lesion.seed)
    for sign in (-1.0, 1.0):
        y = chest.at(rng.uniform(0.62, 0.9, 3 + int(4 * s)))
        x = sign * (np.interp(y, chest.y[:, 0], chest.wall[:, 0]) - 0.015)
        pen.dashes(x, y, np.full(len(y), -0.08 * sign), 0.006, 0.3 + 0.4 * s)
        for dx, dy in rng.uniform(0, 1, (2, 2)).tolist():
            pen.ring(sign * (0.3 + 0.12 * dx) * chest.width, hilum - 0.1 + 0.15 * dy, 0.026, 0.008, 0.3 + 0.5 * s)
    return Effect(change + pen.picture() * chest.lungs, unit(2.5 * wings - 0.4) * chest.thorax * (1 - chest.centre))


def _effusion(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """Fluid up to a meniscus that climbs the lateral wall."""
    height = 0.17 + 0.4 * lesion.severity
    change: Field = np.float32(0) * chest.texture
    region = change
    for sign in _signs(lesion):
        q = unit(chest.side / chest.width)
        surface = chest.base + 0.13 - height * (0.55 + 0.75 * q**4)
        beside = _half_thorax(chest, sign) * (1 - 0.8 * chest.centre) * unit(9 * q - 1.5)
        fluid = unit((chest.y - surface) * np.float32(9) + 0.5) * beside
        change = change + (1.9 + 0.5 * lesion.severity) * fluid
        region = region + fluid
    return Effect(change, region)


def _atelectasis(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """Plate-like bands over a diaphragm that has risen (the outline rises in the chest itself)."""
    s, rng = lesion.severity, np.random.default_rng(lesion.seed)
    change: Field = np.float32(0) * chest.texture
    region = change
    for sign in _signs(lesion):
        lung = _half_thorax(chest, sign)
        u = chest.side / chest.width
        slope, bend = rng.uniform(-0.15, 0.3), rng.uniform(-0.15, 0.15)
        for k in range(1 + (s > 0.5)):
            height = float(chest.dome[0].min()) - 0.04 - 0.09 * k + slope * (u - 0.5) + bend * (u - 0.5) ** 2
            ends = unit((u - 0.2 - 0.1 * k) * 12) * unit((0.92 - 0.2 * k - u) * 8)
            band = np.exp(-(((chest.y - height) / (0.02 + 0.016 * s)) ** 2)) * ends
            change = change + (0.8 + 0.7 * s) * band * lung * (1 - 0.6 * chest.centre)
            region = region + unit(2.5 * band - 0.4) * lung
        above = np.exp(-(((chest.dome - chest.y) / (0.07 + 0.07 * s)) ** 2)) * (chest.side < 0.9 * chest.width)
        change = change + (0.45 + 0.5 * s) * above * lung * (1 - chest.centre)
        risen = unit((chest.y - chest.dome) * chest.sharp + 0.5) * unit((chest.rest - chest.y) * chest.sharp + 0.5)
        region = region + risen * chest.cover(chest.gap) * chest.half(sign) + unit(2 * above - 0.5) * lung
    return Effect(change, unit(region))


def _pneumothorax(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """Air outside the visceral pleura's line: no vessels there, and the lung inside is a little denser."""
    sign, s = _signs(lesion)[0], lesion.severity
    lowered, shrunk = 0.05 + 0.17 * s, 0.07 + 0.26 * s
    v = (chest.v - lowered) / (1 - lowered)
    edge = chest.width * wall(v) * (1 - shrunk * unit(1.25 - v))
    lung = _half_thorax(chest, sign) * (1 - chest.centre)
    air = unit((chest.side - edge) * chest.sharp + 0.5) * lung
    change = -(chest.tree + np.float32(0.35 + 0.25 * s)) * air + (0.04 + 0.08 * s) * (lung - air)
    t = np.concatenate([np.linspace(0, 0.03, 12) ** 1.5, np.linspace(0.01, 0.98, 60)])
    u = wall(t + 1e-4) * (1 - shrunk * unit(1.25 - t))
    crest = np.linspace(0.45 * APEX_U, u[0], 12)[:-1]
    xs = sign * chest.width * np.concatenate([crest, u])
    ys = chest.at(lowered + (1 - lowered) * np.concatenate([np.zeros(11), t]))
    pen = Pen(chest)
    pen.line(list(zip(xs, ys, strict=True)), 0.009, 0.8, smooth=False)
    return Effect(change + pen.picture() * lung, air)


def _pleural_other(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """Thickened pleura along the lateral wall, or as a cap on the apex."""
    sign, s = _signs(lesion)[0], lesion.severity
    spot = _spot(lesion, anatomy, chest, 0.1)
    lung = _half_thorax(chest, sign)
    if lesion.zone == "upper" and lesion.seed % 2:
        layer = unit((0.055 + 0.1 * s - chest.v + 0.01 * _texture(lesion, chest)) * 25 + 0.5)
    else:
        reach = 0.025 + 0.06 * s
        taper = np.exp(-(((chest.y - spot.y) / (0.16 + 0.16 * s)) ** 2))
        layer = unit((reach * taper - chest.gap) * np.float32(40) + 0.5) * (taper > 0.15)
    return Effect((1.1 + 0.6 * s) * layer * lung, layer * lung)


def _fracture(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """A break in the side of a rib: a gap, the fragment stepped, and callus around."""
    sign, s, rng = _signs(lesion)[0], lesion.severity, np.random.default_rng(lesion.seed)
    angle = rng.uniform(1.0, 1.35)
    wanted = (lesion.y - anatomy.apex) / (anatomy.base - anatomy.apex)
    rib = min(range(3, 10), key=lambda k: abs(float(rib_line(chest.cage, k, np.array(angle))[1]) - wanted))
    u, v = rib_line(chest.cage, rib, angle + np.linspace(-0.2, 0.2, 9))
    x = (sign * u * chest.width).tolist()
    y = chest.at(v).tolist()
    radius = 0.036 + 0.025 * s
    change = (1.0 + 0.6 * s) * _bump(chest, x[4], y[4], radius, radius)
    pen = Pen(chest)
    step = 0.012 + 0.02 * s
    pen.line([(x[k], y[k] + step) for k in (4, 6, 8)], 0.014, 0.6 + 0.6 * s)
    pen.line([(x[4] - 0.01, y[4] - 0.03), (x[4] + 0.01, y[4] + 0.03)], 0.012, -1.0 - 0.6 * s)
    r = np.sqrt((chest.x - x[5]) ** 2 + (chest.y - y[5]) ** 2)
    return Effect(change + pen.picture(), unit((2.2 * radius + 0.02 - r) * chest.sharp + 0.5))


def _heart(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """The heart's outline; its size is in the chest itself."""
    across = chest.x - chest.middle
    inside = chest.cover(across + chest.heart[0]) * chest.cover(chest.heart[1] - across)
    return Effect(np.float32(0) * chest.texture, inside * chest.cover(chest.dome + 0.05 - chest.y))


def _mediastinum(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    """The outline above the heart; its width is in the chest itself."""
    return Effect(np.float32(0) * chest.texture, chest.centre * unit(chest.v * 20) * unit((0.55 - chest.v) * 20))


def _devices(lesion: Lesion, anatomy: Anatomy, chest: Chest) -> Effect:
    return draw_device(lesion, chest)


_EFFECTS: dict[str, Callable[[Lesion, Anatomy, Chest], Effect]] = {
    "Consolidation": _consolidation,
    "Pneumonia": _pneumonia,
    "Lung Opacity": _opacity,
    "Edema": _edema,
    "Pleural Effusion": _effusion,
    "Atelectasis": _atelectasis,
    "Pneumothorax": _pneumothorax,
    "Lung Lesion": _lesion,
    "Pleural Other": _pleural_other,
    "Fracture": _fracture,
    "Cardiomegaly": _heart,
    "Enlarged Cardiomediastinum": _mediastinum,
    "Support Devices": _devices,
}
