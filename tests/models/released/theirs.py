"""The released models' own forward passes, transcribed plainly, with the weights by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import BertWordPieceTokenizer
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, relu

from tests.models.released.writing import shuffle, tiny_tokenizer

DIM = 24


class Theirs(NamedTuple):
    """What the model's own code does: `state` as it saves it, normalised pixels and one text to features."""

    state: dict[str, Tensor]
    images: Callable[[Tensor], Tensor]
    text: Callable[[str], Tensor]


def resnet(**options: Any) -> nn.Module:
    """Torchvision's bottleneck ResNet with a block a stage."""
    from torchvision.models.resnet import Bottleneck, ResNet  # type: ignore[import-untyped]

    return shuffle(ResNet(Bottleneck, [1, 1, 1, 1], **options))


def feature_map(model: Any, pixels: Tensor) -> Tensor:
    hidden = model.maxpool(relu(model.bn1(model.conv1(pixels))))
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        hidden = stage(hidden)
    return hidden  # type: ignore[no-any-return]


def write_vocabulary(folder: Path) -> int:
    """vocab.txt; returns the number of pieces."""
    found = tiny_tokenizer().get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(found, key=lambda piece: found[piece])) + "\n")
    return len(found)


def bert(pieces: int, *, pooler: bool = True) -> Any:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=pieces,
        hidden_size=64,
        num_hidden_layers=5,
        num_attention_heads=1,
        intermediate_size=72,
        max_position_embeddings=40,
    )
    return shuffle(BertModel(config, add_pooling_layer=pooler))


def states(model: Any, folder: Path, text: str) -> tuple[Tensor, ...]:
    """The hidden states of one text, without padding."""
    tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
    found = model(torch.tensor([tokenizer.encode(text).ids]), output_hidden_states=True)
    return tuple(found.hidden_states)


def named(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value.clone() for name, value in module.state_dict().items()}


def linear(columns: int, rows: int, *, bias: bool = True) -> Any:
    return shuffle(nn.Linear(columns, rows, bias=bias), seed=columns + rows)


def medclip(folder: Path, *, swin: bool = False) -> Theirs:
    text_model = bert(write_vocabulary(folder))
    projection = linear(64, DIM, bias=False)
    if swin:
        from transformers import SwinConfig, SwinModel

        config = SwinConfig(image_size=224, patch_size=4, embed_dim=16, depths=[1, 2], num_heads=[2, 4], window_size=7)
        trunk: Any = shuffle(SwinModel(config))
        head = linear(32, DIM, bias=False)
        vision = {_old_swin(name): value for name, value in named(trunk, "vision_model.model.").items()}
        vision["vision_model.model.encoder.layers.0.blocks.0.attention.self.relative_position_index"] = torch.zeros(
            49, 49, dtype=torch.int64
        )
        vision["vision_model.projection_head.weight"] = head.weight

        def images(pixels: Tensor) -> Tensor:
            return head(trunk(pixels).pooler_output)  # type: ignore[no-any-return]
    else:
        trunk = resnet()
        trunk.fc = linear(2048, DIM, bias=False)
        vision, images = named(trunk, "vision_model.model."), trunk

    def text(given: str) -> Tensor:
        found = states(text_model, folder, given)
        return projection(torch.stack([found[1], found[2], found[-1]], 1).mean(2).mean(1))  # type: ignore[no-any-return]

    state = {**vision, **named(text_model, "text_model.model."), "text_model.projection_head.weight": projection.weight}
    state["text_model.model.embeddings.position_ids"] = torch.arange(40)[None]
    return Theirs({**state, "logit_scale": torch.tensor(2.6)}, images, text)


def _old_swin(name: str) -> str:
    for new, old in (
        ("attention.q_proj", "attention.self.query"), ("attention.k_proj", "attention.self.key"),
        ("attention.v_proj", "attention.self.value"), ("attention.o_proj", "attention.output.dense"),
        ("attention.relative_position_bias.", "attention.self."),
        ("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense"),
    ):  # fmt: skip
        name = name.replace(new, old)
    return name


