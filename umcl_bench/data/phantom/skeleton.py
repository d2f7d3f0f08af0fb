"""Banks of bones: rib cages with the spine and the airway, and shoulder girdles.

Bones are thrown onto the canvas as points of their shells, so that cortical edges and crossings come from projection.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.random import Generator

from umcl_bench.data.phantom.banks import CANVAS, V_PER_U, Bank, Field, canvas_grid, make_bank, splat, to_canvas, unit

CAGES, GIRDLES = 8, 4
APEX_U = 0.36
RIB_PAIRS = 12


def wall(v: Field) -> Field:
    """The u of the chest's inner wall at height v; below 0 where v is above the apex."""
    inside = unit(v / 0.92)
    u = APEX_U + (1 - APEX_U) * (1 - (1 - inside) ** 2.5) ** 0.58 - 0.16 * unit(v - 1.0) ** 2
    return np.where(v > 0, u, -1.0)


def rib_line(variant: int, rib: int, angle: Field) -> tuple[Field, Field]:
    """Points u, v along rib 1 to 12 of a cage's left side; the angle runs from the spine (0) to the sternum (pi)."""
    start, drop, reach = _rib_shape(variant, rib)
    v = start + drop * (1 - np.cos(angle)) / 2 - 0.014 * np.sin(2 * angle)
    return reach * np.sin(angle), v


@lru_cache(maxsize=CAGES * RIB_PAIRS)
def _rib_shape(variant: int, rib: int) -> tuple[float, float, float]:
    rng = np.random.default_rng([31, variant])
    spacing, slope, offset = rng.uniform(0.088, 0.1), rng.uniform(0.85, 1.25), rng.uniform(-0.09, -0.05)
    start = offset + spacing * (rib - 1) * (1 + 0.006 * rib)
    drop = slope * min(0.14 + 0.05 * rib, 0.54)
    reach = float(wall(np.array(max(start + drop / 2, 0.03)))) * 1.015
    return start, drop, reach


@lru_cache(maxsize=1)
def cages() -> Bank:
    """Ribs, spine and airway, as attenuation (the airway's is negative)."""
    return make_bank(np.stack([_cage(variant) for variant in range(CAGES)]))


@lru_cache(maxsize=1)
def girdles() -> Bank:
    """Clavicles, scapulae and humeri; the first half as in a PA film, the others as in an AP film."""
    return make_bank(np.stack([_girdle(np.random.default_rng([47, k]), k >= GIRDLES) for k in range(2 * GIRDLES)]))


def _cage(variant: int) -> Field:
    rng = np.random.default_rng([32, variant])
    picture = np.zeros(CANVAS, dtype=np.float32)
    for rib in range(1, RIB_PAIRS + 1):
        for side in (-1.0, 1.0):
            picture += _rib(variant, rib, side, rng)
    return picture + _spine(rng) + _airway(rng)


def _rib(variant: int, rib: int, side: float, rng: Generator) -> Field:
    """One rib; its cartilage, near the sternum, does not show."""
    reach = _rib_shape(variant, rib)[2]
    end = np.pi * {1: 0.66, 2: 0.74, 11: 0.42, 12: 0.3}.get(rib, rng.uniform(0.8, 0.85))
    angle = np.linspace(np.arcsin(min(0.1 / reach, 1)), end, 260)[:, None]
    u, v = rib_line(variant, rib, angle)
    length = np.hypot(
        np.hypot(np.gradient(u[:, 0]), np.gradient(v[:, 0]) / 1.3), 0.35 * np.gradient(np.cos(angle[:, 0]))
    )
    fade = unit((end - angle) / 0.3) * (1 - 0.3 * unit((angle - 1.7) / 0.6))
    around, inner = _shell(18, 8)
    half = rng.uniform(0.0155, 0.019) * (1.0 + 0.12 * (angle > 1.8)) * (0.75 if rib in (1, 11, 12) else 1)
    rows, columns = to_canvas(side * (u + inner * 0.016 * np.sin(angle)), v + half * around)
    weight = 11.0 * length[:, None] * fade * np.full_like(around, 1.0)
    return splat(rows, columns, weight, CANVAS)


def _shell(edge: int, core: int) -> tuple[Field, Field]:
    """Points of a bone's cross-section, most of them in the cortex."""
    turn = (np.arange(edge) + 0.5) / edge * 2 * np.pi
    inside = np.linspace(-0.8, 0.8, core)
    return np.concatenate([np.sin(turn), inside]), np.concatenate([np.cos(turn), np.zeros(core)])


def _spine(rng: Generator) -> Field:
    """Vertebrae with end plates, pedicles and spinous processes; the discs between are clearer."""
    u, v = canvas_grid()
    u = u - 0.02 * rng.normal() * np.sin(2.2 * v + rng.uniform(0, 6))
    phase = (v + 0.35) / 0.088 / (1 + 0.16 * np.clip(v, 0, 2)) + rng.uniform()
    place = phase % 1 - 0.5  # 0 in the middle of a vertebra
    width = 0.1 + 0.025 * np.clip(v, -0.3, 1.5) + 0.012 * (2 * place) ** 2
    side = np.abs(u)
    body = unit((width - side) / 0.018 + 0.5) * unit((0.42 - np.abs(place)) / 0.08)
    plates = np.exp(-(((np.abs(place) - 0.37) / 0.05) ** 2)) * (side < width)
    flanks = np.exp(-(((side - width + 0.012) / 0.014) ** 2)) * (np.abs(place) < 0.4)
    pedicles = np.exp(-(((side - 0.62 * width) / 0.018) ** 2) - ((place + 0.12) / 0.13) ** 2)
    process = np.exp(-((u / 0.016) ** 2) - ((place - 0.25) / 0.16) ** 2)
    transverse = np.exp(-(((place + 0.2) / 0.12) ** 2)) * unit((width + 0.09 - side) / 0.03)
    column = 0.45 * unit((width - side) / 0.03 + 0.5)
    bone = (
        0.4 * column + 0.22 * body + 0.2 * plates + 0.16 * flanks + 0.25 * pedicles + 0.25 * process + 0.14 * transverse
    )
    return np.asarray(bone, dtype=np.float32)


