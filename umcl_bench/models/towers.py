"""The image tower (timm) and the text tower (a BERT encoder), each ending in a linear projection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from umcl_bench.data.tokens import PAD
from umcl_bench.errors import BenchError
from umcl_bench.models.packing import GROUPED, grouped_attention, pack
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
        if not len(films) and not torch.distributed.is_initialized():
            # a batch norm would average nothing; one over several processes averages the others' films
            return self.projection.weight.new_zeros(0, self.projection.out_features)
        pixels = (films.unsqueeze(1).float() / 255 - self.tower.mean) / self.tower.std
        features = self.trunk(pixels.contiguous(memory_format=torch.channels_last))
        out: Tensor = self.projection(features)
        return out


class TextEncoder(nn.Module):
    """Token embeddings (n, l, w) -> projected features (n, d): the mean over the tokens that are no padding."""

    def __init__(self, tower: TextTower, vocabulary: int, dim: int) -> None:
        super().__init__()
        from transformers import AttentionInterface, BertConfig, BertModel

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
        AttentionInterface.register(GROUPED, grouped_attention)
        config._attn_implementation = GROUPED
        self.trunk = BertModel(config, add_pooling_layer=False)
        self.projection = nn.Linear(tower.width, dim, bias=False)

    def embed(self, ids: Tensor) -> Tensor:
        """The word embeddings (n, l, w) of token ids (n, l), without positions."""
        out: Tensor = self.trunk.embeddings.word_embeddings(ids)
        return out

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """See the class; `lengths` (n,) from 1 to l are the numbers of tokens that are no padding.

        A text's features do not depend on the other texts, beyond rounding.
        """
        if not len(embedded):
            pooled = embedded.sum(1)
        elif self.trunk.config._attn_implementation == GROUPED:
            pooled = self._pool_packed(embedded, lengths)
        else:
            pooled = self._pool_padded(embedded, lengths)
        out: Tensor = self.projection(pooled)
        return out

    def _pool_packed(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        device = embedded.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else embedded.dtype
        packing = pack(lengths, embedded.shape[1], dtype)
        tokens = embedded.flatten(0, 1).index_select(0, packing.tokens)
        # under autocast the first norm gives float32, and all sums and norms after it would stay at that cost
        hidden = self.trunk.embeddings(inputs_embeds=tokens[None], position_ids=packing.positions).to(dtype)
        for layer in self.trunk.encoder.layer:
            hidden = layer(hidden, packing=packing)
        return packing.pool(hidden[0])

    def _pool_padded(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        mask = torch.arange(embedded.shape[1], device=embedded.device)[None] < lengths[:, None]
        hidden = self.trunk(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        weight = mask.to(hidden.dtype)[:, :, None]
        pooled: Tensor = (hidden * weight).sum(1) / weight.sum(1)
        return pooled


def choose_attention(module: nn.Module, device: torch.device, precision: torch.dtype) -> None:
    """Sets the attention of the towers in `module` to what is fastest on `device` in `precision`.

    A GPU takes torch's fused kernel over texts that are padded to the longest. On a CPU texts are packed, and attention
    is plain matrix products: the fused kernel is several times slower there in bf16.
    """
    fused = device.type != "cpu" or precision != torch.bfloat16
    for part in module.modules():
        if hasattr(part, "fused_attn"):  # timm's
            part.fused_attn = fused  # type: ignore[assignment]
        if isinstance(part, TextEncoder):
            part.trunk.config._attn_implementation = GROUPED if device.type == "cpu" else "sdpa"


def checkpoint_activations(module: nn.Module) -> None:
    """The towers in `module` keep only each block's input for the backward pass, and compute the rest again.

    Batch norms would count each batch twice: run the backward pass inside `statistics_kept`. Raises BenchError for an
    image tower that can't.
    """
    for part in module.modules():
        if isinstance(part, TextEncoder):
            part.trunk.activation_checkpointing_enable({"use_reentrant": False})
        if isinstance(part, ImageEncoder):
            try:
                part.trunk.set_grad_checkpointing(True)  # type: ignore[operator]
            except (AssertionError, AttributeError) as error:
                raise BenchError(f"the image tower {part.tower.name} can't checkpoint its activations") from error
