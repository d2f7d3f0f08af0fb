"""Zero-shot classification of every finding that a source labels, by CheXzero's rule."""

from umcl_bench.spec import Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot",
    title="Zero-shot classification of all findings that the source labels",
    paper="the rule of Tiu et al. 2022 (CheXzero), on other findings",
    dataset="",
    protocol=ZeroShot(threshold="val-mcc"),
    metrics=("auroc", "auprc", "accuracy", "f1", "mcc", "ece"),
    evidence=(
        Evidence("protocol.findings", "ours", "all labelled findings but No Finding; zeroshot-chexpert-14 has it"),
        Evidence("protocol.positive", "code", "CheXzero: the finding's name; here in lower case"),
        Evidence("protocol.negative", "code", "CheXzero: 'no ' and the finding's name"),
        Evidence("protocol.threshold", "code", "CheXzero: MCC on val; without a val split there are no decisions"),
        Evidence("metrics", "ours", "AUROC leads as in CheXzero; its F1 and MCC too; the others are ours"),
    ),
)
