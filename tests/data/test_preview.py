"""The contact sheet: a film that can't be read takes its own place, not the sheet's."""

from pathlib import Path

import numpy as np
from PIL import Image

from umcl_bench.data.preview import contact_sheet
from umcl_bench.data.readers.folder import read_folder


def test_a_film_that_can_not_be_read_is_named_in_its_place(folder: Path, tmp_path: Path) -> None:
    corpus = read_folder(folder)
    for path in (folder / "images").iterdir():
        path.write_text("no film")
    assert contact_sheet([corpus], tmp_path / "sheet.png", 4, 0) == 4
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(int)
    red = (sheet[..., 0] > 200) & (sheet[..., 1] < 60) & (sheet[..., 2] < 60)
    assert red.sum() > 400  # four messages
    assert (sheet.mean(axis=-1) < 100).mean() < 0.1  # and no film