def gloria(folder: Path) -> Theirs:
    text_model, trunk = bert(write_vocabulary(folder)), resnet()
    trunk.fc = nn.Identity()
    embedder = linear(2048, 64)

    def images(pixels: Tensor) -> Tensor:
        larger = interpolate(pixels, size=(299, 299), mode="bilinear", align_corners=True)
        return embedder(feature_map(trunk, larger).mean((2, 3)))  # type: ignore[no-any-return]

    def text(given: str) -> Tensor:
        last = torch.stack(states(text_model, folder, given)[-4:], 1)  # (1, 4, l, w); the places behind it are 0
        return (last.sum(2) / 97).sum(1)

    state = {
        **named(trunk, "gloria.img_encoder.model."),
        **named(embedder, "gloria.img_encoder.global_embedder."),
        "gloria.img_encoder.local_embedder.weight": torch.randn(64, 1024, 1, 1),
        **named(text_model, "gloria.text_encoder.model."),
    }
    return Theirs(state, images, text)


def convirt(folder: Path) -> Theirs:
    text_model, trunk = bert(write_vocabulary(folder)), resnet()
    features = nn.Sequential(*list(trunk.children())[:-1])
    res, words = [linear(2048, 2048), linear(2048, DIM)], [linear(64, 64), linear(64, DIM)]

    def images(pixels: Tensor) -> Tensor:
        return res[1](relu(res[0](features(pixels).flatten(1))))  # type: ignore[no-any-return]

    def text(given: str) -> Tensor:
        mean = states(text_model, folder, given)[-1].mean(1)
        return words[1](relu(words[0](mean)))  # type: ignore[no-any-return]

    state = {**named(features, "res_features."), **named(text_model, "bert_model.")}
    for name, layer in zip(("res_l1.", "res_l2.", "bert_l1.", "bert_l2."), (*res, *words), strict=True):
        state |= named(layer, name)
    return Theirs(state, images, text)


def biovil_image(*, temporal: bool) -> tuple[dict[str, Tensor], Callable[[Tensor], Tensor]]:
    trunk = resnet(num_classes=10)
    state = named(trunk, "encoder.encoder.")
    width = 2048
    if temporal:
        down: Any = shuffle(nn.Conv2d(2048, 16, 1, bias=False))
        missing, width = torch.randn(1, 16, 1, 1), 32
        state |= {**named(down, "encoder.backbone_to_vit."), "encoder.missing_previous_emb": missing}
        state["encoder.vit_pooler.type_embed"] = torch.randn(2, 1, 16)
    layers = [nn.Conv2d(width, DIM, 1, bias=False), nn.BatchNorm2d(DIM), nn.ReLU(), nn.Conv2d(DIM, DIM, 1)]
    projector = shuffle(nn.Sequential(*layers))

    def images(pixels: Tensor) -> Tensor:
        patches = feature_map(trunk, pixels)
        if temporal:
            patches = down(patches)
            patches = torch.cat([patches, missing.repeat(len(patches), 1, *patches.shape[2:])], 1)
        return projector(patches).mean((2, 3))  # type: ignore[no-any-return]

    return {**state, **named(projector, "projector.model.")}, images


def cxr_bert(folder: Path) -> tuple[dict[str, Tensor], Callable[[str], Tensor]]:
    model = bert(write_vocabulary(folder), pooler=False)
    first, norm, last = linear(64, DIM), shuffle(nn.LayerNorm(DIM, eps=1e-12)), linear(DIM, DIM)

    def text(given: str) -> Tensor:
        return last(norm(gelu(first(states(model, folder, given)[-1][:, 0]))))  # type: ignore[no-any-return]

    state = {**named(model, "bert."), "cls.predictions.bias": torch.zeros(5)}
    for name, layer in (("dense_to_hidden.", first), ("LayerNorm.", norm), ("dense_to_output.", last)):
        state |= named(layer, f"cls_projection_head.{name}")
    return state, text


def each(text: Callable[[str], Tensor], texts: Sequence[str]) -> Tensor:
    """One text at a time, so that no padding is in play."""
    return torch.cat([text(given) for given in texts])
