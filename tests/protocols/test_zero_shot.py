"""The zero-shot protocol: an oracle is perfect, a constant is chance, and what does not fit is said."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Quick, unit_rows
from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom.plays import play
from umcl_bench.errors import UsageError
from umcl_bench.metrics.classification import auroc
from umcl_bench.metrics.intervals import estimate
from umcl_bench.models.base import Matrix, PromptPair, PromptSets
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.plan import SELECTION_TASK
from umcl_bench.protocols import zero_shot
from umcl_bench.protocols.base import Evaluation, cosines
from umcl_bench.spec import COMPETITION, Intervals, Task, ZeroShot
from umcl_bench.validate.task_checks import Told, numbered_films

TASK = registry.get_task("zeroshot-chexpert")


class Oracle:
    """Reads the row's number from the film and knows its labels; `strength` 0 makes it a constant model."""

    def __init__(self, corpus: Corpus, strength: float = 1.0) -> None:
        self.labels, self.classes, self.strength = corpus.labels, corpus.classes, strength

    @property
    def digest(self) -> str:
        return ""

    def pool_images(self, films: NDArray[np.uint8]) -> Matrix:
        return self.embed_images(films)

    def embed_patches(self, films: NDArray[np.uint8], stride: int) -> Matrix:
        raise AssertionError("not asked for here")

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        rows = films[:, 0, 0].astype(int) + 256 * films[:, 0, 1].astype(int)
        z = np.concatenate([self.strength * self.labels[rows], np.ones((len(rows), 1))], axis=1)
        return np.asarray(z / np.linalg.norm(z, axis=1, keepdims=True), dtype=np.float32)

    def image_tower(self) -> NoReturn:
        raise AssertionError("not asked for here")

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        raise AssertionError("not asked for here")

    def embed_findings(
        self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str], names: Sequence[str] = ()
    ) -> PromptPair:
        lower = [c.lower() for c in self.classes]
        z = np.eye(len(lower) + 1, dtype=np.float32)[[lower.index(f.lower()) for f in findings]]
        return PromptPair(z, -z, "oracle")

    def embed_classes(self, findings: Sequence[str], prompts: Sequence[Sequence[str]]) -> PromptSets:
        raise AssertionError("not asked for here")


class Reader(RandomEmbeddings):
    """Random vectors, and the texts that they were asked for."""

    def __init__(self) -> None:
        super().__init__(16, 0)
        self.read: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        self.read += texts
        return super().embed_texts(texts)


def task(**changes: Any) -> Task:
    return dataclasses.replace(TASK, protocol=ZeroShot(**changes))


def numbered(corpus: Corpus) -> NDArray[np.uint8]:
    rows = np.arange(len(corpus))
    films = np.zeros((len(rows), 4, 4), dtype=np.uint8)
    films[:, 0, 0], films[:, 0, 1] = rows % 256, rows // 256
    return films


def test_an_oracle_is_perfect_and_a_constant_is_chance(phantom: Corpus) -> None:
    for strength, expected in ((1.0, 1.0), (0.0, 0.5)):
        scores = zero_shot.run(TASK, Evaluation(phantom, numbered(phantom), Oracle(phantom, strength))).parts[""]
        found = estimate(scores, "auroc", Intervals(resamples=50))
        assert {found[name].value for name in (*COMPETITION, "macro")} == {expected}


@pytest.mark.parametrize("n", [5, 63, 257, 1003])
def test_equal_films_have_equal_scores_wherever_they_stand(n: int) -> None:
    """A product of matrices adds up the last rows of a block in another order, and made of ties what are none."""
    rng = np.random.default_rng(0)
    z, positive, negative, several = (unit_rows(rng, m, 128).astype(np.float32) for m in (1, 5, 5, n))
    found = zero_shot.pair_probability(np.tile(z, (n, 1)), PromptPair(positive, negative, ""), 1.0)
    target = (np.arange(n) >= n - 2).astype(float)
    assert [auroc(found[:, k], target)[0] for k in range(5)] == [0.5] * 5
    order = rng.permutation(n)
    assert np.array_equal(cosines(several[order], positive), cosines(several, positive)[order])
    assert np.array_equal(cosines(several[:1], positive), cosines(several, positive)[:1])


def test_a_threshold_is_not_scored_on_the_films_that_it_was_chosen_on(phantom: Corpus) -> None:
    with pytest.raises(UsageError, match="is scored on val, which it is fitted or chosen on"):
        zero_shot.check(registry.get_task("zeroshot-chexpert+split=val"), phantom)
    assert len(zero_shot.check(registry.get_task("zeroshot-chexpert+split=train"), phantom))
    assert len(zero_shot.check(registry.get_task("zeroshot-siim+split=val"), play(phantom, "siim")))


