"""CheXzero's released weights (Tiu et al. 2022): best_64_*.pt, the state_dict of OpenAI's CLIP code, ViT-B/32.

From the released code (zero_shot.py, model.py): `visual.*`, `transformer.*`, `token_embedding`, `positional_embedding`,
`ln_final`, `text_projection` and `logit_scale`, with QuickGELU, heads 64 wide, and CLIP's tokenizer (77 tokens). A
checkpoint that was trained at 320 pixels sees these. Any other CLIP in this layout is taken for CheXzero's; put an
open_clip_config.json beside it to say otherwise.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from umcl_bench.data.preprocess import Preprocess, get_preprocess
from umcl_bench.errors import BenchError
from umcl_bench.models.released.open_clip_models import OpenClipTowers
from umcl_bench.models.released.weights import State, load_strict
from umcl_bench.spec import Geometry

_HEAD = 64
_EXTRA = (r"input_resolution|context_length|vocab_size",)


def preprocess(state: State) -> Preprocess:
    """CheXzero's own; without the second resampling where the model sees 320 pixels."""
    own, size = get_preprocess("chexzero"), _image_size(state)
    if size == own.size:
        return own
    return dataclasses.replace(
        own, size=size, geometry=Geometry("longest", 0 if size == 320 else 320, "resize", "lanczos")
    )


def _image_size(state: State) -> int:
    patch = state["visual.conv1.weight"].shape[-1]
    places = state.get("visual.positional_embedding")
    if places is None:
        return 224
    return math.isqrt(len(places) - 1) * patch


def build(state: State, tokenizer: tuple[Path, ...], config: Path | None, what: str) -> OpenClipTowers:
    """The towers with these weights."""
    from open_clip.model import CLIP
    from open_clip.tokenizer import SimpleTokenizer

    missing = [name for name in ("text_projection", "positional_embedding", "visual.conv1.weight") if name not in state]
    if missing:
        raise BenchError(f"{what}: the weights do not fit the model, {len(missing)} missing ({', '.join(missing)})")
    words, width = state["token_embedding.weight"].shape
    vision_width, patch = state["visual.conv1.weight"].shape[0], state["visual.conv1.weight"].shape[-1]
    dim, context = state["text_projection"].shape[1], len(state["positional_embedding"])
    vision = {"layers": _depth(state, "visual.transformer."), "width": vision_width, "head_width": _HEAD}
    text = {"layers": _depth(state, "transformer."), "width": width, "heads": max(1, width // _HEAD)}
    model = CLIP(
        dim,
        {**vision, "patch_size": patch, "image_size": _image_size(state)},
        {**text, "context_length": context, "vocab_size": words},
        quick_gelu=True,
    )
    fit = load_strict(model, state, what, _EXTRA)
    towers = OpenClipTowers(model, SimpleTokenizer(context_length=context), dim)
    towers.fit = fit
    return towers


def _depth(state: State, prefix: str) -> int:
    start = f"{prefix}resblocks."
    return len({name[len(start) :].partition(".")[0] for name in state if name.startswith(start)}) or 1
