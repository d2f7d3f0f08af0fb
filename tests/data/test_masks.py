"""Masks from run lengths and boxes: the codec is its own inverse, and drawings are where they should be."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from tests.conftest import REAL_DATA
from umcl_bench.data.corpus import Box
from umcl_bench.data.images import fit
from umcl_bench.data.masks import NO_RUNS, BoxMasks, Mask, RleMasks, check_rle, decode_rle, encode_rle
from umcl_bench.data.preprocess import PREPROCESSES
from umcl_bench.data.tables import read_table
from umcl_bench.errors import DataError

STUBS = REAL_DATA / "official_formats" / "stubs" / "siim"


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_what_is_encoded_is_decoded(mask: Mask) -> None:
    text = encode_rle(mask)
    np.testing.assert_array_equal(decode_rle(text, *mask.shape), mask)
    assert encode_rle(decode_rle(text, *mask.shape)) == text


def test_runs_go_down_column_by_column() -> None:
    """By hand: 3 rows, 4 columns; skip 1, run of 3 (to the second column's first), skip 5, run of 2."""
    expected = [[0, 1, 0, 1], [1, 0, 0, 1], [1, 0, 0, 0]]
    np.testing.assert_array_equal(decode_rle("1 3 5 2", 3, 4), np.array(expected, dtype=bool))
    assert encode_rle(np.array(expected, dtype=bool)) == "1 3 5 2"


@pytest.mark.parametrize("text", ["", NO_RUNS, " -1", "  "])
def test_no_runs_are_an_empty_mask(text: str) -> None:
    assert not decode_rle(text, 4, 5).any()
    assert encode_rle(np.zeros((4, 5), dtype=bool)) == NO_RUNS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 2 3", "come in pairs"),
        ("1 x", "whole numbers"),
        ("1 2.5", "whole numbers"),
        ("-2 3", "hold -2"),
        ("1 -3", "hold -3"),
        ("1 20", "end at pixel 21"),
        ("21 1", "hold 21"),
        ("5 5 5 6", "end at pixel 21"),
        ("99999999999999999999999 1", "whole numbers"),
        ("999999999999999999 999999999999999999", "hold 999999999999999999"),
        ("-1 -1", "hold -1"),
        ("1_0 2", "whole numbers"),
    ],
)
def test_runs_that_make_no_mask_are_refused(text: str, says: str) -> None:
    for use in (decode_rle, check_rle):
        with pytest.raises(DataError, match=says):
            use(text, 4, 5)


@given(st.text(alphabet="0123456789 -+.e\tx", max_size=30))
def test_any_text_is_a_mask_or_a_data_error(text: str) -> None:
    try:
        mask = decode_rle(text, 4, 5)
    except DataError:
        return
    assert mask.shape == (4, 5)


def test_the_rows_of_a_film_are_united() -> None:
    masks = RleMasks((("0 2", "18 2"), (NO_RUNS,)), 4, 5)
    assert len(masks) == 2
    assert masks.read(0, 5).sum() == 4 * 255
    assert not masks.read(1, 5).any()
    assert set(np.unique(masks.read(0, 64))) == {0, 255}


def test_boxes_are_filled_where_they_are() -> None:
    masks = BoxMasks(((Box("Pneumonia", 0.25, 0.5, 0.5, 1.0), Box("Pneumonia", 0, 0, 0.25, 0.25)), ()), 8, 8)
    drawn = masks.read(0, 8)
    expected = np.zeros((8, 8), dtype=np.uint8)
    expected[4:8, 2:4] = 255
    expected[0:2, 0:2] = 255
    np.testing.assert_array_equal(drawn, expected)
    assert not masks.read(1, 8).any()


@pytest.mark.parametrize("name", sorted(PREPROCESSES))
@pytest.mark.parametrize("native", [0, 1024])
def test_masks_lie_where_the_film_is_whatever_the_geometry(name: str, native: int) -> None:
    """A film that already has the model's size is resized and cropped all the same (GLoRIA: to 256, then 224 of it)."""
    size, geometry = PREPROCESSES[name].size, PREPROCESSES[name].geometry
    side = native or size
    box = Box("Pneumonia", 0.125, 0.25, 0.5, 0.625)
    masks = BoxMasks(((box,),), side, side)
    lesion = np.zeros((side, side), dtype=np.uint8)
    lesion[round(0.25 * side) : round(0.625 * side), round(0.125 * side) : round(0.5 * side)] = 255
    film = fit(Image.fromarray(lesion), size, geometry) > 127
    for drawn in (masks, RleMasks(((encode_rle(lesion > 0),),), side, side)):
        mask = drawn.read(0, size, geometry) > 0
        assert (film & mask).sum() / (film | mask).sum() > 0.97


@given(st.tuples(*[st.integers(0, 31)] * 2), st.tuples(*[st.integers(1, 32)] * 2))
def test_a_box_has_its_area(corner: tuple[int, int], size: tuple[int, int]) -> None:
    (x, y), width, height = corner, min(size[0], 32 - corner[0]), min(size[1], 32 - corner[1])
    box = Box("Pneumonia", x / 32, y / 32, (x + width) / 32, (y + height) / 32)
    assert (BoxMasks(((box,),), 32, 32).read(0, 32) > 0).sum() == width * height


def test_fingerprints_come_from_the_content_and_masks_pickle() -> None:
    one, same, other = RleMasks((("0 2",),), 4, 5), RleMasks((("0 2",),), 4, 5), RleMasks((("0 3",),), 4, 5)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.fingerprint != RleMasks((("0 2",),), 5, 4).fingerprint
    boxes = BoxMasks(((Box("Pneumonia", 0, 0, 1, 1),),), 4, 4)
    assert boxes.fingerprint != BoxMasks(((Box("Pneumonia", 0, 0, 1, 0.5),),), 4, 4).fingerprint
    for masks in (one, boxes):
        copy = pickle.loads(pickle.dumps(masks))
        np.testing.assert_array_equal(copy.read(0, 8), masks.read(0, 8))


@pytest.mark.skipif(not STUBS.is_dir(), reason="SIIM's stub with its golden masks is not beside this checkout")
def test_the_golden_masks_of_the_stub() -> None:
    table = read_table(STUBS / "train-rle.csv", ("ImageId", "EncodedPixels"))
    golden = sorted(STUBS.glob("expected_*.png"))
    assert len(golden) == 2
    for path in golden:
        name = path.stem.removeprefix("expected_")
        texts = [text for i, text in zip(table["ImageId"], table["EncodedPixels"], strict=True) if i == name]
        drawn = RleMasks((tuple(texts),), 1024, 1024).read(0, 1024)
        np.testing.assert_array_equal(drawn > 0, golden_mask(path))


def golden_mask(path: Path) -> Mask:
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5))
def test_decoding_is_what_the_competition_says(pairs: list[tuple[int, int]]) -> None:
    """A slow transcription: walk on by the gap, then mark a run; columns are filled before rows."""
    height, width, at = 8, 12, 0
    expected = np.zeros((height, width), dtype=bool)
    for gap, run in pairs:
        at += gap
        for _ in range(run):
            expected[at % height, at // height] = True
            at += 1
    text = " ".join(f"{gap} {run}" for gap, run in pairs)
    np.testing.assert_array_equal(decode_rle(text, height, width), expected)
