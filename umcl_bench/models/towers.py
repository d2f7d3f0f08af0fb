"""The image tower (timm) and the text tower (a BERT encoder), each ending in a linear projection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from umcl_bench.data.tokens import PAD
from umcl_bench.spec import ImageTower, TextTower


class ImageEncoder(nn.Module):
    """Grey films (n, s, s) of uint8 or of 0 to 255 floats -> projected features (n, d), not yet normalised."""

    def __init__(self, tower: ImageTower, dim: int) -> None:
        super().__init__()
        import timm

        self.tower = tower
        options: dict[str, Any] = dict(tower.options)
        self.trunk: nn.Module = timm.create_model(tower.name, pretrained=False, in_chans=1, num_classes=0, **options)
        self.projection = nn.Linear(int(self.trunk.num_features), dim, bias=False)

    def forward(self, films: Tensor) -> Tensor:
        """See the class."""
        pixels = (films.unsqueeze(1).float() / 255 - self.tower.mean) / self.tower.std
        features = self.trunk(pixels.contiguous(memory_format=torch.channels_last))
        out: Tensor = self.projection(features)
        return out


class TextEncoder(nn.Module):
    """Token embeddings (n, l, w) -> projected features (n, d): the mean over the tokens that are no padding."""

    def __init__(self, tower: TextTower, vocabulary: int, dim: int) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=vocabulary,
            hidden_size=tower.width,
            num_hidden_layers=tower.layers,
            num_attention_heads=tower.heads,
            intermediate_size=tower.mlp,
            max_position_embeddings=tower.max_tokens,
            type_vocab_size=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=PAD,
        )
        # the fused attention of torch is several times slower than matrix products in bf16 on a CPU
        config._attn_implementation = "eager"
        self.trunk = BertModel(config, add_pooling_layer=False)
        self.projection = nn.Linear(tower.width, dim, bias=False)

    def embed(self, ids: Tensor) -> Tensor:
        """The word embeddings (n, l, w) of token ids (n, l), without positions."""
        out: Tensor = self.trunk.embeddings.word_embeddings(ids)
        return out

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """See the class; `lengths` (n,) are the numbers of tokens that are no padding."""
        mask = torch.arange(embedded.shape[1], device=embedded.device)[None] < lengths[:, None]
        hidden = self.trunk(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        weight = mask.to(hidden.dtype)[:, :, None]
        out: Tensor = self.projection((hidden * weight).sum(1) / weight.sum(1))
        return out
