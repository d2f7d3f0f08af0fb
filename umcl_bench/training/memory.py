"""How much memory a micro-batch takes, and the largest that fits: measured on a few rows, not guessed."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from umcl_bench.errors import BenchError
from umcl_bench.models.dual import DualEncoder, TextBatch, build_encoder
from umcl_bench.models.towers import checkpoint_activations, choose_attention
from umcl_bench.spec import Recipe
from umcl_bench.training.device import pick_device, training_precision
from umcl_bench.training.feed import AHEAD
from umcl_bench.training.runtime import Runtime

SHARE = 0.7
"""Of a machine's memory, what a training may take: its total counts, so that the same machine gives the same answer."""
TEMPORARY = 1.5
"""A backward pass takes, for a moment, about half as much again as it holds (inferred from a few towers)."""

_LIBRARIES = 1e9
"""What a process takes on the host before it has a model: torch, timm and transformers."""

_ALWAYS_FITS = 2**21
"""Pixels in the towers at a time that no machine is too small for: an estimate takes seconds."""


def fitting_micro_batch(recipe: Recipe, device: str, runtime: Runtime, processes: int = 1) -> int:
    """The largest power of two of rows that fits, or 0 where a process's whole share of the batch does.

    Raises BenchError where not even two rows do.
    """
    where = pick_device(device)
    fixed, row = _bytes(recipe, where, runtime.recompute)
    rows = int((SHARE * total_memory(where) - fixed) / (TEMPORARY * row))
    if rows >= recipe.size.optim.batch / processes:
        return 0
    if rows < 2:
        raise BenchError(
            f"size {recipe.size.name} needs {fixed / 1e9:.1f} GB for its weights and {row / 1e9:.2f} GB a film; "
            f"{SHARE:.0%} of this machine's {total_memory(where) / 1e9:.1f} GB is too little. Use --recompute, or a "
            "smaller size"
        )
    return int(2 ** (rows.bit_length() - 1))


def check_memory(recipe: Recipe, device: torch.device, runtime: Runtime, processes: int = 1) -> None:
    """Raises BenchError for a batch that is too large for a CPU's memory, where it would be killed without a word."""
    if device.type != "cpu" or _rows(recipe, processes) * recipe.size.image.size**2 < _ALWAYS_FITS:
        return
    needed, there = needed_bytes(recipe, device, runtime, processes), total_memory(device)
    if needed > there:
        advice = memory_advice(recipe, device, runtime, processes)
        raise BenchError(f"a step would take about {needed / 1e9:.1f} GB, and there are {there / 1e9:.1f} GB. {advice}")


def needed_bytes(recipe: Recipe, device: torch.device, runtime: Runtime, processes: int = 1) -> float:
    """What a step takes at its height, by estimate: weights, gradients, optimiser, batch and activations."""
    fixed, row = _bytes(recipe, device, runtime.recompute)
    return fixed + TEMPORARY * row * _rows(recipe, processes)


def memory_advice(recipe: Recipe, device: torch.device, runtime: Runtime, processes: int = 1) -> str:
    """What to do where the memory did not suffice."""
    rows = _rows(recipe, processes)
    fits = fitting_micro_batch(recipe, device.type, runtime, processes)
    fits = fits if 0 < fits < rows else max(2, rows // 2)
    more = "" if runtime.recompute else ", or --recompute"
    return f"{rows} rows were to be in the towers at a time; --micro-batch {fits} would fit{more}"


def _rows(recipe: Recipe, processes: int) -> int:
    optim = recipe.size.optim
    return optim.micro_batch or -(-optim.batch // processes)


def total_memory(device: torch.device) -> int:
    """Bytes of the machine, or of the GPU."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@functools.lru_cache(maxsize=8)
def _bytes(recipe: Recipe, device: torch.device, recompute: bool) -> tuple[float, float]:
    """What libraries, weights, gradients, optimiser and the batch take, and what a row's activations take."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        encoder = build_encoder(recipe, recipe.size.text.vocabulary, 14).to(device).train()
        precision = training_precision(device, recipe.precision)
        choose_attention(encoder, device, precision)
        if recompute:
            checkpoint_activations(encoder)
        few, more = (_held(encoder, recipe, rows, device, precision) for rows in (4, 12))
    weights = sum(p.numel() * 4 for p in encoder.parameters())
    # a parcel in hand and those made ahead, and embeddings with what the loss makes of them
    views = recipe.baseline.views
    batch = recipe.size.optim.batch * views * ((1 + AHEAD) * recipe.size.image.size**2 + recipe.size.dim * 4 * 8)
    return 4 * weights + batch + (_LIBRARIES if device.type == "cpu" else 0), views * (more - few) / 8


def _held(encoder: DualEncoder, recipe: Recipe, rows: int, device: torch.device, precision: torch.dtype) -> int:
    side, length = recipe.size.image.size, recipe.size.text.max_tokens
    films = torch.zeros(rows, side, side, device=device)
    names = torch.zeros(0, 2, dtype=torch.int64, device=device)
    lengths = torch.full((rows,), length, device=device)
    reports = torch.ones(rows, length, dtype=torch.int64, device=device)
    place = torch.arange(rows, device=device)[:, None]
    words = torch.arange(length, device=device).expand(rows, -1) if encoder.local else None
    texts = TextBatch(names, lengths[:0], lengths[:0], reports, lengths, place, words)
    with held_bytes(encoder) as held, torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
        features = encoder(films, texts)
        del features
    return held[0]


@contextmanager
def held_bytes(module: nn.Module) -> Iterator[list[int]]:
    """A list whose one number grows by the bytes that the block holds for its backward pass, without the weights."""
    total, seen = [0], {p.untyped_storage().data_ptr() for p in module.parameters()}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            total[0] += storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        yield total
