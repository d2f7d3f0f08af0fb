"""Our own checkpoints, and their exports, as released models: a folder with a checkpoint.json."""

from __future__ import annotations

import dataclasses
import inspect
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from tokenizers import Tokenizer

from umcl_bench.errors import BenchError
from umcl_bench.models.dual import DualEncoder, build_encoder
from umcl_bench.models.released.found import Folder, Found, check_timm, read_json
from umcl_bench.models.released.model import Loaded
from umcl_bench.models.released.weights import load_strict, read_state
from umcl_bench.models.trained import TrainedModel
from umcl_bench.spec import Recipe, digest, to_dict

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
    settings = digest([to_dict(recipe, with_docs=False), _classes(facts)])

    def build(device: torch.device) -> Loaded:
        return load_checkpoint_model(folder.path, device)

    return Found("umcl-bench", folder.source, recipe.size.image, (weights, tokenizer), build, settings)


def load_checkpoint_model(folder: Path, device: torch.device) -> TrainedModel:
    """The trained model in a checkpoint's folder, whatever it was trained on."""
    recipe, classes = read_recipe(folder / FACTS), _classes(folder / FACTS)
    try:
        tokenizer = Tokenizer.from_str((folder / TOKENIZER).read_text(encoding="utf-8"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise BenchError(f"{folder / TOKENIZER} can't be read: {error}") from None
    try:
        encoder: DualEncoder = build_encoder(recipe, tokenizer.get_vocab_size(), len(classes))
    except BenchError:
        raise
    except Exception as error:  # timm and torch raise what they like of sizes that do not fit
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise BenchError(f"{folder / FACTS}: the towers of its recipe can't be built ({first})") from None
    load_strict(encoder, read_state(folder / WEIGHTS), str(folder / WEIGHTS))
    return TrainedModel(recipe, encoder, tokenizer, device, classes=classes)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a checkpoint.json. Raises BenchError where another version wrote it, or it names odd towers."""
    try:
        recipe: Recipe = from_dict(Recipe, read_json(path)["recipe"])
    except (BenchError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BenchError(f"{path} has no recipe that this version reads ({error}); train the model again") from None
    image = recipe.size.image
    check_timm(image.name, str(path))
    own = [str(name) for name, _ in image.options if name in _of_timm()]
    if own:
        raise BenchError(f"{path}: its image tower has the options {', '.join(own)}, which no shape of a tower has")
    return recipe


def _of_timm() -> frozenset[str]:
    """What timm.create_model takes beside the options of a tower: where weights come from, and how it is built."""
    import timm

    return frozenset(inspect.signature(timm.create_model).parameters)


def _classes(path: Path) -> tuple[str, ...]:
    """The labels of training in a checkpoint.json. Raises BenchError with the file's name."""
    classes = read_json(path).get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise BenchError(f"{path}: classes must be a list of names; found {classes!r}")
    return tuple(classes)


def from_dict(kind: Any, data: Any) -> Any:
    """The inverse of `to_dict`: JSON data as a value of the type `kind`. Raises TypeError or ValueError."""
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _from_object(kind, data)
    if origin in (Union, types.UnionType):
        fitting = [part for part in arguments if part is not type(None)]
        return None if data is None else from_dict(fitting[0], data) if len(fitting) == 1 else _tuples(data)
    named = isinstance(kind, type) and issubclass(kind, tuple)  # a NamedTuple
    if origin is tuple or named:
        if not isinstance(data, list):
            raise TypeError(f"{data!r} is no list")
        if named:
            return kind(*map(_tuples, data))
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(from_dict(arguments[0], item) for item in data)
        return tuple(from_dict(part, item) for part, item in zip(arguments, data, strict=True))
    if origin is Literal:
        if not any(type(data) is type(choice) and data == choice for choice in arguments):
            raise ValueError(f"{data!r} is none of {', '.join(map(repr, arguments))}")
        return data
    if kind in _SCALARS and type(data) not in _SCALARS[kind]:  # type(): True is an int otherwise
        raise TypeError(f"{data!r} is no {kind.__name__}")
    return _tuples(data)


_SCALARS: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), bool: (bool,), float: (int, float)}


def _from_object(kind: type, data: Any) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{data!r} is no {kind.__name__}")
    hints = get_type_hints(kind)
    unknown = [name for name in data if name not in hints]
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}")
    made = {}
    for name, value in data.items():
        try:
            made[name] = from_dict(hints[name], value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    return kind(**made)


def _tuples(data: Any) -> Any:
    return tuple(map(_tuples, data)) if isinstance(data, list) else data
