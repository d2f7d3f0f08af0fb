"""Open-i in its three forms: labels from MeSH, sections, safe XML, and what may not be read."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REAL_DATA
from tests.data.readers import hostile
from tests.data.readers.hostile import rows_of
from tests.data.readers.releases import edit, refused
from umcl_bench.data.corpus import Corpus, count_kinds
from umcl_bench.data.readers import DEFAULTS, ReadOptions, recognise
from umcl_bench.data.readers.openi import CLASSES, READER
from umcl_bench.data.readers.openi_archive import MAX_XML, parse
from umcl_bench.data.reports import mesh
from umcl_bench.data.vocabulary import CHEXPERT, MESH, of_mesh
from umcl_bench.errors import DataError

XML = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="CXR{number}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION"/>
<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION">{impression}</AbstractText>
</Abstract></Article></MedlineCitation><MeSH>{mesh}</MeSH>{images}</eCitation>
"""
REPORTS = rows_of("""
    uid,MeSH,Problems,image,indication,comparison,findings,impression
    1,normal,normal,PA,Cough.,None.,Clear lungs.,Normal.
    2,"Opacity/lung/base/left;Fractures, Bone/ribs;Hydropneumothorax",Opacity,PA,,,,Rib fracture.
    3,Scoliosis;Thoracic Vertebrae/degenerative,Scoliosis,PA,,,Curved.,
    4,No Indexing,No Indexing,PA,,,,
""")
PROJECTIONS = rows_of("""
    uid,filename,projection
    1,1_IM-0001-4001.dcm.png,Frontal
    1,1_IM-0001-3001.dcm.png,Lateral
    2,2_IM-0002-1001.dcm.png,Frontal
    3,3_IM-0003-1001.dcm.png,Frontal
""")
FILES = {"indiana_reports.csv": REPORTS, "indiana_projections.csv": PROJECTIONS}
DAMAGED_REPORTS = {
    **hostile.broken(REPORTS, "findings"),
    **hostile.twice(REPORTS, "uid"),
    **hostile.cells(REPORTS, "uid", ("", "nan")),
}
DAMAGED_PROJECTIONS = {
    **hostile.broken(PROJECTIONS, "filename"),
    **hostile.twice(PROJECTIONS, "filename"),
    **hostile.cells(PROJECTIONS, "filename", ("", "nan", *hostile.NO_PLACES)),
    **hostile.cells(PROJECTIONS, "projection", ("Oblique", "", "frontal")),
    **hostile.cells(PROJECTIONS, "uid", ("", "77")),
}
RECORD = {"id": "CXR7_IM-1", "report": "Clear.", "image_path": ["CXR7_IM-1/0.png", "CXR7_IM-1/1.png"], "split": "train"}


def report(
    number: int, *, mesh: str = "normal", images: int = 1, findings: str = "Clear.", impression: str = ""
) -> str:
    majors = "".join(f"<major>{heading}</major>" for heading in mesh.split(";"))
    films = "".join(f'<parentImage id="CXR{number}_IM-{at}"><caption>c</caption></parentImage>' for at in range(images))
    return XML.format(number=number, mesh=majors, images=films, findings=findings, impression=impression)


def archive(root: Path, members: dict[str, str]) -> Path:
    path = root / "NLMCXR_reports.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in members.items():
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def labels(corpus: Corpus, row: int) -> dict[str, float]:
    return {name: v for name, v in zip(corpus.classes, corpus.stated[row].tolist(), strict=True) if not np.isnan(v)}


def test_the_archive(tmp_path: Path) -> None:
    members = {
        "ecgen-radiology/10.xml": report(10, mesh="Opacity/lung/left;Hydropneumothorax", images=0, impression="Air."),
        "ecgen-radiology/9.xml": report(9, images=2),
        "ecgen-radiology/11.xml": report(11, mesh="No Indexing", findings=""),
        "../readme.txt": "not a report",
    }
    archive(tmp_path, members)
    corpus = READER.read(tmp_path, DEFAULTS)
    assert READER.recognise(tmp_path) == "xml (NLMCXR_reports.tgz)"
    assert list(corpus.ids) == ["CXR9_IM-0", "CXR9_IM-1", "CXR10", "CXR11_IM-0"]
    assert list(corpus.patients) == ["CXR9", "CXR9", "CXR10", "CXR11"]
    assert list(corpus.reports) == ["Clear.", "Clear.", "Clear.\nAir.", None]
    assert labels(corpus, 0) == {"No Finding": 1}
    assert labels(corpus, 2) == {"No Finding": 0, "Lung Opacity": 1, "Pleural Effusion": 1, "Pneumothorax": 1}
    assert labels(corpus, 3) == {}
    assert corpus.labels[0].tolist() == [1, *[0] * (len(CLASSES) - 1)]
    assert count_kinds(corpus.kinds()) == {"image-text-label": 2, "text": 1, "image": 1}
    assert corpus.pixels.paths[:3] == ("NLMCXR_png/CXR9_IM-0.png", "NLMCXR_png/CXR9_IM-1.png", "")  # type: ignore[attr-defined]
    assert corpus.expectations == (("reports", 3_955, 3), ("films", 7_470, 3))
    with tarfile.open(tmp_path / "NLMCXR_reports.tgz") as tar:
        tar.extractall(tmp_path / "out", filter="data", members=[m for m in tar if m.name.endswith("xml")])
    assert READER.read(tmp_path / "out", DEFAULTS).fingerprint == corpus.fingerprint


