"""A step in micro-batches: the whole batch's loss and gradient, whatever the towers are made of."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.models.dual import PER_ROW, DualEncoder, TextBatch
from umcl_bench.models.statistics import statistics_kept
from umcl_bench.models.towers import checkpoint_activations
from umcl_bench.objectives.targets import Side
from umcl_bench.spec import TINY, ImageTower, Recipe, TextTower
from umcl_bench.training.batches import training_rows
from umcl_bench.training.feed import Feed, Parcel
from umcl_bench.training.memory import held_bytes
from umcl_bench.training.optim import build_optimiser
from umcl_bench.training.runtime import World
from umcl_bench.training.start import empty_encoder
from umcl_bench.training.step import Stepper, some_texts

CPU = torch.device("cpu")
VIT = ImageTower("vit_tiny_patch16_224", 32, (("patch_size", 8), ("img_size", 32), ("depth", 2), ("embed_dim", 24)))
DROPPING = dataclasses.replace(VIT, options=(*VIT.options, ("drop_rate", 0.2), ("drop_path_rate", 0.3)))
NORMED = ImageTower("resnet18", 64, (("layers", (1, 1, 1, 1)), ("channels", (8, 8, 12, 12))))
TEXT = TextTower(layers=1, width=24, heads=2, mlp=32, max_tokens=40, vocabulary=200)


@dataclasses.dataclass
class Case:
    """A batch, and what makes a fresh stepper (with its encoder) that takes it in micro-batches."""

    parcel: Parcel
    stepper: Callable[..., Stepper]


MakeCase = Callable[..., Case]


@pytest.fixture
def make_case(phantom: Corpus) -> MakeCase:
    def make(tower: ImageTower, model: str = "umcl", corpus: Corpus = phantom) -> Case:
        optim = dataclasses.replace(TINY.optim, batch=24, films_seen=240)
        size = dataclasses.replace(TINY, image=tower, text=TEXT, dim=16, optim=optim)
        baseline = registry.get_baseline(model)
        if corpus.has_image is not None:
            baseline = dataclasses.replace(baseline, rows=(*baseline.rows, "text"))
        recipe = Recipe(baseline, size, precision="float32")
        data = training_rows(corpus, recipe)
        films = np.stack([phantom.pixels.read(i, tower.size) for i in range(len(phantom))])
        parcel = next(iter(Feed(data, films, recipe, CPU, World(0, 1, 0))))

        def stepper(micro_batch: int, dropout: float = 0.0, recompute: bool = False) -> Stepper:
            cut = dataclasses.replace(size, optim=dataclasses.replace(optim, micro_batch=micro_batch))
            encoder = empty_encoder(recipe, data).train()
            for part in encoder.text.modules():
                if isinstance(part, nn.Dropout):
                    part.p = dropout
            if recompute:
                checkpoint_activations(encoder)
            changed = dataclasses.replace(recipe, size=cut)
            return Stepper(changed, encoder, encoder, torch.float32, recompute=recompute)

        return Case(parcel, stepper)

    return make


def gradients(stepper: Stepper, parcel: Parcel) -> tuple[Tensor, dict[str, Tensor]]:
    loss = stepper.gradients(parcel)
    return loss, {name: p.grad for name, p in stepper.encoder.named_parameters() if p.grad is not None}


def transcribed(stepper: Stepper, parcel: Parcel) -> tuple[Tensor, dict[str, Tensor]]:
    """The definition: each micro-batch through the towers once, with its graph, and the loss of all."""
    count = stepper.count_parts(parcel)
    found = [stepper.forward(stepper.encoder, parcel, stepper.part(parcel, at, count), at) for at in range(count)]
    whole = {name: torch.cat([part[name] for part in found]) for name in PER_ROW if name in found[0]}
    loss = stepper.loss({**whole, **stepper.encoder.shared()}, parcel)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach(), {name: p.grad for name, p in stepper.encoder.named_parameters() if p.grad is not None}


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference between two gradients, relative to the second's norm, over the parameters."""
    assert one.keys() == other.keys()
    total = torch.stack([g.norm() for g in other.values()]).norm()
    return float(max((one[name] - other[name]).abs().max() for name in other) / total)


def buffers(encoder: DualEncoder) -> list[Tensor]:
    return [b.clone() for name, b in encoder.named_buffers() if "running" in name or "num_batches" in name]


