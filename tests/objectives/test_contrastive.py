"""The tiled loss against the dense definition, closed forms, properties, open_clip, and finite differences."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import unit_rows
from umcl_bench.objectives.contrastive import contrastive_loss, target_statistics
from umcl_bench.objectives.targets import Side, get_builder
from umcl_bench.spec import Objective

CLIP = Objective()
OBJECTIVES = [
    CLIP,
    Objective(loss="umcl", similarity="any"),
    Objective(loss="umcl", similarity="jaccard", sharpness=2.0),
    Objective(loss="umcl", similarity="cosine", image_to_text=0.75),
]


def batch(n: int, m: int, seed: int = 0) -> tuple[Tensor, Tensor, Side, Side]:
    """Unit rows (n, 6), (m, 6) in float64, and sides with four findings; pair numbers repeat where n and m differ."""
    rng = np.random.default_rng(seed)
    z_img, z_txt = (torch.from_numpy(unit_rows(rng, k, 6)) for k in (n, m))
    present = torch.from_numpy((rng.random((n, 4)) < 0.4).astype(np.float64))
    claims = torch.from_numpy((rng.random((m, 4)) < 0.3).astype(np.float64))
    denied = torch.zeros_like(claims)
    denied[::3] = torch.eye(4, dtype=torch.float64)[torch.arange(len(claims[::3])) % 4]
    claims[::3] = 0
    films = Side(torch.arange(n), present, 1 - present)
    return z_img, z_txt, films, Side(torch.arange(m) % n, claims, denied)


def dense(z_img: Tensor, z_txt: Tensor, scale: Tensor, films: Side, texts: Side, objective: Objective) -> Tensor:
    """The definition, transcribed: the whole of z and T, cross-entropies row by row."""
    z = scale * z_img @ z_txt.T
    s = get_builder(objective.loss)(films, texts, objective)

    def direction(logits: Tensor, similar: Tensor) -> Tensor:
        losses = []
        for row, weights in zip(logits, similar, strict=True):
            if weights.sum() > 0:
                losses.append(-(weights / weights.sum() * torch.log_softmax(row, 0)).sum())
        return torch.stack(losses).mean()

    w = objective.image_to_text
    return w * direction(z, s) + (1 - w) * direction(z.T, s.T)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: f"{o.target}-{o.similarity}")
@pytest.mark.parametrize(("n", "m"), [(9, 9), (7, 12), (12, 7)])
@pytest.mark.parametrize("tile", [1, 4, 100])
def test_value_and_gradients_are_those_of_the_dense_definition(objective: Objective, n: int, m: int, tile: int) -> None:
    z_img, z_txt, films, texts = batch(n, m)
    build = get_builder(objective.loss)
    found = []
    for tiled in (True, False):
        leaves = [t.clone().requires_grad_() for t in (z_img, z_txt, torch.tensor(9.0, dtype=torch.float64))]
        x, t, scale = leaves
        loss = (
            contrastive_loss(x, t, scale, films, texts, objective, build, tile)
            if tiled
            else dense(x, t, scale, films, texts, objective)
        )
        (3 * loss).backward()  # type: ignore[no-untyped-call]
        found.append([loss.detach(), *(leaf.grad for leaf in leaves)])
    for mine, theirs in zip(*found, strict=True):
        assert mine is not None
        assert theirs is not None
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-13)


def test_gradients_agree_with_finite_differences() -> None:
    z_img, z_txt, films, texts = batch(5, 5)
    objective = OBJECTIVES[2]
    build = get_builder("umcl")
    inputs = [t.clone().requires_grad_() for t in (z_img, z_txt, torch.tensor(3.0, dtype=torch.float64))]
    assert torch.autograd.gradcheck(
        lambda a, b, s: contrastive_loss(a, b, s, films, texts, objective, build, 2), inputs
    )


@pytest.mark.parametrize("scale", [30.0, 100.0, 1000.0])
def test_hot_logits_neither_overflow_nor_vanish(scale: float) -> None:
    """In float32 exp(89) is infinite and exp(-104) is 0: the sums are taken relative to each line's largest logit."""
    z_img, z_txt, films, texts = batch(12, 12)
    z_img[0] = -z_txt[0]
    z_txt[1:3] = z_txt[0]
    hot = [t.float().requires_grad_() for t in (z_img, z_txt)]
    exact = [t.double().detach().requires_grad_() for t in hot]
    for objective in OBJECTIVES:
        mine = contrastive_loss(
            hot[0], hot[1], torch.tensor(scale), films, texts, objective, get_builder(objective.loss), 5
        )
        theirs = dense(exact[0], exact[1], torch.tensor(scale), films, texts, objective)
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-5, atol=0)
        found = torch.autograd.grad(mine, hot), torch.autograd.grad(theirs, exact)
        for ours, right in zip(*found, strict=True):
            torch.testing.assert_close(ours.double(), right, rtol=1e-3, atol=1e-4 * float(right.abs().max()))


def test_pairs_that_are_found_have_no_gradient() -> None:
    """In float32, at the scale where CLIP's ends: softmax - target is exactly 0, not the rounding of a logit of 100."""
    z = torch.eye(40, 64).requires_grad_()
    side = Side(torch.arange(40), torch.zeros(40, 4), torch.zeros(40, 4))
    loss = contrastive_loss(z, z.detach(), torch.tensor(110.0), side, side, CLIP, get_builder("infonce"), 16)
    loss.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert float(z.grad.abs().max()) < 1e-30


