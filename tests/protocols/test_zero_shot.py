"""The zero-shot protocol: an oracle is perfect, a constant is chance, and what does not fit is said."""

import dataclasses
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.errors import UsageError
from umcl_bench.metrics.intervals import estimate
from umcl_bench.models.base import Matrix, PromptPair
from umcl_bench.protocols import zero_shot
from umcl_bench.protocols.base import Evaluation
from umcl_bench.spec import COMPETITION, Intervals

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

    def embed_images(self, films: NDArray[np.uint8]) -> Matrix:
        rows = films[:, 0, 0].astype(int) + 256 * films[:, 0, 1].astype(int)
        z = np.concatenate([self.strength * self.labels[rows], np.ones((len(rows), 1))], axis=1)
        return np.asarray(z / np.linalg.norm(z, axis=1, keepdims=True), dtype=np.float32)

    def image_tower(self) -> NoReturn:
        raise AssertionError("not asked for here")

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        raise AssertionError("not asked for here")

    def embed_findings(self, findings: Sequence[str], positive: Sequence[str], negative: Sequence[str]) -> PromptPair:
        lower = [c.lower() for c in self.classes]
        z = np.eye(len(lower) + 1, dtype=np.float32)[[lower.index(f) for f in findings]]
        return PromptPair(z, -z, "oracle")


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