def test_kaggles_tables(tmp_path: Path) -> None:
    corpus = READER.read(hostile.write(tmp_path, FILES), DEFAULTS)
    assert READER.recognise(tmp_path) == "csv (indiana_reports.csv)"
    assert list(corpus.ids) == [*(f"CXR{n}" for n in ("1_IM-0001-4001", "1_IM-0001-3001", "2_IM-0002-1001")),
                                "CXR3_IM-0003-1001", "CXR4"]  # fmt: skip
    assert list(corpus.rows("test")) == [0, 2, 3, 4]
    assert labels(corpus, 2) == {
        "No Finding": 0, "Lung Opacity": 1, "Fracture": 1, "Pleural Effusion": 1, "Pneumothorax": 1
    }  # fmt: skip
    assert labels(corpus, 3) == {"No Finding": 0}  # coded, and not as normal: scoliosis is in no vocabulary
    assert corpus.labels[3].tolist() == [0] * len(CLASSES)
    assert labels(corpus, 4) == {}
    assert corpus.pixels.paths[0] == "images/images_normalized/1_IM-0001-4001.dcm.png"  # type: ignore[attr-defined]
    assert corpus.attributes["mesh"][3] == "Scoliosis;Thoracic Vertebrae/degenerative"


@pytest.mark.parametrize(
    ("section", "texts"),
    [
        ("findings+impression", ["Clear lungs.\nNormal.", "Rib fracture.", "Curved.", None]),
        ("findings", ["Clear lungs.", None, "Curved.", None]),
        ("impression", ["Normal.", "Rib fracture.", None, None]),
        ("longest", ["Clear lungs.", "Rib fracture.", "Curved.", None]),
    ],
)
def test_the_section_that_was_chosen_is_the_text(tmp_path: Path, section: str, texts: list[str | None]) -> None:
    corpus = READER.read(hostile.write(tmp_path, FILES), ReadOptions(section=section))  # type: ignore[arg-type]
    assert [corpus.reports[row] for row in (0, 2, 3, 4)] == texts
    assert corpus.facts["section"] == section


def test_the_form_is_that_of_the_films_and_is_named(tmp_path: Path) -> None:
    hostile.write(tmp_path, FILES)
    archive(tmp_path, {"1.xml": report(1).replace("CXR1_IM-0", "CXR1_IM-0001-3001")})
    xml = READER.read(tmp_path, DEFAULTS)
    assert (xml.facts["form"], list(xml.views)) == ("xml", ["lateral"])
    assert "read from xml; not read: csv (indiana_reports.csv)" in xml.notes
    (tmp_path / "images/images_normalized").mkdir(parents=True)
    assert READER.read(tmp_path, DEFAULTS).facts["form"] == "csv"


def test_r2gens_annotation(tmp_path: Path) -> None:
    other = RECORD | {"id": "CXR8_IM-1", "image_path": ["CXR8_IM-1588-1001.png"], "split": "test"}
    path = tmp_path / "annotation.json"
    path.write_text(json.dumps({"train": [RECORD], "    ": [other]}))  # a copy in use has this key
    corpus = READER.read(tmp_path, DEFAULTS)
    assert READER.recognise(tmp_path) == "json (annotation.json)"
    assert list(corpus.splits) == ["train", "train", "test"]
    assert list(corpus.reports) == ["Clear."] * 3
    assert corpus.pixels.paths[1:] == ("images/CXR7_IM-1/1.png", "images/CXR8_IM-1588-1001.png")  # type: ignore[attr-defined]
    assert corpus.classes == ()
    findings = READER.read(tmp_path, ReadOptions(section="findings"))
    assert list(findings.reports) == [None] * 3
    assert "the texts of R2Gen have no sections: none is its findings" in findings.notes
    path.write_text(json.dumps({"train": [{"id": "x", "study_id": 1, "image_path": ["p10/p1/s1/a.jpg"]}]}))
    assert READER.recognise(tmp_path) is None  # R2Gen's file of MIMIC-CXR


