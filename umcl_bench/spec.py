"""Frozen values that say what a model, a task and a run are. Imports no torch.

Every value turns into plain data (`to_dict`) and has a digest over all that can change a figure. Fields that only
explain (titles, references, evidence) are marked `doc()` and stay out of the digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_name as _check_name
from umcl_bench.values import check_range as _check_range
from umcl_bench.values import digest as digest
from umcl_bench.values import doc as doc
from umcl_bench.values import flatten as flatten
from umcl_bench.values import to_dict as to_dict

RowKind = Literal["image-text-label", "image-text", "image-label", "image", "text"]
Similarity = Literal["any", "jaccard", "cosine"]
PromptKind = Literal["hand", "continuous"]
Position = Literal["front", "middle", "end"]
SelectionRule = Literal["last", "val-auroc", "val-loss"]
Precision = Literal["auto", "float32", "bfloat16"]
Tag = Literal["paper", "code", "summary", "recalled", "inferred", "ours"]

COMPETITION = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The five findings of the CheXpert competition, in its order (Irvin et al. 2019)."""

METHODS = {"films": 2, "labels": 1, "training": 3, "scoring": 1, "metrics": 1}
"""Versions of the code behind a figure, part of every record's id: raise one whenever equal specs would give others."""


class Evidence(NamedTuple):
    """Where a choice comes from: the field's path, how sure we are, and why."""

    field: str
    tag: Tag
    note: str


def _check_evidence(value: Any, evidence: tuple[Evidence, ...]) -> None:
    known = set(flatten(to_dict(value)))
    for item in evidence:
        _check_choice(f"evidence for {item.field}", item.tag, Tag)
        if item.field not in known:
            raise ValueError(f"evidence for {item.field!r}, which is no field of {value.name}")


@dataclass(frozen=True)
class Geometry:
    """How a film becomes a square of `size` grey pixels.

    The `longest` or `shortest` side goes to `resize` pixels (0: to `size`), or both do ('stretch'). What is not square
    is padded with zeros: after it is resized ('longest'), or before, to at least `resize` ('square'). Then the centre
    of `size` is cut out ('crop'), or all is resized again ('resize'). Filters smooth before they take fewer pixels;
    'area' is the plain mean. `greys` 'stretched' puts a film's smallest and largest value at 0 and 255 first. `dicom`
    names how a DICOM file's values become 8 bits (data/dicom.py).
    """

    fit: Literal["longest", "shortest", "stretch", "square"] = "longest"
    resize: int = 0
    then: Literal["crop", "resize"] = "crop"
    filter: Literal["bilinear", "bicubic", "lanczos", "area"] = "bilinear"
    second_filter: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"
    greys: Literal["stored", "stretched"] = "stored"
    dicom: Literal["voi", "max"] = "voi"


PAD = Geometry()
"""Longest side to `size`, zero-padded to a square: nothing is cut off, and the aspect ratio stays."""


@dataclass(frozen=True)
class ImageTower:
    """A timm architecture and the pixels that it sees."""

    name: str
    size: int
    options: tuple[tuple[str, Any], ...] = ()
    mean: float = 0.5
    std: float = 0.25
    geometry: Geometry = PAD


@dataclass(frozen=True)
class TextTower:
    """A BERT-style encoder with a WordPiece vocabulary that is trained on the training reports."""

    layers: int
    width: int
    heads: int
    mlp: int
    max_tokens: int
    vocabulary: int
    pooling: Literal["mean"] = "mean"


@dataclass(frozen=True)
class Prompt:
    """How a finding becomes a text: written by hand, or with learned vectors in the text tower's input.

    In training a labelled row without a report takes the prompt of one of its states, and a labelled row with a report
    does so with probability `share`; `negative_share` of these states are absent findings.
    """

    kind: PromptKind = "hand"
    length: int = 0
    position: Position = "front"
    share: float = 0.0
    negative_share: float = 0.5
    learning_rate_factor: float = 1.0

    def __post_init__(self) -> None:
        _check_choice("prompt kind", self.kind, PromptKind)
        _check_choice("prompt position", self.position, Position)
        _check_range("share", self.share, 0.0, 1.0)
        _check_range("negative_share", self.negative_share, 0.0, 1.0)
        if (self.kind == "continuous") != (self.length > 0):
            raise ValueError("a continuous prompt has a length of at least 1, a hand-written one has length 0")


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
class Objective:
    """L = w CE(T_image_to_text, z) + (1 - w) CE(T_text_to_image, z^T); `target` names what builds T.

    `target` is a builder in objectives/targets.py, or 'package.module:function' for one of your own.
    """

    target: str = "identity"
    similarity: Similarity = "any"
    sharpness: float = 1.0
    image_to_text: float = 0.5
    temperature: float = 0.07
    learn_temperature: bool = True
    max_scale: float = 100.0

    def __post_init__(self) -> None:
        _check_choice("similarity", self.similarity, Similarity)
        _check_range("image_to_text", self.image_to_text, 0.0, 1.0)
        _check_range("temperature", self.temperature, 1e-3, 10.0)
        _check_range("sharpness", self.sharpness, 1e-3, 100.0)


