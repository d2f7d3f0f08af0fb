"""What a model may learn from: the rows of its kinds, and the text that each shows in a batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tokenizers import Tokenizer

from umcl_bench.data.corpus import Corpus, Rows, count_kinds
from umcl_bench.data.tokens import train_tokenizer
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.models.pretrained import pretrained_tokenizer
from umcl_bench.models.prompts import state_names
from umcl_bench.spec import Baseline, Recipe
from umcl_bench.training.sampler import draw_batches
from umcl_bench.training.texts import Claims, Shown, Texts, collect

ORDER, STATES, FILMS, MODULES = 2, 3, 4, 5
"""What a generator draws: with the seed (and the step) they are its own seed, so none of its state need be kept."""


class Batch(NamedTuple):
    """Numbers of eligible rows (b,), which of them have a film and a text, and what that is, once for each view.

    A row without a film gives a text alone, a row without a text a film alone: they are no pair, and count by what they
    claim and as negatives.
    """

    rows: Rows
    has_film: NDArray[np.bool_]
    has_text: NDArray[np.bool_]
    shown: tuple[Shown, ...]

    def ordered(self, order: Rows) -> Batch:
        """The same rows in another order."""
        shown = tuple(view.take(order) for view in self.shown)
        return Batch(self.rows[order], self.has_film[order], self.has_text[order], shown)


class Meanings(NamedTuple):
    """What reports say, as unit rows (n, q) (zeros where there is no report), and the similarities that `triage` asks.

    `same_above` and `other_below` are those quantiles of the cosines of pairs of these reports, and below 1.
    """

    vectors: Claims
    same_above: float
    other_below: float


@dataclass(frozen=True)
class TrainingRows:
    """The eligible rows (n,) of a corpus, their kinds, claims (n, k) of `classes`, and the texts that they can show.

    `present` and `absent` are what labels say; matches are made by `matched`, the findings (k,) that the objective
    leaves in.
    """

    rows: Rows
    kinds: NDArray[np.object_]
    has_film: NDArray[np.bool_]
    has_text: NDArray[np.bool_]
    classes: tuple[str, ...]
    present: Claims
    absent: Claims
    matched: NDArray[np.bool_]
    texts: Texts
    tokenizer: Tokenizer
    meanings: Meanings | None = None

    def batches(self, recipe: Recipe, start: int = 0) -> Iterator[Batch]:
        """The batches of `recipe.size.optim.batch` rows from step `start` + 1 on.

        The order of rows comes from one generator, which is run from its beginning (a draw costs microseconds); what
        the rows show at a step comes from a generator of that step and view. So a training that goes on sees the same.
        """
        optim, baseline, seed = recipe.size.optim, recipe.baseline, recipe.seed
        order = np.random.default_rng([seed, ORDER])
        drawn = draw_batches(self.kinds, self.present, baseline.sampling, optim.batch, optim.steps, order)
        for step, chosen in enumerate(itertools.islice(drawn, start, None), start=start + 1):
            generators = [np.random.default_rng([seed, STATES, step, view]) for view in range(baseline.views)]
            yield self._batch(chosen, baseline, generators)

    def _batch(self, chosen: Rows, baseline: Baseline, generators: Sequence[Generator]) -> Batch:
        present, absent = self.present[chosen], self.absent[chosen]
        has_text = (self.has_text[chosen] | present.any(1) | absent.any(1)) & baseline.has_text_tower
        shown = tuple(self.texts.draw(chosen, present, absent, baseline, rng) for rng in generators)
        return Batch(chosen, self.has_film[chosen], has_text, shown)


def eligible_rows(corpus: Corpus, baseline: Baseline, split: str = "train") -> Rows:
    """A split's rows of the kinds that the model takes. Raises UsageError where there are none.

    A row that has neither a report nor a claim (it is only known not to be 'No Finding') teaches nothing: left out.
    """
    train = corpus.rows(split)
    kinds = corpus.kinds()[train]
    taken = np.isin(kinds.astype(str), baseline.rows)
    claimed = np.concatenate(claims(corpus, train, no_finding=not baseline.has_text_tower), axis=1).any(axis=1)
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

    Without a `tokenizer`, it is the one of the text tower that the recipe starts from, or one that is trained on the
    reports of the whole training split.
    """
    baseline = recipe.baseline
    train = corpus.rows("train")
    rows = eligible_rows(corpus, baseline, split)
    present, absent = claims(corpus, rows, no_finding=not baseline.has_text_tower)
    told = [corpus.reports[row] or "" for row in rows]
    _check_names(baseline, corpus.classes)
    names = [name.lower() for name in state_names(corpus.classes)]
    # every model gets the vocabulary of the whole training split: the reports that some of them do not learn from too
    reports = [corpus.reports[row] or "" for row in train]
    tokenizer = tokenizer or pretrained_tokenizer(recipe)
    tokenizer = tokenizer or train_tokenizer([*reports, *names, *names], recipe.size.text.vocabulary)
    texts = collect(tokenizer, told, present, absent, corpus.classes, recipe)
    return TrainingRows(
        rows=rows,
        kinds=corpus.kinds()[rows],
        has_film=np.ones(len(rows), bool) if corpus.has_image is None else corpus.has_image[rows],
        has_text=texts.of_row.lengths(np.arange(len(rows))) > 0,
        classes=corpus.classes,
        present=present,
        absent=absent,
        matched=np.array([name not in baseline.objective.unmatched for name in corpus.classes], dtype=bool),
        texts=texts,
        tokenizer=tokenizer,
        meanings=_meanings(told, baseline.objective.triage) if baseline.objective.loss == "triage" else None,
    )


