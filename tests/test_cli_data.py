"""What is typed after `umcl-bench data`, and options that commands share: wrong usage is one message and no file."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from umcl_bench import cli_data
from umcl_bench import cli_options as opt
from umcl_bench.errors import BenchError, UsageError


def error_of(*arguments: str) -> str:
    done = CliRunner().invoke(cli_data.app, list(arguments))
    assert isinstance(done.exception, UsageError), done.output
    return str(done.exception)


def test_a_file_is_no_folder_and_nothing_is_not_here(tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    table.touch()
    assert error_of("check", str(table)) == f"{table} is a file; name the folder that holds it"
    assert error_of("preview", "--data", str(table), "-o", str(tmp_path / "x.png")).endswith("folder that holds it")
    assert "name is empty" in error_of("check", "")


def test_a_preview_replaces_no_table(tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    table.write_text("mine")
    assert "give its name the end .png" in error_of("preview", "-o", str(table))
    assert table.read_text() == "mine"


def test_what_can_not_be_written_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match=f"nothing may be written in {tmp_path}"):
        opt.check_output(tmp_path / "x.txt")


def test_a_full_disk_is_told_by_the_file_and_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        path.touch()
        raise OSError(28, "No space left on device")  # as write(2) has it: without a name

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BenchError, match=f"{tmp_path}/board.html could not be written: No space left on device"):
        opt.write_whole(tmp_path / "board.html", "text")
    assert not list(tmp_path.iterdir())


def test_a_device_and_a_link_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("pipe", "link"):
        with pytest.raises(UsageError, match="is a link or a device; name a plain file"):
            opt.check_output(tmp_path / name)


def test_what_is_given_twice_is_refused() -> None:
    assert opt.parse_dials(["similarity=0.2", " shortcut = 1"]) == {"similarity": 0.2, "shortcut": 1.0}
    with pytest.raises(UsageError, match="--dial: similarity is given twice"):
        opt.parse_dials(["similarity=0.2", "similarity=0.9"])
    with pytest.raises(UsageError, match="--mix: image-text is given twice"):
        opt.parse_sampling("image-text=1,image-text=2", balanced=False)
    with pytest.raises(UsageError, match="'x': write name=number"):
        opt.parse_dials(["x"])


def test_commas_alone_name_nothing() -> None:
    assert opt.names("a, b,") == ("a", "b")
    assert opt.names("") == ()
    with pytest.raises(UsageError, match="holds no name"):
        opt.names(" , ")
