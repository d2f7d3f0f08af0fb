"""Named label policies: what a blank and an uncertain label become."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from umcl_bench.data.policies import GLORIA, SOFT, UNCERTAIN, UNNAMED, UNSURE, LabelPolicy, Labels
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING, NO_PATHOLOGY
from umcl_bench.spec import COMPETITION

NAN = float("nan")
STATED = arrays(np.float32, st.tuples(st.integers(1, 5), st.just(14)), elements=st.sampled_from([1.0, 0.0, -1.0, NAN]))
POLICIES = [LabelPolicy(u, v) for u, v in itertools.product(UNNAMED, UNCERTAIN)]  # type: ignore[arg-type]


def one(policy: LabelPolicy, **stated: float) -> dict[str, float]:
    """The labels of a film that states these (names with '_' for a space)."""
    named = {name.replace("_", " "): value for name, value in stated.items()}
    row = np.array([[named.get(name, NAN) for name in CHEXPERT]], dtype=np.float32)
    return dict(zip(CHEXPERT, policy.apply(row, CHEXPERT)[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("uncertain", "edema", "cardiomegaly", "fracture"),
    [
        ("ones", 1, 1, 1),
        ("zeros", 0, 0, 0),
        ("ignore", NAN, NAN, NAN),
        ("gloria", 1, 0, NAN),
        ("soft", SOFT, SOFT, SOFT),
    ],
)
def test_an_uncertain_label_by_name(uncertain: str, edema: float, cardiomegaly: float, fracture: float) -> None:
    policy = LabelPolicy("unknown", uncertain)  # type: ignore[arg-type]
    labels = one(policy, Edema=UNSURE, Cardiomegaly=UNSURE, Fracture=UNSURE)
    expected = [edema, cardiomegaly, fracture]
    np.testing.assert_allclose([labels[n] for n in ("Edema", "Cardiomegaly", "Fracture")], expected, rtol=1e-6)


def test_glorias_map_is_about_the_competitions_findings() -> None:
    assert set(GLORIA) == set(COMPETITION)
    assert {name for name, value in GLORIA.items() if value == 0} == {"Cardiomegaly", "Consolidation"}


def test_what_is_not_named() -> None:
    assert one(LabelPolicy("negative"), Edema=1)["Fracture"] == 0
    assert np.isnan(one(LabelPolicy("unknown"), Edema=1)["Fracture"])
    assert np.isnan(list(one(LabelPolicy("negative")).values())).all()  # a film with no labels at all
    clear = one(LabelPolicy("unknown"), No_Finding=1)
    assert [value for name, value in clear.items() if name not in NO_PATHOLOGY] == [0] * 12
    assert np.isnan(clear["Support Devices"])  # a film without findings may have them
    assert one(LabelPolicy("negative"), No_Finding=1)["Support Devices"] == 0
    assert one(LabelPolicy("unknown"), Edema=1)[NO_FINDING] == 0
    assert np.isnan(one(LabelPolicy("negative"), Edema=UNSURE)[NO_FINDING])  # it may have one or none
    assert one(LabelPolicy("negative", "zeros"), Edema=UNSURE)[NO_FINDING] == 0
    assert np.isnan(one(LabelPolicy("stated"), Edema=1)[NO_FINDING])


@given(STATED, st.sampled_from(POLICIES))
def test_what_is_stated_for_sure_stays(stated: Labels, policy: LabelPolicy) -> None:
    labels = policy.apply(stated, CHEXPERT)
    sure = np.isin(stated, (0, 1))
    np.testing.assert_array_equal(labels[sure], stated[sure])
    assert np.isin(labels[~np.isnan(labels)], np.array([0, 1, SOFT], dtype=np.float32)).all()
    assert not (labels == UNSURE).any()


@given(STATED, st.sampled_from(POLICIES))
def test_a_row_depends_on_no_other(stated: Labels, policy: LabelPolicy) -> None:
    whole = policy.apply(stated, CHEXPERT)
    rows = np.concatenate([policy.apply(row[None], CHEXPERT) for row in stated])
    np.testing.assert_array_equal(whole, rows)


@given(STATED)
def test_stated_changes_nothing_but_the_uncertain(stated: Labels) -> None:
    labels = LabelPolicy("stated", "ignore").apply(stated, CHEXPERT)
    np.testing.assert_array_equal(labels, np.where(stated == UNSURE, np.nan, stated))


def test_a_policy_says_what_it_does() -> None:
    texts = {policy.describe() for policy in POLICIES}
    assert len(texts) == len(POLICIES)
    assert all(policy.unnamed in policy.describe() and policy.uncertain in policy.describe() for policy in POLICIES)
