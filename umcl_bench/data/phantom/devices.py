"""Support devices of every kind, and the wires of an electrocardiograph that lie on many a bedside film."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from umcl_bench.data.phantom.anatomy import Chest
from umcl_bench.data.phantom.banks import Field, unit
from umcl_bench.data.phantom.curves import Pen
from umcl_bench.data.phantom.effects import Effect
from umcl_bench.data.phantom.studies import Lesion

CARINA_V = 0.33


def draw_device(lesion: Lesion, chest: Chest) -> Effect:
    """One device; its region is what it covers."""
    pen = Pen(chest)
    solid = _DEVICES[lesion.kind](chest, pen, np.random.default_rng(lesion.seed))
    change = pen.picture() + solid
    return Effect(change, unit(change * 4))


def _y(chest: Chest, v: float) -> float:
    return float(chest.at(v))


def _pacemaker(chest: Chest, pen: Pen, rng: Generator) -> Field:
    """A can below the left clavicle (the right in one of eight) and one or two leads through the vein to the heart."""
    side = -1.0 if rng.random() < 0.125 else 1.0
    x, y = side * chest.width * rng.uniform(0.72, 0.86), _y(chest, rng.uniform(0.12, 0.22))
    w, h = rng.uniform(0.085, 0.105), rng.uniform(0.075, 0.095)
    q = ((chest.x - x) / w) ** 4 + ((chest.y - y) / h) ** 4
    can = 2.0 * unit((1.2 - q) / 0.3)
    can = can + 1.2 * (((chest.x - x) / (0.7 * w)) ** 4 + ((chest.y - y - 0.2 * h) / (0.5 * h)) ** 4 < 1)
    vein = [(x - side * 0.3 * w, y - h), (side * 0.3 * chest.width, _y(chest, 0.09)), (-0.02, _y(chest, 0.17))]
    down = [(-0.09, _y(chest, 0.3)), (-0.1, _y(chest, 0.55))]
    tip = [(-0.03, _y(chest, 0.8)), (0.26 * chest.width + 0.1 * rng.random(), _y(chest, 0.9))]
    pen.line([*vein, *down, *tip], 0.016, 1.6)
    if rng.random() < 0.6:
        pen.line([*vein, (-0.1, _y(chest, 0.3)), (-0.13, _y(chest, 0.6)), (-0.08, _y(chest, 0.62))], 0.016, 1.6)
    return can.astype(np.float32)


def _central_line(chest: Chest, pen: Pen, rng: Generator) -> Field:
    """From the neck or from below a clavicle down the superior vena cava."""
    end = _y(chest, rng.uniform(0.36, 0.58))
    way = rng.integers(3)
    start = [
        [(-0.2, -1.1), (-0.17, _y(chest, -0.05)), (-0.12, _y(chest, 0.15))],
        [(-0.75, _y(chest, 0.2)), (-0.5, _y(chest, 0.1)), (-0.2, _y(chest, 0.08))],
        [(0.75, _y(chest, 0.18)), (0.45, _y(chest, 0.07)), (0.12, _y(chest, 0.1)), (-0.06, _y(chest, 0.2))],
    ][way]
    pen.line([*start, (-0.105, _y(chest, 0.3)), (-0.1, end)], 0.02, 0.9)
    return np.float32(0) * chest.texture


def _endotracheal_tube(chest: Chest, pen: Pen, rng: Generator) -> Field:
    tip = CARINA_V - rng.uniform(0.07, 0.2)
    x = 0.01 + 0.02 * rng.normal()
    pen.tube([(x, -1.2), (x + 0.01, -0.95), (x, _y(chest, 0.0)), (x, _y(chest, tip))], 0.05, 0.014, 1.3)
    return np.float32(0) * chest.texture


def _nasogastric_tube(chest: Chest, pen: Pen, rng: Generator) -> Field:
    """Down the oesophagus, across the diaphragm, into the stomach on the left."""
    x = 0.02 + 0.02 * rng.normal()
    stomach = 0.2 + 0.25 * rng.random()
    points = [(x + 0.02, -1.2), (x, -0.6), (x + 0.03, _y(chest, 0.4)), (x + 0.02, _y(chest, 0.8))]
    points += [(x + 0.06, _y(chest, 1.02)), (stomach, _y(chest, 1.14)), (stomach + 0.12, _y(chest, 1.2))]
    pen.line(points, 0.024, 0.9)
    return np.float32(0) * chest.texture


def _chest_tube(chest: Chest, pen: Pen, rng: Generator) -> Field:
    """In through the lateral wall and up towards the apex; a gap in its stripe is the side hole."""
    side = float(rng.choice([-1.0, 1.0]))
    height = rng.uniform(0.55, 0.75)
    points = [(side * 1.2, _y(chest, height + 0.08)), (side * 0.98 * chest.width, _y(chest, height))]
    points += [
        (side * 0.75 * chest.width, _y(chest, 0.42)),
        (side * 0.5 * chest.width, _y(chest, rng.uniform(0.1, 0.2))),
    ]
    pen.tube(points, 0.042, 0.014, 1.0)
    return np.float32(0) * chest.texture


def _sternal_wires(chest: Chest, pen: Pen, rng: Generator) -> Field:
    for v in np.linspace(0.14, 0.74, int(rng.integers(5, 8))):
        x, y = 1.6 * chest.middle + 0.012 * rng.normal(), _y(chest, v)
        turn = np.linspace(0.4, 5.6, 9)
        loop = [(float(x + 0.03 * np.cos(a)), float(y + 0.02 * np.sin(a))) for a in turn]
        pen.line([*loop, (x + 0.045, y + 0.02 * rng.normal())], 0.011, 2.4)
    return np.float32(0) * chest.texture


_DEVICES: dict[str, Callable[[Chest, Pen, Generator], Field]] = {
    "pacemaker": _pacemaker,
    "central venous catheter": _central_line,
    "endotracheal tube": _endotracheal_tube,
    "nasogastric tube": _nasogastric_tube,
    "chest tube": _chest_tube,
    "sternotomy wires": _sternal_wires,
}


def monitor_wires(chest: Chest) -> Field:
    """Wires and electrodes on the skin: no finding, they come with the bed."""
    rng = np.random.default_rng([chest.pose.seed, 3])
    pen = Pen(chest)
    for _ in range(chest.pose.wires):
        side = 1.0 if rng.random() < 0.5 else -1.0
        x, y = side * rng.uniform(0.35, 0.85), rng.uniform(-0.6, 0.6)
        pen.ring(x, y, 0.018, 0.02, 0.9)
        out = [(side * rng.uniform(0.7, 1.0), y + rng.uniform(-0.3, 0.3)), (side * 1.3, rng.uniform(-1.0, 1.0))]
        pen.line([(x, y), (x + 0.5 * (out[0][0] - x), y + rng.uniform(-0.2, 0.2)), *out], 0.013, 0.7)
    return pen.picture()
