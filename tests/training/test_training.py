"""Which rows a model learns from, the loop, and its checkpoints."""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from umcl_bench import registry, spec
from umcl_bench.data.corpus import Corpus, count_kinds
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.progress import Reporter
from umcl_bench.spec import TINY, Optim, Recipe
from umcl_bench.training.batches import claims, training_rows
from umcl_bench.training.checkpoint import FACTS, WEIGHTS, load_checkpoint, save_checkpoint
from umcl_bench.training.device import pick_device
from umcl_bench.training.loop import Trained, train
from umcl_bench.training.optim import learning_rate
from umcl_bench.training.texts import draw_states

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def films(phantom: Corpus) -> NDArray[np.uint8]:
    return np.stack([phantom.pixels.read(i, 64) for i in range(len(phantom))])


def recipe_of(model: str, size: spec.Size, **fields: object) -> Recipe:
    return Recipe(registry.get_baseline(model), size, **fields)  # type: ignore[arg-type]


def test_each_model_takes_its_rows(phantom: Corpus) -> None:
    kinds = {m: count_kinds(training_rows(phantom, recipe_of(m, TINY)).kinds) for m in ("umcl", "clip")}
    assert set(kinds["umcl"]) == {"image-text-label", "image-label"}
    assert set(kinds["clip"]) == {"image-text-label"}
    assert sum(kinds["umcl"].values()) == 160
    bare = dataclasses.replace(phantom, reports=np.full(len(phantom), None, dtype=object))
    with pytest.raises(UsageError, match=r"clip learns from rows of .*image-text; .* phantom has 160 of image-label"):
        training_rows(bare, recipe_of("clip", TINY))


def test_a_row_that_teaches_nothing_is_left_out(phantom: Corpus) -> None:
    labels = phantom.labels.copy()
    labels[0] = np.nan
    labels[0, phantom.classes.index("No Finding")] = 0
    reports = phantom.reports.copy()
    reports[0] = None
    poor = dataclasses.replace(phantom, stated=labels, reports=reports)
    assert 0 not in training_rows(poor, recipe_of("umcl", TINY)).rows
    assert 0 in training_rows(phantom, recipe_of("umcl", TINY)).rows


def test_both_models_get_the_same_vocabulary(phantom: Corpus) -> None:
    pieces = [training_rows(phantom, recipe_of(m, TINY)).tokenizer.get_vocab() for m in ("umcl", "clip")]
    assert pieces[0] == pieces[1]


def test_nothing_of_val_or_test_is_learned_from(phantom: Corpus) -> None:
    data = training_rows(phantom, recipe_of("umcl", TINY))
    assert set(phantom.splits[data.rows]) == {"train"}
    other = np.where(phantom.splits == "train", phantom.reports, "zzz qqq zzz qqq")
    changed = dataclasses.replace(phantom, reports=other, stated=phantom.labels.copy())
    changed.labels[phantom.splits != "train"] = 1
    assert training_rows(changed, recipe_of("umcl", TINY)).tokenizer.get_vocab() == data.tokenizer.get_vocab()


def test_an_epoch_shows_every_row_once(phantom: Corpus) -> None:
    size = dataclasses.replace(TINY, optim=dataclasses.replace(TINY.optim, batch=32, films_seen=320))
    recipe = recipe_of("umcl", size)
    data = training_rows(phantom, recipe)
    seen = np.concatenate([b.rows for b in data.batches(recipe)])
    assert len(seen) == 320
    for epoch in (seen[:160], seen[160:]):
        assert sorted(epoch) == list(range(160))


def test_a_row_shows_its_report_or_one_of_its_states(phantom: Corpus) -> None:
    recipe = recipe_of("umcl", TINY)
    assert recipe.baseline.prompt.share == 0.25
    data = training_rows(phantom, recipe)
    batch = next(data.batches(recipe))
    (shown,), names = batch.shown, len(data.texts.names.lengths)
    for row, place, says, denies in zip(batch.rows, shown.parts[:, 0], shown.present, shown.absent, strict=True):
        if place >= names:
            assert place - names in data.texts.of_row.items[data.texts.of_row.first[row] :][:1]
            np.testing.assert_array_equal(says, data.present[row])
            assert denies.sum() == 0
        else:
            assert says.sum() + denies.sum() == 1
            assert (says <= data.present[row]).all()
            assert (denies <= data.absent[row]).all()


