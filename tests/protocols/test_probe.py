"""The linear probe: known models get what they must, val alone chooses, and nothing depends on the rows' order."""

import dataclasses
from typing import Any, cast

import numpy as np
import pytest

from tests.conftest import Quick
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import estimate_figure, macro
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Floats
from umcl_bench.models.base import Matrix, Model
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.protocols import probe
from umcl_bench.protocols.base import Evaluation, Outcome
from umcl_bench.protocols.probe import choose, standard
from umcl_bench.spec import COMPETITION, Intervals, Probe, Task, to_dict
from umcl_bench.validate.views import reordered, reversed_classes

TASK = registry.get_task("probe-chexpert")
SHOTS = registry.get_task("fewshot-chexpert")
PROBE = cast(Probe, TASK.protocol)
PARTS = ["1%/0", "1%/1", "1%/2", "10%/0", "10%/1", "10%/2", "100%/0"]


class Told:
    """A model whose features of a film are a row of a matrix; the film says which."""

    def __init__(self, features: Floats) -> None:
        self.features = features.astype(np.float32)

    @property
    def digest(self) -> str:
        return ""

    def pool_images(self, films: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Matrix:
        found: Matrix = self.features[films[:, 0, 0].astype(int) + 256 * films[:, 0, 1].astype(int)]
        return found

    def embed_images(self, films: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Matrix:
        return self.pool_images(films)[:, :2]


def evaluation(corpus: Corpus, features: Floats, rows: Rows | None = None) -> Evaluation:
    """Features (n, d) of the corpus's rows, which are these rows of the features."""
    rows = np.arange(len(corpus)) if rows is None else rows
    films = np.zeros((len(rows), 2, 2), dtype=np.uint8)
    films[:, 0, 0], films[:, 0, 1] = rows % 256, rows // 256
    return Evaluation(corpus, films, cast(Model, Told(features)))


def oracle(corpus: Corpus) -> Floats:
    return np.nan_to_num(corpus.labels).astype(np.float64)


def noisy(corpus: Corpus, noise: float = 2.0) -> Floats:
    rng = np.random.default_rng(0)
    labels = oracle(corpus)
    mixed = labels @ rng.standard_normal((labels.shape[1], 12))
    return np.asarray(mixed + noise * rng.standard_normal(mixed.shape))


def changed(task: Task, **fields: object) -> Task:
    protocol = dataclasses.replace(cast(Probe, task.protocol), **fields)  # type: ignore[arg-type]
    return dataclasses.replace(task, protocol=protocol, evidence=())


def test_an_oracle_is_perfect_and_a_constant_is_chance(phantom: Corpus) -> None:
    for features, expected in ((oracle(phantom), 1.0), (np.full((len(phantom), 7), 0.3), 0.5)):
        outcome = probe.run(TASK, evaluation(phantom, features))
        assert list(outcome.parts) == PARTS
        points = get_metric("auroc").points(outcome.parts["100%/0"])
        assert points.tolist() == [expected] * 5


def test_a_model_that_knows_nothing_is_at_chance(phantom: Corpus) -> None:
    films = np.random.default_rng(0).integers(0, 255, (len(phantom), 3, 3)).astype(np.uint8)
    outcome = probe.run(TASK, Evaluation(phantom, films, RandomEmbeddings(16, 0)))
    for figure in outcome.figures:
        if figure.over == "mean" and figure.label != "1%":
            found = estimate_figure([outcome.parts], "auroc", figure, Intervals(resamples=200))["macro"]
            assert found.low < 0.5 < found.high, figure


def test_figures_are_of_each_share_and_its_spread(phantom: Corpus) -> None:
    outcome = probe.run(TASK, evaluation(phantom, noisy(phantom)))
    assert [(f.label, f.over, len(f.parts)) for f in outcome.figures] == [
        ("1%", "mean", 3), ("1% sd", "sd", 3), ("10%", "mean", 3), ("10% sd", "sd", 3), ("100%", "mean", 1),
    ]  # fmt: skip
    keys = {figure.key(metric) for figure in outcome.figures for metric in TASK.metrics}
    assert {TASK.headline, *TASK.shown} <= keys
    test = phantom.rows("test")
    for scores in outcome.parts.values():
        assert scores.id.tolist() == phantom.ids[test].tolist()
        assert scores.classes == COMPETITION
    facts = cast(dict[str, dict[str, object]], outcome.facts)
    assert facts["100%/0"]["patients"] == len(set(phantom.patients[phantom.rows("train")]))
    assert facts["100%/0"]["C"] in PROBE.strengths


def test_a_class_that_a_share_cannot_teach_is_undefined(phantom: Corpus) -> None:
    """One per cent of this phantom's patients is one patient, without most findings."""
    outcome = probe.run(TASK, evaluation(phantom, oracle(phantom)))
    facts = cast(dict[str, dict[str, object]], outcome.facts)
    for part in PARTS[:3]:
        lacking = [name for name in COMPETITION if name in str(facts[part]["not learned"]).split(", ")]
        assert facts[part]["patients"] == 1
        assert lacking
        for k, name in enumerate(COMPETITION):
            assert np.isnan(outcome.parts[part].value[:, k]).all() == (name in lacking)
    found = estimate_figure([outcome.parts], "auroc", outcome.figures[0], Intervals(resamples=20))
    several = [str(facts[part]["not learned"]) for part in PARTS[:3]]
    for name in COMPETITION:
        assert np.isnan(found[name].value) == any(name in lacking for lacking in several)


def test_no_score_depends_on_the_order_of_rows_or_classes_or_on_other_test_films(phantom: Corpus) -> None:
    features = noisy(phantom)
    order = np.random.default_rng(1).permutation(len(phantom))
    half = phantom.rows("test")[::2]
    for task in (TASK, SHOTS):
        whole = probe.run(task, evaluation(phantom, features))
        others = (
            probe.run(task, evaluation(reordered(phantom, order), features, order)),
            probe.run(task, evaluation(phantom.without(half, "left out"), features)),
            probe.run(task, evaluation(reversed_classes(phantom), features)),
        )
        for other in others:
            for name, scores in other.parts.items():
                place = {i: row for row, i in enumerate(whole.parts[name].id)}
                expected = whole.parts[name].value[[place[i] for i in scores.id]]
                np.testing.assert_allclose(scores.value, expected, atol=1e-9)


def test_val_chooses_and_is_not_fitted_on_and_test_plays_no_part(phantom: Corpus) -> None:
    base = probe.run(TASK, evaluation(phantom, noisy(phantom)))
    features = noisy(phantom)
    features[phantom.rows("val")] = 0
    one = changed(TASK, strengths=(0.01,))
    with_val, without = (probe.run(one, evaluation(phantom, f)) for f in (noisy(phantom), features))
    for name in PARTS:
        np.testing.assert_array_equal(with_val.parts[name].value, without.parts[name].value)
    stated = phantom.stated.copy()
    stated[phantom.rows("test")] = 1 - stated[phantom.rows("test")]
    told = probe.run(TASK, evaluation(dataclasses.replace(phantom, stated=stated), noisy(phantom)))
    for name in PARTS:
        np.testing.assert_array_equal(told.parts[name].value, base.parts[name].value)
        assert told.facts[name] == base.facts[name]


def test_each_class_has_its_own_rows(phantom: Corpus) -> None:
    """Labels that are taken from one class change nothing of the others at the same C."""
    one = changed(TASK, strengths=(0.1,), fractions=(1.0,))
    task = dataclasses.replace(one, shown=())
    stated = phantom.stated.copy()
    train = phantom.rows("train")
    stated[train[::2], phantom.classes.index("Edema")] = np.nan
    whole, part = (
        probe.run(task, evaluation(corpus, noisy(phantom))).parts["100%/0"].value
        for corpus in (phantom, dataclasses.replace(phantom, stated=stated))
    )
    k = COMPETITION.index("Edema")
    np.testing.assert_allclose(np.delete(part, k, 1), np.delete(whole, k, 1), atol=1e-2)
    assert np.abs(part[:, k] - whole[:, k]).max() > 0.1


def test_the_solvers_agree(phantom: Corpus) -> None:
    ours, theirs = (
        probe.run(changed(TASK, solver=solver), evaluation(phantom, noisy(phantom)))
        for solver in ("whitened", "scikit-learn")
    )
    for name in PARTS[3:]:
        one, other = (macro(outcome.parts[name], "auroc") for outcome in (ours, theirs))
        assert one == pytest.approx(other, abs=1e-3)


def test_pooled_and_projected_features(phantom: Corpus) -> None:
    widths = {
        features: str(
            probe.run(changed(TASK, features=features), evaluation(phantom, noisy(phantom))).facts["features"]
        )
        for features in ("pooled", "projected")
    }
    assert widths == {"pooled": "pooled, 12 wide", "projected": "projected, 2 wide"}


def test_without_val_the_choice_is_named_and_one_strength_needs_none(phantom: Corpus) -> None:
    lone = phantom.without(phantom.rows("val", "all"), "no val")
    with pytest.raises(UsageError, match=r"chooses C on val films .* there are none.*--task probe-chexpert\+strengths"):
        probe.check(TASK, lone)
    outcome = probe.run(changed(TASK, strengths=(0.01,)), evaluation(lone, noisy(phantom)))
    assert outcome.facts["selection"] == "none: C is 0.01"
    assert macro(outcome.parts["100%/0"], "auroc") > 0.5


def test_what_does_not_fit_is_said_before_any_work(phantom: Corpus) -> None:
    untrained = phantom.without(phantom.rows("train", "all"), "no train")
    with pytest.raises(UsageError, match="needs train films"):
        probe.check(TASK, untrained)
    with pytest.raises(UsageError, match="needs labels for"):
        probe.check(TASK, dataclasses.replace(phantom, classes=("Edema",), stated=phantom.stated[:, :1]))
    with pytest.raises(UsageError, match=r"shows auroc \(100%\), which it does not fit; it fits 50%"):
        probe.check(changed(TASK, fractions=(0.5,)), phantom)
    with pytest.raises(UsageError, match="is scored on val, which it is fitted or chosen on"):
        probe.check(dataclasses.replace(TASK, split="val"), phantom)


def test_impossible_probes_fail_where_they_are_made() -> None:
    impossible: tuple[dict[str, Any], ...] = (
        {"fractions": ()},
        {"shots": (1,)},
        {"strengths": ()},
        {"strengths": (0.0, 1.0)},
        {"strengths": (1.0, 1.0)},
        {"selection": "val-accuracy"},
        {"draws": 0},
        {"fractions": (), "shots": (0,)},
        {"fractions": (2.0,)},
    )
    for fields in impossible:
        with pytest.raises(ValueError, match=r"\w"):
            Probe(**fields)


def test_one_class_a_film(phantom: Corpus) -> None:
    """Films of exactly one of the classes count; the largest head decides, and a constant model says the commonest."""
    task = registry.get_task("probe-covid")
    classes = ("No Finding", "Pneumonia")
    stated = phantom.stated[:, [phantom.classes.index(name) for name in classes]].copy()
    corpus = dataclasses.replace(phantom, classes=classes, stated=stated)
    rows = phantom.rows("test")
    alone = rows[(stated[rows] == 1).sum(axis=1) == 1]
    outcome = probe.run(task, evaluation(corpus, stated.astype(np.float64)))
    scores = outcome.parts["100%/0"]
    assert scores.id.tolist() == phantom.ids[alone].tolist()
    assert scores.target.sum(axis=1).tolist() == [1.0] * len(alone)
    assert get_metric("argmax-accuracy").points(scores).tolist() == [1.0]
    same = probe.run(task, evaluation(corpus, np.ones((len(corpus), 3)))).parts["100%/0"]
    assert get_metric("argmax-accuracy").points(same)[0] == (stated[alone, 0] == 1).mean()
    with pytest.raises(UsageError, match="needs films of several classes, each of one; phantom labels No Finding"):
        probe.check(task, dataclasses.replace(corpus, classes=classes[:1], stated=stated[:, :1]))


def test_standardising_leaves_constant_features_at_nothing() -> None:
    features = np.random.default_rng(0).normal(3, 2, (50, 3)).astype(np.float32)
    features[:, 1] = 0.1
    centre, spread = standard(features, scale=True)
    z = (features - centre) / spread
    assert not z[:, 1].any()
    np.testing.assert_allclose(z[:, [0, 2]].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(z[:, [0, 2]].std(axis=0), 1, atol=1e-6)
    assert standard(features, scale=False)[1].tolist() == [1, 1, 1]


def test_of_equal_strengths_the_smallest_is_chosen() -> None:
    from umcl_bench.protocols.logistic import Heads

    weights = np.array([[[1.0]], [[2.0]], [[-1.0]]])
    heads = Heads(weights, np.zeros((3, 1)), np.ones((3, 1), dtype=bool), 1)
    z, truth = np.array([[0.0], [1.0], [2.0]], np.float32), np.array([[0.0], [1.0], [1.0]])
    assert choose(heads, z, truth, "val-auroc") == (0, 1.0)
    assert choose(heads, z, 1 - truth, "val-auroc") == (2, 1.0)
    nothing = choose(heads, z, np.ones((3, 1)), "val-auroc")
    assert nothing[0] == 0
    assert np.isnan(nothing[1])


def few(outcome: Outcome, part: str) -> dict[str, object]:
    return cast(dict[str, dict[str, object]], outcome.facts)[part]


def test_few_shots(phantom: Corpus) -> None:
    outcome = probe.run(SHOTS, evaluation(phantom, oracle(phantom)))
    assert [f.label for f in outcome.figures if f.over == "mean"] == [
        f"{k} shot{'s'[: k - 1]}" for k in (1, 2, 4, 8, 16)
    ]
    assert len(outcome.parts) == 15
    assert 2 <= cast(int, few(outcome, "1 shot/0")["films"]) <= 10
    assert macro(outcome.parts["8 shots/0"], "auroc") > 0.9
    chance = probe.run(SHOTS, evaluation(phantom, np.ones((len(phantom), 3))))
    for scores in chance.parts.values():
        points = get_metric("auroc").points(scores)
        assert set(points[~np.isnan(points)]) == {0.5}


def lost(outcome: Outcome) -> set[tuple[bool, ...]]:
    """The sets of classes that have no scores, over the parts."""
    return {tuple(bool(np.isnan(column).all()) for column in s.value.T) for s in outcome.parts.values()}


def test_a_class_with_too_few_films_is_left_out_at_every_number_of_shots(phantom: Corpus) -> None:
    stated, rows = phantom.stated.copy(), phantom.rows("train")
    commonest = max(COMPETITION, key=lambda name: (stated[rows, phantom.classes.index(name)] == 1).sum())
    column = phantom.classes.index(commonest)
    stated[rows[stated[rows, column] == 1][3:], column] = 0
    rare = dataclasses.replace(phantom, stated=stated)
    (before,), (after,) = (lost(probe.run(SHOTS, evaluation(corpus, oracle(phantom)))) for corpus in (phantom, rare))
    assert not before[COMPETITION.index(commonest)]
    assert after == tuple(gone or name == commonest for name, gone in zip(COMPETITION, before, strict=True))


def test_a_record_from_the_command_line(quick: Quick) -> None:
    for task, said in (("probe-chexpert", "macro AUROC (100%)"), ("probe+fractions=1.0/0.1", "macro AUROC (10%)")):
        code, out, err = quick("run", "--model", "random", "--task", task)
        assert code == 0, err
        assert f"{task} on the PHANTOM" in out
        assert f"{said} [95 % CI]" in quick("leaderboard", "--task", task, "--format", "md")[1]
    assert to_dict(TASK)["protocol"]["kind"] == "probe"
