"""Small corpora and recipes that the tests share."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from umcl_bench import cli, spec
from umcl_bench.data import sources
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom import Dials, PhantomSpec, phantom_corpus
from umcl_bench.progress import Reporter

SMALL_PHANTOM = PhantomSpec(train=160, val=24, test=64)
REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

Quick = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def phantom() -> Corpus:
    """160 training, 24 validation and 64 test studies."""
    return phantom_corpus(SMALL_PHANTOM)


@pytest.fixture
def quiet() -> Reporter:
    return Reporter(quiet=True)


@pytest.fixture
def short_budget(monkeypatch: pytest.MonkeyPatch) -> spec.Size:
    """`tiny` with six steps of 32 films, everywhere, and three of what is fitted on labels or masks."""
    size = dataclasses.replace(spec.TINY, optim=dataclasses.replace(spec.TINY.optim, batch=32, films_seen=192))
    monkeypatch.setitem(spec.SIZES, "tiny", size)
    monkeypatch.setattr(spec.Fitting, "budget", lambda how, films: 3)
    return size


def small_phantom(dials: dict[str, float]) -> sources.Source:
    """The phantom of SMALL_PHANTOM as a source."""
    corpus = phantom_corpus(dataclasses.replace(SMALL_PHANTOM, dials=Dials(**dials)))
    return sources.Source(None, {"phantom": lambda: corpus})


@pytest.fixture
def quick(tmp_path: Path, short_budget: spec.Size, monkeypatch: pytest.MonkeyPatch) -> Quick:
    """Calls the command line with a small phantom and budget: exit code, standard output, standard error."""
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UMCL_BENCH_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(sources, "_open_phantom", small_phantom)

    def run(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["umcl-bench", *arguments])
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
        return code, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def folder(tmp_path: Path, phantom: Corpus) -> Path:
    """A source of 60 films with a metadata.csv: files, labels, reports, masks, three splits."""
    return write_folder(tmp_path / "films", phantom)


def write_folder(root: Path, phantom: Corpus, count: int = 60) -> Path:
    """Writes the first films of a phantom as anyone's own data, with NIH's name for pleural effusion."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    rows = []
    for i in range(count):
        name = f"film{i:03d}.png"
        Image.fromarray(phantom.pixels.read(i, 48)).save(root / "images" / name)
        assert phantom.masks is not None
        Image.fromarray(phantom.masks.read(i, 48)).save(root / "masks" / name)
        named = [c for c, v in zip(phantom.classes, phantom.labels[i], strict=True) if v == 1]
        rows.append(
            {
                "image": f"images/{name}",
                "mask": f"masks/{name}",
                "report": phantom.reports[i] or "",
                "labels": ";".join("Effusion" if c == "Pleural Effusion" else c for c in named),
                "patient_id": phantom.patients[i],
                "view": "PA",
                "split": ("train", "train", "val", "test")[hash_of(str(phantom.patients[i])) % 4],
            }
        )
    write_table(root, rows)
    return root


def hash_of(text: str) -> int:
    """A number that depends on the text alone, in every process."""
    return int.from_bytes(text.encode(), "big") % 1_000_003


def write_table(root: Path, rows: list[dict[str, str]]) -> None:
    """Writes metadata.csv from rows, in the first row's column order."""
    with (root / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_table(root: Path) -> list[dict[str, str]]:
    """The rows of metadata.csv."""
    with (root / "metadata.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def unit_rows(rng: np.random.Generator, n: int, d: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Random rows of length one."""
    z = rng.standard_normal((n, d))
    return np.asarray(z / np.linalg.norm(z, axis=1, keepdims=True))
