"""Zero-shot NIH ChestX-ray14 by CheXzero's rule (Tiu et al. 2022)."""

from umcl_bench.spec import Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot-nih",
    title="Zero-shot classification of NIH ChestX-ray14's findings",
    paper="the rule of Tiu et al. 2022 (CheXzero), on other findings",
    dataset="nih",
    protocol=ZeroShot(threshold="val-mcc"),
    metrics=("auroc", "auprc", "accuracy", "f1", "mcc", "ece"),
    shown=("auprc", "accuracy", "f1", "mcc"),
    evidence=(
        Evidence("protocol.findings", "ours", "all that the source labels: 14 in the release; No Finding is none"),
        Evidence("protocol.positive", "code", "CheXzero: the finding's name; here in lower case"),
        Evidence("protocol.negative", "code", "CheXzero: 'no ' and the finding's name"),
        Evidence("protocol.threshold", "code", "CheXzero: MCC on val"),
        Evidence("metrics", "ours", "AUROC leads as in CheXzero; its F1 and MCC too; the others are ours"),
    ),
)
