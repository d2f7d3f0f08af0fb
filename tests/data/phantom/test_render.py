"""The phantom's films: findings show where their masks say, nothing else depends on them, and real films look alike."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import REAL_DATA
from umcl_bench.data.phantom import PhantomSpec, all_studies
from umcl_bench.data.phantom.anatomy import build_chest, heart_ratio
from umcl_bench.data.phantom.banks import textures
from umcl_bench.data.phantom.findings import FOCAL
from umcl_bench.data.phantom.markers import lettering
from umcl_bench.data.phantom.render import draw_film, draw_finding_mask, draw_mask, lesion_boxes
from umcl_bench.data.phantom.skeleton import cages, girdles
from umcl_bench.data.phantom.studies import DEVICES, MARKERS, SITES, Lesion, Study
from umcl_bench.data.phantom.vessels import trees
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING

FINDINGS = tuple(name for name in CHEXPERT if name != NO_FINDING)
KINDS = tuple((name, "") for name in FINDINGS if name != "Support Devices") + tuple(
    ("Support Devices", kind) for kind in DEVICES
)
GRADED = tuple(name for name in FINDINGS if name != "Support Devices")
SPEC = PhantomSpec(train=400, val=0, test=0)
STUDIES = [study for _, _, study in all_studies(SPEC)]
Grey = NDArray[np.uint8]


def lesion(finding: str, kind: str = "", side: str = "right", severity: float = 0.7, seed: int = 5) -> Lesion:
    """A finding in the middle of a lung."""
    sided = {"Edema": "both", "Cardiomegaly": "midline", "Enlarged Cardiomediastinum": "midline"}
    where = sided.get(finding, "midline" if finding == "Support Devices" else side)
    x = {"right": -0.42, "left": 0.42}.get(where, 0.0)
    radius = 0.08 if finding == "Lung Lesion" else 0.17
    zone = {"Pneumothorax": "upper", "Pleural Effusion": "lower", "Atelectasis": "lower"}.get(finding, "mid")
    return Lesion(finding, where, zone, severity, x, -0.05, radius, seed, "", kind)


def alone(study: Study, *lesions: Lesion) -> Study:
    """The study with these findings only, on a film that shows the whole chest."""
    return dataclasses.replace(study, lesions=lesions, site=0, marker="")


def change(study: Study, size: int = 96) -> NDArray[np.float64]:
    """How much the study's findings change its film, in grey values."""
    return np.abs(draw_film(study, size).astype(float) - draw_film(dataclasses.replace(study, lesions=()), size))


def grown(mask: Grey, by: int = 3) -> NDArray[np.bool_]:
    """The mask and the pixels within `by` of it."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask > 0, iterations=by), dtype=bool)


@pytest.mark.parametrize(("finding", "kind"), KINDS)
def test_a_finding_changes_the_film_where_its_mask_is(finding: str, kind: str) -> None:
    for study in STUDIES[:5]:
        study = alone(study, lesion(finding, kind, seed=study.seed))
        changed, near = change(study), grown(draw_finding_mask(study, finding, 96))
        assert changed[near].max() > 12
        assert changed[near].sum() > 0.6 * changed.sum()
        assert changed[near].mean() > 4 * changed[~near].mean()


@pytest.mark.parametrize("finding", GRADED)
def test_severity_makes_a_finding_larger_and_plainer(finding: str) -> None:
    for study in STUDIES[:5]:
        grades = [alone(study, lesion(finding, severity=s)) for s in (0.3, 0.65, 1.0)]
        areas = [int((draw_finding_mask(g, finding, 96) > 0).sum()) for g in grades]
        changes = [change(g).sum() for g in grades]
        assert areas == sorted(set(areas))
        assert changes == sorted(changes)


@pytest.mark.parametrize(("finding", "kind"), KINDS)
def test_mild_findings_can_be_seen(finding: str, kind: str) -> None:
    """Against the same film without it, a mild finding changes more than a hundredth of the grey scale."""
    for study in STUDIES[:5]:
        mild = alone(study, lesion(finding, kind, severity=0.3))
        mask = draw_finding_mask(mild, finding, 96) > 0
        assert np.sort(change(mild)[grown(mask.astype(np.uint8))])[-20:].mean() > 5


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("finding", [*FOCAL, "Pleural Other", "Fracture"])
def test_masks_lie_on_the_patients_side(finding: str, side: str) -> None:
    """Image left is the patient's right."""
    for study in STUDIES[:8]:
        study = dataclasses.replace(alone(study, lesion(finding, side=side)), tilt=0.0)
        columns = np.flatnonzero((draw_finding_mask(study, finding, 64) > 0).any(axis=0))
        across = build_chest(study, 64)
        inside = across.half(1.0 if side == "left" else -1.0)[0, columns]
        assert len(columns)
        assert inside.all()


