"""How much zero-shot CheXpert depends on the wording of the prompts: sixty wordings of each finding."""

from umcl_bench.spec import COMPETITION, Evidence, PromptSensitivity, Task

TASK = Task(
    name="prompt-sensitivity-chexpert",
    title="Zero-shot classification of CheXpert's five competition findings in sixty wordings",
    paper="the pair of Tiu et al. 2022 (CheXzero); wordings of our own",
    dataset="chexpert",
    protocol=PromptSensitivity(findings=COMPETITION),
    headline="auroc",
    shown=("auroc (sd over wordings)", "auroc (worst decile)"),
    evidence=(
        Evidence("protocol.findings", "paper", "the five competition findings"),
        Evidence("protocol.wordings", "ours", "20 styles times 3 names of each finding: data/prompts/wordings.py"),
        Evidence("protocol.temperature", "code", "CheXzero: raw cosines in the softmax of the pair"),
        Evidence("metrics", "ours", "AUROC: the mean over wordings, their spread, and the mean of the worst six"),
    ),
)
