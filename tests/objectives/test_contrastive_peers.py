"""The loss over several processes, played by threads, against one process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.objectives.slow import OBJECTIVES, batch, named
from tests.objectives.test_contrastive import tiled
from umcl_bench.spec import Objective

# where each process's films begin and end, and its texts
SHARES = {
    "two": ([0, 4, 11], [0, 6, 9]),
    "three": ([0, 1, 6, 11], [0, 4, 5, 9]),
    "one without texts": ([0, 4, 7, 11], [0, 5, 5, 9]),
    "one without films": ([0, 6, 6, 11], [0, 3, 7, 9]),
}


class Threads:
    """What one of the threads sees of the others: all put a tensor on the board, then all read it."""

    def __init__(self, board: list[Tensor], barrier: threading.Barrier, rank: int, films: slice, texts: slice) -> None:
        self.board, self.barrier, self.rank, self.films, self.texts = board, barrier, rank, films, texts

    def exchange(self, mine: Tensor) -> list[Tensor]:
        self.board[self.rank] = mine.detach().clone()
        self.barrier.wait(30)
        found = list(self.board)
        self.barrier.wait(30)
        return found

    def gather_texts(self, mine: Tensor) -> Tensor:
        return torch.cat(self.exchange(mine))

    def gather_columns(self, mine: Tensor) -> Tensor:
        return torch.stack(self.exchange(mine))

    def total(self, mine: Tensor) -> Tensor:
        return torch.stack(self.exchange(mine)).sum(0)


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=named)
@pytest.mark.parametrize("scale", [14.0, 300.0])
def test_processes_together_are_one_process(
    objective: Objective, shares: tuple[list[int], list[int]], scale: float
) -> None:
    """Value and gradients, in float64; the parts of the gradients of scale and bias add up."""
    z_img, z_txt, films, texts = batch(11, 9)
    films = films._replace(pair=films.pair + 1)  # a text without its film, and films without their text
    numbers = [z_img.new_tensor(scale), z_img.new_tensor([-3.0])]
    leaves = [t.clone().requires_grad_() for t in (z_img, z_txt, *numbers)]
    whole = tiled(*leaves, films, texts, objective)
    (3 * whole).backward()  # type: ignore[no-untyped-call]

    mine = [[slice(*ends) for ends in pairwise(bounds)] for bounds in shares]
    world = len(mine[0])
    board, barrier = [torch.empty(0)] * world, threading.Barrier(world)

    def process(rank: int) -> tuple[Tensor, list[Tensor]]:
        peers = Threads(board, barrier, rank, mine[0][rank], mine[1][rank])
        own = [t.clone().requires_grad_() for t in (z_img[peers.films], z_txt[peers.texts], *numbers)]
        loss = tiled(*own, films, texts, objective, peers=peers)
        (3 * loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), [leaf.grad for leaf in own if leaf.grad is not None]

    with ThreadPoolExecutor(world) as pool:
        found = list(pool.map(process, range(world)))
    for loss, _ in found:
        torch.testing.assert_close(loss, whole.detach(), rtol=1e-12, atol=1e-14)
    d_img, d_txt, *d_numbers = zip(*(gradients for _, gradients in found), strict=True)
    joined = [torch.cat(d_img), torch.cat(d_txt), *(sum(parts) for parts in d_numbers)]
    for ours, leaf in zip(joined, leaves[: len(joined)], strict=True):
        torch.testing.assert_close(ours, leaf.grad, rtol=1e-9, atol=1e-12)
    assert len(joined) == 3 + (objective.loss == "sigmoid")
