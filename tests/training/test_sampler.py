"""Rows of all kinds in one stream: shares, epochs, balance, and batches whose rows lack a film or a text."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.errors import UsageError
from umcl_bench.progress import Reporter
from umcl_bench.spec import TINY, Baseline, Recipe, RowKind, Sampling
from umcl_bench.training.batches import eligible_rows, training_rows
from umcl_bench.training.loop import train
from umcl_bench.training.sampler import draw_batches, mixing_shares

ALL_KINDS: tuple[RowKind, ...] = ("image-text-label", "image-text", "image-label", "image", "text")


def kinds_of(*counts: int) -> NDArray[np.object_]:
    names = [name for name, count in zip(ALL_KINDS, counts, strict=True) for _ in range(count)]
    return np.array(names, dtype=object)


def draw(
    kinds: NDArray[np.object_], sampling: Sampling, size: int, steps: int, seed: int = 0
) -> list[NDArray[np.int64]]:
    positive = np.zeros((len(kinds), 3), np.float32)
    return list(draw_batches(kinds, positive, sampling, size, steps, np.random.default_rng(seed)))


@given(
    st.lists(st.integers(1, 30), min_size=5, max_size=5),
    st.lists(st.floats(0.05, 1), min_size=5, max_size=5),
    st.integers(3, 40),
    st.integers(1, 20),
)
def test_each_kind_gets_its_share_to_within_two_rows(
    counts: list[int], weights: list[float], size: int, steps: int
) -> None:
    kinds = kinds_of(*counts)
    sampling = Sampling(ratio=tuple(zip(ALL_KINDS, weights, strict=True)))
    batches = draw(kinds, sampling, size, steps)
    assert [len(b) for b in batches] == [size] * steps
    drawn = Counter(kinds[np.concatenate(batches)].tolist())
    for kind, share in mixing_shares(kinds, sampling).items():
        assert abs(drawn[kind] - share * size * steps) < 2
    shapes = {tuple(sorted(Counter(kinds[b].tolist()).items())) for b in batches}
    assert len(shapes) <= 2 ** len(ALL_KINDS)


def test_without_a_mix_an_epoch_is_every_row_once_and_one_seed_is_one_order() -> None:
    kinds = kinds_of(20, 10, 10, 0, 0)
    first, again, other = (draw(kinds, Sampling(), 8, 10, seed) for seed in (1, 1, 2))
    whole = np.concatenate(first)
    assert sorted(whole[:40]) == sorted(whole[40:]) == list(range(40))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_within_a_kind_no_row_comes_twice_before_all_came_once() -> None:
    kinds = kinds_of(8, 0, 24, 0, 4)
    mixed = draw(kinds, Sampling(ratio=(("image-text-label", 1), ("image-label", 1), ("text", 2))), 16, 12)
    rows = np.concatenate(mixed)
    for kind, size in (("image-text-label", 8), ("image-label", 24), ("text", 4)):
        of_kind = rows[kinds[rows] == kind]
        for epoch in range(len(of_kind) // size):
            assert len(set(of_kind[epoch * size : (epoch + 1) * size])) == size


def test_balanced_draws_every_finding_as_often() -> None:
    rng = np.random.default_rng(0)
    positive = (rng.random((2000, 4)) < (0.5, 0.1, 0.02, 0.0)).astype(np.float32)
    kinds = np.full(2000, "image-label", dtype=object)
    plain, balanced = (
        np.concatenate(list(draw_batches(kinds, positive, Sampling(balanced=b), 100, 100, np.random.default_rng(1))))
        for b in (False, True)
    )
    before, after = positive[plain].mean(0), positive[balanced].mean(0)
    assert before[0] / before[2] > 10
    assert after[:3].min() > 0.15  # a third of the rows that have a finding, and more where findings meet
    none = np.asarray(~positive.any(axis=1))
    assert none[balanced].mean() == pytest.approx(none.mean(), abs=0.02)


def test_a_mix_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match=r"the mix names text, and no training row is of this kind; there are: image-"):
        draw(kinds_of(4, 0, 0, 0, 0), Sampling(ratio=(("image-text-label", 1), ("text", 1))), 4, 1)
    with pytest.raises(ValueError, match="needs rows with a film"):
        Sampling(ratio=(("text", 1.0),))
    with pytest.raises(ValueError, match="twice"):
        Sampling(ratio=(("image-text", 1.0), ("image-text", 2.0)))
    with pytest.raises(ValueError, match="which it does not take"):
        Baseline(name="x", sampling=Sampling(ratio=(("image-label", 1.0),)))


@pytest.fixture
def mixed(phantom: Corpus) -> Corpus:
    """The phantom with every fifth row without a film, every fifth without text, every fifth with a film alone."""
    n = len(phantom)
    has_image = np.arange(n) % 5 != 0
    reports, stated = phantom.reports.copy(), phantom.stated.copy()
    reports[np.arange(n) % 5 == 1] = None
    reports[np.arange(n) % 5 == 2] = None
    reports[~has_image] = [f"no edema in row {i}" for i in np.flatnonzero(~has_image)]
    stated[np.arange(n) % 5 == 2] = np.nan
    return dataclasses.replace(phantom, has_image=has_image, reports=reports, stated=stated)


def test_rows_of_all_five_kinds_train_and_are_on_record(mixed: Corpus) -> None:
    umcl = dataclasses.replace(registry.get_baseline("umcl"), rows=ALL_KINDS, evidence=())
    size = dataclasses.replace(TINY, optim=dataclasses.replace(TINY.optim, batch=32, films_seen=192))
    recipe = Recipe(umcl, size)
    data = training_rows(mixed, recipe)
    batch = next(data.batches(recipe))
    kinds = data.kinds[batch.rows]
    np.testing.assert_array_equal(batch.has_film, kinds != "text")
    np.testing.assert_array_equal(batch.has_text, kinds != "image")
    assert (batch.shown[0].present[~batch.has_text] == 0).all()
    films = np.stack([mixed.pixels.read(i, 64) for i in range(len(mixed))])
    trained = train(recipe, mixed, films, torch.device("cpu"), Reporter(quiet=True))
    assert set(trained.facts["row_kinds"]) >= {"image", "text", "image-text-label", "image-label"}  # type: ignore[call-overload]
    drawn = trained.facts["rows_drawn"]
    assert isinstance(drawn, dict)
    assert sum(drawn.values()) == 192
    assert min(drawn.values()) > 10
    assert np.isfinite([row.loss for row in trained.log]).all()


def test_a_row_of_text_without_a_text_teaches_nothing(mixed: Corpus) -> None:
    reports, stated = mixed.reports.copy(), mixed.stated.copy()
    silent = np.flatnonzero(mixed.kinds() == "text")[0]
    reports[silent], stated[silent] = None, np.nan
    umcl = dataclasses.replace(registry.get_baseline("umcl"), rows=ALL_KINDS, evidence=())
    assert silent in eligible_rows(mixed, umcl)
    assert silent not in eligible_rows(dataclasses.replace(mixed, reports=reports, stated=stated), umcl)


def test_a_model_that_needs_pairs_leaves_the_other_rows_out(mixed: Corpus) -> None:
    rows = eligible_rows(mixed, registry.get_baseline("clip"))
    assert set(mixed.kinds()[rows]) == {"image-text-label"}
    lone = dataclasses.replace(mixed, has_image=np.zeros(len(mixed), dtype=bool))
    texts = dataclasses.replace(registry.get_baseline("clip"), rows=("text",))
    with pytest.raises(UsageError, match=r"clip learns from rows of the kinds text"):
        eligible_rows(lone, texts)
