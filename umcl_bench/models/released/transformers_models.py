"""CLIP and SigLIP models in transformers' own layout: config.json beside model.safetensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import unfold

from umcl_bench.data.preprocess import Preprocess
from umcl_bench.errors import BenchError, unknown_name
from umcl_bench.models.released.found import Folder, Found, read_json, square, tower_of
from umcl_bench.models.released.model import Loaded, ReleasedModel, Towers
from umcl_bench.models.released.preprocessing import of_transformers
from umcl_bench.models.released.weights import load_transformers, quiet_transformers, read_state

FAMILIES = ("clip", "siglip", "siglip2")
_NAMES = ("model.safetensors", "pytorch_model.bin")


class TransformersTowers(Towers):
    """A dual encoder of transformers with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, family: str) -> None:
        super().__init__()
        self.model, self.tokenizer, self.family = model, tokenizer, family
        text = model.config.text_config
        self.length = int(text.max_position_embeddings)
        self.dim = int(model.config.projection_dim if family == "clip" else model.config.vision_config.hidden_size)

    def images(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        given = {"pixel_values": pixels} if self.family != "siglip2" else self._patches(pixels)
        features: Tensor = self.model.get_image_features(**given).pooler_output
        return features

    def texts(self, texts: Sequence[str]) -> Tensor:
        """See Towers. SigLIP was trained on texts that are padded to the full length, and has no mask."""
        padding = "longest" if self.family == "clip" else "max_length"
        given = self.tokenizer(
            list(texts), padding=padding, truncation=True, max_length=self.length, return_tensors="pt"
        )
        device = next(self.model.parameters()).device
        kept = ("input_ids", "attention_mask") if self.family == "clip" else ("input_ids",)
        given = {name: given[name].to(device) for name in kept}
        features: Tensor = self.model.get_text_features(**given).pooler_output
        return features

    def _patches(self, pixels: Tensor) -> dict[str, Tensor]:
        """Pixels (n, 3, s, s) as patches (n, p, 3 q q) in rows, each with its channels last."""
        patch = int(self.model.config.vision_config.patch_size)
        count, channels, side = len(pixels), pixels.shape[1], pixels.shape[2] // patch
        cut = unfold(pixels, patch, stride=patch).transpose(1, 2)
        cut = cut.view(count, side * side, channels, patch * patch).transpose(2, 3).flatten(2)
        mask = torch.ones(count, side * side, dtype=torch.int64, device=pixels.device)
        shapes = torch.tensor([[side, side]] * count, device=pixels.device)
        return {"pixel_values": cut, "pixel_attention_mask": mask, "spatial_shapes": shapes}


def find_in(folder: Folder) -> Found | None:
    """The model of a transformers folder; None where no config.json names a family that is known."""
    config_file = folder.file("config.json")
    config = read_json(config_file) if config_file else {}
    family = config.get("model_type")
    if config_file is None or not isinstance(config.get("vision_config"), dict):
        return None
    if family not in FAMILIES:
        raise unknown_name("family of transformers' dual encoders", str(family), FAMILIES)
    weights = folder.first(*_NAMES)
    if weights is None:
        raise BenchError(f"{folder.path} has a config.json and no weights; looked for {' and '.join(_NAMES)}")
    if not folder.texts():
        raise BenchError(f"{folder.path} has no tokenizer: put its tokenizer.json and tokenizer_config.json there")
    processors = [p for name in ("preprocessor_config.json", "processor_config.json") if (p := folder.file(name))]
    preprocess = _preprocess(config, family, processors, str(folder.path))
    files = (weights, config_file, *processors, *folder.texts())

    def build(device: torch.device) -> Loaded:
        return _build(folder.path, weights, family, preprocess, folder.source or str(folder.path), device)

    return Found("transformers", folder.source, tower_of(preprocess, family), files, build)


def _preprocess(config: dict[str, Any], family: str, processors: list[Path], where: str) -> Preprocess:
    given = next((found.get("image_processor", found) for found in map(read_json, processors) if found), None)
    try:
        return _preprocess_of(given, config["vision_config"], family, where)
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{where}: its image processor says {error!r}, which is not supported") from None


def _preprocess_of(given: dict[str, Any] | None, vision: dict[str, Any], family: str, where: str) -> Preprocess:
    if family == "siglip2":  # as many whole patches as it may take, in a square
        most = int((given or {}).get("max_num_patches", vision.get("num_patches", 256)))
        side = math.isqrt(most) * int(vision.get("patch_size", 16))
        return of_transformers(None, family, side, where)
    size = square(vision.get("image_size", 224), where)
    preprocess = of_transformers(given if given and "image_mean" in given else None, family, size, where)
    if preprocess.size != size:
        raise BenchError(f"{where}: the image processor makes {preprocess.size} pixels, the model sees {size}")
    return preprocess


def _build(folder: Path, weights: Path, family: str, preprocess: Preprocess, name: str, device: torch.device) -> Loaded:
    import transformers

    cls = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}[family]
    own = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet_transformers():
            config = transformers.AutoConfig.from_pretrained(folder, **own)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **own)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise BenchError(f"{folder}: transformers can't read its config or tokenizer: {error}") from None
    model, fit = load_transformers(getattr(transformers, cls), config, read_state(weights), str(weights))
    towers = TransformersTowers(model, tokenizer, family)
    towers.fit = fit
    return ReleasedModel(name, towers, preprocess, device)
