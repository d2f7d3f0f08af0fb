"""How much each ray is attenuated by a chest that has no densities of findings: soft tissue, air, bones, vessels."""

from __future__ import annotations

import numpy as np

from umcl_bench.data.phantom import skeleton
from umcl_bench.data.phantom.anatomy import Chest, canvas_place
from umcl_bench.data.phantom.banks import Field, between, level_for, unit
from umcl_bench.data.phantom.studies import Study

AIR, TISSUE = 2.5, 3.9
"""What a whole lung takes away from, and a whole chest adds to, a ray's attenuation."""


def attenuation(study: Study, chest: Chest) -> Field:
    """The sum over everything that is no finding."""
    total = _soft_tissue(study, chest)
    total -= _air(chest)
    bones = _bones(chest)
    bones *= np.float32(0.9 - 0.003 * (study.age - 20))
    _abdomen(chest, total, bones)
    total += bones
    total += (chest.tree + np.float32(0.035) * chest.texture) * chest.lungs
    total += np.float32(0.09) * chest.texture
    if chest.pose.bubble > 0.02:
        total -= _bubble(chest)
    return total


def _abdomen(chest: Chest, total: Field, bones: Field) -> None:
    """Below the diaphragm, in place: bones fade, the liver is dense, the bowel holds gas."""
    low = np.s_[int(np.searchsorted(chest.y[:, 0], chest.dome.min() - 0.06)) :]
    under = chest.under[low]
    bones[low] *= 1 - 0.55 * unit(under * 5 + 0.3)
    total[low] += np.float32(0.35) * unit(0.5 - chest.x * 2) * unit(under * 8)
    gas = unit(chest.texture[low] - np.float32(1.6 - chest.pose.liver)) * unit((under - 0.12) * 6)
    total[low] -= np.float32(0.35) * gas


def _soft_tissue(study: Study, chest: Chest) -> Field:
    y, side, pose = chest.y, chest.side, chest.pose
    torso = study.anatomy.torso * (0.96 + 0.08 * pose.build)
    waist = (
        torso + 0.1 * chest.shape.waist - 0.06 * np.exp(-((y - 0.35) ** 2) / 0.1) + 0.04 * pose.liver * unit(y - 0.4)
    )
    flank = unit((-0.28 - y) / 0.35)
    half = waist + 0.7 * flank * flank * (3 - 2 * flank)  # opens into the shoulder
    q = side / half
    q *= q
    depth = np.sqrt(unit(1 - q * q * q))
    slope = -1.12 + 0.62 * np.clip(side - 0.17, 0, 0.25) ** 0.7 + 0.2 * side  # neck and shoulders from above
    thick = np.sqrt(unit((y - slope) * np.float32(2.2)))
    level = np.float32(TISSUE * pose.build) * (0.78 + 0.3 * unit((y + 0.55) / 0.9))
    total = level * depth * thick
    arm = (side - (waist + pose.arms + 0.2 - 0.06 * y)) * np.float32(1 / 0.2)
    total += np.sqrt(unit(1 - arm * arm)) * (np.float32(0.85) * unit((y + 0.75) * 3))
    if pose.breast > 0.05:
        total += _breasts(chest)
    if pose.chin:
        r = (chest.x - chest.middle) ** 2 / 0.1 + (y + 1.28 - 0.25 * pose.chin) ** 2 / 0.12
        total += np.float32(2.2) * np.sqrt(unit(1 - r))
    return total


def _breasts(chest: Chest) -> Field:
    pose = chest.pose
    radius = 0.3 + 0.12 * pose.breast
    top = chest.apex + 0.72 * (chest.base - chest.apex)
    across = (chest.side - 0.62 * chest.width - 0.06) / (1.1 * radius)
    along = (chest.y - top) / radius
    along = np.where(along < 0, np.float32(0.75) * along, along)
    round_ = unit((1 - along * along) - across * across)
    return np.float32(1.5 * pose.breast) * np.sqrt(round_)


def _air(chest: Chest) -> Field:
    """What the lungs' air takes away: less towards the lateral wall, some behind the heart and behind the diaphragm."""
    edge = unit(chest.gap * np.float32(1 / 0.34))
    depth = np.sqrt(edge * (2 - edge))
    deep = unit(1 - chest.inward * np.float32(1 / 0.13))
    overlap = 0.12 + 0.1 * unit((chest.v - 0.3) * 4) + np.float32(0.38) * deep * deep
    share = chest.lungs + overlap * chest.centre * chest.thorax
    low = np.s_[int(np.searchsorted(chest.y[:, 0], chest.dome.min())) :]
    below = chest.under[low] * np.float32(1 / 0.09)
    share[low] += np.float32(0.22) * np.exp(-np.maximum(below, 0)) * (below > 0)
    share *= depth
    share *= np.float32(AIR) * (0.45 + 0.55 * np.sqrt(unit(chest.v / 0.3)))
    return share


def _bubble(chest: Chest) -> Field:
    """Air in the stomach under the left dome, with a level where the patient stands."""
    size = chest.pose.bubble + 0.03
    x0 = 0.42 * chest.width
    y0 = float(np.interp(x0, chest.x[0], chest.dome[0])) + size + 0.045
    r = ((chest.x - x0) / (1.7 * size)) ** 2 + ((chest.y - y0) / size) ** 2
    air = np.sqrt(unit(1.15 - r))
    if chest.pose.liver > 0.5:
        air = air * chest.cover(y0 + 0.3 * size - chest.y)
    return np.float32(8 * size) * air


def _bones(chest: Chest) -> Field:
    rows, columns = canvas_place(chest.x, chest.v, chest.width, chest.mirrored)
    cages, girdles = skeleton.cages(), skeleton.girdles()
    level = level_for(cages, columns)
    return between(
        cages.levels[level][chest.cage] + np.float32(1.15) * girdles.levels[level][chest.pose.girdle], rows, columns
    )
