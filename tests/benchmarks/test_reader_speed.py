"""What reading an official release's tables costs: the real csv files of NIH and RSNA, to a corpus with labels."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.conftest import REAL_DATA
from umcl_bench.data.readers import DEFAULTS, get_reader

FORMATS = REAL_DATA / "official_formats"
ROWS = {"nih": 112_120, "rsna": 26_684, "openi": 7_574}


@pytest.mark.skipif(not FORMATS.is_dir(), reason="the official tables are not beside this checkout")
@pytest.mark.parametrize(("name", "folder"), [("nih", "nih"), ("rsna", "rsna"), ("openi", "iu_xray")])
def test_reading_a_release(benchmark: BenchmarkFixture, name: str, folder: str) -> None:
    """Asked for: NIH's 112,120 films and RSNA's 30,227 rows in less than two seconds each."""
    root: Path = FORMATS / folder

    def read() -> int:
        return len(get_reader(name).read(root, DEFAULTS).labels)

    assert benchmark(read) == ROWS[name]
