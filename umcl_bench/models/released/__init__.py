"""Released checkpoints as models, for evaluation only: `openclip:`, `hf:`, `timm:` and `local:`.

Nothing heavy is imported at the top. A model's identity is a digest over the bytes of all that its embeddings depend
on, so that a changed file is another record.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from umcl_bench.errors import BenchError, UsageError
from umcl_bench.registry import is_released
from umcl_bench.spec import Augment, Baseline, Optim, Recipe, Size, TextTower

if TYPE_CHECKING:
    import torch

    from umcl_bench.models.released.found import Folder, Found
    from umcl_bench.models.released.model import Loaded


def recipe_of(baseline: Baseline, seed: int = 0) -> Recipe:
    """The recipe that stands for a released model: what it is and what it sees; nothing in it is trained.

    Raises UsageError or BenchError where the name leads to nothing that can be loaded.
    """
    found = find(baseline.name)
    known = identity(found)
    none = TextTower(layers=0, width=0, heads=0, mlp=0, max_tokens=0, vocabulary=0)
    nothing = Optim(learning_rate=0.0, weight_decay=0.0, batch=1, films_seen=1)
    size = Size("released", found.image, none, dim=0, optim=nothing, augment=_STILL)
    name = _short(baseline.name, found.source, known)
    return Recipe(dataclasses.replace(baseline, released=known, name=name), size, seed=seed)


_STILL = Augment(rotate_degrees=0, translate=0, scale=0, brightness=0, contrast=0)


def identity(found: Found) -> str:
    """What a record says of the weights: where they come from, their layout, and the digest of their files."""
    from umcl_bench.models.released.weights import digest_files

    return f"{found.source or found.layout}#{digest_files(found.files, found.settings)}"


def pinned(name: str, recipe: Recipe) -> str:
    """The name that finds the same weights again: a repository's with its commit."""
    source = recipe.baseline.released.partition("#")[0]
    return source if name.startswith("hf:") else name


def load(name: str, recipe: Recipe, device: torch.device) -> Loaded:
    """The model of `recipe_of`. Raises BenchError where its files have changed since."""
    found = find(name)
    if identity(found) != recipe.baseline.released:
        raise BenchError(f"{name}: its files changed while the run was being prepared; run again")
    return found.build(device)


def check_texts(recipe: Recipe) -> None:
    """Raises UsageError for a model that can't embed texts."""
    if recipe.baseline.weights == "released" and recipe.size.image.name == "timm":
        from umcl_bench.models.released.found import no_text_error

        raise no_text_error(recipe.baseline.name)


def find(name: str) -> Found:
    """What is there under a name like 'local:FOLDER', before its weights are loaded."""
    assert is_released(name)
    kind, _, rest = name.partition(":")
    if not rest:
        raise UsageError(f"{name!r} names no model: write {_FORMS[kind]}")
    if kind == "openclip":
        from umcl_bench.models.released.open_clip_models import find_tag

        return find_tag(rest)
    if kind == "timm":
        from umcl_bench.models.released.timm_models import find_timm

        return find_timm(rest)
    return _find_repository(rest) if kind == "hf" else _find_local(Path(rest))


_FORMS = {
    "openclip": "openclip:ARCH/TAG",
    "hf": "hf:OWNER/NAME or hf:OWNER/NAME@REVISION",
    "timm": "timm:NAME",
    "local": "local:FOLDER",
}


def _find_repository(name: str) -> Found:
    from umcl_bench.models.released.found import Folder
    from umcl_bench.models.released.hub import hub_folder

    repo, _, revision = name.partition("@")
    path = hub_folder(repo, revision or None)
    return _recognise(Folder(path, f"hf:{repo}@{path.name}"))


def _find_local(path: Path) -> Found:
    from umcl_bench.models.released import layouts
    from umcl_bench.models.released.found import WEIGHT_SUFFIXES, Folder

    if not path.exists():
        raise UsageError(f"local:{path}: there is no such folder or file")
    if path.is_dir():
        if not any(path.iterdir()):
            raise UsageError(f"local:{path}: the folder is empty. {_WANTED}")
        return _recognise(Folder(path))
    if path.suffix not in WEIGHT_SUFFIXES:
        raise UsageError(f"local:{path} is no file of weights ({', '.join(WEIGHT_SUFFIXES)}). {_WANTED}")
    found = layouts.find_in(Folder(path.parent, only=(path.name,)))
    if found is None:
        raise BenchError(f"{path} is of no layout that is told by its weights alone; name the folder that it is in")
    return found


def _recognise(folder: Folder) -> Found:
    from umcl_bench.models.released import checkpoint_models, layouts, open_clip_models, transformers_models

    for module in (open_clip_models, transformers_models, checkpoint_models, layouts):
        found: Found | None = module.find_in(folder)
        if found is not None:
            return found
    names = ", ".join(sorted(p.name for p in folder.path.iterdir())[:12])
    raise BenchError(f"{folder.source or f'local:{folder.path}'} holds no model that is known: {names}. {_WANTED}")


_WANTED = (
    "It takes a folder of open_clip (open_clip_config.json), of transformers (config.json of clip or siglip), a "
    "checkpoint of umcl-bench (checkpoint.json), or the released files of MedCLIP, GLoRIA, CheXzero, BioViL, BioViL-T "
    "or ConVIRT"
)


def _short(name: str, source: str, known: str) -> str:
    """The name in tables: a local folder's last part with the digest's first digits, a repository with its commit's."""
    kind, _, rest = name.partition(":")
    if kind == "local":
        return f"local:{Path(rest).resolve().name}#{known.rpartition('#')[2][:_DIGITS]}"
    repo, _, commit = source.partition("@")
    return f"{repo}@{commit[:_DIGITS]}" if kind == "hf" else name


_DIGITS = 7
