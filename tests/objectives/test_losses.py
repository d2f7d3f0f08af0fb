"""Each loss: its targets against a slow transcription, a value by hand, and what it comes to in special cases.

That the tiled values and gradients are those of the definitions is tests/objectives/test_contrastive.py's.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.objectives.slow import OBJECTIVES, batch, named, pair
from tests.objectives.test_contrastive import CLIP, every_objective, labelled, tiled
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.objectives.losses import LOSSES, get_loss
from umcl_bench.objectives.targets import Meaning, Side, Targets, same_pair
from umcl_bench.spec import LABEL_LOSSES, Objective
from umcl_bench.spec import LOSSES as NAMES

E = math.e
THREE = ((1, 0), (1, 0), (0, 1))


def targets(films: Side, texts: Side, objective: Objective) -> Targets:
    """What the objective's loss makes of the sides."""
    return get_loss(objective.loss).targets(films, texts, objective)


def of_orthonormal(side: Side, objective: Objective, scale: float = 1.0, texts: Side | None = None) -> float:
    """The loss where each film is its own text, at right angles to all others: z = scale I."""
    z = torch.eye(len(side.pair), dtype=torch.float64)
    return tiled(z, z, torch.tensor(scale), None, side, texts or side, objective, tile=2).item()


def test_every_name_has_a_loss() -> None:
    assert {*LOSSES, "none"} == set(NAMES)
    assert all(name == loss.name for name, loss in LOSSES.items())


@every_objective
def test_targets_are_their_definition(objective: Objective) -> None:
    """Up to a factor, which no softmax sees."""
    _, _, films, texts = batch(13, 11)
    found = targets(films, texts, objective)
    slow = [[pair(films, texts, i, j, objective) for j in range(11)] for i in range(13)]
    weights = torch.tensor([[w for w, _ in row] for row in slow], dtype=torch.float64)
    torch.testing.assert_close(found.weights / found.weights[0, 0], weights / weights[0, 0])
    neutral = torch.zeros(13, 11, dtype=torch.bool) if found.neutral is None else found.neutral
    assert neutral.tolist() == [[e for _, e in row] for row in slow]
    assert not (neutral & (found.weights > 0)).any()


@pytest.mark.parametrize(
    "objective", [o for o in OBJECTIVES if o.loss in LABEL_LOSSES - {"soft", "sigmoid"}], ids=named
)
def test_without_labels_it_is_clip(objective: Objective) -> None:
    _, _, films, texts = batch(7, 9)
    bare = [side._replace(present=0 * side.present, absent=0 * side.absent) for side in (films, texts)]
    found = targets(bare[0], bare[1], objective)
    torch.testing.assert_close(found.weights, same_pair(films, texts))
    assert found.neutral is None or not found.neutral.any()


def test_infonce_by_hand() -> None:
    """Two orthogonal pairs: each direction is log(1 + e^-scale)."""
    assert of_orthonormal(labelled([[0], [0]]), CLIP, 2.0) == pytest.approx(math.log(1 + math.exp(-2)))
    assert of_orthonormal(labelled([[0], [0]]), CLIP, 2.0) == pytest.approx(0.126928011, abs=1e-9)


@pytest.mark.parametrize("name", ["umcl", "unicl", "attract"])
def test_shared_labels_by_hand(name: str) -> None:
    """Films {a}, {a}, {b}: two lines halve their target between logits of 1 and 0, the third has its own text alone.

    The mean is log(e + 2) - (1/2 + 1/2 + 1) / 3 = 0.884778.
    """
    found = of_orthonormal(labelled(THREE), Objective(name))
    assert found == pytest.approx(math.log(E + 2) - 2 / 3)
    assert found == pytest.approx(0.884778, abs=1e-6)


def test_umcl_similarities_by_hand() -> None:
    """Findings {a, b} and {a}: Jaccard's 1/2, squared, is 1/4, so 4/5 of each target is the own text's."""
    side = labelled([[1, 1], [1, 0]])
    found = of_orthonormal(side, Objective("umcl", "jaccard", sharpness=2.0), 2.0)
    assert found == pytest.approx(math.log(E**2 + 1) - 2 * 4 / 5)


def test_unicl_normalises_rows_and_columns_apart() -> None:
    """Films {a}, {b}, {a, b}; texts {a}, {b}, {}: the third film has three texts, the first text two films.

    Rows: log(e + 2) - (1 + 1 + 1/3) / 3. Columns: log(e + 2) - (1/2 + 1/2 + 1) / 3.
    """
    films, texts = labelled([[1, 0], [0, 1], [1, 1]]), labelled([[1, 0], [0, 1], [0, 0]])
    for w, own in ((1.0, 7 / 9), (0.0, 2 / 3), (0.5, 13 / 18)):
        found = of_orthonormal(films, Objective("unicl", image_to_text=w), texts=texts)
        assert found == pytest.approx(math.log(E + 2) - own)


