"""Random weights in the layouts of MedCLIP, GLoRIA, CheXzero, BioViL(-T) and ConVIRT, read back as their code does."""

from __future__ import annotations

import os
import sys
import types
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.released import theirs
from tests.models.released.writing import films, open_model, pixels, shuffle, unit, write_transformers
from umcl_bench import registry
from umcl_bench.data.preprocess import get_preprocess
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.models import released
from umcl_bench.models.released.gloria import clean

PLAIN = ["edema", "no pleural effusion is seen", "There is a large left effusion and cardiomegaly"]


@pytest.fixture(autouse=True)
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty hub cache, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def agree(folder: Path, expected: theirs.Theirs, layout: str, size: int, mean: Any, std: Any) -> None:
    """The folder is recognised, and embeds films and texts as `expected` does."""
    name = f"local:{folder}"
    recipe = released.recipe_of(registry.get_baseline(name))
    assert recipe.baseline.released.startswith(f"{layout}#")
    ours, given = open_model(name), films(size, 2)
    with torch.inference_mode():
        images, texts = expected.images(pixels(given, mean, std)), theirs.each(expected.text, PLAIN)
    np.testing.assert_allclose(ours.embed_images(given), unit(images), atol=1e-5)
    np.testing.assert_allclose(ours.embed_texts(PLAIN), unit(texts), atol=1e-5)
    fit = ours.towers.fit  # type: ignore[attr-defined]
    assert fit.loaded > 0
    assert ("fc." in str(fit)) == layout.startswith("biovil")  # torchvision's classifier, which its file has
    assert np.abs(np.diff(unit(images), axis=0)).max() > 1e-3  # so that the comparison means something
    assert np.abs(np.diff(unit(texts), axis=0)).max(1).min() > 1e-2


@pytest.mark.parametrize("swin", [False, True])
def test_medclip(tmp_path: Path, swin: bool) -> None:
    expected = theirs.medclip(tmp_path, swin=swin)
    torch.save(expected.state, tmp_path / "pytorch_model.bin")
    own = get_preprocess("medclip")
    agree(tmp_path, expected, "medclip", 224, own.mean * 3, own.std * 3)
    with pytest.raises(UsageError, match="not known here how its patches compare with a text"):
        open_model(f"local:{tmp_path}").embed_patches(films(224, 1), 8)


def test_gloria_with_the_settings_that_its_trainer_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("omegaconf.dictconfig")
    config = type("DictConfig", (), {"__module__": "omegaconf.dictconfig"})
    module.DictConfig = config  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))
    monkeypatch.setitem(sys.modules, "omegaconf.dictconfig", module)
    expected, settings = theirs.gloria(tmp_path), config()
    settings.model, settings.cache, settings.kind = "resnet_50", defaultdict(dict), dict  # as OmegaConf has them
    torch.save({"state_dict": expected.state, "hyper_parameters": settings}, tmp_path / "chexpert_resnet50.ckpt")
    agree(tmp_path, expected, "gloria", 224, [0.5] * 3, [0.5] * 3)
    assert clean("1. No\nedema. 2. Large, left-sided effusion.") == "no edema large left sided effusion"


