"""The towers: packed texts against padded ones, attention by device, and activations that are computed again."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from umcl_bench.errors import BenchError
from umcl_bench.models.packing import GROUPED, pack
from umcl_bench.models.statistics import statistics_kept
from umcl_bench.models.towers import ImageEncoder, TextEncoder, checkpoint_activations, choose_attention
from umcl_bench.spec import TINY, ImageTower, TextTower

CPU, GPU = torch.device("cpu"), torch.device("cuda")
TEXT = TextTower(layers=2, width=16, heads=2, mlp=24, max_tokens=21, vocabulary=50)
VIT = ImageTower("vit_tiny_patch16_224", 32, (("img_size", 32), ("depth", 2), ("embed_dim", 24)))


def _text_encoder() -> TextEncoder:
    torch.manual_seed(0)
    encoder = TextEncoder(TEXT, TEXT.vocabulary, 8)
    for parameter in encoder.parameters():  # biases start at zero, where a wrong use of them would not show
        parameter.data += torch.randn_like(parameter) * 0.2
    return encoder


def _padded(encoder: TextEncoder, embedded: Tensor, lengths: Tensor) -> Tensor:
    """The plain definition: BERT over all padded texts with its own eager attention, mean over the tokens."""
    encoder.trunk.config._attn_implementation = "eager"
    mask = (torch.arange(embedded.shape[1]) < lengths[:, None]).long()
    hidden = encoder.trunk(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
    encoder.trunk.config._attn_implementation = GROUPED
    means = [row[:length].mean(0) for row, length in zip(hidden, lengths.tolist(), strict=True)]
    out: Tensor = encoder.projection(torch.stack(means))
    return out


def _gradients(out: Tensor, encoder: nn.Module, *inputs: Tensor) -> list[Tensor]:
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    wanted = [p for name, p in encoder.named_parameters() if "word_embeddings" not in name]
    return list(torch.autograd.grad((out * weight).sum(), [*inputs, *wanted]))


@pytest.mark.parametrize(
    ("how", "dtype", "tolerance"),
    [(GROUPED, torch.float32, 1e-5), (GROUPED, torch.float64, 1e-10), ("sdpa", torch.float64, 1e-10)],
)
def test_texts_of_all_lengths_are_as_if_padded(how: str, dtype: torch.dtype, tolerance: float) -> None:
    """Against float64: in float32 the padded sums themselves are 6e-5 off."""
    encoder = _text_encoder()
    lengths = torch.cat([torch.arange(1, 22), torch.arange(1, 22)])[torch.randperm(42)]
    exact = torch.randn(42, 21, TEXT.width).double().requires_grad_()
    expected = _padded(encoder.double(), exact, lengths)
    plain = _gradients(expected, encoder, exact)
    encoder.to(dtype).trunk.config._attn_implementation = how
    inputs = exact.detach().to(dtype).requires_grad_()
    found = encoder(inputs, lengths)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance)
    for one, other in zip(_gradients(found, encoder, inputs), plain, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=tolerance, atol=tolerance)


def test_padding_and_the_other_texts_do_not_matter() -> None:
    encoder = _text_encoder()
    lengths = torch.randint(1, 22, (50,))
    embedded = torch.randn(50, 21, TEXT.width)
    together = encoder(embedded, lengths)
    for row in (0, 17, 49):
        alone = encoder(embedded[row : row + 1, : int(lengths[row])], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-5)
    beyond = torch.arange(21)[None, :, None] >= lengths[:, None, None]
    assert torch.equal(encoder(embedded.masked_fill(beyond, 7.0), lengths), together)


def test_no_texts_give_no_features() -> None:
    for how in (GROUPED, "sdpa"):
        encoder = _text_encoder()
        encoder.trunk.config._attn_implementation = how
        assert encoder(torch.zeros(0, 5, TEXT.width), torch.zeros(0, dtype=torch.long)).shape == (0, 8)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_same_texts_give_the_same_bits(precision: torch.dtype) -> None:
    encoder = _text_encoder()
    lengths = torch.randint(1, 22, (70,))
    ids = torch.randint(0, TEXT.vocabulary, (70, 21))
    runs = []
    for _ in range(2):
        encoder.zero_grad()
        with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
            encoder(encoder.embed(ids), lengths).square().sum().backward()
        runs.append([p.grad.clone() for p in encoder.parameters() if p.grad is not None])
    assert len(runs[0]) == len(list(encoder.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


def test_bfloat16_is_near_to_float32() -> None:
    encoder = _text_encoder()
    lengths, embedded = torch.randint(1, 22, (40,)), torch.randn(40, 21, TEXT.width)
    exact = encoder(embedded, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = encoder(embedded, lengths).float()
    assert torch.nn.functional.cosine_similarity(rough, exact).min() > 0.999
    assert not torch.equal(rough, exact)


def test_a_packing_holds_every_token_once_and_little_else() -> None:
    lengths = torch.randint(30, 80, (300,), generator=torch.Generator().manual_seed(0))
    packing = pack(lengths, 90, torch.float32)
    rows, places = packing.tokens // 90, packing.tokens % 90
    assert torch.equal(places[places > 0], packing.positions[0][places > 0])
    real = torch.cat([(g.weight > 0).flatten() for g in packing.groups])
    held = {(int(r), int(p)) for r, p in zip(rows[: len(real)][real], places[: len(real)][real], strict=True)}
    assert held == {(r, p) for r, length in enumerate(lengths.tolist()) for p in range(length)}
    assert int(real.sum()) == len(held)
    assert len(packing.tokens) == sum(packing.sizes)
    assert len(packing.tokens) < 1.08 * len(held)  # padded to the longest it would be 1.45


def test_attention_is_chosen_by_device_and_precision_for_this_module_alone() -> None:
    text, image = _text_encoder(), ImageEncoder(VIT, 8)
    found = {}
    for device, precision in ((CPU, torch.bfloat16), (CPU, torch.float32), (GPU, torch.bfloat16)):
        choose_attention(nn.ModuleList([text, image]), device, precision)
        fused = [getattr(part, "fused_attn", None) for part in image.modules()]
        found[device.type, precision] = (fused.count(True), fused.count(False), text.trunk.config._attn_implementation)
    assert found["cpu", torch.bfloat16] == (0, 2, GROUPED)
    assert found["cpu", torch.float32] == (2, 0, GROUPED)
    assert found["cuda", torch.bfloat16] == (2, 0, "sdpa")
    assert _text_encoder().trunk.config._attn_implementation == GROUPED


def test_a_vision_transformer_is_the_same_with_either_attention() -> None:
    encoder, films = ImageEncoder(VIT, 8).eval(), torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    choose_attention(encoder, CPU, torch.float32)
    fused = encoder(films)
    choose_attention(encoder, CPU, torch.bfloat16)
    torch.testing.assert_close(encoder(films), fused, rtol=0, atol=1e-5)


def _held(run: Callable[[], Tensor]) -> tuple[Tensor, int]:
    """What `run` gives, and the bytes that autograd holds for its backward pass."""
    held: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = run()
    return out, sum(held.values())


def _towers() -> list[tuple[nn.Module, Callable[[nn.Module], Tensor]]]:
    torch.manual_seed(0)
    films = torch.randint(0, 256, (6, 32, 32), dtype=torch.uint8)
    ids, lengths = torch.randint(0, TEXT.vocabulary, (40, 21)), torch.randint(1, 22, (40,))
    return [
        (ImageEncoder(TINY.image, 8), lambda tower: tower(films)),
        (ImageEncoder(VIT, 8), lambda tower: tower(films)),
        (_text_encoder(), lambda tower: tower(tower.embed(ids), lengths)),
    ]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_activations_computed_again_give_the_same_gradients_from_less_memory(which: int) -> None:
    tower, run = _towers()[which]
    gradients, sizes, statistics = [], [], []
    for again in (False, True):
        state = {name: value.clone() for name, value in tower.state_dict().items()}
        if again:
            checkpoint_activations(tower)
        tower.zero_grad()
        out, size = _held(lambda: run(tower))
        with statistics_kept(tower):
            out.square().sum().backward()  # type: ignore[no-untyped-call]
        gradients.append([p.grad.clone() for p in tower.parameters() if p.grad is not None])
        statistics.append([value.clone() for value in tower.buffers()])
        sizes.append(size)
        tower.load_state_dict(state)
    assert len(gradients[0]) == len(list(tower.parameters()))
    for one, other in zip(gradients[0] + statistics[0], gradients[1] + statistics[1], strict=True):
        assert torch.equal(one, other)
    assert sizes[1] < 0.6 * sizes[0]


def test_a_tower_that_cannot_compute_again_says_so() -> None:
    tower = ImageEncoder(TINY.image, 8)
    tower.trunk = nn.Flatten()
    with pytest.raises(BenchError, match="resnet18 can't checkpoint"):
        checkpoint_activations(tower)
