"""Passes that leave no trace in the batch norms."""

import copy

import pytest
import torch
from torch import nn

from umcl_bench.models.statistics import statistics_kept


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(module.state_dict())


def test_a_pass_inside_leaves_the_statistics_as_they_were() -> None:
    norms = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.BatchNorm1d(8))
    norms(torch.randn(5, 1, 4, 4))
    buffers, before = list(norms.buffers()), _state(norms)
    with statistics_kept(norms):
        norms(torch.randn(5, 1, 4, 4) + 3)
        assert norms.get_buffer("1.num_batches_tracked") == 2
        assert not torch.equal(norms.get_buffer("1.running_mean"), before["1.running_mean"])
    assert all(torch.equal(value, before[name]) for name, value in norms.state_dict().items())
    assert all(one is other for one, other in zip(norms.buffers(), buffers, strict=True))


def test_statistics_come_back_after_an_error_too() -> None:
    norm = nn.BatchNorm1d(2)
    with pytest.raises(ValueError, match="expected 2D or 3D"), statistics_kept(norm):
        norm(norm(torch.randn(4, 2))[0])
    assert norm.num_batches_tracked == 0


def test_norms_without_statistics_and_other_buffers_are_left_alone() -> None:
    module = nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False), nn.LayerNorm(2))
    module.register_buffer("count", torch.zeros(()))
    with statistics_kept(module):
        module(torch.randn(4, 2))
        module.get_buffer("count").add_(1)
    assert module.get_buffer("count") == 1


def test_a_recomputed_backward_pass_counts_a_batch_once() -> None:
    from torch.utils.checkpoint import checkpoint

    norm, x = nn.BatchNorm1d(3), torch.randn(6, 3, requires_grad=True)
    out = checkpoint(norm, x, use_reentrant=False)
    after = _state(norm)
    with statistics_kept(norm):
        out.square().sum().backward()
    assert norm.num_batches_tracked == 1
    assert all(torch.equal(value, after[name]) for name, value in norm.state_dict().items())
