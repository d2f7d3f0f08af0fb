"""An image tower of timm's on its own, for tasks that train it further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from umcl_bench.errors import BenchError


class Stage(NamedTuple):
    """A feature map: its channels, and how many pixels of the film one of its own is wide."""

    channels: int
    stride: int


class ImageTrunk(nn.Module):
    """Films (n, s, s) of 0 to 255 -> pooled features (n, w), or feature maps.

    `body` is timm's. Pixels are (films / unit - mean) / std in `channels` copies. The state holds the body's tensors
    and no others.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, body: nn.Module, mean: Sequence[float], std: Sequence[float], channels: int = 1, unit: float = 255.0
    ) -> None:
        super().__init__()
        self.body = body.requires_grad_(True)
        self.width = int(body.num_features)  # type: ignore[arg-type]
        self.channels, self.unit = channels, unit
        for name, value in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(value)[None, :, None, None], persistent=False)

    def forward(self, films: Tensor) -> Tensor:
        """Pooled features (n, w)."""
        out: Tensor = self.body(self.pixels(films))
        return out.flatten(2).mean(2) if out.ndim == 4 else out

    def pixels(self, films: Tensor) -> Tensor:
        """What the body sees (n, channels, s, s)."""
        seen = (films[:, None].float() / self.unit - self.mean) / self.std
        return seen.expand(-1, self.channels, -1, -1).contiguous(memory_format=torch.channels_last)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Those of all feature maps, from the first to the last. Raises BenchError for a tower that gives none."""
        if not hasattr(self.body, "forward_intermediates"):
            raise BenchError(f"the image tower {type(self.body).__name__} gives no feature maps of its stages")
        info = [dict(stage) for stage in self.body.feature_info]  # type: ignore[union-attr]
        return tuple(Stage(int(stage["num_chs"]), int(stage["reduction"])) for stage in info)

    def maps(self, films: Tensor, chosen: Sequence[int]) -> tuple[list[Tensor], list[Tensor | None]]:
        """The maps (n, c, h, w) of chosen stages, and their class tokens (n, t, c) where the tower has any."""
        pixels, tokens = self.pixels(films), int(getattr(self.body, "num_prefix_tokens", 0))
        more = {"return_prefix_tokens": True} if tokens else {}
        found = self.body.forward_intermediates(  # type: ignore[operator]
            pixels, indices=list(chosen), intermediates_only=True, output_fmt="NCHW", **more
        )
        if not tokens:
            return list(found), [None] * len(found)
        return [each[0] for each in found], [each[1] for each in found]


def same_tensors(trunk: nn.Module, tower: nn.Module) -> int:
    """How many tensors `trunk` has, all with the name, shape, type and bytes that they have in `tower`.

    Raises BenchError, naming the first, where one is missing, too many or another.
    """
    here, there = trunk.state_dict(), tower.state_dict()
    for name in (*here, *there):
        if problem := _difference(name, here, there):
            raise BenchError(f"the encoder does not hold the tower's weights: {name} {problem}")
    return len(here)


def _difference(name: str, here: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> str:
    if name not in here:
        return "is missing"
    if name not in there:
        return "is not in the tower"
    mine, theirs = here[name].detach().cpu(), there[name].detach().cpu()
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return f"is {mine.dtype} {tuple(mine.shape)}, not {theirs.dtype} {tuple(theirs.shape)}"
    same = torch.equal(mine.contiguous().view(-1).view(torch.uint8), theirs.contiguous().view(-1).view(torch.uint8))
    return "" if same else "has other values"
