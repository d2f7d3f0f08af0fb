"""Image-label supervision against its definition in loops, closed forms, properties, and scikit-learn's log loss."""

import math

import pytest
import torch
from sklearn.metrics import log_loss
from torch import Tensor
from torch.nn.functional import normalize

from tests.objectives.terms.batches import CLASSES, assert_is_its_definition, batch, permuted, wave, with_features
from umcl_bench.objectives.targets import Side
from umcl_bench.objectives.terms import Inputs, parameters, value
from umcl_bench.spec import Term

TERM = Term("labels")


def slow_labels(inputs: Inputs) -> Tensor:
    """The docstring of `labels`, entry by entry."""
    losses = []
    for at in range(inputs.views):
        for i, film in enumerate(inputs.view("image", at)):
            for c in range(CLASSES):
                present, absent = float(inputs.films.present[i, c]), float(inputs.films.absent[i, c])
                if present + absent == 0:
                    continue
                vector, target = inputs.features["labels.classes"][c], present / (present + absent)
                logit = inputs.features["scale"] * (film @ vector) / vector.square().sum().sqrt()
                p = 1 / (1 + (-logit - inputs.features["labels.bias"][c]).exp())
                losses.append(-target * p.log() - (1 - target) * (1 - p).log())
    return torch.stack(losses).mean()


def exact(inputs: Inputs) -> Inputs:
    """The same claims in float64, so that the shares of soft ones are rounded as Python's are."""
    films = Side(inputs.films.pair, inputs.films.present.double(), inputs.films.absent.double())
    return inputs._replace(films=films)


@pytest.mark.parametrize("views", [1, 2])
def test_it_is_its_definition(views: int) -> None:
    assert_is_its_definition(lambda at: value(TERM, at), slow_labels, exact(batch(TERM, views)))


def test_gradients_agree_with_finite_differences() -> None:
    at = batch(TERM)
    names = ["image", "scale", "labels.classes", "labels.bias"]

    def loss(*changed: Tensor) -> Tensor:
        return value(TERM, with_features(at, **dict(zip(names, changed, strict=True))))

    leaves = [at.features[name].detach().clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(loss, leaves)


def test_without_scale_and_bias_every_label_is_a_coin() -> None:
    zero = torch.tensor(0.0, dtype=torch.float64)
    at = with_features(batch(TERM), scale=zero, **{"labels.bias": zero.expand(CLASSES)})
    torch.testing.assert_close(value(TERM, at), torch.tensor(math.log(2), dtype=torch.float64))


def test_one_present_and_one_absent_finding_have_a_closed_form() -> None:
    """A film in the direction of both findings, of which it has the first: the softplus of -(s + b) and of s + b."""
    films = Side(torch.tensor([0]), torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]]))
    vectors = torch.tensor([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    bias = torch.tensor([0.5, 0.5, 9.0], dtype=torch.float64)
    features = {"image": torch.tensor([[1.0, 0.0]], dtype=torch.float64), "scale": torch.tensor(3.0).double()}
    at = Inputs({**features, "labels.classes": vectors, "labels.bias": bias}, films, (), 1)
    expected = (math.log1p(math.exp(-3.5)) + math.log1p(math.exp(3.5))) / 2
    assert value(TERM, at).item() == pytest.approx(expected, rel=1e-12)


def test_order_lengths_and_what_is_unknown_change_nothing() -> None:
    at = batch(TERM)
    before = value(TERM, at)
    torch.testing.assert_close(value(TERM, permuted(at, [3, 5, 0, 2, 4, 1], [4, 2, 0, 1, 3])), before)
    longer = with_features(at, **{"labels.classes": at.features["labels.classes"] * 7})
    torch.testing.assert_close(value(TERM, longer), before)
    present, absent = (torch.cat([part, torch.zeros(1, CLASSES)]) for part in (at.films.present, at.films.absent))
    image = torch.cat([at.features["image"], normalize(wave(1, 4), dim=-1)])
    unlabelled = with_features(at, image=image)._replace(films=Side(torch.arange(7), present, absent))
    torch.testing.assert_close(value(TERM, unlabelled), before)


def test_a_film_in_two_equal_views_counts_once() -> None:
    at = batch(TERM)
    twice = with_features(at, image=at.features["image"].repeat(2, 1))._replace(views=2)
    torch.testing.assert_close(value(TERM, twice), value(TERM, at))


def test_it_is_scikit_learns_log_loss() -> None:
    """0.78594...: torch's own mean over a full matrix of 0 and 1, which scikit-learn gives too."""
    present = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
    image, vectors = normalize(wave(4, 5), dim=-1), normalize(wave(6, 5, step=2.1), dim=-1)[:3]
    features = {"image": image, "scale": torch.tensor(20.0).double()}
    features |= {"labels.classes": vectors, "labels.bias": torch.zeros(3, dtype=torch.float64)}
    found = value(TERM, Inputs(features, Side(torch.arange(4), present, 1 - present), (), 1)).item()
    probability = torch.sigmoid(20 * image @ vectors.T)
    assert found == pytest.approx(log_loss(present.flatten().numpy(), probability.flatten().numpy()), rel=1e-12)
    assert found == pytest.approx(0.7859438217046041, rel=1e-12)


def test_findings_start_as_unit_vectors_without_bias() -> None:
    first = parameters(TERM, 8, 5)
    torch.testing.assert_close(first["classes"].norm(dim=1), torch.ones(5))
    assert first["bias"].tolist() == [0.0] * 5
