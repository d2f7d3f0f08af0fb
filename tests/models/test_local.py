"""Local similarity of films and texts: GLoRIA's definition, whatever else is in the batch, and of such models alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.models.base import LocalModel
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.models.trained import TrainedModel
from umcl_bench.objectives.terms.gloria import best_words
from umcl_bench.spec import TINY, Recipe
from umcl_bench.training.batches import training_rows
from umcl_bench.training.start import start_encoder

TEXTS = ["mild edema", "no pleural effusion at the left lung base", "cardiomegaly"]


def slow(patches: NDArray[np.float64], words: NDArray[np.float64], temp1: float) -> float:
    """max_j cos(w_j, c_j) of one film and one text, as in GLoRIA's attention_fn and get_local_similarities."""

    def softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(x) / np.exp(x).sum())

    over_words = np.stack([softmax(row) for row in patches @ words.T])
    cosines = []
    for j, word in enumerate(words):
        context = softmax(temp1 * over_words[:, j]) @ patches
        cosines.append(word @ context / np.linalg.norm(word) / np.linalg.norm(context))
    return float(max(cosines))


def test_it_is_its_definition_and_padding_is_no_word() -> None:
    rng = np.random.default_rng(0)
    patches, words = rng.standard_normal((3, 5, 4)), rng.standard_normal((2, 6, 4))
    words[0, 3:] = 0
    found = best_words(torch.from_numpy(patches), torch.from_numpy(words), 4.0)
    for i in range(3):
        for k, length in enumerate((3, 6)):
            assert found[i, k].item() == pytest.approx(slow(patches[i], words[k, :length], 4.0))


def model_of(name: str, corpus: Corpus) -> TrainedModel:
    recipe = Recipe(registry.get_baseline(name), TINY)
    data = training_rows(corpus, recipe)
    return TrainedModel(
        recipe, start_encoder(recipe, data), data.tokenizer, torch.device("cpu"), classes=corpus.classes
    )


def test_a_text_and_a_film_are_as_alike_whatever_stands_beside_them(phantom: Corpus) -> None:
    model = model_of("gloria", phantom)
    films = np.stack([phantom.pixels.read(i, 64) for i in range(5)])
    whole = model.local_similarity(films, TEXTS)
    assert whole is not None
    assert whole.shape == (5, 3)
    assert np.abs(whole).max() <= 5 + 1e-5
    assert whole.std() > 0
    model.batch = 2
    parts = [model.local_similarity(films[::-1].copy(), [text]) for text in TEXTS]
    np.testing.assert_allclose(np.concatenate(parts, axis=1)[::-1], whole, atol=1e-5)  # type: ignore[arg-type]


def test_models_without_it_say_so(phantom: Corpus) -> None:
    films = np.zeros((1, 64, 64), dtype=np.uint8)
    for name in ("mgca", "umcl"):
        assert model_of(name, phantom).local_similarity(films, TEXTS) is None
    assert not isinstance(RandomEmbeddings(4, 0), LocalModel)
