"""Towers, prompts and tokens: what goes in and comes out, and that batches do not matter."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.tokens import END, PAD, START, encode, train_tokenizer
from umcl_bench.models.dual import build_encoder
from umcl_bench.models.prompts import state_names, tokenise_names
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.models.trained import TrainedModel
from umcl_bench.spec import TINY, Baseline, Prompt, Recipe
from umcl_bench.training.batches import training_rows
from umcl_bench.training.start import empty_encoder

CPU = torch.device("cpu")
TEXTS = ["No pleural effusion.", "Severe edema is seen.", "There is a left upper zone consolidation, unchanged."] * 3


@pytest.fixture(scope="module")
def model(phantom: Corpus) -> TrainedModel:
    recipe = Recipe(registry.get_baseline("umcl"), TINY)
    data = training_rows(phantom, recipe)
    return TrainedModel(recipe, empty_encoder(recipe, data), data.tokenizer, CPU, classes=phantom.classes)


def test_embeddings_are_unit_rows_whatever_the_batch(model: TrainedModel, phantom: Corpus) -> None:
    films = np.stack([phantom.pixels.read(i, 64) for i in range(30)])
    found = {}
    for size in (1, 7, 64):
        model.batch = size
        found[size] = (model.embed_images(films), model.embed_texts(TEXTS))
    for image, text in found.values():
        np.testing.assert_allclose(np.linalg.norm(image, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(image, found[64][0], atol=2e-6)
        np.testing.assert_allclose(text, found[64][1], atol=2e-6)
    assert model.embed_images(films[:0]).shape == (0, TINY.dim)


def test_padding_does_not_change_a_text(model: TrainedModel) -> None:
    alone = model.embed_texts(TEXTS[:1])
    beside = model.embed_texts([TEXTS[0], TEXTS[2] * 4])
    np.testing.assert_allclose(alone[0], beside[0], atol=2e-6)


def test_a_text_tower_reads_the_order_of_words(model: TrainedModel) -> None:
    one, other = model.embed_texts(["no edema but effusion", "no effusion but edema"])
    assert np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize("position", ["front", "middle", "end"])
def test_prompt_vectors_stand_where_they_should(phantom: Corpus, position: str) -> None:
    prompt = Prompt(kind="continuous", length=4, position=position)  # type: ignore[arg-type]
    recipe = Recipe(Baseline(name="x", prompt=prompt), TINY)
    data = training_rows(phantom, recipe)
    encoder = empty_encoder(recipe, data)
    ids, lengths = tokenise_names(data.tokenizer, ["edema", "no pleural effusion"], 40, CPU)
    words = encoder.text.embed(ids)
    embedded, longer = encoder.prompts._insert(words, lengths, torch.zeros(2, dtype=torch.int64))
    vectors = encoder.prompts.context
    assert vectors is not None
    assert (longer == lengths + 4).all()
    for row, length in enumerate(lengths.tolist()):
        name = words[row, 1 : length - 1]
        parts = {
            "front": [vectors, name],
            "middle": [vectors[:2], name, vectors[2:]],
            "end": [name, vectors],
        }[position]
        expected = torch.cat([words[row, :1], *parts, words[row, length - 1 :]])
        torch.testing.assert_close(embedded[row], expected)


def test_learned_prompts_replace_the_templates_and_get_gradient(model: TrainedModel) -> None:
    pair = model.embed_findings(["edema"], ["{}"], ["no {}"])
    again = model.embed_findings(["edema"], ["a film of {}"], ["a film without {}"])
    np.testing.assert_array_equal(pair.positive, again.positive)
    assert "continuous, 8 vectors" in pair.how
    assert np.abs(pair.positive - model.embed_texts(["edema"])).max() > 1e-4
    ids, lengths = tokenise_names(model.tokenizer, ["edema"], 40, CPU)
    model.encoder.encode_names(ids, lengths, torch.tensor([0]))[0, 0].backward()  # type: ignore[no-untyped-call]
    grad = model.encoder.prompts.context.grad  # type: ignore[union-attr]
    assert grad is not None
    assert (grad.abs().sum(1) > 0).all()


def test_hand_prompts_are_the_mean_over_templates(phantom: Corpus) -> None:
    recipe = Recipe(registry.get_baseline("clip"), TINY)
    data = training_rows(phantom, recipe)
    model = TrainedModel(recipe, empty_encoder(recipe, data), data.tokenizer, CPU, classes=phantom.classes)
    pair = model.embed_findings(["edema", "fracture"], ["{}", "there is {}"], ["no {}"])
    np.testing.assert_allclose(pair.negative, model.embed_texts(["no edema", "no fracture"]), atol=1e-6)
    mean = (model.embed_texts(["edema"]) + model.embed_texts(["there is edema"]))[0] / 2
    np.testing.assert_allclose(pair.positive[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_prompts_of_classes_are_texts_or_the_models_own(model: TrainedModel, phantom: Corpus) -> None:
    prompts = (["edema", "no edema"], ["a fracture"])
    own = model.embed_classes(["edema", "fracture"], prompts)
    pair = model.embed_findings(["edema", "fracture"], ["{}"], ["no {}"])
    np.testing.assert_array_equal(np.concatenate(own.each), pair.positive)
    assert own.how == pair.how
    recipe = Recipe(registry.get_baseline("clip"), TINY)
    data = training_rows(phantom, recipe)
    hand = TrainedModel(recipe, empty_encoder(recipe, data), data.tokenizer, CPU, classes=phantom.classes)
    for reads in (hand, RandomEmbeddings(8, 0)):
        found = reads.embed_classes(["edema", "fracture"], prompts)
        for rows, texts in zip(found.each, prompts, strict=True):
            np.testing.assert_allclose(rows, reads.embed_texts(texts), atol=2e-6)


def test_a_name_is_written_as_it_is_asked_for(model: TrainedModel, phantom: Corpus) -> None:
    as_asked = model.embed_findings(["edema"], ["{}"], ["no {}"], names=["pulmonary oedema"])
    own = model.embed_findings(["pulmonary oedema"], ["{}"], ["no {}"])
    np.testing.assert_array_equal(as_asked.positive, own.positive)
    np.testing.assert_array_equal(as_asked.negative, own.negative)
    random = RandomEmbeddings(8, 0)
    np.testing.assert_array_equal(
        random.embed_findings(["edema"], ["{}"], ["no {}"], names=["oedema"]).negative,
        random.embed_texts(["no oedema"]),
    )


def test_the_seed_fixes_the_weights_and_leaves_the_global_generator_alone() -> None:
    state = torch.random.get_rng_state()
    weights = [build_encoder(Recipe(registry.get_baseline("clip"), TINY, seed=s), 300).state_dict() for s in (0, 0, 1)]
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(weights[0].values(), weights[1].values(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(weights[0].values(), weights[2].values(), strict=True))


def test_tokens_end_where_they_should_and_truncation_is_counted() -> None:
    tokenizer = train_tokenizer(TEXTS, 200)
    tokens = encode(tokenizer, ["edema", "", "effusion " * 50], 20)
    assert tokens.ids.shape == (3, 20)
    assert tokens.truncated == 1
    assert tokens.lengths[1] == 2
    for row, length in zip(tokens.ids, tokens.lengths, strict=True):
        assert row[0] == START
        assert row[length - 1] == END
        assert (row[length:] == PAD).all()
        assert (row[:length] != PAD).all()


def test_the_vocabulary_is_the_same_each_time_and_knows_every_letter() -> None:
    one, two = (train_tokenizer(TEXTS, 200).get_vocab() for _ in range(2))
    assert one == two
    code = "from tests.models.test_models import *; print(sorted(train_tokenizer(TEXTS, 200).get_vocab().items()))"
    printed = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert printed == {f"{sorted(one.items())}\n"}
    tokens = encode(train_tokenizer(TEXTS, 200), ["Zygomatic OSTEOLYSIS 37%"], 64)
    assert 1 not in tokens.ids  # no [UNK]


def test_states_are_findings_and_then_their_negations() -> None:
    assert state_names(("a", "b")) == ["a", "b", "no a", "no b"]


def test_random_embeddings_depend_on_content_and_seed_alone() -> None:
    films = np.random.default_rng(0).integers(0, 255, (200, 4, 4), dtype=np.uint8)
    z = RandomEmbeddings(64, 0).embed_images(films)
    np.testing.assert_array_equal(z[3:5], RandomEmbeddings(64, 0).embed_images(films[3:5]))
    assert np.abs(z - RandomEmbeddings(64, 1).embed_images(films)).max() > 0.1
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-6)
    off = z @ z.T - np.eye(200)
    assert abs(off.mean()) < 0.01
    assert off.std() == pytest.approx(1 / 8, rel=0.1)  # 1 / sqrt(64)


def test_a_finding_with_a_long_name_fits_beside_the_prompt(model: TrainedModel) -> None:
    pair = model.embed_findings(["very long name " * 50], ["{}"], ["no {}"])
    assert np.isfinite(pair.positive).all()


def test_the_logit_scale_stays_below_its_maximum_and_can_come_down(model: TrainedModel) -> None:
    with torch.no_grad():
        model.encoder.log_scale.fill_(9.0)
    model.encoder.clamp_scale()
    scale = model.encoder.scale()
    assert scale.item() == pytest.approx(100.0)
    (gradient,) = torch.autograd.grad(scale, model.encoder.log_scale)
    assert gradient > 0
