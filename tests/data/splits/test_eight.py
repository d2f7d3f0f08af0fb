"""ConVIRT's 8x200: the authors' lists on invented films, what is missing or wrong in them, and the phantom's play."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.splits.helpers import chexpert_like
from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.data.phantom.plays import play
from umcl_bench.data.splits import apply_split
from umcl_bench.errors import DataError, UsageError
from umcl_bench.spec import EIGHT

NAME = "chexpert-8x200@convirt"


def write(folder: Path, name: str, header: str, rows: list[str]) -> None:
    (folder / name).write_text("\n".join([header, *rows]) + "\n")


def test_lists_are_test_and_query_films_have_their_class(tmp_path: Path) -> None:
    corpus = chexpert_like(300)
    ids = [str(name) for name in corpus.ids]
    write(tmp_path, "candidate.csv", "Path,Sex", [f"CheXpert-v1.0-small/{name},Male" for name in ids[20:50]])
    queries = [("Edema", ids[4]), ("No Finding", ids[7]), ("Edema", ids[60])]
    write(tmp_path, "query.csv", "Variable,Path", [f"{of},CheXpert-v1.0/{name}" for of, name in queries])
    found = apply_split(corpus, NAME, [tmp_path])
    assert set(found.ids[found.splits == "test"]) == {*ids[20:50], *(name for _, name in queries)}
    assert [(found.attributes["query"][ids.index(name)], name) for _, name in queries] == queries
    assert (found.attributes["query"] != "").sum() == 3
    assert found.attributes["side"].tolist() == corpus.attributes["side"].tolist()
    assert not set(found.patients[found.splits == "train"]) & set(found.patients[found.splits == "test"])
    assert set(found.splits[300:]) == {"val"}


def test_a_missing_or_wrong_list_is_one_clear_error(tmp_path: Path) -> None:
    corpus = chexpert_like(300)
    with pytest.raises(UsageError, match=r"convirt needs the file candidate\.csv: ConVIRT's 1,600 candidates"):
        apply_split(corpus, NAME, [tmp_path])
    write(tmp_path, "candidate.csv", "Path", [str(corpus.ids[0])])
    with pytest.raises(UsageError, match=r"convirt needs the file query\.csv: ConVIRT's 80 query films"):
        apply_split(corpus, NAME, [tmp_path])
    write(tmp_path, "query.csv", "Variable,Text", ["Edema,Moderate alveolar edema is present."])
    with pytest.raises(DataError, match="Path"):
        apply_split(corpus, NAME, [tmp_path])
    write(tmp_path, "query.csv", "Variable,Path", ["Edema,train/patient99999/study1/view1_frontal.jpg"])
    with pytest.raises(DataError, match=r"patient99999.* is not in chexpert"):
        apply_split(corpus, NAME, [tmp_path])


def test_the_phantom_plays_it_with_one_class_a_film_and_queries_apart() -> None:
    corpus = phantom_corpus(PhantomSpec(train=10, val=5, test=1_500, seed=4))
    played = play(corpus, "chexpert-8x200")
    rows, query = played.rows("test"), played.attributes["query"]
    labels = played.labels[rows][:, [played.classes.index(name) for name in EIGHT]]
    assert (labels.sum(axis=1) == 1).all()
    of = np.array(EIGHT, dtype=object)[labels.argmax(axis=1)]
    for name in EIGHT:
        queries, own = (query[rows] == name).sum(), (of == name).sum()
        assert (of[query[rows] == name] == name).all()
        assert queries == min(10, own // 4) or own == 210
        assert own - queries <= 200
    assert (of == "No Finding").sum() == 210
    assert not query[played.splits != "test"].any()
