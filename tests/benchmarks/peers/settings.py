"""What is trained: the same towers, batch and films for both programs, and the folder that both read.

Context length 77 is CLIP's; a report that is longer loses its end in both. Text towers are as wide and deep as the
peer's: layers, width, heads and mlp are those of its `text_cfg`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from umcl_bench.data.phantom import Dials, PhantomSpec, phantom_corpus
from umcl_bench.spec import ImageTower, Optim, Size, TextTower

FILMS, SIDE = 4096, 256
CONTEXT, VOCABULARY = 77, 2000
PEER_VOCABULARY = 49_408


class Setting(NamedTuple):
    """One pair of towers: `size` is ours, `vision` the peer's `vision_cfg`."""

    name: str
    title: str
    size: Size
    vision: dict[str, Any]

    def peer_config(self) -> dict[str, Any]:
        """The peer's model configuration, as its --model names one."""
        text = self.size.text
        return {
            "embed_dim": self.size.dim,
            "vision_cfg": {"image_size": self.size.image.size, **self.vision},
            "text_cfg": {
                "context_length": text.max_tokens,
                "vocab_size": PEER_VOCABULARY,
                "width": text.width,
                "heads": text.heads,
                "layers": text.layers,
                "mlp_ratio": text.mlp / text.width,
            },
        }


def _vit(name: str, side: int, patch: int, width: int, depth: int, heads: int, batch: int) -> Setting:
    options = (("img_size", side), ("patch_size", patch), ("embed_dim", width), ("depth", depth), ("num_heads", heads))
    vision = {"layers": depth, "width": width, "head_width": width // heads, "patch_size": patch}
    return Setting(
        name,
        f"ViT, width {width}, depth {depth}, patch {patch}, {side} px; text width {width}, depth 4",
        _size(name, ImageTower("vit_tiny_patch16_224", side, options), width, heads, batch),
        vision,
    )


def _size(name: str, image: ImageTower, width: int, heads: int, batch: int) -> Size:
    text = TextTower(4, width, heads, 4 * width, CONTEXT, VOCABULARY)
    return Size(name, image, text, dim=width, optim=Optim(5e-4, 0.2, batch=batch, films_seen=FILMS))


SETTINGS = {
    setting.name: setting
    for setting in (
        _vit("vit128", side=64, patch=8, width=128, depth=4, heads=4, batch=128),
        _vit("vit192", side=96, patch=12, width=192, depth=4, heads=3, batch=128),
        Setting(
            "resnet18",
            "ResNet-18, 96 px; text width 128, depth 4",
            _size("resnet18", ImageTower("resnet18", 96), width=128, heads=4, batch=64),
            {"timm_model_name": "resnet18", "timm_pool": "avg", "timm_proj": "linear"},
        ),
    )
}


def write_folder(
    folder: Path, films: int = FILMS, side: int = SIDE, workers: int = 2, sentences: int | None = None
) -> None:
    """Grey PNG films (side, side) of the phantom with a metadata.csv for us and a captions.csv for the peer.

    The text of both is the phantom's report, or its first `sentences`.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    corpus = phantom_corpus(PhantomSpec(train=films, val=0, test=0, dials=Dials(label_only_fraction=0.0)))
    draw = partial(_write_film, folder, corpus.pixels.read, side)
    with ProcessPoolExecutor(workers) as pool:
        names = list(pool.map(draw, range(films), chunksize=32))
    texts = [" ".join(re.split(r"(?<=[.!?])\s+", report)[:sentences]) for report in corpus.reports]
    captions = [(folder / name, text) for name, text in zip(names, texts, strict=True)]
    _write(folder / "captions.csv", ("filepath", "title"), captions)
    labels = [";".join(corpus.classes[k] for k in np.flatnonzero(row == 1)) for row in corpus.stated]
    ours = zip(names, corpus.patients, ["train"] * films, texts, labels, strict=True)
    _write(folder / "metadata.csv", ("image", "patient_id", "split", "report", "labels"), list(ours))


def _write_film(folder: Path, read: Callable[[int, int], Any], side: int, row: int) -> str:
    name = f"images/{row:05d}.png"
    Image.fromarray(read(row, side)).save(folder / name)
    return name


def _write(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
