"""Pretrained towers: found in a folder or the hub's cache, loaded whole, and the same model as where they come from."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertForPreTraining, BertTokenizer

from tests.conftest import Quick
from umcl_bench import spec
from umcl_bench.data.tokens import END, PAD, START, UNKNOWN, encode
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models.dual import DualEncoder, build_encoder
from umcl_bench.models.pretrained import check_towers, load_pretrained, pretrained_tokenizer
from umcl_bench.spec import Baseline, ImageTower, Objective, Optim, Recipe, Size, Term, TextTower

PIECES = [
    "[PAD]", "[unused1]", "[unused2]", "[unused3]", "Edema", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "pleural", "e",
    "##ff", "##usion", ".", "\u2028", "is", "seen", "the", "heart", "large", ",",
]  # fmt: skip
REPORTS = ["No pleural effusion.", "The heart is LARGE, is the pleural effusion seen", "the thing"]
RESNET = ImageTower(
    "resnet18", 32, (("layers", (1, 1, 1, 1)), ("channels", (4, 8, 8, 16))), mean=0.449, std=0.226, weights="timm/net"
)
VIT = ImageTower(
    "vit_tiny_patch16_224", 32, (("img_size", 32), ("depth", 2), ("embed_dim", 24)), 0.449, 0.226, weights="timm/net"
)
SWIN = ImageTower(
    "swin_tiny_patch4_window7_224",
    32,
    (("img_size", 32), ("window_size", 4), ("embed_dim", 8), ("depths", (1, 1)), ("num_heads", (1, 2))),
    mean=0.449,
    std=0.226,
    weights="timm/net",
)
TEXT = TextTower(layers=2, width=16, heads=2, mlp=24, max_tokens=20, vocabulary=len(PIECES), weights="someone/bert")


def recipe_of(image: ImageTower = RESNET, text: TextTower = TEXT, **changes: Any) -> Recipe:
    size = Size("custom", image, text, 8, Optim(1e-3, 0.1, 4, 8))
    return dataclasses.replace(Recipe(Baseline("clip"), size, init="pretrained"), **changes)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no folder of towers."""
    monkeypatch.delenv("UMCL_BENCH_TOWERS", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def towers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of towers, each under the last part of its name."""
    root = tmp_path / "towers"
    monkeypatch.setenv("UMCL_BENCH_TOWERS", str(root))
    write_image(root / "net")
    write_text(root / "bert")
    return root


def shaken(module: nn.Module) -> nn.Module:
    """With no parameter or buffer left at a value that hides a wrong use of it."""
    torch.manual_seed(1)
    for value in (*module.parameters(), *module.buffers()):
        if value.is_floating_point():
            value.data += torch.rand_like(value) * 0.2
    return module.eval()


def write_image(folder: Path, tower: ImageTower = RESNET) -> nn.Module:
    """Timm's model of three colours and ten classes, saved as the hub has it."""
    model = shaken(timm.create_model(tower.name, num_classes=10, **dict(tower.options)))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    return model


def write_text(folder: Path, **settings: Any) -> Any:
    """A BERT with the heads that it was trained with, for pairs of sentences, saved as in 2019."""
    options = {"vocab_size": len(PIECES), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    options |= {"intermediate_size": 24, "max_position_embeddings": 32}
    config = BertConfig(**{**options, **settings})
    model = shaken(BertForPreTraining(config))
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return model


def loaded(recipe: Recipe) -> DualEncoder:
    encoder = build_encoder(recipe, recipe.size.text.vocabulary)
    load_pretrained(encoder, recipe)
    return encoder.eval()


@pytest.mark.parametrize("tower", [RESNET, VIT, SWIN], ids=lambda tower: tower.name)
def test_an_image_tower_gives_for_a_film_what_timms_gives_for_three_equal_colours(
    towers: Path, tower: ImageTower
) -> None:
    theirs = write_image(towers / "net", tower)
    films = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    grey = (films[:, None].float() / 255 - tower.mean) / tower.std
    ours = loaded(recipe_of(tower)).image
    with torch.inference_mode():
        found = ours(films)
        exact = theirs.double().forward_features(grey.double().expand(-1, 3, -1, -1))  # type: ignore[operator]
        expected: Tensor = theirs.forward_head(exact, pre_logits=True)  # type: ignore[operator]
        assert expected.std() > 1e-3
        torch.testing.assert_close(found.double(), ours.double().projection(expected), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours.trunk(grey.double()), expected, rtol=0, atol=1e-5)  # sums of float32


def test_swin_weights_of_the_older_layout_fit(towers: Path) -> None:
    """Timm put a stage's downsampling at its end before 0.8.3; its converter moves it."""
    model = write_image(towers / "net", SWIN)
    old = {name.replace("layers.1.downsample", "layers.0.downsample"): v for name, v in model.state_dict().items()}
    old = {name.replace("head.fc.", "head."): value.contiguous() for name, value in old.items()}
    save_file(old, towers / "net" / "model.safetensors")
    found = loaded(recipe_of(SWIN)).image.trunk.state_dict()
    name = "layers.1.downsample.reduction.weight"
    torch.testing.assert_close(found[name], model.state_dict()[name], rtol=0, atol=0)


def test_a_text_tower_gives_what_transformers_gives(towers: Path) -> None:
    theirs = write_text(towers / "bert").bert
    recipe = recipe_of()
    tokenizer = pretrained_tokenizer(recipe)
    assert tokenizer is not None
    known = BertTokenizer(vocab={piece: i for i, piece in enumerate(PIECES)})
    tokens = encode(tokenizer, REPORTS, recipe.size.text.max_tokens)
    ids, lengths = torch.from_numpy(tokens.ids), torch.from_numpy(tokens.lengths)
    encoder = loaded(recipe)
    with torch.inference_mode():
        found = encoder.text(encoder.text.embed(ids), lengths)
        for row, text in enumerate(REPORTS):
            given = known(text, return_tensors="pt")
            pieces = [PIECES[i] for i in given["input_ids"][0]]
            assert [tokenizer.id_to_token(int(i)) for i in ids[row, : lengths[row]]] == pieces
            expected = encoder.text.projection(theirs(**given).last_hidden_state.mean(1))
            torch.testing.assert_close(found[row : row + 1], expected, rtol=0, atol=1e-5)
    assert "[UNK]" in tokenizer.encode(REPORTS[2]).tokens


def test_special_pieces_stand_where_this_program_has_them_and_none_is_lost(towers: Path) -> None:
    tokenizer = pretrained_tokenizer(recipe_of())
    assert tokenizer is not None
    named = {"[PAD]": PAD, "[UNK]": UNKNOWN, "[CLS]": START, "[SEP]": END}
    assert {name: tokenizer.token_to_id(name) for name in named} == named
    assert set(tokenizer.get_vocab()) == set(PIECES)
    assert tokenizer.get_vocab_size() == len(PIECES)


def test_a_tower_that_is_cased_says_so(towers: Path) -> None:
    recipe = recipe_of()
    before = check_towers(recipe.size, recipe.baseline)
    lower = pretrained_tokenizer(recipe)
    (towers / "bert" / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    cased = pretrained_tokenizer(recipe)
    assert lower is not None
    assert cased is not None
    assert lower.encode("Edema").tokens == ["[UNK]"]
    assert cased.encode("Edema").tokens == ["Edema"]
    assert check_towers(recipe.size, recipe.baseline) != before


def test_the_hubs_cache_serves_what_no_folder_holds(cache: Path) -> None:
    for name, write in (("timm--net", write_image), ("someone--bert", write_text)):
        write(cache / f"models--{name}" / "snapshots" / "abc")
        (cache / f"models--{name}" / "refs").mkdir()
        (cache / f"models--{name}" / "refs" / "main").write_text("abc")
    recipe = recipe_of()
    assert len(check_towers(recipe.size, recipe.baseline)) == 16
    weight = loaded(recipe).text.trunk.embeddings.token_type_embeddings.weight
    saved = torch.load(cache / "models--someone--bert/snapshots/abc/pytorch_model.bin", weights_only=True)
    torch.testing.assert_close(weight, saved["bert.embeddings.token_type_embeddings.weight"][:1])


def test_what_is_missing_is_named_with_the_ways_out(cache: Path, towers: Path) -> None:
    recipe = recipe_of(dataclasses.replace(RESNET, weights="timm/other"))
    with pytest.raises(UsageError) as error:
        check_towers(recipe.size, recipe.baseline)
    text = str(error.value)
    for part in ("timm/other", str(towers / "other"), str(cache), "hf download timm/other", "--init scratch"):
        assert part in text
    assert "bert" not in text.replace("BERT", "")


def test_scratch_and_a_model_without_texts_need_no_text_tower(towers: Path) -> None:
    (towers / "bert").rename(towers / "elsewhere")
    supervised = Baseline("supervised", objective=Objective(loss="none", terms=(Term("labels"),)), uses_labels=True)
    recipe = recipe_of(baseline=supervised)
    assert check_towers(recipe.size, supervised)
    assert pretrained_tokenizer(recipe) is None
    scratch = recipe_of(init="scratch")
    assert pretrained_tokenizer(scratch) is None
    encoder = build_encoder(scratch, 30)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    load_pretrained(encoder, scratch)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    with pytest.raises(ValueError, match="no pretrained towers"):
        recipe_of(dataclasses.replace(RESNET, weights=""), dataclasses.replace(TEXT, weights=""))


def change(path: Path, **changes: Tensor | None) -> None:
    state = torch.load(path, weights_only=True) | {name.replace("_DOT_", "."): v for name, v in changes.items()}
    torch.save({name: value for name, value in state.items() if value is not None}, path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bert_DOT_extra": torch.zeros(1)}, "1 surplus: extra"),
        ({"bert_DOT_encoder_DOT_layer_DOT_1_DOT_output_DOT_dense_DOT_bias": None}, "1 missing: encoder.layer.1.output"),
        ({"bert_DOT_embeddings_DOT_position_embeddings_DOT_weight": torch.zeros(9, 16)}, r"\(9, 16\) for \(20, 16\)"),
        ({"bert_DOT_embeddings_DOT_word_embeddings_DOT_weight": torch.zeros(23, 16)}, "23 word embeddings"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(
    towers: Path, changes: dict[str, Tensor | None], said: str
) -> None:
    change(towers / "bert" / "pytorch_model.bin", **changes)
    with pytest.raises(BenchError, match=said):
        loaded(recipe_of())


def test_a_text_tower_of_other_heads_or_vocabulary_is_refused(towers: Path) -> None:
    recipe = recipe_of()
    write_text(towers / "bert", num_attention_heads=4)
    with pytest.raises(UsageError, match="num_attention_heads 4, and the size's text tower has 2"):
        check_towers(recipe.size, recipe.baseline)
    (towers / "bert" / "vocab.txt").write_text("[PAD]\n[UNK]\na\n")
    with pytest.raises(BenchError, match=r"lacks \[CLS\], \[SEP\]"):
        pretrained_tokenizer(recipe)
    (towers / "bert" / "vocab.txt").unlink()
    with pytest.raises(UsageError, match=r"vocab\.txt is missing"):
        pretrained_tokenizer(recipe)
    (towers / "bert" / "pytorch_model.bin").unlink()
    with pytest.raises(UsageError, match="holds no weights of someone/bert"):
        check_towers(recipe.size, recipe.baseline)


class Opened:
    """What unpickling would do with a file of someone else's."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("/nonexistent/opened").touch, ())


@pytest.mark.parametrize("content", [{"weight": Opened()}, [torch.zeros(1)], {"weight": 3}])
def test_a_file_that_is_more_than_weights_is_not_unpickled(towers: Path, content: object) -> None:
    torch.save(content, towers / "bert" / "pytorch_model.bin")
    with pytest.raises(BenchError, match=r"can't be read as weights|no table of weights"):
        loaded(recipe_of())


def test_weights_saved_under_the_oldest_names_fit(towers: Path) -> None:
    path = towers / "bert" / "pytorch_model.bin"
    state = torch.load(path, weights_only=True)
    expected = state["bert.encoder.layer.0.output.LayerNorm.bias"]
    renamed = {n.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): v for n, v in state.items()}
    torch.save({**renamed, "bert.embeddings.position_ids": torch.arange(32)[None]}, path)
    assert torch.equal(loaded(recipe_of()).text.trunk.encoder.layer[0].output.LayerNorm.bias, expected)


def test_a_run_starts_from_the_towers_and_its_record_says_so(
    quick: Quick, towers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = dataclasses.replace(recipe_of().size, name="base", optim=Optim(1e-9, 0.0, 32, 64, warmup_share=0.5))
    monkeypatch.setitem(spec.SIZES, "base", size)
    command = ("run", "--model", "clip", "--task", "zeroshot-chexpert", "--size", "base")
    for _ in range(2):
        code, _, err = quick(*command)
        assert code == 0, err
    (first,) = (tmp_path / "runs" / "records").glob("*/result.json")
    recipe = json.loads(first.read_text())["model"]["recipe"]
    assert (recipe["init"], recipe["towers"]) == ("pretrained", check_towers(size, Baseline("clip")))
    (weights,) = (tmp_path / "runs" / "checkpoints").glob("*/model.safetensors")
    saved = torch.load(towers / "bert" / "pytorch_model.bin", weights_only=True)
    name = "encoder.layer.1.output.dense.weight"
    torch.testing.assert_close(load_file(weights)[f"text.trunk.{name}"], saved[f"bert.{name}"], rtol=0, atol=1e-6)
    write_text(towers / "bert", initializer_range=0.1)
    code, _, err = quick(*command)
    assert code == 0, err
    assert len(list((tmp_path / "runs" / "records").glob("*/result.json"))) == 2
