"""Exports open in the libraries' own loaders and give the same embeddings; what can't be exported is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models import released
from umcl_bench.models.dual import build_encoder
from umcl_bench.models.export import check_open_clip, export
from umcl_bench.models.released.checkpoint_models import from_dict
from umcl_bench.models.released.model import Loaded
from umcl_bench.models.trained import TrainedModel
from umcl_bench.spec import SMALL, TINY, Baseline, Geometry, Heads, ImageTower, Recipe, Size, TextTower, to_dict
from umcl_bench.training.batches import training_rows
from umcl_bench.training.checkpoint import save_checkpoint
from umcl_bench.training.loop import Trained

CPU = torch.device("cpu")
TEXTS = ["edema", "No pleural effusion.", "There is a large left pleural effusion, unchanged. " * 12]
VIT = dataclasses.replace(
    TINY,
    image=ImageTower("vit_tiny_patch16_224", 32, (("img_size", 32), ("depth", 2), ("embed_dim", 48), ("num_heads", 3))),
)


def write(folder: Path, phantom: Corpus, model: str, size: Size, baseline: Baseline | None = None) -> Path:
    """A checkpoint of untrained towers whose running statistics are not the initial ones."""
    recipe = Recipe(baseline or registry.get_baseline(model), size)
    data = training_rows(phantom, recipe)
    encoder = build_encoder(recipe, data.tokenizer.get_vocab_size(), len(phantom.classes))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in encoder.named_buffers():
            if "running" in name:
                value.copy_(torch.rand(value.shape, generator=generator) + 0.1)
    trained = TrainedModel(recipe, encoder, data.tokenizer, CPU, classes=tuple(phantom.classes))
    folder.mkdir()
    save_checkpoint(folder, Trained(trained, (), {}), recipe, "0" * 16)
    return folder


def open_model(folder: Path) -> Loaded:
    name = f"local:{folder}"
    return released.load(name, released.recipe_of(registry.get_baseline(name)), CPU)


def films(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (3, size, size), dtype=np.uint8)


@pytest.mark.parametrize("size", [TINY, VIT], ids=["resnet-with-options", "vit"])
def test_open_clip_opens_its_export_and_embeds_the_same(tmp_path: Path, phantom: Corpus, size: Size) -> None:
    import open_clip

    source = write(tmp_path / "c", phantom, "umcl", size)
    notes = export(source, "openclip", tmp_path / "o")
    assert "learned prompts stay behind" in notes[0]
    own, given = open_model(source), films(size.image.size)
    theirs, transform = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path / 'o'}")
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'o'}")(TEXTS)
    from PIL import Image

    seen = torch.stack([transform(Image.fromarray(film)) for film in given])
    with torch.inference_mode():
        images, texts = theirs.eval().encode_image(seen, normalize=True), theirs.encode_text(tokens, normalize=True)
    np.testing.assert_allclose(images.numpy(), own.embed_images(given), atol=1e-5)
    np.testing.assert_allclose(texts.numpy(), own.embed_texts(TEXTS), atol=1e-5)
    assert theirs.logit_scale.exp().item() == pytest.approx(1 / 0.07)
    assert list((tmp_path).glob(".*")) == []


def test_an_export_of_open_clip_may_move_and_is_a_released_model(tmp_path: Path, phantom: Corpus) -> None:
    source = write(tmp_path / "c", phantom, "siglip", TINY)
    export(source, "openclip", tmp_path / "o")
    bias = load_file(tmp_path / "o" / "open_clip_model.safetensors")["logit_bias"]
    assert bias.item() == Recipe(registry.get_baseline("siglip"), TINY).baseline.objective.bias
    (tmp_path / "o").rename(tmp_path / "moved")
    ours, own = open_model(tmp_path / "moved"), open_model(source)
    np.testing.assert_allclose(ours.embed_images(films(64)), own.embed_images(films(64)), atol=1e-5)
    np.testing.assert_allclose(ours.embed_texts(TEXTS), own.embed_texts(TEXTS), atol=1e-5)
    recipe = released.recipe_of(registry.get_baseline(f"local:{tmp_path / 'moved'}"))
    assert recipe.size.image.geometry == Geometry("longest", filter="bilinear")


@pytest.mark.parametrize("model", ["umcl", "clip"])
def test_safetensors_and_a_checkpoint_are_the_same_model(tmp_path: Path, phantom: Corpus, model: str) -> None:
    source = write(tmp_path / "c", phantom, model, TINY)
    export(source, "safetensors", tmp_path / "s")
    ours, own = open_model(tmp_path / "s"), open_model(source)
    np.testing.assert_array_equal(ours.embed_images(films(64)), own.embed_images(films(64)))
    one, other = (m.embed_findings(["edema"], ["{}"], ["no {}"]) for m in (ours, own))
    np.testing.assert_array_equal(one.positive, other.positive)
    assert one.how.startswith("the model's own" if model == "umcl" else "hand-written")
    names = [
        released.recipe_of(registry.get_baseline(f"local:{f}")).baseline.released for f in (source, tmp_path / "s")
    ]
    assert names[0] == names[1]
    assert "image.projection.weight" in load_file(tmp_path / "s" / "model.safetensors")


def test_a_film_that_is_not_square_may_be_a_row_larger_in_open_clip_and_it_is_said(
    tmp_path: Path, phantom: Corpus
) -> None:
    import open_clip
    from PIL import Image

    from umcl_bench.data.images import fit

    notes = export(write(tmp_path / "c", phantom, "clip", TINY), "openclip", tmp_path / "o")
    assert any("one row or column of pixels more there" in note for note in notes)
    _, transform = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path / 'o'}")
    image = TINY.image
    for size, rows in (((401, 300), (47, 48)), ((400, 400), (64, 64))):
        film = Image.fromarray(np.random.default_rng(0).integers(100, 256, size[::-1], dtype=np.uint8))
        here, there = fit(film, image.size, image.geometry), transform(film)[0] * image.std + image.mean
        seen = [int((pixels > 0.1).any(axis=1).sum()) for pixels in (here, there.numpy())]
        assert tuple(seen) == rows
    np.testing.assert_allclose(there.numpy() * 255, here, atol=1e-3)  # the square


def test_a_link_or_the_folder_itself_is_refused_before_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path / "empty")
    for folder in (tmp_path / "link", tmp_path / "broken", Path(".")):
        with pytest.raises(UsageError, match="is a link, or the folder that you are in: name a new folder"):
            export(tmp_path / "no-checkpoint", "openclip", folder)


def test_a_checkpoint_that_leads_elsewhere_or_has_wrong_types_is_refused(tmp_path: Path, phantom: Corpus) -> None:
    source = write(tmp_path / "c", phantom, "clip", TINY)
    path = source / "checkpoint.json"
    good = path.read_text()
    for place, value, message in (
        (("recipe", "size", "image", "name"), "hf-hub:evil/repo", "'hf-hub:evil/repo' is none that timm lists"),
        (("recipe", "size", "image", "name"), "local-dir:/etc", "is none that timm lists"),
        (("recipe", "size", "image", "options"), [["checkpoint_path", "/etc/passwd"]], "the options checkpoint_path"),
        (("recipe", "size", "image", "size"), "64", "size: image: size: '64' is no int"),
        (("recipe", "size", "image", "geometry", "fit"), "widest", "'widest' is none of 'longest'"),
        (("recipe", "size", "text", "width"), True, "True is no int"),
        (("recipe", "size", "text"), [], "is no TextTower"),
        (("recipe", "size", "text", "heads"), 7, "towers of its recipe can't be built"),
        (("recipe", "baseline", "rows"), "image", "'image' is no list"),
        (("recipe",), [], "is no Recipe"),
        (("classes",), 3, "classes must be a list of names; found 3"),
    ):
        facts = json.loads(good)
        at = facts
        for name in place[:-1]:
            at = at[name]
        at[place[-1]] = value
        path.write_text(json.dumps(facts))
        with pytest.raises(BenchError, match=message) as caught:
            open_model(source)
        assert str(path) in str(caught.value)
    path.write_text("[" * 100_000)
    with pytest.raises(BenchError, match=r"checkpoint\.json can't be read"):
        open_model(source)


def test_all_that_decides_the_embeddings_is_in_the_identity(tmp_path: Path, phantom: Corpus) -> None:
    source = write(tmp_path / "c", phantom, "umcl", TINY)
    export(source, "openclip", tmp_path / "o")

    def known(folder: Path) -> str:
        return released.recipe_of(registry.get_baseline(f"local:{folder}")).baseline.released

    before = known(source), known(tmp_path / "o")
    facts = json.loads((source / "checkpoint.json").read_text())
    (source / "checkpoint.json").write_text(json.dumps({**facts, "classes": facts["classes"][::-1]}))
    trunk = json.loads((tmp_path / "o" / "image" / "config.json").read_text())
    trunk["model_args"]["act_layer"] = "gelu"
    (tmp_path / "o" / "image" / "config.json").write_text(json.dumps(trunk))
    assert before[0] != known(source)
    assert before[1] != known(tmp_path / "o")


def test_a_recipe_comes_back_from_its_json() -> None:
    for name in registry.list_baselines():
        recipe = Recipe(registry.get_baseline(name), SMALL, seed=3)
        assert from_dict(Recipe, json.loads(json.dumps(to_dict(recipe)))) == recipe
    with pytest.raises(ValueError, match="TextTower has no unknown"):
        from_dict(TextTower, {"layers": 1, "unknown": 2})


def test_what_open_clip_can_not_say_is_refused_before_anything_is_written(tmp_path: Path, phantom: Corpus) -> None:
    plain = registry.get_baseline("clip")
    for heads, why in (
        (Heads(projection="mlp"), "its projections are 'mlp'"),
        (Heads(text_pooling="max"), "pooled by the max over layers"),
        (Heads(text_layers=(1, 2)), r"over layers \(1, 2\)"),
    ):
        with pytest.raises(UsageError, match=why):
            check_open_clip(Recipe(dataclasses.replace(plain, heads=heads), TINY))
    cut = dataclasses.replace(TINY, image=dataclasses.replace(TINY.image, geometry=Geometry("shortest", resize=72)))
    with pytest.raises(UsageError, match=r"resize_mode does not have.*--to safetensors can"):
        check_open_clip(Recipe(plain, cut))
    baseline = dataclasses.replace(plain, heads=Heads(projection="mlp"))
    source = write(tmp_path / "c", phantom, "clip", TINY, baseline)
    with pytest.raises(UsageError, match="projections"):
        export(source, "openclip", tmp_path / "o")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    with pytest.raises(UsageError, match="is there already"):
        export(source, "safetensors", source)
    (source / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(BenchError, match="can't be read as safetensors"):
        export(source, "safetensors", tmp_path / "s")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_run_is_exported_and_scores_the_same(quick: Quick, tmp_path: Path) -> None:
    task = ("--task", "zeroshot-chexpert", "--quiet")
    code, _, err = quick("run", "--model", "clip", *task)
    assert code == 0, err
    for to in ("openclip", "safetensors"):
        code, out, err = quick("export", "clip-tiny-s0-zeroshot", "--to", to, "-o", str(tmp_path / to))
        assert code == 0, err
        assert f"to        {tmp_path / to}" in out
        code, out, err = quick("run", "--model", f"local:{tmp_path / to}", *task)
        assert code == 0, err
    records = [json.loads(p.read_text()) for p in (tmp_path / "runs" / "records").glob("*/result.json")]
    figures = {r["model"]["name"].partition("#")[0]: r["metrics"]["auroc"]["macro"]["value"] for r in records}
    assert set(figures) == {"clip", "local:openclip", "local:safetensors"}
    assert figures["local:safetensors"] == figures["clip"]
    assert figures["local:openclip"] == pytest.approx(figures["clip"], abs=2e-3)  # ties may fall otherwise


def test_wrong_exports_say_why(quick: Quick, tmp_path: Path) -> None:
    out = ("-o", str(tmp_path / "o"))
    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "--quiet")[0] == 0
    for arguments, message in (
        (("random", "--to", "openclip", *out), "which has no checkpoint of its own"),
        (("randm", "--to", "openclip", *out), f"no run or checkpoint of {tmp_path / 'runs'} is named 'randm'"),
        (("", "--to", "openclip", *out), "the run's name is empty"),
        (("--store", str(tmp_path / "none"), "random", "--to", "openclip", *out), f"{tmp_path / 'none'} holds no run"),
        (("random", "--to", "onnx", *out), "which has no checkpoint"),
    ):
        code, _, err = quick("export", *arguments)
        assert (code, message in err) == (2, True), err
    assert not (tmp_path / "o").exists()


def test_names_that_fit_several_or_lead_out_of_the_store_are_refused(quick: Quick, tmp_path: Path) -> None:
    out, checkpoints = ("--to", "openclip", "-o", str(tmp_path / "o")), tmp_path / "runs" / "checkpoints"
    for name in ("mine-1", "mine-2"):
        (checkpoints / name).mkdir(parents=True)
    code, _, err = quick("export", "mine", *out)
    assert (code, f"'mine' fits 2 checkpoints in {tmp_path / 'runs'}: mine-1, mine-2" in err) == (2, True), err
    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "--quiet")[0] == 0
    (path,) = (tmp_path / "runs" / "records").glob("random-*/result.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "checkpoint": "../checkpoints/mine-1"}))
    (path.parent / "SHA256SUMS").unlink()
    code, _, err = quick("export", "random", *out)
    assert (code, "which is no name of a folder" in err) == (1, True), err
