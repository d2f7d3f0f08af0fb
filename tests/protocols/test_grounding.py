"""Grounding: an oracle points, a constant does not, and no score depends on what stands beside a film."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from umcl_bench import registry
from umcl_bench.data.corpus import Box, Corpus
from umcl_bench.data.masks import BoxMasks
from umcl_bench.data.phantom.plays import play
from umcl_bench.errors import UsageError
from umcl_bench.metrics.registry import METRICS
from umcl_bench.models.base import Matrix
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.models.towers import ImageEncoder, with_stride
from umcl_bench.protocols import grounding
from umcl_bench.protocols.base import Evaluation
from umcl_bench.spec import IMAGE_TOWERS, TINY, Geometry, Grounding, Task
from umcl_bench.validate.views import reordered

TASK = registry.get_task("grounding-ms-cxr")
SHARP = dataclasses.replace(TASK, protocol=Grounding(sigma=0))
SIZE = 64
IMAGE = dataclasses.replace(TINY.image, size=SIZE)


class Pointer(RandomEmbeddings):
    """Each phrase has an axis of its own, and `strength` / 8 of a patch lies on it where the phrase's mask covers it.

    The number of a film is in its first pixels; `counts` are the films that it was shown.
    """

    def __init__(self, corpus: Corpus, masks: NDArray[np.bool_], grid: int = 8, strength: float = 1.0) -> None:
        super().__init__(8, 0)
        texts = list(dict.fromkeys(corpus.reports))
        self.axis = {text: number for number, text in enumerate(texts)}
        cells = masks.reshape(len(masks), grid, SIZE // grid, grid, SIZE // grid).mean((2, 4)) > 0.5
        self.patches: dict[str, NDArray[np.float64]] = {}
        for row, film in enumerate(corpus.attributes["film"]):
            found = self.patches.setdefault(film, np.zeros((grid, grid, len(texts) + 1)))
            found[..., self.axis[corpus.reports[row]]] = strength / 8 * cells[row]
        self.names = list(dict.fromkeys(corpus.attributes["film"]))
        self.counts: list[int] = []

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        return np.eye(len(self.axis) + 1, dtype=np.float32)[[self.axis[text] for text in texts]]

    def embed_patches(self, films: NDArray[np.uint8], stride: int = 8) -> Matrix:
        self.counts.append(len(films))
        numbers = films[:, 0, 0].astype(int) + 256 * films[:, 0, 1].astype(int)
        found = np.stack([self.patches[self.names[number]] for number in numbers])
        rest = np.sqrt(1 - np.square(found[..., :-1]).sum(axis=-1, keepdims=True))
        return np.concatenate([found[..., :-1], rest], axis=-1).astype(np.float32)


def numbered(corpus: Corpus) -> NDArray[np.uint8]:
    names = list(dict.fromkeys(corpus.attributes["film"]))
    number = np.array([names.index(film) for film in corpus.attributes["film"]])
    films = np.zeros((len(number), SIZE, SIZE), dtype=np.uint8)
    films[:, 0, 0], films[:, 0, 1] = number % 256, number // 256
    return films


@pytest.fixture(scope="module")
def boxed(phantom: Corpus) -> Corpus:
    """The phantom as MS-CXR, with boxes on a grid of 8 as masks; a patch is a box's, or it is not."""
    corpus = play(phantom, "ms-cxr")
    boxes = []
    for row in range(len(corpus)):
        rng = np.random.default_rng(row)
        x, y = rng.integers(0, 5, 2) / 8
        w, h = rng.integers(1, 4, 2) / 8
        boxes.append((Box("Edema", x, y, x + w, y + h),))
    masks = BoxMasks(tuple(boxes), width=SIZE, height=SIZE)
    return dataclasses.replace(corpus, masks=masks, boxes=())


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "grounding"))


def masks_of(corpus: Corpus) -> NDArray[np.bool_]:
    assert corpus.masks is not None
    return np.stack([corpus.masks.read(row, SIZE) for row in range(len(corpus))]) > 127