def test_convirt(tmp_path: Path) -> None:
    expected = theirs.convirt(tmp_path)
    torch.save(expected.state, tmp_path / "model.pth", _use_new_zipfile_serialization=False)
    agree(tmp_path, expected, "convirt", 224, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@pytest.mark.parametrize("temporal", [False, True])
def test_biovil(tmp_path: Path, temporal: bool) -> None:
    image, images = theirs.biovil_image(temporal=temporal)
    words, text = theirs.cxr_bert(tmp_path)
    torch.save(image, tmp_path / f"biovil{'_t' * temporal}_image_proj_size_128.pt")
    with pytest.raises(BenchError, match="half of a model: BioViL's image tower without CXR-BERT"):
        open_model(f"local:{tmp_path}")
    torch.save(words, tmp_path / "pytorch_model.bin")
    expected = theirs.Theirs({**image, **words}, images, text)
    size = 448 if temporal else 480
    agree(tmp_path, expected, "biovil-t" if temporal else "biovil", size, [0.0] * 3, [1.0] * 3)
    ours, given = open_model(f"local:{tmp_path}"), films(size, 2)
    patches = ours.embed_patches(given, 8)
    assert patches.shape == (2, size // 32, size // 32, theirs.DIM)
    np.testing.assert_allclose(np.linalg.norm(patches, axis=-1), 1, atol=1e-5)
    with torch.inference_mode():
        places = ours.towers.patches(pixels(given, [0.0] * 3, [1.0] * 3))  # type: ignore[attr-defined]
    np.testing.assert_allclose(unit(places.mean((1, 2))), ours.embed_images(given), atol=1e-5)
    np.testing.assert_allclose(unit(places.flatten(0, 2)), patches.reshape(-1, theirs.DIM), atol=1e-5)


def test_chexzero(tmp_path: Path) -> None:
    from open_clip.model import CLIP
    from open_clip.tokenizer import SimpleTokenizer

    vision = {"layers": 2, "width": 64, "head_width": 64, "patch_size": 32, "image_size": 224}
    text = {"layers": 2, "width": 64, "heads": 1, "context_length": 77, "vocab_size": 49408}
    model: Any = shuffle(CLIP(16, vision, text, quick_gelu=True))
    torch.save(model.state_dict(), tmp_path / "best_64_0.0002_original_35000_0.864.pt")
    own = get_preprocess("chexzero")
    mean, std = ([value / 255 for value in given * 3] for given in (own.mean, own.std))

    def one(given: str) -> Tensor:
        return model.encode_text(SimpleTokenizer()([given]))  # type: ignore[no-any-return]

    agree(tmp_path, theirs.Theirs({}, model.encode_image, one), "chexzero", 224, mean, std)
    torch.save(model.state_dict(), tmp_path / "best_64_5e-05_original_22000_0.864.pt")
    with pytest.raises(BenchError, match=r"holds several models.*name one: local:"):
        open_model(f"local:{tmp_path}")
    other = tmp_path / "best_64_5e-05_original_22000_0.864.pt"
    open_model(f"local:{other}")
    state = model.state_dict()
    del state["ln_final.bias"]
    torch.save({**state, "head": torch.ones(1)}, other)
    with pytest.raises(BenchError, match=r"1 missing \(ln_final\.bias\); 1 surplus \(head\)"):
        open_model(f"local:{other}")


WRITERS: dict[str, Callable[[Path], theirs.Theirs]] = {
    "medclip": theirs.medclip,
    "gloria": theirs.gloria,
    "convirt": theirs.convirt,
}


@pytest.mark.parametrize("layout", WRITERS)
def test_a_wrong_layout_is_refused_with_its_names(tmp_path: Path, layout: str) -> None:
    state = WRITERS[layout](tmp_path).state
    lost = next(name for name in state if name.endswith("layer.3.attention.self.query.weight"))
    changed = next(name for name in state if name.endswith("LayerNorm.weight"))
    state[changed] = torch.ones(3)
    del state[lost]
    torch.save({**state, "classifier.weight": torch.ones(2)}, tmp_path / "weights.pt")
    with pytest.raises(BenchError) as caught:
        open_model(f"local:{tmp_path}")
    text = str(caught.value)
    assert f"1 missing ({lost.removeprefix('gloria.')})" in text
    assert "1 surplus (classifier.weight)" in text
    assert f"1 of another shape ({changed.removeprefix('gloria.')} (3,), not (64,))" in text


def test_a_pickle_that_holds_code_is_refused_and_its_code_is_not_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harmed"),)

    torch.save({"state_dict": {"weight": torch.ones(1)}, "x": Harm()}, tmp_path / "weights.pt")
    with pytest.raises(BenchError, match=r"mkdir: loading it would run its code, so it is refused"):
        open_model(f"local:{tmp_path}")
    assert not (tmp_path / "harmed").exists()
    with pytest.warns(FutureWarning):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "weights.pt")
    with pytest.raises(BenchError, match="got a torchscript checkpoint"):
        open_model(f"local:{tmp_path}")
    torch.save([torch.ones(2)], tmp_path / "weights.pt")
    with pytest.raises(BenchError, match="holds no weights by name"):
        open_model(f"local:{tmp_path}")


def test_a_missing_or_another_tokenizer_is_said(tmp_path: Path) -> None:
    state = theirs.medclip(tmp_path).state
    torch.save(state, tmp_path / "pytorch_model.bin")
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    with pytest.raises(BenchError, match="has 4 word pieces, the text tower's weights"):
        open_model(f"local:{tmp_path}")
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(BenchError, match=r"put the vocab\.txt .* of emilyalsentzer/Bio_ClinicalBERT into that folder"):
        open_model(f"local:{tmp_path}")


def test_folders_that_hold_no_model(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"the folder is empty\. It takes a folder of open_clip"):
        open_model(f"local:{tmp_path}")
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(BenchError, match=r"holds no model that is known: notes\.txt"):
        open_model(f"local:{tmp_path}")
    with pytest.raises(UsageError, match=r"notes\.txt is no file of weights"):
        open_model(f"local:{tmp_path / 'notes.txt'}")
    (tmp_path / "model.safetensors").write_bytes(b"not a safetensors file")
    with pytest.raises(BenchError, match="can't be read as safetensors"):
        open_model(f"local:{tmp_path}")
    write_transformers(tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text('{"model_type": "blip", "vision_config": {}}')
    with pytest.raises(BenchError, match="no family of transformers' dual encoders is named 'blip'"):
        open_model(f"local:{tmp_path / 'm'}")
    with pytest.raises(BenchError, match=r"is of no layout that is told by its weights.*name the folder"):
        open_model(f"local:{tmp_path / 'm' / 'model.safetensors'}")
