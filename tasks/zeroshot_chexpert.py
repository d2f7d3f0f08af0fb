"""Zero-shot CheXpert: the five competition findings, positive against negative prompt (CheXzero, Tiu et al. 2022)."""

from umcl_bench.spec import COMPETITION, Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot-chexpert",
    title="Zero-shot classification of CheXpert's five competition findings",
    paper="Tiu et al., Nature Biomedical Engineering 2022 (CheXzero)",
    dataset="chexpert",
    protocol=ZeroShot(findings=COMPETITION, threshold="val-mcc"),
    metrics=("auroc", "auprc", "accuracy", "f1", "mcc", "ece"),
    evidence=(
        Evidence("protocol.findings", "paper", "the headline is the mean AUROC of the five competition findings"),
        Evidence("protocol.positive", "code", "the finding's name; here in lower case"),
        Evidence("protocol.negative", "code", "'no ' and the finding's name"),
        Evidence("protocol.temperature", "code", "raw cosines in the softmax of the pair"),
        Evidence(
            "protocol.threshold",
            "code",
            "metrics.py: MCC on val by default, for F1 too; its candidates are the val scores, here their midpoints",
        ),
        Evidence("views", "ours", "frontal films only; a view that is not recorded counts as frontal"),
        Evidence("metrics", "ours", "95 % interval by resampling patients, where CheXzero resamples films"),
    ),
)
