"""The split of MIMIC-CXR that papers call 'MIMIC-5x200'."""

from __future__ import annotations

import numpy as np

from umcl_bench.data.corpus import Corpus, Strings
from umcl_bench.data.splits.base import Lists, NamedSplit, PartFacts, place
from umcl_bench.data.splits.chexpert import medclip_draw
from umcl_bench.errors import DataError


def _medclip(corpus: Corpus, lists: Lists) -> Strings:
    labeler = corpus.facts.get("labeler")
    if labeler != "negbio":
        raise DataError(
            f"{lists.split} is drawn by the labels of negbio; {corpus.source} was read with those of "
            f"{labeler or 'nobody'}. Use --labeler negbio"
        )
    rows = np.arange(len(corpus))
    test, _ = medclip_draw(corpus, rows, lists.split)
    return place(len(corpus), train=np.setdiff1d(rows, test), test=test)


SPLITS = (
    NamedSplit(
        name="mimic-5x200@medclip",
        dataset="mimic-cxr",
        title="'MIMIC-5x200' of MedCLIP: 1,000 films, about 200 a finding, laterals among them",
        unit="image",
        draw="pandas sample(400) five times, then sample(frac=0.5), one numpy stream of seed 42",
        rule="All films in the order of mimic-cxr-2.0.0-metadata.csv, with their study's labels of "
        "mimic-cxr-2.0.0-negbio.csv, uncertain taken as 0: those whose finding is 1 and whose other twelve are 0 or "
        "blank; with one stream of np.random.seed(42): sample(400) a finding, then sample(frac=0.5) of the 2,000, "
        "which is test. Train is the rest.",
        source="RyanWangZf/MedCLIP, an early script that forks still have; the list was never published",
        used_by=("MedCLIP",),
        evidence="unverified",
        expected={"test": PartFacts(1_000)},
        assign=_medclip,
        views="all",
        leaks="train has other films, of the same study too, of the patients in test",
        limits="BenchX's MIMIC-5x200 is another list, which was not published. The draw needs the labels of negbio "
        "(--labeler negbio). Films are drawn in the order of the split file; whether the metadata file has the same "
        "was not seen",
    ),
)
