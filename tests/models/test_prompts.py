"""Learned vectors in the text tower's input."""

from typing import Literal, get_args

import pytest
import torch
from torch import Tensor

from umcl_bench.models.prompts import PromptEncoder, other_order
from umcl_bench.spec import Position, Prompt


def _one_by_one(encoder: PromptEncoder, embedded: Tensor, lengths: Tensor) -> Tensor:
    """The definition: [CLS] v_1 .. v_M name [SEP], a row at a time."""
    vectors = encoder.context
    assert vectors is not None
    before = {"front": len(vectors), "end": 0, "middle": len(vectors) // 2}[encoder.prompt.position]
    rows = []
    for row, length in zip(embedded, lengths.tolist(), strict=True):
        name, end = row[1 : length - 1], row[length - 1 :]
        rows.append(torch.cat([row[:1], vectors[:before], name, vectors[before:], end]))
    return torch.stack(rows)


@pytest.mark.parametrize("position", get_args(Position))
@pytest.mark.parametrize("count", [1, 5])
def test_vectors_are_inserted_and_get_gradient_as_row_by_row(position: Position, count: int) -> None:
    torch.manual_seed(0)
    encoder = PromptEncoder(Prompt(kind="continuous", length=count, position=position), 3, 5).double()
    embedded = torch.randn(6, 9, 3, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([2, 3, 4, 6, 8, 9])  # the first has no name at all
    found, longer = encoder._insert(embedded, lengths, torch.arange(6))
    expected = _one_by_one(encoder, embedded, lengths)
    assert torch.equal(found, expected)
    assert torch.equal(longer, lengths + count)
    assert encoder.context is not None
    weight = torch.randn_like(found)
    gradients = [torch.autograd.grad((out * weight).sum(), [embedded, encoder.context]) for out in (found, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


@pytest.mark.parametrize("length", range(2, 20))
def test_another_order_leaves_no_place_and_loses_none(length: int) -> None:
    order = other_order(length)
    assert sorted(order) == list(range(length))
    assert all(place != at for at, place in enumerate(order))
    assert order == other_order(length)


@pytest.mark.parametrize("context", ["unified", "class-specific"])
def test_shuffled_vectors_learn_in_their_order_and_are_used_in_another(
    context: Literal["unified", "class-specific"],
) -> None:
    found = []
    for stage in ("joint", "shuffled"):
        torch.manual_seed(0)
        prompt = Prompt(kind="continuous", length=4, context=context, stage=stage)
        found.append(PromptEncoder(prompt, 3, 2))
    joint, shuffled = found
    states = torch.tensor([0, 1, 2, 3])
    assert torch.equal(joint._context(states), shuffled._context(states))
    for encoder in found:
        encoder.eval()
    assert torch.equal(joint._context(states)[:, other_order(4)], shuffled._context(states))
    assert joint.state_dict().keys() == shuffled.state_dict().keys()
