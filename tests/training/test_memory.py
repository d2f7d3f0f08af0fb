"""What a step takes by estimate, what is refused before it is tried, and the micro-batch that fits."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.errors import BenchError
from umcl_bench.models.dual import build_encoder
from umcl_bench.spec import TINY, Recipe
from umcl_bench.training import memory
from umcl_bench.training.memory import check_memory, fitting_micro_batch, held_bytes, memory_advice, needed_bytes
from umcl_bench.training.runtime import DEFAULT, Runtime

CPU = torch.device("cpu")
GB = 10**9


def recipe_of(batch: int = 4096, micro_batch: int = 0, precision: str = "float32") -> Recipe:
    optim = dataclasses.replace(TINY.optim, batch=batch, micro_batch=micro_batch)
    size = dataclasses.replace(TINY, optim=optim)
    return Recipe(registry.get_baseline("umcl"), size, precision=precision)  # type: ignore[arg-type]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine of 4 GB."""
    monkeypatch.setattr(memory, "total_memory", lambda device: 4 * GB)
    return monkeypatch


def test_what_is_held_is_counted_once_and_without_weights() -> None:
    layer, x = torch.nn.Linear(8, 4), torch.randn(5, 8, requires_grad=True)
    with held_bytes(layer) as held:
        hidden = layer(x)  # holds x, and the weight that is there anyway
        (hidden.exp() * x[:, :4]).sum()  # exp holds its value, the product holds it too, and x again
    assert held[0] == 5 * 8 * 4 + 5 * 4 * 4


def test_the_estimate_is_a_line_and_gradient_caching_takes_the_slope_away() -> None:
    small, middle, large = (needed_bytes(recipe_of(batch), CPU, DEFAULT) for batch in (512, 1024, 2048))
    assert (large - middle) / (middle - small) == pytest.approx(2, rel=1e-6)
    cut = [needed_bytes(recipe_of(batch, micro_batch=64), CPU, DEFAULT) for batch in (512, 2048)]
    assert cut[1] - cut[0] < (large - small) / 20
    weights = 16 * sum(p.numel() for p in build_encoder(recipe_of(), TINY.text.vocabulary).parameters())
    assert cut[0] > weights


def test_bfloat16_and_activations_made_again_take_less() -> None:
    plain = needed_bytes(recipe_of(), CPU, DEFAULT)
    assert needed_bytes(recipe_of(precision="bfloat16"), CPU, DEFAULT) < 0.8 * plain
    assert needed_bytes(recipe_of(), CPU, Runtime(recompute=True)) < 0.95 * plain


@pytest.mark.usefixtures("machine")
def test_a_batch_that_does_not_fit_is_refused_and_what_fits_is_named() -> None:
    recipe = recipe_of(8192)
    assert needed_bytes(recipe, CPU, DEFAULT) > 4 * GB
    fits = fitting_micro_batch(recipe, "cpu", DEFAULT)
    with pytest.raises(
        BenchError, match=rf"would take about \d+\.\d GB, and there are 4\.0 GB.* --micro-batch {fits} "
    ):
        check_memory(recipe, CPU, DEFAULT)
    check_memory(recipe_of(8192, micro_batch=fits), CPU, DEFAULT)
    assert needed_bytes(recipe_of(8192, micro_batch=fits), CPU, DEFAULT) < memory.SHARE * 4 * GB
    assert needed_bytes(recipe_of(8192, micro_batch=2 * fits), CPU, DEFAULT) > memory.SHARE * 4 * GB
    assert fits == 2 ** (fits.bit_length() - 1)


def test_the_same_machine_gives_the_same_answer(machine: pytest.MonkeyPatch) -> None:
    found = set()
    for _ in range(3):
        memory._bytes.cache_clear()
        state = torch.random.get_rng_state()
        found.add(fitting_micro_batch(recipe_of(8192), "cpu", DEFAULT))
        assert torch.equal(state, torch.random.get_rng_state())
    assert len(found) == 1
    assert fitting_micro_batch(recipe_of(8192), "cpu", DEFAULT, processes=4) in (0, *found)
    machine.setattr(memory, "total_memory", lambda device: 400 * GB)
    assert fitting_micro_batch(recipe_of(8192), "cpu", DEFAULT) == 0


def test_a_machine_that_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total_memory", lambda device: GB // 2)
    with pytest.raises(
        BenchError, match=r"size tiny needs .* of this machine's 0\.5 GB is too little. Use --recompute"
    ):
        fitting_micro_batch(recipe_of(), "cpu", DEFAULT)


@pytest.mark.usefixtures("machine")
def test_advice_after_the_fact() -> None:
    assert memory_advice(recipe_of(64), CPU, DEFAULT) == (
        "64 rows were to be in the towers at a time; --micro-batch 32 would fit, or --recompute"
    )
    assert memory_advice(recipe_of(64, 16), CPU, Runtime(recompute=True)).endswith("--micro-batch 8 would fit")


def test_auto_through_the_command_line(quick: Quick, machine: pytest.MonkeyPatch) -> None:
    """A batch that fits is trained whole; one that does not in micro-batches, and is found again."""
    code, whole, err = quick("train", "--model", "clip", "--batch", "auto", "-q")
    assert (code, err) == (0, "")
    code, plain, _ = quick("train", "--model", "clip", "-q")
    assert (code, plain.split()[:2]) == (0, whole.split()[:2])
    machine.setattr(memory, "_bytes", lambda recipe, device, recompute: (2.0 * GB, GB / 20))
    cut = [quick("train", "--model", "clip", "--micro-batch", "auto", "-q")[1].split()[1] for _ in range(2)]
    named = quick("train", "--model", "clip", "--micro-batch", "8", "-q")[1].split()[1]
    assert cut == [named, named]
    assert named != whole.split()[1]


def test_a_record_says_what_auto_came_to(quick: Quick, machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its command repeats the run on a machine of another size, and its row is told from that of the plain run."""
    machine.setattr(memory, "_bytes", lambda recipe, device, recompute: (2.0 * GB, GB / 20))
    line = ("run", "--model", "clip", "--task", "zeroshot-chexpert", "-q")
    assert [quick(*line, *more)[0] for more in ((), ("--micro-batch", "auto"))] == [0, 0]
    results = [json.loads(path.read_text()) for path in tmp_path.rglob("result.json")]
    variants = {r["model"]["variant"]: r["command"].removeprefix("umcl-bench run --model clip ") for r in results}
    assert variants == {
        "": "--task zeroshot-chexpert",
        "--micro-batch 8": "--task zeroshot-chexpert --micro-batch 8",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--batch", "1"), "--batch '1': write a number of rows (2 or more), or auto"),
        (("--batch=-3",), "--batch '-3': write a number of rows (2 or more), or auto"),
        (("--batch", "many"), "--batch 'many': write a number of rows (2 or more), or auto"),
        (("--micro-batch", "0"), "--micro-batch '0': write a number of rows (2 or more), or auto"),
        (("--micro-batch", "64"), "micro_batch is 64; it must lie between 0 and 32"),
    ],
)
def test_wrong_batches_are_one_message(quick: Quick, options: tuple[str, ...], message: str) -> None:
    code, _, err = quick("train", "--model", "clip", *options)
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err