def test_autocast_does_not_reach_the_loss() -> None:
    z_img, z_txt, films, texts = batch(12, 12)
    inputs = (z_img.float(), z_txt.float(), torch.tensor(14.0), films, texts, OBJECTIVES[1], get_builder("umcl"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = contrastive_loss(*inputs)
    assert cast.item() == contrastive_loss(*inputs).item()


def test_bfloat16_factors_round_the_logits() -> None:
    """Eight bits: the loss moves by less than scale / 2^8, and does move; gradients stay within a few per cent."""
    z_img, z_txt, films, texts = batch(40, 40)
    scale, build, objective = torch.tensor(14.0), get_builder("umcl"), OBJECTIVES[1]
    found = []
    for precision in (torch.bfloat16, None):
        leaves = [t.float().requires_grad_() for t in (z_img, z_txt)]
        loss = contrastive_loss(leaves[0], leaves[1], scale, films, texts, objective, build, 16, precision=precision)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append((loss.item(), torch.cat([leaf.grad for leaf in leaves if leaf.grad is not None])))
    (rounded, rough), (exact, right) = found
    assert 0 < abs(rounded - exact) < 14 / 2**8
    assert 0 < (rough - right).norm() / right.norm() < 0.03


@pytest.mark.parametrize("n", [2, 17])
def test_equal_embeddings_cost_log_n(n: int) -> None:
    """All logits are equal, so every cross-entropy is log n, whatever the targets."""
    z = torch.ones(n, 4, dtype=torch.float64) / 2
    _, _, films, texts = batch(n, n)
    for objective in OBJECTIVES:
        loss = contrastive_loss(z, z, torch.tensor(5.0), films, texts, objective, get_builder(objective.loss), 3)
        assert loss.item() == pytest.approx(math.log(n))


def test_golden_value_of_two_orthogonal_pairs() -> None:
    """Z = scale I for two pairs: each direction is log(1 + e^-scale), by hand."""
    z = torch.eye(2, dtype=torch.float64)
    _, _, films, texts = batch(2, 2)
    loss = contrastive_loss(z, z, torch.tensor(2.0), films, texts, CLIP, get_builder("infonce"))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert loss.item() == pytest.approx(0.126928011, abs=1e-9)


def test_identity_is_open_clips_loss() -> None:
    open_clip_loss = pytest.importorskip("open_clip.loss")
    z_img, z_txt, films, _ = batch(33, 33)
    texts = Side(films.pair, films.present, torch.zeros_like(films.present))
    scale = torch.tensor(14.0, dtype=torch.float64)
    mine = contrastive_loss(z_img, z_txt, scale, films, texts, CLIP, get_builder("infonce"), 8)
    torch.testing.assert_close(mine, open_clip_loss.ClipLoss()(z_img, z_txt, scale))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: f"{o.target}-{o.similarity}")
def test_the_order_of_the_batch_does_not_matter(objective: Objective) -> None:
    z_img, z_txt, films, texts = batch(11, 11)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(0))
    moved_films, moved_texts = (Side(*(part[order] for part in side)) for side in (films, texts))
    scale, build = torch.tensor(4.0), get_builder(objective.loss)
    one = contrastive_loss(z_img, z_txt, scale, films, texts, objective, build, 4)
    other = contrastive_loss(z_img[order], z_txt[order], scale, moved_films, moved_texts, objective, build, 4)
    torch.testing.assert_close(one, other)


def test_swapping_the_sides_swaps_the_directions() -> None:
    z_img, z_txt, films, _ = batch(8, 8)
    texts = Side(films.pair, films.present.roll(1, 0), torch.zeros_like(films.present))
    plain = Side(films.pair, films.present, torch.zeros_like(films.present))
    scale, build = torch.tensor(4.0), get_builder("umcl")
    one = contrastive_loss(z_img, z_txt, scale, plain, texts, Objective(loss="umcl", image_to_text=0.8), build)
    other = contrastive_loss(z_txt, z_img, scale, texts, plain, Objective(loss="umcl", image_to_text=0.2), build)
    torch.testing.assert_close(one, other)


def test_rows_without_any_target_are_left_out_of_the_mean() -> None:
    z_img, z_txt, _, texts = batch(4, 4)
    alone = Side(torch.tensor([0, 1, 2, 99]), torch.zeros(4, 4), torch.zeros(4, 4))
    mute = Side(texts.pair, torch.zeros(4, 4), torch.zeros(4, 4))
    loss = contrastive_loss(z_img, z_txt, torch.tensor(4.0), alone, mute, CLIP, get_builder("infonce"), 2)
    z = 4.0 * z_img @ z_txt.T
    rows = -torch.log_softmax(z, 1).diagonal()[:3].mean()
    columns = -torch.log_softmax(z, 0).diagonal()[:3].mean()
    torch.testing.assert_close(loss, (rows + columns) / 2)


def test_statistics_by_hand() -> None:
    """Films with findings {a}, {a}, {b}; each text says what its film has. Of 6 foreign pairs, 2 share a finding."""
    present = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    side = Side(torch.arange(3), present, torch.zeros(3, 2))
    clip = target_statistics(side, side, CLIP, get_builder("infonce"), 2)
    assert clip == pytest.approx((2 / 6, 0.0, 1.0))
    umcl = target_statistics(side, side, Objective(loss="umcl"), get_builder("umcl"), 2)
    assert umcl == pytest.approx((0.0, 2 / 3 * math.log(2), 5 / 3))
