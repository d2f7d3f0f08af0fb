"""Reports say what their study has, in seven styles and hardly ever twice the same, and can be read back exactly."""

import dataclasses
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umcl_bench.data.phantom import PhantomSpec, all_studies, draw_patient
from umcl_bench.data.phantom import frames as fr
from umcl_bench.data.phantom import wording as w
from umcl_bench.data.phantom.grammar import Entity, read
from umcl_bench.data.phantom.prevalence import grade_of
from umcl_bench.data.phantom.reports import (
    STYLES,
    entity_sentences,
    parse_report,
    report_entities,
    report_style,
    write_report,
)
from umcl_bench.data.phantom.studies import Study
from umcl_bench.data.vocabulary import NO_FINDING, NO_PATHOLOGY
from umcl_bench.errors import DataError

Told = list[tuple[Study, tuple[Entity, ...]]]

STUDIES = [study for _, _, study in all_studies(PhantomSpec(train=6_000, val=1, test=1, seed=8))]
SHIFT = 0.3


@pytest.fixture(scope="module")
def told() -> Told:
    """Each study with what its report says."""
    return [(study, report_entities(study, SHIFT)) for study in STUDIES]


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_what_a_report_says_is_read_back_exactly_from_its_text(shift: float) -> None:
    for study in STUDIES[:1_400]:
        text = write_report(study, shift)
        assert parse_report(text) == report_entities(study, shift), text


