"""Embeddings that are kept: found bit for bit, never those of anything else, and no reason for a run to fail."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Quick
from umcl_bench.data.corpus import Corpus
from umcl_bench.models.embeddings import Films, Make, kept
from umcl_bench.models.fingerprint import weights_digest
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.progress import Reporter
from umcl_bench.protocols import base
from umcl_bench.protocols.base import Evaluation
from umcl_bench.spec import TINY, digest

QUIET = Reporter(quiet=True)
FILMS = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)


def counted(made: list[Films]) -> Make:
    def make(films: Films) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        made.append(films)
        return np.random.default_rng(len(films)).standard_normal((len(films), 5)).astype(np.float32)

    return make


def stored(root: Path) -> list[Path]:
    return sorted((root / "embeddings").glob("*.npy"))


def test_warm_equals_cold_bit_for_bit(tmp_path: Path) -> None:
    made: list[Films] = []
    cold, warm = (kept("w", FILMS, counted(made), QUIET, tmp_path) for _ in range(2))
    assert len(made) == 1
    assert (warm.dtype, warm.shape) == (cold.dtype, cold.shape)
    assert warm.tobytes() == cold.tobytes()


@pytest.mark.parametrize(
    ("what", "films"),
    [
        ("other weights", FILMS),
        ("w", FILMS[::-1]),
        ("w", FILMS[:2]),
        ("w", FILMS.reshape(1, 4, 12)),
        ("w", np.where(FILMS == 7, 8, FILMS)),
        ("w", FILMS.transpose(0, 2, 1)),
    ],
    ids=["weights", "order", "rows", "shape", "one pixel", "transposed"],
)
def test_anything_else_is_made(tmp_path: Path, what: str, films: Films) -> None:
    made: list[Films] = []
    kept("w", FILMS, counted(made), QUIET, tmp_path)
    kept(what, films.astype(np.uint8), counted(made), QUIET, tmp_path)
    assert len(made) == 2
    assert len(stored(tmp_path)) == 2


def test_the_layout_in_memory_is_nothing_else(tmp_path: Path) -> None:
    made: list[Films] = []
    kept("w", FILMS, counted(made), QUIET, tmp_path)
    kept("w", np.asfortranarray(FILMS), counted(made), QUIET, tmp_path)
    assert len(made) == 1


@pytest.mark.parametrize("harm", ["cut", "flipped", "longer", "empty", "pickle"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, harm: str) -> None:
    made: list[Films] = []
    first = kept("w", FILMS, counted(made), QUIET, tmp_path)
    (path,) = stored(tmp_path)
    data = bytearray(path.read_bytes())
    if harm == "pickle":
        with path.open("wb") as file:
            np.save(file, np.array([{"code": "anything"}], dtype=object), allow_pickle=True)
    elif harm == "flipped":
        data[-50] ^= 1
        path.write_bytes(data)
    else:
        path.write_bytes({"cut": bytes(data[:-7]), "longer": bytes(data) + b"x", "empty": b""}[harm])
    again = kept("w", FILMS, counted(made), QUIET, tmp_path)
    assert len(made) == 2
    np.testing.assert_array_equal(again, first)
    assert kept("w", FILMS, counted(made), QUIET, tmp_path).tobytes() == first.tobytes()
    assert len(made) == 2


def test_a_full_disk_is_said_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    made: list[Films] = []
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        found = kept("w", FILMS, counted(made), Reporter(), tmp_path)
    assert len(found) == len(made[0]) == 3
    assert "embeddings are not kept in" in (said := capsys.readouterr().err)
    assert "No space left on device" in said
    assert [path.suffix for path in (tmp_path / "embeddings").iterdir()] == [".lock"]


def test_a_folder_that_can_not_be_made_is_said_and_the_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    made: list[Films] = []
    assert len(kept("w", FILMS, counted(made), Reporter(), tmp_path / "file")) == 3
    assert len(made) == 1
    assert "embeddings are not kept in" in capsys.readouterr().err


def test_an_error_of_the_model_is_its_own(tmp_path: Path) -> None:
    def broken(films: Films) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        raise OSError("the model's own")

    with pytest.raises(OSError, match="the model's own"):
        kept("w", FILMS, broken, QUIET, tmp_path)
    assert stored(tmp_path) == []


SLOW = """
import sys, time
import numpy as np
from pathlib import Path
from umcl_bench.models.embeddings import kept
from umcl_bench.progress import Reporter
def make(films):
    with open(sys.argv[2], "a") as file:
        file.write("made\\n")
    time.sleep(1.5)
    return np.full((len(films), 2), 0.5, np.float32)
