"""Segmentation networks: a tower's own trunk, a decoder of segmentation-models-pytorch, one logit for each pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from umcl_bench.errors import UsageError
from umcl_bench.models.trunks import ImageTrunk, Stage

Kind = Literal["unet", "upernet", "dpt"]
_TRANSFORMER_STRIDES = (8, 16, 32)
_TRANSFORMER_STAGES = 4


class Segmenter(nn.Module):
    """Films (n, s, s) of 0 to 255 -> logits (n, s, s). Its `trunk` holds the tower's tensors and no others."""

    def __init__(self, trunk: ImageTrunk, kind: Kind, stages: tuple[int, ...], decoder: nn.Module, head: nn.Module):
        super().__init__()
        self.trunk, self.kind, self.stages = trunk, kind, stages
        self.decoder, self.head = decoder, head

    def forward(self, films: Tensor) -> Tensor:
        """See the class."""
        maps, tokens = self.trunk.maps(films, self.stages)
        if self.kind == "dpt":
            decoded = self.decoder(maps, tokens)
        else:  # smp's decoders begin with the film itself, and look at its size alone; UPerNet skips the next one too
            decoded = self.decoder([films[:, None], *maps] if self.kind == "unet" else [films, films, *maps])
        logits: Tensor = self.head(decoded)
        if logits.shape[-2:] != films.shape[-2:]:
            logits = nn.functional.interpolate(logits, size=films.shape[-2:], mode="bilinear")
        return logits[:, 0]


def choose_decoder(stages: tuple[Stage, ...], wanted: str = "auto") -> Kind:
    """The decoder that fits a tower's feature maps: see spec.Segmentation. Raises UsageError for one that does not."""
    strides = tuple(stage.stride for stage in stages)
    fitting: list[Kind] = []
    if strides == (2, 4, 8, 16, 32):
        fitting = ["unet", "upernet"]
    elif strides == (4, 8, 16, 32):
        fitting = ["upernet"]
    elif len(set(strides)) == 1 and strides[0] in _TRANSFORMER_STRIDES and len(strides) >= _TRANSFORMER_STAGES:
        fitting = ["dpt"]
    found = next((kind for kind in fitting if wanted in ("auto", kind)), None)
    if found is None:
        shown = ", ".join(map(str, dict.fromkeys(strides)))
        fits = f"{' or '.join(fitting)} fits" if fitting else "no decoder here fits"
        raise UsageError(f"decoder {wanted}: the tower's feature maps have strides of {shown} pixels, and {fits} these")
    return found


def build_segmenter(trunk: ImageTrunk, decoder: str, width: int, seed: int) -> Segmenter:
    """The network around `trunk`, its decoder drawn from `seed`. `width` are the channels of the widest block.

    U-Net's blocks (Ronneberger et al. 2015) halve the width five times, as smp's default of 256 to 16 does; UPerNet
    (Xiao et al. 2018) and DPT (Ranftl et al. 2021) have one width. DPT reads four blocks, evenly spaced up to the last,
    at widths of 1, 2, 4 and 4 times that. Raises UsageError for a decoder that does not fit the tower.
    """
    kind = choose_decoder(trunk.stages, decoder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return _BUILD[kind](trunk, width)


def _unet(trunk: ImageTrunk, width: int) -> Segmenter:
    from segmentation_models_pytorch.base import SegmentationHead
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

    widths = [max(4, width >> step) for step in range(len(trunk.stages))]
    channels = [trunk.channels, *(stage.channels for stage in trunk.stages)]
    decoder = UnetDecoder(channels, widths, len(widths))
    return _initialised(Segmenter(trunk, "unet", _all(trunk), decoder, SegmentationHead(widths[-1], 1)))


def _upernet(trunk: ImageTrunk, width: int) -> Segmenter:
    from segmentation_models_pytorch.base import SegmentationHead
    from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

    chosen = _all(trunk)[-4:]
    channels = [0, 0, *(trunk.stages[stage].channels for stage in chosen)]
    decoder = UPerNetDecoder(channels, len(channels) - 1, width)
    head = SegmentationHead(width, 1, kernel_size=1, upsampling=4)
    return _initialised(Segmenter(trunk, "upernet", chosen, decoder, head))


def _dpt(trunk: ImageTrunk, width: int) -> Segmenter:
    from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder, DPTSegmentationHead

    depth = len(trunk.stages)
    chosen = tuple(depth * step // _TRANSFORMER_STAGES - 1 for step in range(1, _TRANSFORMER_STAGES + 1))
    tokens = int(getattr(trunk.body, "num_prefix_tokens", 0)) > 0
    decoder = DPTDecoder(
        encoder_out_channels=[trunk.stages[stage].channels for stage in chosen],
        encoder_output_strides=[trunk.stages[stage].stride for stage in chosen],
        encoder_has_prefix_tokens=tokens,
        readout="cat" if tokens else "ignore",
        intermediate_channels=(width, 2 * width, 4 * width, 4 * width),
        fusion_channels=width,
    )
    return _initialised(Segmenter(trunk, "dpt", chosen, decoder, DPTSegmentationHead(width, 1)))


_BUILD: dict[Kind, Callable[[ImageTrunk, int], Segmenter]] = {"unet": _unet, "upernet": _upernet, "dpt": _dpt}


def _all(trunk: ImageTrunk) -> tuple[int, ...]:
    return tuple(range(len(trunk.stages)))


def _initialised(network: Segmenter) -> Segmenter:
    """With the decoder's and the head's weights as smp draws them."""
    from segmentation_models_pytorch.base import initialization

    initialization.initialize_decoder(network.decoder)
    initialization.initialize_head(network.head)
    return network
