"""The `leaderboard` command: what it is of, its formats, and what it takes."""

import hashlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Quick
from tests.records.test_boards import fill
from tests.records.test_records import SCORES, result
from tests.records.test_seeds import record
from umcl_bench.errors import BenchError, UsageError
from umcl_bench.progress import Reporter
from umcl_bench.records.board_data import to_json
from umcl_bench.records.latex import escape, to_latex
from umcl_bench.records.leaderboard import Table, heading, pieces, tables, to_csv, widths
from umcl_bench.records.published import published_tables
from umcl_bench.records.seeds import AS_GOOD, Board, boards, tables_over_seeds
from umcl_bench.records.select import select
from umcl_bench.records.store import Record, Store
from umcl_bench.records.summary import MARKED, NOT_RUN, RULE, summaries, without_places
from umcl_bench.registry import tasks_of_suite


def on(store: Store, task: str, *runs: tuple[str, int, float], source: str = "phantom", data: str = "f1") -> None:
    """Records of another task, or on other data."""
    for model, seed, strength in runs:
        about, parts = record(model, seed, strength)
        about["task"] |= {"name": task, "digest": f"d-{task}"}
        about["data"] |= {"source": source, "kind": "phantom" if source == "phantom" else "ours", "fingerprint": data}
        store.add(f"{model}-{seed}-{task}-{source}-{data}", about, parts)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three models on one task, two on another; one on films of patients."""
    found = Store(tmp_path / "runs")  # where `quick` looks
    on(found, "zeroshot", ("umcl", 1, 1.5), ("umcl", 2, 1.5), ("clip", 3, 1.0), ("random", 4, 0.0))
    on(found, "retrieval", ("umcl", 1, 1.2), ("clip", 3, 1.1))
    on(found, "zeroshot", ("umcl", 1, 1.4), source="hospital")
    return found


def records_of(store: Store) -> list[Record]:
    return store.records(Reporter())


def test_filters_choose_records_and_name_what_is_near(store: Store) -> None:
    every = records_of(store)
    assert select(every, {"task": (), "size": ()}) == every
    assert {r.result["task"]["name"] for r in select(every, {"task": ("retrieval",)})} == {"retrieval"}
    assert len(select(every, {"source": ("hospital",)})) == 1
    assert len(select(every, {"source": ("f1",), "task": ("zeroshot", "retrieval")})) == 7
    assert len(select(every, {"size": ("tiny",), "setting": ("controlled",)})) == 7
    for kind, name, said in (
        ("task", "zeroshto", "no task on record is named 'zeroshto'. Did you mean 'zeroshot'"),
        ("source", "hospitl", "Did you mean 'hospital'"),
        ("size", "base", "no size on record is named 'base'"),
        ("setting", "papers", "no setting on record is named 'papers'"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            select(every, {kind: (name,)})
    with pytest.raises(BenchError, match="no record has all of --task retrieval, --source hospital"):
        select(every, {"task": ("retrieval",), "source": ("hospital",)})


def test_the_command_filters_and_refuses(quick: Quick, store: Store) -> None:
    code, out, _ = quick("leaderboard", "--source", "hospital", "--format", "md")
    assert code == 0
    assert out.count("###") == 1
    assert "hospital (patients' films)" in out
    _, out, _ = quick("leaderboard", "--suite", "own", "--format", "md")
    assert out.count("### zeroshot on the PHANTOM") == out.count("### retrieval on the PHANTOM") == 1
    for arguments, code, said in (
        (["--suite", "owm"], 2, "no suite is named 'owm'"),
        (["--suite", "standard"], 1, "no task of standard is on record"),
        (["--suite", "own", "--task", "zeroshot"], 2, "one of the two"),
        (["--format", "csv", "--over-seeds"], 2, "csv has a row for each run"),
        (["--format", "html", "--over-seeds"], 2, "html has a row for each model already"),
        (["--format", "csv", "--average"], 2, "--average makes tables"),
    ):
        found, _, err = quick("leaderboard", *arguments)
        assert (found, said in err) == (code, True), err


def test_models_by_tasks_show_what_was_not_run(store: Store) -> None:
    phantom, patients = summaries(boards(records_of(store)))
    assert phantom.header == ("model", "size", "retrieval, macro AUROC", "zeroshot, macro AUROC")
    cells = {row[0]: row[2:] for row in phantom.rows}
    assert list(cells) == ["umcl", "clip", "random"]
    assert cells["random"][0] == NOT_RUN
    assert NOT_RUN not in cells["umcl"]
    assert "PHANTOM" in phantom.title
    assert "patients" in patients.title
    assert phantom.footnotes == (MARKED,)


def test_averages_are_of_those_that_have_all_and_say_their_rule(store: Store) -> None:
    phantom, patients = summaries(boards(records_of(store)), average=True)
    assert phantom.header[2] == "mean macro AUROC of 2"
    rows = {row[0]: row for row in phantom.rows}
    found = {b.result["task"]["name"]: b for b in boards(records_of(store)) if b.result["data"]["kind"] == "phantom"}
    mean = sum(b.rows[[r.name for r in b.rows].index("clip")].estimates["macro"].value for b in found.values()) / 2
    assert rows["clip"][2] == f"{mean:.3f}"
    assert rows["random"][2] == "1 not run"
    assert phantom.footnotes == (MARKED, RULE)
    assert "mean" not in " ".join(patients.header)  # one task is no average


def test_what_is_wider_than_a_terminal_is_in_pieces_with_every_cell(quick: Quick, store: Store) -> None:
    for at in range(9):
        on(store, f"task-{at}", ("umcl", 1, 1.0 + at))
    code, out, err = quick("leaderboard", "--average", "--source", "phantom")
    assert code == 0, err
    whole = summaries(select_boards(store), average=True)[0]
    found = pieces(whole, 140 - 1, 3)
    assert len(found) == 2
    assert [name for piece in found for name in piece.header[2:]] == list(whole.header[2:])
    assert [row for piece in found for row, _ in sorted(piece.bold)] == sorted(row for row, _ in whole.bold)
    assert [piece.rows[row][k] for piece in found for row, k in sorted(piece.bold)] == [
        whole.rows[row][k] for row, k in sorted(whole.bold)
    ]
    for piece in found:
        assert piece.title in out
        for row in piece.rows:
            assert all(cell in out for cell in row)
    assert out.count("task-8,") == 1
    assert max(map(len, out.splitlines())) <= 140


@pytest.mark.parametrize("room", [20, 45, 60, 200])
def test_pieces_have_every_column_once_and_fit(room: int) -> None:
    header = ("model", "size", *(f"a long heading {k} [95 % CI]" for k in range(5)))
    rows = tuple((f"m{at}", "tiny", *(f"0.{at}{k}0 [0.1, 0.2]" for k in range(5))) for at in range(3))
    table = Table("t", "c", header, rows, (), frozenset({(1, 4)}))
    found = pieces(table, room, 2)
    assert [name for piece in found for name in piece.header[2:]] == list(header[2:])
    assert all(len(piece.header) == 3 or sum(widths(piece)) + 2 * len(piece.header) <= room for piece in found)
    assert [piece.rows[at][k] for piece in found for at, k in piece.bold] == ["0.120 [0.1, 0.2]"]
    assert (len(found) == 1) == (room == 200)


def test_rows_of_one_name_are_told_apart_by_numbers() -> None:
    table = Table(
        "t", "", ("model", "first", "second"), (("a", "1", "x" * 30), ("a", "2", "y")), (), frozenset({(1, 1)})
    )
    found = pieces(table, 20, 2)
    assert [piece.header for piece in found] == [("row", "model", "first"), ("row", "model", "second")]
    assert found[1].rows == (("1", "a", "x" * 30), ("2", "a", "y"))
    assert found[0].bold == {(1, 2)}
    assert pieces(table, 200, 2) == [table]


def test_a_heading_breaks_between_words_and_never_within_its_interval() -> None:
    assert heading("macro AUROC (100%) [95 % CI]", 18) == ["macro AUROC (100%)", "[95 % CI]"]
    assert heading("rank [95 % CI]", 3) == ["rank", "[95 % CI]"]
    assert heading("", 5) == [""]


def test_a_suite_shows_the_tasks_that_no_model_has_run(quick: Quick, store: Store) -> None:
    plain, averaged = (
        summaries(select_boards(store), average=average, tasks=tasks_of_suite("own")) for average in (False, True)
    )
    for (found,) in (plain, averaged):
        assert len(found.header) == 2 + len(tasks_of_suite("own")) + (found is averaged[0])
        at = next(k for k, name in enumerate(found.header) if name.startswith("probe, "))
        assert {row[at] for row in found.rows} == {NOT_RUN}
        at = next(k for k, name in enumerate(found.header) if name.startswith("zeroshot, "))
        assert NOT_RUN not in {row[at] for row in found.rows}
    assert any(note.startswith("in no average, as no model has run it: ") for note in averaged[0].footnotes)
    for way in ((), ("--over-seeds",), ("--format", "html"), ("--format", "latex")):
        code, out, err = quick("leaderboard", "--suite", "own", *way)
        assert (code, "segment" in out, "not run" in out) == (0, True, True), err


def test_models_by_tasks_without_scores_are_the_same_figures(store: Store) -> None:
    records = records_of(store)
    read, unread = summaries(boards(records)), summaries(without_places(records))
    assert [table.header for table in read] == [table.header for table in unread]
    bare = [[tuple(cell.removesuffix(f" {AS_GOOD}") for cell in row) for row in table.rows] for table in read]
    assert bare == [list(table.rows) for table in unread]
    assert not any(table.bold for table in unread)


def test_models_by_tasks_mark_the_best_of_each_task_and_what_may_be_as_good(store: Store) -> None:
    on(store, "zeroshot", ("siglip", 5, 1.5))
    phantom, patients = summaries(select_boards(store))[0], summaries(boards(records_of(store)))[1]
    found = {b.result["task"]["name"]: b for b in select_boards(store)}
    for k, name in ((2, "retrieval"), (3, "zeroshot")):
        (at,) = [row for row, column in phantom.bold if column == k]
        assert phantom.rows[at][0] == found[name].rows[0].name
    assert {row[0]: row[3].endswith(f" {AS_GOOD}") for row in phantom.rows} == {
        row.name: row.place.tied and not found["zeroshot"].is_best(row) for row in found["zeroshot"].rows
    }
    assert MARKED in phantom.footnotes
    assert not patients.bold  # one model has no place
    assert AS_GOOD not in "".join(patients.rows[0])


def select_boards(store: Store) -> list[Board]:
    return boards(select(records_of(store), {"source": ("phantom",)}))


def test_a_task_on_two_corpora_has_two_columns_and_no_average(store: Store) -> None:
    on(store, "zeroshot", ("umcl", 1, 1.0), data="f2")
    found = boards(records_of(store))
    assert "zeroshot on phantom f2, macro AUROC" in summaries(found)[0].header
    with pytest.raises(UsageError, match=r"zeroshot would count 2 times.*\(f1, f2\)\. Choose data with --source"):
        summaries(found, average=True)


def test_json_has_rows_places_and_commands(quick: Quick, store: Store) -> None:
    code, out, _ = quick("leaderboard", "--format", "json", "--source", "phantom")
    assert code == 0
    retrieval, zeroshot = json.loads(out)
    assert [row["model"] for row in zeroshot["rows"]] == ["umcl", "clip", "random"]
    top = zeroshot["rows"][0]
    assert (top["rank"], top["best"], top["not_significantly_worse"], top["seeds"]) == (1, True, True, [1, 2])
    assert top["runs"][0]["command"] == "umcl-bench run --model umcl --task zeroshot"
    assert top["classes"]["Edema"]["n"] == 120
    assert retrieval["kind"] == "phantom"
    assert out == to_json(boards(select(records_of(store), {"source": ("phantom",)})))


def test_a_record_with_changed_scores_is_named_and_left_out_where_scores_are_read(quick: Quick, store: Store) -> None:
    path = store.root / "records" / "clip-3-zeroshot-phantom-f1" / "scores.parquet"
    raw = path.read_bytes()
    path.write_bytes(raw[:9] + bytes([raw[9] ^ 1]) + raw[10:])
    code, out, err = quick("leaderboard", "--over-seeds", "--task", "zeroshot")
    assert code == 0
    assert "clip" not in out
    assert f"left out: {path} is not what was written" in err


ODD = Table(
    title="50 % & more_less of $x on the PHANTOM",
    caption="films #1; ~ ^ \\ { } < > | «ü» ≈ – 漢",
    header=("model", "macro AUROC [95 % CI]", "rank [95 % CI]"),
    rows=(("umcl+prompt=hand_2", "0.900 [0.8, 1.0]", "1 [1, 2]"), ("", "–", "[1, 2] ≈")),
    footnotes=("L = labels & more",),
    bold=frozenset({(0, 1)}),
)


def test_latex_escapes_all_that_it_has_to() -> None:
    text = to_latex([ODD])
    assert r"50 \% \& more\_less of \$x" in text
    assert r"\textbf{0.900 [0.8, 1.0]}" in text
    assert r"& {}[1, 2] $\approx$ \tabularnewline" in text
    assert escape("漢«Ürÿ»") == "??Ürÿ?"
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1


LONG = Table(
    title="Many rows",
    caption="words that break",
    header=("model", "a heading of many words [95 % CI]", "notes"),
    rows=tuple((f"model {at}", "0.123 [0.1, 0.2]", "so many words " * (1 + at % 4)) for at in range(60)),
    footnotes=(),
    bold=frozenset({(50, 1)}),
)


def test_latex_of_a_long_table_is_in_pieces_of_a_page_with_every_row() -> None:
    text = to_latex([LONG])
    assert text.count(r"\begin{table}") > 2
    assert all(text.count(f"model {at} ") == 1 for at in range(60))
    assert text.count(r"\textbf{0.123 [0.1, 0.2]}") == 1
    assert text.count("Notes: at its first piece") == text.count(r"\begin{table}") - 1
    assert text.count("words that break") == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed")
def test_latex_compiles_with_booktabs_alone_and_nothing_is_wider_than_the_text(tmp_path: Path, store: Store) -> None:
    own = summaries(boards(records_of(store)), average=True, tasks=tasks_of_suite("own"))
    found = [*own, *tables_over_seeds(records_of(store)), *published_tables([]), LONG, *[ODD] * 60]
    head = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "a.tex").write_text(head + to_latex(found) + "\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert "too large" not in done.stdout  # a float longer than a page
    assert (tmp_path / "a.pdf").stat().st_size > 1000


def test_a_leaderboard_of_5000_records_builds_in_under_5_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terminal and csv read no per-sample scores, not even those of wordings, which a table over seeds compares.

    The processor's time is measured, whatever else the machine does.
    """
    store = Store(tmp_path / "many")
    first = store.add("first", result(), {"": SCORES})
    text = (first.folder / "result.json").read_text()
    about: dict[str, Any] = json.loads(text)
    about["protocol"] = {f"fact {k}": "x" * 60 for k in range(80)}  # about as long as a real one
    for i in range(5000):
        folder = store.root / "records" / f"run-{i:04d}"
        folder.mkdir()
        about |= {"seed": i % 5, "id": folder.name}
        about["task"]["name"] = f"task-{i % 40}"
        about["task"]["spec"]["protocol"] = {"kind": "prompt-sensitivity" if i % 2 else "zero-shot"}
        text = json.dumps(about)
        (folder / "result.json").write_text(text)
        (folder / "scores.parquet").hardlink_to(first.folder / "scores.parquet")
        digests = {"result.json": hashlib.sha256(text.encode()).hexdigest(), "scores.parquet": "not read"}
        (folder / "SHA256SUMS").write_text("".join(f"{of}  {name}\n" for name, of in digests.items()))

    def refuse(*_: object) -> None:
        raise AssertionError("scores were read")

    monkeypatch.setattr("umcl_bench.records.store.load_parts", refuse)
    start = time.process_time()
    records = store.records(Reporter(quiet=True))
    assert len(tables(records)) == 41
    assert to_csv(records).count("\n") == 5001 * 3 + 1
    taken = time.process_time() - start
    print(f"{taken:.2f} s")
    assert taken < 5


def test_one_model_per_board_needs_no_ranks(tmp_path: Path) -> None:
    (data,) = json.loads(to_json(boards(fill(Store(tmp_path), ("umcl", 1, 1.5)))))
    assert "rank" not in data["rows"][0]
    assert data["rows"][0]["sd_over_seeds"] is None
    assert data["rows"][0]["best"] is False
