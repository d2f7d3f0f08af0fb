"""GLoRIA's released weights (Huang et al. 2021): chexpert_resnet50.ckpt, a checkpoint of PyTorch Lightning.

From the released code (gloria/models): `gloria.img_encoder.model.*` (torchvision's ResNet-50 without its `fc`), whose
input goes to 299 pixels, with `global_embedder` and `local_embedder`; `gloria.text_encoder.model.*`
(Bio_ClinicalBERT), whose last four layers are summed. Word pieces are summed into words, and the mean over 97 places,
of which those behind the text are 0, has the direction of the sum over the text's tokens: that is what is here. The
local similarity of words and regions has no joint embedding and is left out; zero-shot figures of the paper average
both. Of a text, only letters, digits and full sentences reach the tokenizer there, and sentences of one word do not;
here they do, as a prompt may be one word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import interpolate

from umcl_bench.data.preprocess import Preprocess, get_preprocess
from umcl_bench.models.released.model import Towers
from umcl_bench.models.released.parts import bert_like, encode, read_tokenizer, resnet_like
from umcl_bench.models.released.weights import State, load_strict, part_of

MOST_TOKENS = 97
_SIDE = 299
_LAYERS = 4
_UNUSED = (r"img_encoder\.local_embedder\.weight",)


class Gloria(Towers):
    """The modules by their names in the file, without the 'gloria.' in front."""

    def __init__(self, state: State, config: Path | None) -> None:
        super().__init__()
        resnet = resnet_like(part_of(state, "img_encoder.model."))
        self.dim, width = state["img_encoder.global_embedder.weight"].shape
        self.img_encoder = nn.ModuleDict({"model": resnet, "global_embedder": nn.Linear(width, self.dim)})
        self.text_encoder = nn.ModuleDict({"model": bert_like(part_of(state, "text_encoder.model."), config)})
        self.tokenizer: Tokenizer | None = None

    def images(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        larger = interpolate(pixels, size=(_SIDE, _SIDE), mode="bilinear", align_corners=True)
        pooled = self.img_encoder["model"].forward_features(larger).mean((2, 3))  # type: ignore[operator]
        features: Tensor = self.img_encoder["global_embedder"](pooled)
        return features

    def trunk_of_timm(self) -> nn.Module | None:
        """See Towers."""
        return self.img_encoder["model"]

    def texts(self, texts: Sequence[str]) -> Tensor:
        """See Towers."""
        assert self.tokenizer is not None
        found = encode(self.text_encoder["model"], self.tokenizer, [clean(text) for text in texts], MOST_TOKENS)
        return found.mean(torch.stack(found.states[-_LAYERS:]).sum(0))


def clean(text: str) -> str:
    """Sentences in lower case, letters and digits alone, as GLoRIA's `process_text` leaves them."""
    sentences = re.split(r"[0-9]+\.|\.", text.replace("\n", " "))
    words = [re.findall(r"\w+", sentence.lower()) for sentence in sentences]
    kept = [word.encode("ascii", "ignore").decode() for sentence in words for word in sentence]
    return " ".join(word for word in kept if word)


def preprocess(state: State) -> Preprocess:
    """GLoRIA's own."""
    return get_preprocess("gloria")


def build(state: State, tokenizer: tuple[Path, ...], config: Path | None, what: str) -> Gloria:
    """The towers with these weights."""
    plain = {name.removeprefix("gloria."): value for name, value in state.items()}
    towers = Gloria(plain, config)
    towers.fit = load_strict(towers, plain, what, _UNUSED)
    pieces = len(plain["text_encoder.model.embeddings.word_embeddings.weight"])
    towers.tokenizer = read_tokenizer(tokenizer, pieces)
    return towers
