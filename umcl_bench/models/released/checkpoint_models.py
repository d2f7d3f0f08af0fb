"""Our own checkpoints, and their exports, as released models: a folder with a checkpoint.json."""

from __future__ import annotations

import dataclasses
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from tokenizers import Tokenizer

from umcl_bench.errors import BenchError
from umcl_bench.models.dual import DualEncoder, TrainedModel, build_encoder
from umcl_bench.models.released.found import Folder, Found, read_json
from umcl_bench.models.released.model import Loaded
from umcl_bench.models.released.weights import load_strict, read_state
from umcl_bench.spec import Recipe, digest

FACTS, WEIGHTS, TOKENIZER = "checkpoint.json", "model.safetensors", "tokenizer.json"


def find_in(folder: Folder) -> Found | None:
    """The model of a checkpoint's folder; None where there is no checkpoint.json."""
    facts = folder.file(FACTS)
    if facts is None:
        return None
    weights, tokenizer = folder.file(WEIGHTS), folder.file(TOKENIZER)
    if weights is None or tokenizer is None:
        raise BenchError(f"{folder.path} has {FACTS} and not both {WEIGHTS} and {TOKENIZER}: it is no whole checkpoint")
    recipe = read_recipe(facts)

    def build(device: torch.device) -> Loaded:
        return load_checkpoint_model(folder.path, device)

    return Found("umcl-bench", folder.source, recipe.size.image, (weights, tokenizer), build, digest(recipe))


def load_checkpoint_model(folder: Path, device: torch.device) -> TrainedModel:
    """The trained model in a checkpoint's folder, whatever it was trained on."""
    recipe, facts = read_recipe(folder / FACTS), read_json(folder / FACTS)
    try:
        tokenizer = Tokenizer.from_str((folder / TOKENIZER).read_text(encoding="utf-8"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise BenchError(f"{folder / TOKENIZER} can't be read: {error}") from None
    classes = tuple(map(str, facts.get("classes", ())))
    encoder: DualEncoder = build_encoder(recipe, tokenizer.get_vocab_size(), len(classes))
    load_strict(encoder, read_state(folder / WEIGHTS), str(folder / WEIGHTS))
    return TrainedModel(recipe, encoder, tokenizer, device, classes=classes)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a checkpoint.json. Raises BenchError where another version wrote it."""
    try:
        recipe: Recipe = from_dict(Recipe, read_json(path)["recipe"])
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path} has no recipe that this version reads ({error}); train the model again") from None
    return recipe


def from_dict(kind: Any, data: Any) -> Any:
    """The inverse of `to_dict`: JSON data as a value of the type `kind`. Raises TypeError or ValueError."""
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        unknown = [name for name in data if name not in hints]
        if unknown:
            raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}")
        return kind(**{name: from_dict(hints[name], value) for name, value in data.items()})
    if origin in (Union, types.UnionType):
        fitting = [part for part in arguments if part is not type(None)]
        return None if data is None else from_dict(fitting[0], data) if len(fitting) == 1 else _tuples(data)
    if origin is tuple and isinstance(data, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(from_dict(arguments[0], item) for item in data)
        return tuple(from_dict(part, item) for part, item in zip(arguments, data, strict=True))
    if isinstance(kind, type) and issubclass(kind, tuple) and isinstance(data, list):  # a NamedTuple
        return kind(*map(_tuples, data))
    return data if origin is Literal else _tuples(data)


def _tuples(data: Any) -> Any:
    return tuple(map(_tuples, data)) if isinstance(data, list) else data