@pytest.mark.parametrize("micro_batch", [2, 5, 7, 24])
@pytest.mark.usefixtures("in_float64")
def test_the_gradient_is_the_whole_batchs(make_case: MakeCase, micro_batch: int) -> None:
    """In float64 of every parameter: towers, the prompts' vectors, and the logit scale, once."""
    case = make_case(VIT)
    assert len(case.parcel.texts.names) > 1  # states in prompts
    assert 1 < len(case.parcel.texts.reports) < 24
    loss, found = gradients(case.stepper(micro_batch), case.parcel)
    expected_loss, expected = gradients(case.stepper(0), case.parcel)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-9)
    assert {"log_scale", "prompts.context"} <= found.keys() == dict(case.stepper(0).encoder.named_parameters()).keys()
    assert found["log_scale"].abs() > 1e-4
    assert found["prompts.context"].norm() > 1e-4
    assert distance(found, expected) < 1e-9


@pytest.mark.parametrize("model", ["umcl", "clip"])
def test_in_float32_it_is_to_rounding(make_case: MakeCase, model: str) -> None:
    case = make_case(VIT, model)
    assert (len(case.parcel.texts.names) == 0) == (model == "clip")
    (loss, found), (expected_loss, expected) = (gradients(case.stepper(micro), case.parcel) for micro in (5, 0))
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-6)
    assert distance(found, expected) < 2e-6


@pytest.mark.parametrize("films", [2, 22])
@pytest.mark.usefixtures("in_float64")
def test_films_and_texts_may_be_of_different_numbers(phantom: Corpus, make_case: MakeCase, films: int) -> None:
    """Rows of text alone and of films alone, down to micro-batches without any film."""
    case = make_case(NORMED, corpus=_mixed(phantom))
    parcel = _with_films(case, films)
    assert len(parcel.texts.place) == 24 - 2 * (films == 22)
    for micro_batch in (2, 7):
        stepper, other = case.stepper(micro_batch), case.stepper(micro_batch)
        (loss, found), (expected_loss, expected) = gradients(stepper, parcel), transcribed(other, parcel)
        assert float(loss) == pytest.approx(float(expected_loss), rel=1e-9)
        assert distance(found, expected) < 1e-9
        assert all(torch.isfinite(b).all() for b in buffers(stepper.encoder))


def _mixed(phantom: Corpus) -> Corpus:
    """A third of the rows are texts alone."""
    has_image = np.arange(len(phantom)) % 3 != 0
    reports = phantom.reports.copy()
    reports[~has_image] = [f"no edema in row {i}" for i in np.flatnonzero(~has_image)]
    stated = phantom.labels.copy()
    stated[~has_image] = np.nan
    return dataclasses.replace(phantom, has_image=has_image, reports=reports, stated=stated)


def _with_films(case: Case, films: int) -> Parcel:
    """The parcel with so many films and 24 texts, or 22 texts where that leaves two rows with a film alone."""
    parcel = case.parcel
    at = torch.arange(films) % len(parcel.films)
    texts = torch.arange(24 - 2 * (films == 22)) % len(parcel.texts.place)
    return parcel._replace(
        films=parcel.films[at],
        draws=parcel.draws[at],
        sided=parcel.sided[at],
        film_side=some_side(parcel.film_side, at),
        texts=parcel.texts._replace(place=parcel.texts.place[texts]),
        text_sides=(some_side(parcel.text_sides[0], texts),),
    )


def some_side(side: Side, rows: Tensor) -> Side:
    return Side(side.pair[rows], side.present[rows], side.absent[rows])


