"""A study's chest without its findings' densities: outlines, lungs, vessels and how much each ray is attenuated.

Everything is in units of half the film's width in the patient's own upright frame: x grows towards the patient's left
(the image's right), y downwards. Outlines are functions of one coordinate, so that a film is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from umcl_bench.data.phantom import skeleton, vessels
from umcl_bench.data.phantom.banks import U_SPAN, V_SPAN, Field, between, level_for, look, textures, unit
from umcl_bench.data.phantom.studies import Study

SIDES = ("right", "left")
AIR, TISSUE = 2.5, 3.9
"""What a whole lung takes away from, and a whole chest adds to, a ray's attenuation."""


@dataclass(frozen=True)
class Pose:
    """What differs from film to film and is no finding; from the study's seed alone."""

    zoom: float
    turn: float  # how far the heart and the front of the chest have moved by the patient's rotation
    depth: float  # of breath: 1 is full
    girdle: int
    arms: float  # gap between the chest and the arms
    build: float  # thickness of the patient
    breast: float
    bubble: float  # size of the gastric bubble
    liver: float
    offsets: tuple[float, float]
    wires: int  # of an electrocardiograph
    seed: int


@dataclass(frozen=True)
class Shape:
    """What differs from patient to patient beside `Anatomy`; the same on all films of one."""

    kin: int
    apex: float  # rounder or more pointed lungs
    vertical: float  # how upright the heart lies, 0 to 1
    domes: tuple[float, float]  # how arched the right and the left diaphragm are, 0 to 1
    higher: float  # the right dome above the left
    waist: float


@dataclass(frozen=True)
class Chest:
    """The grids (x is a row, y and what depends on it are columns), outlines and maps of one study's chest."""

    pose: Pose
    shape: Shape
    x: Field
    y: Field
    side: Field  # |x|
    v: Field  # height in the lung: 0 at the apex, 1 at the base
    apex: float
    base: float
    width: float  # half of the chest's inner width
    cage: int
    mirrored: bool
    wall: Field  # the lungs' lateral borders
    right: Field  # the right border of the mediastinum and heart, as a distance from the midline
    left: Field
    heart: tuple[Field, Field]  # right and left border of the heart alone; -1 where there is none
    middle: float  # where the midline is
    dome: Field  # the diaphragm, over x
    rest: Field  # where the diaphragm would be without loss of volume
    sharp: float  # of outlines: one over a pixel
    thorax: Field  # what is inside the rib cage and above the diaphragm
    centre: Field  # mediastinum and heart
    lungs: Field
    tree: Field  # vessels, inside and outside the lungs
    texture: Field

    @property
    def size(self) -> int:
        """The film's width in pixels."""
        return int(self.x.shape[1])

    def cover(self, distance: Field) -> Field:
        """1 where `distance` (to an outline, inwards) is positive, 0 where negative, one pixel's blur between."""
        return unit(distance * self.sharp + 0.5)

    def at(self, v: Any) -> Any:
        """The y at height v."""
        return np.interp(v, self.v[:, 0], self.y[:, 0])

    def half(self, sign: float) -> Field:
        """1 on the patient's right (-1) or left (1), as a row."""
        return np.asarray(sign * (self.x - self.middle) > 0, dtype=np.float32)


def draw_pose(study: Study) -> Pose:
    """The film's nuisance values."""
    r = np.random.default_rng([study.seed, 1]).random(20).tolist()
    ap = study.view == "AP"
    return Pose(
        zoom=0.96 + 0.2 * r[0],
        turn=0.05 * (r[1] + r[2] - 1),
        depth=r[3] * (0.75 if ap else 1.0),
        girdle=int(r[5] * skeleton.GIRDLES) + skeleton.GIRDLES * ap,
        arms=-0.1 + 0.32 * r[7],
        build=0.85 + 0.3 * r[8],
        breast=(0.35 + 0.65 * r[9]) if study.sex == "F" else 0.12 * r[9],
        bubble=0.12 * max(r[10] - 0.3, 0),
        liver=r[11],
        offsets=(r[12], r[13]),
        wires=int(3 + 3 * r[16]) if r[17] < (0.45 if ap else 0.05) else 0,
        seed=study.seed,
    )


def draw_shape(study: Study) -> Shape:
    """The patient's own shape, from the anatomy's digits."""
    kin = int(1e6 * study.anatomy.ribs)
    r = np.random.default_rng([kin, 6]).random(6).tolist()
    return Shape(kin, 0.1 * (r[0] - 0.5), r[1], (r[2], r[3]), 0.09 * r[4], r[5])


@lru_cache(maxsize=8)
def axis(size: int) -> Field:
    """Pixel centres from -1 to 1."""
    return ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)


