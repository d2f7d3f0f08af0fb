"""What a model may learn from: the rows of its kinds, and the text that each shows in a batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tokenizers import Tokenizer

from umcl_bench.data.corpus import Corpus, Rows, count_kinds
from umcl_bench.data.laterality import names_side
from umcl_bench.data.tokens import Tokens, encode, train_tokenizer
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.errors import UsageError
from umcl_bench.models.prompts import state_names
from umcl_bench.spec import Baseline, Prompt, Recipe
from umcl_bench.training.sampler import draw_batches

Claims = NDArray[np.float32]
ORDER, STATES, FILMS, MODULES = 2, 3, 4, 5
"""What a generator draws: with the seed (and the step) they are its own seed, so none of its state need be kept."""


class Batch(NamedTuple):
    """Numbers of eligible rows (b,), which of them have a film and a text, and which text that is.

    A state is the prompt of a finding, -1 the row's own report. A row without a film gives a text alone, a row without
    a text a film alone: they are no pair, and count by what they claim and as negatives.
    """

    rows: Rows
    has_film: NDArray[np.bool_]
    has_text: NDArray[np.bool_]
    states: NDArray[np.int64]
    text_present: Claims
    text_absent: Claims

    def ordered(self, order: Rows) -> Batch:
        """The same rows in another order."""
        return Batch(
            self.rows[order],
            self.has_film[order],
            self.has_text[order],
            self.states[order],
            self.text_present[order],
            self.text_absent[order],
        )


@dataclass(frozen=True)
class TrainingRows:
    """The eligible rows (n,) of a corpus, their kinds, claims (n, k) and reports as tokens.

    `sided` are the rows whose report names a side, so that their film may not be flipped under it.
    """

    rows: Rows
    kinds: NDArray[np.object_]
    has_film: NDArray[np.bool_]
    has_text: NDArray[np.bool_]
    sided: NDArray[np.bool_]
    present: Claims
    absent: Claims
    reports: Tokens
    names: Tokens
    tokenizer: Tokenizer

    def batches(self, recipe: Recipe, start: int = 0) -> Iterator[Batch]:
        """The batches of `recipe.size.optim.batch` rows from step `start` + 1 on.

        The order of rows comes from one generator, which is run from its beginning (a draw costs microseconds); what
        the rows show at a step comes from a generator of that step. So a training that goes on sees the same.
        """
        optim, baseline, seed = recipe.size.optim, recipe.baseline, recipe.seed
        order = np.random.default_rng([seed, ORDER])
        drawn = draw_batches(self.kinds, self.present, baseline.sampling, optim.batch, optim.steps, order)
        for step, chosen in enumerate(itertools.islice(drawn, start, None), start=start + 1):
            yield self._batch(chosen, baseline.prompt, np.random.default_rng([seed, STATES, step]))

    def _batch(self, chosen: Rows, prompt: Prompt, rng: Generator) -> Batch:
        k = self.present.shape[1]
        present, absent, reported = self.present[chosen], self.absent[chosen], self.has_text[chosen]
        drawn = draw_states(present, absent, prompt.negative_share, rng)
        labelled = present.any(1) | absent.any(1)
        prompted = labelled & (~reported | (rng.random(len(chosen)) < prompt.share))
        states = np.where(prompted, drawn, -1)
        one_hot = (states[:, None] == np.arange(2 * k)).astype(np.float32)
        reports = present * (reported & ~prompted)[:, None]
        texts = (reports + one_hot[:, :k], one_hot[:, k:])
        return Batch(chosen, self.has_film[chosen], reported | prompted, states, *texts)


def draw_states(present: Claims, absent: Claims, negative_share: float, rng: Generator) -> NDArray[np.int64]:
    """One state (n,) for each row of claims (n, k).

    It is uniform over the row's present findings or, for `negative_share` of the rows, over its absent ones; where a
    row has only one sort, it is of that sort. A row with no claim gets an arbitrary state.
    """
    denied = rng.random(len(present)) < negative_share
    denied = np.where(absent.any(1) & present.any(1), denied, absent.any(1))
    pool = np.concatenate([present * ~denied[:, None], absent * denied[:, None]], axis=1)
    if not pool.shape[1]:  # a corpus of reports alone
        return np.zeros(len(pool), dtype=np.int64)
    states: NDArray[np.int64] = np.argmax(pool * (rng.random(pool.shape) + 1e-9), axis=1)
    return states


def eligible_rows(corpus: Corpus, baseline: Baseline, split: str = "train") -> Rows:
    """A split's rows of the kinds that the model takes. Raises UsageError where there are none.

    A row that has neither a report nor a claim (it is only known not to be 'No Finding') teaches nothing: left out.
    """
    train = corpus.rows(split)
    kinds = corpus.kinds()[train]
    taken = np.isin(kinds.astype(str), baseline.rows)
    claimed = np.concatenate(claims(corpus, train), axis=1).any(axis=1)
    told = np.array([report is not None for report in corpus.reports[train]], dtype=bool)
    silent = np.isin(kinds, ("image-label", "text")) & ~claimed & ~told
    rows: Rows = train[taken & ~silent]
    if not len(corpus.with_image(rows)):
        rows = rows[:0]
    if len(rows) == 0:
        raise UsageError(
            f"{baseline.name} learns from rows of the kinds {', '.join(baseline.rows)}; the {_SPLITS[split]} split of "
            f"{corpus.source} has {_describe(count_kinds(kinds))}. Choose a model that takes these, or another --data."
        )
    return rows


_SPLITS = {"train": "training", "val": "validation"}


def training_rows(
    corpus: Corpus, recipe: Recipe, split: str = "train", tokenizer: Tokenizer | None = None
) -> TrainingRows:
    """The eligible rows with their claims and tokens. Raises UsageError where there are none.

    Without a `tokenizer`, one is trained on the reports of the whole training split.
    """
    baseline = recipe.baseline
    train = corpus.rows("train")
    rows = eligible_rows(corpus, baseline, split)
    present, absent = claims(corpus, rows)
    texts = [corpus.reports[row] or "" for row in rows]
    names = [name.lower() for name in state_names(corpus.classes)]
    size = recipe.size.text
    # every model gets the vocabulary of the whole training split: the reports that some of them do not learn from too
    reports = [corpus.reports[row] or "" for row in train]
    tokenizer = tokenizer or train_tokenizer([*reports, *names, *names], size.vocabulary)
    return TrainingRows(
        rows=rows,
        kinds=corpus.kinds()[rows],
        has_film=np.ones(len(rows), bool) if corpus.has_image is None else corpus.has_image[rows],
        has_text=np.array([bool(text) for text in texts]),
        sided=np.array([names_side(text) for text in texts]),
        present=present,
        absent=absent,
        reports=encode(tokenizer, texts, size.max_tokens),
        names=encode(tokenizer, names, size.max_tokens - baseline.prompt.length),
        tokenizer=tokenizer,
    )


def claims(corpus: Corpus, rows: Rows) -> tuple[Claims, Claims]:
    """How far findings are known to be present and absent, (n, k) each; a label of 0.7 is 0.7 and 0.3 of a claim.

    That 'No Finding' is false is no claim.
    """
    labels = corpus.labels[rows]
    present, absent = np.nan_to_num(labels), np.nan_to_num(1 - labels)
    if NO_FINDING in corpus.classes:
        absent[:, corpus.classes.index(NO_FINDING)] = 0
    return present, absent


def _describe(kinds: dict[str, int]) -> str:
    return ", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items())) or "no rows"
