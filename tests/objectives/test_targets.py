"""Target builders against a slow transcription, and what UMCL's targets promise."""

import numpy as np
import pytest
import torch

from umcl_bench.errors import BenchError, UsageError
from umcl_bench.objectives.targets import Side, get_builder, identity, umcl
from umcl_bench.spec import Objective


def slow_umcl(films: Side, texts: Side, objective: Objective) -> list[list[float]]:
    """The docstring of `umcl`, with sets."""
    out = []
    for i in range(len(films.pair)):
        row = []
        has, lacks = (set(np.flatnonzero(part[i])) for part in (films.present, films.absent))
        for j in range(len(texts.pair)):
            says, denies = (set(np.flatnonzero(part[j])) for part in (texts.present, texts.absent))
            mine, theirs = (lacks, denies) if denies else (has, says)
            shared = len(mine & theirs)
            similar = {
                "any": float(shared > 0),
                "jaccard": shared / len(mine | theirs) if mine | theirs else 0.0,
                "cosine": shared / (len(mine) * len(theirs)) ** 0.5 if mine and theirs else 0.0,
            }[objective.similarity]
            same = float(films.pair[i] == texts.pair[j])
            row.append(max(same, similar**objective.sharpness))
        out.append(row)
    return out


@pytest.mark.parametrize("similarity", ["any", "jaccard", "cosine"])
@pytest.mark.parametrize("sharpness", [1.0, 2.5])
def test_umcl_is_its_definition(similarity: str, sharpness: float) -> None:
    rng = np.random.default_rng(3)
    present = (rng.random((9, 5)) < 0.4).astype(np.float32)
    absent = ((rng.random((9, 5)) < 0.5) & (present == 0)).astype(np.float32)
    says = np.where((np.arange(9) % 2 == 0)[:, None], present, 0).astype(np.float32)
    denies = np.where((np.arange(9) % 2 == 1)[:, None], np.eye(5, dtype=np.float32)[np.arange(9) % 5], 0)
    pair = torch.arange(9)
    films = Side(pair, torch.from_numpy(present), torch.from_numpy(absent))
    texts = Side(pair, torch.from_numpy(says), torch.from_numpy(denies.astype(np.float32)))
    objective = Objective(loss="umcl", similarity=similarity, sharpness=sharpness)  # type: ignore[arg-type]
    found = umcl(films, texts, objective)
    torch.testing.assert_close(found, torch.tensor(slow_umcl(films, texts, objective)))


@pytest.mark.parametrize("similarity", ["any", "jaccard", "cosine"])
def test_a_soft_label_is_that_much_of_a_claim(similarity: str) -> None:
    """An uncertain finding (0.7) is 0.7 of what its prompt says, and 0.3 of what the prompt that denies it says."""
    films = Side(torch.tensor([0]), torch.tensor([[0.7]]), torch.tensor([[0.3]]))
    texts = Side(torch.tensor([1, 2]), torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]))
    objective = Objective(loss="umcl", similarity=similarity)  # type: ignore[arg-type]
    torch.testing.assert_close(umcl(films, texts, objective), torch.tensor([[0.7, 0.3]]))


def test_without_labels_umcl_is_clip() -> None:
    side = Side(torch.tensor([4, 7, 4]), torch.zeros(3, 2), torch.zeros(3, 2))
    for similarity in ("any", "jaccard", "cosine"):
        objective = Objective(loss="umcl", similarity=similarity)
        torch.testing.assert_close(umcl(side, side, objective), identity(side, side, objective))


def test_a_repeated_row_is_a_pair_with_each_of_its_copies() -> None:
    side = Side(torch.tensor([4, 7, 4]), torch.zeros(3, 2), torch.zeros(3, 2))
    assert identity(side, side, Objective()).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_names_and_functions_of_ones_own() -> None:
    assert id(get_builder("tests.objectives.test_targets:slow_umcl")) == id(slow_umcl)
    with pytest.raises(UsageError, match=r"'umlc'.*Did you mean 'umcl'"):
        get_builder("umlc")
    with pytest.raises(BenchError, match="no_such"):
        get_builder("umcl_bench.spec:no_such")
