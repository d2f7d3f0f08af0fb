"""Checks of a model's embeddings and of the scores that they give: what every figure of it rests on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from umcl_bench.data.preprocess import Preprocess
from umcl_bench.metrics.classification import auroc
from umcl_bench.metrics.scores import Scores
from umcl_bench.models.base import Matrix
from umcl_bench.models.trained import TrainedModel
from umcl_bench.protocols import zero_shot
from umcl_bench.protocols.base import Evaluation
from umcl_bench.spec import Task, ZeroShot
from umcl_bench.validate.checks import Seen, check, failed, judged, listed, not_applicable, passed
from umcl_bench.validate.subject import Subject, worst
from umcl_bench.validate.training_checks import exchange
from umcl_bench.validate.views import reversed_classes

UNIT, SAME, OTHER = 1e-5, 2e-5, 1e-4
"""How far a length may be from one, equal embeddings from each other, and how far different ones must be."""
PLAIN = (("{}",), ("no {}",))
OTHERS = (("findings consistent with {}",), ("there is no evidence of {}",))
DRAWS, STANDARD_ERRORS = 16, 4
_NO_TEXTS = "it is image only: it embeds no text"


@check("embeddings", "Return float32 rows of length one: torch.nn.functional.normalize(features.float(), dim=-1).")
def embeddings(subject: Subject) -> Seen:
    """Films, texts and findings have finite rows of length one, as many as were given, all of one width, float32."""
    model, n = subject.model, len(subject.few)
    found = [("film", model.embed_images(subject.few), n)]
    if subject.has_texts:
        found.append(("text", model.embed_texts(subject.reports), len(subject.reports)))
    if subject.has_findings:
        pair = model.embed_findings(subject.findings, *PLAIN)
        found += [(f"{name} prompt", getattr(pair, name), len(subject.findings)) for name in ("positive", "negative")]
    wrong = [text for name, rows, count in found if (text := _wrong(name, rows, count, found[0][1].shape[-1]))]
    if wrong:
        return failed("; ".join(wrong))
    return passed(
        f"{n} films, {listed(f'{count} {name}s' for name, _, count in found[1:])}: unit rows of {found[0][1].shape[1]}"
    )


def _wrong(name: str, rows: Matrix, count: int, width: int) -> str:
    if rows.shape != (count, width):
        return f"{count} {name}s give an array of {rows.shape}, not ({count}, {width})"
    if rows.dtype != np.float32:
        return f"{name}s are {rows.dtype}"
    if not np.isfinite(rows).all():
        return f"{int((~np.isfinite(rows)).any(axis=1).sum())} of {count} {name}s are not finite"
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    return (
        f"{name}s have lengths from {lengths.min():.4g} to {lengths.max():.4g}"
        if np.abs(lengths - 1).max() > UNIT
        else ""
    )


@check(
    "batches and order",
    "An embedding may depend on its own film or text alone: evaluation mode (batch norm!), a mask over padding, no "
    "statistics of the batch.",
)
def batches(subject: Subject) -> Seen:
    """The same film (and text) has the same embedding in batches of 1, 3 and 7, and in another order."""
    kinds: list[tuple[str, int, Callable[[NDArray[np.int64]], Matrix]]] = [
        ("film", len(subject.few), lambda at: subject.model.embed_images(subject.few[at]))
    ]
    if subject.has_texts:
        texts = subject.reports
        kinds.append(("text", len(texts), lambda at: subject.model.embed_texts([texts[i] for i in at])))
    apart = [_apart_in_batches(name, count, embed) for name, count, embed in kinds]
    distance, text = max(apart)
    if distance > SAME:
        return failed(f"{text}, {distance:.1e} apart")
    return passed(f"{' and '.join(name + 's' for name, *_ in kinds)} at most {distance:.1e} apart ({text})")


def _apart_in_batches(name: str, count: int, embed: Callable[[NDArray[np.int64]], Matrix]) -> tuple[float, str]:
    """The largest distance of a row from itself embedded otherwise, and where that was."""
    rows = np.arange(count)
    whole = embed(rows)
    order = np.random.default_rng(0).permutation(count)
    ways = {f"batches of {k}": [rows[at : at + k] for at in range(0, count, k)] for k in (1, 3, 7)}
    ways["another order"] = [order]
    found = []
    for way, parts in ways.items():
        row, apart = worst(np.concatenate([embed(part) for part in parts]), whole[np.concatenate(parts)])
        found.append((apart, f"{name} {np.concatenate(parts)[row]} in {way}"))
    return max(found)


@check(
    "prompts matter",
    "The finding and the template must reach the text tower: look at how embed_findings makes its texts.",
)
def prompts(subject: Subject) -> Seen:
    """Findings differ, present differs from absent, and hand-written templates differ from each other."""
    if not subject.has_findings:
        return not_applicable(_NO_TEXTS)
    pair = subject.model.embed_findings(subject.findings, *PLAIN)
    for name, rows in (("present", pair.positive), ("absent", pair.negative)):
        i, j, apart = _nearest(rows)
        if apart < OTHER:
            return failed(f"{subject.findings[i]} and {subject.findings[j]} as {name} are only {apart:.1e} apart")
    negated = np.abs(pair.positive - pair.negative).max(axis=1)
    if negated.min() < OTHER:
        return failed(
            f"{subject.findings[int(negated.argmin())]} as present and as absent is {negated.min():.1e} apart"
        )
    if pair.how.startswith("the model's own"):
        return passed(
            f"findings, and present from absent, at least {OTHER:g} apart; templates are not used ({pair.how})"
        )
    other = subject.model.embed_findings(subject.findings, *OTHERS)
    worded = np.abs(pair.positive - other.positive).max(axis=1)
    if worded.min() < OTHER:
        row = int(worded.argmin())
        return failed(f"{subject.findings[row]} has one embedding for '{PLAIN[0][0]}' and '{OTHERS[0][0]}'")
    return passed(f"findings, present from absent, and templates at least {OTHER:g} apart")


def _nearest(rows: Matrix) -> tuple[int, int, float]:
    """The two rows that differ least, and their largest difference."""
    apart = np.abs(rows[:, None] - rows[None]).max(axis=2)
    apart[np.diag_indices(len(rows))] = np.inf
    i, j = np.unravel_index(int(apart.argmin()), apart.shape)
    return int(i), int(j), float(apart[i, j])


@check(
    "films matter", "The film must reach the image tower: look at its pixels' scale, and for a collapsed projection."
)
def films(subject: Subject) -> Seen:
    """Different films have different embeddings; a black and a white film have finite ones."""
    i, j, apart = _nearest(subject.model.embed_images(subject.few))
    if apart < OTHER:
        return failed(f"films {subject.id_of(i)} and {subject.id_of(j)} are only {apart:.1e} apart")
    plain = np.stack([np.zeros_like(subject.few[0]), np.full_like(subject.few[0], 255)])
    if text := _wrong(
        "plain film", subject.model.embed_images(plain), 2, subject.model.embed_images(subject.few).shape[1]
    ):
        return failed(f"a black and a white film: {text}")
    return passed(f"films at least {apart:.1e} apart; a black and a white one have embeddings")


@check(
    "label order",
    "Find a finding's column by its name, never by its place: the task, the corpus and the training data each have an "
    "order of their own.",
)
def label_order(subject: Subject) -> Seen:
    """Findings asked for in another order, alone, or of a corpus with its columns reversed, get the same scores."""
    if not subject.has_findings:
        return not_applicable(_NO_TEXTS)
    names = subject.findings
    pair, back = (subject.model.embed_findings(order, *PLAIN) for order in (names, names[::-1]))
    alone = [subject.model.embed_findings([name], *PLAIN) for name in names]
    for what, rows in (("positive", pair.positive), ("negative", pair.negative)):
        for how, other in (
            ("asked for in reverse", getattr(back, what)[::-1]),
            ("asked for alone", np.concatenate([getattr(one, what) for one in alone])),
        ):
            row, apart = worst(rows, other)
            if apart > SAME:
                return failed(f"{names[row]} {how} has another {what} prompt, {apart:.1e} apart")
    return _scores_by_name(subject)


def _scores_by_name(subject: Subject) -> Seen:
    corpora = subject.corpus, reversed_classes(subject.corpus)
    scored = [_score(subject, "all", corpus=corpus) for corpus in corpora]
    scored.append(_score(subject, "reversed", findings=subject.findings[::-1]))
    first = scored[0]
    for how, other in zip(("corpus's columns", "task's findings"), scored[1:], strict=True):
        places = [other.classes.index(name) for name in first.classes]
        row, apart = worst(first.value.T.astype(np.float32), other.value[:, places].T.astype(np.float32))
        if apart > SAME or not np.array_equal(first.target, other.target[:, places], equal_nan=True):
            return failed(f"with the {how} reversed, {first.classes[row]} is scored otherwise ({apart:.1e} apart)")
    return passed(f"{len(first.classes)} findings keep their embeddings, scores and labels in another order")


def _score(subject: Subject, name: str, findings: Sequence[str] = (), corpus: object = None) -> Scores:
    from umcl_bench.data.corpus import Corpus

    task = Task(name=name, dataset="", protocol=ZeroShot(findings=tuple(findings)))
    used = corpus if isinstance(corpus, Corpus) else subject.corpus
    return zero_shot.run(task, Evaluation(used, subject.films, subject.model)).parts[""]


@check("test labels unread", "A score may be made of the film and the prompt alone: find where a test label is read.")
def labels_unread(subject: Subject) -> Seen:
    """Scores are the same, bit for bit, where the labels of the test films were exchanged.

    It finds a label that is read while films are scored. What is in the weights it can't see: see `chance`, and `test
    labels stay out` of training.
    """
    if not subject.has_findings:
        return not_applicable(_NO_TEXTS)
    scores, other = (_score(subject, "leak", corpus=c) for c in (subject.corpus, exchange(subject.corpus, ("test",))))
    places = {name: row for row, name in enumerate(other.id)}
    same = np.array_equal(scores.value, other.value[[places[name] for name in scores.id]])
    return judged(same, f"with other labels on the test films, the scores are {'the same' if same else 'others'}")


@check("chance", "Weights that learned nothing must score 0.5 in the mean: look for labels that get into the weights.")
def chance(subject: Subject) -> Seen:
    """Before training, the mean macro AUROC over 16 seeds is within 4 standard errors of 0.5.

    One draw is not at chance: its features follow brightness, which findings change. But its last projection is drawn
    symmetrically about zero, so the opposite scores are as likely, and the mean over seeds is 0.5. (Of t with 15
    degrees of freedom, 4 is passed by one sound model in 860; seeds are fixed, so a model passes always or never.)
    """
    if subject.baseline.weights == "released":
        return not_applicable("its weights are given: no others can be drawn")
    first = subject.recipe.seed
    found = np.array([_untrained_auroc(subject, seed) for seed in range(first, first + DRAWS)])
    mean, error = float(found.mean()), float(found.std(ddof=1) / np.sqrt(DRAWS))
    text = f"macro AUROC before training, {DRAWS} seeds: {mean:.3f} +- {error:.3f}; one seed {found[0]:.3f}"
    return judged(abs(mean - 0.5) <= STANDARD_ERRORS * error, text)


def _untrained_auroc(subject: Subject, seed: int) -> float:
    """The macro AUROC of the seed's first weights against the phantom's own test labels."""
    drawn = dataclasses.replace(subject, recipe=dataclasses.replace(subject.recipe, seed=seed))
    vars(drawn)["model"] = drawn.fresh()
    scores = _score(drawn, "chance")
    areas = [auroc(scores.value[:, k], scores.target[:, k])[0] for k in range(len(scores.classes))]
    return float(np.nanmean(areas))


@check(
    "normalisation",
    "Write mean and std for pixels from 0 to 1, as 0.449 and 0.226 (divide by 255 what is for pixels from 0 to 255).",
)
def normalisation(subject: Subject) -> Seen:
    """Means and deviations fit pixels from 0 to 1, and the phantom's films then lie around 0, spread by about 1."""
    if subject.baseline.weights == "random-embeddings":
        return not_applicable("it reads a film's bytes as they are")
    constants = _constants(subject)
    for where, mean, std in constants:
        if not (0 <= mean <= 1 and 0 < std <= 1):
            scale = "the 0..255 scale" if 0 <= mean <= 255 and 0 < std <= 255 else "no scale of pixels"
            return failed(f"{where}: mean {mean:g} and std {std:g} are on {scale}")
    _, mean, std = constants[0]
    pixels = (subject.films[subject.rows].astype(np.float64) / 255 - mean) / std
    seen = f"a mean of {pixels.mean():.2f} and a deviation of {pixels.std():.2f}"
    text = f"mean {mean:g}, std {std:g}; the phantom's films have {seen}"
    return judged(abs(pixels.mean()) < 3 and 0.2 < pixels.std() < 5, text)


def _constants(subject: Subject) -> list[tuple[str, float, float]]:
    """Where they stand, mean and std, for pixels from 0 to 1; the first are of the model that is checked."""
    if subject.baseline.weights == "released" and not isinstance(subject.model, TrainedModel):
        preprocess: Preprocess = subject.model.preprocess  # type: ignore[attr-defined]
        unit = preprocess.unit / 255
        channels = zip(preprocess.mean, preprocess.std, strict=True)
        return [(f"channel {at}", mean * unit, std * unit) for at, (mean, std) in enumerate(channels)]
    made = subject.recipe
    if subject.baseline.weights == "released":  # a checkpoint of our own
        assert isinstance(subject.model, TrainedModel)
        made = subject.model.recipe
    towers = [(made.size.name, made.size.image)]
    if subject.baseline.published is not None:
        towers.append((f"published ({subject.baseline.published.name})", subject.baseline.published.image))
    return [(where, tower.mean, tower.std) for where, tower in towers]
