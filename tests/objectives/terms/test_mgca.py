"""Token alignment and prototypes against their definitions in loops, closed forms, properties, the released code."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.objectives.terms.batches import (
    PAIRS,
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
from umcl_bench.objectives.terms import Inputs, mgca, parameters, value
from umcl_bench.objectives.terms.inputs import ELEMENTS
from umcl_bench.spec import Term

TOKENS = Term("token-alignment")
PROTOTYPES = Term("prototypes", options=(("count", 7.0),))


def unit(row: Tensor) -> Tensor:
    return row / row.square().sum().sqrt()


def slow_attend(token: Tensor, others: list[Tensor], inputs: Inputs) -> Tensor:
    query, key, owned = (inputs.features[f"token-alignment.{name}"] for name in ("query", "key", "value"))
    weights = [((query @ token) @ (key @ other) / math.sqrt(len(token))).exp() for other in others]
    total = sum(weights)
    return unit(torch.stack([w / total * (owned @ other) for w, other in zip(weights, others, strict=True)]).sum(0))


def slow_among(tokens: list[Tensor], others: list[Tensor], inputs: Inputs, temperature: float) -> Tensor:
    attended = [slow_attend(token, others, inputs) for token in tokens]
    losses = []
    for j, token in enumerate(tokens):
        own = (token @ attended[j] / temperature).exp()
        forth = sum((token @ other / temperature).exp() for other in attended)
        back = sum((other @ attended[j] / temperature).exp() for other in tokens)
        losses.append(-(own / forth).log() / 2 - (own / back).log() / 2)
    return torch.stack(losses).mean()


def slow_token_alignment(inputs: Inputs, temperature: float = 0.1) -> Tensor:
    """The docstring of `token_alignment`, token by token."""
    losses = []
    for at in range(inputs.views):
        for i, j in WORDED:
            patches = [unit(patch) for patch in inputs.view("patches", at)[i]]
            words = [unit(word) for word in inputs.view("words", at)[j] if word.abs().sum() > 0]
            of_words = slow_among(words, patches, inputs, temperature)
            losses.append((of_words + slow_among(patches, words, inputs, temperature)) / 2)
    return torch.stack(losses).mean()


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("temperature", [0.1, 0.4])
def test_token_alignment_is_its_definition(views: int, temperature: float) -> None:
    term = Term("token-alignment", options=(("temperature", temperature),))
    slow = lambda at: slow_token_alignment(at, temperature)  # noqa: E731
    assert_is_its_definition(lambda at: value(term, at), slow, batch(term, views))


def test_gradients_of_token_alignment_agree_with_finite_differences() -> None:
    term = Term("token-alignment", options=(("temperature", 0.5),))
    at = batch(term)
    names = ["patches", *(name for name in at.features if name.startswith("token-alignment."))]

    def loss(*changed: Tensor) -> Tensor:
        return value(term, with_features(at, **dict(zip(names, changed, strict=True))))

    leaves = [at.features[name].detach().clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(loss, leaves)


def test_tokens_that_attend_to_one_vector_alone_cannot_be_told_apart() -> None:
    """All patches alike: attended words are alike, which is log w from word to attended; and so are all patches."""
    at = batch(TOKENS)
    own = {name: torch.eye(4, dtype=torch.float64) for name in ("query", "key", "value")}
    features = {f"token-alignment.{name}": matrix for name, matrix in own.items()}
    features |= {"patches": torch.ones(6, 5, 4, dtype=torch.float64), "words": torch.ones(5, 3, 4, dtype=torch.float64)}
    found = value(TOKENS, with_features(at, **features))
    torch.testing.assert_close(found, torch.tensor((math.log(3) + math.log(5)) / 2, dtype=torch.float64))


def test_attention_begins_as_a_softmax_of_cosines_over_the_temperature() -> None:
    matrices = [matrix.double() for matrix in parameters(TOKENS, 5, 2).values()]
    tokens, others = normalize(wave(1, 3, 5), dim=-1), normalize(wave(1, 4, 5, step=1.3), dim=-1)
    found = mgca._attend(tokens, others, torch.ones(1, 4, dtype=torch.bool), matrices)
    torch.testing.assert_close(found, (tokens @ others.mT / 0.1).softmax(-1) @ others, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("elements", [1, 50])
def test_the_size_of_a_chunk_changes_nothing(elements: int) -> None:
    results = []
    for size in (elements, ELEMENTS):
        at = batch(TOKENS)
        loss = mgca.token_alignment({"temperature": 0.1}, at, size)
        assert loss is not None
        loss.backward()  # type: ignore[no-untyped-call]
        results.append([loss.detach(), *(f.grad for name, f in at.features.items() if f.grad is not None)])
        assert len(results[-1]) == 6  # patches, words, and three matrices
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)


def test_memory_of_token_alignment_is_that_of_one_chunk() -> None:
    """Of 40 pairs with 12 patches: no tensor of 40 x 12 x 12 numbers but the tokens themselves, none in the graph."""
    patches, words = (wave(40, rows, 3, step=step).requires_grad_() for rows, step in ((12, 0.7), (4, 1.3)))
    matrices = [torch.eye(3, dtype=torch.float64, requires_grad=True) for _ in range(3)]

    def whole() -> Tensor:
        return mgca._alignments(patches, words, matrices, 0.1, 500).mean()

    with Sizes() as sizes:  # type: ignore[no-untyped-call]
        whole().backward()  # type: ignore[no-untyped-call]
    assert sizes.largest <= patches.numel()
    assert kept_numbers(whole) == patches.numel() + words.numel()


def test_order_padding_prompts_and_rows_without_a_partner_change_no_token_alignment() -> None:
    at = batch(TOKENS, views=2)
    before = value(TOKENS, at)
    torch.testing.assert_close(value(TOKENS, permuted(at, [3, 5, 0, 2, 4, 1], [4, 2, 0, 1, 3])), before)
    words = torch.nn.functional.pad(at.features["words"], (0, 0, 2, 3))
    torch.testing.assert_close(value(TOKENS, with_features(at, words=words)), before)
    patches = at.features["patches"].clone()
    patches[[2, 3, 5, 8]] = wave(4, 3, 4)
    torch.testing.assert_close(value(TOKENS, with_features(at, patches=patches)), before)


def test_token_alignment_is_that_of_the_released_code() -> None:
    """1.98250...: half of loss_local in mgca/models/mgca/mgca_module.py (HKU-MedAI/MGCA at 0fe1c3b), of these tokens.

    Made by its arithmetic in float64, with use_local_atten off, no padding, and uniform weights of words and patches.
    """
    claims = Side(torch.arange(3), torch.zeros(3, 1), torch.zeros(3, 1))
    features = {"patches": wave(3, 4, 5), "words": wave(3, 3, 5, step=1.3)}
    gain = math.sqrt(math.sqrt(5) / 0.1)
    for name, factor in (("query", gain), ("key", gain), ("value", 1.0)):
        features[f"token-alignment.{name}"] = factor * torch.eye(5, dtype=torch.float64)
    found = value(TOKENS, Inputs(features, claims, (claims,), 1))
    assert found.item() == pytest.approx(1.9825028136326206, rel=1e-12)


def slow_codes(rows: list[Tensor], prototypes: list[Tensor], epsilon: float, iterations: int) -> list[list[float]]:
    """Sinkhorn-Knopp on the matrix itself: each prototype's sum is made 1 / k, then each row's 1 / b."""
    q = [[math.exp(float(row.detach() @ p.detach()) / epsilon) for p in prototypes] for row in rows]
    b, k = len(rows), len(prototypes)
    for _ in range(iterations):
        for j in range(k):
            total = sum(line[j] for line in q)
            for line in q:
                line[j] /= total * k
        for line in q:
            total = sum(line)
            line[:] = [entry / (total * b) for entry in line]
    return [[entry * b for entry in line] for line in q]


def slow_prototypes(inputs: Inputs, temperature: float, epsilon: float, iterations: int) -> Tensor:
    """The docstring of `prototypes`, number by number."""
    vectors = [unit(vector) for vector in inputs.features["prototypes.vectors"]]
    losses = []
    for at in range(inputs.views):
        sides = [
            [inputs.view("image", at)[i] for i, _ in PAIRS],
            [inputs.view("text", at)[j] for _, j in PAIRS],
        ]
        codes = [slow_codes(rows, vectors, epsilon, iterations) for rows in sides]
        for of, to in ((0, 1), (1, 0)):
            for code, row in zip(codes[of], sides[to], strict=True):
                logits = [row @ vector / temperature for vector in vectors]
                total = torch.stack(logits).exp().sum().log()
                losses.append(sum((q * (total - z) for q, z in zip(code, logits, strict=True)), torch.tensor(0.0)))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("count", [2.0, 7.0])
def test_prototypes_are_their_definition(views: int, count: float) -> None:
    """With fewer prototypes than rows, and with more."""
    term = Term("prototypes", options=(("count", count),))
    assert_is_its_definition(
        lambda at: value(term, at), lambda at: slow_prototypes(at, 0.2, 0.05, 3), batch(term, views)
    )


def test_the_options_of_prototypes_are_used() -> None:
    chosen = (("count", 3.0), ("temperature", 0.5), ("epsilon", 0.3), ("iterations", 1.0))
    term = Term("prototypes", options=chosen)
    at = batch(term)
    torch.testing.assert_close(value(term, at), slow_prototypes(at, 0.5, 0.3, 1), rtol=1e-12, atol=1e-12)


def test_one_prototype_is_certain_and_prototypes_alike_are_a_coin() -> None:
    for vectors, expected in ((wave(1, 4), 0.0), (wave(1, 4).expand(7, 4), math.log(7))):
        at = with_features(batch(PROTOTYPES), **{"prototypes.vectors": vectors})
        torch.testing.assert_close(value(PROTOTYPES, at), torch.tensor(expected, dtype=torch.float64))


def test_codes_are_balanced_and_do_not_overflow() -> None:
    codes = mgca.balanced(normalize(wave(12, 5), dim=-1) @ normalize(wave(4, 5, step=2.1), dim=-1).T, 0.05, 100)
    torch.testing.assert_close(codes.sum(1), torch.ones(12, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(0), torch.full((4,), 3.0, dtype=torch.float64), rtol=1e-3, atol=0)
    sharp = mgca.balanced(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), 0.001, 3)  # exp(1000) is no float
    torch.testing.assert_close(sharp, torch.eye(2))


def test_a_batch_smaller_than_the_prototypes_spreads_its_codes() -> None:
    """The docstring's k / b: two rows share four prototypes whatever they are, two each."""
    codes = mgca.balanced(normalize(wave(2, 5), dim=-1) @ normalize(wave(4, 5, step=2.1), dim=-1).T, 0.05, 100)
    torch.testing.assert_close(codes.sum(0), torch.full((4,), 0.5, dtype=torch.float64), rtol=1e-3, atol=0)
    assert codes.max() <= 0.5 + 1e-3


