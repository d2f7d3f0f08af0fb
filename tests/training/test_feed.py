"""The feed: what a batch asks for reaches the step, in order, made ahead by a thread."""

import dataclasses
import itertools
import threading

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.films import FilmStack, JoinedFilms
from umcl_bench.errors import BenchError
from umcl_bench.spec import TINY, Recipe
from umcl_bench.training.batches import TrainingRows, training_rows
from umcl_bench.training.feed import AHEAD, Feed, Parcel, dealing, stream_seed
from umcl_bench.training.runtime import World

CPU, ALONE = torch.device("cpu"), World(0, 1, 0)


@pytest.fixture(scope="module")
def mixed(phantom: Corpus) -> Corpus:
    """Every fifth row a text alone; the phantom's rows without a report may be films alone."""
    has_image = np.arange(len(phantom)) % 5 != 0
    reports, stated = phantom.reports.copy(), phantom.labels.copy()
    reports[~has_image] = [f"no edema in row {i}" for i in np.flatnonzero(~has_image)]
    stated[~has_image] = np.nan
    stated[1::5] = np.nan
    return dataclasses.replace(phantom, has_image=has_image, reports=reports, stated=stated)


@pytest.fixture(scope="module")
def films(phantom: Corpus) -> NDArray[np.uint8]:
    """Each film is its own row's number."""
    return np.repeat(np.arange(len(phantom), dtype=np.uint8), 16).reshape(-1, 4, 4)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    optim = dataclasses.replace(TINY.optim, batch=30, films_seen=30 * 7)
    baseline = dataclasses.replace(
        registry.get_baseline("umcl"), rows=("image-text-label", "image-text", "image-label", "image", "text")
    )
    return Recipe(baseline, dataclasses.replace(TINY, optim=optim))


@pytest.fixture(scope="module")
def data(mixed: Corpus, recipe: Recipe) -> TrainingRows:
    return training_rows(mixed, recipe)


def feed_of(data: TrainingRows, films: FilmStack, recipe: Recipe, world: World = ALONE, start: int = 0) -> Feed:
    return Feed(data, films, recipe, CPU, world, start)


def test_a_parcel_is_its_batch(data: TrainingRows, films: NDArray[np.uint8], recipe: Recipe) -> None:
    parcels = list(feed_of(data, films, recipe))
    assert [p.step for p in parcels] == list(range(1, 8))
    for parcel, batch in zip(parcels, data.batches(recipe), strict=True):
        np.testing.assert_array_equal(parcel.batch.rows, batch.rows)
        shown, told = batch.rows[batch.has_film], batch.rows[batch.has_text]
        assert 0 < len(shown) < 30
        assert 0 < len(told) < 30
        np.testing.assert_array_equal(parcel.films[:, 0, 0], data.rows[shown])
        np.testing.assert_array_equal(parcel.film_side.pair, shown)
        np.testing.assert_array_equal(parcel.film_side.present, data.present[shown])
        (texts,), (side,) = batch.shown, parcel.text_sides
        np.testing.assert_array_equal(side.pair, told)
        np.testing.assert_array_equal(side.absent, texts.absent[batch.has_text])
        names = len(data.texts.names.lengths)
        places = texts.parts[:, 0]
        assert [read(parcel, at) for at in range(len(told))] == [
            tokens_of(data.texts.names, place) if place < names else tokens_of(data.texts.reports, place - names)
            for place in places[batch.has_text]
        ]
        reports = [i if i >= 0 else None for i in (places - names)[batch.has_film]]
        np.testing.assert_array_equal(parcel.sided, [i is not None and data.texts.sided[i] for i in reports])
        assert parcel.peers is None


def read(parcel: Parcel, at: int) -> list[int]:
    """The tokens of a parcel's text."""
    texts, place = parcel.texts, int(parcel.texts.place[at, 0])
    names = len(texts.names)
    ids, lengths = (texts.names, texts.name_lengths) if place < names else (texts.reports, texts.report_lengths)
    place -= names * (place >= names)
    return [int(i) for i in ids[place, : lengths[place]]]


def tokens_of(tokens: object, row: int) -> list[int]:
    ids, lengths = tokens.ids, tokens.lengths  # type: ignore[attr-defined]
    return [int(i) for i in ids[row, : lengths[row]]]


def same(one: Parcel, other: Parcel) -> bool:
    pairs = [(one.films, other.films), (one.draws, other.draws), (one.sided, other.sided)]
    pairs += [*zip(one.texts[:6], other.texts[:6], strict=True)]
    pairs += zip(one.film_side[:3], other.film_side[:3], strict=True)
    return one.step == other.step and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("start", [1, 5, 7])
