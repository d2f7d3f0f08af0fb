"""The phantom's version and what it stands for: caches and records are found again by it."""

import hashlib

import numpy as np

from umcl_bench.data.phantom import PhantomSpec, phantom_corpus
from umcl_bench.data.phantom.studies import VERSION

GOLDEN = 3
REPORTS, LABELS = "6014a8b27f85dd60", "ea3b7d25af2c015d"
MEANS = [147.47, 127.5, 132.53, 126.52, 109.58, 108.68]


def test_what_is_drawn_is_what_the_version_says() -> None:
    """Films, labels and reports as they were when VERSION was last raised. If this fails on purpose, raise it.

    A cache of films made by other code, under the same version, once gave a leaderboard of films that nobody has.
    Films are compared by their mean grey, which does not depend on how a machine rounds.
    """
    corpus = phantom_corpus(PhantomSpec(train=40, val=4, test=4))
    reports = hashlib.sha256("\n".join(str(r) for r in corpus.reports).encode()).hexdigest()[:16]
    labels = hashlib.sha256(corpus.stated.tobytes()).hexdigest()[:16]
    means = [float(corpus.pixels.read(row, 64).mean()) for row in range(0, 48, 8)]
    assert GOLDEN == VERSION
    assert (reports, labels) == (REPORTS, LABELS)
    np.testing.assert_allclose(means, MEANS, atol=0.3)
