"""Zero-shot classification: a pair of prompts for each finding, a set of prompts for each class, many wordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.values import check_choice as _check_choice
from umcl_bench.values import check_range as _check_range

COMPETITION = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The five findings of the CheXpert competition, in its order (Irvin et al. 2019)."""

Take = Literal["all", "labelled", "first-labelled"]
Threshold = Literal["", "pair", "val-f1", "val-mcc"]
Pooling = Literal["max", "mean-score", "mean-embedding"]
PromptSet = Literal["chexpert", "rsna", "covid"]
Spelling = Literal["as-published", "cxr-clip", "corrected"]


@dataclass(frozen=True)
class ZeroShot:
    """Positive against negative prompt (CheXzero: Tiu et al. 2022): p = e^pos / (e^pos + e^neg).

    `findings` empty means: all that the source labels but No Finding. Of those named, 'all' must be labelled; or `take`
    says to score those that are, or the first that is. A text has a finding's name in lower case or as it is (`case`),
    or what `names` has for it. Several templates of a kind are averaged as embeddings, and the mean is normalised.
    `temperature` divides the cosines; CheXzero uses raw ones.

    `threshold` makes decisions of the probabilities: 'val-f1' and 'val-mcc' choose each finding's threshold on val, by
    that score; 'pair' takes the nearer prompt (p above a half; exactly a half is half a decision); '' makes none.

    No Finding, where it is named, is the pair of the name "finding" the other way round: "no finding" against "finding"
    (ours; filled in like the others, its negative would be "no No Finding").
    """

    findings: tuple[str, ...] = ()
    take: Take = "all"
    names: tuple[tuple[str, str], ...] = ()
    case: Literal["lower", "as-named"] = "lower"
    positive: tuple[str, ...] = ("{}",)
    negative: tuple[str, ...] = ("no {}",)
    pooling: Literal["mean-embedding"] = "mean-embedding"
    temperature: float = 1.0
    threshold: Threshold = ""
    kind: Literal["zero-shot"] = "zero-shot"

    def __post_init__(self) -> None:
        _check_choice("take", self.take, Take)
        _check_choice("case", self.case, Literal["lower", "as-named"])
        _check_choice("threshold", self.threshold, Threshold)
        _check_range("temperature", self.temperature, 1e-3, 1e3)
        for template in (*self.positive, *self.negative):
            if template.count("{}") != 1:
                raise ValueError(f"prompt template {template!r} must hold '{{}}' once, where the finding's name goes")


@dataclass(frozen=True)
class ClassPrompts:
    """One class a film, by the class whose prompts are the most similar (5x200: Huang et al. 2021, GLoRIA).

    The prompts of a class are a set of data/prompts in one of its spellings, with the spaces of empty slots 'kept' or
    'stripped'. `count` of them are drawn without replacement by Python's generator seeded with `seed`, class after
    class in the set's order, and again for each of the `runs`, on the same stream; 0 takes all. A class's score is the
    'max' or mean of its prompts' cosines, or the cosine with the normalised mean of their embeddings. In the place of a
    cosine, 'global-and-local' has its mean with GLoRIA's similarity of words and places, where a model has one. With
    `z_score`
    each class's scores are standardised over all the films that are scored: transductive, a film's score depends on
    the others. A film is of the class with the highest score; equal ones (to nine decimals) share it. Its value is the
    softmax of the scores over `temperature`, which no decision depends on.
    """

    findings: tuple[str, ...] = COMPETITION
    prompts: PromptSet = "chexpert"
    spelling: Spelling = "as-published"
    empty_slots: Literal["kept", "stripped"] = "kept"
    count: int = 0
    seed: int = 0
    runs: int = 1
    pooling: Pooling = "mean-score"
    z_score: bool = False
    similarity: Literal["global", "global-and-local"] = "global"
    temperature: float = 1.0
    kind: Literal["class-prompts"] = "class-prompts"

    def __post_init__(self) -> None:
        _check_choice("prompts", self.prompts, PromptSet)
        _check_choice("spelling", self.spelling, Spelling)
        _check_choice("empty_slots", self.empty_slots, Literal["kept", "stripped"])
        _check_choice("pooling", self.pooling, Pooling)
        _check_choice("similarity", self.similarity, Literal["global", "global-and-local"])
        _check_range("count", self.count, 0, 10**6)
        _check_range("runs", self.runs, 1, 1000)
        _check_range("temperature", self.temperature, 1e-3, 1e3)
        if self.runs > 1 and not self.count:
            raise ValueError("runs differ by the prompts that are drawn; with count 0 all are taken")
        if self.similarity != "global" and self.pooling == "mean-embedding":
            raise ValueError("local similarities are of a text; the mean of embeddings has none")
        if len(self.findings) < 2:
            raise ValueError("a class is chosen among at least two findings")


@dataclass(frozen=True)
class PromptSensitivity:
    """The pair rule of ZeroShot with each wording of a list of `wordings` (data/prompts/wordings.py).

    A part is a wording, the same one of every finding. A model whose own prompt stands around a finding's name reads
    the name as the wording has it, and not the rest; one that has only a vector for each finding reads nothing.
    """

    findings: tuple[str, ...] = COMPETITION
    wordings: Literal["60"] = "60"
    temperature: float = 1.0
    kind: Literal["prompt-sensitivity"] = "prompt-sensitivity"

    def __post_init__(self) -> None:
        _check_choice("wordings", self.wordings, Literal["60"])
        _check_range("temperature", self.temperature, 1e-3, 1e3)
