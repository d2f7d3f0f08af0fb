"""The supervised loop: batches, rates, the best look, frozen parts, masks that move with films, determinism."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from umcl_bench.errors import BenchError
from umcl_bench.spec import Augment, Fitting
from umcl_bench.training.augment import augment, draw
from umcl_bench.training.supervised import (
    Supervision,
    augment_masks,
    batches,
    draw_some,
    fit_network,
    in_batches,
    rate,
)

CPU = torch.device("cpu")
SHORT = Fitting(learning_rate=0.05, weight_decay=0.0, batch=8, steps=12, look_every=3, warmup_share=0.0)
X = torch.from_numpy(np.random.default_rng(0).standard_normal((20, 6)).astype(np.float32))
Y = (X[:, 0] > 0).float()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.trunk = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2))
            self.head = nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.trunk(x))[:, 0]
        return out


def fitted(
    how: Fitting = SHORT, *, seed: int = 0, frozen: bool = False, look: Callable[[Net], float] | None = None
) -> tuple[Net, dict[str, object]]:
    network = Net()

    def loss(places: NDArray[np.int64], draws: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(network(X[places]).float(), Y[places])

    def quality() -> float:
        assert not network.training
        return float(-nn.functional.binary_cross_entropy_with_logits(network(X), Y)) if look is None else look(network)

    facts = fit_network(
        network, network.trunk, Supervision(len(X), loss, quality), how, seed, CPU, torch.float32, _tick, frozen=frozen
    )
    return network, facts


def _tick(amount: int = 1, note: str = "") -> None:
    pass


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def test_it_learns_and_the_same_seed_gives_the_same_weights() -> None:
    how = dataclasses.replace(SHORT, steps=150, encoder_factor=1.0)
    network, facts = fitted(how)
    with torch.inference_mode():
        assert ((network(X) > 0) == Y.bool()).float().mean() > 0.9
    assert facts["steps"] == facts["budget"] == 150
    torch.manual_seed(99)
    again, more = fitted(how)
    assert same(network, again)
    assert facts == more
    assert not same(network, fitted(how, seed=1)[0])


def test_the_best_look_is_kept_the_first_of_equals() -> None:
    values, weights = iter([0.1, 0.5, 0.5, 0.2]), []

    def look(network: Net) -> float:
        weights.append(network.head.weight.detach().clone())
        return next(values)

    network, facts = fitted(look=look)
    assert facts["best_step"] == 6
    assert facts["best_on_val"] == 0.5
    assert torch.equal(network.head.weight, weights[1])
    assert not torch.equal(network.head.weight, weights[3])
    assert facts["looks"] == [{"step": 3 * (i + 1), "val": v} for i, v in enumerate([0.1, 0.5, 0.5, 0.2])]


def test_it_stops_after_looks_without_a_better_one() -> None:
    values = iter([0.5, 0.4, 0.5, 0.9])
    _, facts = fitted(dataclasses.replace(SHORT, patience=2), look=lambda _: next(values))
    assert (facts["steps"], facts["best_step"], facts["budget"]) == (9, 3, 12)


def test_a_look_that_is_not_a_number_is_never_better() -> None:
    values = iter([math.nan, 0.3, math.nan, 0.2])
    _, facts = fitted(look=lambda _: next(values))
    assert (facts["best_step"], facts["best_on_val"]) == (6, 0.3)
    network, never = fitted(look=lambda _: math.nan)
    assert never["best_step"] == 12  # nothing to choose by: the last
    assert same(network, fitted(dataclasses.replace(SHORT, look_every=12))[0])


def test_a_frozen_part_keeps_weights_and_statistics() -> None:
    network, _ = fitted(frozen=True)
    assert same(network.trunk, Net().trunk)
    assert not torch.equal(network.head.weight, Net().head.weight)
    tuned, _ = fitted()
    assert not torch.equal(tuned.trunk[1].running_mean, Net().trunk[1].running_mean)  # type: ignore[arg-type]


def test_the_trunk_learns_at_its_own_rate() -> None:
    """Adam's first step is the rate, whatever the gradient."""
    how = dataclasses.replace(SHORT, optimiser="adam", steps=1, encoder_factor=0.1, learning_rate=0.01)
    network, start = fitted(how)[0], Net()
    moved = [
        float((network.get_parameter(n) - start.get_parameter(n)).detach().abs().max())
        for n in ("head.bias", "trunk.1.bias")
    ]
    assert moved == [pytest.approx(0.01, rel=1e-3), pytest.approx(0.001, rel=1e-3)]


