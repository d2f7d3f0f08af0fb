"""Our training beside open_clip's own command, from the same folder: films a second after the warm-up.

`pytest tests/benchmarks/test_training_speed.py --benchmark-enable` runs each way once, in a fresh process, and leaves
its films a second in the extra information; the time of the benchmark itself has start-up in it. Interleaved repeats
and the table: peers/measure.py, peers/table.py. Without --benchmark-enable the peer is not run (it takes minutes), and
ours takes two steps on 16 small films.
"""

import dataclasses
import importlib.util
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.peers.measure import films_per_second, measure, our_spans, peer_spans
from tests.benchmarks.peers.ours import train_ours
from tests.benchmarks.peers.settings import SETTINGS, Setting, write_folder

PEER_RUNS = all(importlib.util.find_spec(name) for name in ("open_clip_train", "webdataset", "braceexpand"))
STEP = "Train Epoch: 0 [ 256/4096 (6%)] Data (t): 0.204 Batch (t): 1.337, {}/s, {}/s/gpu LR: 0.000033 Loss: 4.8 (4.8)\n"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films")
    write_folder(path)
    return path


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("way", ["amp_bf16:0", "fp32:0", "ours"])
def test_training(benchmark: BenchmarkFixture, request: pytest.FixtureRequest, name: str, way: str) -> None:
    if not benchmark.enabled:
        pytest.skip("minutes long: measured with --benchmark-enable alone")
    if way != "ours" and not PEER_RUNS:
        pytest.skip("the peer's training command is not here: pip install 'open_clip_torch[training]'")
    folder: Path = request.getfixturevalue("folder")
    benchmark.group = SETTINGS[name].title
    found = benchmark.pedantic(measure, (SETTINGS[name], folder, way), rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info.update(found)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("few")
    write_folder(path, films=16, side=32, workers=1)
    return path


@pytest.mark.parametrize("name", SETTINGS)
def test_our_side_trains_on_the_folder(few: Path, tmp_path: Path, name: str) -> None:
    found = train_ours(small(SETTINGS[name]), few, 16, tmp_path)
    assert found["facts"]["films_seen"] == 16
    assert found["log"][-1][0] == 2
    assert found["cache_seconds"] + found["train_seconds"] > 0


def small(setting: Setting) -> Setting:
    """The same towers, two steps of eight films."""
    size = dataclasses.replace(setting.size, optim=dataclasses.replace(setting.size.optim, batch=8))
    return setting._replace(size=size)


def test_the_peer_gets_the_same_towers() -> None:
    import torch
    from open_clip.model import CLIP, CustomTextCLIP

    from umcl_bench.models.towers import ImageEncoder

    for setting in SETTINGS.values():
        config = setting.peer_config()
        size, build = setting.size, CustomTextCLIP if "timm_model_name" in config["vision_cfg"] else CLIP
        peer = build(**config)
        films = torch.zeros(2, 3, size.image.size, size.image.size)
        assert peer.encode_image(films).shape == (2, size.dim)
        ours = sum(p.numel() for p in ImageEncoder(size.image, size.dim).parameters())
        theirs = sum(p.numel() for p in peer.visual.parameters())
        assert ours == pytest.approx(theirs, rel=0.03)  # one channel against three, a norm more


def test_speeds_leave_the_warm_up_out() -> None:
    log = "noise\n" + STEP.format("10.0", "10.0") * 10 + STEP.format("64.0", "64.0") + STEP.format("1.28e+02", "1") * 2
    assert films_per_second(peer_spans(log, batch=64), batch=64) == pytest.approx(64 * 3 / (1 + 0.5 + 0.5))
    assert films_per_second(our_spans([(10, 1.0), (20, 100.0), (32, 50.0)], 5), 5) == pytest.approx(110 / (0.5 + 1.2))
    with pytest.raises(ValueError, match="no step in the peer's log; it ends with: killed"):
        peer_spans("killed", batch=64)
