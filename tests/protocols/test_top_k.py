"""Counts of what ranks above the relevant candidates: those of the whole matrix to the last tie, whatever the block."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from umcl_bench.models.base import Matrix
from umcl_bench.protocols import top_k


def unit(rng: np.random.Generator, n: int, d: int = 24) -> Matrix:
    z = rng.standard_normal((n, d))
    return np.asarray(z / np.linalg.norm(z, axis=1, keepdims=True), dtype=np.float32)


def tied(rng: np.random.Generator, n: int) -> Matrix:
    """Unit rows of which many are equal, or differ in the last bit only."""
    z = unit(rng, n // 3)[rng.integers(0, n // 3, n)]
    near = z.copy()
    near[::5, 0] = np.nextafter(near[::5, 0], np.float32(2))
    return near


def exact(a: Matrix, b: Matrix) -> NDArray[np.object_]:
    """All cosines of the rounded rows as whole numbers, in units of 2^-48."""
    rows = [np.vectorize(int, otypes=[object])(np.round(z.astype(np.float64) * 2**24)) for z in (a, b)]
    return np.asarray(rows[0] @ rows[1].T)


def slow_place(cosines: NDArray[np.object_], relevant: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    found = []
    for row, own in zip(cosines, relevant, strict=True):
        best = max(row[own])
        found.append((int((row > best).sum()), int((row == best).sum()), int((row[own] == best).sum())))
    return found


def slow_cut(cosines: NDArray[np.object_], relevant: NDArray[np.bool_], k: int) -> list[tuple[int, int, int, int]]:
    found = []
    for row, own in zip(cosines, relevant, strict=True):
        at = sorted(row, reverse=True)[k - 1]
        above, same = row > at, row == at
        found.append((int(above.sum()), int(same.sum()), int((above & own).sum()), int((same & own).sum())))
    return found


@pytest.fixture(scope="module")
def sample() -> tuple[Matrix, Matrix, NDArray[np.int64]]:
    """70 films and 50 texts with ties, and the text of each film."""
    rng = np.random.default_rng(0)
    texts = tied(rng, 50)
    of_film = np.concatenate([np.arange(50), rng.integers(0, 50, 20)])
    films = texts[of_film] + 0.3 * tied(rng, 70)
    return films / np.linalg.norm(films, axis=1, keepdims=True), texts, of_film


@pytest.mark.parametrize("block", [(1024, 1024), (7, 11), (1, 64)])
@pytest.mark.parametrize("close", [1 / 32, -1.0, 2.0])
def test_places_are_those_of_the_whole_matrix_in_both_directions(
    sample: tuple[Matrix, Matrix, NDArray[np.int64]],
    block: tuple[int, int],
    close: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By float64 products of close pairs, or of all blocks (-1), or never of whole blocks (2)."""
    films, texts, of_film = sample
    for name, value in (("_ROWS", block[0]), ("_COLUMNS", block[1]), ("_CLOSE", close), ("_PAIRS", 13)):
        monkeypatch.setattr(top_k, name, value)
    pairs = np.stack([np.arange(70), of_film], axis=1)
    there, back = top_k.best_places(films, texts, pairs)
    cosines, relevant = exact(films, texts), of_film[:, None] == np.arange(50)
    assert list(zip(*there, strict=True)) == slow_place(cosines, relevant)
    assert list(zip(*back, strict=True)) == slow_place(cosines.T, relevant.T)
    assert there.tied.max() > 1


def test_places_do_not_depend_on_the_order_of_rows_the_threads_or_the_precision(
    sample: tuple[Matrix, Matrix, NDArray[np.int64]],
) -> None:
    films, texts, of_film = sample
    pairs = np.stack([np.arange(70), of_film], axis=1)
    there, back = top_k.best_places(films, texts, pairs)
    rng, threads, precision = np.random.default_rng(1), torch.get_num_threads(), torch.get_float32_matmul_precision()
    order, words = rng.permutation(70), rng.permutation(50)
    moved = np.stack([np.argsort(order)[pairs[:, 0]], np.argsort(words)[pairs[:, 1]]], axis=1)
    try:
        torch.set_num_threads(2)
        torch.set_float32_matmul_precision("medium")
        again, again_back = top_k.best_places(films[order], texts[words], moved)
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
    for first, second, by in ((there, again, order), (back, again_back, words)):
        for counts, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(counts[by], other)


@pytest.mark.parametrize("cells", [1 << 23, 200, 1])
@pytest.mark.parametrize("ks", [(1, 5, 10, 60, 100), (2,), (1, 5)])
def test_cuts_are_those_of_the_whole_matrix(ks: tuple[int, ...], cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    queries, candidates = unit(rng, 30), tied(rng, 60)
    own, theirs = rng.random((30, 4)) < 0.4, rng.random((60, 4)) < 0.3
    monkeypatch.setattr(top_k, "_CELLS", cells)
    monkeypatch.setattr(top_k, "_LEAST", 1)
    found = top_k.cuts(queries, candidates, own, theirs, ks)
    assert list(found) == [k for k in ks if k <= 60]
    relevant = np.array([[bool((a & b).any()) for b in theirs] for a in own])
    for k, counts in found.items():
        assert list(zip(*counts, strict=True)) == slow_cut(exact(queries, candidates), relevant, k)


def test_cosines_that_float32_can_not_tell_apart_are_told_apart(
    sample: tuple[Matrix, Matrix, NDArray[np.int64]],
) -> None:
    """The sample has ties and near ties: without the float64 products the counts would be others."""
    films, texts, of_film = sample
    product = films @ texts.T
    cut = product[np.arange(70), of_film][:, None]
    there, _ = top_k.best_places(films, texts, np.stack([np.arange(70), of_film], axis=1))
    assert ((product > cut).sum(axis=1) != there.above).any() or ((product == cut).sum(axis=1) != there.tied).any()


def test_a_query_without_a_relevant_candidate_has_nothing_tied() -> None:
    z = unit(np.random.default_rng(3), 4)
    there, back = top_k.best_places(z, z[:2], np.array([[0, 0], [1, 1]]))
    assert there.relevant.tolist() == [1, 1, 0, 0]
    assert there.tied.tolist()[2:] == [0, 0]
    assert back.tied.tolist() == [1, 1]
