"""Consistency of two views against its definition in loops, closed forms, properties, and the released code's value."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.objectives.terms.batches import assert_is_its_definition, batch, permuted, side, wave, with_features
from umcl_bench.objectives.terms import Inputs, value
from umcl_bench.spec import Term

TERMS = {"image": Term("image-consistency"), "text": Term("text-consistency")}
each = pytest.mark.parametrize("name", TERMS)


def slow_consistency(inputs: Inputs, name: str) -> Tensor:
    first, second, scale = inputs.view(name, 0), inputs.view(name, 1), inputs.features["scale"]
    losses = []
    for i in range(len(first)):
        own = (scale * (first[i] @ second[i])).exp()
        forth = sum((scale * (first[i] @ other)).exp() for other in second)
        back = sum((scale * (other @ second[i])).exp() for other in first)
        losses.append(-(own / forth).log() / 2 - (own / back).log() / 2)
    return torch.stack(losses).mean()


@each
def test_it_is_its_definition(name: str) -> None:
    term = TERMS[name]
    assert_is_its_definition(lambda at: value(term, at), lambda at: slow_consistency(at, name), batch(term, 2))


@each
def test_gradients_agree_with_finite_differences(name: str) -> None:
    at = batch(TERMS[name], 2)

    def loss(rows: Tensor, scale: Tensor) -> Tensor:
        return value(TERMS[name], with_features(at, **{name: rows}, scale=scale))

    leaves = [at.features[leaf].detach().clone().requires_grad_() for leaf in (name, "scale")]
    assert torch.autograd.gradcheck(loss, leaves)


@each
def test_rows_at_right_angles_have_a_closed_form(name: str) -> None:
    """Equal views of 4 rows that are orthogonal: log(1 + 3 exp(-scale)); a scale of 0 tells none apart: log 4."""
    claims = side(torch.arange(4))
    rows = torch.eye(4, dtype=torch.float64).repeat(2, 1)
    for scale, expected in ((3.0, math.log(1 + 3 * math.exp(-3))), (0.0, math.log(4))):
        at = Inputs({name: rows, "scale": torch.tensor(scale, dtype=torch.float64)}, claims, (claims, claims), 2)
        assert value(TERMS[name], at).item() == pytest.approx(expected, rel=1e-12)


@each
def test_order_and_the_exchange_of_views_change_nothing(name: str) -> None:
    at = batch(TERMS[name], 2)
    before = value(TERMS[name], at)
    torch.testing.assert_close(value(TERMS[name], permuted(at, [3, 5, 0, 2, 4, 1], [4, 2, 0, 1, 3])), before)
    exchanged = torch.cat([at.view(name, 1), at.view(name, 0)])
    torch.testing.assert_close(value(TERMS[name], with_features(at, **{name: exchanged})), before)


def test_a_film_that_is_twice_in_the_batch_is_right_in_both_places() -> None:
    """So that the loss is that of one copy and the logarithm of 2."""
    rows, scale = normalize(wave(6, 4), dim=-1).reshape(2, 3, 4), torch.tensor(5.0, dtype=torch.float64)
    losses = []
    for order in ([0, 1, 2], [0, 1, 2, 0, 1, 2]):
        claims = side(torch.tensor(order))
        features = {"image": rows[:, order].flatten(0, 1), "scale": scale}
        losses.append(value(TERMS["image"], Inputs(features, claims, (claims, claims), 2)))
    torch.testing.assert_close(losses[1], losses[0] + math.log(2))


@each
def test_the_value_of_the_released_code(name: str) -> None:
    """4.76002...: loss_i2i (or loss_t2t) of cxrclip/loss/cxr_clip.py (kakaobrain/cxr-clip at fd9fac5), one process.

    Made by its arithmetic in float64 at a logit scale of 20.
    """
    rows = torch.cat([normalize(wave(4, 5), dim=-1), normalize(wave(4, 5, step=1.3), dim=-1)])
    claims = side(torch.arange(4))
    at = Inputs({name: rows, "scale": torch.tensor(20.0, dtype=torch.float64)}, claims, (claims, claims), 2)
    assert value(TERMS[name], at).item() == pytest.approx(4.760025282675932, rel=1e-12)
