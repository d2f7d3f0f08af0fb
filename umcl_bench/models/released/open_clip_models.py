"""Models of open_clip: folders and repositories with an open_clip_config.json, and its own list of tags."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from umcl_bench.data.preprocess import Preprocess
from umcl_bench.errors import BenchError, UsageError, unknown_name
from umcl_bench.models.released.found import Folder, Found, check_timm, read_json, tower_of
from umcl_bench.models.released.hub import hub_file, not_found
from umcl_bench.models.released.model import Loaded, ReleasedModel, Towers
from umcl_bench.models.released.preprocessing import of_open_clip
from umcl_bench.models.released.weights import load_strict, quiet_transformers, read_state
from umcl_bench.spec import digest

CONFIG = "open_clip_config.json"
_TIMM_FOLDER = "local-dir:"
_NAMES = (
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth", "model.safetensors", "pytorch_model.bin",
)  # fmt: skip


class OpenClipTowers(Towers):
    """A model of open_clip with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, dim: int) -> None:
        super().__init__()
        self.model, self.tokenizer, self.dim = model, tokenizer, dim

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """See Towers."""
        features: torch.Tensor = self.model.encode_image(pixels)
        return features

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """See Towers."""
        ids = self.tokenizer(list(texts)).to(next(self.model.parameters()).device)
        features: torch.Tensor = self.model.encode_text(ids)
        return features

    def trunk_of_timm(self) -> torch.nn.Module | None:
        """See Towers: open_clip keeps a tower of timm's as `trunk`."""
        return getattr(self.model.visual, "trunk", None)


def find_in(folder: Folder) -> Found | None:
    """The model of an open_clip folder; None where there is no open_clip_config.json."""
    config_file = folder.file(CONFIG)
    if config_file is None:
        return None
    config, weights = read_json(config_file), folder.first(*_NAMES)
    model = config.get("model_cfg")
    if not isinstance(model, dict) or not all(isinstance(model.get(k), dict) for k in ("vision_cfg", "text_cfg")):
        raise BenchError(
            f"{config_file} has no model_cfg with a vision_cfg and a text_cfg: it is no config of open_clip"
        )
    if weights is None:
        raise BenchError(f"{folder.path} has {CONFIG} and no weights; looked for {', '.join(_NAMES)}")
    extra = [path for path in (config_file, folder.file("config.json"), *folder.texts()) if path is not None]
    return _found(model, config.get("preprocess_cfg", {}), weights, folder.source, folder.path, extra)


def find_tag(name: str) -> Found:
    """The model ARCH/TAG of open_clip's list. Raises UsageError, with suggestions, for names that it does not have."""
    import open_clip

    architecture, slash, tag = name.partition("/")
    if not slash or not tag:
        raise UsageError(f"openclip:{name}: write openclip:ARCH/TAG, as in openclip:ViT-B-32/laion2b_s34b_b79k")
    if architecture not in open_clip.list_models():
        raise unknown_name("architecture of open_clip", architecture, open_clip.list_models())
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in tags:
        raise unknown_name(f"tag of {architecture}", tag, tags)
    listed = open_clip.get_pretrained_cfg(architecture, tag)
    config = open_clip.get_model_config(architecture)
    config["quick_gelu"] = bool(listed.get("quick_gelu", config.get("quick_gelu", False)))
    told = digest(json.loads(json.dumps(config, default=str)))
    return _found(config, listed, _fetch(listed, f"openclip:{name}"), f"openclip:{name}", None, [], told)


def _fetch(listed: dict[str, Any], name: str) -> Path:
    repo, file = os.path.split(listed.get("hf_hub") or "")
    for candidate in (file,) if file else ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        safe = os.path.splitext(candidate)[0] + ".safetensors"
        for wanted in dict.fromkeys((safe, candidate)):
            path = hub_file(repo, wanted) if repo else None
            if path is not None:
                return path
    if not repo:
        raise BenchError(
            f"{name} is not on the Hugging Face hub: fetch {listed.get('url')} into a folder, put the model_cfg of "
            f"{name.partition('/')[0]} beside it as {CONFIG}, and name it: local:FOLDER"
        )
    raise BenchError(not_found(f"the weights of {name}", f"hf download {repo}"))


def _found(
    config: dict[str, Any],
    preprocess: dict[str, Any],
    weights: Path,
    source: str,
    folder: Path | None,
    extra: list[Path],
    settings: str = "",
) -> Found:
    """`settings` is a digest of a config that is in no file."""
    name = source or str(folder)
    seen = of_open_clip(preprocess, config["vision_cfg"].get("image_size", 224), str(folder or source))
    config, towers = _offline(config, name, folder)
    words = _tokenizer_folder(config["text_cfg"], name, folder)
    files = dict.fromkeys((weights, *extra, *towers, *(Folder(words).texts() if words else ())))

    def build(device: torch.device) -> Loaded:
        return _build(config, seen, weights, name, words, device)

    return Found("open_clip", source, tower_of(seen, "open_clip"), tuple(files), build, settings)