def evaluation(corpus: Corpus, model: RandomEmbeddings, films: NDArray[np.uint8] | None = None) -> Evaluation:
    return Evaluation(corpus, numbered(corpus) if films is None else films, model, IMAGE)


def figures(task: Task, at: Evaluation) -> dict[str, NDArray[np.float64]]:
    scores = grounding.run(task, at).parts[""]
    return {name: METRICS[name].points(scores) for name in task.metrics}


def test_an_oracle_points_into_every_box_and_its_opposite_into_none(boxed: Corpus) -> None:
    for strength, sign in ((1.0, 1), (-1.0, -1)):
        nearest = dataclasses.replace(SHARP, protocol=Grounding(sigma=0, interpolation="nearest"))
        found = figures(nearest, evaluation(boxed, Pointer(boxed, masks_of(boxed), strength=strength)))
        defined = ~np.isnan(found["pointing"])
        assert defined.sum() >= 5
        expected = 1.0 if sign > 0 else 0.0
        assert set(found["pointing"][defined]) == set(found["miou"][defined]) == {expected}
        assert (np.sign(found["cnr"][defined]) == sign).all()
    smooth = figures(SHARP, evaluation(boxed, Pointer(boxed, masks_of(boxed))))
    assert np.nanmin(smooth["pointing"]) == 1.0
    assert 1 < np.nanmin(smooth["cnr"]) < np.inf


def test_a_constant_model_has_no_contrast_and_points_by_area(boxed: Corpus) -> None:
    masks = masks_of(boxed)
    scores = grounding.run(TASK, evaluation(boxed, Pointer(boxed, masks, strength=0.0))).parts[""]
    rows = grounding.check(TASK, boxed)
    about = ~np.isnan(scores.columns["cnr"])
    assert about.any(axis=1).all()
    assert set(scores.columns["cnr"][about]) == set(scores.columns["iou"][about]) == {0.0}
    area = np.broadcast_to(masks[rows].mean((1, 2))[:, None], about.shape)
    np.testing.assert_allclose(scores.columns["pointing"][about], area[about])


def test_random_patches_have_no_contrast(boxed: Corpus) -> None:
    films = np.random.default_rng(0).integers(0, 256, (len(boxed), SIZE, SIZE), dtype=np.uint8)
    found = np.concatenate(
        [
            grounding.run(TASK, evaluation(boxed, RandomEmbeddings(16, seed), films)).parts[""].columns["cnr"].ravel()
            for seed in range(8)
        ]
    )
    found = found[~np.isnan(found)]
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(len(found))


