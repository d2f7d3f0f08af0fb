"""Boards: a model a row, the best first, with the places that the scores on record allow."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.test_seeds import record
from umcl_bench.metrics.scores import Scores
from umcl_bench.progress import Reporter
from umcl_bench.records.leaderboard import to_markdown, to_terminal
from umcl_bench.records.seeds import Board, boards, tables_over_seeds
from umcl_bench.records.store import Record, Store


def fill(store: Store, *runs: tuple[str, int, float], **recipe: Any) -> list[Record]:
    for model, seed, strength in runs:
        store.add(f"{model}-{seed}", *record(model, seed, strength, **recipe))
    return store.records(Reporter())


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Two models that are much alike, of two seeds, one that is worse, and one that knows nothing."""
    runs = [("umcl", 1, 1.5), ("umcl", 2, 1.5), ("clip", 3, 1.45), ("clip", 4, 1.45), ("gloria", 5, 0.7)]
    return fill(Store(tmp_path), *runs, ("random", 6, 0.0))


def test_a_board_has_its_models_in_order_with_their_places(records: list[Record]) -> None:
    (board,) = boards(records)
    assert [row.name for row in board.rows][2:] == ["gloria", "random"]
    assert [row.place.rank for row in board.rows] == [1, 2, 3, 4]
    assert [row.place.tied for row in board.rows] == [True, True, False, False]
    assert all(row.place.low <= row.place.rank <= row.place.high for row in board.rows)
    assert {row.seeds for row in board.rows} == {(1, 2), (3, 4), (5,), (6,)}
    assert "corrected for the number of models and for picking the best" in board.notes[0]


def test_the_best_is_bold_and_the_other_that_may_be_as_good_is_marked(records: list[Record]) -> None:
    (table,) = tables_over_seeds(records)
    assert table.header[5] == "rank [95 % CI]"
    assert table.bold == {(0, 3)}
    assert [row[5].endswith(" ≈") for row in table.rows] == [False, True, False, False]
    text = to_markdown([table])
    assert text.count("**") == 2
    assert f"| **{table.rows[0][3]}** |" in text
    assert "\n\nbold: the best; ≈: not significantly worse (p at least 0.05, corrected for" in text
    assert "≈" in to_terminal([table], 200)


def test_one_model_has_no_place(tmp_path: Path) -> None:
    (board,) = boards(fill(Store(tmp_path), ("umcl", 1, 1.5), ("umcl", 2, 1.5)))
    assert not board.ranked
    assert board.notes == ("L = labels of these findings were seen in training: not blind to them",)
    (table,) = tables_over_seeds(board.records)
    assert "rank [95 % CI]" not in table.header
    assert not table.bold


def test_rows_whose_samples_differ_after_all_have_no_places(tmp_path: Path, records: list[Record]) -> None:
    about, parts = record("odd", 7, 1.0)
    store = Store(tmp_path)
    store.add("odd-7", about, {"": parts[""].take(np.arange(100))})
    (board,) = boards(store.records(Reporter()))
    assert not board.ranked
    assert [np.isnan(row.place.rank) for row in board.rows] == [True] * 5
    assert [row.estimates["macro"].n for row in board.rows if row.name == "odd"] == [100]


def test_a_model_whose_figure_is_undefined_stands_last_without_a_place(tmp_path: Path, records: list[Record]) -> None:
    about, parts = record("mute", 7, 1.0)
    nothing = np.full_like(parts[""].value, np.nan)
    store, scores = Store(tmp_path), parts[""]
    mute = Scores.of(nothing, scores.target, scores.patient, scores.id, scores.classes)
    about["metrics"]["auroc"]["macro"]["value"] = None
    store.add("mute-7", about, {"": mute})
    board: Board
    (board,) = boards(store.records(Reporter()))
    assert board.rows[-1].name == "mute"
    (table,) = tables_over_seeds(store.records(Reporter()))
    assert table.rows[-1][5] == "–"
    assert table.rows[0][5].startswith("1 [1, ")
