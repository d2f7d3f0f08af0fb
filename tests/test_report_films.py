"""`report --films`: what is shown is what the record scored, hits are hits, and what can't be shown is named."""

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Quick, write_folder
from umcl_bench.data.corpus import Box, Corpus
from umcl_bench.data.films import FilmStack, ReadFilms
from umcl_bench.data.phantom.plays import play
from umcl_bench.errors import DataError, UsageError
from umcl_bench.examples import base, retrieval, segmentation, zero_shot
from umcl_bench.examples.base import Asked, compared, drawn, outline_of
from umcl_bench.metrics.scores import Scores
from umcl_bench.models.base import Model
from umcl_bench.models.random import RandomEmbeddings
from umcl_bench.protocols import runner_of
from umcl_bench.protocols.base import Evaluation
from umcl_bench.protocols.grounding import film_map
from umcl_bench.records.store import Store
from umcl_bench.registry import get_task
from umcl_bench.spec import PAD, TINY, Geometry
from umcl_bench.validate.told import Told, ToldTexts, numbered_films

SAME = "scores of what is shown were made again, and are those on record"


def asked(
    task: str, corpus: Corpus, model: Model, folder: Path, count: int = 3, films: FilmStack | None = None
) -> Asked:
    """As if a record had just been scored."""
    films = numbered_films(np.arange(len(corpus))) if films is None else films
    at = Evaluation(corpus, films, model)
    parts = runner_of(get_task(task)).run(get_task(task), at).parts
    return Asked(get_task(task), at, parts, "", count, "a title", folder, "x")


def reports_told(corpus: Corpus) -> ToldTexts:
    return ToldTexts([None if text is None else " ".join(text.split()) for text in corpus.reports])


def test_of_an_oracle_every_first_is_a_hit(phantom: Corpus, tmp_path: Path) -> None:
    found = retrieval.ranked(asked("retrieval", phantom, reports_told(phantom), tmp_path))
    assert set(found) == {"image to text", "text to image"}
    for answers in found.values():
        assert len(answers) == 3
        for one in answers:
            first, *others = one.answer.nearest
            assert first.hit
            assert first.cosine == pytest.approx(1, abs=1e-6)
            assert one.remade == one.stored
            assert one.remade["rank"] >= 1
            assert all(other.cosine <= first.cosine for other in others)


def test_hits_and_nearest_are_those_of_the_definition(phantom: Corpus, tmp_path: Path) -> None:
    """By a product of all films with all texts, sorted."""
    model, what = RandomEmbeddings(16, 3), asked("retrieval", phantom, RandomEmbeddings(16, 3), tmp_path, count=8)
    rows = phantom.rows("test")
    texts = [" ".join(str(phantom.reports[row]).split()) for row in rows]
    films = model.embed_images(numbered_films(np.arange(len(phantom)))[rows]).astype(np.float64)
    different = sorted(set(texts))
    cosines = films @ model.embed_texts(different).astype(np.float64).T
    for one in retrieval.ranked(what)["image to text"]:
        at = [str(phantom.ids[row]) for row in rows].index(one.id)
        order = np.argsort(-cosines[at])
        assert [found.item.text for found in one.answer.nearest] == [different[k] for k in order[:5]]
        assert [found.hit for found in one.answer.nearest] == [different[k] == texts[at] for k in order[:5]]
        np.testing.assert_allclose([f.cosine for f in one.answer.nearest], cosines[at][order[:5]], atol=1e-6)
        assert one.remade["rank"] == 1 + np.flatnonzero([different[k] == texts[at] for k in order])[0]
        assert one.remade == one.stored


def test_a_search_by_class_marks_classes(phantom: Corpus, tmp_path: Path) -> None:
    corpus = play(phantom, "chexpert-8x200")
    found = retrieval.ranked(asked("retrieval-chexpert-8x200-images", corpus, RandomEmbeddings(16, 0), tmp_path))
    (answers,) = found.values()
    for one in answers:
        assert one.answer.query.classes
        own = set(one.answer.query.classes.split(", "))
        for candidate in one.answer.nearest:
            assert candidate.hit == bool(own & set(candidate.item.classes.split(", ")))
        assert one.remade == one.stored


def test_examples_are_drawn_whatever_was_scored_and_in_whatever_order() -> None:
    ids = [f"film {k}" for k in range(50)]
    assert drawn(ids, 5) == drawn(ids[::-1], 5)
    assert drawn(ids, 5) != drawn(ids, 5, 1)
    assert drawn(ids[:3], 5) == ids[:3]
    assert drawn([], 5) == []


