"""ConVIRT's weights as edreisMD/ConVIRT-pytorch saves them (model.pth); the authors released none.

From that code (models/model.py): `res_features.{0,1,4,5,6,7}` (torchvision's ResNet as a list without its `fc`),
`res_l1` and `res_l2` with a ReLU between them; `bert_model.*`, the mean over tokens, `bert_l1` and `bert_l2`. Its text
projection is never trained there (it is under no_grad). Constants of ImageNet (dataloader/dataset_wrapper.py); that a
film's shorter side goes to 224 pixels is inferred: there is no transform for evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import relu

from umcl_bench.data.preprocess import Preprocess
from umcl_bench.models.released.model import Towers
from umcl_bench.models.released.parts import bert_like, encode, read_tokenizer, resnet_like
from umcl_bench.models.released.weights import State, load_strict, part_of
from umcl_bench.spec import Geometry

MOST_TOKENS = 512
_PLACES = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


class ConVirt(Towers):
    """The modules by their names in the file."""

    def __init__(self, state: State, config: Path | None) -> None:
        super().__init__()
        named = {}
        for name, value in part_of(state, "res_features.").items():
            place, _, rest = name.partition(".")
            named[f"{_PLACES.get(place, place)}.{rest}"] = value
        resnet = resnet_like(named)
        self.res_features = nn.ModuleDict({place: getattr(resnet, name) for place, name in _PLACES.items()})
        self.bert_model = bert_like(part_of(state, "bert_model."), config)
        self.res_l1, self.res_l2, self.bert_l1, self.bert_l2 = (
            _linear(state, name) for name in ("res_l1", "res_l2", "bert_l1", "bert_l2")
        )
        self.pooling = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.dim = len(state["res_l2.weight"])
        self.tokenizer: Tokenizer | None = None

    def images(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        parts = self.res_features
        hidden = self.pooling(relu(parts["1"](parts["0"](pixels))))
        for stage in ("4", "5", "6", "7"):
            hidden = parts[stage](hidden)
        features: Tensor = self.res_l2(relu(self.res_l1(hidden.mean((2, 3)))))
        return features

    def texts(self, texts: Sequence[str]) -> Tensor:
        """See Towers."""
        assert self.tokenizer is not None
        found = encode(self.bert_model, self.tokenizer, texts, MOST_TOKENS)
        features: Tensor = self.bert_l2(relu(self.bert_l1(found.mean(found.states[-1]))))
        return features


def _linear(state: State, name: str) -> nn.Linear:
    rows, columns = state[f"{name}.weight"].shape if f"{name}.weight" in state else (1, 1)
    return nn.Linear(columns, rows)


def preprocess(state: State) -> Preprocess:
    """See the module."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return Preprocess("convirt", 224, Geometry("shortest"), mean, std, tag="inferred", source="dataset_wrapper.py")


def build(state: State, tokenizer: tuple[Path, ...], config: Path | None, what: str) -> ConVirt:
    """The towers with these weights."""
    towers = ConVirt(state, config)
    towers.fit = load_strict(towers, state, what)
    towers.tokenizer = read_tokenizer(tokenizer, int(towers.bert_model.config.vocab_size))
    return towers