@given(st.integers(0, 2**32), st.integers(0, 10**6), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_any_study_of_any_phantom_is_read_back(seed: int, number: int, shift: float) -> None:
    for study in draw_patient(PhantomSpec(seed=seed), "test", number):
        assert parse_report(write_report(study, shift)) == report_entities(study, shift)


@given(st.text(max_size=80))
def test_other_texts_are_refused_with_their_sentence(text: str) -> None:
    try:
        outcome = str(parse_report(text))
    except DataError as error:
        outcome = str(error)
    assert "sentence" in outcome or outcome == "()"


def test_the_refusal_says_which_sentence() -> None:
    with pytest.raises(DataError, match="'The spleen is large' can be read in 0 ways"):
        parse_report("Normal study. The spleen is large.")
    with pytest.raises(DataError, match="ends with a full stop"):
        parse_report("Normal study. The lungs")


def test_hardly_two_reports_are_the_same() -> None:
    """Below 1 % of 4,000 with a finding; normal ones, which have less to say, below 2 %."""
    abnormal = [s for s in STUDIES if s.findings() - NO_PATHOLOGY][:4_000]
    normal = [s for s in STUDIES if not s.findings() - NO_PATHOLOGY]
    assert len(abnormal) == 4_000
    assert len(normal) > 1_000
    for studies, limit in ((abnormal, 0.01), (normal, 0.02)):
        texts = Counter(write_report(study, SHIFT) for study in studies)
        assert 1 - len(texts) / len(studies) < limit


def test_seven_styles_come_as_often_as_each_other_and_look_different() -> None:
    of_style: dict[str, list[str]] = {style.name: [] for style in STYLES}
    for study in STUDIES[:2_100]:
        of_style[report_style(study)].append(write_report(study, SHIFT))
    assert all(240 < len(texts) < 360 for texts in of_style.values())
    signs = {
        "sectioned": "FINDINGS: ",
        "impression": "IMPRESSION: ",
        "follow-up": "COMPARISON: ",
        "list": "1. ",
    }
    for name, sign in signs.items():
        assert all(text.startswith(sign) for text in of_style[name])
    assert all(" IMPRESSION: " in t for t in of_style["sectioned"][:40] if "no acute" in t.lower())
    assert all(text.count(": ") >= 2 for text in of_style["template"])
    words = {name: sum(len(t.split()) for t in texts) / len(texts) for name, texts in of_style.items()}
    assert words["telegraphic"] < 0.85 * words["prose"]


def lesions_of(study: Study) -> dict[str, tuple[str, str, str, str, str]]:
    return {s.finding: (s.side, s.zone, grade_of(s.severity), s.change, s.kind) for s in study.lesions}


def test_what_a_report_says_is_true_of_its_study(told: Told) -> None:
    for study, entities in told:
        true, lesions = study.findings(), lesions_of(study)
        for e in entities:
            if e.status == "absent":
                assert e.finding not in true
                assert (e.change == "resolved") <= (e.finding in {s.finding for s in study.resolved})
            elif e.status == "present":
                assert e.finding in true
                for said, fact in zip(
                    (e.side, e.zone, e.severity, e.change, e.kind),
                    lesions.get(e.finding, ("",) * 5),
                    strict=True,
                ):
                    assert said in ("", fact)


def test_every_finding_is_mentioned_and_none_is_denied(told: Told) -> None:
    for study, entities in told:
        status: dict[str, set[str]] = {}
        for e in entities:
            status.setdefault(e.finding, set()).add(e.status)
        for lesion in study.lesions:
            assert status[lesion.finding] <= {"present", "uncertain"}
        assert all(len(values) == 1 for values in status.values())


def test_an_uncertain_mention_is_true_as_often_as_not(told: Told) -> None:
    """And half as frequent as CheXpert's, where of Atelectasis' mentions that are no denials half are uncertain."""
    mentions = Counter(
        (e.finding, e.status, e.finding in study.findings())
        for study, entities in told
        for e in {dataclasses.replace(e, sentence=0, severity="", change="", zone="", side="") for e in entities}
    )
    unsure = {truth: sum(n for (_, s, t), n in mentions.items() if s == "uncertain" and t == truth) for truth in (0, 1)}
    assert unsure[1] / (unsure[0] + unsure[1]) == pytest.approx(0.5, abs=0.06)
    maybe, sure = (sum(mentions["Atelectasis", s, t] for t in (False, True)) for s in ("uncertain", "present"))
    assert maybe / (maybe + sure) == pytest.approx(0.5 * 33_739 / (33_739 + 33_376), abs=0.05)


def test_follow_ups_name_every_change_and_what_has_resolved(told: Told) -> None:
    later = [(s, entities) for s, entities in told if s.number == 1 and report_style(s) == "follow-up"]
    changes = Counter(e.change for _, entities in later for e in entities)
    assert all(changes[change] > 10 for change in ("new", "better", "same", "worse", "resolved"))
    for study, entities in later:
        said = {(e.finding, e.change) for e in entities}
        assert all((lesion.finding, lesion.change) in said for lesion in study.lesions)
        gone = {lesion.finding for lesion in study.resolved} - study.findings()
        assert all((finding, "resolved") in said for finding in gone)


def test_a_first_study_has_no_change_to_name(told: Told) -> None:
    assert {e.change for study, entities in told if study.number == 0 for e in entities} == {""}


def test_sentences_are_those_of_the_text_in_order() -> None:
    for study in STUDIES[:300]:
        text, at = write_report(study, SHIFT), 0
        for sentence, _ in entity_sentences(study, SHIFT):
            at = text.index(sentence, at) + len(sentence)
        assert at == len(text)


@pytest.mark.parametrize(
    ("sentence", "entity"),
    [
        ("No interval change in left nodule", Entity("Lung Lesion", "present", "left", change="same")),
        ("Interval removal of the pacer", Entity("Support Devices", "absent", change="resolved", kind="pacemaker")),
        ("Marked R lower zone pneumonia not excluded", Entity("Pneumonia", "uncertain", "right", "lower", "severe")),
        ("The heart is not enlarged", Entity("Cardiomegaly", "absent")),
        ("Pulmonary edema, improved from before, is seen", None),
        ("No evidence of a small pleural effusion", None),
    ],
)  # fmt: skip
def test_sentences_with_a_known_meaning(sentence: str, entity: Entity | None) -> None:
    if entity is None:
        with pytest.raises(DataError, match="0 ways"):
            read(sentence)
    else:
        assert read(sentence) == (entity,)


def test_no_phrase_has_two_meanings() -> None:
    names = [n.lower() for own, others in w.SYNONYMS.items() for n in (w.NAMES[own], *others)]
    names += [n.lower() for own, others in w.KINDS.items() for n in (own, *others)]
    words = [names]
    words.append([p for phrases in w.CHANGES_BEFORE.values() for p in phrases])
    words.append([p for phrases in w.CHANGES_AFTER.values() for p in phrases])
    words.append([p for table in (w.PLACES_BEFORE, w.TERSE_PLACES) for phrases in table.values() for p in phrases])
    words.append([p for phrases in w.PLACES_AFTER.values() for p in phrases])
    for phrases in words:
        assert len(phrases) == len(set(phrases))
    assert not any(link in name for name in names for link in (" or ", " and ", ", "))
    assert {finding for finding, _ in fr.NORMAL.values()} >= {NO_FINDING, "Cardiomegaly", "Lung Opacity"}