def test_scores_that_moved_are_said() -> None:
    assert compared({"a": 0.5, "b": 1.0}, {"a": 0.5 + 1e-8, "b": 1.0}) == f"All 2 {SAME}"
    text = compared({"a": 0.5, "b": 0.25}, {"a": 0.5, "b": 0.75})
    assert text.startswith("MADE AGAIN, 1 of 2 scores of what is shown ARE NOT THOSE ON RECORD: b was 0.750000")
    assert "ARE NOT" in compared({"a": np.nan}, {"a": 0.5})


class Counted:
    """Films that remember which of them were read."""

    def __init__(self, corpus: Corpus) -> None:
        self.inner, self.read_rows, self.fingerprint = corpus.pixels, set[int](), corpus.pixels.fingerprint

    def __len__(self) -> int:
        return len(self.inner)

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        self.read_rows.add(row)
        return self.inner.read(row, size, geometry)


def test_zero_shot_reads_the_films_that_are_shown(phantom: Corpus, tmp_path: Path) -> None:
    model = RandomEmbeddings(16, 0)
    every = ReadFilms(phantom.pixels, TINY.image)
    what = asked("zeroshot-chexpert", phantom, model, tmp_path, count=2, films=every)
    pixels = Counted(phantom)
    few = dataclasses.replace(phantom, pixels=pixels)
    what = dataclasses.replace(what, at=Evaluation(few, ReadFilms(pixels, TINY.image), model))
    (shown,) = zero_shot.draw(what)
    assert shown.check.endswith(SAME)
    scores = what.parts[""]
    chosen = {id_ for ids in zero_shot.positives(scores, 2).values() for id_ in ids}
    assert {str(phantom.ids[row]) for row in pixels.read_rows} == chosen
    assert 0 < len(chosen) <= 10
    for k, ids in zero_shot.positives(scores, 2).items():
        place = [list(map(str, scores.id)).index(id_) for id_ in ids]
        assert (scores.target[place, k] == 1).all()
    assert {path.name for path in tmp_path.iterdir()} == {"x-maps.svg", "x-maps.png"}


def test_a_map_is_the_cosine_of_a_place_present_minus_absent(phantom: Corpus) -> None:
    """Of a model that is told where: one of 4 x 4 places is the finding, another its opposite."""
    row = 5
    places = np.zeros((4, 4, 1))
    places[1, 2], places[3, 0] = 1, -1
    films = numbered_films(np.arange(len(phantom)), 8)
    model = Told(np.zeros((len(phantom), 1)), ["Edema"], places={row: places})
    at = Evaluation(phantom, films, model, image=dataclasses.replace(TINY.image, size=8))
    (axis,) = model.embed_findings(["edema"], (), ()).positive.astype(np.float64)
    score = lambda patches: patches @ (axis - -axis)  # noqa: E731
    (one,) = zero_shot.maps_of(at, np.array([row]), "Edema", ["t"], score)
    np.testing.assert_allclose(one.values, film_map(2 * places[..., 0], 8, zero_shot.GROUNDING), atol=1e-6)
    assert one.values[2:4, 4:6].mean() > 0 > one.values[6:, :2].mean()


def test_an_outline_is_the_findings_boxes_or_else_the_mask(phantom: Corpus) -> None:
    row = next(r for r in range(len(phantom)) if any(box.finding == "Edema" for box in phantom.boxes[r]))
    found = outline_of(phantom, row, "Edema", 64, PAD)
    assert found is not None
    expected = np.zeros((64, 64), dtype=bool)
    for box in phantom.boxes[row]:
        if box.finding == "Edema":
            top, bottom, left, right = (round(64 * end) for end in (box.y0, box.y1, box.x0, box.x1))
            expected[top:bottom, left:right] = True
    assert (found != expected).mean() < 0.02  # boxes are rounded to the pixels of a film of 1,024
    without = dataclasses.replace(phantom, boxes=())
    mask = outline_of(without, row, "Edema", 64, PAD)
    assert phantom.masks is not None
    np.testing.assert_array_equal(mask, phantom.masks.read(row, 64) > 127)
    assert outline_of(dataclasses.replace(without, masks=None, has_mask=None), row, "Edema", 64, PAD) is None


