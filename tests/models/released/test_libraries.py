"""Models of open_clip, transformers and timm give what their libraries give, from folders and from the hub's cache."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models.released.writing import (
    CPU,
    TEXTS,
    films,
    open_model,
    pixels,
    to_cache,
    unit,
    write_open_clip,
    write_transformers,
)
from umcl_bench import registry
from umcl_bench.data.preprocess import get_preprocess
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models import released
from umcl_bench.spec import Geometry

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_a_folder_of_transformers_embeds_as_the_library_does(tmp_path: Path, family: str) -> None:
    import transformers

    theirs = write_transformers(tmp_path / "m", family)
    ours = open_model(f"local:{tmp_path / 'm'}")
    given = films(32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    if family == "clip":
        images = theirs.get_image_features(pixels(given, MEAN, STD))
        tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=20, return_tensors="pt")
        texts = theirs.get_text_features(tokens["input_ids"], tokens["attention_mask"])
    else:
        seen = pixels(given, [0.5] * 3, [0.5] * 3)
        if family == "siglip2":
            processor = transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
            color = np.repeat(given[:, :, :, None], 3, axis=3)
            images = theirs.get_image_features(**processor(list(color), return_tensors="pt"))
        else:
            images = theirs.get_image_features(seen)
        tokens = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=20, return_tensors="pt")
        texts = theirs.get_text_features(tokens["input_ids"])
    np.testing.assert_allclose(ours.embed_images(given), unit(images.pooler_output), atol=1e-5)
    np.testing.assert_allclose(ours.embed_texts(TEXTS), unit(texts.pooler_output), atol=1e-5)
    ours.batch = 2
    np.testing.assert_allclose(ours.embed_texts(TEXTS), unit(texts.pooler_output), atol=1e-5)
    assert ours.embed_images(given[:0]).shape == (0, ours.embed_texts(["a"]).shape[1])


@pytest.mark.parametrize("hf_text", [False, True])
def test_a_folder_of_open_clip_embeds_as_the_library_does(tmp_path: Path, hf_text: bool) -> None:
    import open_clip

    write_open_clip(tmp_path / "m", hf_text=hf_text)
    ours = open_model(f"local:{tmp_path / 'm'}")
    theirs = open_clip.create_model(f"local-dir:{tmp_path / 'm'}").eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'm'}")
    given = films(32)
    np.testing.assert_allclose(ours.embed_images(given), unit(theirs.encode_image(pixels(given, MEAN, STD))), atol=1e-5)
    np.testing.assert_allclose(ours.embed_texts(TEXTS), unit(theirs.encode_text(tokenizer(TEXTS))), atol=1e-5)


def test_prompts_are_the_mean_over_templates(tmp_path: Path) -> None:
    write_open_clip(tmp_path / "m")
    model = open_model(f"local:{tmp_path / 'm'}")
    pair = model.embed_findings(["edema", "fracture"], ["{}", "there is {}"], ["no {}"])
    np.testing.assert_allclose(pair.negative, model.embed_texts(["no edema", "no fracture"]), atol=1e-6)
    mean = (model.embed_texts(["edema"]) + model.embed_texts(["there is edema"]))[0] / 2
    np.testing.assert_allclose(pair.positive[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_a_repository_comes_from_the_cache_and_is_pinned_to_its_commit(tmp_path: Path, cache: Path) -> None:
    write_transformers(tmp_path / "m")
    direct = open_model(f"local:{tmp_path / 'm'}").embed_texts(TEXTS)
    commit = to_cache(cache, "someone/clip", tmp_path / "m")
    recipe = released.recipe_of(registry.get_baseline("hf:someone/clip"))
    assert recipe.baseline.released.startswith(f"hf:someone/clip@{commit}#")
    assert recipe.baseline.name == f"hf:someone/clip@{commit[:7]}"
    assert released.pinned("hf:someone/clip", recipe) == f"hf:someone/clip@{commit}"
    np.testing.assert_array_equal(open_model("hf:someone/clip").embed_texts(TEXTS), direct)
    again = released.recipe_of(registry.get_baseline(f"hf:someone/clip@{commit}"))
    assert again.baseline.released == recipe.baseline.released
    with pytest.raises(BenchError, match=r"the repository someone/other: not in .* \(hf download someone/other\)"):
        open_model("hf:someone/other")
    with pytest.raises(UsageError, match="hf:OWNER/NAME"):
        open_model("hf:clip")


@pytest.mark.parametrize("name", ["../..", "a/..", "../x", "a/b@../..", "a/b@refs/../../x", "a/b@/etc", "a--b/c"])
def test_a_name_that_leads_out_of_the_cache_is_refused(cache: Path, name: str) -> None:
    with pytest.raises(UsageError, match="write hf:OWNER/NAME"):
        open_model(f"hf:{name}")


@pytest.mark.parametrize(
    "tower",
    ["hf-hub:e/r", "HF-HUB:e/r", "hf_hub:e/r", "local-dir:/any/path", "Local-Dir:/any", "local-dir:..", "../x", 3],
)
def test_an_image_tower_from_elsewhere_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tower: object
) -> None:
    import timm

    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    write_open_clip(tmp_path / "m")
    path = tmp_path / "m" / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["vision_cfg"] = {"image_size": 32, "timm_model_name": tower}
    path.write_text(json.dumps(config))
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')
    with pytest.raises(BenchError, match="its image tower"):
        open_model(f"local:{tmp_path / 'm'}")


def test_an_image_tower_behind_a_link_or_of_another_name_is_refused(tmp_path: Path) -> None:
    write_open_clip(tmp_path / "m")
    path = tmp_path / "m" / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["vision_cfg"] = {"image_size": 32, "timm_model_name": "local-dir:/old/image"}
    path.write_text(json.dumps(config))
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "config.json").write_text('{"architecture": "hf-hub:e/r"}')
    (tmp_path / "m" / "image").symlink_to(tmp_path / "away")
    with pytest.raises(BenchError, match="is outside its folder"):
        open_model(f"local:{tmp_path / 'm'}")
    (tmp_path / "m" / "image").unlink()
    (tmp_path / "away").rename(tmp_path / "m" / "image")
    with pytest.raises(BenchError, match=r"image.config\.json: its image tower 'hf-hub:e/r' is none that timm lists"):
        open_model(f"local:{tmp_path / 'm'}")


def test_parts_from_the_cache_are_in_the_identity(tmp_path: Path, cache: Path) -> None:
    write_open_clip(tmp_path / "m", hf_text=True)
    config = json.loads((tmp_path / "m" / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = "anyone/bert"
    (tmp_path / "m" / "open_clip_config.json").write_text(json.dumps(config))
    (tmp_path / "bert").mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "m" / name).rename(tmp_path / "bert" / name)
    bert = cache / "models--anyone--bert" / "snapshots" / to_cache(cache, "anyone/bert", tmp_path / "bert")
    known = []
    for name, change in (
        ("", {}),
        ("config.json", {"hidden_act": "relu"}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("added_tokens.json", {}),
    ):
        if name:
            before = json.loads((bert / name).read_text()) if (bert / name).is_file() else {}
            (bert / name).write_text(json.dumps({**before, **change}))
        known.append(released.recipe_of(registry.get_baseline(f"local:{tmp_path / 'm'}")).baseline.released)
    assert len(set(known)) == len(known)


def test_a_tag_of_open_clip_comes_from_the_cache(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip
    from open_clip import factory, pretrained

    theirs = write_open_clip(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "open_clip_config.json").read_text())["model_cfg"]
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny", config)
    listed = pretrained._pcfg(hf_hub="someone/tiny/", mean=MEAN, std=STD)
    monkeypatch.setitem(pretrained._PRETRAINED, "Tiny", {"one": listed})
    with pytest.raises(BenchError, match=r"the weights of openclip:Tiny/one: not in .*\(hf download someone/tiny\)"):
        open_model("openclip:Tiny/one")
    to_cache(cache, "someone/tiny", tmp_path / "m")
    known = released.recipe_of(registry.get_baseline("openclip:Tiny/one")).baseline.released
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny", {**config, "text_cfg": {**config["text_cfg"], "heads": 1}})
    assert released.recipe_of(registry.get_baseline("openclip:Tiny/one")).baseline.released != known
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny", config)
    given = films(32)
    ours = open_model("openclip:Tiny/one")
    np.testing.assert_allclose(ours.embed_images(given), unit(theirs.encode_image(pixels(given, MEAN, STD))), atol=1e-5)
    tokens = open_clip.SimpleTokenizer(context_length=20)(TEXTS)
    np.testing.assert_allclose(ours.embed_texts(TEXTS), unit(theirs.encode_text(tokens)), atol=1e-5)


def test_misspelt_names_are_told_the_nearest() -> None:
    for name, message in {
        "openclip:ViT-B-23/openai": "ViT-B-32",
        "openclip:ViT-B-32/openia": "openai",
        "openclip:ViT-B-32": "openclip:ARCH/TAG",
        "timm:resnet81": "resnet18",
        "timm:resnet18.a1_in2k": "a1_in1k",
        "openclp:ViT-B-32/openai": "'openclip'",
        "local:": "local:FOLDER",
        "local:/nowhere/at/all": "there is no such folder",
    }.items():
        with pytest.raises(UsageError, match=message):
            open_model(name)


def test_a_tower_of_timm_is_image_only(tmp_path: Path, cache: Path) -> None:
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model("test_resnet", pretrained=False).eval()
    folder = tmp_path / "m"
    folder.mkdir()
    save_file(theirs.state_dict(), folder / "model.safetensors")
    to_cache(cache, "timm/test_resnet.r160_in1k", folder)
    ours, given = open_model("timm:test_resnet.r160_in1k"), films(160)
    config = timm.data.resolve_data_config({}, model=theirs)
    seen = pixels(given, config["mean"], config["std"])
    features = theirs.forward_head(theirs.forward_features(seen), pre_logits=True)
    np.testing.assert_allclose(ours.embed_images(given), unit(features), atol=1e-5)
    recipe = released.recipe_of(registry.get_baseline("timm:test_resnet.r160_in1k"))
    assert recipe.size.image.geometry == Geometry("shortest", resize=168, filter=config["interpolation"])
    with pytest.raises(UsageError, match=r"image only: it has no text tower\. Use it with a probe task"):
        ours.embed_findings(["edema"], ["{}"], ["no {}"])
    with pytest.raises(UsageError, match="image only"):
        released.check_texts(recipe)


def test_missing_and_surplus_weights_are_listed(tmp_path: Path) -> None:
    for write, file in ((write_open_clip, "open_clip_model.safetensors"), (write_transformers, "model.safetensors")):
        folder = tmp_path / file
        write(folder)
        state = load_file(folder / file)
        lost = next(name for name in state if "proj" in name)
        changed = next(name for name in state if name.endswith("norm1.weight") or name.endswith("ln_1.weight"))
        state[changed] = torch.ones(3)
        del state[lost]
        save_file({**state, "from.elsewhere": torch.ones(2)}, folder / file)
        with pytest.raises(BenchError) as caught:
            open_model(f"local:{folder}")
        text = str(caught.value)
        assert f"1 missing ({lost})" in text
        assert "1 surplus (from.elsewhere)" in text
        assert f"1 of another shape ({changed} (3,), not (" in text


def test_a_changed_byte_is_another_model(tmp_path: Path) -> None:
    write_transformers(tmp_path / "m")
    name = f"local:{tmp_path / 'm'}"
    before = released.recipe_of(registry.get_baseline(name))
    state = load_file(tmp_path / "m" / "model.safetensors")
    state["logit_scale"] += 1
    save_file(state, tmp_path / "m" / "model.safetensors")
    after = released.recipe_of(registry.get_baseline(name))
    assert before.baseline.released != after.baseline.released
    with pytest.raises(BenchError, match="changed while the run was being prepared"):
        released.load(name, before, CPU)


def test_what_a_model_sees_is_in_its_recipe(tmp_path: Path) -> None:
    write_transformers(tmp_path / "m")
    recipe = released.recipe_of(registry.get_baseline(f"local:{tmp_path / 'm'}"))
    assert recipe.baseline.name == f"local:m#{recipe.baseline.released.partition('#')[2][:7]}"
    assert (recipe.size.image.size, recipe.size.image.geometry) == (32, Geometry("shortest", filter="bicubic"))
    assert dict(recipe.size.image.options)["mean"] == tuple(MEAN)
    (tmp_path / "m" / "preprocessor_config.json").unlink()
    recipe = released.recipe_of(registry.get_baseline(f"local:{tmp_path / 'm'}"))
    assert dict(recipe.size.image.options)["mean"] == get_preprocess("clip").mean


def test_code_of_a_repository_is_never_run(tmp_path: Path) -> None:
    code = "raise SystemExit('run')\n"
    own = {"AutoConfig": "own.Config", "AutoModel": "own.Model", "AutoTokenizer": ["own.Tokenizer", None]}
    write_open_clip(tmp_path / "o", hf_text=True)
    (tmp_path / "o" / "own.py").write_text(code)
    config = json.loads((tmp_path / "o" / "config.json").read_text())
    (tmp_path / "o" / "config.json").write_text(json.dumps({**config, "auto_map": own}))
    with pytest.raises(BenchError, match="code of the repository's own"):
        open_model(f"local:{tmp_path / 'o'}")
    (tmp_path / "o" / "config.json").write_text(json.dumps(config))
    settings = json.loads((tmp_path / "o" / "tokenizer_config.json").read_text())
    settings = {**settings, "tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": own["AutoTokenizer"]}}
    (tmp_path / "o" / "tokenizer_config.json").write_text(json.dumps(settings))
    asking = json.loads((tmp_path / "o" / "open_clip_config.json").read_text())
    asking["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
    (tmp_path / "o" / "open_clip_config.json").write_text(json.dumps(asking))
    open_model(f"local:{tmp_path / 'o'}")  # by its tokenizer.json alone
    write_transformers(tmp_path / "t")
    (tmp_path / "t" / "own.py").write_text(code)
    (tmp_path / "t" / "tokenizer_config.json").write_text(json.dumps(settings))
    open_model(f"local:{tmp_path / 't'}")
    (tmp_path / "t" / "tokenizer.json").write_text("{}")
    with pytest.raises(BenchError, match="transformers can't read its config or tokenizer"):
        open_model(f"local:{tmp_path / 't'}")


def test_configs_that_say_nonsense_are_named(tmp_path: Path) -> None:
    write_open_clip(tmp_path / "o")
    path = tmp_path / "o" / "open_clip_config.json"
    good = json.loads(path.read_text())
    for change, message in (
        ({"model_cfg": {**good["model_cfg"], "unknown": 1}}, r"open_clip can't build its model_cfg: .*unknown"),
        ({"model_cfg": {**good["model_cfg"], "multimodal_cfg": {}}}, "is a CoCa model"),
        ({"model_cfg": {"embed_dim": 3}}, "no config of open_clip"),
        ({"preprocess_cfg": {"resize_mode": "sideways"}}, "resize_mode 'sideways'"),
    ):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(BenchError, match=message):
            open_model(f"local:{tmp_path / 'o'}")
    write_transformers(tmp_path / "t")
    for settings, message in (
        ({"image_mean": [0.5] * 3, "size": {"width": 3}}, "image processor says KeyError"),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": 48}, "makes 48 pixels, the model sees 32"),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 0}, "does not resize by a smooth filter"),
    ):
        (tmp_path / "t" / "preprocessor_config.json").write_text(json.dumps(settings))
        with pytest.raises(BenchError, match=message):
            open_model(f"local:{tmp_path / 't'}")