def test_every_heading_of_the_table_is_found() -> None:
    assert all(of_mesh(f"{heading}/right/mild") == names for heading, names in MESH.items())
    assert of_mesh("Nodule/lung/upper lobe") == ("Nodule",)
    assert of_mesh("Mass/breast") == of_mesh("Mediastinum/lymph nodes/enlarged") == of_mesh("Scoliosis") == ()


def test_the_table_of_labels_is_part_of_the_table_that_the_labeler_is_measured_by() -> None:
    """The labeler's counts CheXpert's wider observations: a nodule is a Lung Lesion there, and stays a Nodule here."""
    for heading, names in MESH.items():
        assert set(names) & set(CHEXPERT) <= mesh.observations(heading), heading
    wider = {name for rule in mesh.RULES for name in (rule.observation,)} - {n for ns in MESH.values() for n in ns}
    assert wider == {"Lung Lesion", "Pleural Other"}


@pytest.mark.skipif(not (REAL_DATA / "official_formats").is_dir(), reason="the official formats are not here")
def test_the_real_reports(tmp_path: Path) -> None:
    root = REAL_DATA / "official_formats/iu_xray"
    xml = READER.read(root, DEFAULTS)
    for name in FILES:
        (tmp_path / name).symlink_to(root / name)
    table = READER.read(tmp_path, DEFAULTS)
    assert all(e.met for e in (*xml.expectations, *table.expectations))
    assert (len(set(xml.patients)), len(xml), len(set(table.patients)), len(table)) == (3_955, 7_574, 3_851, 7_466)
    assert {v: int((table.views == v).sum()) for v in set(table.views)} == {"frontal": 3_818, "lateral": 3_648}
    rows = {name: row for row, name in enumerate(xml.ids)}
    shared = [(rows[name], row) for row, name in enumerate(table.ids) if name in rows]
    assert len(shared) == 7_464
    assert all(xml.reports[a] == table.reports[b] for a, b in shared)
    np.testing.assert_array_equal(xml.stated[[a for a, _ in shared]], table.stated[[b for _, b in shared]])
    one_each = np.unique(xml.patients.astype(str), return_index=True)[1]
    assert int(xml.stated[one_each, CLASSES.index("No Finding")][~np.isnan(xml.stated[one_each, 0])].sum()) == 1_391


@pytest.mark.skipif(not (REAL_DATA / "official_formats").is_dir(), reason="the official formats are not here")
def test_the_stub_of_r2gen() -> None:
    root = REAL_DATA / "official_formats/stubs/iu_xray"
    assert [found.reader.name for found in recognise(root)] == ["openi"]
    corpus = READER.read(root, DEFAULTS)
    assert {split: int((corpus.splits == split).sum()) for split in ("train", "val", "test")} == {
        "train": 4, "val": 4, "test": 4
    }  # fmt: skip


@pytest.mark.parametrize("way", hostile.harmless(REPORTS))
def test_a_table_of_reports_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, "indiana_reports.csv", hostile.harmless(REPORTS)[way])


@pytest.mark.parametrize("way", hostile.harmless(PROJECTIONS))
def test_a_table_of_films_written_in_another_way(tmp_path: Path, way: str) -> None:
    hostile.check_same(READER, tmp_path, FILES, "indiana_projections.csv", hostile.harmless(PROJECTIONS)[way])


@pytest.mark.parametrize("damage", DAMAGED_REPORTS)
def test_a_damaged_table_of_reports(tmp_path: Path, damage: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, "indiana_reports.csv", DAMAGED_REPORTS[damage])