class Wide:
    """One film, twice as wide as high."""

    fingerprint = "wide"

    def __len__(self) -> int:
        return 1

    def read(self, row: int, size: int, geometry: Geometry = PAD) -> NDArray[np.uint8]:
        out = np.full((size, size), 200, dtype=np.uint8)
        if geometry.fit == "longest":
            out[: size // 4] = out[-(size // 4) :] = 0
        return out


def test_boxes_of_a_film_that_is_not_square_are_not_drawn(phantom: Corpus) -> None:
    one = {
        name: getattr(phantom, name)[:1]
        for name in ("ids", "patients", "splits", "views", "reports", "stated", "prior")
    }
    plain: dict[str, object] = {
        "masks": None,
        "has_mask": None,
        "attributes": {},
        "boxes": ((Box("Edema", 0.1, 0.1, 0.5, 0.5),),),
    }
    corpus = dataclasses.replace(phantom, pixels=Wide(), **one, **plain)  # type: ignore[arg-type]
    assert outline_of(corpus, 0, "Edema", 64, PAD) is None


def test_a_film_that_is_gone_is_named(phantom: Corpus) -> None:
    with pytest.raises(DataError, match="has no film elsewhere any more"):
        base.rows_of(phantom, [str(phantom.ids[0]), "elsewhere"])


def test_films_with_and_without_a_mask_are_chosen() -> None:
    true = np.array([0, 5, 0, 7, 0, 9.0])[:, None]
    ids = np.array([*"abcdef"], dtype=object)
    scores = Scores({"true": true}, ids, ids, ("lesion",))
    chosen = segmentation.chosen(scores, 2)
    assert len(chosen) == 3
    assert set(chosen[:2]) < {"b", "d", "f"}
    assert chosen[2] in {"a", "c", "e"}


# The command


def text_of(folder: Path) -> str:
    return (folder / "README.md").read_text()


def pictures(folder: Path) -> set[str]:
    return set(re.findall(r"!\[.*\]\((.*-films-.*)\.svg\)", text_of(folder)))


ALL = "retrieval,zeroshot-chexpert,zeroshot-chexpert-5x200,grounding-ms-cxr,segment-siim"


def test_a_report_with_films_from_end_to_end(quick: Quick, tmp_path: Path) -> None:
    """Of a tower that has learned nothing on all kinds of task; retrieval of what has no tower, too."""
    assert quick("run", "--model", "untrained", "--task", ALL, "-q")[0] == 0
    assert quick("run", "--model", "random", "--task", "retrieval", "-q")[0] == 0
    folder = tmp_path / "report"
    code, _, error = quick("report", ALL, "-o", str(folder), "--films", "2", "-q")
    assert code == 0, error
    text, names = text_of(folder), pictures(folder)
    assert text.splitlines()[2] == "Its films are the PHANTOM's: synthetic, of no patient."
    assert "--films 2" in text
    endings = sorted(re.sub(r"^\d\d-", "", name).replace("-films", "") for name in names)
    expected = [f"retrieval-{k}-{way}" for k in (1, 2) for way in ("image-to-text", "text-to-image")]
    expected += [f"{task}-1-maps" for task in ("grounding-ms-cxr", "zeroshot-chexpert", "zeroshot-chexpert-5x200")]
    assert endings == sorted([*expected, "segment-siim-1-masks"])
    assert {f"{n}.{end}" for n in names for end in ("svg", "png")} <= {path.name for path in folder.iterdir()}
    assert text.count(SAME) == len(names), "Dice of a decoder that was fitted again is what it was, too"
    assert "ARE NOT THOSE ON RECORD" not in text
    code, _, error = quick("report", "zeroshot-chexpert", "-o", str(folder), "--force", "-q")
    assert code == 0, error
    assert "PHANTOM's" not in text_of(folder)
    assert pictures(folder) == set()


def test_a_record_of_other_scores_is_told(quick: Quick, tmp_path: Path) -> None:
    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "-q")[0] == 0
    store = Store(tmp_path / "runs")
    record = store.get("random")
    parts = record.parts()
    moved = {name: values + (0.01 if name == "value" else 0) for name, values in parts[""].columns.items()}
    shutil.rmtree(record.folder)
    about = {key: value for key, value in record.result.items() if key not in ("schema", "id")}
    store.add(record.id, about, {"": dataclasses.replace(parts[""], columns=moved)})
    code, _, error = quick("report", "zeroshot-chexpert", "-o", str(tmp_path / "r"), "--films", "1", "-q")
    assert code == 0, error
    assert "MADE AGAIN, 5 of 5 scores of what is shown ARE NOT THOSE ON RECORD" in text_of(tmp_path / "r")


def test_equal_records_give_equal_pictures_and_what_can_not_be_shown_is_named(quick: Quick, tmp_path: Path) -> None:
    for model in ("untrained", "random"):
        assert quick("run", "--model", model, "--task", "zeroshot-chexpert", "-q")[0] == 0
    folder, again = tmp_path / "report", tmp_path / "again"
    for where in (folder, again):
        code, _, error = quick("report", "zeroshot-chexpert", "-o", str(where), "--films", "1", "-q")
        assert code == 0, error
    assert len(pictures(folder)) == 2
    for path in folder.iterdir():
        if path.name != "README.md":
            assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    shutil.rmtree(tmp_path / "runs" / "checkpoints")
    code, _, error = quick("report", "zeroshot-chexpert", "-o", str(folder), "--films", "1", "-q", "--force")
    assert code == 0, error
    text = text_of(folder)
    assert len(pictures(folder)) == 1
    assert re.search(r"- films of untrained \(tiny\), seed 0, for the checkpoint .* is not there", text)
    assert re.search(r"`umcl-bench repeat untrained-\S+ --keep STORE` makes run and checkpoint again", text)


