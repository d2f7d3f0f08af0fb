"""Released files that only the names of their weights tell apart: MedCLIP, GLoRIA, CheXzero, BioViL(-T), ConVIRT.

Each is in one file, but BioViL and BioViL-T, whose text and image towers are in two.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from umcl_bench.data.preprocess import Preprocess
from umcl_bench.errors import BenchError
from umcl_bench.models.released import biovil, chexzero, convirt, gloria, medclip
from umcl_bench.models.released.found import Folder, Found, tower_of
from umcl_bench.models.released.model import Loaded, ReleasedModel, Towers
from umcl_bench.models.released.parts import CLINICAL_BERT, tokenizer_files
from umcl_bench.models.released.weights import State, read_state


class Layout(NamedTuple):
    """How a layout is told, seen and built. `tokenizer` is the repository whose vocabulary it has, '' for its own.

    `marks` are names of weights that only this layout has. `build` gets the weights, the files of the tokenizer, the
    text tower's config.json (or None), and what to call the weights in errors.
    """

    name: str
    marks: tuple[str, ...]
    preprocess: Callable[[State], Preprocess]
    tokenizer: str
    build: Callable[[State, tuple[Path, ...], Path | None, str], Towers]


_CXR_BERT = "cls_projection_head.dense_to_hidden.weight"

LAYOUTS = (
    Layout(
        "biovil-t",
        ("projector.model.0.weight", "encoder.missing_previous_emb", _CXR_BERT),
        biovil.preprocess_t,
        "microsoft/BiomedVLP-BioViL-T",
        biovil.build,
    ),
    Layout(
        "biovil",
        ("projector.model.0.weight", _CXR_BERT),
        biovil.preprocess,
        "microsoft/BiomedVLP-CXR-BERT-specialized",
        biovil.build,
    ),
    Layout(
        "medclip",
        ("text_model.projection_head.weight", "text_model.model.embeddings.word_embeddings.weight"),
        medclip.preprocess,
        CLINICAL_BERT,
        medclip.build,
    ),
    Layout("gloria", ("gloria.img_encoder.global_embedder.weight",), gloria.preprocess, CLINICAL_BERT, gloria.build),
    Layout("convirt", ("bert_l2.weight", "res_l2.weight"), convirt.preprocess, CLINICAL_BERT, convirt.build),
    Layout("chexzero", ("visual.conv1.weight", "token_embedding.weight"), chexzero.preprocess, "", chexzero.build),
)


def find_in(folder: Folder) -> Found | None:
    """The model of a folder that holds weights of one of the layouts; None where it holds none.

    Raises BenchError where they are of more than one model, or half of one.
    """
    files = folder.weights()
    states = {path: read_state(path, mapped=True) for path in files}
    known = {path: state for path, state in states.items() if any(_marked(layout, state) for layout in LAYOUTS)}
    if not known:
        return None
    whole: State = {name: value for state in known.values() for name, value in state.items()}
    layout = next((layout for layout in LAYOUTS if all(mark in whole for mark in layout.marks)), None)
    if layout is None:
        raise BenchError(f"{folder.path} holds half of a model: {_half(whole)}")
    if len(whole) < sum(map(len, known.values())) or len(known) > 1 + layout.name.startswith("biovil"):
        names = ", ".join(path.name for path in known)
        raise BenchError(f"{folder.path} holds several models ({names}); name one: local:{next(iter(known))}")
    return _found(layout, folder, tuple(known), layout.preprocess(whole))


def _marked(layout: Layout, state: State) -> bool:
    return any(mark in state for mark in layout.marks)


def _half(state: State) -> str:
    if _CXR_BERT in state:
        return (
            "CXR-BERT without an image tower; put BioViL's biovil_image_resnet50_proj_size_128.pt (or BioViL-T's "
            "biovil_t_image_model_proj_size_128.pt) beside it"
        )
    if "projector.model.0.weight" in state:
        return "BioViL's image tower without CXR-BERT; put its pytorch_model.bin, config.json and vocab.txt beside it"
    missing = [mark for layout in LAYOUTS if _marked(layout, state) for mark in layout.marks if mark not in state]
    return f"there is no weight {' or '.join(missing)}"


def _found(layout: Layout, folder: Folder, files: tuple[Path, ...], preprocess: Preprocess) -> Found:
    texts = tokenizer_files(folder, layout.tokenizer) if layout.tokenizer else ()
    config = folder.file("config.json")

    def build(device: torch.device) -> Loaded:
        state: State = {}
        for path in files:
            state |= read_state(path)
        what = " and ".join(map(str, files))
        return ReleasedModel(layout.name, layout.build(state, texts, config, what), preprocess, device)

    more = (config,) if config else ()
    return Found(layout.name, folder.source, tower_of(preprocess, layout.name), (*files, *texts, *more), build)