def _build(
    config: dict[str, Any],
    preprocess: Preprocess,
    weights: Path,
    name: str,
    words: Path | None,
    device: torch.device,
) -> Loaded:
    from open_clip.convert import convert_state_dict
    from open_clip.model import CLIP, CustomTextCLIP, convert_to_custom_text_state_dict

    config = copy.deepcopy(config)
    text = config["text_cfg"]
    cls = CustomTextCLIP if config.pop("custom_text", False) or text.get("hf_model_name") else CLIP
    try:
        with quiet_transformers():
            model = cls(**config)
    except (TypeError, ValueError, KeyError, RuntimeError, AssertionError) as error:
        raise BenchError(f"{name}: open_clip can't build its model_cfg: {type(error).__name__}: {error}") from None
    state = convert_state_dict(model, read_state(weights))
    if "positional_embedding" in state and cls is CustomTextCLIP:
        state = convert_to_custom_text_state_dict(state)
    for scale in ("logit_scale", "logit_bias"):  # a number, or a list with one number
        if scale in state and getattr(model, scale) is not None:
            state[scale] = state[scale].reshape(getattr(model, scale).shape)
    fit = load_strict(model, state, str(weights))
    tokenizer = _tokenizer(text, name, words, model.context_length)
    towers = OpenClipTowers(model, tokenizer, config["embed_dim"])
    towers.fit = fit
    return ReleasedModel(name, towers, preprocess, device)


def _offline(config: dict[str, Any], name: str, folder: Path | None) -> tuple[dict[str, Any], list[Path]]:
    """The config with all its parts found on this machine, no weights to start from, and the parts' files.

    Raises BenchError where a part is elsewhere.
    """
    config, files = copy.deepcopy(config), []
    vision, text = config["vision_cfg"], config["text_cfg"]
    if "multimodal_cfg" in config:
        raise BenchError(f"{name} is a CoCa model; only dual encoders of open_clip are supported")
    vision["timm_model_pretrained"] = text["hf_model_pretrained"] = False
    tower = vision.get("timm_model_name")
    if isinstance(tower, str) and tower.startswith(_TIMM_FOLDER):
        beside = _timm_folder(tower, name, folder)
        vision["timm_model_name"] = f"{_TIMM_FOLDER}{beside}"
        files.append(beside / "config.json")
    elif tower:
        check_timm(tower, name)
    if text.get("hf_model_name"):
        files.append(_text_config(text["hf_model_name"], name, folder))
        text["hf_model_name"] = str(files[-1].parent)
    return config, files


def _timm_folder(tower: str, name: str, folder: Path | None) -> Path:
    """The folder of timm's beside the weights, wherever the config says that it was. Raises BenchError for others."""
    beside = folder / Path(tower.removeprefix(_TIMM_FOLDER)).name if folder is not None else None
    if folder is None or beside is None or not (beside / "config.json").is_file():
        raise BenchError(f"{name}: its image tower is in a folder ({tower}) that is not beside the weights")
    if beside.resolve().parent != folder.resolve():
        raise BenchError(f"{name}: its image tower {tower} is outside its folder")
    check_timm(read_json(beside / "config.json").get("architecture"), str(beside / "config.json"))
    return beside


def _text_config(hf_name: str, name: str, folder: Path | None) -> Path:
    """The text tower's config.json: in the folder, else in the hub's cache."""
    beside = folder / "config.json" if folder is not None else None
    found: Path | None = (
        beside if beside is not None and beside.is_file() and "model_type" in read_json(beside) else None
    )
    if found is None:
        local = Path(hf_name) / "config.json"
        found = local if local.is_file() else hub_file(hf_name, "config.json")
    if found is None:
        what = f"{name}: the config.json of its text tower {hf_name}"
        raise BenchError(not_found(what, f"hf download {hf_name} config.json"))
    if "auto_map" in read_json(found):
        raise BenchError(f"{found}: the text tower is code of the repository's own (auto_map), which is never run")
    return found


def _tokenizer_folder(text: dict[str, Any], name: str, folder: Path | None) -> Path | None:
    """Where the tokenizer's files are: in the folder, else in the hub's cache; None for open_clip's own tokenizer."""
    hf_name = text.get("hf_tokenizer_name")
    if not hf_name:
        return None
    if folder is not None and Folder(folder).texts():
        return folder
    cached = (hub_file(hf_name, file) for file in ("tokenizer_config.json", "tokenizer.json", "vocab.txt"))
    found = next((path for path in cached if path is not None), None)
    if found is None:
        raise BenchError(not_found(f"{name}: the tokenizer {hf_name}", f"hf download {hf_name}"))
    return found.parent


def _tokenizer(text: dict[str, Any], name: str, words: Path | None, context: int) -> Any:
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

    length, options = text.get("context_length", context), text.get("tokenizer_kwargs") or {}
    if words is None:
        return SimpleTokenizer(context_length=length, **options)
    options = {**options, "trust_remote_code": False}  # whatever a config asks for
    try:
        return HFTokenizer(str(words), context_length=length, tokenizer_mode=text.get("tokenizer_mode"), **options)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise BenchError(f"{name}: transformers can't read the tokenizer in {words}: {error}") from None
