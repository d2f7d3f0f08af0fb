"""Which step's weights are kept: the best on val by a named rule, and training never notices."""

import dataclasses
import itertools
from collections.abc import Iterator

import pytest
import torch

from tests.conftest import Quick
from tests.training.survivor import CPU, small_data, small_recipe
from umcl_bench.models.trained import TrainedModel
from umcl_bench.progress import Reporter
from umcl_bench.spec import Recipe, Selection
from umcl_bench.training.batches import training_rows
from umcl_bench.training.loop import Trained, Trainer, train
from umcl_bench.training.selection import Best, describe_selection, is_better, val_loss

NAN = float("nan")
CORPUS, FILMS = small_data()


def recipe_of(rule: str, every: int, steps: int = 5) -> Recipe:
    selection = Selection(rule, every)  # type: ignore[arg-type]
    return dataclasses.replace(small_recipe("umcl", steps), selection=selection)


def selected(rule: str, values: list[float], every: int = 2) -> Trained:
    """A training of five steps whose looks at val give these values, one after the other."""
    said: Iterator[float] = iter(values)
    trained = train(recipe_of(rule, every), CORPUS, FILMS, CPU, Reporter(quiet=True), evaluate=lambda _: next(said))
    assert next(said, None) is None
    return trained


def test_a_number_beats_nothing_and_nothing_beats_no_number() -> None:
    for rule, better, worse in (("val-auroc", 0.7, 0.6), ("val-loss", 0.6, 0.7)):
        assert is_better(rule, better, worse)  # type: ignore[arg-type]
        assert is_better(rule, worse, None)  # type: ignore[arg-type]
        for value, than in ((worse, better), (better, better), (NAN, worse), (NAN, None)):
            assert not is_better(rule, value, than)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "values", "step"),
    [
        ("val-auroc", [0.6, 0.9, 0.7], 4),
        ("val-auroc", [0.9, 0.9, 0.9], 2),
        ("val-auroc", [NAN, 0.1, NAN], 4),
        ("val-loss", [3.0, 2.0, 1.0], 5),
        ("val-loss", [1.0, NAN, 1.0], 2),
    ],
)
def test_the_best_look_is_kept_and_the_last_step_is_looked_at(rule: str, values: list[float], step: int) -> None:
    trained = selected(rule, values)
    assert f"looked at every 2 steps: {values[[2, 4, 5].index(step)]:.4f} at step {step}" in str(
        trained.facts["selection"]
    )
    whole = train(recipe_of("last", 0), CORPUS, FILMS, CPU, Reporter(quiet=True))
    kept, last = trained.model.encoder.state_dict(), whole.model.encoder.state_dict()
    assert all(torch.equal(kept[name], last[name]) for name in last) == (step == 5)  # batch norms tell 4 from 5


def test_where_no_look_gives_a_number_the_last_step_is_kept_and_said() -> None:
    assert "undefined at every look, so the last step" in str(selected("val-auroc", [NAN] * 3).facts["selection"])
    assert "val is not read" in describe_selection(Selection(), None)
    assert "highest zero-shot macro AUROC" in describe_selection(Selection("val-auroc", 1), Best(1, 0.5, {}))


def test_looking_changes_nothing_of_the_training() -> None:
    last = []
    for rule, every in (("last", 0), ("val-loss", 1)):
        recipe = recipe_of(rule, every)
        data = training_rows(CORPUS, recipe)
        from umcl_bench.training.start import empty_encoder

        encoder = empty_encoder(recipe, data)
        evaluate = val_loss(recipe, CORPUS, FILMS, CPU) if every else None
        trainer = Trainer(recipe, CORPUS, data, encoder, FILMS, CPU, Reporter(quiet=True), evaluate=evaluate)
        with torch.random.fork_rng():
            trainer.run()
        last.append(trainer.encoder.state_dict())
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_the_loss_on_val_is_the_same_at_every_look_and_differs_between_weights() -> None:
    recipe = recipe_of("val-loss", 1)
    evaluate = val_loss(recipe, CORPUS, FILMS, CPU)
    models = [
        train(dataclasses.replace(recipe_of("last", 0), seed=seed), CORPUS, FILMS, CPU, Reporter(quiet=True)).model
        for seed in (0, 1)
    ]

    def look(model: TrainedModel) -> float:
        with torch.random.fork_rng():
            return evaluate(model)

    values = [look(model) for model in (*models, *models)]
    assert values[:2] == values[2:]
    assert values[0] != values[1]
    assert all(0 < value < 10 for value in values)


@pytest.mark.parametrize("rule", ["val-auroc", "val-loss"])
def test_the_command_line_selects_and_says_so(quick: Quick, rule: str) -> None:
    words = {"val-auroc": "highest zero-shot macro AUROC on val", "val-loss": "lowest contrastive loss on val"}[rule]
    options = ("--select", rule, "--eval-every", "4")
    job = ("run", "--model", "umcl", "--task", "zeroshot", *options)
    code, out, err = quick(*job, "--plan")
    assert code == 0, err
    assert f"{words}, looked at every 4 steps" in out
    code, out, err = quick("train", "--model", "umcl", *options)
    assert code == 0, err
    assert f"{words}, looked at every 4 steps: " in out
    looks = [line for line in err.splitlines() if line.startswith("step ") and "on val" in line]
    assert [line.split(":")[0] for line in looks] == ["step 4", "step 6"]


def test_a_rule_and_how_often_go_together(quick: Quick) -> None:
    for options in (("--select", "val-loss"), ("--eval-every", "5")):
        code, _, err = quick("train", "--model", "umcl", *options)
        assert code == 2
        assert "give both or neither" in err


def test_no_val_split_is_said_before_any_work() -> None:
    from umcl_bench.errors import UsageError
    from umcl_bench.plan import check_selection

    bare = dataclasses.replace(CORPUS, splits=CORPUS.splits.copy())
    bare.splits[bare.splits == "val"] = "train"
    for rule, message in (("val-auroc", "needs val films"), ("val-loss", "validation split")):
        with pytest.raises(UsageError, match=message):
            check_selection(recipe_of(rule, 1), bare)
    assert list(itertools.islice(CORPUS.rows("val"), 1))