def test_a_model_without_patches_is_named(quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(model: RandomEmbeddings, films: NDArray[np.uint8], stride: int) -> NoReturn:
        raise UsageError("it has no patches")

    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "-q")[0] == 0
    monkeypatch.setattr(RandomEmbeddings, "embed_patches", none)
    code, _, error = quick("report", "zeroshot-chexpert", "-o", str(tmp_path / "r"), "--films", "1", "-q")
    assert code == 0, error
    assert "- films of random (tiny), seed 0, for it has no patches" in text_of(tmp_path / "r")
    assert pictures(tmp_path / "r") == set()


def test_films_of_patients_are_announced_and_may_have_moved(quick: Quick, tmp_path: Path, phantom: Corpus) -> None:
    films = write_folder(tmp_path / "films", phantom)
    assert quick("run", "--model", "random", "--task", "zeroshot,retrieval", "--data", str(films), "-q")[0] == 0
    folder = tmp_path / "report"
    words = ("report", "zeroshot,retrieval", "-o", str(folder), "--films", "1", "-q")
    code, _, error = quick(*words)
    assert code == 0, error
    first = text_of(folder).splitlines()[2]
    assert first.startswith("**This folder holds films of patients, and words of their reports, from films.**")
    assert len(pictures(folder)) == 3
    before = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    films.rename(tmp_path / "moved")
    assert quick(*words, "--force")[0] == 0
    text = text_of(folder)
    assert text.count("which is not there; name them with --data") == 2
    assert "films of patients" not in text
    code, _, error = quick(*words, "--force", "--data", str(write_folder(tmp_path / "other", phantom, count=50)))
    assert code == 0, error
    assert "the data are not those of random" in text_of(folder)
    shutil.rmtree(tmp_path / "other")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "moved").rename(tmp_path / "elsewhere" / "films")
    assert quick(*words, "--force", "--data", str(tmp_path / "elsewhere" / "films"))[0] == 0
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == before


def test_wrong_input(quick: Quick, tmp_path: Path) -> None:
    tasks = "zeroshot-chexpert,prompt-sensitivity-chexpert"
    assert quick("run", "--model", "random", "--task", tasks, "-q")[0] == 0
    to = ("-o", str(tmp_path / "r"))
    for words, says in (
        (
            ("prompt-sensitivity-chexpert", *to, "--films", "2"),
            "is of the kind prompt-sensitivity; pictures of films are",
        ),
        (("zeroshot-chexpert", *to, "--data", "films"), "are for --films"),
        (("zeroshot-chexpert", *to, "--films", "2", "--data", "films"), "is everywhere; leave it out"),
        (("zeroshot-chexpert", *to, "--films", "0"), "greater than or equal to 1"),
        (("zeroshot-chexpert", *to, "--source", "chexpret"), "no source on record is named 'chexpret'"),
        (("zeroshot-chexpert", *to, "--seed", "7"), "no seed on record is named '7'"),
    ):
        code, _, error = quick("report", *words)
        assert (code, says in error) == (2, True), error
    assert not (tmp_path / "r").exists()
    code, _, error = quick("report", tasks, *to, "--films", "1", "-q")
    assert code == 0, error
    assert "- films, for there is no picture of them for a task of the kind prompt-sensitivity" in text_of(
        tmp_path / "r"
    )


def test_filters_and_what_is_left_out(quick: Quick, tmp_path: Path) -> None:
    assert quick("run", "--model", "random", "--task", "zeroshot-chexpert", "--seeds", "3", "-q")[0] == 0
    folders = sorted((tmp_path / "runs" / "records").iterdir())
    edited = json.loads((folders[2] / "result.json").read_text())
    (folders[2] / "result.json").write_text(json.dumps(edited | {"headline": "auprc"}))
    code, _, error = quick("report", "zeroshot-chexpert", "-o", str(tmp_path / "r"), "--seed", "0", "-q")
    assert code == 0, error
    assert f"left out: {folders[2]}" in error
    text = text_of(tmp_path / "r")
    assert "1 run on record. Made by `umcl-bench report zeroshot-chexpert" in text
    assert "--seed 0`" in text
    assert "Left out, for they are no records that this version can trust:" in text
    assert f"- {folders[2] / 'result.json'} is not what was written" in text
    assert f"`{folders[0].name}`" in text
    assert f"`{folders[1].name}`" not in text
