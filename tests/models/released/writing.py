"""Writes released models in their own layouts, tiny and with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers import Tokenizer, processors
from torch import nn

from umcl_bench import registry
from umcl_bench.data.tokens import train_tokenizer
from umcl_bench.models import released
from umcl_bench.models.base import Matrix
from umcl_bench.models.released.model import Loaded

CPU = torch.device("cpu")
TEXTS = ["edema", "no pleural effusion is seen", "There is a large left effusion, and cardiomegaly."]


def open_model(name: str) -> Loaded:
    """The model of that name, as a run would load it."""
    return released.load(name, released.recipe_of(registry.get_baseline(name)), CPU)


def films(size: int, count: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)


def pixels(given: NDArray[np.uint8], mean: Any, std: Any) -> torch.Tensor:
    """What a library's own transform makes of grey squares of the right size: (n, 3, s, s)."""
    grey = torch.from_numpy(given).float().div(255)[:, None].expand(-1, 3, -1, -1)
    return (grey - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)


def unit(features: torch.Tensor) -> Matrix:
    """Rows of length one, as an array."""
    return nn.functional.normalize(features.detach().float(), dim=-1).numpy()


def shuffle(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in evaluation mode with random weights and running statistics everywhere, none of them 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if value.is_floating_point() and (isinstance(value, nn.Parameter) or "running" in name):
                draw = torch.randn(value.shape, generator=generator)
                flat = value.ndim < 2
                value.copy_(
                    draw.abs() * 0.2 + 0.5 if "var" in name else draw * (0.1 if flat else 0.3 / value[0].numel() ** 0.3)
                )
                if flat and name.endswith("weight"):
                    value.add_(1.0)
    return module.eval()


def tiny_tokenizer() -> Tokenizer:
    """WordPiece with [CLS] and [SEP] put around a text."""
    tokenizer = train_tokenizer(TEXTS * 3, 120)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def write_tokenizer(folder: Path) -> int:
    """tokenizer.json and tokenizer_config.json; returns the number of pieces."""
    tokenizer = tiny_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    settings |= {"cls_token": "[CLS]", "sep_token": "[SEP]", "eos_token": "[SEP]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return tokenizer.get_vocab_size()


def write_transformers(folder: Path, family: str = "clip") -> Any:
    """A CLIP or SigLIP of transformers; returns the library's own model."""
    import transformers

    folder.mkdir(exist_ok=True)
    pieces = write_tokenizer(folder)
    shape = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **shape,
        "vocab_size": pieces,
        "max_position_embeddings": 20,
        "eos_token_id": 3,
        "bos_token_id": 2,
        "pad_token_id": 0,
    }
    vision = {**shape, "image_size": 32, "patch_size": 8}
    if family == "siglip2":
        vision = {**shape, "num_patches": 16, "patch_size": 8}
    config_cls, model_cls = {
        "clip": (transformers.CLIPConfig, transformers.CLIPModel),
        "siglip": (transformers.SiglipConfig, transformers.SiglipModel),
        "siglip2": (transformers.Siglip2Config, transformers.Siglip2Model),
    }[family]
    more = {"projection_dim": 16} if family == "clip" else {}
    model: Any = shuffle(model_cls(config_cls(text_config=text, vision_config=vision, **more)))
    model.save_pretrained(folder)
    if family == "clip":
        settings = {
            "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4], "do_center_crop": True, "do_resize": True,
            "size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "resample": 3,
        }  # fmt: skip
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return model


def write_open_clip(folder: Path, *, hf_text: bool = False) -> Any:
    """An open_clip folder; returns the library's own model."""
    from open_clip.model import CLIP, CustomTextCLIP

    folder.mkdir(exist_ok=True)
    config: dict[str, Any] = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    if hf_text:
        pieces = write_tokenizer(folder)
        bert = {
            "model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "pad_token_id": 0, "intermediate_size": 40, "vocab_size": pieces, "max_position_embeddings": 30,
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(bert))
        config["text_cfg"] = {
            "hf_model_name": str(folder), "hf_tokenizer_name": "anyone/bert", "hf_proj_type": "linear",
            "hf_pooler_type": "mean_pooler", "hf_model_pretrained": False, "context_length": 24,
        }  # fmt: skip
    model = shuffle((CustomTextCLIP if hf_text else CLIP)(**config))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    preprocess = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "interpolation": "bicubic", "resize_mode": "squash"}
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    (folder / "open_clip_config.json").write_text(text)
    return model


def to_cache(cache: Path, repo: str, folder: Path, commit: str = "0123456789abcdef0123456789abcdef01234567") -> str:
    """Puts a folder into a hub cache as the repository `repo`; returns the commit."""
    root = cache / f"models--{repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    (root / "snapshots").mkdir()
    folder.rename(root / "snapshots" / commit)
    return commit