def test_order_and_lengths_of_prototypes_and_rows_without_a_partner_change_nothing() -> None:
    at = batch(PROTOTYPES, views=2)
    before = value(PROTOTYPES, at)
    torch.testing.assert_close(value(PROTOTYPES, permuted(at, [3, 5, 0, 2, 4, 1], [4, 2, 0, 1, 3])), before)
    vectors = at.features["prototypes.vectors"].flip(0) * torch.arange(1, 8)[:, None]
    image = at.features["image"].clone()
    image[[3, 5, 9, 11]] = wave(4, 4)
    moved = with_features(at, image=image, **{"prototypes.vectors": vectors})
    torch.testing.assert_close(value(PROTOTYPES, moved), before)


def test_prototypes_are_those_of_the_released_code() -> None:
    """2.90997...: loss_proto in mgca/models/mgca/mgca_module.py (HKU-MedAI/MGCA at 0fe1c3b), by its arithmetic."""
    claims = Side(torch.arange(4), torch.zeros(4, 1), torch.zeros(4, 1))
    features = {
        "image": normalize(wave(4, 5), dim=-1),
        "text": normalize(wave(4, 5, step=1.3), dim=-1),
        "prototypes.vectors": wave(6, 5, step=2.1),
    }
    found = value(PROTOTYPES, Inputs(features, claims, (claims,), 1))
    assert found.item() == pytest.approx(2.9099700912502877, rel=1e-12)
