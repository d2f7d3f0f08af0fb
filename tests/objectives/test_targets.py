"""How alike rows are, against a slow transcription, and what the parts of a batch are."""

import pytest
import torch

from tests.objectives.slow import batch, similarity
from umcl_bench.objectives.targets import Meaning, Side, label_similarity, same_pair, shared_claims
from umcl_bench.spec import Objective


@pytest.mark.parametrize("name", ["any", "jaccard", "cosine", "dot"])
@pytest.mark.parametrize("sharpness", [1.0, 2.5])
def test_label_similarity_is_its_definition(name: str, sharpness: float) -> None:
    """Films that know present and absent findings, or none; texts that affirm, deny, do both, or claim nothing."""
    _, _, films, texts = batch(13, 11)
    affirms, denies = (part.any(1) for part in (texts.present, texts.absent))
    assert {(bool(a), bool(d)) for a, d in zip(affirms, denies, strict=True)} == {
        (True, False), (False, True), (True, True), (False, False),
    }  # fmt: skip
    objective = Objective("umcl", name, sharpness)  # type: ignore[arg-type]
    slow = [[similarity(films, texts, i, j, objective) for j in range(11)] for i in range(13)]
    torch.testing.assert_close(label_similarity(films, texts, objective), torch.tensor(slow, dtype=torch.float64))


def test_a_sentence_may_affirm_and_deny() -> None:
    """'Cardiomegaly without effusion' beside films with (a, no b), (a, b), (b, no a), and nothing known."""
    films = Side(torch.arange(4), torch.tensor([[1.0, 0], [1, 1], [0, 1], [0, 0]]),
                 torch.tensor([[0.0, 1], [0, 0], [1, 0], [0, 0]]))  # fmt: skip
    text = Side(torch.tensor([9]), torch.tensor([[1.0, 0]]), torch.tensor([[0.0, 1]]))
    found = {
        name: label_similarity(films, text, Objective("umcl", name)).flatten().tolist()
        for name in ("any", "dot", "jaccard", "cosine")
    }
    assert found["any"] == [1, 1, 0, 0]
    assert found["dot"] == [2, 1, 0, 0]
    assert found["jaccard"] == pytest.approx([1, 1 / 3, 0, 0])
    assert found["cosine"] == pytest.approx([1, 1 / 2, 0, 0])


@pytest.mark.parametrize("name", ["any", "jaccard", "cosine", "dot"])
def test_a_soft_label_is_that_much_of_a_claim(name: str) -> None:
    """An uncertain finding (0.7) is 0.7 of what its prompt says, and 0.3 of what the prompt that denies it says."""
    films = Side(torch.tensor([0]), torch.tensor([[0.7]]), torch.tensor([[0.3]]))
    texts = Side(torch.tensor([1, 2]), torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]))
    objective = Objective("umcl", name)  # type: ignore[arg-type]
    torch.testing.assert_close(label_similarity(films, texts, objective), torch.tensor([[0.7, 0.3]]))


@pytest.mark.parametrize("name", ["jaccard", "cosine"])
def test_the_same_labels_are_alike_however_many(name: str) -> None:
    claims = torch.ones(14, 14).tril()
    side = Side(torch.arange(14), claims, torch.zeros(14, 14))
    found = label_similarity(side, side, Objective("umcl", name)).diagonal()  # type: ignore[arg-type]
    torch.testing.assert_close(found, torch.ones(14))


def test_pairs_and_claims_by_hand() -> None:
    side = Side(
        torch.tensor([4, 7, 4]), torch.tensor([[1.0, 1], [1, 0], [0, 0]]), torch.tensor([[0.0, 0], [0, 1], [1, 1]])
    )
    assert same_pair(side, side).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert shared_claims(side, side).tolist() == [[2, 1, 0], [1, 2, 1], [0, 1, 2]]
    assert shared_claims(side.affirmed(), side.affirmed()).tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_some_rows_of_a_side_keep_their_meaning() -> None:
    meaning = Meaning(torch.eye(3), 0.9, 0.5)
    side = Side(torch.tensor([4, 7, 9]), torch.eye(3), torch.zeros(3, 3), meaning)
    for some in (side.rows(slice(1, 3)), side.rows(torch.tensor([1, 2]))):
        assert some.pair.tolist() == [7, 9]
        assert some.meaning is not None
        assert torch.equal(some.meaning.vectors, torch.eye(3)[1:])
        assert some.meaning[1:] == (0.9, 0.5)
    assert side._replace(meaning=None).rows(slice(1)).meaning is None