def test_a_corpus_of_reports_alone_shows_its_reports(phantom: Corpus) -> None:
    reports = dataclasses.replace(phantom, classes=(), stated=phantom.stated[:, :0])
    recipe = recipe_of("clip", TINY)
    batch = next(training_rows(reports, recipe).batches(recipe))
    assert batch.has_text.all()
    (shown,) = batch.shown
    assert (shown.parts >= 0).all()  # there are no names
    assert shown.present.shape == (recipe.size.optim.batch, 0)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_prompts_are_shown_in_the_share_asked_for(phantom: Corpus, share: float) -> None:
    umcl = registry.get_baseline("umcl")
    recipe = Recipe(dataclasses.replace(umcl, prompt=dataclasses.replace(umcl.prompt, share=share)), TINY)
    data = training_rows(phantom, recipe)
    stream = data.batches(recipe)
    batches = [next(stream) for _ in range(20)]
    prompted = np.concatenate([b.shown[0].parts[:, 0] < len(data.texts.names.lengths) for b in batches])
    with_report = np.concatenate([data.has_text[b.rows] for b in batches])
    assert prompted[~with_report].all()
    assert prompted[with_report].mean() == pytest.approx(share, abs=0.04)


@given(arrays(np.int8, (6, 5), elements=st.integers(0, 2)), st.floats(0, 1), st.integers(0, 99))
def test_a_state_is_true_of_its_row(labels: NDArray[np.int8], share: float, seed: int) -> None:
    present, absent = (labels == 1).astype(np.float32), (labels == 0).astype(np.float32)
    states = draw_states(present, absent, share, np.random.default_rng(seed))
    both = np.concatenate([present, absent], axis=1)
    for row, state in enumerate(states):
        assert both[row, state] == 1 or not both[row].any()


def test_states_are_drawn_in_the_shares_asked_for() -> None:
    present, absent = (np.tile(np.array(row, np.float32), (4000, 1)) for row in ([1, 1, 0, 0], [0, 0, 1, 1]))
    states = draw_states(present, absent, 0.25, np.random.default_rng(0))
    counts = np.bincount(states, minlength=8) / 4000
    np.testing.assert_allclose(counts, [0.375, 0.375, 0, 0, 0, 0, 0.125, 0.125], atol=0.03)


def test_that_no_finding_is_false_is_no_claim(phantom: Corpus) -> None:
    _, absent = claims(phantom, phantom.rows("train"))
    assert absent[:, phantom.classes.index("No Finding")].max() == 0
    assert absent.sum() > 0


def test_schedule() -> None:
    optim = Optim(learning_rate=1.0, weight_decay=0, batch=1, films_seen=100, warmup_share=0.1)
    rates = [learning_rate(optim, step, 100) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[54] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0)
    assert all(a >= b for a, b in itertools.pairwise(rates[9:]))


def run(phantom: Corpus, films: NDArray[np.uint8], size: spec.Size, model: str = "umcl", seed: int = 0) -> Trained:
    return train(recipe_of(model, size, seed=seed), phantom, films, CPU, Reporter(quiet=True))


def test_training_is_the_same_bit_for_bit(phantom: Corpus, films: NDArray[np.uint8], short_budget: spec.Size) -> None:
    one, two, other = (run(phantom, films, short_budget, seed=s) for s in (0, 0, 1))
    states = [t.model.encoder.state_dict() for t in (one, two, other)]
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert any(not torch.equal(states[0][k], states[2][k]) for k in states[0])
    untimed = [[r._replace(films_per_second=0, waiting=0) for r in t.log] for t in (one, two)]
    assert untimed[0] == untimed[1]


