"""Zero-shot COVIDx: COVID-19, or pneumonia where a source has no COVID-19."""

from umcl_bench.spec import Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot-covid",
    title="Zero-shot COVID-19 on COVIDx; on a source without COVID-19, pneumonia",
    paper="the rule of Tiu et al. 2022 (CheXzero), on COVIDx",
    dataset="covidx",
    protocol=ZeroShot(findings=("COVID-19", "Pneumonia"), take="first-labelled", threshold="val-mcc"),
    metrics=("auroc", "auprc", "accuracy", "f1", "mcc", "ece"),
    shown=("auprc", "accuracy", "f1", "mcc"),
    evidence=(
        Evidence(
            "protocol.findings",
            "ours",
            "COVID-19 against all other films; MedCLIP's is against normal ones, with sentences that are not public",
        ),
        Evidence("protocol.take", "ours", "the phantom has no COVID-19; a record says what was scored"),
        Evidence("protocol.positive", "ours", "CheXzero's: the finding's name"),
        Evidence("protocol.negative", "ours", "CheXzero's: 'no ' and the finding's name"),
        Evidence("protocol.threshold", "ours", "CheXzero's: MCC on val"),
        Evidence("metrics", "ours", "AUROC leads as in CheXzero; its F1 and MCC too; the others are ours"),
    ),
)
