"""A study's chest without its findings' densities: pose, outlines, lungs and vessels.

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


@dataclass(frozen=True)
class Pose:
    """What differs from film to film and is no finding; from the study's seed alone."""

    zoom: tuple[float, float]  # across and down
    moved: tuple[float, float]  # with the study's own shift
    turn: float  # how far the heart and the front of the chest have moved by the patient's rotation
    depth: float  # of breath: 1 is full
    girdle: int
    arms: float  # gap between the chest and the arms
    build: float  # thickness of the patient
    breast: float
    chin: float  # how far the chin hangs into the film
    contrast: float
    bubble: float  # size of the gastric bubble
    liver: float
    offsets: tuple[float, float]
    wires: int  # of an electrocardiograph
    dice: tuple[float, ...]  # twenty further numbers from 0 to 1, for markers and borders
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
    gap: Field  # distance to the wall, inwards
    under: Field  # distance below the diaphragm
    inward: Field  # distance into the mediastinum
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
    r = np.random.default_rng([study.seed, 1]).random(40).tolist()
    ap = study.view == "AP"
    return Pose(
        zoom=((0.91 + 0.21 * r[0]) * (0.95 + 0.1 * r[4]), 0.91 + 0.21 * r[0]),
        moved=(study.shift[0] + 0.06 * (r[14] - 0.5), study.shift[1] + 0.1 * (r[15] - 0.55)),
        turn=0.05 * (r[1] + r[2] - 1),
        depth=r[3] * (0.75 if ap else 1.0),
        girdle=int(r[5] * skeleton.GIRDLES) + skeleton.GIRDLES * ap,
        arms=-0.1 + 0.32 * r[7],
        build=0.85 + 0.3 * r[8],
        breast=(0.4 + 0.6 * r[9]) if study.sex == "F" else 0.12 * r[9],
        chin=r[18] / 0.2 if r[18] < 0.2 else 0.0,
        contrast=0.82 + 0.42 * r[19],
        bubble=0.12 * max(r[10] - 0.3, 0),
        liver=r[11],
        offsets=(r[12], r[13]),
        wires=int(3 + 3 * r[16]) if r[17] < (0.45 if ap else 0.05) else 0,
        dice=tuple(r[20:]),
        seed=study.seed,
    )


def draw_shape(study: Study) -> Shape:
    """The patient's own shape, from the anatomy's digits."""
    kin = int(1e6 * study.anatomy.ribs)
    r = [
        kin * step % 1 for step in (0.7548776662, 0.5698402910, 0.4387182951, 0.3247179572, 0.8191725134, 0.6710436067)
    ]
    return Shape(kin, 0.1 * (r[0] - 0.5), r[1], (r[2], r[3]), 0.09 * r[4], r[5])


@lru_cache(maxsize=8)
def axis(size: int) -> Field:
    """Pixel centres from -1 to 1."""
    return ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)


def build_chest(study: Study, size: int) -> Chest:
    """Outlines and maps, with those findings that move outlines."""
    pose, shape, a = draw_pose(study), draw_shape(study), study.anatomy
    x = (axis(size) - np.float32(pose.moved[0]))[None, :] / np.float32(pose.zoom[0])
    y = (axis(size) - np.float32(pose.moved[1]))[:, None] / np.float32(pose.zoom[1])
    apex, base, width = a.apex, a.base - 0.12 * (1 - pose.depth), a.lung_x + a.lung_width
    v = (y - apex) / np.float32(base - apex)
    v += np.float32(shape.apex) * np.sin(np.float32(np.pi) * v)
    wall = (width * skeleton.wall(v)).astype(np.float32)
    right, left, heart = _borders(study, shape, v, width)
    rest = _dome(shape, pose.depth, x / width, base)
    dome = rest - _lift(study, x / width)
    sharp = size * pose.zoom[1] / 2.6
    gap, under = wall - np.abs(x), y - dome
    thorax = unit(gap * np.float32(min(sharp, 20)) + 0.5) * unit(0.5 - under * np.float32(min(sharp, 36)))
    middle = 0.6 * pose.turn
    across = np.abs(x - middle)
    inward = np.where(x < middle, right, left) - across
    steep = np.float32(min(sharp, 22.0))  # not sharp: the heart beats, and its borders lie oblique to the rays
    summit = width * skeleton.APEX_U * (1 - np.sqrt(unit(v / 0.13)))  # the lung's apex is a dome
    outward = np.minimum(-inward, across - summit)
    mirrored = shape.kin % 2 == 1
    rows, columns = canvas_place(x, v, width, mirrored)
    down, along = (0.5 * axis(size) + offset for offset in pose.offsets)
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
        gap=gap,
        under=under,
        inward=inward,
        thorax=thorax,
        centre=unit(inward * steep + 0.5),
        lungs=thorax * unit(outward * steep + 0.5),
        tree=_vessels(shape.kin // 2 % vessels.TREES, rows, columns),
        texture=look(textures(), study.seed % 12, down, along, wrap=True),
    )