@pytest.mark.parametrize(("model", "steps"), [("umcl", 300), ("clip", 120)])
def test_the_loss_falls(phantom: Corpus, films: NDArray[np.uint8], model: str, steps: int) -> None:
    size = dataclasses.replace(TINY, optim=dataclasses.replace(TINY.optim, batch=32, films_seen=32 * steps))
    log = run(phantom, films, size, model).log
    assert [r.step for r in log] == list(range(10, steps + 1, 10))
    first, last = (float(np.mean([row.loss for row in part])) for part in (log[:3], log[-3:]))
    assert last < first - 0.05
    assert log[-1].false_negative_rate == 0 if model == "umcl" else log[-1].false_negative_rate > 0.1
    # a batch across the end of an epoch may show a row twice: then both of its texts are right
    assert model == "umcl" or min(row.target_entropy for row in log) == 0
    assert log[-1].target_entropy < 0.1 if model == "clip" else log[-1].target_entropy > 1


def test_every_parameter_learns(phantom: Corpus, films: NDArray[np.uint8], short_budget: spec.Size) -> None:
    before = run(phantom, films, short_budget, "umcl").model.encoder  # trained
    from umcl_bench.models.dual import build_encoder

    start = build_encoder(recipe_of("umcl", short_budget), before.text.trunk.config.vocab_size)
    unmoved = [n for (n, a), b in zip(start.named_parameters(), before.parameters(), strict=True) if torch.equal(a, b)]
    assert unmoved == []


def test_a_checkpoint_gives_the_same_embeddings_back(
    tmp_path: Path, phantom: Corpus, films: NDArray[np.uint8], short_budget: spec.Size
) -> None:
    trained, recipe = run(phantom, films, short_budget), recipe_of("umcl", short_budget)
    save_checkpoint(tmp_path, trained, recipe, "data1")
    model, facts = load_checkpoint(tmp_path, recipe, "data1", CPU)
    np.testing.assert_array_equal(model.embed_images(films[:9]), trained.model.embed_images(films[:9]))
    np.testing.assert_array_equal(model.embed_texts(["edema"]), trained.model.embed_texts(["edema"]))
    assert facts["steps"] == 6
    assert (tmp_path / "log.csv").read_text().startswith("step,loss,learning_rate")
    json.loads((tmp_path / FACTS).read_text())


def test_a_wrong_or_damaged_checkpoint_is_refused_by_name(
    tmp_path: Path, phantom: Corpus, films: NDArray[np.uint8], short_budget: spec.Size
) -> None:
    recipe = recipe_of("umcl", short_budget)
    save_checkpoint(tmp_path, run(phantom, films, short_budget), recipe, "data1")
    with pytest.raises(BenchError, match="belongs to another recipe or corpus"):
        load_checkpoint(tmp_path, recipe, "data2", CPU)
    with pytest.raises(BenchError, match="belongs to another recipe or corpus"):
        load_checkpoint(tmp_path, dataclasses.replace(recipe, seed=5), "data1", CPU)
    weights = (tmp_path / WEIGHTS).read_bytes()
    for content in (weights[:-100], b"", b"\x80\x04pickle"):
        (tmp_path / WEIGHTS).write_bytes(content)
        with pytest.raises(BenchError, match="is damaged"):
            load_checkpoint(tmp_path, recipe, "data1", CPU)
    (tmp_path / FACTS).write_text("{")
    with pytest.raises(BenchError, match="is damaged"):
        load_checkpoint(tmp_path, recipe, "data1", CPU)


def test_a_loss_that_is_not_finite_stops_the_run(
    phantom: Corpus, films: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = dataclasses.replace(
        TINY, optim=Optim(learning_rate=1e30, weight_decay=0, batch=32, films_seen=960, clip_norm=1e9)
    )
    with pytest.raises(BenchError, match=r"the loss is nan at step \d+; the batch.s films: train-"):
        run(phantom, films, size)


def test_devices_are_checked() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(UsageError, match="must be auto, cpu or cuda"):
        pick_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="torch finds no GPU"):
            pick_device("cuda")