@pytest.mark.parametrize("damage", DAMAGED_PROJECTIONS)
def test_a_damaged_table_of_films(tmp_path: Path, damage: str) -> None:
    hostile.check_refused(READER, tmp_path, FILES, "indiana_projections.csv", DAMAGED_PROJECTIONS[damage])


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><eCitation><uId id="CXR1"/>&b;</eCitation>'


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"1.xml": LAUGHS}, "1.xml declares a document type or an entity"),
        ({"1.xml": LAUGHS.replace("DOCTYPE", "doctype")}, "declares a document type"),
        ({"1.xml": report(1)[:200]}, "1.xml is no valid XML"),
        ({"1.xml": "<eCitation/>"}, "1.xml has no <uId id='CXR...'>"),
        ({"1.xml": report(1), "a/1.xml": report(1)}, "the report CXR1 is there twice"),
        ({"1.xml": report(1), "2.xml": report(2).replace("CXR2_IM", "CXR1_IM")}, "the film CXR1_IM-0 belongs to two"),
        ({"1.xml": report(1).replace("CXR1_IM-0", "../../etc/x")}, "parentImage is '../../etc/x'"),
        ({"1.xml": report(1) + " " * MAX_XML}, "a report has less than 1,000,000: refused"),
        ({"notes.txt": "nothing"}, "holds no reports"),
        ({}, "holds no reports"),
    ],
)
def test_an_archive_that_may_not_be_read(tmp_path: Path, members: dict[str, str], says: str) -> None:
    path = archive(tmp_path, members)
    refused(READER, tmp_path, str(path), says)


@pytest.mark.parametrize("keep", [0, 10, 300, 600])
def test_a_truncated_archive(tmp_path: Path, keep: int) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(97, 122, 3000, dtype=np.uint8).tobytes().decode()
    path = archive(tmp_path, {f"{n}.xml": report(n, findings=noise) for n in range(3)})
    path.write_bytes(path.read_bytes()[:keep])
    refused(READER, tmp_path, str(path), "can't be unpacked", "get it again")


def test_an_archive_that_is_none_and_a_link_in_one(tmp_path: Path) -> None:
    path = tmp_path / "NLMCXR_reports.tgz"
    path.write_bytes(b"<html>please log in</html>")
    refused(READER, tmp_path, str(path), "can't be unpacked")
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo("1.xml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    refused(READER, tmp_path, str(path), "holds no reports")


def test_an_archive_that_unpacks_to_much_is_refused_before_it_is(tmp_path: Path) -> None:
    path = tmp_path / "NLMCXR_reports.tgz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        huge = tarfile.TarInfo("1.xml")
        huge.size = 8_000_000_000  # said, not there
        assert tar.fileobj is not None
        tar.fileobj.write(huge.tobuf())
    refused(READER, tmp_path, str(path), "1.xml has 8,000,000,000 bytes")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"CXR7_IM-1/0.png"', '"CXR7_IM-1/../../x.png"', "'train', record 1: image_path is"),
        ('"CXR7_IM-1/1.png"', "7", "record 1: image_path is '7'"),
        ('"report": "Clear."', '"report": null', "record 1: report must be a text; it is missing"),
        ('"id": "CXR7_IM-1"', '"id": 7', "record 1: id must be a text; found '7'"),
        ('"split": "train"', '"split": "dev"', "record 1: the split is 'dev'"),
        ("]}", "", "is no valid JSON"),
        ("]}", ', {"id": "CXR7_IM-1", "report": "", "image_path": [], "split": "val"}]}', "'CXR7_IM-1' is there twice"),
        ("]}", ', "no record"]}', "record 2: id must be a text"),
        ("]}", '], "val": 3}', "val must be a list"),
    ],
)
def test_a_bad_annotation(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "annotation.json"
    path.write_text(json.dumps({"train": [RECORD]}))
    edit(path, old, new)
    refused(READER, tmp_path, str(path), says)


def test_an_annotation_that_is_no_text_or_nested_without_end(tmp_path: Path) -> None:
    path = tmp_path / "annotation.json"
    start = json.dumps({"train": [RECORD]})[:-2].encode()
    path.write_bytes(start + b"\xff")
    refused(READER, tmp_path, str(path), "UTF-8")
    path.write_bytes(start + b"," + b"[" * 200_000)
    refused(READER, tmp_path, str(path), "is no valid JSON")


def test_a_folder_with_nothing_of_it(tmp_path: Path) -> None:
    assert READER.recognise(tmp_path) is None
    refused(READER, tmp_path, "holds none of NLMCXR_reports.tgz")
    (tmp_path / "ecgen-radiology").mkdir()
    refused(READER, tmp_path, "ecgen-radiology holds no reports")


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=60).map(lambda t: report(1, findings=t).encode(errors="replace"))
    )
)
def test_any_bytes_are_a_report_or_one_error(data: bytes) -> None:
    try:
        found = parse(data, "1.xml")
    except DataError:
        return
    assert found.number == 1
    assert found.images == ("CXR1_IM-0",)