@dataclass(frozen=True)
class Optim:
    """AdamW with linear warm-up and a cosine to zero. The budget is the number of films seen, not of epochs.

    `batch` is the global batch, over all processes. `micro_batch` rows of a process's share go through the towers at a
    time (0: all), with the gradient of the whole batch; only towers with batch norm see the difference, for they then
    normalise by the micro-batch's statistics.
    """

    learning_rate: float
    weight_decay: float
    batch: int
    films_seen: int
    warmup_share: float = 0.1
    clip_norm: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    micro_batch: int = 0

    def __post_init__(self) -> None:
        _check_range("batch", self.batch, 1, 1_000_000)
        _check_range("micro_batch", self.micro_batch, 0, self.batch)

    @property
    def steps(self) -> int:
        """Optimiser steps: the films seen, in whole batches."""
        return max(1, self.films_seen // self.batch)


@dataclass(frozen=True)
class Augment:
    """How training films change, each by its own draw.

    In one resampling: a crop of `crop_area` of the film, `crop_aspect` wide to high, fills the square, then turns,
    moves by up to `translate` of its side and is scaled. A share `blur_share` is blurred, by `blur_sigma` of the side.
    Greys are multiplied by 1 +- `contrast` and moved by +- `brightness` * 128. `flip` 'unsided' mirrors `flip_share`
    of the films whose text names no side: that protects the text, not the anatomy (the heart is on the right then).
    """

    rotate_degrees: float = 5.0
    translate: float = 0.04
    scale: float = 0.05
    brightness: float = 0.2
    contrast: float = 0.2
    crop_area: tuple[float, float] = (1.0, 1.0)
    crop_aspect: tuple[float, float] = (1.0, 1.0)
    blur_share: float = 0.0
    blur_sigma: tuple[float, float] = (0.0005, 0.0135)
    flip: Literal["never", "unsided"] = "never"
    flip_share: float = 0.5

    def __post_init__(self) -> None:
        _check_choice("flip", self.flip, Literal["never", "unsided"])
        limits = {"rotate_degrees": 180.0, "translate": 1.0, "scale": 0.5, "brightness": 2.0}
        for name in ("rotate_degrees", "translate", "scale", "brightness", "contrast", "blur_share", "flip_share"):
            _check_range(name, getattr(self, name), 0.0, limits.get(name, 1.0))
        for name, least, most in (("crop_area", 0.01, 1.0), ("crop_aspect", 0.1, 10.0), ("blur_sigma", 1e-4, 0.25)):
            low, high = getattr(self, name)
            _check_range(f"the lower end of {name}", low, least, min(1.0, most))
            _check_range(f"the upper end of {name}", high, max(low, 1.0 if name == "crop_aspect" else least), most)


@dataclass(frozen=True)
class Size:
    """The towers and the budget that every model gets at one size of the `controlled` setting."""

    name: str
    image: ImageTower
    text: TextTower
    dim: int
    optim: Optim
    augment: Augment = Augment()


@dataclass(frozen=True)
class Baseline:
    """What a paper is about, and nothing that a size fixes.

    `rows` are the kinds of row that the model can learn from; `uses_labels` says that labels reach its training
    (by its targets or its texts), which makes its zero-shot figures on these findings not blind to them.
    """

    name: str
    title: str = doc("")
    paper: str = doc("")
    objective: Objective = Objective()
    prompt: Prompt = Prompt()
    rows: tuple[RowKind, ...] = ("image-text-label", "image-text")
    sampling: Sampling = Sampling()
    text_view: Literal["report"] = "report"
    uses_labels: bool = False
    weights: Literal["trained", "untrained", "random-embeddings"] = "trained"
    evidence: tuple[Evidence, ...] = doc(())

    def __post_init__(self) -> None:
        _check_name(self.name)
        for kind in self.rows:
            _check_choice("row kind", kind, RowKind)
        for kind, _ in self.sampling.ratio:
            if kind not in self.rows:
                raise ValueError(f"{self.name} mixes rows of the kind {kind}, which it does not take")
        _check_evidence(self, self.evidence)

    @property
    def reads_training_rows(self) -> bool:
        """Whether anything of it comes from the training corpus: weights, or at least a vocabulary."""
        return self.weights != "random-embeddings"


@dataclass(frozen=True)
class ZeroShot:
    """Positive against negative prompt (CheXzero: Tiu et al. 2022): p = e^pos / (e^pos + e^neg).

    `findings` empty means: all that the source labels. `temperature` divides the cosines; CheXzero uses raw ones.
    """

    findings: tuple[str, ...] = ()
    positive: tuple[str, ...] = ("{}",)
    negative: tuple[str, ...] = ("no {}",)
    pooling: Literal["mean-embedding"] = "mean-embedding"
    temperature: float = 1.0
    kind: Literal["zero-shot"] = "zero-shot"

    def __post_init__(self) -> None:
        for template in (*self.positive, *self.negative):
            if template.count("{}") != 1:
                raise ValueError(f"prompt template {template!r} must hold '{{}}' once, where the finding's name goes")


Protocol = ZeroShot


@dataclass(frozen=True)
class Task:
    """A dataset, a split, a protocol with every choice named, and the metrics with the one that leads."""

    name: str
    dataset: str
    protocol: Protocol
    title: str = doc("")
    paper: str = doc("")
    split: Literal["train", "val", "test"] = "test"
    views: Literal["frontal", "all"] = "frontal"
    metrics: tuple[str, ...] = ("auroc",)
    headline: str = "auroc"
    evidence: tuple[Evidence, ...] = doc(())

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.headline not in self.metrics:
            raise ValueError(f"headline {self.headline!r} is not among the metrics {', '.join(self.metrics)}")
        _check_evidence(self, self.evidence)


@dataclass(frozen=True)
class Intervals:
    """How intervals are made: the patient-cluster percentile bootstrap (metrics/intervals.py).

    A figure that is undefined in more than `1 - min_defined` of the resamples has no interval: with one positive
    patient 37 % are without it, and the others would give a narrow interval around one patient's luck.
    """

    level: float = 0.95
    resamples: int = 1000
    min_defined: float = 0.8
    seed: int = 20230711


@dataclass(frozen=True)
class Selection:
    """Which step's weights are kept: the last, or the best on val of those at every `every` steps and the last.

    `val-auroc`: the highest zero-shot macro AUROC, `val-loss`: the lowest contrastive loss; of equals the earliest.
    """

    rule: SelectionRule = "last"
    every: int = 0

    def __post_init__(self) -> None:
        _check_choice("selection rule", self.rule, SelectionRule)
        if (self.rule == "last") != (self.every == 0):
            raise ValueError("a selection on val looks at it every so many steps (1 or more); 'last' never does (0)")


LAST = Selection()


@dataclass(frozen=True)
class Recipe:
    """All that training needs besides the data: two equal recipes on equal data give equal weights on one machine.

    `precision` is the towers' in training ('auto': bfloat16 where the machine measures faster with it); the loss and
    the weights are float32. `compiled` towers go through torch.compile, which rounds otherwise. `code` is the digest of
    the file of a target builder of the user's own, '' for a built-in one: a changed function is another recipe.
    """

    baseline: Baseline
    size: Size
    seed: int = 0
    setting: Literal["controlled"] = "controlled"
    selection: Selection = LAST
    precision: Precision = "auto"
    compiled: bool = False
    code: str = ""
    repeat: int = 0  # 0, or the how-manieth time the same run was asked for again


TINY = Size(
    name="tiny",
    image=ImageTower(
        "resnet18",
        size=64,
        options=(("layers", (1, 1, 1, 1)), ("channels", (32, 48, 64, 128)), ("stem_type", "deep"), ("stem_width", 16)),
    ),
    text=TextTower(layers=2, width=128, heads=4, mlp=256, max_tokens=96, vocabulary=1000),
    dim=128,
    optim=Optim(learning_rate=2e-3, weight_decay=0.05, batch=128, films_seen=40_960),
)
SMALL = Size(
    name="small",
    image=ImageTower("resnet18", size=96),
    text=TextTower(layers=4, width=256, heads=4, mlp=1024, max_tokens=128, vocabulary=4000),
    dim=256,
    optim=Optim(learning_rate=1e-3, weight_decay=0.05, batch=128, films_seen=131_072),
)
SIZES = {size.name: size for size in (TINY, SMALL)}
