"""The published sets of prompts: their counts, their spelling mistakes, and the draws of the published code."""

import random

import pytest

from umcl_bench.data.prompts.grids import class_prompts, drawn

COUNTS = {"Atelectasis": 210, "Cardiomegaly": 15, "Consolidation": 192, "Edema": 18, "Pleural Effusion": 54}
MISTAKES = ("apperance", "presistent", "uppper")


@pytest.mark.parametrize("spelling", ["as-published", "cxr-clip", "corrected"])
@pytest.mark.parametrize("stripped", [False, True])
def test_every_spelling_has_the_published_number_of_prompts(spelling: str, stripped: bool) -> None:
    found = class_prompts("chexpert", spelling, stripped=stripped)
    assert {name: len(texts) for name, texts in found.items()} == COUNTS
    assert len(class_prompts("rsna", spelling)["Pneumonia"]) == 312
    assert len(class_prompts("covid", spelling)["COVID-19"]) == 12
    assert len(set(found["Pleural Effusion"])) == 36  # a subtype stands there twice


def test_mistakes_are_kept_or_mended_and_nothing_else_changes() -> None:
    held = {}
    for spelling in ("as-published", "cxr-clip", "corrected"):
        text = "\n".join(" ".join(texts) for texts in class_prompts("chexpert", spelling).values())
        held[spelling] = tuple(text.count(word) for word in MISTAKES)
    # a quarter of consolidation's 192, a sixth of edema's 18, an eighth of consolidation's 192
    assert held == {"as-published": (48, 3, 24), "cxr-clip": (0, 0, 24), "corrected": (0, 0, 0)}
    published, mended = class_prompts("chexpert"), class_prompts("chexpert", "corrected")
    for one, other in zip(published["Consolidation"], mended["Consolidation"], strict=True):
        assert one.replace("apperance", "appearance").replace("uppper", "upper") == other
    assert published["Atelectasis"] == mended["Atelectasis"]


def test_slots_are_joined_in_the_published_order() -> None:
    found = class_prompts("chexpert")
    assert found["Atelectasis"][0] == " subsegmental atelectasis at the mid lung zone"
    assert found["Atelectasis"][-1] == "minimal residual atelectasis at the right lower lobe"
    assert found["Cardiomegaly"][7] == " cardiomegaly unchanged "
    assert found["Pleural Effusion"][4] == " right subpulmonic pleural effusion"
    assert class_prompts("chexpert", stripped=True)["Cardiomegaly"][7] == "cardiomegaly unchanged"
    assert class_prompts("covid")["COVID-19"][0] == "patchy ground glass opacity in peripheral"


def test_the_corrected_prompts_of_rsna_all_name_pneumonia() -> None:
    assert not any("pneumonia" in text for text in class_prompts("rsna")["Pneumonia"])
    assert all(text.count("pneumonia") == 1 for text in class_prompts("rsna", "corrected")["Pneumonia"])
    assert len(set(class_prompts("rsna", "corrected")["Pneumonia"])) == 312


def published_draw(seed: int, count: int, runs: int) -> list[list[list[str]]]:
    """As the released code draws: the module's own generator, seeded once."""
    state = random.getstate()
    try:
        random.seed(seed)
        return [[random.sample(list(t), count) for t in class_prompts("chexpert").values()] for _ in range(runs)]
    finally:
        random.setstate(state)


@pytest.mark.parametrize(("seed", "count", "runs"), [(6, 5, 1), (42, 10, 5), (42, 15, 2)])
def test_draws_are_those_of_the_published_code(seed: int, count: int, runs: int) -> None:
    stream = random.Random(seed)
    found = [[list(t) for t in drawn(class_prompts("chexpert"), count, stream).values()] for _ in range(runs)]
    assert found == published_draw(seed, count, runs)
    assert all(len(set(one[0])) == count for one in found)
    assert len({str(one) for one in found}) == runs


def test_glorias_five_prompts_of_effusion() -> None:
    """Golden: CPython's random.seed(6) and random.sample over GLoRIA's lists."""
    assert drawn(class_prompts("chexpert"), 5, random.Random(6))["Pleural Effusion"] == (
        "increased left subpulmonic pleural effusion",
        "stable tiny bilateral pleural effusion",
        "large tiny subpulmonic pleural effusion",
        "decreased tiny subpulmonic pleural effusion",
        " tiny bilateral pleural effusion",
    )


def test_all_are_taken_where_none_are_drawn_or_a_class_has_no_more() -> None:
    whole = class_prompts("chexpert")
    assert drawn(whole, 0, random.Random(0)) == whole
    assert sorted(drawn(whole, 15, random.Random(0))["Cardiomegaly"]) == sorted(whole["Cardiomegaly"])
    assert drawn(whole, 16, random.Random(0))["Cardiomegaly"] == whole["Cardiomegaly"]
