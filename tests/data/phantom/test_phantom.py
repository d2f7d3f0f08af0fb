"""The phantom: the same everywhere, true to its own findings, and its dials do what they say."""

import dataclasses
import os
import subprocess
import sys

import numpy as np

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.phantom import Dials, PhantomSpec, all_studies, draw_patient, phantom_corpus
from umcl_bench.data.phantom.render import draw_film
from umcl_bench.data.phantom.wording import KINDS, NAMES, SYNONYMS
from umcl_bench.data.vocabulary import CHEXPERT, NO_FINDING

SPEC = PhantomSpec(train=300, val=10, test=200)


def corpus(**dials: float) -> Corpus:
    return phantom_corpus(dataclasses.replace(SPEC, dials=Dials(**dials)))


def test_another_process_with_another_hash_seed_makes_the_same_corpus(phantom: Corpus) -> None:
    code = (
        "from tests.conftest import SMALL_PHANTOM as s; from umcl_bench.data.phantom import phantom_corpus as p;"
        "import hashlib; c = p(s);"
        "films = b''.join(c.pixels.read(i, 32).tobytes() for i in range(0, 248, 9));"
        "print(c.fingerprint, hashlib.sha256(films).hexdigest())"
    )
    outputs = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        outputs.add(
            subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
        )
    assert len(outputs) == 1
    assert outputs.pop().startswith(phantom.fingerprint)


def test_any_film_can_be_made_alone() -> None:
    split, number, study = all_studies(SPEC)[123]
    alone = draw_patient(SPEC, split, number)[study.number]
    assert alone == study
    np.testing.assert_array_equal(draw_film(alone, 40), draw_film(study, 40))


def test_patients_do_not_straddle_splits_and_priors_are_theirs(phantom: Corpus) -> None:
    by_split = [set(phantom.patients[phantom.splits == s]) for s in ("train", "val", "test")]
    assert sum(map(len, by_split)) == len(set.union(*by_split))
    later = np.flatnonzero(phantom.prior >= 0)
    assert len(later) > 20
    assert (phantom.patients[later] == phantom.patients[phantom.prior[later]]).all()


def test_labels_follow_chexperts_hierarchy(phantom: Corpus) -> None:
    column = {name: phantom.labels[:, k] for k, name in enumerate(CHEXPERT)}
    for child in ("Edema", "Consolidation", "Pneumonia", "Atelectasis", "Lung Lesion"):
        assert (column["Lung Opacity"] >= column[child]).all()
    assert (column["Enlarged Cardiomediastinum"] >= column["Cardiomegaly"]).all()
    pathology = np.array([v for n, v in column.items() if n not in (NO_FINDING, "Support Devices")]).any(axis=0)
    np.testing.assert_array_equal(column[NO_FINDING] == 1, ~pathology)


def test_every_report_is_of_its_study(phantom: Corpus) -> None:
    """A finding that is present is named, by its own name or a synonym."""
    studies = [study for _, _, study in all_studies(SPEC)]
    reports = corpus(label_only_fraction=0.0).reports
    for study, report in zip(studies, reports, strict=True):
        for lesion in study.lesions:
            names = (
                (lesion.kind, *KINDS[lesion.kind])
                if lesion.kind
                else (NAMES[lesion.finding], *SYNONYMS[lesion.finding])
            )
            assert any(name.lower() in report.lower() for name in names), (lesion.finding, report)
