"""The phantom plays the standard datasets: their fields, its own truth and splits."""

import numpy as np
import pytest

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom import PhantomSpec, all_studies, phantom_corpus
from umcl_bench.data.phantom.plays import PLAYED, play
from umcl_bench.data.phantom.reports import parse_report
from umcl_bench.data.readers import list_readers
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING
from umcl_bench.errors import UsageError
from umcl_bench.spec import COMPETITION

SPEC = PhantomSpec(train=300, val=60, test=300, seed=2)


@pytest.fixture(scope="module")
def whole() -> Corpus:
    return phantom_corpus(SPEC)


def positives(corpus: Corpus, finding: str) -> set[str]:
    return set(corpus.ids[corpus.stated[:, corpus.classes.index(finding)] == 1])


def test_every_official_dataset_is_played() -> None:
    datasets = set(list_readers()) - {"folder"}
    assert datasets <= set(PLAYED), datasets - set(PLAYED)


@pytest.mark.parametrize("name", PLAYED)
def test_a_play_has_the_phantoms_labels_films_and_splits(whole: Corpus, name: str) -> None:
    played = play(whole, name)
    assert played.kind == "phantom"
    for finding in played.classes:
        kept = {row_id.split("/")[0] for row_id in positives(played, finding)}
        assert kept <= positives(whole, finding)
        if name != "ms-cxr":
            assert kept == positives(whole, finding)
    row = len(played) // 2
    source = list(whole.ids).index(played.ids[row].split("/")[0])
    assert (played.pixels.read(row, 24) == whole.pixels.read(source, 24)).all()
    assert played.splits[row] in (whole.splits[source], "")
    assert set(played.patients) <= set(whole.patients)


def test_each_play_has_its_datasets_fields(whole: Corpus) -> None:
    def fields(name: str) -> tuple[bool, bool, bool, bool]:
        played = play(whole, name)
        has_reports = any(report is not None for report in played.reports)
        return has_reports, played.masks is not None, len(played.boxes) > 0, any(played.views)

    found = {name: fields(name) for name in PLAYED if not PLAYED[name].whole}
    assert found == {
        "mimic-cxr": (True, False, False, True),
        "mimic-5x200": (True, False, False, True),
        "nih": (False, False, True, True),
        "rsna": (False, True, True, False),
        "siim": (False, True, False, False),
        "lungs": (False, True, False, False),
        "vindr": (False, False, True, False),
        "covidx": (False, False, False, False),
        "openi": (True, False, False, True),
        "padchest": (True, False, False, True),
        "ms-cxr": (True, True, True, False),
        "ms-cxr-t": (False, False, False, False),
        "roco": (True, False, False, False),
    }
    assert play(whole, "chexpert") is whole


@pytest.mark.parametrize(("name", "finding"), [("rsna", "Pneumonia"), ("siim", "Pneumothorax")])
def test_masks_are_of_the_datasets_finding_only(whole: Corpus, name: str, finding: str) -> None:
    played = play(whole, name)
    assert played.masks is not None
    has = played.stated[:, played.classes.index(finding)] == 1
    rows = [*np.flatnonzero(has)[:8], *np.flatnonzero(~has)[:30]]
    assert [bool(played.masks.read(int(row), 64).any()) for row in rows] == [bool(has[row]) for row in rows]
    assert played.masks.fingerprint != played.pixels.fingerprint


def test_lung_masks_are_two_lungs_beside_the_mediastinum_whatever_covers_them(whole: Corpus) -> None:
    played = play(whole, "lungs")
    assert played.masks is not None
    assert played.masks.fingerprint != play(whole, "siim").masks.fingerprint  # type: ignore[union-attr]
    for row in range(0, len(played), 40):
        mask = played.masks.read(row, 64) > 0
        assert 0.1 < mask.mean() < 0.6
        across = mask[mask.any(axis=1)].sum(axis=0)
        left, right = across[:32], across[32:]
        assert min(left.max(), right.max()) > 10
        assert across[28:36].min() < 0.6 * min(left.max(), right.max())


def test_boxes_are_of_the_datasets_findings_and_lie_around_the_masks(whole: Corpus) -> None:
    played = play(whole, "rsna")
    assert played.masks is not None
    for row in np.flatnonzero(played.stated[:, 1] == 1)[:8].tolist():
        boxes, mask = played.boxes[row], played.masks.read(row, 96) > 0
        assert {box.finding for box in boxes} == {"Pneumonia"}
        inside = np.zeros_like(mask)
        for box in boxes:
            x0, y0, x1, y1 = (round(edge * 96) for edge in box[1:])
            inside[y0:y1, x0:x1] = True
        assert not mask[~inside].any()
    assert not any(played.boxes[row] for row in np.flatnonzero(played.stated[:, 1] == 0)[:20].tolist())


@pytest.mark.parametrize("name", ["chexpert-5x200", "mimic-5x200"])
def test_5x200_has_one_finding_a_film_in_corpus_order(name: str) -> None:
    corpus = phantom_corpus(PhantomSpec(train=10, val=5, test=2_000, seed=4))
    played = play(corpus, name)
    rows = played.rows("test")
    labels = played.labels[rows]
    columns = [played.classes.index(finding) for finding in COMPETITION]
    assert (labels[:, columns].sum(axis=1) == 1).all()
    allowed = {*COMPETITION, "Lung Opacity", "Enlarged Cardiomediastinum", "Support Devices"}
    others = [k for k, finding in enumerate(CHEXPERT) if finding not in allowed]
    assert labels[:, others].max() == 0
    counts = labels[:, columns].sum(axis=0)
    assert counts.min() > 40
    assert counts.max() <= 200
    assert (played.splits != corpus.splits).sum() == (corpus.splits == "test").sum() - len(rows)
    assert any("5x200" in note for note in played.notes)


def test_covidx_has_normal_films_and_pneumonias(whole: Corpus) -> None:
    played = play(whole, "covidx")
    labels = played.labels[played.rows("test")]
    assert played.classes == (NO_FINDING, "Pneumonia")
    assert (labels.sum(axis=1) == 1).all()


def test_ms_cxr_pairs_a_sentence_with_the_boxes_of_what_it_says(whole: Corpus) -> None:
    played = play(whole, "ms-cxr")
    assert len(set(played.ids)) == len(played)
    for row in range(0, len(played), 7):
        (finding,) = np.array(played.classes)[played.stated[row] == 1]
        assert np.isnan(played.stated[row]).sum() == len(played.classes) - 1
        (entity,) = parse_report(played.reports[row])
        assert (entity.finding, entity.status) == (finding, "present")
        assert {box.finding for box in played.boxes[row]} == {finding}


def test_ms_cxr_t_says_what_became_of_each_finding(whole: Corpus) -> None:
    played = play(whole, "ms-cxr-t")
    words = {"better": "improving", "same": "stable", "worse": "worsening", "new": "worsening", "gone": "improving"}
    seen = set()
    for row, (_, _, study) in enumerate(all_studies(SPEC)):
        changes = {lesion.finding: words.get(lesion.change, "") for lesion in (*study.lesions, *study.resolved)}
        assert played.attributes["pleural_effusion_progression"][row] == changes.get("Pleural Effusion", "")
        seen.add(played.attributes["edema_progression"][row])
    assert seen == {"", "improving", "stable", "worsening"}
    assert (played.prior[played.rows("test")] >= 0).all()


def test_what_is_not_played_is_refused(whole: Corpus) -> None:
    with pytest.raises(UsageError, match="chexpert"):
        play(whole, "chexprt")
