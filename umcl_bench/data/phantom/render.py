"""Draws a phantom study as a film and as a lesion mask.

The film is a sum of densities (bright is dense) on a grid from -1 to 1, image left being the patient's right, passed
through an exposure curve and noise. Everything is in units of half the film's width: any size shows the same chest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.phantom.studies import Anatomy, Lesion, Study

Field = NDArray[Any]
FOCAL = ("Consolidation", "Pneumonia", "Lung Opacity", "Lung Lesion", "Atelectasis", "Pleural Effusion", "Pneumothorax")


class Chest(NamedTuple):
    """The grids and the maps that findings are drawn on, all (size, size) and between 0 and 1."""

    x: Field
    y: Field
    middle: Field  # heart and mediastinum
    lung: dict[float, Field]  # by sign of x: -1 right, 1 left; thinned where it lies behind the middle
    rim: dict[float, Field]  # distance from the lung's centre, 1 at its outer edge
    floor: dict[float, Field]  # height of the diaphragm


def draw_film(study: Study, size: int) -> NDArray[np.uint8]:
    """The film as (size, size) grey values."""
    chest = _chest(study, size)
    film = _normal_anatomy(study, chest)
    for lesion in study.lesions:
        effect = _EFFECTS.get(lesion.finding)
        if effect is not None:
            film += effect(lesion, chest, size)
    if study.marker:
        film = np.maximum(film, 0.95 * _box(chest, -0.9, -0.88, 0.035, 0.05))
    film = np.clip(film + study.exposure, 0, 1) ** study.gamma
    film += study.noise * _white(study.seed, size)
    return (np.clip(film, 0, 1) * 255).astype(np.uint8)


def draw_mask(study: Study, size: int) -> NDArray[np.uint8]:
    """255 where a focal finding adds or removes at least a quarter of its own greatest density, else 0."""
    chest = _chest(study, size)
    mask = np.zeros((size, size), dtype=bool)
    for lesion in study.lesions:
        if lesion.finding in FOCAL:
            change = np.abs(_EFFECTS[lesion.finding](lesion, chest, size))
            mask |= change > 0.25 * max(float(change.max()), 1e-6)
    return np.where(mask, 255, 0).astype(np.uint8)


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Field, Field]:
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    return np.broadcast_to(axis, (size, size)), np.broadcast_to(axis[:, None], (size, size))


@lru_cache(maxsize=8)
def _textures(size: int) -> tuple[Field, Field]:
    """Two banks of 24 smooth random fields, coarse and fine, from which films take shifted copies."""
    rng = np.random.default_rng(20230711)
    coarse, fine = (_smooth(rng, size, cells, 24) for cells in (8, 22))
    return coarse, fine


def _smooth(rng: np.random.Generator, size: int, cells: int, count: int) -> Field:
    knots = rng.standard_normal((count, cells, cells))
    at = np.arange(size) / size * cells
    low = at.astype(int) % cells
    part = at - np.floor(at)
    part = part * part * (3 - 2 * part)
    rows = knots[:, low] * (1 - part)[:, None] + knots[:, (low + 1) % cells] * part[:, None]
    both = rows[:, :, low] * (1 - part) + rows[:, :, (low + 1) % cells] * part
    fields: Field = (both / both.std()).astype(np.float32)
    return fields


def _texture(seed: int, size: int, *, fine: bool = False) -> Field:
    bank = _textures(size)[int(fine)]
    shift = (seed >> 8) % 997 * size // 997, (seed >> 18) % 991 * size // 991
    rolled: Field = np.roll(bank[seed % len(bank)], shift, axis=(0, 1))
    return rolled


def _white(seed: int, size: int) -> Field:
    return np.random.default_rng(seed).standard_normal((size, size), dtype=np.float32)


def _step(value: Field, sharpness: float) -> Field:
    """A smooth step from 0 to 1 where `value` crosses 0."""
    return np.clip(value * (sharpness / 4) + 0.5, 0, 1).astype(np.float32)


def _box(chest: Chest, x: float, y: float, half_width: float, half_height: float) -> Field:
    return _step(half_width - np.abs(chest.x - x), 60) * _step(half_height - np.abs(chest.y - y), 60)


def _line(distance: Field, width: float) -> Field:
    return np.clip(1.5 - np.abs(distance) / width, 0, 1).astype(np.float32)


def _blob(chest: Chest, x: float, y: float, radius: float) -> Field:
    return np.exp(-(((chest.x - x) ** 2 + (chest.y - y) ** 2) / radius**2)).astype(np.float32)


def _chest(study: Study, size: int) -> Chest:
    grid_x, grid_y = _grid(size)
    a = study.anatomy
    x = grid_x - study.shift[0] + study.tilt * grid_y
    y = grid_y - study.shift[1]
    middle = np.maximum(_mediastinum(study, x, y), _heart(study, x, y))
    lung, rim, floor = {}, {}, {}
    centre = (a.apex + a.base) / 2
    for sign in (-1.0, 1.0):
        u = (sign * x - a.lung_x) / a.lung_width
        v = (y - centre - 0.12) / (a.base - a.apex) * 1.72
        widened = u / (1 + 0.28 * np.clip(v, -1, 1))  # wider at the base than at the apex
        rim[sign] = np.sqrt(widened**2 + np.where(v < 0, v * v, 0.35 * v * v))
        raised = 0.05 * (sign < 0) + _raised_diaphragm(study, sign)
        floor[sign] = (a.base - raised + 0.13 * np.clip(u + 0.15, -1, 2) ** 2).astype(np.float32)
        lung[sign] = _step(1 - rim[sign], 14) * _step(floor[sign] - y, 22) * (1 - 0.9 * middle)
    return Chest(x, y, middle, lung, rim, floor)


def _raised_diaphragm(study: Study, sign: float) -> float:
    sides = {-1.0: "right", 1.0: "left"}
    lost = [s.severity for s in study.lesions if s.finding == "Atelectasis" and s.side in (sides[sign], "both")]
    return 0.11 * max(lost, default=0.0)


def _normal_anatomy(study: Study, chest: Chest) -> Field:
    a, size = study.anatomy, chest.x.shape[0]
    x, y = chest.x, chest.y
    narrowing = np.where(y < -0.6, 1 - 0.9 * (-0.6 - y), 1)  # the neck
    film = 0.6 * _step(a.torso * narrowing - np.abs(x), 12)
    lungs = chest.lung[-1.0] + chest.lung[1.0]
    film -= 0.42 * lungs
    film += 0.1 * chest.middle * _step(a.base + 0.12 - y, 5) + 0.06 * _step(y - a.base, 5)
    film -= 0.1 * _line(x - 0.01, 0.035) * _step(-0.25 - y, 10)  # the trachea
    film += _bones(a, chest, lungs)
    vessels = 0.5 + 0.5 * np.exp(-((np.abs(x) - 0.22) ** 2) / 0.05)
    film += 0.035 * lungs * vessels * _texture(study.seed, size, fine=True)
    film += 0.012 * _texture(study.seed + 1, size)
    for sign in (-1.0, 1.0):  # the hila
        film += 0.1 * _blob(chest, sign * (a.mediastinum + 0.07), -0.08, 0.09)
    return film.astype(np.float32)


def _bones(a: Anatomy, chest: Chest, lungs: Field) -> Field:
    x, y = chest.x, chest.y
    side = np.abs(x)
    ribs = np.cos(2 * np.pi * ((y - 0.5 * (side - 0.25) ** 2 + 0.25 * side) * a.ribs + a.rib_phase))
    clavicles = _line(y + 0.62 - 0.28 * (side - 0.4) * np.sign(side - 0.1), 0.03) * _step(0.75 - side, 20)
    clavicles = clavicles * _step(side - 0.08, 30)
    return 0.075 * np.clip(ribs, 0, 1) ** 1.5 * (0.25 + lungs) * _step(0.45 - y, 6) + 0.09 * clavicles


def _severity(study: Study, finding: str) -> float:
    return max((s.severity for s in study.lesions if s.finding == finding), default=0.0)


def _mediastinum(study: Study, x: Field, y: Field) -> Field:
    severity = _severity(study, "Enlarged Cardiomediastinum")
    width = study.anatomy.mediastinum + (0.05 + 0.07 * severity if severity else 0.0)
    bulge = 0.06 * np.exp(-((y + 0.32) ** 2) / 0.01) * (x > 0)  # the aortic knob
    return _step(width + bulge + 0.03 * y - np.abs(x), 14)


def _heart(study: Study, x: Field, y: Field) -> Field:
    severity = _severity(study, "Cardiomegaly")
    width = study.anatomy.heart + (0.07 + 0.12 * severity if severity else 0.0)
    # longer towards the apex of the heart, at the patient's lower left
    along = (x - 0.3 * width) * 0.9 + (y - study.anatomy.base + 0.1) * 0.45
    across = -(x - 0.3 * width) * 0.45 + (y - study.anatomy.base + 0.1) * 0.9
    r = np.sqrt((along / (1.02 * width)) ** 2 + (across / (0.16 + 0.5 * width)) ** 2)
    return _step(1 - r, 9)


def _lung_of(lesion: Lesion, chest: Chest) -> Field:
    if lesion.side == "right":
        return chest.lung[-1.0]
    if lesion.side == "left":
        return chest.lung[1.0]
    return chest.lung[-1.0] + chest.lung[1.0]


def _signs(lesion: Lesion) -> tuple[float, ...]:
    return {"right": (-1.0,), "left": (1.0,)}.get(lesion.side, (-1.0, 1.0))


def _consolidation(lesion: Lesion, chest: Chest, size: int) -> Field:
    r = np.hypot(chest.x - lesion.x, chest.y - lesion.y) / lesion.radius
    patch = _step(1.15 - r + 0.2 * _texture(lesion.seed, size), 4)
    return (0.17 + 0.2 * lesion.severity) * patch * _lung_of(lesion, chest)


def _pneumonia(lesion: Lesion, chest: Chest, size: int) -> Field:
    rng = np.random.default_rng(lesion.seed)
    total = np.zeros_like(chest.x)
    for _ in range(5):  # patchy: several small foci
        dx, dy = rng.normal(0, 0.11, 2)
        total = total + _blob(chest, lesion.x + dx, lesion.y + dy, rng.uniform(0.045, 0.08))
    return (0.16 + 0.2 * lesion.severity) * np.clip(total, 0, 1) * _lung_of(lesion, chest)


def _opacity(lesion: Lesion, chest: Chest, size: int) -> Field:
    return (
        (0.08 + 0.1 * lesion.severity) * _blob(chest, lesion.x, lesion.y, 1.3 * lesion.radius) * _lung_of(lesion, chest)
    )


def _edema(lesion: Lesion, chest: Chest, size: int) -> Field:
    wings = np.exp(-((np.abs(chest.x) - 0.3) ** 2) / 0.035 - (chest.y + 0.02) ** 2 / 0.12)
    lines = 0.35 * np.abs(_texture(lesion.seed, size, fine=True))
    return (0.1 + 0.16 * lesion.severity) * (wings + lines) * _lung_of(lesion, chest)


def _effusion(lesion: Lesion, chest: Chest, size: int) -> Field:
    total = np.zeros_like(chest.x)
    for sign in _signs(lesion):
        outwards = np.clip(sign * chest.x - 0.25, 0, 0.6)
        surface = chest.floor[sign].min() - 0.02 - 0.3 * lesion.severity * (0.35 + 2.2 * outwards)
        total = total + _step(chest.y - surface, 18) * chest.lung[sign]
    return (0.3 + 0.1 * lesion.severity) * total


def _atelectasis(lesion: Lesion, chest: Chest, size: int) -> Field:
    total = np.zeros_like(chest.x)
    for sign in _signs(lesion):
        slope = 0.35 if lesion.seed % 2 else -0.2
        height = chest.floor[sign].min() - 0.13 + slope * (sign * chest.x - 0.42)
        total = total + _line(chest.y - height, 0.035 + 0.02 * lesion.severity) * chest.lung[sign]
    return (0.16 + 0.14 * lesion.severity) * total


def _pneumothorax(lesion: Lesion, chest: Chest, size: int) -> Field:
    sign = _signs(lesion)[0]
    edge = 0.92 - 0.4 * lesion.severity
    outside = chest.rim[sign] - edge - 0.25 * np.clip(chest.y + 0.1, 0, 1)
    air = _step(outside, 30) * chest.lung[sign]
    return -(0.09 + 0.03 * lesion.severity) * air + 0.13 * _line(outside, 0.02) * chest.lung[sign]


def _lesion(lesion: Lesion, chest: Chest, size: int) -> Field:
    r = np.hypot(chest.x - lesion.x, chest.y - lesion.y) / lesion.radius
    return (0.18 + 0.14 * lesion.severity) * _step(1 - r, 8) * _lung_of(lesion, chest)


def _pleural_other(lesion: Lesion, chest: Chest, size: int) -> Field:
    sign = _signs(lesion)[0]
    band = _step(chest.rim[sign] - 0.84, 24) * chest.lung[sign]
    return (0.15 + 0.12 * lesion.severity) * band * np.exp(-((chest.y - lesion.y) ** 2) / 0.06)


def _fracture(lesion: Lesion, chest: Chest, size: int) -> Field:
    sign = _signs(lesion)[0]
    x = sign * (abs(lesion.x) + 0.14)
    callus = _blob(chest, x, lesion.y, 0.04)
    gap = _line(chest.x - x - 0.3 * (chest.y - lesion.y), 0.012) * _blob(chest, x, lesion.y, 0.06)
    return (0.12 + 0.1 * lesion.severity) * callus - 0.2 * gap


def _devices(lesion: Lesion, chest: Chest, size: int) -> Field:
    x, y = chest.x, chest.y
    total = np.zeros_like(x)
    if lesion.seed % 3 == 0:  # a pacemaker and its lead
        total += _box(chest, 0.55, -0.5, 0.1, 0.075)
        total += _line(y + 0.5 - 2.2 * (0.5 - x) ** 2 * (x < 0.5), 0.016) * (x > 0.05) * (x < 0.5) * (y < 0.4)
    if lesion.seed % 3 == 1:  # a central venous catheter from the patient's right
        total += _line(x + 0.1 + 0.35 * np.clip(-0.45 - y, 0, 1), 0.016) * (y < 0.0)
    if lesion.seed % 3 == 2:  # an endotracheal tube
        total += _line(x - 0.01, 0.02) * (y < -0.28)
    return np.clip(0.4 * total, 0, 0.4).astype(np.float32)


_EFFECTS: dict[str, Callable[[Lesion, Chest, int], Field]] = {
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
    "Support Devices": _devices,
}
