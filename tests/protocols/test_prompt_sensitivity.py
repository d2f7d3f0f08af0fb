"""Many wordings: a part each, all read or none, and the spread that a model's own prompts leave."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.prompts.wordings import wordings
from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import estimate_figure, macro
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.models.trained import TrainedModel
from umcl_bench.protocols import prompt_sensitivity
from umcl_bench.protocols.base import Evaluation, Outcome
from umcl_bench.spec import COMPETITION, TINY, Intervals, PromptSensitivity, Recipe
from umcl_bench.training.batches import training_rows
from umcl_bench.training.start import empty_encoder
from umcl_bench.validate.task_checks import Told, numbered_films

TASK = registry.get_task("prompt-sensitivity-chexpert")
FEW = Intervals(resamples=20)


def score(corpus: Corpus, model: Told | RandomEmbeddings) -> Outcome:
    return prompt_sensitivity.run(TASK, Evaluation(corpus, numbered_films(np.arange(len(corpus))), model))


def values(found: Outcome) -> list[float]:
    """The macro AUROC's mean, spread and worst decile."""
    return [estimate_figure([found.parts], "auroc", figure, FEW)["macro"].value for figure in found.figures]


@pytest.mark.parametrize(("strength", "expected"), [(1.0, 1.0), (0.0, 0.5)])
def test_a_model_of_its_own_vectors_has_no_spread_and_the_record_says_so(
    phantom: Corpus, strength: float, expected: float
) -> None:
    signs = strength * np.nan_to_num(2 * phantom.truth.astype(np.float64) - 1)
    found = score(phantom, Told(signs, phantom.classes))
    assert values(found) == [expected, 0.0, expected]
    assert found.facts["wordings told apart"] == 1
    assert found.facts["reads"] == "no wording: the spread over wordings is 0 by construction"


def test_a_random_model_reads_every_wording_and_is_at_chance(phantom: Corpus) -> None:
    found = score(phantom, RandomEmbeddings(64, 0))
    assert found.facts["wordings told apart"] == len(found.parts) == 60
    mean, spread, worst = values(found)
    each = np.array([macro(scores, "auroc") for scores in found.parts.values()])
    assert mean == pytest.approx(each.mean())
    assert worst == pytest.approx(np.sort(each)[:6].mean())
    assert 0 < spread < 0.2
    assert abs(mean - 0.5) < 4 * each.std() / np.sqrt(60) + 0.05
    first = estimate_figure([found.parts], "auroc", found.figures[0], Intervals(resamples=200))["macro"]
    assert first.low <= 0.5 <= first.high
    assert "reads" not in found.facts


class Reader(RandomEmbeddings):
    """Random vectors, and the texts that they were asked for."""

    def __init__(self) -> None:
        super().__init__(8, 0)
        self.read: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        self.read += texts
        return super().embed_texts(texts)


def test_each_part_is_one_wording_of_every_finding(phantom: Corpus) -> None:
    model = Reader()
    pairs = prompt_sensitivity.wording_pairs(model, COMPETITION)
    assert list(pairs) == [w.label for w in wordings("Edema")]
    texts = {w.positive.format(w.name) for name in COMPETITION for w in wordings(name)}
    texts |= {w.negative.format(w.name) for name in COMPETITION for w in wordings(name)}
    assert set(model.read) == texts
    assert model.read[:10] == [
        "atelectasis", "cardiomegaly", "consolidation", "edema", "pleural effusion",
        "no atelectasis", "no cardiomegaly", "no consolidation", "no edema", "no pleural effusion",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "apart"), [("umcl", 9), ("clip", 54), ("label-bce", 1)])
def test_a_continuous_prompt_reads_the_name_and_a_vector_nothing(phantom: Corpus, name: str, apart: int) -> None:
    """Three names, each with either mistake too: the tokenizer has no case. Six of 60 texts differ in case alone."""
    recipe = Recipe(registry.get_baseline(name), TINY)
    data = training_rows(phantom, recipe)
    encoder = empty_encoder(recipe, data)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for values_ in encoder.parameters():
            torch.nn.init.normal_(values_, std=0.1)
    model = TrainedModel(recipe, encoder, data.tokenizer, torch.device("cpu"), classes=phantom.classes)
    pairs = list(prompt_sensitivity.wording_pairs(model, COMPETITION).values())
    facts = prompt_sensitivity._facts(pairs)
    assert facts["wordings told apart"] == apart
    assert ("reads" in facts) is (name != "clip")


def test_findings_without_wordings_are_refused(phantom: Corpus) -> None:
    normal = dataclasses.replace(TASK, protocol=PromptSensitivity(findings=("Edema", "No Finding")))
    with pytest.raises(UsageError, match="no wordings of No Finding"):
        prompt_sensitivity.check(normal, phantom)
    with pytest.raises(ValueError, match="wordings"):
        PromptSensitivity(wordings="7")  # type: ignore[arg-type]


def test_a_leaderboard_of_two_models_says_how_often_their_order_turns(quick: Quick) -> None:
    for seed in ("0", "1"):
        arguments = ("run", "--model", "random", "--task", "prompt-sensitivity-chexpert", "--seed", seed, "-q")
        code, _, err = quick(*arguments)
        assert code == 0, err
    shown = quick("leaderboard", "--over-seeds", "--format", "md")[1]
    assert "(sd over wordings)" in shown
    assert "order: in" not in shown  # one model, two seeds
    assert quick("run", "--model", "untrained", "--task", "prompt-sensitivity-chexpert", "-q")[0] == 0
    shown = quick("leaderboard", "--over-seeds", "--format", "md")[1]
    assert "of the wordings, on average over 1 pairs of models" in shown
    assert "random tiny and untrained tiny" in shown or "untrained tiny and random tiny" in shown