def test_unicl_does_not_read_what_is_absent() -> None:
    films = Side(torch.arange(2), torch.zeros(2, 1), torch.ones(2, 1))
    assert targets(films, films, Objective("unicl")).weights.tolist() == [[1, 0], [0, 1]]
    assert targets(films, films, Objective("umcl")).weights.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("name", ["cosine", "dot"])
def test_medclips_targets_are_nearly_flat(name: str) -> None:
    """Of 100 texts 20 have the film's one label: 59.5 % of the target is on the others, at temperature 1.

    e / (20 e + 80) = 0.0202 is a positive's target, 1 / (20 e + 80) = 0.0074 a negative's; the entropy is 4.50, and of
    100 equal ones 4.61.
    """
    side = labelled([[1, 0]] * 20 + [[0, 1]] * 80)
    rows = targets(side, side, Objective("soft", name)).weights[:20]  # type: ignore[arg-type]
    shares = rows / rows.sum(1, keepdim=True)
    assert shares[:, 20:].sum(1).tolist() == pytest.approx([0.595] * 20, abs=5e-4)
    assert shares[0, [0, 50]].tolist() == pytest.approx([0.0202, 0.0074], abs=5e-5)
    assert -torch.special.xlogy(shares, shares).sum(1)[0].item() == pytest.approx(4.50, abs=5e-3)
    assert shares[0, 50].item() == pytest.approx(1 / (20 * E + 80))


def test_soft_by_hand() -> None:
    """Two orthogonal pairs with different labels: targets e : 1, so the loss is log(e^2 + 1) - 2 e / (e + 1)."""
    found = of_orthonormal(labelled([[1, 0], [0, 1]]), Objective("soft", "cosine"), 2.0)
    assert found == pytest.approx(math.log(E**2 + 1) - 2 * E / (E + 1))


def test_soft_counts_with_dot_and_directions_with_cosine() -> None:
    """{a, b} and {a, b} share two findings, which the released code counts; {a} and {a, b} are at an angle of 45."""
    side = labelled([[1, 1], [1, 1], [1, 0]])
    for name, ratio in (("dot", 2 - 1), ("cosine", 1 - math.sqrt(0.5))):
        weights = targets(side, side, Objective("soft", name)).weights  # type: ignore[arg-type]
        assert (weights[0, 1] / weights[0, 2]).item() == pytest.approx(math.exp(ratio))


@pytest.mark.parametrize("name", ["any", "jaccard", "cosine", "dot"])
def test_a_cold_soft_target_stays_in_range(name: str) -> None:
    """In float32; at a temperature of 1/10 and with 14 findings exp(sim / temperature) is up to e^140."""
    z_img, z_txt, films, texts = batch(9, 9)
    wide = [
        Side(
            s.pair, torch.cat([s.present, s.present.new_ones(9, 10)], 1).float(), s.absent.float().repeat(1, 4)[:, :14]
        )
        for s in (films, texts)
    ]
    objective = Objective("soft", name, target_temperature=0.1)  # type: ignore[arg-type]
    value = tiled(z_img.float(), z_txt.float(), torch.tensor(100.0), None, wide[0], wide[1], objective)
    exact = tiled(
        z_img,
        z_txt,
        torch.tensor(100.0),
        None,
        *(s._replace(present=s.present.double(), absent=s.absent.double()) for s in wide),
        objective,
    )
    torch.testing.assert_close(value.double(), exact, rtol=1e-4, atol=0)


def test_a_temperature_that_overflows_is_refused() -> None:
    side = labelled([[1.0] * 14])
    with pytest.raises(UsageError, match=r"target_temperature is 0.05, too low .* up to 14.* at least 0.100"):
        targets(side, side, Objective("soft", "dot", target_temperature=0.05))


def test_a_very_cold_soft_target_is_umcls_of_the_same_labels() -> None:
    side = labelled(THREE)
    cold = targets(side, side, Objective("soft", "cosine", target_temperature=1e-3)).weights
    assert cold.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_eliminate_by_hand() -> None:
    """Films {a}, {a}, {b}: the first two do not meet, -log e / (e + 1) each; the third meets both, -log e / (e + 2)."""
    found = of_orthonormal(labelled(THREE), Objective("eliminate"))
    assert found == pytest.approx((2 * math.log(E + 1) + math.log(E + 2)) / 3 - 1)


