"""One class a film: an oracle is perfect, ties are shared, each rule is its definition, and what depends is flagged."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import zscore

from tests.conftest import Quick, unit_rows
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom.plays import play
from umcl_bench.data.prompts.grids import class_prompts
from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import estimate
from umcl_bench.metrics.registry import METRICS
from umcl_bench.models.base import Matrix
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.protocols import class_prompts as protocol
from umcl_bench.protocols.base import Evaluation, Outcome
from umcl_bench.spec import COMPETITION, ClassPrompts, Intervals, Task
from umcl_bench.validate.task_checks import Told, numbered_films

FEW = Intervals(resamples=30)
FIVE = ("zeroshot-chexpert-5x200", "zeroshot-chexpert-5x200-medclip", "zeroshot-chexpert-5x200-cxr-clip")
LOCAL_MEAN = {"pooling": "mean-embedding", "similarity": "global-and-local"}
RULES = [registry.get_task(name).protocol for name in FIVE]


@pytest.fixture(scope="module")
def five(phantom: Corpus) -> Corpus:
    """The phantom's 5x200, with its training films as test films too: all five classes are there."""
    more = dataclasses.replace(phantom, splits=np.full(len(phantom), "test", dtype=object))
    return play(more, "chexpert-5x200")


def task(**changes: Any) -> Task:
    return dataclasses.replace(registry.get_task(FIVE[0]), protocol=ClassPrompts(**changes))


def score(wanted: Task, corpus: Corpus, model: Any) -> Outcome:
    return protocol.run(wanted, Evaluation(corpus, numbered_films(np.arange(len(corpus))), model))


def told(corpus: Corpus, strength: float = 1.0) -> Told:
    columns = [corpus.classes.index(name) for name in COMPETITION]
    return Told(strength * (2 * np.nan_to_num(corpus.truth[:, columns]) - 1).astype(np.float64), COMPETITION)


def figures(found: Outcome, metric: str) -> list[float]:
    return [float(np.nanmean(METRICS[metric].points(scores))) for scores in found.parts.values()]


@pytest.mark.parametrize("name", FIVE)
def test_an_oracle_is_perfect_and_a_model_that_says_nothing_shares_every_film(five: Corpus, name: str) -> None:
    wanted = registry.get_task(name)
    found = score(wanted, five, told(five))
    for metric in wanted.metrics:
        assert set(figures(found, metric)) == {1.0}
    for scores in score(wanted, five, told(five, 0.0)).parts.values():
        np.testing.assert_array_equal(scores.columns["decision"], np.full((len(scores.id), 5), 0.2))
        assert METRICS["argmax-accuracy"].points(scores) == pytest.approx([0.2], abs=1e-15)
        assert estimate(scores, "auroc", FEW)["macro"].value == 0.5


class Constant(RandomEmbeddings):
    """One embedding for all films."""

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        return super().embed_images(np.zeros_like(films))


def test_a_model_that_sees_nothing_says_one_class_of_all_or_by_z_scores_all_classes_of_each(five: Corpus) -> None:
    scores = score(task(), five, Constant(32, 0)).parts[""]
    said = scores.columns["decision"].sum(axis=0)
    assert sorted(said.tolist()) == [0, 0, 0, 0, len(scores.id)]
    share = scores.target[:, said.argmax()].mean()
    assert METRICS["argmax-accuracy"].points(scores) == pytest.approx([share])
    assert estimate(scores, "auroc", FEW)["macro"].value == 0.5
    standardised = score(task(z_score=True), five, Constant(32, 0)).parts[""]
    np.testing.assert_array_equal(standardised.columns["decision"], np.full((len(scores.id), 5), 0.2))


def test_random_models_are_at_chance(five: Corpus) -> None:
    found = [score(task(count=5, pooling="max"), five, RandomEmbeddings(64, seed)).parts[""] for seed in range(30)]
    recalls = np.array([np.mean(METRICS["argmax-recall"].points(scores)) for scores in found])
    assert abs(recalls.mean() - 0.2) < 4 * recalls.std(ddof=1) / np.sqrt(len(recalls))
    held = [e.low <= 0.5 <= e.high for e in (estimate(scores, "auroc", FEW)["macro"] for scores in found)]
    assert np.mean(held) > 0.7


def slow(films: NDArray[np.float64], sets: Sequence[NDArray[np.float64]], pooling: str) -> list[list[float]]:
    """The definitions, a film and a class at a time."""
    out = []
    for film in films:
        row = []
        for texts in sets:
            cosines = [float(sum(a * b for a, b in zip(film, text, strict=True))) for text in texts]
            mean = np.asarray(sum(texts) / len(texts))
            row.append(
                {
                    "max": max(cosines),
                    "mean-score": sum(cosines) / len(cosines),
                    "mean-embedding": float(film @ mean) / float(np.linalg.norm(mean)),
                }[pooling]
            )
        out.append(row)
    return out


