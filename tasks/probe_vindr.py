"""Linear probe on VinDr-CXR: all its findings at 1, 10 and 100 % of the training patients."""

from umcl_bench.spec import Evidence, Probe, Task

TASK = Task(
    name="probe-vindr",
    title="Linear probe on VinDr-CXR's findings, at 1, 10 and 100 % of the training patients",
    paper="after Zhou et al. 2024 (BenchX), which tunes the whole tower",
    dataset="vindr",
    protocol=Probe(),
    metrics=("auroc", "auprc"),
    headline="auroc (100%)",
    shown=("auroc (1%)", "auroc (10%)", "auprc (100%)"),
    evidence=(
        Evidence(
            "protocol.findings",
            "ours",
            "all that the source labels but No Finding; BenchX has the 14 of the Kaggle competition",
        ),
        Evidence("protocol.fractions", "paper", "BenchX: 1, 10 and 100 %"),
        Evidence("protocol.features", "ours", "frozen; BenchX tunes the tower: that is finetune-vindr"),
        Evidence(
            "protocol.solver",
            "ours",
            "logistic regression at its optimum, where BenchX trains by Adam for up to 200 epochs",
        ),
        Evidence(
            "protocol.selection",
            "paper",
            "BenchX: the epoch by AUROC on val; here C. The release has no val: bring one, or name one C",
        ),
        Evidence("protocol.draws", "ours", "three nested draws of patients; BenchX has one fixed, stratified share"),
        Evidence("metrics", "paper", "BenchX: macro AUROC; AUPRC is ours"),
        Evidence("headline", "ours", "all training films: no draw plays a part"),
    ),
)