def test_a_film_is_looked_at_once_and_each_phrase_has_its_own_films_map(boxed: Corpus) -> None:
    model = Pointer(boxed, masks_of(boxed))
    rows = grounding.check(TASK, boxed)
    maps, films = grounding.cosine_maps(evaluation(boxed, model), rows, 8)
    assert sum(model.counts) == films == len(set(boxed.attributes["film"][rows])) < len(rows)
    for row, found in zip(rows, maps, strict=True):
        patches = model.embed_patches(numbered(boxed)[row][None])[0]
        expected = patches @ model.embed_texts([boxed.reports[row]])[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_scores_do_not_depend_on_the_rows_beside_them(boxed: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    films = np.random.default_rng(1).integers(0, 256, (len(boxed), SIZE, SIZE), dtype=np.uint8)
    names = np.unique(boxed.attributes["film"].astype(str), return_inverse=True)[1]
    films = films[names]  # rows of one film have the same
    model = RandomEmbeddings(16, 0)
    whole = grounding.run(TASK, evaluation(boxed, model, films)).parts[""]
    order = np.random.default_rng(2).permutation(len(boxed))
    assert isinstance(boxed.masks, BoxMasks)
    turned = dataclasses.replace(
        reordered(dataclasses.replace(boxed, masks=None, has_mask=None), order),
        masks=dataclasses.replace(boxed.masks, boxes=tuple(boxed.masks.boxes[row] for row in order)),
        has_mask=np.ones(len(boxed), dtype=bool),
    )
    monkeypatch.setattr(grounding, "_BLOCK", 7)
    other = grounding.run(TASK, evaluation(turned, model, films[order])).parts[""]
    place = {name: row for row, name in enumerate(whole.id)}
    rows = np.array([place[name] for name in other.id])
    for name, column in other.columns.items():
        np.testing.assert_allclose(column, whole.columns[name][rows], atol=1e-6)


def test_padding_is_no_part_of_the_film() -> None:
    """A film of 32 x 64 pixels stands in the middle of the square, between two bands of 16."""
    masks = BoxMasks(((Box("Edema", 0, 0, 1, 0.5),),), width=32, height=64)
    shown = masks.film(0, SIZE)
    assert shown[:, 16:48].all()
    assert shown.sum() == 32 * 64
    assert (masks.read(0, SIZE) > 127)[shown].mean() == 0.5
    cut = masks.film(0, SIZE, Geometry("shortest"))
    assert cut.all()


def test_smoothing_and_enlarging_are_hi_mls() -> None:
    """hi-ml: scipy's gaussian_filter on the patches, then torch's interpolate without aligned corners."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(3)
    found = rng.standard_normal((5, 5))
    expected = gaussian_filter(found, sigma=(1.5, 1.5), order=0)
    np.testing.assert_array_equal(grounding.smooth(found, 0.3), expected)
    np.testing.assert_array_equal(grounding.enlarge(found, 20, "nearest"), found.repeat(4, 0).repeat(4, 1))
    bilinear = torch.nn.functional.interpolate(torch.from_numpy(found)[None, None], (20, 20), mode="bilinear")
    np.testing.assert_array_equal(grounding.enlarge(found, 20, "bilinear"), bilinear[0, 0].numpy())


def test_a_finer_grid_has_the_towers_own_places_and_others_between_them() -> None:
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        tower = ImageEncoder(TINY.image, 8).eval()
        films = torch.randint(0, 256, (2, SIZE, SIZE), dtype=torch.uint8)
        own = tower.dense(films)
        for stride, every in ((32, 1), (16, 2), (8, 4)):
            finer = with_stride(tower, stride).dense(films)
            assert finer.shape == (2, SIZE // stride, SIZE // stride, 8)
            torch.testing.assert_close(finer[:, ::every, ::every], own, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(tower.dense(films), own)
        swin = ImageEncoder(dataclasses.replace(IMAGE_TOWERS["swin-t"], weights=""), 8).eval()
        assert with_stride(swin, 8) is swin


@pytest.mark.parametrize("name", ["resnet50", "swin-t"])
def test_patches_of_a_mean_pooled_tower_average_to_the_films_features(name: str) -> None:
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        tower = ImageEncoder(dataclasses.replace(IMAGE_TOWERS[name], weights=""), 8).eval()
        films = torch.randint(0, 256, (2, 224, 224), dtype=torch.uint8)
        places = tower.dense(films)
        assert places.shape == (2, 7, 7, 8)
        torch.testing.assert_close(places.mean((1, 2)), tower(films), atol=1e-4, rtol=1e-3)


def test_what_does_not_fit_is_said_before_any_work(phantom: Corpus) -> None:
    corpus = play(phantom, "ms-cxr")
    for lacking in (
        dataclasses.replace(corpus, masks=None, has_mask=None),
        dataclasses.replace(corpus, has_mask=np.zeros(len(corpus), dtype=bool)),
        dataclasses.replace(corpus, reports=np.full(len(corpus), None, dtype=object)),
    ):
        with pytest.raises(UsageError, match="needs test rows with a film, a phrase"):
            grounding.check(TASK, lacking)
    with pytest.raises(UsageError, match="needs a text tower; label-bce has none"):
        grounding.check_model(TASK, registry.get_baseline("label-bce"))
    with pytest.raises(ValueError, match="interpolation"):
        Grounding(interpolation="cubic")  # type: ignore[arg-type]
