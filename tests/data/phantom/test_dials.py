"""Each dial does what it says, measured at 0, 0.5 and 1, and leaves val and test alone where it says so."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom import Dials, PhantomSpec, all_studies, phantom_corpus
from umcl_bench.data.phantom.reports import report_entities
from umcl_bench.data.phantom.studies import FAR_SITE, SHORTCUT_MARKER, SHORTCUT_SITE, Study
from umcl_bench.data.phantom.wording import KINDS, NAMES, SYNONYMS
from umcl_bench.data.vocabulary import CHEXPERT

SPEC = PhantomSpec(train=600, val=60, test=300, seed=5)
LEVELS = (0.0, 0.5, 1.0)


def with_dials(**dials: float) -> PhantomSpec:
    return dataclasses.replace(SPEC, dials=Dials(**dials))


def studies(split: str, **dials: float) -> list[Study]:
    return [study for kind, _, study in all_studies(with_dials(**dials)) if kind == split]


def at_each_level(measure: Callable[[float], float]) -> list[float]:
    values = [measure(level) for level in LEVELS]
    assert values == sorted(values)
    return values


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_dial_lies_between_0_and_1(value: float) -> None:
    with pytest.raises(ValueError, match=r"dial shortcut is .*; it must lie between 0 and 1"):
        Dials(shortcut=value)


def test_label_only_fraction_is_the_share_of_training_patients_without_reports() -> None:
    def without(corpus: Corpus, split: str) -> float:
        rows = corpus.rows(split)
        _, first = np.unique(corpus.patients[rows], return_index=True)
        return float(np.mean([corpus.reports[row] is None for row in rows[first]]))

    corpora = {level: phantom_corpus(with_dials(label_only_fraction=level)) for level in LEVELS}
    values = at_each_level(lambda level: without(corpora[level], "train"))
    assert values == pytest.approx(LEVELS, abs=0.06)
    assert [without(corpora[1.0], split) for split in ("val", "test")] == [0.0, 0.0]


def test_similarity_is_the_share_of_studies_from_a_few_patterns() -> None:
    """Two of its nine patterns are alike, so two look-alike first studies agree with 11 chances in 81."""

    def equal_pairs(level: float) -> float:
        sets = [s.findings() for s in studies("train", similarity=level) if s.number == 0]
        counts = np.unique([" ".join(sorted(names)) for names in sets], return_counts=True)[1]
        n = len(sets)
        return float((counts * (counts - 1)).sum() / (n * (n - 1)))

    low, _, high = at_each_level(equal_pairs)
    assert high == pytest.approx(11 / 81, abs=0.02)
    assert low < 0.1


def test_wording_shift_is_how_often_a_finding_goes_by_another_name() -> None:
    def other_names(level: float) -> float:
        spec = with_dials(label_only_fraction=0.0, wording_shift=level)
        reports = phantom_corpus(spec).reports
        found = []
        for (_, _, study), report in zip(all_studies(spec), reports, strict=True):
            for entity in report_entities(study, level):
                if entity.status != "absent" and entity.finding in NAMES:
                    own = entity.kind or NAMES[entity.finding]
                    found.append(own not in report.lower())
        return float(np.mean(found))

    assert at_each_level(other_names) == pytest.approx(LEVELS, abs=0.08)


def test_each_finding_has_six_other_names_that_avoid_its_own() -> None:
    assert all(len(SYNONYMS[name]) >= 6 for name in CHEXPERT if name not in ("No Finding", "Support Devices"))
    assert all(len(names) >= 4 for names in KINDS.values())
    for own, others in [(NAMES[name], SYNONYMS[name]) for name in SYNONYMS] + list(KINDS.items()):
        assert not any(own in other for other in others), own


def test_label_noise_is_the_share_of_training_labels_that_are_flipped() -> None:
    clean = phantom_corpus(with_dials())

    def flipped(corpus: Corpus, split: str) -> float:
        return float((clean.labels != corpus.labels)[clean.splits == split].mean())

    corpora = {level: phantom_corpus(with_dials(label_noise=level)) for level in LEVELS}
    assert at_each_level(lambda level: flipped(corpora[level], "train")) == pytest.approx(LEVELS, abs=0.02)
    assert [flipped(corpora[1.0], split) for split in ("val", "test")] == [0.0, 0.0]
    assert list(clean.reports) == list(corpora[1.0].reports)


@pytest.mark.parametrize("what", ["marker", "site"])
def test_shortcut_is_how_well_marker_and_site_tell_of_pneumonia_in_training(what: str) -> None:
    """With a share d of films tied, and a marker that else comes by chance: AUROC 0.5 + d / 2."""

    def auroc(split: str, level: float) -> float:
        chosen = studies(split, shortcut=level, similarity=0.0)
        told = [s.marker == SHORTCUT_MARKER if what == "marker" else s.site == SHORTCUT_SITE for s in chosen]
        return float(roc_auc_score(["Pneumonia" in s.findings() for s in chosen], told))

    values = at_each_level(lambda level: auroc("train", level))
    assert values == pytest.approx([0.5, 0.75, 1.0], abs=0.1)
    assert values[2] == 1.0
    assert auroc("test", 1.0) == pytest.approx(0.5, abs=0.12)


def test_shortcut_changes_no_film_of_val_and_test() -> None:
    for split in ("val", "test"):
        assert studies(split, shortcut=1.0) == studies(split, shortcut=0.0)


def test_site_shift_is_the_share_of_test_films_from_a_site_that_training_has_not() -> None:
    def far(split: str, level: float) -> float:
        return float(np.mean([s.site == FAR_SITE for s in studies(split, site_shift=level)]))

    assert at_each_level(lambda level: far("test", level)) == pytest.approx(LEVELS, abs=0.08)
    assert [far(split, 1.0) for split in ("train", "val")] == [0.0, 0.0]


def test_site_shift_moves_the_exposure_of_the_test_films_only() -> None:
    def exposure(split: str, level: float) -> float:
        return float(np.mean([s.exposure for s in studies(split, site_shift=level)]))

    values = at_each_level(lambda level: exposure("test", level))
    assert values[2] - values[0] == pytest.approx(0.12, abs=0.015)  # two standard deviations of a film's own exposure
    assert exposure("train", 1.0) == exposure("train", 0.0)


def test_a_far_site_can_be_seen_on_the_films() -> None:
    def brightness(level: float) -> float:
        corpus = phantom_corpus(with_dials(site_shift=level))
        return float(np.mean([corpus.pixels.read(int(row), 24) for row in corpus.rows("test")[:60]]))

    assert abs(brightness(1.0) - brightness(0.0)) > 5