def test_a_loss_that_is_not_finite_ends_it() -> None:
    network = Net()
    broken = Supervision(20, lambda places, draws: network(X[places]).sum() * math.inf, lambda: 0.0)
    with pytest.raises(BenchError, match="at step 1: lower the learning rate"):
        fit_network(network, network.trunk, broken, SHORT, 0, CPU, torch.float32, _tick)


@pytest.mark.parametrize("count", [1, 3, 8, 20])
def test_batches_are_full_and_every_film_comes_as_often(count: int) -> None:
    found = batches(count, 8, np.random.default_rng(0))
    seen = np.concatenate([next(found) for _ in range(count)])
    assert len(seen) == 8 * count
    assert np.bincount(seen, minlength=count).tolist() == [8] * count


def test_budgets() -> None:
    assert Fitting(steps=200).budget(5) == 200
    epochs = Fitting(steps=0, epochs=3, batch=8)
    assert [epochs.budget(n) for n in (1, 8, 9, 80)] == [3, 3, 6, 30]
    assert Fitting(steps=20, epochs=3, batch=8).budget(80) == 20
    with pytest.raises(ValueError, match="steps or epochs"):
        Fitting(steps=0)
    for wrong in ({"optimiser": "sgd"}, {"schedule": "step"}, {"batch": 1}, {"warmup_share": 1.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            dataclasses.replace(Fitting(), **wrong)


def test_rates_warm_up_and_fall() -> None:
    how = Fitting(learning_rate=1.0, warmup_share=0.1)
    rates = {name: [rate(dataclasses.replace(how, schedule=name), s, 100) for s in range(1, 101)] for name in _SHAPES}  # type: ignore[arg-type]
    for name, found in rates.items():
        np.testing.assert_allclose(found[:10], np.arange(1, 11) / 10)
        expected = [_SHAPES[name]((step - 10) / 90) for step in range(10, 100)]
        np.testing.assert_allclose(found[10:], expected, atol=1e-12)
    assert rate(dataclasses.replace(how, warmup_share=0.0), 1, 1) == 1.0


_SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda t: 1.0,
    "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,
    "poly": lambda t: (1 - t) ** 0.9,
}


def test_a_share_of_the_films_is_changed() -> None:
    how = Fitting(augment=Augment(), augment_share=0.3)
    draws = draw_some(2000, how, torch.Generator().manual_seed(0))
    films = torch.rand(1, 8, 8) * 255
    still = [torch.equal(augment(films, how.augment, row[None]), films) for row in draws[:40]]
    unchanged = (draws == draw_some(1, dataclasses.replace(how, augment_share=0.0), torch.Generator())).all(1)
    assert still == unchanged[:40].tolist()
    assert float(unchanged.float().mean()) == pytest.approx(0.7, abs=0.03)
    whole = dataclasses.replace(how, augment_share=1.0)
    torch.testing.assert_close(
        draw_some(5, whole, torch.Generator().manual_seed(4)), draw(5, Augment(), torch.Generator().manual_seed(4))
    )


def test_masks_go_where_their_films_go() -> None:
    """A film that is its mask stays its mask, whatever the greys of films do."""
    how = Augment(rotate_degrees=20, translate=0.1, scale=0.1, brightness=0.0, contrast=0.0)
    masks = torch.zeros(6, 32, 32)
    masks[:, 8:20, 10:26] = 1
    draws = draw(6, how, torch.Generator().manual_seed(1))
    moved = augment_masks(masks, how, draws)
    assert set(moved.flatten().tolist()) == {0.0, 1.0}
    assert torch.equal(moved, (augment(masks * 255, how, draws) > 127.5).float())
    assert not torch.equal(moved, masks)
    greys = dataclasses.replace(how, brightness=0.5, contrast=0.5, blur_share=1.0)
    harsh = draw(6, greys, torch.Generator().manual_seed(1))
    assert torch.equal(augment_masks(masks, greys, harsh), moved)


def test_a_films_result_does_not_depend_on_how_many_there_are() -> None:
    films = np.random.default_rng(0).integers(0, 256, (11, 8, 8), dtype=np.uint8)
    conv = nn.Conv2d(1, 3, 3, padding=1)

    def apply(batch: Tensor) -> Tensor:
        assert len(batch) == 4
        found: Tensor = conv(batch[:, None].float())
        return found.detach()

    whole = in_batches(films, 4, apply)
    assert whole.shape == (11, 3, 8, 8)
    np.testing.assert_array_equal(in_batches(films[::-1].copy(), 4, apply)[::-1], whole)
    np.testing.assert_array_equal(in_batches(films[:1], 4, apply), whole[:1])