def build_chest(study: Study, size: int) -> Chest:
    """Outlines and maps, with those findings that move outlines."""
    pose, shape, a = draw_pose(study), draw_shape(study), study.anatomy
    x = (axis(size) - np.float32(study.shift[0]))[None, :] / np.float32(pose.zoom)
    y = (axis(size) - np.float32(study.shift[1]))[:, None] / np.float32(pose.zoom)
    apex, base, width = a.apex, a.base - 0.12 * (1 - pose.depth), a.lung_x + a.lung_width
    v = (y - apex) / np.float32(base - apex)
    v += np.float32(shape.apex) * np.sin(np.float32(np.pi) * v)
    wall = (width * skeleton.wall(v)).astype(np.float32)
    right, left, heart = _borders(study, shape, v, width)
    rest = _dome(shape, pose.depth, x / width, base)
    dome = rest - _lift(study, x / width)
    sharp = size * pose.zoom / 2.6
    thorax = unit((wall - np.abs(x)) * np.float32(min(sharp, 24)) + 0.5)
    thorax *= unit((dome - y) * np.float32(min(sharp, 45)) + 0.5)
    middle = 0.6 * pose.turn
    centre, beside = _divide(x - middle, v, (right, left), width * skeleton.APEX_U, min(sharp, 26.0))
    mirrored = shape.kin % 2 == 1
    rows, columns = _canvas(x, v, width, mirrored)
    across, down = (0.5 * axis(size) + offset for offset in pose.offsets)
    return Chest(
        pose=pose,
        shape=shape,
        x=x,
        y=y,
        side=np.abs(x),
        v=v,
        apex=apex,
        base=base,
        width=width,
        cage=int(a.rib_phase * skeleton.CAGES),
        mirrored=mirrored,
        wall=wall,
        right=right,
        left=left,
        heart=heart,
        middle=middle,
        dome=dome,
        rest=rest,
        sharp=sharp,
        thorax=thorax,
        centre=centre,
        lungs=thorax * beside,
        tree=_vessels(shape.kin // 2 % vessels.TREES, rows, columns),
        texture=look(textures(), study.seed % 12, down, across, wrap=True),
    )


def _divide(across: Field, v: Field, borders: tuple[Field, Field], top: float, sharp: float) -> tuple[Field, Field]:
    """What is mediastinum and what is beside it; not sharp, for the heart beats and lies oblique to the rays."""
    (right, left), steep = borders, np.float32(sharp)
    centre = unit((across + right) * steep + 0.5) * unit((left - across) * steep + 0.5)
    summit = top * (1 - np.sqrt(unit(v / 0.13)))  # the lung's apex is a dome
    beside = unit((-across - np.maximum(right, summit)) * steep + 0.5)
    beside += unit((across - np.maximum(left, summit)) * steep + 0.5)
    return centre, beside


def _canvas(x: Field, v: Field, width: float, mirrored: bool) -> tuple[Field, Field]:
    """A film's rows and columns on the banks' canvas, in fractions of it."""
    u = x / np.float32(-width if mirrored else width)
    return (v - V_SPAN[0]) / (V_SPAN[1] - V_SPAN[0]), (u - U_SPAN[0]) / (U_SPAN[1] - U_SPAN[0])


def _vessels(tree: int, rows: Field, columns: Field) -> Field:
    """A tree of arteries, and another's mirror image, fainter, for the veins."""
    bank = vessels.trees()
    pictures = bank.levels[level_for(bank, columns)]
    both = pictures[tree] + np.float32(0.55) * pictures[tree - 1][:, ::-1]
    return between(both, rows, columns)


def _bones(chest: Chest) -> Field:
    rows, columns = _canvas(chest.x, chest.v, chest.width, chest.mirrored)
    cages, girdles = skeleton.cages(), skeleton.girdles()
    level = level_for(cages, columns)
    return between(cages.levels[level][chest.cage] + girdles.levels[level][chest.pose.girdle], rows, columns)


def worst(study: Study, finding: str, side: str = "") -> float:
    """The greatest severity of a finding (on a side), 0 where there is none."""
    return max((s.severity for s in study.lesions if s.finding == finding and side in ("", s.side)), default=0.0)


def heart_ratio(study: Study) -> float:
    """The cardiothoracic ratio: below a half unless there is cardiomegaly."""
    severity = worst(study, "Cardiomegaly")
    if severity:
        return 0.53 + 0.17 * severity
    return float(np.clip(study.anatomy.heart * 1.26, 0.38, 0.475))


def _borders(study: Study, shape: Shape, v: Field, width: float) -> tuple[Field, Field, tuple[Field, Field]]:
    """The right and the left outline of the mediastinum from the neck down, and those of the heart."""
    widened = worst(study, "Enlarged Cardiomediastinum")
    pedicle = 0.95 * study.anatomy.mediastinum
    wide = pedicle + (0.045 + 0.085 * widened if widened else 0.0)
    heart = 2 * width * heart_ratio(study)
    reach = (0.36 - 0.08 * shape.vertical) * heart
    atrium = reach * np.sqrt(unit(1 - ((v - 0.78) / 0.32) ** 2))
    rise = np.sin(unit((v - 0.36) / (0.46 + 0.12 * shape.vertical)) * (np.pi / 2)) ** (1.05 + 0.5 * shape.vertical)
    below = unit(1 - (unit(v - 0.9) / 0.3) ** 2.5)
    ventricle = (0.5 * pedicle + (heart - reach - 0.5 * pedicle) * rise) * below
    unfolded = 0.4 * unit((study.age - 50) / 40)
    knob = pedicle * (1.15 + unfolded) * np.sqrt(unit(1 - ((v - 0.27) / (0.1 + 0.03 * unfolded)) ** 2))
    trunk = pedicle * 1.12 * np.sqrt(unit(1 - ((v - 0.43) / 0.12) ** 2))
    vein = wide * (0.8 + 0.08 * np.sin(7 * v))
    great = wide * (0.78 + unfolded * np.clip(v, 0, 0.6)) + 0.05 * np.exp(-(((v + 0.02) / 0.1) ** 2))
    none = np.float32(-1)
    shown = v > 0.4
    return (
        _blend(vein, atrium),
        _blend(great, knob, trunk, ventricle),
        (np.where(shown, atrium, none), np.where(shown, ventricle, none)),
    )


def _blend(*curves: Field) -> Field:
    """Nearly the greatest of the curves, without corners where they cross."""
    total = sum((curve / 0.1).clip(0, None) ** 7 for curve in curves)
    return (0.1 * np.asarray(total) ** (1 / 7)).astype(np.float32)


def _dome(shape: Shape, depth: float, u: Field, base: float) -> Field:
    """The diaphragm's height over u: two domes, the right one higher, that fall to the costophrenic angles."""
    side = np.abs(u)
    arched = np.where(u < 0, *(np.float32(0.12 + 0.08 * depth + 0.08 * a) for a in shape.domes))
    summit = np.where(u < 0, np.float32(0.47), np.float32(0.5))
    height = arched * np.maximum(1 - ((side - summit) / 0.62) ** 2, -1)
    fall = 0.1 * np.minimum(unit((side - 0.78) / 0.2), 1.2) ** 2
    higher = (u < 0) * shape.higher * unit(1 - ((side - 0.45) / 0.7) ** 2)
    return (base + 0.12 - height + fall - higher).astype(np.float32)


def _lift(study: Study, u: Field) -> Field:
    """How far a loss of volume has raised the diaphragm."""
    right, left = (0.13 * max(worst(study, "Atelectasis", s), worst(study, "Atelectasis", "both")) for s in SIDES)
    return (np.where(u < 0, right, left) * unit(1 - ((np.abs(u) - 0.45) / 0.65) ** 2)).astype(np.float32)


def attenuation(study: Study, chest: Chest) -> Field:
    """How much each ray loses in a chest without densities of findings."""
    pose = chest.pose
    total = _soft_tissue(study, chest)
    total -= _air(chest)
    bones = _bones(chest)
    under = chest.y - chest.dome
    total += bones * (np.float32(0.82 - 0.003 * (study.age - 20)) * (1 - 0.55 * unit(under * 5 + 0.3)))
    total += np.float32(1.1) * chest.tree * chest.lungs
    total += chest.texture * (np.float32(0.09) + np.float32(0.06) * chest.lungs)
    gas = unit(chest.texture - np.float32(1.6 - pose.liver)) * unit((under - 0.12) * 6)
    total -= np.float32(0.55) * gas
    total += np.float32(0.35) * unit(0.5 - chest.x * 2) * unit(under * 8)  # the liver
    if pose.bubble > 0.02:
        total -= _bubble(chest)
    return total


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
    total += np.float32(0.85) * np.sqrt(unit(1 - arm * arm)) * unit((y + 0.75) * 3)
    if pose.breast > 0.05:
        total += _breasts(chest)
    return total.astype(np.float32)


def _breasts(chest: Chest) -> Field:
    pose = chest.pose
    radius = 0.3 + 0.12 * pose.breast
    top = chest.apex + 0.62 * (chest.base - chest.apex)
    across = (chest.side - 0.52 * chest.width - 0.08) / (1.1 * radius)
    along = (chest.y - top) / radius
    along = np.where(along < 0, 0.75 * along, 1.0 * along)
    return np.float32(0.95 * pose.breast) * np.sqrt(unit(1 - across * across - along * along))


def _air(chest: Chest) -> Field:
    """What the lungs' air takes away: less towards the lateral wall, some behind the heart and behind the diaphragm."""
    edge = unit((chest.wall - chest.side) * np.float32(1 / 0.34))
    depth = np.sqrt(edge * (2 - edge))
    top = unit(chest.v / 0.3)
    across = chest.x - chest.middle
    inward = np.minimum(across + chest.right, chest.left - across) * np.float32(1 / 0.13)
    overlap = 0.12 + 0.1 * unit((chest.v - 0.3) * 4) + 0.38 * np.square(unit(1 - inward))
    behind_heart = overlap * chest.centre * chest.thorax
    below = (chest.y - chest.dome) * np.float32(1 / 0.09)
    recess = np.float32(0.22) * np.exp(-below.clip(0, 8)) * (below > 0)
    air: Field = np.float32(AIR) * depth * (0.45 + 0.55 * np.sqrt(top)) * (chest.lungs + behind_heart + recess)
    return air


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
