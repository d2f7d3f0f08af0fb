"""How published models want their films: size, geometry and normalisation, by name.

Each is what the model's own code does to a film at test time; `source` says where that is written, and what is not
the same here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from umcl_bench.errors import unknown_name
from umcl_bench.spec import Geometry, Tag

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Preprocess:
    """From a film to a model's input: `geometry` at `size`, greys divided by `unit`, then (x - mean) / std.

    One mean and std are for all `channels`, which are copies of the grey film.
    """

    name: str
    size: int
    geometry: Geometry
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    unit: float = 255.0
    channels: int = 3
    tag: Tag = field(default="code", metadata={"doc": True})
    source: str = field(default="", metadata={"doc": True})

    def normalise(self, films: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, size, size) greys that `geometry` made, as (n, channels, size, size)."""
        if films.dtype != np.uint8 or films.shape[1:] != (self.size, self.size):
            raise ValueError(f"{self.name} takes uint8 (n, {self.size}, {self.size}), not {films.dtype} {films.shape}")
        mean, std = (np.asarray(value, dtype=np.float32)[:, None, None] for value in (self.mean, self.std))
        values = (films[:, None].astype(np.float32) / np.float32(self.unit) - mean) / std
        return np.ascontiguousarray(np.broadcast_to(values, (len(films), self.channels, self.size, self.size)))


_GLORIA = Geometry("longest", 256, "crop", "area", dicom="max")
_BIOVIL = Geometry("shortest", 512, "crop", greys="stretched", dicom="max")

PREPROCESSES = {
    item.name: item
    for item in (
        Preprocess(
            "gloria",
            224,
            _GLORIA,
            (0.5,),
            (0.5,),
            source="gloria/datasets/image_dataset.py (INTER_AREA, zeros), builder.py (CenterCrop, 'half')",
        ),
        Preprocess("mgca", 224, _GLORIA, (0.5,), (0.5,), source="mgca/datasets/utils.py, transforms.py"),
        Preprocess(
            "medclip",
            224,
            Geometry("square", filter="bicubic"),
            (0.5862785803043838,),
            (0.27950088968644304,),
            source="medclip/dataset.py (pads to at least 224 before it resizes), constants.py; "
            "one channel there, which the model copies to three",
        ),
        Preprocess(
            "chexzero",
            224,
            Geometry("longest", 320, "resize", "lanczos", "bicubic"),
            (101.48761,),
            (83.43944,),
            unit=1.0,
            source="data_process.py (320, zeros), zero_shot.py; its second step, on tensors in torchvision 0.11, does "
            "not smooth before it takes fewer pixels, and this one does (0.5 greys apart on average on real films)",
        ),
        Preprocess(
            "biovil",
            480,
            _BIOVIL,
            source="health_multimodal/image: data/io.py (greys to 0-255), data/transforms.py, utils.py; "
            "it does not turn MONOCHROME1 over, and this does",
        ),
        Preprocess("biovil-t", 448, _BIOVIL, source="as biovil"),
        Preprocess(
            "clip",
            224,
            Geometry("shortest", filter="bicubic"),
            _CLIP_MEAN,
            _CLIP_STD,
            tag="recalled",
            source="clip.py and open_clip's image_transform",
        ),
        Preprocess(
            "cxr-clip",
            224,
            Geometry("shortest"),
            (0.5,),
            (0.5,),
            source="cxrclip/data/data_utils.py ('huggingface'), configs/transform/default.yaml (Resize, CenterCrop)",
        ),
        Preprocess(
            "benchx-cls",
            224,
            Geometry("shortest"),
            (0.4978,),
            (0.2449,),
            tag="summary",
            source="unifier/datasets/transforms.py (Resize, CenterCrop; one version of it has ImageNet's constants)",
        ),
        Preprocess(
            "benchx-seg",
            512,
            Geometry("longest"),
            (0.4978,),
            (0.2449,),
            tag="summary",
            source="mmsegmentation configs (512, keep_ratio); padding is inferred: the films of its tasks are square",
        ),
    )
}


def get_preprocess(name: str) -> Preprocess:
    """The preprocessing of that name. Raises UsageError with the nearest names."""
    if name not in PREPROCESSES:
        raise unknown_name("preprocessing", name, PREPROCESSES)
    return PREPROCESSES[name]