@pytest.mark.parametrize("name", ["eliminate", "attract"])
@pytest.mark.parametrize(("similarity", "threshold", "suspected"), [
    ("cosine", 1.0, [True, False]), ("cosine", 0.7, [True, True]), ("cosine", 0.71, [True, False]),
    ("jaccard", 0.5, [True, True]), ("jaccard", 0.51, [True, False]), ("any", 1.0, [True, True]),
])  # fmt: skip
def test_what_is_at_the_threshold_is_suspected(
    name: str, similarity: str, threshold: float, suspected: list[bool]
) -> None:
    """Texts {a, b} and {a} of other rows, beside a film {a, b}; in float32 2 / sqrt(2 x 2) may be less than 1."""
    film = Side(torch.tensor([0]), torch.tensor([[1.0, 1]]), torch.zeros(1, 2))
    texts = Side(torch.tensor([1, 2]), torch.tensor([[1.0, 1], [1, 0]]), torch.zeros(2, 2))
    found = targets(film, texts, Objective(name, similarity, threshold=threshold))  # type: ignore[arg-type]
    assert [found.weights > 0, found.neutral][name == "eliminate"].flatten().tolist() == suspected  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["umcl", "unicl", "attract"])
def test_cap_by_hand(name: str) -> None:
    """Three rows of one finding: with a cap of 1/2 the own text has 2/3 of the target, without one 1/3."""
    side = labelled([[1.0]] * 3)
    for cap, own in ((0.5, 2 / 3), (1.0, 1 / 2), (2.0, 1 / 3), (9.0, 1 / 3), (0.0, 1 / 3)):
        found = of_orthonormal(side, Objective(name, cap=cap))
        assert found == pytest.approx(math.log(E + 2) - own), cap


@pytest.mark.parametrize("name", ["umcl", "unicl", "attract"])
def test_a_cap_of_nearly_nothing_is_clip(name: str) -> None:
    z_img, z_txt, films, texts = batch(9, 9)
    rest = z_img, z_txt, torch.tensor(4.0), None, films, texts
    found = tiled(*rest, Objective(name, cap=1e-12))
    torch.testing.assert_close(found, tiled(*rest, CLIP), rtol=1e-10, atol=0)


def test_debiased_by_hand() -> None:
    """Two orthogonal pairs at scale 2, so N = 1: G = (1 - t e^2) / (1 - t) is 0.29011 for t = 0.1.

    For t = 0.2 it is below 0, and the floor e^-2 stands.
    """
    side = labelled([[0.0], [0.0]])
    g = (1 - 0.1 * E**2) / 0.9
    assert g == pytest.approx(0.29011, abs=1e-5)
    assert of_orthonormal(side, Objective("debiased"), 2.0) == pytest.approx(math.log(1 + g / E**2))
    floor = Objective("debiased", prevalence=0.2)
    assert of_orthonormal(side, floor, 2.0) == pytest.approx(math.log(1 + math.exp(-4)))


def test_debiased_is_clip_where_nothing_is_taken_off() -> None:
    z_img, z_txt, films, texts = batch(9, 9)
    rest = z_img, z_txt, torch.tensor(4.0), None, films, texts
    torch.testing.assert_close(tiled(*rest, Objective("debiased", prevalence=0.0)), tiled(*rest, CLIP))


def test_the_floor_of_debiased_pulls_at_the_scale() -> None:
    """There the loss is log(1 + N e^{-2 scale}) for pairs that are found: its slope is -2 N / (e^{2 scale} + N)."""
    z = torch.eye(4, dtype=torch.float64)
    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    side = labelled([[0.0]] * 4)
    loss = tiled(z, z, scale, None, side, side, Objective("debiased", prevalence=0.5))
    (slope,) = torch.autograd.grad(loss, scale)
    assert loss.item() == pytest.approx(math.log(1 + 3 * math.exp(-3)))
    assert slope.item() == pytest.approx(-6 / (math.exp(3) + 3))


def test_sigmoid_by_hand() -> None:
    """Two orthogonal pairs, scale 10 and SigLIP's bias of -10: log 2 for the own text, log(1 + e^-10) for the other."""
    found = of_orthonormal(labelled([[0.0], [0.0]]), Objective("sigmoid"), 10.0)
    assert found == pytest.approx(math.log(2) + math.log1p(math.exp(-10)))


def test_sigmoid_leaves_out_what_labels_do_not_decide() -> None:
    """A film with {a} and no b: texts that share a, deny b, contradict, speak of c alone, or claim nothing."""
    film = Side(torch.tensor([0]), torch.tensor([[1.0, 0, 0]]), torch.tensor([[0.0, 1, 0]]))
    present = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])
    absent = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    found = targets(film, Side(torch.arange(1, 6), present, absent), Objective("sigmoid"))
    assert found.weights.tolist() == [[1, 1, 0, 0, 0]]
    assert found.neutral is not None
    assert found.neutral.tolist() == [[False, False, False, True, False]]