@pytest.mark.parametrize("pooling", ["max", "mean-score", "mean-embedding"])
@pytest.mark.parametrize("z_score", [False, True])
def test_scores_are_their_definition(pooling: Any, z_score: bool) -> None:
    rng = np.random.default_rng(0)
    films, sets = unit_rows(rng, 7, 6), [unit_rows(rng, n, 6) for n in (4, 1, 9)]
    rule = ClassPrompts(pooling=pooling, z_score=z_score)
    found = protocol.class_scores(films, [s.astype(np.float32) for s in sets], rule)
    expected = np.array(slow(films, sets, pooling))
    np.testing.assert_allclose(found, zscore(expected, axis=0) if z_score else expected, atol=1e-6)


def test_a_single_prompt_is_pooled_to_itself_and_repeated_ones_count_in_a_mean_alone() -> None:
    rng = np.random.default_rng(1)
    films, one, other = unit_rows(rng, 5, 4), unit_rows(rng, 1, 4), unit_rows(rng, 1, 4)
    alone, twice = [one, other], [np.concatenate([one, one, other]), other]
    by = {p: ClassPrompts(pooling=p) for p in ("max", "mean-score", "mean-embedding")}
    singles = [protocol.class_scores(films, alone, rule) for rule in by.values()]  # type: ignore[arg-type]
    for found in singles:
        np.testing.assert_allclose(found, films @ np.concatenate([one, other]).T)
    mean = protocol.class_scores(films, twice, by["mean-score"])
    np.testing.assert_allclose(mean[:, 0], (2 * films @ one[0] + films @ other[0]) / 3)
    best = protocol.class_scores(films, twice, by["max"])
    np.testing.assert_allclose(best[:, 0], np.maximum(films @ one[0], films @ other[0]))


def test_a_films_score_is_its_own_unless_it_is_standardised_which_is_said(five: Corpus) -> None:
    model, rows = RandomEmbeddings(32, 0), protocol.check(registry.get_task(FIVE[0]), five)
    half = five.without(rows[::2], "half of it")
    for rule in RULES:
        assert isinstance(rule, ClassPrompts)
        wanted = dataclasses.replace(registry.get_task(FIVE[0]), protocol=rule)
        whole, rest = score(wanted, five, model), score(wanted, half, model)
        for one, other in zip(whole.parts.values(), rest.parts.values(), strict=True):
            places = [one.id.tolist().index(identity) for identity in other.id]
            same = np.allclose(one.value[places], other.value, atol=1e-12)
            assert same is not rule.z_score
            assert ("transductive" in whole.facts) is rule.z_score
    assert "transductive" in registry.get_task(FIVE[0]).title


def test_runs_draw_anew_and_their_spread_is_a_figure(five: Corpus) -> None:
    wanted = registry.get_task(FIVE[1])
    found, again = (score(wanted, five, RandomEmbeddings(32, 0)) for _ in range(2))
    assert list(found.parts) == [f"run {i}" for i in range(1, 6)]
    assert [figure.key("argmax-accuracy") for figure in found.figures] == [
        "argmax-accuracy",
        "argmax-accuracy (sd over runs)",
    ]
    values = [scores.value for scores in found.parts.values()]
    assert not np.array_equal(values[0], values[1])
    for one, other in zip(values, again.parts.values(), strict=True):
        np.testing.assert_array_equal(one, other.value)


class Local(RandomEmbeddings):
    """Random vectors, and a local similarity that is the text's place in its list."""

    def local_similarity(self, films: NDArray[np.uint8], texts: Sequence[str]) -> Matrix:
        return np.tile(np.arange(len(texts), dtype=np.float32), (len(films), 1))


def test_local_similarities_count_half_where_the_task_asks_and_the_model_has_them(five: Corpus) -> None:
    rng = np.random.default_rng(2)
    films, sets = unit_rows(rng, 4, 3), [unit_rows(rng, n, 3) for n in (2, 3)]
    local = [rng.random((4, n)) for n in (2, 3)]
    found = protocol.class_scores(films, sets, ClassPrompts(pooling="max", similarity="global-and-local"), local)  # type: ignore[arg-type]
    for i in range(4):
        for k in range(2):
            assert found[i, k] == pytest.approx(
                max((films[i] @ t + s) / 2 for t, s in zip(sets[k], local[k][i], strict=True))
            )
    both = task(count=5, pooling="max", similarity="global-and-local")
    told = score(both, five, Local(16, 0))
    assert told.facts["similarity"] == "the mean of the global and GLoRIA's local one"
    assert (told.parts[""].columns["decision"].argmax(axis=1) == 4).all()  # its prompts stand last
    without = score(both, five, RandomEmbeddings(16, 0))
    assert str(without.facts["similarity"]).startswith("global")
    plain = score(task(count=5, pooling="max"), five, Local(16, 0))
    np.testing.assert_array_equal(plain.parts[""].value, without.parts[""].value)