found = kept("w", np.zeros((3, 4, 4), np.uint8), make, Reporter(), Path(sys.argv[1]))
print(found.sum())
"""


def test_two_processes_at_once_embed_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW, str(tmp_path), str(tmp_path / "log")]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [out for out, _ in said] == ["3.0\n", "3.0\n"]
    assert (tmp_path / "log").read_text() == "made\n"


class Asked(RandomEmbeddings):
    """Counts what it embeds; its weights are called as one likes."""

    def __init__(self, name: str = "a") -> None:
        super().__init__(4, 0)
        self.name, self.asked = name, list[int]()

    @property
    def digest(self) -> str:
        return self.name

    def embed_images(self, films: Films) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        self.asked.append(len(films))
        return super().embed_images(films)


def evaluation(phantom: Corpus, model: Asked, **changes: object) -> Evaluation:
    films = np.random.default_rng(0).integers(0, 256, (len(phantom), 4, 4)).astype(np.uint8)
    return dataclasses.replace(Evaluation(phantom, films, model, keep=True), **changes)  # type: ignore[arg-type]


def embeds(at: Evaluation, rows: Sequence[int] = (3, 5, 8)) -> None:
    at.embed(np.array(rows))


def test_an_evaluation_embeds_once_and_never_takes_anothers(
    phantom: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(tmp_path))
    model = Asked()
    at = evaluation(phantom, model)
    for _ in range(2):
        embeds(at)
    assert model.asked == [3]
    embeds(at, (5, 3, 8))
    embeds(dataclasses.replace(at, device="cuda"))
    embeds(dataclasses.replace(at, films=255 - np.asarray(at.films)))
    at.pool(np.array([3, 5, 8]))  # the same vectors, asked for as something else
    assert model.asked == [3] * 5
    other = Asked("b")
    embeds(evaluation(phantom, other))
    assert other.asked == [3]
    embeds(evaluation(phantom, nameless := Asked("")))
    embeds(evaluation(phantom, nameless))
    embeds(evaluation(phantom, model, keep=False))
    assert (nameless.asked, model.asked) == ([3, 3], [3] * 6)
    assert len(stored(tmp_path)) == 6


def test_many_films_are_embedded_a_block_at_a_time(
    phantom: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more films in memory than a block, and the same rows."""
    monkeypatch.setenv("UMCL_BENCH_CACHE", str(tmp_path))
    whole = evaluation(phantom, Asked(), keep=False).embed(np.arange(7))
    monkeypatch.setattr(base, "_BLOCK_BYTES", 3 * 16)
    model = Asked()
    at = evaluation(phantom, model)
    for _ in range(2):
        np.testing.assert_array_equal(at.embed(np.arange(7)), whole)
    assert model.asked == [3, 3, 1]
    assert at.embed(np.arange(0)).shape == (0, 4)


def test_a_models_digest_is_over_weights_and_what_is_done_to_films() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    before = weights_digest(module, TINY.image)
    assert weights_digest(module, TINY.image) == before
    image = TINY.image
    others = [
        dataclasses.replace(image, mean=0.4),
        dataclasses.replace(image, std=0.2),
        dataclasses.replace(image, size=96),
        dataclasses.replace(image, geometry=dataclasses.replace(image.geometry, resize=72)),
    ]
    assert len({before, *(weights_digest(module, other) for other in others)}) == 5
    assert len({digest(other) for other in others}) == 4
    statistics = module[1].running_mean
    assert isinstance(statistics, torch.Tensor)
    statistics[0] += 1  # a buffer, not a weight
    assert weights_digest(module, image) != before
    assert weights_digest(module.double(), image) != weights_digest(module.float(), image)


def test_a_second_task_of_a_model_embeds_nothing_anew(quick: Quick, tmp_path: Path) -> None:
    run = ["run", "--model", "untrained", "--task"]
    code, _, err = quick(*run, "zeroshot")
    assert code == 0, err
    assert "embedding 64 films" in err
    code, _, err = quick(*run, "zeroshot-chexpert+temperature=0.07")
    assert code == 0, err
    assert "embedding" not in err
    code, _, err = quick(*run, "zeroshot", "--limit", "20")
    assert code == 0, err
    assert "embedding 2" in err  # 20 films and a few more of the last patient
    assert {path.suffix for path in (tmp_path / "cache/embeddings").iterdir()} == {".npy", ".lock"}