def test_sigmoid_has_no_directions() -> None:
    z_img, z_txt, films, texts = batch(7, 9)
    found = {
        tiled(z_img, z_txt, torch.tensor(4.0), None, films, texts, Objective("sigmoid", image_to_text=w)).item()
        for w in (0.0, 0.5, 1.0)
    }
    assert len(found) == 1


def test_the_bias_is_the_objectives_where_none_is_given() -> None:
    z_img, z_txt, films, texts = batch(7, 9)
    rest, objective = (films, texts, Objective("sigmoid", bias=-2.0)), torch.tensor(4.0)
    given = tiled(z_img, z_txt, objective, z_img.new_tensor([-2.0]), *rest)
    assert given.item() == tiled(z_img, z_txt, objective, None, *rest).item()


def angles(*degrees: float) -> Side:
    """Rows whose meanings are at these angles: alike above a cosine of 0.9, different up to 0.2."""
    turns = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    side = labelled([[0.0]] * len(degrees))
    return side._replace(meaning=Meaning(torch.stack([turns.cos(), turns.sin()], 1), 0.9, 0.2))


def test_triage_by_hand() -> None:
    """Meanings at 0, 0, 60 and 90 degrees: the first two are positives, the third is neutral to all, the last negative.

    The first two lines cost [log((e + 1) / e) + log 2] / 2 each, the third nothing, the last log((e + 2) / e).
    """
    found = of_orthonormal(angles(0, 0, 60, 90), Objective("triage"))
    first, last = (math.log((E + 1) / E) + math.log(2)) / 2, math.log((E + 2) / E)
    assert found == pytest.approx((2 * first + last) / 4)
    assert found == pytest.approx(0.389463, abs=1e-6)


def test_triage_of_unknown_meanings_is_clip() -> None:
    """Even where what is less alike than any cosine is asked for."""
    z_img, z_txt, films, _ = batch(9, 9)
    side = films._replace(meaning=Meaning(torch.zeros(9, 3), 0.9, -2.0))
    rest = z_img, z_txt, torch.tensor(4.0), None, side, side
    torch.testing.assert_close(tiled(*rest, Objective("triage")), tiled(*rest, CLIP))


def test_triage_needs_meanings() -> None:
    side = labelled(THREE)
    with pytest.raises(BenchError, match="no vectors of their meaning"):
        targets(side, side, Objective("triage"))


def test_positives_of_triage_do_not_compete() -> None:
    """All meanings alike: nothing is pushed apart, whatever the embeddings are."""
    z_img, z_txt, _, _ = batch(4, 4)
    side = angles(0, 0, 0, 0)
    assert tiled(z_img, z_txt, torch.tensor(4.0), None, side, side, Objective("triage")).item() == 0


def halves(films: Side, texts: Side, objective: Objective) -> Tensor:
    """A target builder of one's own."""
    return same_pair(films, texts) + 0.5 * (films.present @ texts.present.T > 0)


def thin(films: Side, texts: Side, objective: Objective) -> Tensor:
    return torch.ones(len(films.pair))


def numbers(films: Side, texts: Side, objective: Objective) -> object:
    return np.ones((len(films.pair), len(texts.pair)))


def mine(function: Callable[..., object]) -> str:
    """The name of a target builder here."""
    return f"{__name__}:{function.__name__}"


def test_a_builder_of_ones_own_is_a_softmax_loss() -> None:
    """Films {a}, {a}, {b}: own pairs have 1.5, so the first two lines have targets of 3/4 and 1/4."""
    assert of_orthonormal(labelled(THREE), Objective(mine(halves))) == pytest.approx(
        math.log(E + 2) - (3 / 4 * 2 + 1) / 3
    )


@pytest.mark.parametrize(("function", "found"), [(thin, r"a tensor \(3,\)"), (numbers, "ndarray")])
def test_what_a_builder_returns_is_checked(function: Callable[..., object], found: str) -> None:
    side = labelled(THREE)
    with pytest.raises(BenchError, match=rf"test_losses:{function.__name__}' returned {found}; .* tensor \(3, 3\)"):
        targets(side, side, Objective(mine(function)))


def test_a_name_that_is_none() -> None:
    with pytest.raises(UsageError, match=r"no loss is named 'umlc'.*Did you mean 'umcl'"):
        get_loss("umlc")
    with pytest.raises(BenchError, match=r"'umcl_bench.spec:no_such' can't be loaded"):
        get_loss("umcl_bench.spec:no_such")
