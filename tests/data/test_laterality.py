"""Which texts name a side."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.laterality import names_side

SIDED = [
    "Small left pleural effusion.",
    "There is a right-sided chest tube in situ.",
    "The trachea is deviated RIGHTWARD.",
    "Increased opacity in the lingula, may be atelectasis.",
    "Lingular scarring is unchanged.",
    "Right middle lobe pneumonia.",
    "Middle-lobe collapse.",
    "Patchy opacity in the middle and lower lobes.",
    "Opacity in the middle\nlobe.",
    "New RLL infiltrate.",
    "LUL nodule, 8 mm.",
    "Possible R atelectasis.",
    "Effusions, L>R.",
    "Lt. basal consolidation",
    "LIJ catheter ends in the SVC.",
    "Fluid in the minor fissure.",
    "Mild dextroscoliosis of the thoracic spine.",
    "Situs inversus.",
    "Azygos lobe, a normal variant.",
    "The lines are left in place.",  # in doubt
    "Bilateral effusions, larger on the left.",
    "No right apical pneumothorax.",
    "Pinzamiento del seno costofrenico izquierdo.",
    "derrame pleural derecho",
    "neumonia en lóbulo medio",
    "opacity_left_base",
]
UNSIDED = [
    "",
    "Upright frontal and lateral views of the chest.",
    "Semi-upright AP film. Copyright reserved.",
    "Bilateral pleural effusions with bibasilar atelectasis.",
    "Both lungs are clear. The heart is enlarged.",
    "Unilateral effusion; ipsilateral shift.",
    "Mid lung zone opacity, middle mediastinum normal.",
    "Indication: r/o pneumonia, R/O CHF.",
    "Compression fracture of L1, unchanged.",
    "Treated with levofloxacin and dextrose.",
    "Minor atelectasis along the major fissures.",
    "Multilobar pneumonia, lower lobes more than upper lobes.",
    "Tip of the line at the cavoatrial junction.",
    "Lateral costophrenic angles are sharp; apical pleural thickening.",
    "a chest radiograph with pulmonary edema",
    "Leftover contrast in the bowel.",
    "derrame pleural bilateral, sin cambios",
]


@pytest.mark.parametrize("text", SIDED)
def test_a_side_is_found(text: str) -> None:
    assert names_side(text)
    assert names_side(text.upper())
    assert names_side(text.lower())


@pytest.mark.parametrize("text", UNSIDED)
def test_no_side_is_found_where_there_is_none(text: str) -> None:
    assert not names_side(text)
    assert not names_side(text.upper())


WORDS = [word for text in (*SIDED, *UNSIDED) for word in text.split()]


@given(st.lists(st.sampled_from(WORDS)), st.lists(st.sampled_from(WORDS)), st.sampled_from(SIDED))
def test_what_else_is_said_hides_no_side(before: list[str], after: list[str], sided: str) -> None:
    assert names_side(" ".join([*before, sided, *after]))


@given(st.text("bdefghjkmnopqstuvwxyz", min_size=1), st.sampled_from(["left", "right", "l", "r", "rt"]))
def test_a_side_inside_a_word_is_none(letters: str, side: str) -> None:
    assert not names_side(letters + side)


@given(st.lists(st.sampled_from([*WORDS, "left", "right", "R", "L"])))
def test_a_text_is_as_sided_as_its_mirror(words: list[str]) -> None:
    swap = {"left": "right", "right": "left", "R": "L", "L": "R"}
    assert names_side(" ".join(words)) == names_side(" ".join(swap.get(w, w) for w in words))


def test_reports_of_the_phantom_name_the_sides_that_a_mirror_would_change(phantom: Corpus) -> None:
    reports = [report for report in phantom.reports if report]
    plain = [bool({"left", "right", "l", "r"} & set(re.findall(r"[a-z]+", report.lower()))) for report in reports]
    assert [names_side(report) for report in reports] == plain
    assert 0.2 < sum(plain) / len(plain) < 0.9
