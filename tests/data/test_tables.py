"""Strict tables: what was written comes back, and whatever else a file holds is one DataError."""

import csv
import gzip
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umcl_bench.data import tables
from umcl_bench.data.tables import Table, find_table, header_of, read_table
from umcl_bench.errors import DataError

# no lone CR: csv.writer of Python 3.11 writes it without quotes, and then it ends a line
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
NAMES = st.lists(
    TEXT.map(str.strip).filter(lambda name: name and not name.startswith("\ufeff")),
    min_size=1,
    max_size=5,
    unique=True,
)
IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@IN_A_FOLDER
@given(st.data(), NAMES, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_a_csv_writer_writes_is_read(
    tmp_path: Path, data: st.DataObject, names: list[str], end: str, quoting: int
) -> None:
    row = st.lists(TEXT, min_size=len(names), max_size=len(names))
    rows = data.draw(st.lists(row, max_size=6))
    file = io.StringIO()
    csv.writer(file, lineterminator=end, quoting=quoting).writerows([names, *rows])  # type: ignore[arg-type]
    table = read_table(write(tmp_path / "t.csv", file.getvalue()), names)
    assert list(table.columns) == names
    kept = [[cell.strip() for cell in row] for row in rows if any(row)]
    found = [list(row) for row in zip(*table.columns.values(), strict=True)] if len(table) else []
    assert [row for row in found if any(row)] == [row for row in kept if any(row)]
    assert table.lines == sorted(set(table.lines))


@IN_A_FOLDER
@given(st.binary(max_size=300), st.sampled_from(["t.csv", "t.csv.gz", "t.csv.zip"]))
def test_any_bytes_are_a_table_or_a_data_error(tmp_path: Path, data: bytes, name: str) -> None:
    check_any(tmp_path / name, data)


@IN_A_FOLDER
@given(st.text(alphabet='a,b"\r\n\0\t ;é', max_size=80))
def test_any_text_is_a_table_or_a_data_error(tmp_path: Path, text: str) -> None:
    check_any(tmp_path / "t.csv", text.encode())


@IN_A_FOLDER
@given(st.data(), st.sampled_from([".gz", ".zip"]))
def test_any_damaged_archive_is_a_table_or_a_data_error(tmp_path: Path, data: st.DataObject, suffix: str) -> None:
    plain = b"a,b\n" + b"1,2\n" * 200
    packed = bytearray(gzip.compress(plain) if suffix == ".gz" else packed_zip({"t.csv": plain}))
    for at in data.draw(st.lists(st.integers(0, len(packed) - 1), max_size=4)):
        packed[at] = data.draw(st.integers(0, 255))
    check_any(tmp_path / f"t.csv{suffix}", bytes(packed[: data.draw(st.integers(0, len(packed)))]))


def check_any(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert isinstance(header_of(path), list)
    try:
        table = read_table(path)
    except DataError:
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_table(path)
    else:
        assert {len(column) for column in table.columns.values()} <= {len(table)}


def packed_zip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def test_the_line_is_where_a_row_ends(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", 'a,b\n\n"x\ny",1\nz,2\n'))
    assert table.lines == [4, 5]
    assert table.where(1) == f"{tmp_path / 't.csv'}, line 5"
    assert table["a"] == ["x\ny", "z"]


def test_nameless_columns_are_dropped_and_may_be_missing_at_the_end(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", ",a,b,,\n0,1,2\n1,3,4,,\n2,5,6,7\n"))
    assert table.columns == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}
    with pytest.raises(DataError, match=r"line 2: 2 fields; the header has 5"):
        read_table(write(tmp_path / "t.csv", ",a,b,,\n0,1\n"))


def test_a_header_can_be_given_and_a_delimiter(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.txt", "1 x\n2 y\n"), header=("n", "name"), delimiter=" ")
    assert table.columns == {"n": ["1", "2"], "name": ["x", "y"]}


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("image;patient_id;split", "separated by semicolons: save it with commas"),
        ("image\tpatient_id\tsplit", "separated by tabs: save it with commas"),
        ("sep=,\nimage,patient_id", "for Excel alone: remove it"),
        ("Image,Patient ID,x", r"Rename 'Image' to 'image', 'Patient ID' to 'patient_id'$"),
        ("x,y", "found: x, y$"),
    ],
)
def test_columns_that_are_there_in_other_words_are_recognised(tmp_path: Path, header: str, hint: str) -> None:
    with pytest.raises(DataError, match=hint):
        read_table(write(tmp_path / "t.csv", f"{header}\n"), ("image", "patient_id"))


def test_a_quote_without_an_end_is_suspected(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'a,b\n1,"x\n' + "1,y\n" * 50_000)
    with pytest.raises(DataError, match=r"t\.csv, line \d+: .* a quote may lack its end"):
        read_table(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_table(tmp_path / "t.csv")
    (tmp_path / "u.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path / "u.csv")
    assert header_of(tmp_path / "t.csv") == header_of(tmp_path / "u.csv") == []


@pytest.mark.parametrize("suffix", [".gz", ".zip"])
def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_BYTES", 10_000)
    plain = b"a\n" + b"0\n" * 100_000
    path = tmp_path / f"t.csv{suffix}"
    path.write_bytes(gzip.compress(plain) if suffix == ".gz" else packed_zip({"t.csv": plain}))
    with pytest.raises(DataError, match="unpacks to more than 10,000 bytes"):
        read_table(path)
    path.write_bytes(gzip.compress(plain[:9_000]) if suffix == ".gz" else packed_zip({"t.csv": plain[:9_000]}))
    assert len(read_table(path)) == 4_499


def test_a_zip_of_a_mac_is_read_and_one_of_two_tables_is_not(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.zip"
    path.write_bytes(packed_zip({"t.csv": b"a\n1\n", "__MACOSX/._t.csv": b"x"}))
    assert read_table(path)["a"] == ["1"]
    path.write_bytes(packed_zip({"t.csv": b"a\n1\n", "u.csv": b"a\n1\n"}))
    with pytest.raises(DataError, match="holds 2 files"):
        read_table(path)


def table_of(**columns: list[str]) -> Table:
    count = len(next(iter(columns.values())))
    return Table(Path("t.csv"), columns, list(range(2, 2 + count)))


@pytest.mark.parametrize("bad", ["", "nan", "NaN", "None", "null", "N/A"])
def test_every_row_needs_an_id(bad: str) -> None:
    with pytest.raises(DataError, match=r"t\.csv, line 3: a is .*; every row needs one"):
        table_of(a=["x", bad, "y"]).need_ids("a")


def test_ids_are_unique_where_they_must_be() -> None:
    table = table_of(a=["x", "y", "x"])
    table.need_ids("a", unique=False)
    with pytest.raises(DataError, match=r"line 4: a 'x' is also on line 2"):
        table.need_ids("a")


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../a", "/a", "a\\b", "a\0", "nan", ".hidden", "a\n"])
def test_names_of_files_are_plain(bad: str) -> None:
    table_of(a=["1.2.840.1", "a-b_c (1).png"]).need_file_names("a")
    with pytest.raises(DataError, match=r"line 2: a is .*can't be the name of a file"):
        table_of(a=[bad]).need_file_names("a")


@pytest.mark.parametrize("bad", ["/a", "..", "../a", "a/../b", "a\\b", "a\0b"])
def test_paths_stay_below_their_folder(bad: str) -> None:
    table_of(a=["", "a/b.png", "a..b/c"]).need_paths("a")
    with pytest.raises(DataError, match=r"line 2: a is .*leaves the release's folder"):
        table_of(a=[bad]).need_paths("a")


def test_numbers_and_choices() -> None:
    table = table_of(a=["1", "", "2.5"], b=["yes", "no", "yes"])
    np.testing.assert_array_equal(table.numbers("a", low=0, high=3), [1, np.nan, 2.5])
    np.testing.assert_array_equal(table.choices("b", {"yes": 1, "no": 0}), [1, 0, 1])
    assert table.texts("b", {"yes": "Y", "no": "N"}) == ["Y", "N", "Y"]
    with pytest.raises(DataError, match=r"line 3: b is 'no'; it may be one of 'yes'"):
        table.choices("b", {"yes": 1})


@pytest.mark.parametrize("bad", ["x", "nan", "inf", "-1", "31", "1,5", "1_0", "0x1"])
def test_what_is_no_number_in_range_is_named(bad: str) -> None:
    with pytest.raises(DataError, match=r"t\.csv, line 3: a is"):
        table_of(a=["1", bad]).numbers("a", low=0, high=30)


def test_find_table_prefers_the_plain_file(tmp_path: Path) -> None:
    assert find_table(tmp_path, "t.csv") is None
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))
    assert find_table(tmp_path, "s.csv", "t.csv") == tmp_path / "t.csv.gz"
    write(tmp_path / "t.csv", "a\n2\n")
    assert find_table(tmp_path, "t.csv") == tmp_path / "t.csv"
