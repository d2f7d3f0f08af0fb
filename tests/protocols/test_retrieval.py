"""The retrieval protocol: an oracle is perfect, a constant exactly chance; texts, classes, order, and errors."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import REAL_DATA, Quick
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.data.phantom.plays import play
from umcl_bench.data.sources import open_source
from umcl_bench.errors import UsageError
from umcl_bench.metrics.ranking import HITS, PRECISIONS
from umcl_bench.metrics.registry import get_metric
from umcl_bench.metrics.scores import Scores
from umcl_bench.models.base import Matrix, PromptPair
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.protocols import retrieval
from umcl_bench.protocols.base import Evaluation, Outcome
from umcl_bench.spec import COMPETITION, EIGHT, EIGHT_SENTENCES, Retrieval, Task
from umcl_bench.validate.task_checks import numbered_films

TASK = registry.get_task("retrieval")
FIVE = registry.get_task("retrieval-mimic-5x200")
SENTENCES = registry.get_task("retrieval-chexpert-8x200")
IMAGES = registry.get_task("retrieval-chexpert-8x200-images")
ALL = ["retrieval", "retrieval-mimic", "retrieval-openi", "retrieval-roco", "retrieval-chexpert-5x200"]
ALL += [task.name for task in (FIVE, SENTENCES, IMAGES)]


class Oracle:
    """Knows which film it sees, and of each film and text what it is told; `told` False: the same of all."""

    def __init__(self, corpus: Corpus, told: Mapping[str, Sequence[str]], reports: bool) -> None:
        """`told` are the classes of films ('<id>') and texts."""
        self.corpus, self.told, self.reports = corpus, told, reports
        self.axes = sorted({name for names in told.values() for name in names})

    digest = ""

    def _rows(self, names: Sequence[str]) -> Matrix:
        z = np.zeros((len(names), len(self.axes) + 1), dtype=np.float32)
        for row, name in enumerate(names):
            z[row, [self.axes.index(axis) for axis in self.told.get(name, ())] or [-1]] = 1
        return np.asarray(z / np.linalg.norm(z, axis=1, keepdims=True))

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        pixels = films.reshape(len(films), -1).astype(np.int64)
        rows = pixels[:, 0] * 256 + pixels[:, 1]
        return self._rows(self.corpus.reports[rows] if self.reports else self.corpus.ids[rows])

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        return self._rows(texts)

    def pool_images(self, films: NDArray[np.uint8]) -> Matrix:
        raise AssertionError("not asked for here")

    def embed_findings(self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str]) -> PromptPair:
        raise AssertionError("not asked for here")


def scored(task: Task, corpus: Corpus, model: Oracle | RandomEmbeddings) -> Outcome:
    films = numbered_films(np.arange(len(corpus)))
    return retrieval.run(task, Evaluation(corpus, films, model))  # type: ignore[arg-type]


def figures(task: Task, outcome: Outcome) -> dict[str, float]:
    scores = outcome.parts[""]
    return {
        f"{name} {direction}": value
        for name in task.metrics
        for direction, value in zip(scores.classes, get_metric(name).points(scores), strict=True)
    }


def chances(outcome: Outcome) -> dict[str, float]:
    directions = outcome.facts["directions"]
    assert isinstance(directions, dict)
    return {f"{name} {d}": v for d, facts in directions.items() for name, v in facts["chance"].items()}


def shared_reports(corpus: Corpus) -> Corpus:
    """Every third film has the report of the one before it, with other blanks; every seventh has none."""
    reports = corpus.reports.copy()
    for row in range(1, len(reports), 3):
        reports[row] = f" {reports[row - 1]}".replace(" ", "  \n")
    reports[::7] = None
    return dataclasses.replace(corpus, reports=reports)


@pytest.fixture(scope="module")
def eight() -> Corpus:
    return play(phantom_corpus(PhantomSpec(train=10, val=5, test=600, seed=4)), "chexpert-8x200")


def by_class(corpus: Corpus, findings: Sequence[str], *, reports: bool) -> Oracle:
    columns = [corpus.classes.index(name) for name in findings]
    names = [[findings[k] for k in np.flatnonzero(row[columns] == 1).tolist()] for row in corpus.truth]
    keys = corpus.reports if reports else corpus.ids
    told = dict(zip(map(str, keys), names, strict=True)) | {text: [name] for name, text in EIGHT_SENTENCES}
    return Oracle(corpus, told, reports)


def relevant_candidates(task: Task, corpus: Corpus) -> list[int]:
    """How many films have the class of each query, by the names of classes."""
    rows = corpus.rows("test")
    query = corpus.attributes.get("query", np.full(len(corpus), ""))[rows]
    own = [{corpus.classes[k] for k in np.flatnonzero(row == 1).tolist()} for row in corpus.truth[rows]]
    asked: dict[str, list[str]] = {
        FIVE.name: [name for names in own for name in names & set(COMPETITION)],
        SENTENCES.name: [name for name, _ in EIGHT_SENTENCES],
        IMAGES.name: [name for name in query if name],
    }
    return [
        sum(name in names and not mark for names, mark in zip(own, query, strict=True)) for name in asked[task.name]
    ]


def test_an_oracle_is_perfect_and_a_constant_is_exactly_chance_at_instance_level(phantom: Corpus) -> None:
    corpus = shared_reports(phantom)
    words = {text: " ".join(text.split()) for text in corpus.reports if text}
    for told, perfect in ((words | {w: w for w in words.values()}, True), ({}, False)):
        outcome = scored(TASK, corpus, Oracle(corpus, {key: [word] for key, word in told.items()}, True))
        for name, value in figures(TASK, outcome).items():
            if perfect:
                assert value == 1, name
            elif not name.startswith("median"):
                assert value == pytest.approx(chances(outcome)[name], abs=1e-12), name


@pytest.mark.parametrize("task", [FIVE, SENTENCES, IMAGES], ids=lambda t: t.name)
def test_an_oracle_is_perfect_and_a_constant_is_exactly_chance_at_class_level(task: Task, eight: Corpus) -> None:
    protocol, corpus = task.protocol, eight
    assert isinstance(protocol, Retrieval)
    if task is FIVE:
        corpus = play(phantom_corpus(PhantomSpec(train=10, val=5, test=600, seed=4)), "mimic-5x200")
    oracle = by_class(corpus, protocol.findings, reports=task is FIVE)
    relevant = relevant_candidates(task, corpus)
    for name, value in figures(task, scored(task, corpus, oracle)).items():
        letter, k = name.partition(" ")[0].split("@")
        wanted = np.minimum(1, np.array(relevant) / int(k)).mean() if letter == "p" else 1
        assert value == pytest.approx(wanted, abs=1e-12), name
    assert min(relevant) < max(relevant)
    outcome = scored(task, corpus, Oracle(corpus, {}, False))
    for name, value in figures(task, outcome).items():
        assert value == pytest.approx(chances(outcome)[name], abs=1e-12), name


@pytest.mark.parametrize("task", [TASK, FIVE, SENTENCES, IMAGES], ids=lambda t: t.name)
def test_random_models_are_at_chance(task: Task, eight: Corpus, phantom: Corpus) -> None:
    """The mean of 40 draws is within four standard errors of it."""
    corpus = eight if task in (SENTENCES, IMAGES) else phantom
    runs = [scored(task, corpus, RandomEmbeddings(32, seed)) for seed in range(40)]
    for name, chance in chances(runs[0]).items():
        if name.partition(" ")[0] in task.metrics and chance is not None:
            found = np.array([figures(task, run)[name] for run in runs])
            assert abs(found.mean() - chance) <= 4 * found.std(ddof=1) / np.sqrt(40), name


def test_scores_do_not_depend_on_the_order_of_films(phantom: Corpus) -> None:
    corpus = shared_reports(phantom)
    order = np.random.default_rng(0).permutation(len(corpus))
    columns = ("ids", "patients", "splits", "views", "reports", "stated")
    moved = dataclasses.replace(
        corpus,
        **{name: getattr(corpus, name)[order] for name in columns},
        prior=np.full(len(corpus), -1),
        attributes={},
        boxes=(),
        masks=None,
        has_mask=None,
    )
    films, model = numbered_films(np.arange(len(corpus))), RandomEmbeddings(32, 0)
    first, second = (
        retrieval.run(TASK, Evaluation(c, f, model)).parts[""] for c, f in ((corpus, films), (moved, films[order]))
    )
    a, b = (scores.take(np.argsort(scores.id.astype(str))) for scores in (first, second))
    assert a.id.tolist() == b.id.tolist()
    assert a.patient.tolist() == b.patient.tolist()
    for name, column in a.columns.items():
        np.testing.assert_array_equal(column, b.columns[name])


def test_identical_reports_are_one_text_whose_films_are_all_relevant(phantom: Corpus) -> None:
    corpus = shared_reports(phantom)
    rows = retrieval.check(TASK, corpus)
    texts = retrieval.different_texts(corpus, rows)
    assert len(texts.texts) < len(rows) < len(corpus.rows("test"))
    assert texts.texts == sorted({" ".join(corpus.reports[row].split()) for row in rows})
    for k, text in enumerate(texts.texts):
        films = rows[texts.of_film == k]
        assert {" ".join(corpus.reports[row].split()) for row in films} == {text}
        assert corpus.ids[rows[texts.first[k]]] == min(corpus.ids[films])
    merged = scored(TASK, corpus, RandomEmbeddings(32, 0)).parts[""]
    assert len(merged.id) == len(rows) + len(texts.texts) == len(set(merged.id))
    assert merged.groups["view"][-1] == ""


def test_identical_reports_that_stay_apart_tie(phantom: Corpus) -> None:
    """A film whose report another has too finds its own among the two in one of two orders."""
    corpus = shared_reports(phantom)
    apart = dataclasses.replace(TASK, protocol=Retrieval(identical_texts="apart"))
    words = {text: [" ".join(text.split())] for text in corpus.reports if text}
    oracle = Oracle(corpus, words | {word[0]: word for word in words.values()}, True)
    scores = scored(apart, corpus, oracle).parts[""]
    rows = retrieval.check(apart, corpus)
    assert len(scores.id) == 2 * len(rows)
    texts = retrieval.different_texts(corpus, rows)
    copies = np.bincount(texts.of_film)[texts.of_film]
    assert set(copies) == {1, 2}
    np.testing.assert_allclose(scores.columns["hit@1"][: len(rows), 0], 1 / copies)
    np.testing.assert_allclose(scores.columns["rank"][len(rows) :, 1], (copies + 1) / 2)


def test_each_direction_has_its_own_queries(phantom: Corpus) -> None:
    scores = scored(TASK, phantom, RandomEmbeddings(32, 0)).parts[""]
    assert scores.classes == ("image to text", "text to image")
    filled = ~np.isnan(scores.columns["rank"])
    assert (filled.sum(axis=1) == 1).all()
    assert filled[:64, 0].all()
    assert scores.id[64].startswith("report: ")
    assert set(scores.patient[:64]) == set(scores.patient[64:])


def test_query_films_are_no_candidates_and_classes_are_as_marked(eight: Corpus) -> None:
    rows = retrieval.check(IMAGES, eight)
    marks = eight.attributes["query"][rows]
    queries = rows[marks != ""]
    outcome = scored(IMAGES, eight, RandomEmbeddings(32, 0))
    facts = outcome.facts["directions"]
    assert isinstance(facts, dict)
    assert facts["image to image"]["queries"] == len(queries) == len(outcome.parts[""].id)
    assert facts["image to image"]["candidates"] == len(rows) - len(queries)
    assert outcome.parts[""].id.tolist() == eight.ids[queries].tolist()
    assert outcome.unit == "queries"
    assert set(marks) == {"", *EIGHT}


def test_the_published_sentences_are_five_a_class() -> None:
    assert [sum(name == of for name, _ in EIGHT_SENTENCES) for of in EIGHT] == [5] * 8
    assert len({text for _, text in EIGHT_SENTENCES}) == 40


def test_more_than_there_are_candidates_is_undefined_and_a_class_without_any_too(eight: Corpus) -> None:
    rows = retrieval.check(SENTENCES, eight)
    edema = eight.truth[:, eight.classes.index("Edema")] == 1
    without = rows[edema[rows]]
    few = eight.without(np.concatenate([without, rows[~edema[rows]][40:]]), "to test")
    scores = scored(SENTENCES, few, RandomEmbeddings(32, 0)).parts[""]
    assert np.isnan(scores.columns["precision@50"]).all()
    absent = np.array([name == "Edema" for name, _ in EIGHT_SENTENCES])
    assert np.isnan(scores.columns["hit@1"][absent]).all()
    assert np.isnan(scores.columns["precision@5"][absent]).all()
    assert not np.isnan(scores.columns["precision@5"][~absent]).all()


class Broken(RandomEmbeddings):
    """One text has no embedding."""

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        z = super().embed_texts(texts)
        z[0] = np.nan
        return z


def test_what_is_no_number_has_no_figure(phantom: Corpus) -> None:
    scores = scored(TASK, phantom, Broken(32, 0)).parts[""]
    films, texts = scores.columns["rank"][:64, 0], scores.columns["rank"][64:, 1]
    assert np.isnan(films).all()
    assert np.flatnonzero(np.isnan(texts)).tolist() == [0]


def test_what_does_not_fit_is_said_before_any_work(phantom: Corpus) -> None:
    silent = dataclasses.replace(phantom, reports=np.full(len(phantom), None, dtype=object))
    with pytest.raises(UsageError, match=r"needs test films .* with different reports, .* phantom has 0 with a report"):
        retrieval.check(TASK, silent)
    one = dataclasses.replace(phantom, reports=np.full(len(phantom), "Clear.", dtype=object))
    with pytest.raises(UsageError, match="has 64 with a report"):
        retrieval.check(TASK, one)
    with pytest.raises(UsageError, match=r"films that are marked as queries; phantom marks none"):
        retrieval.check(IMAGES, phantom)
    with pytest.raises(UsageError, match="needs labels for"):
        retrieval.check(FIVE, dataclasses.replace(phantom, classes=("Edema",), stated=phantom.labels[:, :1]))
    without_texts = registry.get_baseline("label-bce")
    for task in (TASK, FIVE, SENTENCES):
        with pytest.raises(UsageError, match=f"{task.name} needs a text tower; label-bce has none"):
            retrieval.check_model(task, without_texts)
    retrieval.check_model(IMAGES, without_texts)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"directions": ()}, "directions"),
        ({"directions": ("text to text",)}, "directions"),
        ({"directions": ("image to image",)}, "no findings, sentences or image to image"),
        ({"findings": EIGHT}, "no findings"),
        ({"relevant": "class", "findings": EIGHT[:2], "sentences": EIGHT_SENTENCES}, "sentences of Cardiomegaly"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Retrieval(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ALL)
def test_every_task_runs_by_one_command(name: str, quick: Quick) -> None:
    code, out, err = quick("run", "--model", "random", "--task", name)
    assert code == 0, err
    assert name in out


@pytest.mark.skipif(not (REAL_DATA / "covid-cxr").is_dir(), reason="needs shared/data")
def test_notes_of_real_films_of_which_some_share_one() -> None:
    corpus = open_source(str(REAL_DATA / "covid-cxr")).corpus
    rows = retrieval.check(TASK, corpus)
    texts = retrieval.different_texts(corpus, rows)
    assert 2 < len(texts.texts) < len(rows)
    scores: Scores = scored(TASK, corpus, RandomEmbeddings(32, 0)).parts[""]
    assert len(scores.id) == len(rows) + len(texts.texts)
    assert set(scores.columns) == {*(f"hit@{k}" for k in HITS), "rank"}
    assert not set(scores.columns) & {f"precision@{k}" for k in PRECISIONS}
