"""Ablations: lists of runs with a reference, and what each claims. The values alone; ablate.py runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.spec.models import LABEL_LOSSES, RowKind

MeasureName = Literal["score", "sensitivity"]
Axis = Literal["", "rows a step", "share of label-only rows"]


@dataclass(frozen=True)
class Arm:
    """One of the versions that an ablation compares, and what its tables call it.

    `changes` are those of the model (of the ablation's, or of `of`), `task` those of the task that scores it, both as
    in names of variants; `batch` (0: the size's) and `mix` are what --batch and --mix say. It is compared with the arm
    `against`; '' is the ablation's reference, and the reference itself is compared with none. Where a measured number
    says what an arm is about (`Ablation.axis`), it is a point of the curve `line`.
    """

    label: str
    changes: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    of: str = ""
    batch: int = 0
    mix: tuple[tuple[RowKind, float], ...] = ()
    against: str = ""
    line: str = ""


@dataclass(frozen=True)
class Measure:
    """A figure that the arms are compared by, of which a `lower` one may be better.

    It is the `key` of `task`'s metrics; where these are '', the headline of the task that is asked for.
    """

    name: MeasureName = "score"
    title: str = ""
    task: str = ""
    key: str = ""
    lower: bool = False


@dataclass(frozen=True)
class Claim:
    """That the arm `better` is better than the arm `than`, by a measure.

    With `over`, that it is so by more than the first of these two is better than the second. What `grows` is claimed
    to grow with the ablation's own dial.
    """

    text: str
    better: str
    than: str
    over: tuple[str, str] | None = None
    by: MeasureName = "score"
    grows: bool = False


@dataclass(frozen=True)
class Ablation:
    """Arms, the first of which is the reference; claims; the dial of the phantom that it is about.

    `model` is what arms change; another may be asked for where it is `open`.
    """

    name: str
    title: str
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...] = ()
    measures: tuple[Measure, ...] = (Measure(),)
    dial: str = ""
    model: str = "umcl"
    open: bool = False
    axis: Axis = ""
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> Arm:
        """What the arms are compared with that name no other."""
        return self.arms[0]

    def against(self, arm: Arm) -> str:
        """The label of the arm that `arm` is compared with; '' for none."""
        return arm.against or ("" if arm == self.reference else self.reference.label)


SENSITIVITY = Measure(
    "sensitivity", "sd over 60 wordings", "prompt-sensitivity-chexpert", "auroc (sd over wordings)", lower=True
)

_HAND = "prompt=hand"
_SENTENCE = ("positive=there is {}", "negative=there is no {}")
_ENSEMBLE = (
    "positive={}/there is {}/evidence of {}/{} is seen",
    "negative=no {}/there is no {}/no evidence of {}/{} is not seen",
)
_REPORT = (  # the sentences that the model was trained with (models/prompts.py), but for their case
    "positive=There is {}./{} is present./Findings of {}./{} is seen.",
    "negative=No {}./There is no {}./No evidence of {}./No {} is seen.",
)

_PROMPTS = Ablation(
    name="prompts",
    title="how a finding becomes a text",
    arms=(
        Arm("continuous, 8"),
        Arm("name alone", (_HAND,)),
        Arm("one sentence", (_HAND,), _SENTENCE),
        Arm("ensemble", (_HAND,), _ENSEMBLE),
        Arm("report style", (_HAND, "wording=sentence"), _REPORT),
        Arm("continuous, 4", ("length=4",)),
        Arm("continuous, 16", ("length=16",)),
        Arm("in the middle", ("position=middle",)),
        Arm("at the end", ("position=end",)),
        Arm("class-specific", ("context=class-specific",)),
        Arm("frozen random", ("learning_rate_factor=0.0",)),
        Arm("shuffled", ("stage=shuffled",)),
    ),
    claims=(
        Claim("continuous prompts score higher than names alone", "continuous, 8", "name alone", grows=True),
        Claim("continuous prompts score higher than one hand-written sentence", "continuous, 8", "one sentence"),
        Claim("continuous prompts score higher than an ensemble of templates", "continuous, 8", "ensemble"),
        Claim("continuous prompts score higher than report-style sentences", "continuous, 8", "report style"),
        Claim("what the vectors learn matters: random ones that stay so score lower", "continuous, 8", "frozen random"),
        Claim("the order of the learned vectors matters: in another they score lower", "continuous, 8", "shuffled"),
        Claim(
            "continuous prompts depend less on the wording than hand-written ones",
            "continuous, 8",
            "name alone",
            by="sensitivity",
            grows=True,
        ),
    ),
    measures=(Measure(), SENSITIVITY),
    dial="wording_shift",
    notes=(
        "'name alone', 'one sentence' and 'ensemble' are one model, trained with names, scored with three sets of "
        "templates; 'report style' is trained and scored with sentences",
        "a model with continuous prompts reads of a wording the name alone: its spread is over three names and their "
        "spelling, that of hand-written prompts over all sixty wordings",
        "a spread over wordings is larger in a resample than in the sample, the more so the fewer films: its interval "
        "can lie above it, and small differences of spreads are not to be read closely",
        "controls: 'frozen random' vectors are drawn as all are and never learn; 'shuffled' ones learn in their order "
        "and are scored in another",
    ),
)

_OF_LOSSES = {
    "unicl": "every shared finding is a match",
    "umcl": "a match as far as findings are the same",
    "soft": "label similarities as the target",
    "attract": "alike texts as positives",
    "eliminate": "alike texts left out",
    "debiased": "the expected share of false negatives taken off",
    "sigmoid": "a yes or no for each pair",
    "triage": "alike reports as positives, nearly alike ones as neither",
}

_LOSS = Ablation(
    name="loss",
    title="what a loss does with texts of other rows that share a finding",
    arms=(Arm("infonce", ("loss=infonce",)), *(Arm(loss, (f"loss={loss}",)) for loss in _OF_LOSSES)),
    claims=(
        *(
            Claim(f"{text} ({loss}) scores higher than all as negatives", loss, "infonce", grows=loss == "umcl")
            for loss, text in _OF_LOSSES.items()
        ),
        Claim("gradual targets (umcl) score higher than all-or-nothing ones (unicl)", "umcl", "unicl"),
    ),
    dial="similarity",
    open=True,
    notes=(f"losses that read labels: {', '.join(sorted(LABEL_LOSSES))}; the others do without",),
)


def _share(label: str, label_only: float) -> Arm:
    return Arm(label, mix=(("image-text-label", 1 - label_only), ("image-label", label_only)), line="joined")


_DATA = Ablation(
    name="data",
    title="label-only rows beside pairs, at one budget of films seen",
    arms=(
        Arm("pairs only", mix=(("image-text-label", 1.0),), line="joined"),
        _share("1/8 label-only", 0.125),
        _share("1/4 label-only", 0.25),
        _share("1/2 label-only", 0.5),
        _share("3/4 label-only", 0.75),
    ),
    claims=(
        Claim("a quarter of label-only rows is better than pairs alone", "1/4 label-only", "pairs only", grows=True),
        Claim("half of label-only rows is better than pairs alone", "1/2 label-only", "pairs only", grows=True),
        Claim("three quarters are better than a quarter", "3/4 label-only", "1/4 label-only"),
    ),
    dial="label_only_fraction",
    open=True,
    axis="share of label-only rows",
    notes=(
        "shares are of the rows that are drawn; how many rows there are of each kind is the data's own (on the phantom "
        "the dial label_only_fraction)",
    ),
)

_LADDER = Ablation(
    name="ladder",
    title="UMCL, taken apart",
    arms=(
        Arm("A0", of="clip"),
        Arm("A1", ("loss=infonce", _HAND)),
        Arm("A2", ("loss=infonce",)),
        Arm("A3", (_HAND,)),
        Arm("A4"),
    ),
    claims=(
        Claim("label-only rows, with labels as texts, help (A1 over A0)", "A1", "A0"),
        Claim("continuous prompts help beside InfoNCE (A2 over A1)", "A2", "A1"),
        Claim("label-aware targets help with hand-written prompts (A3 over A1)", "A3", "A1", grows=True),
        Claim("label-aware targets help with continuous prompts (A4 over A2)", "A4", "A2", grows=True),
        Claim("continuous prompts help beside label-aware targets (A4 over A3)", "A4", "A3"),
        Claim("all three together are better than CLIP on pairs (A4 over A0)", "A4", "A0"),
    ),
    dial="similarity",
    notes=(
        "A0 is clip (pairs alone); A1 adds label-only rows; A2 continuous prompts to A1; A3 label-aware targets to A1; "
        "A4, umcl, has both",
    ),
)

_BATCHES = (32, 64, 128, 256)


def _of_batch(loss: str, batch: int, against: str = "") -> Arm:
    return Arm(f"{loss}, {batch}", (f"loss={loss}",), batch=batch, against=against, line=loss)


_BATCH = Ablation(
    name="batch",
    title="false-negative pressure: rows a step, by loss, at one budget of films seen",
    arms=(
        *(_of_batch("infonce", batch) for batch in _BATCHES),
        *(_of_batch("umcl", batch, f"infonce, {batch}") for batch in _BATCHES),
    ),
    claims=(
        *(
            Claim(f"label-aware targets are better at {batch} rows a step", f"umcl, {batch}", f"infonce, {batch}")
            for batch in _BATCHES
        ),
        Claim(
            "their gain is larger at 256 rows a step than at 32",
            "umcl, 256",
            "infonce, 256",
            ("umcl, 32", "infonce, 32"),
        ),
    ),
    dial="similarity",
    open=True,
    axis="rows a step",
    notes=("fewer rows a step are more steps: films seen, and the learning rate, are the same",),
)

ABLATIONS = {ablation.name: ablation for ablation in (_PROMPTS, _LOSS, _DATA, _LADDER, _BATCH)}