def test_a_feed_that_goes_on_gives_the_same(
    data: TrainingRows, films: NDArray[np.uint8], recipe: Recipe, start: int
) -> None:
    whole = list(feed_of(data, films, recipe))
    rest = list(feed_of(data, films, recipe, start=start))
    assert len(rest) == 7 - start
    assert all(same(one, other) for one, other in zip(rest, whole[start:], strict=True))
    assert not torch.equal(whole[0].draws[:5], whole[1].draws[:5])


def test_films_of_several_maps_are_one_stack(data: TrainingRows, films: NDArray[np.uint8], recipe: Recipe) -> None:
    joined = JoinedFilms([films[:50], films[50:51], films[51:]])
    for one, other in zip(feed_of(data, films, recipe), feed_of(data, joined, recipe), strict=True):
        assert same(one, other)


@pytest.mark.parametrize("processes", [2, 3])
def test_rows_keep_what_is_theirs_whoever_gets_them(
    data: TrainingRows, films: NDArray[np.uint8], recipe: Recipe, processes: int
) -> None:
    alone = next(iter(feed_of(data, films, recipe)))
    shares = [next(iter(feed_of(data, films, recipe, World(rank, processes, rank)))) for rank in range(processes)]
    drawn = {int(row): d for row, d in zip(alone.film_side.pair, alone.draws, strict=True)}
    films_seen, texts_seen = [], []
    for share in shares:
        assert share.peers is not None
        rows = share.film_side.pair[share.peers.films]
        assert len(rows) == len(share.films) == len(share.draws)
        films_seen += rows.tolist()
        texts_seen += share.text_sides[0].pair[share.peers.texts].tolist()
        for row, film, draws in zip(rows.tolist(), share.films, share.draws, strict=True):
            assert int(film[0, 0]) == data.rows[row]
            assert torch.equal(draws, drawn[row])
        assert torch.equal(share.film_side.pair, shares[0].film_side.pair)
    assert films_seen == shares[0].film_side.pair.tolist()
    assert sorted(films_seen) == sorted(alone.film_side.pair.tolist())
    assert sorted(texts_seen) == sorted(alone.text_sides[0].pair.tolist())


def test_more_processes_than_films(data: TrainingRows, films: NDArray[np.uint8], recipe: Recipe) -> None:
    optim = dataclasses.replace(recipe.size.optim, batch=3)
    small = dataclasses.replace(recipe, size=dataclasses.replace(recipe.size, optim=optim))
    with pytest.raises(BenchError, match="a batch of 3 rows has fewer films or texts than there are processes"):
        list(feed_of(data, films, small, World(0, 4, 0)))


class _Watched:
    """A stack that notes who reads it and can fail."""

    def __init__(self, films: NDArray[np.uint8], fails_at: int = 99) -> None:
        self.films, self.shape, self.fails_at = films, films.shape, fails_at
        self.threads: list[str] = []
        self.read = threading.Semaphore(0)

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, rows: object) -> NDArray[np.uint8]:
        self.threads.append(threading.current_thread().name)
        self.read.release()
        if len(self.threads) > self.fails_at:
            raise OSError("the disk is gone")
        found: NDArray[np.uint8] = self.films[rows]  # type: ignore[call-overload]
        return found


def test_parcels_are_made_ahead_by_a_thread(data: TrainingRows, films: NDArray[np.uint8], recipe: Recipe) -> None:
    watched = _Watched(films)
    parcels = iter(feed_of(data, watched, recipe))
    next(parcels)
    for _ in range(1 + AHEAD):  # the one in hand, and those that nobody asked for yet
        assert watched.read.acquire(timeout=60)
    assert not watched.read.acquire(timeout=0.2)
    assert all(name.startswith("feed") for name in watched.threads)
    assert len(list(parcels)) == 6


def test_what_fails_in_the_thread_comes_out(data: TrainingRows, films: NDArray[np.uint8], recipe: Recipe) -> None:
    parcels = iter(feed_of(data, _Watched(films, fails_at=3), recipe))
    assert [p.step for p in itertools.islice(parcels, 3)] == [1, 2, 3]
    with pytest.raises(OSError, match="the disk is gone"):
        next(parcels)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_rows_are_dealt_by_turns(processes: int) -> None:
    order = dealing(17, processes)
    assert sorted(order) == list(range(17))
    sizes = [len(part) for part in np.array_split(order, processes)]
    assert all((np.diff(part) == processes).all() for part in np.array_split(order, processes))
    assert max(sizes) - min(sizes) <= 1


def test_seeds_of_steps_differ() -> None:
    seeds = {stream_seed(*parts) for parts in itertools.product(range(5), repeat=3)}
    assert len(seeds) == 125
    assert all(0 <= seed < 2**63 for seed in seeds)