def test_scores_are_the_softmax_of_the_pair() -> None:
    rng = np.random.default_rng(0)
    z, positive, negative = (rng.standard_normal((n, 5)).astype(np.float32) for n in (4, 3, 3))
    found = zero_shot.pair_probability(z, PromptPair(positive, negative, ""), 0.5)
    for i in range(4):
        for k in range(3):
            p, n = (np.exp(float(z[i].astype(float) @ side[k]) / 0.5) for side in (positive, negative))
            assert found[i, k] == pytest.approx(p / (p + n))


def test_rows_are_the_splits_in_order_with_patients(phantom: Corpus) -> None:
    scores = zero_shot.run(TASK, Evaluation(phantom, numbered(phantom), Oracle(phantom))).parts[""]
    rows = phantom.rows("test")
    assert scores.classes == COMPETITION
    assert scores.id.tolist() == phantom.ids[rows].tolist()
    assert scores.patient.tolist() == phantom.patients[rows].tolist()
    np.testing.assert_array_equal(scores.target[:, 3], phantom.labels[rows, phantom.classes.index("Edema")])


def test_all_findings_but_no_finding_where_the_task_names_none(phantom: Corpus) -> None:
    findings = zero_shot.findings_of(registry.get_task("zeroshot"), phantom)
    assert len(findings) == 13
    assert "No Finding" not in findings


def test_a_corpus_that_lacks_the_labels_is_refused_before_any_work(phantom: Corpus) -> None:
    poor = dataclasses.replace(phantom, classes=("Edema",), stated=phantom.labels[:, :1])
    with pytest.raises(UsageError, match=r"needs labels for .*; phantom lacks Atelectasis, Cardiomegaly"):
        zero_shot.check(TASK, poor)
    elsewhere = phantom.labels.copy()
    elsewhere[:, [phantom.classes.index(name) for name in COMPETITION]] = np.nan
    with pytest.raises(UsageError, match="needs test films"):
        zero_shot.check(TASK, dataclasses.replace(phantom, stated=elsewhere))
    lone = dataclasses.replace(phantom, classes=("No Finding",), stated=phantom.labels[:, :1])
    with pytest.raises(UsageError, match="needs test films"):
        zero_shot.check(registry.get_task("zeroshot"), lone)
    blank = dataclasses.replace(phantom, stated=np.full_like(phantom.labels, np.nan))
    with pytest.raises(UsageError, match=r"needs test films .* with labels"):
        zero_shot.check(TASK, blank)


def test_no_finding_is_not_denied_twice(phantom: Corpus) -> None:
    model = Reader()
    fourteen = registry.get_task("zeroshot-chexpert-14")
    pair = zero_shot.prompts_of(model, ZeroShot(findings=("Edema", "No Finding", "Fracture")), phantom.classes)
    assert "no no finding" not in {text.lower() for text in model.read}
    place = phantom.classes.index("No Finding")
    np.testing.assert_array_equal(pair.positive[place], model.embed_texts(["no finding"])[0])
    np.testing.assert_array_equal(pair.negative[place], model.embed_texts(["finding"])[0])
    edema = phantom.classes.index("Edema")
    np.testing.assert_array_equal(pair.negative[edema], model.embed_texts(["no edema"])[0])
    scores = zero_shot.run(fourteen, Evaluation(phantom, numbered(phantom), Oracle(phantom))).parts[""]
    assert scores.classes[0] == "No Finding"
    assert len(scores.classes) == 14
    assert estimate(scores, "auroc", Intervals(resamples=20))["No Finding"].value == 1
    alone = zero_shot.prompts_of(model, ZeroShot(findings=("No Finding",)), ("No Finding",))
    np.testing.assert_array_equal(alone.positive[0], pair.positive[place])


def test_texts_have_the_names_that_the_task_has_for_them(phantom: Corpus) -> None:
    model = Reader()
    zero_shot.prompts_of(model, ZeroShot(case="as-named", negative=("No {}",)), ("Pneumothorax",))
    assert model.read == ["Pneumothorax", "No Pneumothorax"]
    model.read.clear()
    renamed = ZeroShot(names=(("Fibrosis", "Pulmonary fibrosis"),))
    zero_shot.prompts_of(model, renamed, ("Edema", "Fibrosis"))
    assert model.read == ["edema", "Pulmonary fibrosis", "no edema", "no Pulmonary fibrosis"]


