"""The tiled losses against their dense definitions, closed forms, properties, open_clip, and finite differences."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.objectives import slow
from tests.objectives.slow import OBJECTIVES, batch, named
from umcl_bench.objectives.contrastive import alignment_and_uniformity, contrastive_loss, target_statistics
from umcl_bench.objectives.forms import Softmax
from umcl_bench.objectives.losses import LOSSES, get_loss
from umcl_bench.objectives.targets import Side
from umcl_bench.spec import Objective

CLIP, UMCL = Objective(), Objective("umcl")
SOFTMAX = [o for o in OBJECTIVES if get_loss(o.loss).form is Softmax]
every_objective = pytest.mark.parametrize("objective", OBJECTIVES, ids=named)


def tiled(*inputs: Any, tile: int = 4, **how: Any) -> Tensor:
    """The loss of (z_img, z_txt, scale, bias, films, texts, objective), by the objective's name."""
    z_img, z_txt, scale, bias, films, texts, objective = inputs
    loss = get_loss(objective.loss)
    return contrastive_loss(z_img, z_txt, scale, films, texts, objective, loss, tile, bias=bias, **how)


def gradients(
    loss: Callable[..., Tensor], z_img: Tensor, z_txt: Tensor, scale: float, films: Side, texts: Side, o: Objective
) -> list[Tensor]:
    """The value, and the gradients of z_img, z_txt, scale and bias of 3 times it."""
    numbers = (z_img.new_tensor(scale), z_img.new_tensor([o.bias]))
    leaves = [t.clone().requires_grad_() for t in (z_img, z_txt, *numbers)]
    value = loss(*leaves, films, texts, o)
    (3 * value).backward()  # type: ignore[no-untyped-call]
    return [value.detach(), *(torch.zeros_like(t) if t.grad is None else t.grad for t in leaves)]


def labelled(present: Sequence[Sequence[float]]) -> Side:
    """Rows 0, 1, ... with these findings, and nothing known to be absent."""
    claims = torch.tensor(present, dtype=torch.float64)
    return Side(torch.arange(len(claims)), claims, torch.zeros_like(claims))


def test_every_loss_is_tried() -> None:
    assert {o.loss for o in OBJECTIVES} == set(LOSSES)