@pytest.mark.usefixtures("in_float64")
def test_dropout_is_drawn_again_alike(make_case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both towers, with drop path; and without the seed the second pass is of another network."""
    case = make_case(DROPPING)
    _, found = gradients(case.stepper(7, dropout=0.2), case.parcel)
    _, expected = transcribed(case.stepper(7, dropout=0.2), case.parcel)
    _, undropped = gradients(case.stepper(7), case.parcel)
    assert distance(found, expected) < 1e-9
    assert distance(undropped, expected) > 1e-3
    _, again = gradients(case.stepper(7, dropout=0.2, recompute=True), case.parcel)
    assert distance(again, expected) < 1e-9
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)
    assert distance(gradients(case.stepper(7, dropout=0.2), case.parcel)[1], expected) > 1e-3


def test_each_step_and_micro_batch_drops_something_else(make_case: MakeCase) -> None:
    case = make_case(DROPPING)
    stepper = case.stepper(12, dropout=0.2)
    part = stepper.part(case.parcel, 0, 2)
    seen = [
        stepper.forward(stepper.encoder, parcel, part, at)["image"]
        for parcel, at in ((case.parcel, 0), (case.parcel, 1), (case.parcel._replace(step=2), 0), (case.parcel, 0))
    ]
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    assert torch.equal(seen[0], seen[3])


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("micro_batch", [0, 5, 12])
@pytest.mark.usefixtures("in_float64")
def test_batch_norms_count_each_micro_batch_once(make_case: MakeCase, micro_batch: int, recompute: bool) -> None:
    case = make_case(NORMED)
    stepper, plain = case.stepper(micro_batch, recompute=recompute), case.stepper(micro_batch)
    loss, found = gradients(stepper, case.parcel)
    expected_loss, expected = transcribed(plain, case.parcel)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-9)
    assert distance(found, expected) < 1e-9
    counted, once = buffers(stepper.encoder), buffers(plain.encoder)
    assert len(counted) > 10
    for one, other in zip(counted, once, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    passes = {int(b) for b in counted if not b.is_floating_point()}
    assert passes == {stepper.count_parts(case.parcel)}


def test_batch_norm_sees_micro_batches(make_case: MakeCase) -> None:
    """The one thing that is not the whole batch's, as the documentation says."""
    case = make_case(NORMED)
    (_, found), (_, whole) = (gradients(case.stepper(micro), case.parcel) for micro in (5, 0))
    assert distance(found, whole) > 1e-3


@pytest.mark.usefixtures("in_float64")
def test_the_optimisers_step_is_the_same(make_case: MakeCase) -> None:
    case, moved = make_case(VIT), []
    for micro_batch in (0, 5):
        stepper = case.stepper(micro_batch)
        optimiser = build_optimiser(stepper.encoder, stepper.recipe)
        optimiser.param_groups[0]["lr"] = 1e-2
        stepper.gradients(case.parcel)
        optimiser.step()
        moved.append(dict(stepper.encoder.named_parameters()))
    for name, weight in moved[0].items():  # Adam makes a step of a gradient that is rounding alone
        torch.testing.assert_close(moved[1][name], weight, rtol=1e-6, atol=1e-6, msg=name)


@pytest.mark.parametrize("micro_batch", [0, 12])
def test_activations_made_again_take_less_memory(make_case: MakeCase, micro_batch: int) -> None:
    deep = dataclasses.replace(VIT, options=(*VIT.options[:2], ("depth", 6), ("embed_dim", 48)))
    for tower, share in ((deep, 0.5), (NORMED, 0.95)):  # a stem of many pixels is never made again
        case, held = make_case(tower), []
        for recompute in (False, True):
            stepper = case.stepper(micro_batch, recompute=recompute)
            part = stepper.part(case.parcel, 0, stepper.count_parts(case.parcel))
            with held_bytes(stepper.encoder) as bytes_held, statistics_kept(stepper.encoder):
                features = stepper.forward(stepper.encoder, case.parcel, part, 0)
            held.append(bytes_held[0])
            del features
        assert held[1] < share * held[0], (tower.name, held)


def test_a_part_of_a_batchs_texts() -> None:
    names = torch.tensor([[1, 2], [3, 4], [5, 6]])
    reports = torch.tensor([[7, 8, 9], [10, 11, 12]])
    place = torch.tensor([[3], [2], [0], [4], [2]])
    texts = TextBatch(names, torch.tensor([1, 2, 2]), torch.arange(3), reports, torch.tensor([3, 2]), place)
    some = some_texts(texts, slice(1, 4))
    shown = [(some.names if p < len(some.names) else some.reports)[p - len(some.names) * (p >= len(some.names))]
             for (p,) in some.place.tolist()]  # fmt: skip
    assert [row.tolist() for row in shown] == [[5, 6], [1, 2], [10, 11, 12]]
    assert (some.name_lengths.tolist(), some.report_lengths.tolist()) == ([1, 2], [2])
    assert some.name_states.tolist() == [1, 2] or some.name_states.tolist() == [0, 2]
    assert some_texts(texts, slice(0, 5)) is texts
    assert [len(part) for part in some_texts(texts, slice(2, 2))[:6]] == [0, 0, 0, 0, 0, 0]


def test_a_batch_is_cut_evenly(make_case: MakeCase) -> None:
    case = make_case(VIT)
    for micro_batch, sizes in ((24, [24]), (7, [6, 6, 6, 6]), (5, [4, 5, 5, 5, 5]), (0, [24])):
        stepper = case.stepper(micro_batch)
        count = stepper.count_parts(case.parcel)
        assert [len(stepper.part(case.parcel, at, count).films) for at in range(count)] == sizes


def test_evaluation_is_the_loss(make_case: MakeCase) -> None:
    case = make_case(VIT)
    stepper = case.stepper(0)
    assert float(stepper.evaluate(case.parcel)) == pytest.approx(float(stepper.gradients(case.parcel)), rel=1e-6)
