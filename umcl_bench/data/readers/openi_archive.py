"""The XML files of Open-i's chest radiographs: from the official NLMCXR_reports.tgz, or unpacked. Not a reader itself.

Nothing is unpacked to disk, and no file may declare a document type or an entity: the official ones don't.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from umcl_bench.data.reports.sections import Sections
from umcl_bench.errors import DataError

MAX_XML = 1_000_000
"""Bytes of one report; the largest official one has 8,967."""

MAX_FILES = 20_000
_MEMBER = re.compile(r"(?:[^/]+/)*(\d+)\.xml")
_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_IMAGE = re.compile(r"CXR[\w.-]+", re.ASCII)


class Report(NamedTuple):
    """A report: its number, sections, major headings of MeSH, and the ids of its films."""

    number: int
    parts: Sections
    headings: tuple[str, ...]
    images: tuple[str, ...]


def read_reports(path: Path) -> list[Report]:
    """The reports in the archive or folder `path`, by number. Raises DataError, naming the file."""
    found: dict[int, Report] = {}
    for name, data in _files(path):
        where = f"{path}: {name}"
        report = parse(data, where)
        if report.number in found:
            raise DataError(f"{where}: the report CXR{report.number} is there twice; remove one")
        found[report.number] = report
    if not found:
        raise DataError(f"{path} holds no reports (N.xml); get it again")
    return [found[number] for number in sorted(found)]


def parse(data: bytes, where: str) -> Report:
    """The report in an XML file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 ({error.reason} at byte {error.start})") from None
    if _DECLARATION.search(text):
        raise DataError(f"{where} declares a document type or an entity, which no official file does; refused")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(f"{where} is no valid XML ({error}); it may be cut short: get it again") from None
    uid = root.find("uId")
    number = re.fullmatch(r"CXR(\d{1,9})", uid.get("id", "") if uid is not None else "")
    if number is None:
        raise DataError(f"{where} has no <uId id='CXR...'>: it is no report of Open-i")
    return Report(int(number[1]), _sections(root), _headings(root), _images(root, where))


def _sections(root: ElementTree.Element) -> Sections:
    texts = {part.get("Label", "").casefold(): _text(part) for part in root.iter("AbstractText")}
    return sections_of(texts)


def sections_of(texts: dict[str, str]) -> Sections:
    """Sections from the texts of comparison, indication, findings and impression; an empty one is missing."""
    names = ("comparison", "indication", "findings", "impression")
    given = {name: texts[name] for name in names if texts.get(name)}
    whole = "\n".join(f"{name.upper()}: {text}" for name, text in given.items())
    return Sections(whole or None, **given, headed=True)


def _headings(root: ElementTree.Element) -> tuple[str, ...]:
    mesh = root.find("MeSH")
    texts = (_text(major) for major in mesh.iter("major")) if mesh is not None else ()
    return tuple(text for text in texts if text)


def _images(root: ElementTree.Element, where: str) -> tuple[str, ...]:
    images = tuple(image.get("id", "") for image in root.iter("parentImage"))
    for image in images:
        if _IMAGE.fullmatch(image) is None:
            raise DataError(f"{where}: parentImage is {image!r}, which can't be the name of a film")
    return images


def _text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every N.xml in the folder or archive."""
    if path.is_dir():
        for count, file in enumerate(sorted(path.glob("*.xml"))):
            _check(path, file.name, file.stat().st_size, count)
            yield file.name, file.read_bytes()
        return
    try:
        with tarfile.open(path, "r:gz") as archive:
            for count, member in enumerate(archive):
                _check(path, member.name, member.size, count)
                wanted = member.isreg() and _MEMBER.fullmatch(member.name)
                if wanted and (stream := archive.extractfile(member)):
                    yield member.name, stream.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} can't be unpacked ({error}); it may be cut short: get it again") from None


def _check(path: Path, name: str, size: int, count: int) -> None:
    if size > MAX_XML:
        raise DataError(f"{path}: {name} has {size:,} bytes; a report has less than {MAX_XML:,}: refused")
    if count >= MAX_FILES:
        raise DataError(f"{path} holds more than {MAX_FILES:,} files; the official one has 3,955: refused")