def _check_names(baseline: Baseline, classes: tuple[str, ...]) -> None:
    """Raises UsageError for findings that the training data do not label, and for prompts of findings without any."""
    for name in baseline.objective.unmatched:
        if name not in classes:
            raise unknown_name("finding to leave unmatched", name, classes)
    if not classes and baseline.prompt.context == "class-specific":
        raise UsageError(f"{baseline.name} has vectors for each finding, and the training data label none")


_ROUNDING = 1e-4


def _meanings(reports: Sequence[str], quantiles: tuple[float, float]) -> Meanings:
    """Reports as latent semantic vectors of at most 64 axes: TF-IDF of their words and pairs of words, then an SVD.

    SAT compares reports by a frozen ClinicalBERT, which a benchmark without released weights does not have (inferred).
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    told = np.flatnonzero([bool(text) for text in reports])
    if len(told) < 2:
        raise UsageError("the loss 'triage' compares reports, and the training split has fewer than two")
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform([text for text in reports if text])
    axes = min(64, *(length - 1 for length in counts.shape))
    found = normalize(TruncatedSVD(axes, random_state=0).fit_transform(counts) if axes > 0 else counts.toarray())
    vectors = np.zeros((len(reports), found.shape[1]), dtype=np.float32)
    vectors[told] = found
    rng = np.random.default_rng(0)
    one, other = rng.integers(len(found), size=(2, 200_000))
    cosines = (found[one[one != other]] * found[other[one != other]]).sum(1)
    same, different = (float(q) for q in np.quantile(cosines, quantiles))
    same = min(same, 1 - _ROUNDING)  # where many reports are the same, these are alike, and others are not
    return Meanings(vectors, same, min(different, same - _ROUNDING))


def claims(corpus: Corpus, rows: Rows, *, no_finding: bool = False) -> tuple[Claims, Claims]:
    """How far findings are known to be present and absent, (n, k) each; a label of 0.7 is 0.7 and 0.3 of a claim.

    That 'No Finding' is false is no claim, unless `no_finding` says so: a classifier needs negatives, a text none.
    """
    labels = corpus.labels[rows]
    present, absent = np.nan_to_num(labels), np.nan_to_num(1 - labels)
    if NO_FINDING in corpus.classes and not no_finding:
        absent[:, corpus.classes.index(NO_FINDING)] = 0
    return present, absent


def _describe(kinds: dict[str, int]) -> str:
    return ", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items())) or "no rows"