def test_the_lesion_mask_is_the_union_of_the_focal_findings() -> None:
    for study in STUDIES[:60]:
        focal = [draw_finding_mask(study, name, 48) for name in FOCAL]
        np.testing.assert_array_equal(draw_mask(study, 48), np.max(focal, axis=0))


def test_boxes_hold_their_masks_tightly() -> None:
    seen = 0
    for study in STUDIES[:120]:
        boxes = lesion_boxes(study, 64)
        for finding in {box.finding for box in boxes}:
            own = [box for box in boxes if box.finding == finding]
            rows, columns = np.nonzero(draw_finding_mask(study, finding, 64))
            x0, y0 = (min(getattr(b, k) for b in own) for k in ("x0", "y0"))
            x1, y1 = (max(getattr(b, k) for b in own) for k in ("x1", "y1"))
            found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            assert (np.array([x0, y0, x1, y1]) * 64).tolist() == [pytest.approx(int(v), abs=1.01) for v in found]
            seen += 1
        assert {box.finding for box in boxes} == {s.finding for s in study.lesions}
    assert seen > 60


def test_boxes_hardly_depend_on_the_size_they_are_measured_at() -> None:
    study = alone(STUDIES[0], lesion("Consolidation"))
    coarse, fine = lesion_boxes(study, 96)[0], lesion_boxes(study, 224)[0]
    assert coarse[1:] == pytest.approx(fine[1:], abs=4 / 96)


def test_a_finding_of_both_lungs_has_a_box_on_each_side() -> None:
    right, left = lesion_boxes(alone(STUDIES[0], lesion("Edema")))
    assert right.x1 <= left.x0 + 0.06
    assert right.x0 < 0.5 < left.x1


def test_the_heart_is_wider_than_half_of_the_chest_only_in_cardiomegaly() -> None:
    for study in STUDIES:
        large = any(s.finding == "Cardiomegaly" for s in study.lesions)
        assert (heart_ratio(study) > 0.5) == large


def test_the_heart_mask_measures_the_ratio() -> None:
    study = dataclasses.replace(alone(STUDIES[3], lesion("Cardiomegaly", severity=1.0)), tilt=0.0)
    columns = np.flatnonzero((draw_finding_mask(study, "Cardiomegaly", 224) > 0).any(axis=0))
    chest = build_chest(study, 224)
    pixel = float(chest.x[0, 1] - chest.x[0, 0])
    assert len(columns) * pixel / (2 * chest.width) == pytest.approx(heart_ratio(study), abs=0.03)


def test_without_its_findings_a_film_does_not_tell_which_it_had() -> None:
    """Noise, pose, wires, borders and markers come from the study alone."""
    for study in STUDIES[:40]:
        others = [dataclasses.replace(study, lesions=(lesion(f, k),)) for f, k in KINDS[::5]]
        poses = {repr(build_chest(s, 16).pose) for s in (study, *others)}
        assert len(poses) == 1
        empty = {draw_film(dataclasses.replace(s, lesions=()), 32).tobytes() for s in (study, *others)}
        assert len(empty) == 1


