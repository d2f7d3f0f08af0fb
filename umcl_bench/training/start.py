"""What a training starts from."""

from __future__ import annotations

import torch

from umcl_bench.models.dual import DualEncoder, build_encoder
from umcl_bench.models.pretrained import load_pretrained
from umcl_bench.spec import Recipe
from umcl_bench.training.batches import TrainingRows


def empty_encoder(recipe: Recipe, data: TrainingRows) -> DualEncoder:
    """An encoder of the right shapes, with the weights of the recipe's seed."""
    return build_encoder(recipe, data.tokenizer.get_vocab_size(), len(data.classes))


def start_encoder(recipe: Recipe, data: TrainingRows) -> DualEncoder:
    """The encoder that training starts with: pretrained towers, and continuous prompts that begin as a phrase.

    Raises UsageError where a tower is not on this machine, BenchError where its file does not fit.
    """
    encoder, phrase = empty_encoder(recipe, data), recipe.baseline.prompt.init
    load_pretrained(encoder, recipe)
    if phrase:
        ids = data.tokenizer.encode(phrase, add_special_tokens=False).ids
        encoder.prompts.start_from(encoder.text, torch.tensor(ids))
    return encoder
