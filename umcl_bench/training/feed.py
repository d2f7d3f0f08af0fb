"""From memory maps to the device: the next batches are made while the towers work on this one."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from umcl_bench.data.films import FilmStack, take
from umcl_bench.data.tokens import word_numbers
from umcl_bench.errors import BenchError
from umcl_bench.models.dual import TextBatch
from umcl_bench.objectives.targets import Meaning, Side
from umcl_bench.spec import Recipe
from umcl_bench.training.augment import draw
from umcl_bench.training.batches import FILMS, Batch, TrainingRows
from umcl_bench.training.peers import Peers
from umcl_bench.training.runtime import World

AHEAD = 2


class Parcel(NamedTuple):
    """One step's work for one process, on its device: its films and texts, and both sides of the whole batch.

    `batch` is the whole batch, in the order of the processes; `peers` says whose rows are whose (None: it is alone). Of
    several views, films and texts stand behind one another; each has texts of its own.
    """

    step: int
    batch: Batch
    films: Tensor
    draws: Tensor
    sided: Tensor
    texts: TextBatch
    film_side: Side
    text_sides: tuple[Side, ...]
    peers: Peers | None


class Feed:
    """Parcels from step `start` + 1 on, made by a thread `AHEAD` steps ahead; `waited` is the seconds without one."""

    def __init__(
        self, data: TrainingRows, films: FilmStack, recipe: Recipe, device: torch.device, world: World, start: int = 0
    ) -> None:
        self.data, self.films, self.recipe, self.device, self.world = data, films, recipe, device, world
        self.start = start
        self.waited = 0.0
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __iter__(self) -> Iterator[Parcel]:
        batches = enumerate(self.data.batches(self.recipe, self.start), start=self.start + 1)
        with (
            ThreadPoolExecutor(1, thread_name_prefix="feed", initializer=_alone) as pool,
            contextlib.ExitStack() as end,
        ):
            end.callback(pool.shutdown, cancel_futures=True)  # after an error nobody waits for what is not begun
            pending = deque(pool.submit(self._next, batches) for _ in range(AHEAD))
            while True:
                began = time.perf_counter()
                parcel = pending.popleft().result()
                self.waited += time.perf_counter() - began
                if parcel is None:
                    return
                pending.append(pool.submit(self._next, batches))
                if self.stream is not None:
                    torch.cuda.current_stream().wait_stream(self.stream)
                yield parcel

    def _next(self, batches: Iterator[tuple[int, Batch]]) -> Parcel | None:
        found = next(batches, None)
        if found is None:
            return None
        if self.stream is None:
            return self._parcel(*found)
        with torch.cuda.stream(self.stream):
            return self._parcel(*found)

    def _parcel(self, step: int, batch: Batch) -> Parcel:
        views, rows = self.recipe.baseline.views, len(batch.rows)
        seeded = torch.Generator().manual_seed(stream_seed(self.recipe.seed, FILMS, step))
        draws = draw(views * rows, self.recipe.size.augment, seeded).numpy()  # a row's own, whoever it is dealt to
        order = dealing(rows, self.world.size)
        batch, draws = batch.ordered(order), draws.reshape(views, rows, -1)[:, order]
        film_rows, text_rows = batch.rows[batch.has_film], batch.rows[batch.has_text]
        peers = self._peers(batch) if self.world.size > 1 else None
        mine, of_texts = (slice(None), slice(None)) if peers is None else (peers.films, peers.texts)
        named = np.any([self.data.texts.names_side(view.parts[batch.has_film]) for view in batch.shown], axis=0)
        sided = np.tile(named[mine], views)  # each film is compared with the texts of all views
        films = self._pixels(self.data.rows[film_rows[mine]])
        return Parcel(
            step=step,
            batch=batch,
            films=films if views == 1 else films.repeat(views, 1, 1),
            draws=self._send(torch.from_numpy(draws[:, batch.has_film][:, mine].reshape(-1, draws.shape[-1]))),
            sided=self._send(torch.from_numpy(sided)),
            texts=self._texts([view.parts[batch.has_text][of_texts] for view in batch.shown]),
            film_side=self._side(film_rows, self.data.present[film_rows], self.data.absent[film_rows]),
            text_sides=tuple(
                self._side(text_rows, view.present[batch.has_text], view.absent[batch.has_text]) for view in batch.shown
            ),
            peers=peers,
        )

    def _peers(self, batch: Batch) -> Peers:
        counts = [
            [int(part.sum()) for part in np.array_split(column, self.world.size)]  # the first get the remainder
            for column in (batch.has_film, batch.has_text)
        ]
        needed = counts if self.recipe.baseline.has_text_tower else counts[:1]
        if not all(map(min, needed)):
            raise BenchError(
                f"a batch of {len(batch.rows)} rows has fewer films or texts than there are processes "
                f"({self.world.size}); use a larger --batch or fewer processes"
            )
        return Peers(counts[0], counts[1], self.world.rank)

    def _pixels(self, rows: NDArray[np.int64]) -> Tensor:
        out = torch.empty((len(rows), *self.films.shape[1:]), dtype=torch.uint8, pin_memory=self.stream is not None)
        take(self.films, rows, out.numpy())
        return self._send(out)

    def _texts(self, views: list[NDArray[np.int64]]) -> TextBatch:
        """The texts of all views, one behind the other, from their numbers (m, q)."""
        texts = self.data.texts
        parts, names, reports = np.concatenate(views), texts.names, texts.reports
        flat, count = parts.ravel(), len(names.lengths)
        named, told = (flat >= 0) & (flat < count), flat >= count
        shown, of_name = np.unique(flat[named], return_inverse=True)
        place = np.full(len(flat), -1)
        place[named] = of_name
        place[told] = len(shown) + np.arange(int(told.sum()))
        rows = flat[told] - count
        lengths = reports.lengths[rows]
        ids = reports.ids[rows, : int(lengths.max(initial=2))]
        arrays = [names.ids[shown], names.lengths[shown], texts.name_states[shown], ids, lengths]
        arrays.append(place.reshape(parts.shape))
        if self.recipe.baseline.objective.local:
            arrays.append(word_numbers(ids, texts.continues))
        return TextBatch(*(self._send(torch.from_numpy(array)) for array in arrays))

    def _side(self, rows: NDArray[np.int64], present: NDArray[np.float32], absent: NDArray[np.float32]) -> Side:
        matched, meanings = self.data.matched, self.data.meanings
        claims = (rows, present * matched, absent * matched) if not matched.all() else (rows, present, absent)
        meaning = None
        if meanings is not None:
            vectors = self._send(torch.from_numpy(meanings.vectors[rows]))
            meaning = Meaning(vectors, meanings.same_above, meanings.other_below)
        pair, says, denies = (self._send(torch.from_numpy(array)) for array in claims)
        return Side(pair, says, denies, meaning)

    def _send(self, tensor: Tensor) -> Tensor:
        if self.stream is None:
            return tensor
        sent = (tensor if tensor.is_pinned() else tensor.pin_memory()).to(self.device, non_blocking=True)
        sent.record_stream(torch.cuda.default_stream(self.device))
        return sent


def _alone() -> None:
    """Keeps the feed's thread from a team of threads of its own: with more threads than cores, OpenMP's stop spinning.

    Then every operation of the towers waits to be woken: a step at `tiny` took 164 ms for 124.
    """
    torch.set_num_threads(1)


def dealing(rows: int, processes: int) -> NDArray[np.int64]:
    """The order of rows that are dealt by turns: those of the first process, then those of the second, and so on."""
    return np.concatenate([np.arange(rank, rows, processes) for rank in range(processes)])


def stream_seed(*parts: int) -> int:
    """A seed of 63 bits for a generator of torch, from a seed, a purpose and a step."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
