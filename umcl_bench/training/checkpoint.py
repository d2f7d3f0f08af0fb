"""Checkpoints: weights as safetensors, the rest as JSON. Nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from umcl_bench.errors import BenchError
from umcl_bench.models.dual import build_encoder
from umcl_bench.models.trained import TrainedModel
from umcl_bench.spec import METHODS, Recipe, digest, to_dict
from umcl_bench.training.loop import Trained
from umcl_bench.training.monitor import write_log

WEIGHTS, TOKENIZER, FACTS, LOG = "model.safetensors", "tokenizer.json", "checkpoint.json", "log.csv"


def checkpoint_digest(recipe: Recipe, fingerprint: str) -> str:
    """What a checkpoint belongs to: the recipe, the training corpus, and the versions of the code behind it."""
    return digest(
        [to_dict(recipe, with_docs=False), fingerprint, *(METHODS[name] for name in ("films", "labels", "training"))]
    )


def save_checkpoint(folder: Path, trained: Trained, recipe: Recipe, fingerprint: str) -> None:
    """Writes weights, tokenizer, log and facts into an empty folder."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.model.encoder.state_dict().items()}
    try:
        save_file(state, folder / WEIGHTS)
    except SafetensorError as error:  # a full disk, too
        raise BenchError(f"the checkpoint could not be written to {folder.parent}: {error}") from error
    trained.model.tokenizer.save(str(folder / TOKENIZER))
    facts = {
        "digest": checkpoint_digest(recipe, fingerprint),
        "data_fingerprint": fingerprint,
        "recipe": to_dict(recipe),
        "classes": trained.model.classes,
        "training": trained.facts,
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_log(folder / LOG, trained.log)


def load_checkpoint(
    folder: Path, recipe: Recipe, fingerprint: str, device: torch.device
) -> tuple[TrainedModel, dict[str, Any]]:
    """The model and its training facts. Raises BenchError where the folder is damaged or belongs to another run."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_str((folder / TOKENIZER).read_text(encoding="utf-8"))
        if facts["digest"] != checkpoint_digest(recipe, fingerprint):
            raise BenchError(f"{folder} belongs to another recipe or corpus; move it away and run again")
        classes = tuple(map(str, facts["classes"]))
        encoder = build_encoder(recipe, tokenizer.get_vocab_size(), len(classes))
        encoder.load_state_dict(load_file(folder / WEIGHTS), strict=True)
        training = dict(facts["training"])
    except BenchError:
        raise
    except Exception as error:  # tokenizers raises nothing narrower
        what = (str(error) or type(error).__name__).splitlines()[0]
        raise BenchError(f"the checkpoint {folder} is damaged ({what}); move it away and run again") from error
    encoder = encoder.to(memory_format=torch.channels_last)
    return TrainedModel(recipe, encoder, tokenizer, device, classes=classes), training