@every_objective
@pytest.mark.parametrize(("n", "m"), [(9, 9), (7, 12), (12, 7)])
def test_value_and_gradients_are_those_of_the_dense_definition(objective: Objective, n: int, m: int) -> None:
    z_img, z_txt, films, texts = batch(n, m)
    right = gradients(slow.loss, z_img, z_txt, 3.0, films, texts, objective)
    for tile in (1, 4, 100):
        found = gradients(functools.partial(tiled, tile=tile), z_img, z_txt, 3.0, films, texts, objective)
        torch.testing.assert_close(found[0], right[0], rtol=1e-12, atol=0)
        for mine, theirs in zip(found[1:], right[1:], strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@every_objective
def test_gradients_agree_with_finite_differences(objective: Objective) -> None:
    z_img, z_txt, films, texts = batch(5, 6)
    numbers = (z_img.new_tensor(3.0), z_img.new_tensor(-2.0))
    inputs = [t.clone().requires_grad_() for t in (z_img, z_txt, *numbers)]
    if objective.loss != "sigmoid":
        inputs[3].requires_grad_(False)
    assert torch.autograd.gradcheck(lambda *leaves: tiled(*leaves, films, texts, objective), inputs)


@every_objective
@pytest.mark.parametrize("scale", [30.0, 100.0, 1000.0])
def test_hot_logits_neither_overflow_nor_vanish(objective: Objective, scale: float) -> None:
    """In float32 exp(89) is infinite and exp(-104) is 0: the sums are taken relative to each line's largest logit."""
    z_img, z_txt, films, texts = batch(12, 12)
    z_img[0] = -z_txt[0]
    z_txt[1:3] = z_txt[0]
    hot = gradients(tiled, z_img.float(), z_txt.float(), scale, films, texts, objective)
    right = gradients(tiled, z_img.float().double(), z_txt.float().double(), scale, films, texts, objective)
    torch.testing.assert_close(hot[0].double(), right[0], rtol=1e-5, atol=0)
    for mine, theirs in zip(hot[1:3], right[1:3], strict=True):
        assert mine.isfinite().all()
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


def test_pairs_that_are_found_have_no_gradient() -> None:
    """In float32, at the scale where CLIP's ends: softmax - target is exactly 0, not the rounding of a logit of 100."""
    z = torch.eye(40, 64).requires_grad_()
    side = Side(torch.arange(40), torch.zeros(40, 4), torch.zeros(40, 4))
    tiled(z, z.detach(), torch.tensor(110.0), None, side, side, CLIP, tile=16).backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert float(z.grad.abs().max()) < 1e-30


@every_objective
def test_a_second_backward_pass_gives_the_same(objective: Objective) -> None:
    z_img, z_txt, films, texts = batch(6, 6)
    leaf = z_img.requires_grad_()
    loss = tiled(leaf, z_txt, torch.tensor(3.0), None, films, texts, objective)
    first, second = (torch.autograd.grad(loss, leaf, retain_graph=True)[0] for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@every_objective
def test_autocast_does_not_reach_the_loss(objective: Objective) -> None:
    z_img, z_txt, films, texts = batch(12, 12)
    inputs = (z_img.float(), z_txt.float(), torch.tensor(14.0), None, films, texts, objective)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = tiled(*inputs)
    assert cast.item() == tiled(*inputs).item()


def test_bfloat16_factors_round_the_logits() -> None:
    """Eight bits: the loss moves by less than scale / 2^8, and does move; gradients stay within a few per cent."""
    z_img, z_txt, films, texts = batch(40, 40)
    found = []
    for precision in (torch.bfloat16, None):
        leaves = [t.float().requires_grad_() for t in (z_img, z_txt)]
        loss = tiled(*leaves, torch.tensor(14.0), None, films, texts, UMCL, tile=16, precision=precision)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append((loss.item(), torch.cat([leaf.grad for leaf in leaves if leaf.grad is not None])))
    (rounded, rough), (exact, right) = found
    assert 0 < abs(rounded - exact) < 14 / 2**8
    assert 0 < (rough - right).norm() / right.norm() < 0.03


@pytest.mark.parametrize("objective", [o for o in SOFTMAX if o.loss != "eliminate"], ids=named)
@pytest.mark.parametrize("n", [3, 17])
def test_equal_embeddings_cost_log_n(objective: Objective, n: int) -> None:
    """All logits are equal, so every cross-entropy is log n, whatever the targets."""
    z = torch.ones(n, 4, dtype=torch.float64) / 2
    _, _, films, texts = batch(n, n)
    assert tiled(z, z, torch.tensor(5.0), None, films, texts, objective).item() == pytest.approx(math.log(n))


def test_identity_is_open_clips_loss() -> None:
    open_clip_loss = pytest.importorskip("open_clip.loss")
    z_img, z_txt, films, texts = batch(33, 33)
    scale = torch.tensor(14.0, dtype=torch.float64)
    mine = tiled(z_img, z_txt, scale, None, films, texts, CLIP, tile=8)
    torch.testing.assert_close(mine, open_clip_loss.ClipLoss()(z_img, z_txt, scale))


def test_sigmoid_without_labels_is_open_clips_siglip_loss() -> None:
    open_clip_loss = pytest.importorskip("open_clip.loss")
    z_img, z_txt, films, _ = batch(33, 33)
    bare = Side(films.pair, torch.zeros(33, 4), torch.zeros(33, 4))
    scale, bias = torch.tensor(10.0, dtype=torch.float64), torch.tensor([-10.0], dtype=torch.float64)
    mine = tiled(z_img, z_txt, scale, bias, bare, bare, Objective("sigmoid"), tile=8)
    torch.testing.assert_close(mine, open_clip_loss.SigLipLoss()(z_img, z_txt, scale, bias))


@every_objective
def test_the_order_of_the_batch_does_not_matter(objective: Objective) -> None:
    z_img, z_txt, films, texts = batch(11, 11)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor(4.0)
    one = tiled(z_img, z_txt, scale, None, films, texts, objective)
    other = tiled(z_img[order], z_txt[order], scale, None, films.rows(order), texts.rows(order), objective)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


@every_objective
def test_swapping_the_sides_swaps_the_directions(objective: Objective) -> None:
    """Where nothing is denied, for then a film's claims are the same for every text."""
    z_img, z_txt, films, texts = batch(8, 8)
    films, texts = (side._replace(absent=torch.zeros_like(side.absent)) for side in (films, texts))
    swapped = dataclasses.replace(objective, image_to_text=1 - objective.image_to_text)
    one = tiled(z_img, z_txt, torch.tensor(4.0), None, films, texts, objective)
    other = tiled(z_txt, z_img, torch.tensor(4.0), None, texts, films, swapped)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_rows_without_any_target_are_left_out_of_the_mean() -> None:
    z_img, z_txt, _, texts = batch(4, 4)
    alone = Side(torch.tensor([0, 1, 2, 99]), torch.zeros(4, 4), torch.zeros(4, 4))
    mute = Side(texts.pair, torch.zeros(4, 4), torch.zeros(4, 4))
    loss = tiled(z_img, z_txt, torch.tensor(4.0), None, alone, mute, CLIP, tile=2)
    z = 4.0 * z_img @ z_txt.T
    rows = -torch.log_softmax(z, 1).diagonal()[:3].mean()
    columns = -torch.log_softmax(z, 0).diagonal()[:3].mean()
    torch.testing.assert_close(loss, (rows + columns) / 2)


@every_objective
def test_a_batch_without_any_pair_of_a_row_costs_no_nan(objective: Objective) -> None:
    z_img, z_txt, films, texts = batch(5, 5)
    found = gradients(tiled, z_img, z_txt, 4.0, films._replace(pair=films.pair + 10), texts, objective)
    assert all(part.isfinite().all() for part in found)


@every_objective
def test_a_single_pair_has_no_gradient_but_a_sigmoids(objective: Objective) -> None:
    z_img, z_txt, films, texts = batch(3, 3)
    one = slice(1)
    value, *found = gradients(tiled, z_img[one], z_txt[one], 4.0, films.rows(one), texts.rows(one), objective)
    assert value.isfinite()
    assert all(bool((part.abs() < 1e-12).all()) for part in found) != (objective.loss == "sigmoid")


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, list | tuple) else [out]:
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return out


@every_objective
def test_no_matrix_of_the_batch_is_ever_whole(objective: Objective) -> None:
    """For 96 films and 80 texts in tiles of 8 the most is a side of the batch, or a tile: linear in the batch."""
    z_img, z_txt, films, texts = batch(96, 80)
    leaves = [t.requires_grad_() for t in (z_img, z_txt)]
    with Largest() as largest:  # type: ignore[no-untyped-call]
        tiled(*leaves, torch.tensor(4.0), None, films, texts, objective, tile=8).backward()  # type: ignore[no-untyped-call]
        target_statistics(films, texts, objective, get_loss(objective.loss), 8)
    assert largest.elements == 96 * 6


def test_statistics_by_hand() -> None:
    """Films with findings {a}, {a}, {b}; each text says what its film has. Of 6 foreign pairs, 2 share a finding."""
    side = labelled([[1, 0], [1, 0], [0, 1]])

    def found(objective: Objective) -> tuple[float, float, float]:
        return target_statistics(side, side, objective, get_loss(objective.loss), 2)

    shared = 0.0, 2 / 3 * math.log(2), 5 / 3
    assert found(CLIP) == pytest.approx((2 / 6, 0.0, 1.0))
    assert found(Objective("debiased")) == pytest.approx((2 / 6, 0.0, 1.0))
    for name in ("umcl", "unicl", "attract", "sigmoid"):
        assert found(Objective(name)) == pytest.approx(shared), name
    assert found(Objective("eliminate")) == pytest.approx((0.0, 0.0, 1.0))
    e = math.e
    soft = [math.log(2 * e + 1) - 2 * e / (2 * e + 1), math.log(e + 2) - e / (e + 2)]
    assert found(Objective("soft")) == pytest.approx((0.0, (2 * soft[0] + soft[1]) / 3, 3.0))


def test_statistics_see_the_cap() -> None:
    """Three rows with one finding and a cap of 1/2: targets are 2/3, 1/6, 1/6."""
    side = labelled([[1.0], [1], [1]])
    found = target_statistics(side, side, Objective("umcl", cap=0.5), get_loss("umcl"), 2)
    assert found == pytest.approx((0.0, 2 / 3 * math.log(3 / 2) + 1 / 3 * math.log(6), 3.0))


def test_alignment_and_uniformity_are_their_definition() -> None:
    z_img, z_txt, films, texts = batch(7, 9)
    squared = [(x - t).square().sum() for x, i in zip(z_img, films.pair, strict=True)
               for t, j in zip(z_txt, texts.pair, strict=True) if i == j]  # fmt: skip
    spread = []
    for z, of in ((z_img, films.pair), (z_txt, texts.pair)):
        apart = [math.exp(-2 * (a - b).square().sum()) for a, i in zip(z, of, strict=True)
                 for b, j in zip(z, of, strict=True) if i != j]  # fmt: skip
        spread.append(math.log(sum(apart) / len(apart)))
    for tile in (2, 100):
        found = alignment_and_uniformity(z_img, z_txt, films, texts, tile)
        assert found == pytest.approx((torch.stack(squared).mean().item(), sum(spread) / 2), rel=1e-5)


def test_alignment_and_uniformity_by_hand() -> None:
    """Two opposite films at a distance of 2, their texts at right angles to them; and a batch of one row."""
    side = labelled([[0.0], [0]])
    films, texts = torch.tensor([[1.0, 0], [-1, 0]]), torch.tensor([[0, 1.0], [0, 1]])
    assert alignment_and_uniformity(films, texts, side, side) == pytest.approx((2.0, (-8 + 0) / 2))
    alone = side.rows(slice(1))
    alignment, uniformity = alignment_and_uniformity(films[:1], texts[:1], alone, alone)
    assert alignment == pytest.approx(2.0)
    assert math.isnan(uniformity)