def test_decisions_do_not_depend_on_the_temperature_but_values_do(five: Corpus) -> None:
    one, other = (score(task(temperature=t), five, RandomEmbeddings(32, 0)).parts[""] for t in (1.0, 0.01))
    np.testing.assert_array_equal(one.columns["decision"], other.columns["decision"])
    assert other.value.max() > one.value.max()
    np.testing.assert_allclose(other.value.sum(axis=1), 1)


class Reader(RandomEmbeddings):
    """Random vectors, and the texts that they were asked for."""

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        self.read = [*getattr(self, "read", []), *texts]
        return super().embed_texts(texts)


def test_prompts_are_those_of_the_set_in_its_spelling(five: Corpus) -> None:
    model = Reader(8, 0)
    score(registry.get_task(FIVE[2]), five, model)
    assert model.read == [t for texts in class_prompts("chexpert", "cxr-clip", stripped=True).values() for t in texts]
    model = Reader(8, 0)
    score(registry.get_task(FIVE[0]), five, model)
    assert len(model.read) == 25
    assert set(model.read) <= {text for texts in class_prompts("chexpert").values() for text in texts}


def test_the_sets_of_rsna_serve_a_task_of_two_classes(phantom: Corpus) -> None:
    one_each = phantom.truth[:, [phantom.classes.index(n) for n in ("No Finding", "Pneumonia")]].sum(axis=1) == 1
    corpus = phantom.without(np.flatnonzero(~one_each), "neither normal nor a pneumonia")
    wanted = task(findings=("No Finding", "Pneumonia"), prompts="rsna", spelling="corrected")
    scores = score(wanted, corpus, RandomEmbeddings(16, 0)).parts[""]
    np.testing.assert_array_equal(scores.target.sum(axis=1), 1)


def test_films_with_several_classes_and_classes_without_prompts_are_refused(phantom: Corpus, five: Corpus) -> None:
    with pytest.raises(UsageError, match=r"exactly one of Atelectasis, .* films of phantom have none or several"):
        protocol.check(task(), phantom)
    with pytest.raises(UsageError, match="prompts 'chexpert' have none of Fracture"):
        protocol.check(task(findings=("Edema", "Fracture")), five)
    with pytest.raises(UsageError, match="lacks COVID-19"):
        protocol.check(task(findings=("Edema", "COVID-19")), five)
    for wrong in ({"runs": 2}, {"findings": ("Edema",)}, {"pooling": "median"}, {"count": -1}, LOCAL_MEAN):
        with pytest.raises(ValueError, match=r"must|runs|two|local"):
            ClassPrompts(**wrong)


def test_an_uncertain_class_does_not_count(five: Corpus) -> None:
    stated = five.stated.copy()
    row = protocol.check(task(), five)[0]
    columns = [five.classes.index(name) for name in COMPETITION]
    absent = next(c for c in columns if stated[row, c] != 1)
    stated[row, absent] = -1
    for uncertain in ("ones", "zeros", "ignore"):
        policy = dataclasses.replace(five.policy, uncertain=uncertain)
        unsure = dataclasses.replace(five, stated=stated, policy=policy)
        assert protocol.check(task(), unsure)[0] == row


@pytest.mark.parametrize("name", [*FIVE, "zeroshot-mimic-5x200"])
def test_tasks_run_on_the_phantom_by_one_command(quick: Quick, name: str) -> None:
    code, out, err = quick("run", "--model", "random", "--task", name, "-q")
    assert code == 0, err
    assert f"{name} on the PHANTOM" in out


def test_a_variant_without_what_its_task_has_columns_for_is_scored_all_the_same(quick: Quick) -> None:
    """Of one run there is no spread: its column is left out, and the run is not lost at its end."""
    code, out, err = quick("run", "--model", "random", "--task", "zeroshot-chexpert-5x200-medclip+runs=1", "-q")
    assert code == 0, err
    shown = quick("leaderboard", "--format", "md")[1]
    assert "accuracy (argmax) [95 % CI]" in shown
    assert "sd over runs" not in shown
    assert "sd over runs" not in out
