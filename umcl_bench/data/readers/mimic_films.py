"""Where the films of MIMIC-CXR-JPG lie, for the datasets that name them. Not a reader itself."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from umcl_bench.errors import DataError

VERSIONS = ("", "2.0.0", "2.1.0")
"""The folders of a PhysioNet download that `files/` may be in."""

_PATH = re.compile(r"(?:files/)?p(\d\d)/p(\d{8})/s(\d{8})/([\w-]+)(?:\.(?:jpg|dcm|png))?", re.ASCII)
_MOST_FOLDERS = 200


class MimicFilm(NamedTuple):
    """A film of MIMIC-CXR, by the ids of its patient and study (digits), and its own."""

    patient: str
    study: str
    dicom: str

    @property
    def path(self) -> str:
        """Its file below the folder of MIMIC-CXR-JPG."""
        return f"files/p{self.patient[:2]}/p{self.patient}/s{self.study}/{self.dicom}.jpg"


def film_of(path: str, where: str) -> MimicFilm:
    """The film at a path like files/p10/p10000032/s50414267/<dicom_id>.jpg. Raises DataError for any other."""
    match = _PATH.fullmatch(path)
    if match is None or match[2][:2] != match[1]:
        raise DataError(
            f"{where}: {path[:100]!r} is no film of MIMIC-CXR; expected files/p10/p10000032/s50414267/<dicom_id>.jpg"
        )
    return MimicFilm(match[2], match[3], match[4])


def films_folder(root: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder that holds MIMIC's `files/`: `root`, or mimic-cxr-jpg beside it; and a note where there is none."""
    with os.scandir(root.resolve().parent) as entries:
        names = sorted(entry.name for entry in entries if entry.name.casefold().startswith("mimic-cxr"))
    beside = [root.resolve().parent / name for name in names[:_MOST_FOLDERS]]
    for folder in (folder / version for folder in (root, *beside) for version in VERSIONS):
        if (folder / "files").is_dir():
            return folder, ()
    return root, ("no films: looked for files/ in this folder and in one named mimic-cxr-jpg beside it",)
