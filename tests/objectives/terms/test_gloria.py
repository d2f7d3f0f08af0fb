"""Local attention against its definition in loops, closed forms, properties, and the released code's value."""

import math

import pytest
import torch
from torch import Tensor

from tests.objectives.terms.batches import (
    WORDED,
    Sizes,
    assert_is_its_definition,
    batch,
    kept_numbers,
    permuted,
    wave,
    with_features,
)
from umcl_bench.objectives.targets import Side
from umcl_bench.objectives.terms import Inputs, gloria, value
from umcl_bench.objectives.terms.inputs import ELEMENTS
from umcl_bench.spec import Term

TERM = Term("local-attention")
OTHER = Term("local-attention", options=(("temp1", 2.0), ("temp2", 3.0), ("temp3", 1.5)))


def softmax(numbers: list[Tensor]) -> list[Tensor]:
    total = sum(number.exp() for number in numbers)
    return [number.exp() / total for number in numbers]


def slow_z(regions: Tensor, words: list[Tensor], temp1: float, temp2: float) -> Tensor:
    """Z of one film and one text."""
    over_words = [softmax([region @ word for word in words]) for region in regions]
    total = torch.zeros((), dtype=torch.float64)
    for j, word in enumerate(words):
        attention = softmax([temp1 * row[j] for row in over_words])
        context = torch.stack([a * region for a, region in zip(attention, regions, strict=True)]).sum(0)
        cosine = (word @ context) / (word.square().sum().sqrt() * context.square().sum().sqrt())
        total = total + (temp2 * cosine).exp()
    return total.log()


def slow_local_attention(inputs: Inputs, term: Term = TERM) -> Tensor:
    """The docstring of `local_attention`, pair by pair."""
    temp1, temp2, temp3 = [number for _, number in term.options] or [4.0, 5.0, 10.0]
    losses = []
    for at in range(inputs.views):
        patches, words = inputs.view("patches", at), inputs.view("words", at)
        said = {j: [word for word in words[j] if word.abs().sum() > 0] for _, j in WORDED}
        z = [[temp3 * slow_z(patches[i], said[j], temp1, temp2) for _, j in WORDED] for i, _ in WORDED]
        for k in range(len(WORDED)):
            row, column = torch.stack(z[k]), torch.stack([line[k] for line in z])
            losses.append((row.exp().sum().log() + column.exp().sum().log()) / 2 - z[k][k])
    return torch.stack(losses).mean()


@pytest.mark.parametrize("term", [TERM, OTHER], ids=["defaults", "options"])
@pytest.mark.parametrize("views", [1, 2])
def test_it_is_its_definition(term: Term, views: int) -> None:
    assert_is_its_definition(lambda at: value(term, at), lambda at: slow_local_attention(at, term), batch(term, views))


def test_gradients_agree_with_finite_differences() -> None:
    at = batch(OTHER)

    def loss(patches: Tensor, words: Tensor) -> Tensor:
        return value(OTHER, with_features(at, patches=patches, words=torch.where(at.features["words"] == 0, 0, words)))

    leaves = [at.features[name].detach().clone().requires_grad_() for name in ("patches", "words")]
    assert torch.autograd.gradcheck(loss, leaves)


def test_films_that_are_all_alike_give_the_logarithm_of_their_number_in_one_direction() -> None:
    """Z of a text is the same with every film: log 3 from text to film; with texts alike too, in both directions."""
    at = batch(TERM)
    patches = at.features["patches"][:1].expand(6, -1, -1)
    words = at.features["words"][1:2].expand(5, -1, -1)
    prompts = (torch.arange(5) > 0)[:, None, None]
    alike = with_features(at, patches=patches, words=words * prompts)
    torch.testing.assert_close(value(TERM, alike), torch.tensor(math.log(3), dtype=torch.float64))


def test_one_word_of_one_region_is_a_cosine() -> None:
    """Attention has no choice: Z = temp2 cos(w, v), so that the logits are 50 cosines."""
    patches, words = wave(2, 1, 5), wave(2, 1, 5, step=1.3)
    z = gloria.similarities(patches, words, 4.0, 5.0, 100)
    expected = 5 * torch.cosine_similarity(patches, words[:, 0], dim=-1)
    torch.testing.assert_close(z, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("elements", [1, 40, 100, 10_000])
def test_the_size_of_a_tile_changes_nothing(elements: int) -> None:
    results = []
    for size in (elements, ELEMENTS):
        at = batch(TERM)
        loss = gloria.local_attention({"temp1": 4.0, "temp2": 5.0, "temp3": 10.0}, at, size)
        assert loss is not None
        loss.backward()  # type: ignore[no-untyped-call]
        results.append((loss.detach(), at.features["patches"].grad, at.features["words"].grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)


def test_memory_is_that_of_one_tile() -> None:
    """Of 20 x 20 films and texts, 4 words and 6 patches: no tensor of 9600 numbers, and no tile in the graph."""
    patches, words = (wave(20, rows, 5, step=step).requires_grad_() for rows, step in ((6, 0.7), (4, 1.3)))

    def whole() -> Tensor:
        return gloria.similarities(patches, words, 4.0, 5.0, 1000).sum()

    with Sizes() as sizes:  # type: ignore[no-untyped-call]
        whole().backward()  # type: ignore[no-untyped-call]
    assert sizes.largest <= 1000
    assert kept_numbers(whole) == patches.numel() + words.numel() + words.shape[1]  # and which words there are


def test_order_padding_prompts_and_rows_without_a_partner_change_nothing() -> None:
    at = batch(TERM, views=2)
    before = value(TERM, at)
    torch.testing.assert_close(value(TERM, permuted(at, [3, 5, 0, 2, 4, 1], [4, 2, 0, 1, 3])), before)
    words = torch.nn.functional.pad(at.features["words"], (0, 0, 2, 3))
    torch.testing.assert_close(value(TERM, with_features(at, words=words)), before)
    patches, words = at.features["patches"].clone(), at.features["words"].clone()
    patches[[2, 3, 5, 8]] *= 3  # film 2 has a prompt, 3 and 5 no text
    words[[2, 7]] *= 3
    torch.testing.assert_close(value(TERM, with_features(at, patches=patches, words=words)), before)


def test_a_film_that_is_twice_in_the_batch_is_no_negative_of_its_own_text() -> None:
    """Four rows of two films, each twice, have the loss of the two films and the logarithm of 2."""
    patches, words = wave(2, 3, 5), wave(2, 4, 5, step=1.3)
    losses = []
    for rows in ([0, 1], [0, 1, 0, 1]):
        claims = Side(torch.tensor(rows), torch.zeros(len(rows), 1), torch.zeros(len(rows), 1))
        losses.append(value(TERM, Inputs({"patches": patches[rows], "words": words[rows]}, claims, (claims,), 1)))
    torch.testing.assert_close(losses[1], losses[0] + math.log(2))


def test_the_value_of_the_released_code() -> None:
    """16.8873...: half the sum of the two losses that local_loss of gloria/loss/gloria_loss.py returns for these.

    Made by running it (marshuang80/gloria at 9f0cfcf) in float64 on the patches as 2 x 2 maps, with cap_lens 3, 2, 3.
    """
    words = wave(3, 3, 5, step=1.3)
    words[1, 2] = 0
    claims = Side(torch.arange(3), torch.zeros(3, 1), torch.zeros(3, 1))
    found = value(TERM, Inputs({"patches": wave(3, 4, 5), "words": words}, claims, (claims,), 1))
    assert found.item() == pytest.approx(16.887307391113698, rel=1e-12)
