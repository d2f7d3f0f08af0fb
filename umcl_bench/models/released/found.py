"""A released model before its weights are loaded: its files, what it is called, and how it sees films."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from umcl_bench.data.preprocess import Preprocess
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.spec import ImageTower

if TYPE_CHECKING:
    import torch

    from umcl_bench.models.released.model import Loaded

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class Found:
    """What was found under a name. `files` are all that its embeddings depend on; `build` loads them.

    `source` is where it comes from, in words that are true on every machine, without the digest of the files;
    `settings` is a digest of what else they depend on.
    """

    layout: str
    source: str
    image: ImageTower
    files: tuple[Path, ...]
    build: Callable[[torch.device], Loaded]
    settings: str = ""


@dataclass(frozen=True)
class Folder:
    """A folder (or one file of a folder) that is to be recognised. `source` as in Found; '' for a local one."""

    path: Path
    source: str = ""
    only: tuple[str, ...] = field(default=())

    def file(self, name: str) -> Path | None:
        """The file of that name, or None."""
        path = self.path / name
        return path if path.is_file() else None

    def first(self, *names: str) -> Path | None:
        """The first file that there is of `names`."""
        return next((path for name in names if (path := self.file(name))), None)

    def weights(self) -> list[Path]:
        """All files of weights, by their endings; a pickle that stands beside its safetensors twin is left out."""
        found = sorted(p for p in self.path.iterdir() if p.suffix in WEIGHT_SUFFIXES and p.is_file())
        if self.only:
            return [p for p in found if p.name in self.only]
        twins = {"pytorch_model.bin": "model.safetensors", "open_clip_pytorch_model.bin": "open_clip_model.safetensors"}
        names = {p.name for p in found}
        return [p for p in found if twins.get(p.name) not in names]

    def texts(self) -> tuple[Path, ...]:
        """The tokenizer's files."""
        names = (
            "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt",
            "special_tokens_map.json", "added_tokens.json", "spiece.model", "tokenizer.model",
            "sentencepiece.bpe.model",
        )  # fmt: skip
        return tuple(path for name in names if (path := self.file(name)))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises BenchError with the file's name."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BenchError(f"{path} can't be read: {error}") from None
    if not isinstance(found, dict):
        raise BenchError(f"{path} holds no JSON object")
    return found


def check_timm(tower: Any, where: str) -> None:
    """Raises BenchError for what is no tower of timm's list: timm takes other names for repositories and folders."""
    import timm

    if not isinstance(tower, str) or ":" in tower or not timm.is_model(tower):
        raise BenchError(f"{where}: its image tower {tower!r} is none that timm lists; only those are built")


def tower_of(preprocess: Preprocess, layout: str) -> ImageTower:
    """What sees the films, for a record: `mean` and `std` of each channel and the unit are among the options."""
    options = (
        ("preprocess", preprocess.name),
        ("mean", preprocess.mean),
        ("std", preprocess.std),
        ("unit", preprocess.unit),
    )
    return ImageTower(layout, preprocess.size, options, mean=0.0, std=1.0, geometry=preprocess.geometry)


def square(size: Any, where: str) -> int:
    """One number for both sides. Raises UsageError for what is not square."""
    sides = [int(side) for side in size] if isinstance(size, (list, tuple)) else [int(size)]
    if len(set(sides)) != 1:
        raise UsageError(f"{where} sees {' x '.join(map(str, sides))} pixels; only squares are supported")
    return sides[0]


def no_text_error(name: str) -> UsageError:
    """What a model without a text tower answers where a text is asked for."""
    return UsageError(f"{name} is image only: it has no text tower. Use it with a probe task, which learns from labels")
