"""Image towers of timm with their released weights. They have no text tower."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from umcl_bench.errors import BenchError, unknown_name
from umcl_bench.models.released.found import Found, tower_of
from umcl_bench.models.released.hub import hub_file, not_found
from umcl_bench.models.released.model import Loaded, ReleasedModel, Towers
from umcl_bench.models.released.preprocessing import of_timm
from umcl_bench.models.released.weights import Fit

_NAMES = ("model.safetensors", "pytorch_model.bin")


class TimmTowers(Towers):
    """An image tower without its classifier: the features are the pooled ones."""

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.trunk, self.dim = trunk, int(trunk.num_features)

    def images(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        features: Tensor = self.trunk(pixels)
        return features

    def pool(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        return self.images(pixels)

    def trunk_of_timm(self) -> nn.Module | None:
        """See Towers."""
        return cast(nn.Module, self.trunk)


def find_timm(name: str) -> Found:
    """The model of timm's list, with or without a tag. Raises UsageError, with suggestions, for other names."""
    import timm
    from timm.data import resolve_data_config
    from timm.models import get_pretrained_cfg

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise unknown_name("image tower of timm", architecture, timm.list_models())
    tags = [
        known.partition(".")[2]
        for known in timm.list_pretrained(f"{architecture}*")
        if known.startswith(f"{architecture}.")
    ]
    config = get_pretrained_cfg(name, allow_unregistered=False) if (not tag or tag in tags) else None
    if config is None:
        raise unknown_name(f"tag of {architecture}", tag, tags)
    weights = next((path for file in _NAMES if (path := _fetch(config, file)) is not None), None)
    if weights is None:
        raise BenchError(not_found(f"the weights of timm:{name}", f"hf download {config.hf_hub_id}"))
    data = resolve_data_config({}, pretrained_cfg=config.to_dict(), use_test_size=True)
    preprocess = of_timm(data, f"timm:{name}")

    def build(device: torch.device) -> Loaded:
        trunk, fit = _trunk(name, config, weights)
        towers = TimmTowers(trunk)
        towers.fit = fit
        return ReleasedModel(f"timm:{name}", towers, preprocess, device, has_texts=False)

    return Found("timm", f"timm:{name}", tower_of(preprocess, "timm"), (weights,), build)


def _fetch(config: Any, file: str) -> Path | None:
    return hub_file(str(config.hf_hub_id), config.hf_hub_filename or file) if config.hf_hub_id else None


def _trunk(name: str, config: Any, weights: Path) -> tuple[Any, Fit]:
    """The tower with all its weights, its classifier among them, which is taken off afterwards."""
    import timm

    given = copy.deepcopy(config)
    given.file = str(weights)
    try:
        trunk = timm.create_model(name, pretrained=True, pretrained_cfg=given)
    except RuntimeError as error:  # torch lists missing and surplus names
        raise BenchError(f"{weights}: the weights do not fit {name}. {error}") from None
    whole = list(trunk.state_dict())
    trunk.reset_classifier(0)
    kept = set(trunk.state_dict())
    return trunk, Fit(len(kept), tuple(name for name in whole if name not in kept))