@pytest.mark.parametrize("threshold", ["val-f1", "val-mcc"])
def test_thresholds_come_from_val_alone(phantom: Corpus, threshold: str) -> None:
    wanted = task(findings=COMPETITION, threshold=threshold)
    at = Evaluation(phantom, numbered(phantom), RandomEmbeddings(32, 1))
    found = zero_shot.run(wanted, at)
    chosen = found.facts["thresholds"]
    assert isinstance(chosen, dict)
    truth = phantom.stated.copy()
    rows = phantom.rows("test")
    truth[rows] = 1 - truth[rows]
    again = zero_shot.run(wanted, dataclasses.replace(at, corpus=dataclasses.replace(phantom, stated=truth)))
    assert again.facts["thresholds"] == chosen
    scores = found.parts[""]
    for k, name in enumerate(COMPETITION):
        assert chosen[name] is not None
        np.testing.assert_array_equal(scores.columns["decision"][:, k], scores.value[:, k] >= chosen[name])


def test_without_val_there_are_no_decisions_and_the_record_says_so(phantom: Corpus) -> None:
    gone = phantom.without(phantom.rows("val", "all"), "no val")
    found = zero_shot.run(TASK, Evaluation(gone, numbered(gone), Oracle(gone)))
    assert np.isnan(found.parts[""].columns["decision"]).all()
    assert found.facts["val films"] == 0
    assert str(found.facts["no threshold"]).startswith("Atelectasis, Cardiomegaly")
    none = zero_shot.run(task(findings=COMPETITION), Evaluation(phantom, numbered(phantom), Oracle(phantom)))
    assert none.facts["decisions"] == "none: the task chooses no thresholds"
    assert np.isnan(none.parts[""].columns["decision"]).all()


def test_a_finding_without_positives_in_val_has_no_decisions(phantom: Corpus) -> None:
    stated = phantom.stated.copy()
    stated[phantom.rows("val", "all"), phantom.classes.index("Edema")] = 0
    one = dataclasses.replace(phantom, stated=stated)
    found = zero_shot.run(TASK, Evaluation(one, numbered(one), Oracle(one)))
    undecided = [bool(np.isnan(column).all()) for column in found.parts[""].columns["decision"].T]
    assert undecided == [name == "Edema" for name in COMPETITION]
    assert found.facts["no threshold"] == "Edema: val has no film with it, or none without it"


@pytest.mark.parametrize("threshold", ["pair", "val-f1", "val-mcc"])
def test_decisions_of_an_oracle_are_the_truth(phantom: Corpus, threshold: str) -> None:
    wanted = task(findings=COMPETITION, threshold=threshold)
    signed = Told(np.nan_to_num(2 * phantom.truth.astype(np.float64) - 1), phantom.classes)
    scores = zero_shot.run(wanted, Evaluation(phantom, numbered_films(np.arange(len(phantom))), signed)).parts[""]
    np.testing.assert_array_equal(scores.columns["decision"], scores.target)
    for metric in ("accuracy", "f1", "mcc"):
        assert estimate(scores, metric, Intervals(resamples=20))["macro"].value == 1


def test_a_constant_model_decides_by_halves_where_both_prompts_are_as_near(phantom: Corpus) -> None:
    found = zero_shot.run(
        task(findings=COMPETITION, threshold="pair"), Evaluation(phantom, numbered(phantom), Oracle(phantom, 0.0))
    )
    assert (found.parts[""].columns["decision"] == 0.5).all()


def test_what_a_source_does_not_label_is_left_out_or_replaced_where_the_task_says_so(phantom: Corpus) -> None:
    few = dataclasses.replace(task(findings=("Tuberculosis", "Edema", "Pneumonia"), take="labelled"), dataset="")
    at = Evaluation(phantom, numbered(phantom), Oracle(phantom))
    assert zero_shot.findings_of(few, phantom) == ("Edema", "Pneumonia")
    assert zero_shot.run(few, at).facts["not scored"] == ["Tuberculosis"]
    assert zero_shot.findings_of(registry.get_task("zeroshot-covid"), phantom) == ("Pneumonia",)
    with pytest.raises(UsageError, match="lacks Tuberculosis"):
        zero_shot.check(task(findings=("Tuberculosis",), take="labelled"), phantom)


def test_what_makes_no_sense_is_refused() -> None:
    for wrong in ({"positive": ("edema",)}, {"threshold": "test-f1"}, {"take": "some"}, {"temperature": 0.0}):
        with pytest.raises(ValueError, match="must"):
            ZeroShot(**wrong)


PAIRS = ("zeroshot", "zeroshot-chexpert", "zeroshot-chexpert-14", "zeroshot-rsna", "zeroshot-siim", "zeroshot-covid",
         "zeroshot-nih", "zeroshot-vindr")  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_tasks_of_pairs_run_on_the_phantom_by_one_command(quick: Quick, name: str) -> None:
    code, out, err = quick("run", "--model", "random", "--task", name, "-q")
    assert code == 0, err
    assert f"{name} on the PHANTOM" in out


def test_a_selection_on_val_chooses_no_thresholds() -> None:
    assert isinstance(SELECTION_TASK.protocol, ZeroShot)
    assert SELECTION_TASK.protocol.threshold == ""