def canvas_place(x: Field, v: Field, width: float, mirrored: bool) -> tuple[Field, Field]:
    """A film's rows and columns on the banks' canvas, in fractions of it."""
    u = x / np.float32(-width if mirrored else width)
    return (v - V_SPAN[0]) / (V_SPAN[1] - V_SPAN[0]), (u - U_SPAN[0]) / (U_SPAN[1] - U_SPAN[0])


def _vessels(tree: int, rows: Field, columns: Field) -> Field:
    """A tree of arteries, and another's mirror image, fainter, for the veins."""
    bank = vessels.trees()
    pictures = bank.levels[level_for(bank, columns)]
    both = pictures[tree] + np.float32(0.4) * pictures[tree - 1][:, ::-1]
    return between(both, rows, columns)


def worst(study: Study, finding: str, side: str = "") -> float:
    """The greatest severity of a finding (on a side), 0 where there is none."""
    return max((s.severity for s in study.lesions if s.finding == finding and side in ("", s.side)), default=0.0)


def heart_ratio(study: Study) -> float:
    """The cardiothoracic ratio: below a half unless there is cardiomegaly."""
    severity = worst(study, "Cardiomegaly")
    if severity:
        return 0.51 + 0.15 * severity
    return float(np.clip(study.anatomy.heart * 1.29, 0.38, 0.485))


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
    shown = v > 0.46
    return (
        _blend(vein, atrium),
        _blend(great, knob, trunk, ventricle),
        (np.where(shown, atrium, none), np.where(shown, ventricle, none)),
    )


def _blend(*curves: Field) -> Field:
    """Nearly the greatest of the curves, without corners where they cross."""
    total: Field = np.square(np.square(np.square(curves[0] * np.float32(10))))
    for curve in curves[1:]:
        total = total + np.square(np.square(np.square(curve * np.float32(10))))
    blended: Field = np.float32(0.1) * np.sqrt(np.sqrt(np.sqrt(total)))
    return blended


def _dome(shape: Shape, depth: float, u: Field, base: float) -> Field:
    """The diaphragm's height over u: two domes, the right one higher, that fall to the costophrenic angles."""
    side = np.abs(u)
    arched = np.where(u < 0, *(np.float32(0.12 + 0.08 * depth + 0.08 * a) for a in shape.domes))
    summit = np.where(u < 0, np.float32(0.47), np.float32(0.5))
    height = arched * np.maximum(1 - ((side - summit) / 0.62) ** 2, -1)
    fall = 0.1 * np.minimum(unit((side - 0.78) / 0.2), 1.2) ** 2
    higher = (u < 0) * shape.higher * unit(1 - ((side - 0.45) / 0.7) ** 2)
    return (base + 0.12 - height + fall - higher).astype(np.float32)


def _raised(severity: float) -> float:
    return 0.06 + 0.11 * severity if severity else 0.0


def _lift(study: Study, u: Field) -> Field:
    """How far a loss of volume has raised the diaphragm."""
    right, left = (_raised(max(worst(study, "Atelectasis", s), worst(study, "Atelectasis", "both"))) for s in SIDES)
    return (np.where(u < 0, right, left) * unit(1 - ((np.abs(u) - 0.45) / 0.65) ** 2)).astype(np.float32)
