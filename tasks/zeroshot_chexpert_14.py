"""Zero-shot CheXpert: all 14 observations, No Finding among them (CheXzero, Tiu et al. 2022)."""

from umcl_bench.spec import Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot-chexpert-14",
    title="Zero-shot classification of CheXpert's 14 observations",
    paper="Tiu et al., Nature Biomedical Engineering 2022 (CheXzero)",
    dataset="chexpert",
    protocol=ZeroShot(
        findings=(
            "No Finding",
            "Enlarged Cardiomediastinum",
            "Cardiomegaly",
            "Lung Opacity",
            "Lung Lesion",
            "Edema",
            "Consolidation",
            "Pneumonia",
            "Atelectasis",
            "Pneumothorax",
            "Pleural Effusion",
            "Pleural Other",
            "Fracture",
            "Support Devices",
        ),
        threshold="val-mcc",
    ),
    metrics=("auroc", "auprc", "accuracy", "f1", "mcc", "ece"),
    evidence=(
        Evidence(
            "protocol.findings",
            "code",
            "the 14 labels; No Finding's pair is 'no finding' against 'finding' (ours), where the code has its name "
            "against 'no No Finding', and an AUROC far below a half (its issue 19)",
        ),
        Evidence("protocol.positive", "code", "the finding's name; here in lower case"),
        Evidence("protocol.negative", "code", "'no ' and the finding's name"),
        Evidence("protocol.temperature", "code", "raw cosines in the softmax of the pair"),
        Evidence("protocol.threshold", "code", "metrics.py: MCC on val by default, for F1 too"),
        Evidence("views", "ours", "frontal films only; a view that is not recorded counts as frontal"),
        Evidence("metrics", "ours", "AUROC leads as in CheXzero; its F1 and MCC too; the others are ours"),
    ),
)
