"""The image tower (timm) and the text tower (a BERT encoder), each ending in a linear projection."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from umcl_bench.data.tokens import PAD
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models.packing import GROUPED, grouped_attention, pack
from umcl_bench.spec import Heads, ImageTower, TextTower

HEADS = Heads()


class ImageEncoder(nn.Module):
    """Grey films (n, s, s) of uint8 or of 0 to 255 floats -> projected features (n, d), not yet normalised.

    With `local`, `patches` gives the projected features of patches too: of the last feature map but one (a stride of
    16 at the papers' towers), as in GLoRIA.
    """

    def __init__(self, tower: ImageTower, dim: int, heads: Heads = HEADS, *, local: bool = False) -> None:
        super().__init__()
        import timm

        self.tower = tower
        self.dim = dim
        options: dict[str, Any] = dict(tower.options)
        self.trunk: nn.Module = timm.create_model(tower.name, pretrained=False, in_chans=1, num_classes=0, **options)
        self.width = int(self.trunk.num_features)
        self.projection = _projection(self.width, dim, heads)
        self.local = nn.Linear(self.trunk.feature_info[-2]["num_chs"], dim, bias=False) if local else None

    def forward(self, films: Tensor) -> Tensor:
        """See the class."""
        if self._none(films):
            return self._any_weight().new_zeros(0, self.dim)
        out: Tensor = self.projection(self.pool(films))
        return out

    def pool(self, films: Tensor) -> Tensor:
        """Pooled features (n, w), before the projection."""
        out: Tensor = self.trunk(self._pixels(films))
        return out

    def patches(self, films: Tensor) -> tuple[Tensor, Tensor]:
        """Projected features (n, d), and those of patches (n, p, d)."""
        assert self.local is not None
        if self._none(films):
            return self._any_weight().new_zeros(0, self.dim), self._any_weight().new_zeros(0, 1, self.dim)
        last, (middle,) = self.trunk.forward_intermediates(self._pixels(films), indices=[-2], output_fmt="NCHW")  # type: ignore[operator]
        out = self.projection(self.trunk.forward_head(last))  # type: ignore[operator]
        return out, self.local(middle.flatten(2).transpose(1, 2))

    def dense(self, films: Tensor) -> Tensor:
        """Projected features of patches (n, h, w, d), not normalised: the projection at each place of the last map.

        Where the film's features are the mean over places (ResNet, Swin) and the projection is linear, these average
        to them. Inferred: patches of a ViT, whose features are its class token's, are projected the same way. The
        local heads of GLoRIA and MGCA are left out: what they project was never compared with a whole text.
        """
        (last,) = self.trunk.forward_intermediates(  # type: ignore[operator]
            self._pixels(films), indices=[-1], norm=True, output_fmt="NCHW", intermediates_only=True
        )
        out: Tensor = self.projection(last.permute(0, 2, 3, 1))
        return out

    def _any_weight(self) -> Tensor:
        """Any parameter: its device and type are the tower's."""
        return next(self.projection.parameters())

    def _none(self, films: Tensor) -> bool:
        """A batch norm would average nothing; one over several processes averages the others' films."""
        return not len(films) and not torch.distributed.is_initialized()

    def _pixels(self, films: Tensor) -> Tensor:
        pixels = (films.unsqueeze(1).float() / 255 - self.tower.mean) / self.tower.std
        return pixels.contiguous(memory_format=torch.channels_last)


def with_stride(encoder: ImageEncoder, stride: int) -> ImageEncoder:
    """The tower with places at most `stride` (8, 16 or 32) pixels apart, for `dense`, in evaluation mode.

    Of a ResNet, a copy with the same weights whose last strides are dilations (Chen et al. 2018, DeepLab): it has the
    tower's places, and others between them. Other towers keep their own: they come back as they are.
    """
    import timm

    if not isinstance(encoder.trunk, timm.models.ResNet) or stride == 32:
        return encoder
    tower, copied = encoder.tower, copy.copy(encoder)
    options: dict[str, Any] = dict(tower.options)
    dilated = timm.create_model(
        tower.name, pretrained=False, in_chans=1, num_classes=0, output_stride=stride, **options
    )
    dilated.load_state_dict(encoder.trunk.state_dict())
    copied._modules = {**encoder._modules, "trunk": dilated.eval().to(encoder._any_weight().device)}
    return copied


class TextEncoder(nn.Module):
    """Token embeddings (n, l, w) -> projected features (n, d), pooled over the tokens that are no padding.

    With `local`, `words` gives the projected features of words too: each the sum of its pieces, as in GLoRIA.
    """

    def __init__(
        self, tower: TextTower, vocabulary: int, dim: int, heads: Heads = HEADS, *, local: bool = False
    ) -> None:
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
        self.heads = heads
        self.layers = {layer % (tower.layers + 1) for layer in heads.text_layers}
        if any(not -tower.layers - 1 <= layer <= tower.layers for layer in heads.text_layers):
            raise UsageError(f"text_layers {heads.text_layers}: the text tower has layers 0 to {tower.layers}")
        if tower.layers not in self.layers:
            raise UsageError(
                f"text_layers {heads.text_layers}: the last layer, -1, must be among them, or it never learns"
            )
        self.trunk = BertModel(config, add_pooling_layer=False)
        self.projection = _projection(tower.width, dim, heads)
        self.local = nn.Linear(tower.width, dim, bias=False) if local else None

    def embed(self, ids: Tensor) -> Tensor:
        """The word embeddings (n, l, w) of token ids (n, l), without positions."""
        out: Tensor = self.trunk.embeddings.word_embeddings(ids)
        return out

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """See the class; `lengths` (n,) from 1 to l are the numbers of tokens that are no padding.

        A text's features do not depend on the other texts, beyond rounding.
        """
        out: Tensor = self.projection(self._encode(embedded, lengths, None)[0])
        return out

    def words(self, embedded: Tensor, lengths: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Projected features (n, d), and those of words (n, l, d).

        `numbers` (n, l) says which word a token belongs to, -1 for none; a word that there is not is all zero.
        """
        assert self.local is not None
        pooled, words = self._encode(embedded, lengths, numbers)
        assert words is not None
        return self.projection(pooled), self.local(words)

    def _encode(self, embedded: Tensor, lengths: Tensor, numbers: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Pooled features (n, w), and the sums of words' tokens (n, l, w) where `numbers` are given."""
        if not len(embedded):
            return embedded.sum(1), None if numbers is None else embedded
        if self.trunk.config._attn_implementation != GROUPED:
            return self._padded(embedded, lengths, numbers)
        device = embedded.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else embedded.dtype
        packing = pack(lengths, embedded.shape[1], dtype)
        tokens = embedded.flatten(0, 1).index_select(0, packing.tokens)
        # under autocast the first norm gives float32, and all sums and norms after it would stay at that cost
        hidden = self.trunk.embeddings(inputs_embeds=tokens[None], position_ids=packing.positions).to(dtype)
        states = [hidden]
        for layer in self.trunk.encoder.layer:
            hidden = layer(hidden, packing=packing)
            states.append(hidden)
        chosen = self._average(states)[0]
        pooled = packing.highest(chosen) if self.heads.text_pooling == "max" else packing.pool(chosen)
        if numbers is None:
            return pooled, None
        used = packing.real
        place = packing.tokens[used]
        return pooled, _sum_words(chosen[used], place // embedded.shape[1], numbers.flatten()[place], numbers.shape)

    def _padded(self, embedded: Tensor, lengths: Tensor, numbers: Tensor | None) -> tuple[Tensor, Tensor | None]:
        mask = torch.arange(embedded.shape[1], device=embedded.device)[None] < lengths[:, None]
        found = self.trunk(
            inputs_embeds=embedded, attention_mask=mask, output_hidden_states=self.layers != self._last()
        )
        hidden = found.last_hidden_state if self.layers == self._last() else self._average(found.hidden_states)
        weight = mask.to(hidden.dtype)[:, :, None]
        if self.heads.text_pooling == "max":
            pooled = hidden.masked_fill(~mask[:, :, None], -torch.inf).amax(1)
        else:
            pooled = (hidden * weight).sum(1) / weight.sum(1)
        if numbers is None:
            return pooled, None
        rows = torch.arange(len(hidden), device=hidden.device)[:, None].expand(numbers.shape)
        return pooled, _sum_words(hidden.flatten(0, 1), rows.flatten(), numbers.flatten(), numbers.shape)

    def _last(self) -> set[int]:
        return {len(self.trunk.encoder.layer)}

    def _average(self, states: Sequence[Tensor]) -> Tensor:
        chosen = [states[layer] for layer in sorted(self.layers)]
        return chosen[0] if len(chosen) == 1 else torch.stack(chosen).mean(0)


def _projection(width: int, dim: int, heads: Heads) -> nn.Module:
    if heads.projection == "linear":
        return nn.Linear(width, dim, bias=False)
    return nn.Sequential(nn.Linear(width, dim), nn.ReLU(), nn.Linear(dim, dim))


def _sum_words(hidden: Tensor, rows: Tensor, numbers: Tensor, shape: torch.Size) -> Tensor:
    """Hidden states (t, w) of tokens, which text (t,) and which of its words (t,) each is of -> sums (n, l, w)."""
    kept = numbers >= 0
    out = hidden.new_zeros(shape[0] * shape[1], hidden.shape[1])
    out = out.index_add(0, (rows * shape[1] + numbers)[kept], hidden[kept])
    return out.view(*shape, -1)


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
