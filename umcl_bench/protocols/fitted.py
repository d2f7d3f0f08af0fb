"""What protocols that fit a network share: seeds of the fits, figures of the shares, and what a record says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from umcl_bench.data.corpus import Corpus, Rows
from umcl_bench.metrics.scores import Figure
from umcl_bench.protocols.base import Evaluation
from umcl_bench.protocols.fractions import Share, figures_of, percent
from umcl_bench.spec import FineTune, Segmentation


def by_id(corpus: Corpus, rows: Rows) -> Rows:
    """The rows in the order of their ids: what is fitted on them does not depend on the order of the source's table."""
    return rows[np.argsort(corpus.ids[rows].astype(str), kind="stable")]


def fit_seed(at: Evaluation, share: Share) -> int:
    """What a fit's own draws come from: the model's seed and the share's draw."""
    return int(np.random.SeedSequence([at.seed, share.draw]).generate_state(1)[0])


def figures_of_shares(fractions: Sequence[float], parts: Iterable[str]) -> tuple[Figure, ...]:
    """For each fraction the mean over its draws, and where there are several their standard deviation."""
    names = list(parts)
    labels = [percent(fraction) for fraction in fractions]
    return figures_of({label: [name for name in names if name.partition("/")[0] == label] for label in labels})


def note_schedule(protocol: Segmentation | FineTune) -> dict[str, Any]:
    """Which schedule was used, and what it is."""
    return {"schedule": {"setting": protocol.setting, **dataclasses.asdict(protocol.schedule)}}