def _airway(rng: Generator) -> Field:
    """The trachea down to the carina and the main bronchi: air, so negative."""
    u, v = canvas_grid()
    centre = 0.015 + 0.012 * rng.normal() - 0.03 * np.clip(v, 0, 0.4)
    carina = 0.33 + 0.02 * rng.normal()
    trachea = unit((0.058 - np.abs(u - centre)) / 0.02 + 0.5) * unit((carina - v) / 0.03)
    below = unit(v - carina + 0.02)
    total = 0.85 * trachea
    for side, slope in ((-1.0, 0.95), (1.0, 1.5)):
        axis = u - centre - side * slope * below
        total += 0.5 * np.exp(-((axis / 0.035) ** 2)) * unit((0.14 - below) / 0.06) * (v > carina - 0.02)
    return np.asarray(-total, dtype=np.float32)


def _tube(u: Field, v: Field, radius: Field, strength: float) -> Field:
    """A long bone along the points (u, v)."""
    around, _ = _shell(36, 24)
    along = np.hypot(np.gradient(u), np.gradient(v) * V_PER_U)
    across = np.arctan2(np.gradient(v) * V_PER_U, np.gradient(u))[:, None]
    offset = radius[:, None] * around
    rows, columns = to_canvas(u[:, None] - offset * np.sin(across), v[:, None] + offset * np.cos(across) / V_PER_U)
    return splat(rows, columns, np.broadcast_to(strength * along[:, None], rows.shape), CANVAS)


def _girdle(rng: Generator, ap: bool) -> Field:
    picture = np.zeros(CANVAS, dtype=np.float32)
    for side in (-1.0, 1.0):
        picture += _clavicle(rng, side, ap) + _scapula(rng, side, ap) + _humerus(rng, side)
    return picture


def _clavicle(rng: Generator, side: float, ap: bool) -> Field:
    s = np.linspace(0, 1, 200)
    inner, outer = rng.uniform(0.14, 0.19) - 0.07 * ap, rng.uniform(-0.04, 0.05) - 0.04 * ap
    u = 0.1 + (0.93 + 0.03 * rng.normal()) * s
    v = inner + (outer - inner) * s**0.8 + 0.022 * np.sin(2 * np.pi * s)
    radius = 0.026 + 0.016 * np.exp(-((s / 0.12) ** 2)) - 0.01 * s**8
    return _tube(side * u, v, radius, 11.0)


def _scapula(rng: Generator, side: float, ap: bool) -> Field:
    """A faint blade with denser medial, lateral and spinal borders; over the lung in an AP film."""
    inward = (0.24 if ap else 0.02) + 0.05 * rng.normal()
    top, tip = np.array([0.92 - inward, 0.02]), np.array([1.05 - 0.9 * inward, 0.5 + 0.04 * rng.normal()])
    joint = np.array([1.24, 0.1])
    picture = _triangle(side, top, tip, joint) * 0.16
    s = np.linspace(0, 1, 120)
    bent = 0.055 * np.sin(np.pi * s)
    for a, b, strength in (
        (top, tip, 3.0),
        (tip, joint, 5.5),
        (top + np.array([0.03, 0.06]), joint + np.array([0.02, -0.13]), 4.5),
    ):
        u, v = a[0] + (b[0] - a[0]) * s + bent, a[1] + (b[1] - a[1]) * s - 0.4 * bent
        picture = picture + _tube(side * u, v, np.full(120, 0.016), strength)
    return np.asarray(picture, dtype=np.float32)


def _triangle(side: float, a: Field, b: Field, c: Field) -> Field:
    u, v = canvas_grid()
    cover = np.ones(CANVAS, dtype=np.float32)
    for p, q, r in ((a, b, c), (b, c, a), (c, a, b)):
        normal = np.array([q[1] - p[1], -(q[0] - p[0])])
        normal *= np.sign(normal @ (r - p)) / np.hypot(*normal)
        cover *= unit(((side * u - p[0]) * normal[0] + (v - p[1]) * normal[1]) / 0.03 + 0.5)
    return cover


def _humerus(rng: Generator, side: float) -> Field:
    u, v = canvas_grid()
    head_u, head_v = 1.34 + 0.03 * rng.normal(), 0.08 + 0.02 * rng.normal()
    r = np.hypot(side * u - head_u, (v - head_v) * V_PER_U) / 0.14
    head = 0.5 * np.sqrt(unit(1 - r * r)) + 0.35 * np.exp(-(((r - 0.95) / 0.08) ** 2))
    s = np.linspace(0.05, 1, 160)
    shaft = _tube(side * (head_u + 0.02 + 0.12 * s), head_v + 0.75 * s, np.full(160, 0.055), 16.0)
    return np.asarray(head + shaft, dtype=np.float32)