def test_a_film_alone_is_the_film_in_a_batch() -> None:
    batch = [draw_film(study, 96) for study in STUDIES[:20]]
    for k in (13, 2, 19):
        draw_film(STUDIES[k], 40)  # another size between
        np.testing.assert_array_equal(draw_film(STUDIES[k], 96), batch[k])


@pytest.mark.parametrize("size", [24, 40, 64, 97, 256])
def test_any_size_shows_the_same_chest(size: int) -> None:
    film = draw_film(alone(STUDIES[0], lesion("Consolidation")), size)
    assert film.shape == (size, size)
    shrunk = np.asarray(Image.fromarray(film).resize((16, 16), Image.Resampling.BOX), dtype=float)
    large = draw_film(alone(STUDIES[0], lesion("Consolidation")), 192)
    same = np.asarray(Image.fromarray(large).resize((16, 16), Image.Resampling.BOX), dtype=float)
    assert np.corrcoef(shrunk.ravel(), same.ravel())[0, 1] > 0.98


def test_every_marker_and_site_draws_letters_at_its_corner() -> None:
    for marker in MARKERS[1:]:
        for site in range(len(SITES)):
            with_it = dataclasses.replace(STUDIES[0], marker=marker, site=site)
            differs = draw_film(with_it, 128) != draw_film(dataclasses.replace(with_it, marker=""), 128)
            rows, columns = np.nonzero(differs)
            assert len(rows) > 8
            assert rows.max() < 64
            assert {"R": columns.max() < 64, "L": columns.min() > 64}.get(marker, True)


def test_letters_are_legible() -> None:
    picture = lettering("L", False, True)
    assert picture[1:8, 1].all()  # the stem
    assert picture[7, 1:6].all()  # the foot
    assert picture.sum() == 11
    missing = {c for marker in MARKERS for c in marker if lettering(c, False, True).sum() == 0}
    assert not missing


def test_banks_stay_small() -> None:
    for size in (64, 96, 224, 256):
        draw_film(STUDIES[0], size)
    held = sum(level.nbytes for bank in (cages(), girdles(), trees(), textures()) for level in bank.levels)
    assert held < 40e6


def describe(film: Grey) -> tuple[float, float, float]:
    """Mean, deviation, and the slope of the radial power spectrum in a log-log plot."""
    f = film.astype(float)
    n = len(f)
    window = np.outer(np.hanning(n), np.hanning(n))
    power = np.abs(np.fft.rfft2((f - f.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(n)[:, None] * n, np.fft.rfftfreq(n) * n).round().astype(int)
    k = np.arange(2, n // 2)
    radial = np.bincount(radius.ravel(), power.ravel(), n)[k] / np.bincount(radius.ravel(), minlength=n)[k]
    return float(f.mean()), float(f.std()), float(np.polyfit(np.log(k), np.log(radial + 1e-9), 1)[0])


def real_film(path: Path, size: int) -> Grey:
    with Image.open(path) as image:
        square = min(image.size)
        left, top = ((n - square) // 2 for n in image.size)
        cut = image.convert("L").crop((left, top, left + square, top + square))
        return np.asarray(cut.resize((size, size), Image.Resampling.BOX))


@pytest.mark.parametrize("size", [96, 224])
def test_grey_values_and_spectrum_are_those_of_real_films(size: int) -> None:
    folder = REAL_DATA / "nih-cxr14-mini" / "images"
    if not folder.is_dir():
        pytest.skip("nih-cxr14-mini is not here")
    real = np.array([describe(real_film(p, size)) for p in sorted(folder.glob("*.jpg"))[::12]])
    mine = np.array([describe(draw_film(s, size)) for s in STUDIES[:60]])
    low, high = np.percentile(real, [2, 98], axis=0)
    middle = np.median(mine, axis=0)
    assert (low < middle).all(), (low, middle)
    assert (middle < high).all(), (middle, high)
    inside = ((mine > low) & (mine < high)).mean(axis=0)
    assert (inside > 0.6).all(), inside
