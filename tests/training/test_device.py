"""Where a training runs, and in which precision."""

import subprocess
import sys

import pytest
import torch

from umcl_bench.errors import UsageError
from umcl_bench.training import device as module
from umcl_bench.training.device import bfloat16_gain, pick_device, training_precision

CPU = torch.device("cpu")


def test_auto_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert pick_device("auto").type == ("cuda" if there else "cpu")
    with pytest.raises(UsageError, match="--device cuda: torch finds no GPU here; use --device cpu"):
        pick_device("cuda")


def test_the_precision_that_is_named_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    for gain in (0.1, 9.0):
        monkeypatch.setattr(module, "bfloat16_gain", lambda device, gain=gain: gain)
        assert training_precision(CPU, "float32") == torch.float32
        assert training_precision(CPU, "bfloat16") == torch.bfloat16


@pytest.mark.parametrize(("gain", "precision"), [(1.1, torch.float32), (1.3, torch.bfloat16)])
def test_auto_is_what_was_measured(monkeypatch: pytest.MonkeyPatch, gain: float, precision: torch.dtype) -> None:
    monkeypatch.setattr(module, "bfloat16_gain", lambda device: gain)
    assert training_precision(CPU) == precision


def test_a_processor_is_measured_once_and_its_threads_are_left() -> None:
    before = torch.get_num_threads()
    bfloat16_gain.cache_clear()
    gain = bfloat16_gain("cpu")
    assert bfloat16_gain.cache_info().misses == 1
    assert bfloat16_gain("cpu") == gain > 0
    assert bfloat16_gain.cache_info().misses == 1
    assert torch.get_num_threads() == before


@pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="bfloat16 is emulated here")
def test_a_busy_machine_makes_the_same_choice() -> None:
    """Products that take turns with other work: what was measured by the clock was float32 then, now and again."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        bfloat16_gain.cache_clear()
        assert training_precision(CPU) == torch.bfloat16
    finally:
        for other in others:
            other.kill()
            other.wait()
