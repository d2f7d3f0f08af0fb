"""The metadata.csv source: labels, policies, and every kind of bad input as one clear error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import read_table, write_table
from umcl_bench.data.corpus import count_kinds
from umcl_bench.data.policies import LabelPolicy
from umcl_bench.data.readers import ReadOptions
from umcl_bench.data.readers.folder import read_folder, stated_labels
from umcl_bench.data.sources import open_source
from umcl_bench.data.vocabulary import CHEXPERT, KNOWN, NO_FINDING, canonical, ordered
from umcl_bench.errors import DataError, UsageError

Row = dict[str, str]


def test_a_folder_becomes_a_corpus(folder: Path) -> None:
    corpus = read_folder(folder)
    rows = read_table(folder)
    assert len(corpus) == 60
    assert corpus.kind == "patients"
    assert corpus.source == "films"
    assert "Pleural Effusion" in corpus.classes
    assert "Effusion" not in corpus.classes
    assert corpus.pixels.read(0, 32).shape == (32, 32)
    assert corpus.masks is not None
    assert set(np.unique(corpus.masks.read(1, 20))) <= {0, 255}
    assert count_kinds(corpus.kinds())["image-text-label"] == sum(bool(r["report"]) for r in rows)
    assert corpus.notes == ()


def test_what_no_label_means() -> None:
    device = "Support Devices"
    names = [("Edema",), (NO_FINDING,), (), ("Edema", device), (NO_FINDING, device), (device,)]
    classes = (NO_FINDING, "Edema", device)
    nan = np.nan
    unknown = LabelPolicy("unknown").apply(stated_labels(names, classes), classes)
    rows = [[0, 1, nan], [1, 0, nan], [nan, nan, nan], [0, 1, 1], [1, 0, 1], [nan, nan, 1]]
    np.testing.assert_array_equal(unknown, rows)
    negative = LabelPolicy("negative").apply(stated_labels(names, classes), classes)
    np.testing.assert_array_equal(negative, [[0, 1, 0], [1, 0, 0], [nan, nan, nan], [0, 1, 1], [1, 0, 1], [0, 0, 1]])


@given(st.lists(st.lists(st.sampled_from(CHEXPERT), unique=True, max_size=4).map(tuple), min_size=1, max_size=8))
def test_a_named_finding_is_1_and_an_empty_cell_is_unknown_under_every_policy(names: list[tuple[str, ...]]) -> None:
    classes = ordered({n for row in names for n in row})
    one, other = (LabelPolicy(p).apply(stated_labels(names, classes), classes) for p in ("unknown", "negative"))
    for row, named in enumerate(names):
        assert {c for c, v in zip(classes, one[row], strict=True) if v == 1} == set(named)
        assert {c for c, v in zip(classes, other[row], strict=True) if v == 1} == set(named)
        if not named:
            assert np.isnan(one[row]).all()
            assert np.isnan(other[row]).all()
    known = ~np.isnan(one)
    np.testing.assert_array_equal(one[known], other[known])


def test_the_policy_comes_from_the_source_or_the_command_line_and_is_in_the_fingerprint(folder: Path) -> None:
    first = open_source(str(folder)).corpus
    assert first.policy.unnamed == "unknown"
    (folder / "source.toml").write_text('name = "ours"\nexhaustive = true\n')
    second = open_source(str(folder)).corpus
    assert (second.source, second.policy.unnamed) == ("ours", "negative")
    third = open_source(str(folder), options=ReadOptions(unnamed="unknown")).corpus
    assert third.policy.unnamed == "unknown"
    assert first.fingerprint == third.fingerprint != second.fingerprint


def test_vocabularies_are_mapped_by_the_table_alone() -> None:
    assert canonical("Effusion") == ("Pleural Effusion", True)
    assert canonical(" pleural_thickening ") == ("Pleural Thickening", True)
    assert canonical("Nodule") == ("Nodule", True)  # not Lung Lesion
    assert canonical("Kerley  B lines") == ("Kerley B lines", False)
    assert all(canonical(name) == (name, True) for name in KNOWN)


def test_an_unknown_finding_is_kept_and_said(folder: Path) -> None:
    rows = read_table(folder)
    rows[3]["labels"], rows[4]["labels"] = "Edema;Kerley B lines", "kerley b LINES"
    write_table(folder, rows)
    corpus = read_folder(folder)
    assert corpus.classes[-1] == "Kerley B lines"
    assert any("Kerley B lines (2)" in note for note in corpus.notes)


def break_rows(change: Callable[[list[Row]], None]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        rows = read_table(root)
        change(rows)
        write_table(root, rows)

    return apply


def outside_link(root: Path) -> None:
    outside = root.parent / "secret.png"
    outside.write_bytes((root / "images/film000.png").read_bytes())
    (root / "images/film000.png").unlink()
    (root / "images/film000.png").symlink_to(outside)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing file": (
        lambda r: (r / "images/film002.png").unlink(),
        r"row 3: the file 'images/film002.png' does not exist",
    ),
    "parent path": (
        break_rows(lambda rows: rows[4].update(image="../secret.png")),
        r"row 5: the path '\.\./secret\.png'",
    ),
    "absolute path": (
        break_rows(lambda rows: rows[4].update(image="/etc/hostname")),
        r"row 5: the path '/etc/hostname'",
    ),
    "mask outside": (
        break_rows(lambda rows: rows[0].update(mask="../../m.png")),
        r"row 1: the path '\.\./\.\./m\.png'",
    ),
    "link outside": (outside_link, r"row 1: 'images/film000.png' is a link to .*outside"),
    "a folder as film": (break_rows(lambda rows: rows[0].update(image="images")), r"row 1: 'images' is not a file"),
    "split": (
        break_rows(lambda rows: rows[7].update(split="dev")),
        r"row 8: split is 'dev'; it must be one of train, val, test",
    ),
    "no patient": (break_rows(lambda rows: rows[7].update(patient_id=" ")), r"row 8: patient_id is empty"),
    "twice": (break_rows(lambda rows: rows[9].update(image=rows[2]["image"])), r"row 10: the image .* earlier row"),
    "no column": (
        break_rows(lambda rows: [r.pop("patient_id") for r in rows].clear()),
        r"lacks the column patient_id; found",
    ),
    "no rows": (lambda r: (r / "metadata.csv").write_text("image,patient_id,split,labels\n"), r"a header and no rows"),
    "empty": (lambda r: (r / "metadata.csv").write_text(""), r"lacks the column image, patient_id, split"),
    "ragged": (
        lambda r: (r / "metadata.csv").write_text("image,patient_id,split,labels\na,b,train,c,d,e\n"),
        r"metadata\.csv, line 2: 6 fields; the header has 4",
    ),
    "short row": (
        lambda r: (r / "metadata.csv").write_text("image,patient_id,split,labels\na,b,train,\na,b,train\n"),
        r"line 3: 3 fields; the header has 4",
    ),
    "one column twice": (
        lambda r: (r / "metadata.csv").write_text("image,patient_id,split,labels,labels \n"),
        r"has the column 'labels' 2 times",
    ),
    "open quote": (
        lambda r: (r / "metadata.csv").write_text('image,patient_id,split,labels\n"a,b'),
        r"comma-separated",
    ),
    "nul": (break_rows(lambda rows: rows[4].update(image="a\0b")), r"row 5: the file 'a.x00b' does not exist"),
    "the same by another path": (
        break_rows(lambda rows: rows[9].update(image="./" + rows[2]["image"])),
        r"row 10: the image .* earlier row",
    ),
    "no name": (lambda r: (r / "source.toml").write_text("name = ''"), r"may not be called ''"),
    "latin-1": (
        lambda r: (r / "metadata.csv").write_bytes("image,patient_id,split,labels\né".encode("latin-1")),
        r"not UTF-8",
    ),
    "bad toml": (lambda r: (r / "source.toml").write_text("name = "), r"not valid TOML"),
    "odd toml": (
        lambda r: (r / "source.toml").write_text("exhaustive = 'yes'"),
        r"exhaustive = 'yes' is not understood",
    ),
    "called phantom": (lambda r: (r / "source.toml").write_text("name = 'phantom'"), r"may not be called 'phantom'"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_error_that_names_the_place(folder: Path, what: str) -> None:
    change, message = BAD[what]
    change(folder)
    with pytest.raises(DataError, match=message):
        read_folder(folder)


def test_spreadsheets_habits_are_understood(folder: Path) -> None:
    """A byte-order mark, CRLF, quoted commas and line breaks, spaces around names, 'NA' as an id."""
    rows = read_table(folder)
    rows[0].update(report="Heart, lungs:\nnormal.", patient_id="NA", split="test")
    write_table(folder, rows)
    text = (folder / "metadata.csv").read_bytes().replace(b"image,mask", b" image , mask")
    (folder / "metadata.csv").write_bytes(b"\xef\xbb\xbf" + text)
    corpus = read_folder(folder)
    assert corpus.reports[0] == "Heart, lungs:\nnormal."
    assert corpus.patients[0] == "NA"
    assert len(corpus) == 60


def test_what_a_person_should_know_is_said(folder: Path) -> None:
    rows = read_table(folder)
    for row in rows[:2]:
        row.update(patient_id="same", view="Oblique", labels=f"{NO_FINDING};Edema")
    rows[0]["split"], rows[1]["split"] = "train", "test"
    write_table(folder, rows)
    notes = " | ".join(read_folder(folder).notes)
    assert "oblique" in notes
    assert "'same'" in notes
    assert "2 rows name No Finding beside a finding; first: row 1" in notes


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("patient_id", "nan", r"row 1: patient_id is 'nan'; every row needs one"),
        ("labels", "NaN", r"row 1: labels is 'NaN'; leave it empty"),
        ("report", "None", r"row 1: report is 'None'; leave it empty"),
        ("labels", "Edema|Pleural Effusion", r"row 1: labels has 'Edema\|Pleural Effusion'; .* separated by ';'"),
        ("labels", "Edema, Pneumonia?", r"row 1: labels has 'Edema, Pneumonia'; .* separated by ';'"),
        ("labels", "Edema;1.0", r"row 1: labels has '1\.0'; the column holds the names of findings"),
    ],
)
def test_cells_that_would_be_taken_for_something_else(folder: Path, column: str, cell: str, message: str) -> None:
    rows = read_table(folder)
    rows[0][column] = cell
    write_table(folder, rows)
    with pytest.raises(DataError, match=message):
        read_folder(folder)


def test_names_with_a_comma_that_are_no_list_of_findings_are_kept(folder: Path) -> None:
    rows = read_table(folder)
    rows[0]["labels"] = "Pneumonia, viral;Mass 3"
    write_table(folder, rows)
    assert {"Pneumonia, viral", "Mass 3"} <= set(read_folder(folder).classes)


def test_columns_that_look_as_if_they_were_meant_are_told(folder: Path) -> None:
    rows = [{**row, "reprot": row["report"], "Edema": "1", "licence": "CC0"} for row in read_table(folder)]
    write_table(folder, [{k: v for k, v in row.items() if k != "report"} for row in rows])
    assert read_folder(folder).notes == (
        "columns that are not read: 'reprot' (is it 'report'?), 'Edema' (findings are named in the column 'labels')",
    )


@pytest.mark.parametrize(
    ("options", "name"), [(ReadOptions(section="impression"), "section"), (ReadOptions(votes="any"), "votes")]
)
def test_a_choice_that_would_change_nothing_is_refused(folder: Path, options: ReadOptions, name: str) -> None:
    with pytest.raises(UsageError, match=rf"--{name} is about official releases; .* has a metadata\.csv"):
        open_source(str(folder), options=options)


def test_a_folder_that_is_no_source_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()
    with pytest.raises(UsageError, match=r"looked for metadata\.csv .* found readme\.txt"):
        open_source(str(tmp_path))
    with pytest.raises(UsageError, match="there is no such folder"):
        open_source(str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="dials belong to the phantom"):
        open_source(str(tmp_path), dials={"similarity": 1.0})
    with pytest.raises(UsageError, match=r"no dial is named 'similarty'. Did you mean 'similarity'"):
        open_source(dials={"similarty": 1.0})
    with pytest.raises(UsageError, match="--data is empty"):
        open_source("")
    with pytest.raises(UsageError, match="between 0 and 1"):
        open_source(dials={"similarity": 3.0})


def test_a_lateral_film_is_no_frontal_one(folder: Path) -> None:
    rows = read_table(folder)
    for row, view in zip(rows, ("L", "LL", "Lateral", "", "AP"), strict=False):
        row["view"] = view
        row["split"] = "val"
        row["patient_id"] = "x"
    for row in rows[5:]:
        row["split"] = "train"
    write_table(folder, rows)
    corpus = read_folder(folder)
    assert corpus.rows("val").tolist() == [3, 4]
    assert corpus.rows("val", "all").tolist() == [0, 1, 2, 3, 4]


def test_rows_of_text_uncertain_findings_and_who_it_was_are_kept(folder: Path) -> None:
    rows = [{**row, "sex": "F", "age": "61", "site": "north"} for row in read_table(folder)]
    rows[0].update(labels="Edema?; Pneumonia")
    rows[1].update(image="", mask="", report="Mild edema.", labels="")
    write_table(folder, rows)
    corpus = read_folder(folder)
    stated = dict(zip(corpus.classes, corpus.stated[0].tolist(), strict=True))
    assert (stated["Edema"], stated["Pneumonia"]) == (-1, 1)
    ones = read_folder(folder, ReadOptions(uncertain="ones"))
    assert ones.labels[0, ones.classes.index("Edema")] == 1
    assert corpus.kinds()[1] == "text"
    assert corpus.has_image is not None
    assert not corpus.has_image[1]
    assert {name: column[5] for name, column in corpus.attributes.items()} == {"sex": "F", "age": "61", "site": "north"}
