"""One run as a process: how it ends, what it says, and that it does not outlive its parent."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launch.processes import alive, wait_for
from umcl_bench.launch.attempt import Ended, attempt


def python(code: str, *words: str, folder: Path, **environment: str | None) -> Ended:
    return attempt(words, str(folder), environment, ("-c", code))


def test_it_runs_in_its_folder_with_its_words_and_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import os, sys; print(os.getcwd(), sys.argv[1:], os.environ['X'], file=sys.stderr); print('no')"
    ended = python(code, "a b", "$c", folder=tmp_path, X="1 2")
    assert ended == Ended(0, (f"{tmp_path} ['a b', '$c'] 1 2",))
    assert not ended.died
    assert python("import os, sys; sys.exit('HOME' in os.environ)", folder=tmp_path, HOME=None).code == 0
    assert capsys.readouterr().err.strip() == ended.tail[0]


@pytest.mark.parametrize(
    ("code", "died", "why"),
    [
        ("print('x', file=sys.stderr); sys.exit('umcl-bench: no such film')", False, "no such film"),
        ("sys.exit(2)", False, "exit code 2"),
        ("print('a\\nb', file=sys.stderr); sys.exit(1)", False, "exit code 1: a / b"),
        ("os.kill(os.getpid(), 9)", True, "ended by SIGKILL"),
        ("sys.exit(143)", True, "ended by SIGTERM"),
        ("sys.exit(137)", True, "ended by SIGKILL"),
        ("sys.exit(255)", True, "exit code 255"),
    ],
)
def test_how_it_ended(tmp_path: Path, code: str, died: bool, why: str) -> None:
    ended = python(f"import os, sys; {code}", folder=tmp_path)
    assert (ended.died, ended.why()) == (died, why)


def test_only_the_end_of_what_was_said_is_kept(tmp_path: Path) -> None:
    code = r"import sys; sys.stderr.buffer.write(b'\xff' + b'\n'.join(b'%d' % i for i in range(1000)))"
    assert python(code, folder=tmp_path).tail == tuple(str(i) for i in range(992, 1000))


@pytest.mark.skipif(sys.platform != "linux", reason="the signal of a parent's death is Linux's own")
def test_a_run_does_not_outlive_a_worker_that_is_killed(tmp_path: Path) -> None:
    run = "import os, time; open('pid.part', 'w').write(str(os.getpid())); os.rename('pid.part', 'pid'); time.sleep(60)"
    worker = f"from umcl_bench.launch.attempt import attempt; attempt((), {str(tmp_path)!r}, {{}}, ('-c', {run!r}))"
    process = subprocess.Popen([sys.executable, "-c", worker])
    try:
        wait_for(lambda: (tmp_path / "pid").exists())
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not alive(pid))
