"""What a model is: its rows, its prompts, its objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.spec.evidence import Evidence, check_evidence
from umcl_bench.spec.sizes import Size
from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_name as _check_name
from umcl_bench.values import check_range as _check_range
from umcl_bench.values import doc

RowKind = Literal["image-text-label", "image-text", "image-label", "image", "text"]
Similarity = Literal["any", "jaccard", "cosine", "dot"]
PromptKind = Literal["hand", "continuous"]
Position = Literal["front", "middle", "end"]
TermKind = Literal[
    "local-attention", "token-alignment", "prototypes", "image-consistency", "text-consistency", "labels"
]
LOSSES = (
    "infonce", "soft", "unicl", "umcl", "eliminate", "attract", "debiased", "sigmoid", "triage", "none",
)  # fmt: skip
LABEL_LOSSES = frozenset({"soft", "unicl", "umcl", "eliminate", "attract", "sigmoid"})
"""The losses that read labels."""


@dataclass(frozen=True)
class Prompt:
    """How a finding becomes a text: written by hand, or with learned vectors in the text tower's input.

    A continuous prompt is `length` vectors at `position`, the same for all findings ('unified') or each finding's own
    ('class-specific'; these can't name a finding that was no label in training). They start from normal draws of
    standard deviation 0.02 (`init` ''), or from the word embeddings of the phrase `init`. They learn with the towers
    ('joint'), or alone, after the towers, in the last `second_share` of the steps ('second'; until then the prompts are
    the bare names). Two controls: 'shuffled' vectors learn as joint ones do and are used in another order, and with a
    `learning_rate_factor` of 0 they stay as they were drawn.

    In training a labelled row without a report takes the prompt of one of its states, and a labelled row with a report
    does so with probability `share`; `negative_share` of these states are absent findings. Of several present findings
    one is drawn ('one'), all are named in one text ('set'), or their texts' embeddings are averaged ('mean'). A text is
    the finding's `wording`: its 'name', or a 'sentence' drawn from those that radiologists write (prompts of CXR-CLIP).
    """

    kind: PromptKind = "hand"
    length: int = 0
    position: Position = "front"
    context: Literal["unified", "class-specific"] = "unified"
    init: str = ""
    stage: Literal["joint", "second", "shuffled"] = "joint"
    second_share: float = 0.25
    several: Literal["one", "set", "mean"] = "one"
    wording: Literal["name", "sentence"] = "name"
    share: float = 0.0
    negative_share: float = 0.5
    learning_rate_factor: float = 1.0

    def __post_init__(self) -> None:
        _check_choice("prompt kind", self.kind, PromptKind)
        _check_choice("prompt position", self.position, Position)
        _check_choice("prompt context", self.context, Literal["unified", "class-specific"])
        _check_choice("prompt stage", self.stage, Literal["joint", "second", "shuffled"])
        _check_choice("prompt several", self.several, Literal["one", "set", "mean"])
        _check_choice("prompt wording", self.wording, Literal["name", "sentence"])
        _check_range("share", self.share, 0.0, 1.0)
        _check_range("negative_share", self.negative_share, 0.0, 1.0)
        _check_range("second_share", self.second_share, 0.01, 0.99)
        _check_range("learning_rate_factor", self.learning_rate_factor, 0.0, 1e4)
        if (self.kind == "continuous") != (self.length > 0):
            raise ValueError("a continuous prompt has a length of at least 1, a hand-written one has length 0")
        if self.stage == "shuffled" and self.length < 2:
            raise ValueError("a single vector has no other order; stage 'shuffled' needs a length of at least 2")
        if self.kind == "hand" and (self.context, self.init, self.stage) != ("unified", "", "joint"):
            raise ValueError("context, init and stage are a continuous prompt's")
        if self.kind == "continuous" and self.wording == "sentence":
            raise ValueError("a continuous prompt stands around a finding's name; its wording is 'name'")
        if self.context == "class-specific" and self.several == "set":
            raise ValueError("class-specific vectors belong to one finding; several in one text ('set') have none")


@dataclass(frozen=True)
class Sampling:
    """How the rows that a model takes are mixed. `ratio` gives kinds of row their weights; () is as the data are.

    `balanced` takes turns between the findings, a row of each as often; rows that claim none keep their share, and rows
    with several findings raise these together.
    """

    ratio: tuple[tuple[RowKind, float], ...] = ()
    balanced: bool = False

    def __post_init__(self) -> None:
        for kind, weight in self.ratio:
            _check_choice("row kind", kind, RowKind)
            _check_range(f"the weight of {kind}", weight, 0.0, 1e6)
        drawn = [kind for kind, weight in self.ratio if weight]
        if self.ratio and not (any("image" in k for k in drawn) and any(k != "image" for k in drawn)):
            raise ValueError("a mix needs rows with a film and rows with a text or a label, with a weight above 0")
        if len({kind for kind, _ in self.ratio}) < len(self.ratio):
            raise ValueError("a mix names a kind twice")


@dataclass(frozen=True)
class Term:
    """A loss that is added to the contrastive one, by its name in objectives/terms; `options` are its own numbers."""

    kind: TermKind
    weight: float = 1.0
    options: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        _check_choice("term", self.kind, TermKind)
        _check_range(f"the weight of {self.kind}", self.weight, 0.0, 1e3)


@dataclass(frozen=True)
class Objective:
    """L = w CE(T_image_to_text, z) + (1 - w) CE(T_text_to_image, z^T) + terms; `loss` names what T and CE are.

    `loss` is one of LOSSES (objectives/losses.py has their formulae), or 'package.module:function', a target builder of
    your own. How alike the labels of two rows are is their `similarity`, to the power `sharpness`. What only some
    losses read: `target_temperature` softens the targets of 'soft'; from a similarity of `threshold` on, 'eliminate'
    and 'attract' suspect a false negative; all other rows' texts together count for at most `cap` texts (0: no limit);
    `prevalence` is the share of false negatives that 'debiased' takes off; 'triage' calls texts the same above the
    first of its quantiles of similarity, different below the second; 'sigmoid' starts from `bias`. No match is made by
    the `unmatched` findings.
    """

    loss: str = "infonce"
    similarity: Similarity = "any"
    sharpness: float = 1.0
    target_temperature: float = 1.0
    threshold: float = 0.7
    cap: float = 0.0
    prevalence: float = 0.1
    triage: tuple[float, float] = (0.99, 0.95)
    unmatched: tuple[str, ...] = ()
    image_to_text: float = 0.5
    temperature: float = 0.07
    learn_temperature: bool = True
    max_scale: float = 100.0
    bias: float = -10.0
    terms: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        if self.loss not in LOSSES and ":" not in self.loss:
            raise ValueError(f"loss is {self.loss!r}; it must be one of {', '.join(LOSSES)}, or 'module:function'")
        _check_choice("similarity", self.similarity, Similarity)
        _check_range("image_to_text", self.image_to_text, 0.0, 1.0)
        _check_range("temperature", self.temperature, 1e-3, 10.0)
        _check_range("sharpness", self.sharpness, 1e-3, 100.0)
        _check_range("target_temperature", self.target_temperature, 1e-3, 100.0)
        _check_range("threshold", self.threshold, 1e-6, 1.0)
        _check_range("cap", self.cap, 0.0, 1e6)
        _check_range("prevalence", self.prevalence, 0.0, 0.99)
        if len(self.triage) != 2:
            raise ValueError(f"triage is {self.triage}; it must be two quantiles, as in 0.99/0.95")
        _check_range("the second quantile of triage", self.triage[1], 0.0, self.triage[0])
        _check_range("the first quantile of triage", self.triage[0], 0.0, 1.0)
        if self.loss == "none" and [term.kind for term in self.terms] != ["labels"]:
            raise ValueError("the loss 'none' is for image-label supervision alone: its one term is 'labels'")

    @property
    def local(self) -> bool:
        """Whether a term reads the features of words and patches."""
        return any(term.kind in ("local-attention", "token-alignment") for term in self.terms)


@dataclass(frozen=True)
class Heads:
    """What stands on the towers, whose own shape is the size's.

    `text_layers` of the text tower (0 the first, -1 the last), averaged, are pooled over the tokens by their mean or
    maximum. Both towers end in a linear projection, or in one with a hidden layer ('mlp': ReLU, as wide as the joint
    space).
    """

    text_pooling: Literal["mean", "max"] = "mean"
    text_layers: tuple[int, ...] = (-1,)
    projection: Literal["linear", "mlp"] = "linear"

    def __post_init__(self) -> None:
        _check_choice("text pooling", self.text_pooling, Literal["mean", "max"])
        _check_choice("projection", self.projection, Literal["linear", "mlp"])
        if not self.text_layers:
            raise ValueError("text_layers names no layer")


@dataclass(frozen=True)
class Baseline:
    """What a paper is about, and nothing that a size fixes.

    `rows` are the kinds of row that the model can learn from; `uses_labels` says that labels reach its training
    (by its targets or its texts), which makes its zero-shot figures on these findings not blind to them. A row with a
    report shows all of it, or one sentence of it, drawn anew each time (`text_view`); a labelled row without one shows
    a prompt, or a sentence of another row's report that shares a finding (`label_text`). With two `views`, each film is
    augmented and each text drawn twice. `released` says where released weights come from (models/released).
    `published` are the paper's own towers and settings, for the `paper` setting; None where it names none.
    """

    name: str
    title: str = doc("")
    paper: str = doc("")
    objective: Objective = Objective()
    prompt: Prompt = Prompt()
    rows: tuple[RowKind, ...] = ("image-text-label", "image-text")
    sampling: Sampling = Sampling()
    text_view: Literal["report", "sentence"] = "report"
    label_text: Literal["prompt", "bank"] = "prompt"
    views: int = 1
    heads: Heads = Heads()
    uses_labels: bool = False
    weights: Literal["trained", "untrained", "random-embeddings", "released"] = "trained"
    released: str = ""
    published: Size | None = doc(None)  # noqa: RUF009  # a frozen value, as the others are
    evidence: tuple[Evidence, ...] = doc(())

    def __post_init__(self) -> None:
        _check_name(self.name.partition("+")[0] if self.weights != "released" else "released")
        _check_choice("text_view", self.text_view, Literal["report", "sentence"])
        _check_choice("label_text", self.label_text, Literal["prompt", "bank"])
        _check_range("views", self.views, 1, 2)
        for kind in self.rows:
            _check_choice("row kind", kind, RowKind)
        for kind, _ in self.sampling.ratio:
            if kind not in self.rows:
                raise ValueError(f"{self.name} mixes rows of the kind {kind}, which it does not take")
        consistent = [term.kind for term in self.objective.terms if term.kind.endswith("-consistency")]
        if consistent and self.views < 2:
            raise ValueError(f"{consistent[0]} compares two views, and views is {self.views}")
        if self.objective.local and self.prompt.several == "mean":
            raise ValueError("local terms need the words of one text; several labels can't be a mean of texts")
        check_evidence(self, self.evidence)

    @property
    def reads_training_rows(self) -> bool:
        """Whether anything of it comes from the training corpus: weights, or at least a vocabulary."""
        return self.weights in ("trained", "untrained")

    @property
    def learns_from_labels(self) -> bool:
        """Whether any choice brings labels into its training: its loss, its terms, its texts, or how rows are drawn."""
        loss, labelled = self.objective.loss, {"image-label", "text"} & set(self.rows)
        terms = any(term.kind == "labels" for term in self.objective.terms)
        chosen = loss in LABEL_LOSSES or ":" in loss or terms or self.prompt.share > 0 or self.sampling.balanced
        return self.weights == "trained" and (chosen or bool(labelled))

    @property
    def has_text_tower(self) -> bool:
        """Whether texts can be embedded: image-label supervision alone has only a vector for each finding."""
        return self.objective.loss != "none"
