"""What all terms keep to: options, parameters, precision, and a 0 that depends on all features."""

from collections.abc import Callable
from typing import get_args

import pytest
import torch

from tests.objectives.terms.batches import CLASSES, FILMS, TEXTS, batch, gradients, side, with_features
from umcl_bench.objectives.targets import Side
from umcl_bench.objectives.terms import KINDS, Inputs, options, parameters, value
from umcl_bench.spec import Term, TermKind

TERMS = [Term(kind) for kind in get_args(TermKind)]
each = pytest.mark.parametrize("term", TERMS, ids=lambda term: term.kind)


def test_every_kind_of_the_spec_is_there() -> None:
    assert set(KINDS) == set(get_args(TermKind))


def test_options_override_the_defaults() -> None:
    assert options(Term("prototypes", options=(("count", 8.0),))) == {
        "count": 8.0,
        "temperature": 0.2,
        "epsilon": 0.05,
        "iterations": 3.0,
    }


@pytest.mark.parametrize(
    ("term", "said"),
    [
        (Term("prototypes", options=(("counts", 8.0),)), "'counts'; it has count, temperature, epsilon, iterations"),
        (Term("labels", options=(("temperature", 8.0),)), "no option 'temperature'; it has none"),
        (Term("prototypes", options=(("count", 2.5),)), "count .* is 2.5; it must be a whole number of at least 1"),
        (Term("token-alignment", options=(("temperature", 0.0),)), "is 0.0; it must be a number above 0"),
        (Term("local-attention", options=(("temp1", float("nan")),)), "is nan; it must be a number above 0"),
    ],
)
def test_an_option_that_cannot_be_is_an_error(term: Term, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        options(term)
    with pytest.raises(ValueError, match=said):
        parameters(term, 4, 2)


@each
def test_parameters_have_axes_and_come_from_the_global_generator(term: Term) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first = parameters(term, 6, CLASSES)
        torch.manual_seed(5)
        again = parameters(term, 6, CLASSES)
    assert all(tensor.ndim and not tensor.requires_grad for tensor in first.values())
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert set(first) == {
        "token-alignment": {"query", "key", "value"},
        "prototypes": {"vectors"},
        "labels": {"classes", "bias"},
    }.get(term.kind, set())


@each
def test_a_scalar_of_the_features_precision_without_the_weight(term: Term) -> None:
    at = batch(term, 2)
    found = value(term, at)
    assert found.shape == ()
    assert found.dtype == torch.float64
    assert found > 0
    assert value(Term(term.kind, weight=9.0), at) == found


@each
def test_autocast_and_half_precision_features_do_not_lower_the_precision(term: Term) -> None:
    at = batch(term, 2)
    half = with_features(at, **{name: feature.bfloat16() for name, feature in at.features.items()})
    full = with_features(at, **{name: feature.float() for name, feature in half.features.items()})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = [value(term, half), value(term, full)]
    assert [loss.dtype for loss in found] == [torch.float32, torch.float32]
    assert found[0] == found[1] == value(term, full)
    gradients(found[0], half)  # the chunks are made again outside of autocast


@each
def test_without_a_graph_there_is_the_value_alone(term: Term) -> None:
    at = batch(term, 2)
    with torch.no_grad():
        found = value(term, at)
    assert not found.requires_grad
    assert found == value(term, at)


def no_rows(at: Inputs) -> Inputs:
    features = {
        name: feature if "." in name or name == "scale" else feature[:0] for name, feature in at.features.items()
    }
    none = Side(FILMS[:0], torch.zeros(0, CLASSES), torch.zeros(0, CLASSES))
    return at._replace(features=features, films=none, texts=(none, none))


def no_partner_view_or_claim(at: Inputs) -> Inputs:
    films = Side(FILMS + 100, torch.zeros(6, CLASSES), torch.zeros(6, CLASSES))
    return at._replace(films=films, texts=(side(TEXTS),), views=1)


@each
@pytest.mark.parametrize("change", [no_rows, no_partner_view_or_claim])
def test_with_nothing_to_work_on_it_is_a_zero_that_all_features_have_a_part_in(
    term: Term, change: Callable[[Inputs], Inputs]
) -> None:
    at = batch(term, 2)
    with torch.no_grad():
        at.features["image"][0] = torch.nan
    loss = value(term, change(at))
    assert loss.item() == 0
    loss.backward()  # type: ignore[no-untyped-call]
    for name, feature in at.features.items():
        assert feature.grad is not None, name
        assert not feature.grad.any(), name


@pytest.mark.parametrize("kind", ["local-attention", "token-alignment"])
def test_prompts_alone_are_nothing_to_attend_to(kind: TermKind) -> None:
    at = batch(Term(kind))
    assert value(Term(kind), with_features(at, words=torch.zeros_like(at.features["words"]))).item() == 0
